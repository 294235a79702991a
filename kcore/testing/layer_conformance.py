"""The checks of layers as tests: inherit `LayersConformance`, set `plugin`, and every sample is checked."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from . import collection
from .layer_checks import CHECKS


class LayersConformance:
    """Every sample that a plug-in declares (KCORE_SAMPLES of its module), on the engine in use (KCORE_BACKEND).

    plugin: the plug-in's name. expected_failures: 'Layer' or 'Layer/check' -> why; one that passes is a failure.
    """

    plugin: ClassVar[str] = ""
    expected_failures: ClassVar[dict[str, str]] = {}

    def pytest_generate_tests(self, metafunc: Any) -> None:
        if "sample" not in metafunc.fixturenames:
            return
        found = collection.labelled(collection.samples_of(metafunc.cls.plugin))
        pairs = [
            (s, c, f"{label}-{c}")
            for label, s in found.items()
            for c in CHECKS
            if not collection.why_not(s, c)
        ]
        metafunc.parametrize("sample, check", [p[:2] for p in pairs], ids=[p[2] for p in pairs])

    def test_layer(self, sample: Any, check: str) -> None:
        """What holds for every layer (kcore.testing.layer_checks) holds for this one."""
        name = collection.class_of(sample)
        reason = self.expected_failures.get(name) or self.expected_failures.get(f"{name}/{check}")
        if reason is None:
            CHECKS[check](sample)
            return
        state, told = collection.state_of(sample, check)
        if state != "passed":
            pytest.xfail(f"{reason} [{told}]")
        if f"{name}/{check}" in self.expected_failures:
            pytest.fail(f"{name}/{check} is expected to fail ({reason}), but passes")

    def test_every_layer_has_a_sample(self) -> None:
        """A layer without a sample is not checked."""
        samples = collection.samples_of(self.plugin)
        assert not collection.without_sample(self.plugin, samples)
