"""The engine: values, variables, devices, and which operations there are."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import numpy as np

from kcore.spi import ArgumentError, CompiledProgram, Engine, Execution, FlatProgram, Interpreter

from .startup import import_tensorflow

tf = import_tensorflow()

from . import accounts, devices  # noqa: E402  TensorFlow is there now
from .compiled import Compiled  # noqa: E402
from .operations import FUSED, PRIMITIVES, UNSUPPORTED  # noqa: E402
from .operations.loops import Body  # noqa: E402
from .xla import Jitted  # noqa: E402

# Arrays up to this part of what a device is likely to have are kept on it as a whole while `fit` runs.
HELD_BYTES = 1 << 30


class TensorFlowEngine(Engine):
    """Tensors are tf.Tensor, variables tf.Variable, programs tf.function graphs; the core's gradient
    rules are part of the programs, so every engine differentiates alike."""

    name = "tensorflow"
    features = frozenset({"float64", "float16", "bfloat16", "empty", "compile", "many_steps", "devices"})

    def __init__(self) -> None:
        self.primitives = dict(PRIMITIVES)
        self.fused = FUSED
        self.unsupported = UNSUPPORTED
        # counts variables made and released: a compiled program looks at its variables again when it changes
        self.moves = 0
        self._lock = threading.RLock()

    # values -------------------------------------------------------------------------------------------------
    def from_numpy(self, array: np.ndarray, dtype: str) -> Any:
        if dtype == "bfloat16":  # in NumPy kept as float32
            return tf.cast(tf.constant(np.asarray(array, np.float32)), tf.bfloat16)
        return tf.constant(array, dtype)

    def to_numpy(self, tensor: Any) -> np.ndarray:
        if isinstance(tensor, tf.Variable):
            tensor = tensor.read_value()
        if tensor.dtype == tf.bfloat16:
            tensor = tf.cast(tensor, tf.float32)
        return np.asarray(tensor.numpy())

    def is_tensor(self, value: Any) -> bool:
        return isinstance(value, (tf.Tensor, tf.Variable))

    def as_dtype(self, tensor: Any, dtype: str) -> Any:
        return tf.cast(tensor, dtype)

    # variables ----------------------------------------------------------------------------------------------
    def make_variable(self, array: np.ndarray, dtype: str, name: str, trainable: bool) -> Any:
        with self._lock, tf.init_scope():  # also when first needed while a user's function is traced
            self.moves += 1
            value = self.from_numpy(np.array(array), dtype)
            return tf.Variable(value, trainable=trainable, name=devices.scope_name(name), dtype=dtype)

    def read_variable(self, storage: Any) -> Any:
        return storage.read_value()

    def write_variable(self, storage: Any, tensor: Any) -> Any:
        storage.assign(tensor, read_value=False)
        return storage

    def release_variable(self, storage: Any) -> None:
        self.moves += 1

    # devices ------------------------------------------------------------------------------------------------
    def make_deterministic(self) -> None:
        tf.config.experimental.enable_op_determinism()

    def devices(self) -> list[str]:
        return devices.names()

    def default_device(self) -> str:
        found = devices.names()
        return next((name for name in found if not name.startswith("cpu")), found[0])

    def placed(self, device: str | None) -> Any:
        return contextlib.nullcontext() if device is None else tf.device(devices.path(device))

    # programs -----------------------------------------------------------------------------------------------
    def compile(self, program: FlatProgram, **options: Any) -> CompiledProgram:
        unknown = set(options) - {"jit_compile", "eager", "device"}
        if unknown:
            raise ArgumentError(
                f"compile option {sorted(unknown)[0]!r} is not known to engine {self.name!r}."
            )
        if options.get("eager"):
            return Interpreter(self, program)
        # "auto" is the plain graph: see the package's README for the reason
        kind = Jitted if options.get("jit_compile") is True else Compiled
        return kind(self, program, options.get("device"))

    def body(self, program: FlatProgram) -> Any:
        return Body(Interpreter(self, program).run_native, [program.specs[s] for s in program.outputs])

    def executions(self, program: FlatProgram) -> Sequence[Execution]:
        return accounts.executions(self, program)

    def shape_tuple(self, tensor: Any) -> Any:
        return tensor

    # many steps ---------------------------------------------------------------------------------------------
    def hold(self, compiled: CompiledProgram, arrays: Sequence[np.ndarray]) -> Sequence[Any]:
        if not isinstance(compiled, Compiled) or sum(a.nbytes for a in arrays) > HELD_BYTES:
            return arrays
        with self.placed(compiled.device):
            # not in the arrays' types: NumPy has no bfloat16
            return [self.from_numpy(a, d) for a, d in zip(arrays, compiled.dtypes, strict=True)]

    def run_steps(
        self,
        compiled: CompiledProgram,
        data: Sequence[Any],
        order: np.ndarray | None,
        batch_size: int,
        first: int,
        last: int,
    ) -> np.ndarray:
        if not isinstance(compiled, Compiled):
            return super().run_steps(compiled, data, order, batch_size, first, last)
        return compiled.run_steps(data, order, batch_size, first, last)
