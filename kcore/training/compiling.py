"""The part of a model that is compiled: what `compile` was given, what came of it, metrics and their names."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .. import optimizers
from ..backend.tensor import Placeholder
from ..errors import ArgumentError, DataError, NotCompiled
from ..layers.policy import input_dtype
from ..metrics import Metric
from ..optimizers import scaling_loss
from .compile import Arguments, Compiled, assemble
from .custom import CustomSteps
from .graph_face import GraphFace
from .steps import Steps


class Compiling(GraphFace, CustomSteps):
    """Mixin for models: needs `inputs`, `outputs`, their names, weights, `losses`, `updates`."""

    _arguments: Arguments | None = None  # what compile() got
    _compiled: Compiled | None = None  # what it made, None until the outputs are known
    _steps_made: Steps | None = None
    _metrics_used = False
    _own_names: dict[str, tuple[str, ...]] = {}  # logs of steps of one's own, once they are traced
    _own_means: dict[str, tuple[str, ...]] = {}
    stop_training = False
    optimizer: Any = None
    history: Any = None

    def compile(
        self,
        optimizer,
        loss=None,
        metrics=None,
        loss_weights=None,
        sample_weight_mode=None,
        weighted_metrics=None,
        target_tensors=None,
        **kwargs,
    ):
        """Prepares training. Arguments as in Keras 2; each may be a list or a dict with one entry per output.

        optimizer, loss, metrics: names, functions or objects. loss_weights: the part of each output's loss in the
        total. sample_weight_mode: 'temporal' for weights (batch, time). weighted_metrics: metrics that heed
        sample weights. run_eagerly=True: steps run operation by operation, for debugging. jit_compile: True
        has the engine compile further (XLA), where it can; "auto" leaves that to its rule. auto_scale_loss=False: no
        LossScaleOptimizer around the optimizer, which layers that compute in float16 get otherwise.
        """
        run_eagerly, jit_compile = kwargs.pop("run_eagerly", None), kwargs.pop("jit_compile", "auto")
        scale_loss = kwargs.pop("auto_scale_loss", True)
        if jit_compile not in (True, False, "auto"):
            raise ArgumentError(f"jit_compile={jit_compile!r}: True, False or 'auto' is needed.")
        if kwargs:
            raise TypeError(f"compile() has no argument {next(iter(kwargs))!r}")
        given = Arguments(
            optimizer,
            loss or None,
            metrics,
            loss_weights,
            sample_weight_mode,
            weighted_metrics,
            target_tensors,
        )
        if scale_loss and _computes_in_float16(self):
            given.optimizer = scaling_loss(optimizers.get(given.optimizer))
        self.run_eagerly, self.jit_compile = bool(run_eagerly), jit_compile
        self._compile_with(given)

    def _compile_with(self, given: Arguments) -> None:
        given.optimizer = optimizers.get(given.optimizer)
        self._arguments, self._compiled = given, None
        self.optimizer = given.optimizer
        self.loss = {} if given.loss is None else given.loss
        self.loss_weights = given.loss_weights
        self.sample_weight_mode = given.sample_weight_mode
        self._steps.forget()
        self._own_metrics, self._own_names = None, {}
        if self.outputs and not self._leaves_loss_to_its_step():
            self._assemble()

    def _leaves_loss_to_its_step(self) -> bool:
        """Whether there is nothing to assemble: a train_step of one's own, and no loss given to compile()."""
        return self._customized("train") and not self._arguments.loss

    def _assemble(self) -> Compiled:
        made = assemble(self, self._arguments)
        self._compiled = made
        self._steps.forget()
        self._collected_trainable_weights = made.collected
        self._metrics_used = False
        self.total_loss = made.total_loss
        self.targets = [h.target for h in made.heads]
        self.sample_weights = [h.sample_weight for h in made.heads]
        self.loss_functions = [h.loss for h in made.heads]
        return made

    @property
    def _steps(self) -> Steps:
        if self._steps_made is None:
            self._steps_made = Steps(self)
        return self._steps_made

    @property
    def metrics(self):
        """The metric objects, in the order of `metrics_names` (without the loss).

        With steps of one's own: those that are attributes of the model, and those given to `compile`.
        """
        made = [m.metric for m in self._compiled.measures] if self._compiled is not None else []
        if self._customized("train") or self._customized("test"):
            made += [v for v in vars(self).values() if isinstance(v, Metric)]
            made += list((self._own_metrics or {}).values())
        return made

    @property
    def metrics_names(self):
        """What `evaluate` and `train_on_batch` return, by name."""
        return self._log_names("train" if self._customized("train") else "test")

    def _log_names(self, mode: str) -> list[str]:
        if self._customized(mode):
            return list(self._own_names.get(mode, ("loss",)))
        return self._compiled.names if self._compiled is not None else ["loss"]

    def averaged_logs(self, mode: str) -> tuple[str, ...]:
        """The logs that are averaged over the batches of a pass; the others are results of metrics."""
        return self._own_means.get(mode, ()) if self._customized(mode) else ("loss",)

    def reset_metrics(self):
        """Starts every metric anew."""
        for metric in self.metrics:
            metric.reset_states()
        self._metrics_used = False

    def _current(self, x: Any) -> Compiled:
        """The compiled graph for what the model is now; made here if it was not known at compile()."""
        if self._arguments is None:
            raise NotCompiled(f"model {self.name!r} is not compiled: call compile(optimizer, loss) first.")
        self._built_for(x)
        if self._compiled is None or [id(o) for o in self._compiled.outputs] != [id(o) for o in self.outputs]:
            return self._assemble()
        return self._compiled

    def _built_for(self, x: Any) -> None:
        """A model that learns its inputs from the data is called once, on placeholders of their shapes."""
        if self.outputs:
            return
        self._set_inputs(_placeholders_like(x, self._entry_dtype if self._policy_told else input_dtype()))

    def _set_inputs(self, inputs: Any) -> None:
        """Defines `inputs` and `outputs` of a model that is written as a class, by calling it."""
        structure = inputs if isinstance(inputs, (list, tuple)) else [inputs]
        outputs = self(inputs)
        listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        self.inputs, self.outputs = list(structure), listed
        self.input_names = [t.name.removesuffix(":0") for t in structure]
        self.output_names = [f"output_{i + 1}" for i in range(len(listed))]
        self.built = True

    def _make_train_function(self) -> None:
        """Makes the optimizer's variables, which a saved model's are then put into."""
        if self._customized("train"):
            return  # its step makes them when it is traced, or apply_gradients
        if self._compiled is None:
            self._current(None)
        self._steps.prepare_training(self._compiled)

    def _make_test_function(self) -> None:
        self._steps.test(self._current(None), ())

    def _make_predict_function(self) -> None:
        """Makes the step of `predict` before it is needed."""
        self._built_for(None)
        self._steps.predict()

    def _check_trainable(self) -> None:
        if self._customized("train") or self._compiled is None:
            return
        collected = self._compiled.collected
        if [id(w) for w in collected] != [id(w) for w in self.trainable_weights]:
            warnings.warn(
                "Discrepancy between trainable weights and collected trainable weights: `trainable` was changed "
                "after compile(), which counts only once compile() is called again.",
                UserWarning,
                stacklevel=4,
            )


def _computes_in_float16(layer: Any) -> bool:
    """Whether gradients pass through float16, whose smallest numbers are not small enough for them."""
    if layer._trainable_weights and layer.compute_dtype == "float16":
        return True
    return any(_computes_in_float16(inner) for inner in layer._sublayers)


def _placeholders_like(x: Any, dtype: str) -> Any:
    """Placeholders of the shapes of `x`, the batch unknown; a list for a list."""
    if x is None:
        raise DataError(
            "the model's inputs are not known yet: give it data, or call build(input_shape) first."
        )
    if isinstance(x, dict):
        raise DataError(
            "the first data of a model written as a class must be an array or a list, not a dict."
        )
    listed = list(x) if isinstance(x, (list, tuple)) else [x]
    made = []
    for i, item in enumerate(listed):
        array = np.asarray(item)
        shape = (None, *array.shape[1:]) if array.ndim > 1 else (None, 1)
        made.append(Placeholder(shape, dtype, name=f"input_{i + 1}"))
    return made if isinstance(x, (list, tuple)) else made[0]
