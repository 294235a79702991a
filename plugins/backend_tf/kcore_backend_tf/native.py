"""TensorFlow code as a layer: a `tf.Module` or any function of tensors, trained with the rest of the model."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from kcore.extending import Rule, Tensors, Variable, engine, primitive
from kcore.layers import Layer
from kcore.spi import ArgumentError


def _refused(*values: Any, **attributes: Any) -> Any:
    raise ArgumentError(
        "a NativeLayer holds TensorFlow code: its model runs on the engine 'tensorflow' only."
    )


def _told_shapes(inputs: Any, variables: Any, function: Any) -> Any:
    return function.result_shape(inputs)


_given = Rule(lambda given, floatx: given, lambda given, attributes: attributes["function"].dtype)
_like_inputs = Rule(lambda given, floatx: given, lambda given, attributes: list(given[: attributes["count"]]))


@primitive(shape=_told_shapes, dtype=_given, level="optional")
def native_call(inputs: Tensors, variables: Tensors, function):
    """`function` of the inputs; `variables` are those that it reads on its own."""
    return _refused(function)


@primitive(
    shape=lambda inputs, variables, g, function, count: [t.shape for t in (*inputs, *variables)],
    dtype=_like_inputs,
    level="optional",
    differentiable=False,
)
def native_gradient(inputs: Tensors, variables: Tensors, g: Tensors, function, count):
    """The gradients of `native_call` for its inputs and variables."""
    return _refused(function)


@native_call.gradient
def _(g, out, inputs, variables, function):
    both = len(inputs) + len(variables)
    found = native_gradient(list(inputs), list(variables), [g], function, both)
    found = found if isinstance(found, list) else [found]
    return found[: len(inputs)], found[len(inputs) :]


def run(inputs: Any, variables: Any, function: Any) -> Any:
    return function.call(*inputs)


def run_gradient(inputs: Any, variables: Any, g: Any, function: Any, count: int) -> list[Any]:
    with tf.GradientTape() as tape:
        tape.watch(list(inputs))
        result = function.call(*inputs)
    wanted = [*inputs, *function.trained]
    return list(tape.gradient(result, wanted, output_gradients=g[0], unconnected_gradients="zero"))


class Native:
    """A callable of tensors, with its trainable tf.Variables."""

    def __init__(self, call: Any) -> None:
        self.call = call
        self.trained = list(getattr(call, "trainable_variables", ()))
        self.dtype = "float32"

    def result_shape(self, inputs: Any) -> Any:
        """Shape and type of the result, found by tracing `call` on tensors of these shapes."""
        specs = [tf.TensorSpec(t.shape, t.dtype) for t in inputs]
        traced = tf.function(lambda *x: self.call(*x)).get_concrete_function(*specs)
        made = traced.structured_outputs
        if not isinstance(made, (tf.Tensor, tf.TensorSpec)):
            raise ArgumentError(
                f"the function of a NativeLayer gives one tensor; {type(made).__name__} came."
            )
        self.dtype = made.dtype.name
        return tuple(made.shape)

    def make_variables(self, inputs: Any) -> None:
        """Modules that make their variables at the first call are called once, on zeros."""
        shapes = [tuple(d or 1 for d in t.shape) for t in inputs]
        self.call(*[tf.zeros(s, t.dtype) for s, t in zip(shapes, inputs)])
        self.trained = list(getattr(self.call, "trainable_variables", ()))


class NativeLayer(Layer):
    """A layer whose `call` is TensorFlow code: `NativeLayer(module_or_function)`.

    module_or_function: called with tensors, gives one tensor. The trainable variables of a `tf.Module` become the
    layer's weights: its tf.Variables are used as they are, and trained with the model. Such a layer has no config:
    a model with it is saved by its weights.
    """

    def __init__(self, function: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not callable(function):
            raise ArgumentError(f"NativeLayer takes a tf.Module or a function; {function!r} was given.")
        self._native = Native(function)
        self._adopted = False

    def call(self, inputs: Any) -> Any:
        listed = list(inputs) if isinstance(inputs, (list, tuple)) else [inputs]
        if not self._adopted:
            self._native.make_variables(listed)
            self._trainable_weights = [adopted(v) for v in self._native.trained]
            self._adopted = True
        return native_call(listed, list(self._trainable_weights), self._native)


def adopted(storage: Any) -> Variable:
    """A variable of the core whose value is kept by the given tf.Variable."""
    home = engine("tensorflow")
    variable = Variable(storage.numpy(), storage.dtype.name, name=storage.name.split(":")[0])
    variable._storage, variable._engine, variable._array = storage, home, None
    variable.backend = home.name
    return variable


engine("tensorflow").primitives.update(native_call=run, native_gradient=run_gradient)
