"""The conformance kit as tests: inherit `EngineConformance`, set `engine`, and every operation is checked on it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ..backend.declare import declared, operation
from ..errors import KcoreError
from ..kernel.context import engine as engine_named
from . import checks, models
from .applicable import why_not
from .samples import RANDOM, S, binary, samples, unary

OPERATIONS = [op.name for op in declared()]
_POINTWISE = [op.name for op in declared() if (unary(op) or binary(op)) and not op.name.startswith("logical")]
_REDUCING = ["sum", "prod", "max", "min", "mean", "var", "std", "logsumexp", "any", "all"]
# test -> the check that it makes
_KINDS = {
    "test_value_shape_dtype": "value", "test_edges": "edges", "test_unknown_sizes": "unknown",
    "test_gradient": "gradient", "test_second_order": "second_order",
}  # fmt: skip
_quick = functools.partial(
    settings, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)


class EngineConformance:
    """Every declared operation, its gradients, and small models, on one engine.

    engine: an engine, or the name under which it is installed. level: 'inference', 'training' or 'recurrent'.
    What says nothing about an operation (no derivative, above the level, not supported) is no test.
    expected_failures: 'operation' or 'operation/check' (or a model's name) -> why; one that passes is a failure.
    tolerance: type -> (relative, absolute), where the engine is less exact than the kit asks for.
    """

    engine: ClassVar[Any] = ""
    level: ClassVar[str] = "recurrent"
    expected_failures: ClassVar[dict[str, str]] = {}
    tolerance: ClassVar[dict[str, tuple[float, float]]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        """A test for each operation that its check says anything about (`kcore.testing.applicable.why_not`)."""
        cls, kind = metafunc.cls, _KINDS.get(metafunc.function.__name__)
        if kind is not None:
            claimed = cls._unsupported()
            names = [n for n in OPERATIONS if not why_not(n, kind, cls.level, claimed)]
            metafunc.parametrize("name", names)
        elif metafunc.function.__name__ == "test_model":
            metafunc.parametrize("name", list(models.up_to(cls.level)))

    @classmethod
    def _unsupported(cls) -> dict[str, str]:
        """What the engine says it does not have; nothing, if it is not there: then every test says so."""
        try:
            engine = engine_named(cls.engine) if isinstance(cls.engine, str) else cls.engine
        except KcoreError:
            return {}
        return dict(engine.unsupported)

    @pytest.fixture
    def tested(self) -> Any:
        """The engine itself."""
        return engine_named(self.engine) if isinstance(self.engine, str) else self.engine

    def _expecting(self, names: list[str], run: Callable[[], None]) -> None:
        """Runs a check; an expected failure must fail."""
        reason = next((self.expected_failures[n] for n in names if n in self.expected_failures), None)
        if reason is None:
            run()
            return
        try:
            run()
        except Exception as error:
            pytest.xfail(f"{reason} [{type(error).__name__}]")
        pytest.fail(
            f"{names[-1]} is expected to fail ({reason}), but passes: remove it from expected_failures"
        )

    def _check(self, tested: Any, name: str, kind: str) -> None:
        def run() -> None:
            options = {"tolerance": self.tolerance} if self.tolerance and name not in RANDOM else {}
            result = checks.outcome(tested, name, kind, self.level, **options)
            if result.state == "failed":
                raise checks.Mismatch(result.reason, result.snippet)
            if result.state != "passed":  # only with this engine's types or tables is that known
                pytest.skip(f"{result.state}: {result.reason}")

        self._expecting([name, f"{name}/{kind}"], run)

    def test_value_shape_dtype(self, tested: Any, name: str) -> None:
        """Value, shape and type are those of the declaration; the inferred shape is the real one."""
        self._check(tested, name, "value")

    def test_edges(self, tested: Any, name: str) -> None:
        """Empty, scalar, NaN, infinite and very large arguments."""
        self._check(tested, name, "edges")

    def test_unknown_sizes(self, tested: Any, name: str) -> None:
        """Sizes that are not known while the graph is built change nothing."""
        self._check(tested, name, "unknown")

    def test_gradient(self, tested: Any, name: str) -> None:
        """Gradients are those of finite differences and of the declared rules."""
        self._check(tested, name, "gradient")

    def test_second_order(self, tested: Any, name: str) -> None:
        """Gradients of gradients."""
        self._check(tested, name, "second_order")

    def test_unsupported(self, tested: Any) -> None:
        """What is declared unsupported has a reason, raises, and does not work."""
        for name, reason in tested.unsupported.items():
            assert reason.strip(), f"{name} is declared unsupported without a reason"
            checks.check_unsupported(tested, name)

    @pytest.mark.parametrize("name", _POINTWISE)
    def test_any_shape_point_by_point(self, tested: Any, name: str) -> None:
        """Generated shapes, those of two arguments broadcasting."""

        @_quick(max_examples=6)
        @given(data=st.data())
        def over_shapes(data: Any) -> None:
            op = operation(name)
            sample = samples(name, checks.precision(tested))[0]
            shape = data.draw(st.lists(st.integers(0 if tested.can("empty") else 1, 3), max_size=4))
            arrays = [_filled(a, shape) for a in sample.arrays()]
            if len(arrays) == 2:
                lead = data.draw(st.integers(0, len(shape)))
                ones = data.draw(st.lists(st.booleans(), min_size=len(shape), max_size=len(shape)))
                arrays[1] = _filled(
                    arrays[1], [1 if o else d for d, o in zip(shape, ones, strict=True)][lead:]
                )
            checks.check_call(tested, op, S(*arrays), self.level, **self._options())

        self._generated(tested, name, over_shapes)

    @pytest.mark.parametrize("name", _REDUCING)
    def test_any_shape_reduced(self, tested: Any, name: str) -> None:
        """Generated shapes and axes."""

        @_quick(max_examples=10)
        @given(data=st.data())
        def over_axes(data: Any) -> None:
            shape = data.draw(st.lists(st.integers(1, 3), max_size=4))
            axes = data.draw(
                st.none() | st.sets(st.integers(0, len(shape) - 1), min_size=1) if shape else st.none()
            )
            kept = data.draw(st.booleans())
            x = np.random.default_rng(len(shape)).normal(size=shape).astype(checks.precision(tested))
            sample = S(x, axis=None if axes is None else tuple(sorted(axes)), keepdims=kept)
            checks.check_call(tested, operation(name), sample, self.level, **self._options())

        self._generated(tested, name, over_axes)

    def _options(self) -> dict[str, Any]:
        return {"tolerance": self.tolerance} if self.tolerance else {}

    def _generated(self, tested: Any, name: str, run: Callable[[], None]) -> None:
        if checks.declared_reason(tested, name) is not None:
            pytest.skip("unsupported")
        try:
            self._expecting([name, f"{name}/generated"], run)
        except checks.NotApplicable as reason:
            pytest.skip(str(reason))

    def test_model(self, tested: Any, name: str) -> None:
        """Small models learn what they are shown."""
        self._expecting([name], lambda: models.up_to(self.level)[name](tested))


def _filled(values: np.ndarray, shape: list[int]) -> np.ndarray:
    """`values`, repeated, in another shape."""
    return np.resize(values, tuple(shape)) if 0 not in shape else np.zeros(tuple(shape), values.dtype)
