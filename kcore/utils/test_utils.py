"""Helpers for tests of one's own layers, by Keras 2's path."""

import numpy as np

from ..layers import Input
from ..models import Model, Sequential


def get_test_data(
    num_train=1000, num_test=500, input_shape=(10,), output_shape=(2,), classification=True, num_classes=2
):
    """((x_train, y_train), (x_test, y_test)): data in which targets can be learned from inputs.

    Classes are whole numbers, each with inputs around its own value; other targets have `output_shape`.
    """
    total = num_train + num_test
    if classification:
        y = np.random.randint(0, num_classes, size=(total,))
        x = np.random.normal(size=(total, *input_shape)) * 0.7 + y.reshape((total,) + (1,) * len(input_shape))
    else:
        level = np.random.random(total)
        x = np.random.normal(size=(total, *input_shape)) * 0.7 + level.reshape(
            (total,) + (1,) * len(input_shape)
        )
        y = np.broadcast_to(level.reshape((total,) + (1,) * len(output_shape)), (total, *output_shape)).copy()
    x = x.astype("float32")
    return (x[:num_train], y[:num_train]), (x[num_train:], y[num_train:])


def layer_test(
    layer_cls, kwargs={}, input_shape=None, input_dtype=None, input_data=None, expected_output=None,
    expected_output_dtype=None, fixed_batch_size=False,
):  # fmt: skip
    """Puts a layer through what every layer must do, and gives its output on `input_data`.

    Configuration and weights go round, the symbolic shape is that of the values, it works alone, in a functional
    and in a Sequential model, and it can be trained. Raises AssertionError where something does not hold.
    """
    data = _data(input_shape, input_dtype) if input_data is None else np.asarray(input_data)
    dtype = input_dtype or data.dtype.name
    shape = tuple(data.shape if input_shape is None else input_shape)
    layer = layer_cls(**kwargs)
    layer.set_weights(layer.get_weights())
    x = Input(batch_shape=shape, dtype=dtype) if fixed_batch_size else Input(shape=shape[1:], dtype=dtype)
    y = layer(x)
    if expected_output_dtype is not None:
        assert y.dtype == expected_output_dtype, f"{y.dtype} is not {expected_output_dtype}"
    model = Model(x, y)
    output = model.predict(data, batch_size=len(data))
    told = layer.compute_output_shape(shape)
    for real, symbolic in zip(output.shape, told, strict=True):
        assert symbolic is None or real == symbolic, f"{output.shape} is not the shape {told} that was told"
    if expected_output is not None:
        np.testing.assert_allclose(output, expected_output, rtol=1e-3, atol=1e-6)
    again = Model.from_config(model.get_config(), custom_objects={layer_cls.__name__: layer_cls})
    again.set_weights(model.get_weights())
    np.testing.assert_allclose(again.predict(data, batch_size=len(data)), output, rtol=1e-3, atol=1e-6)
    stack = Sequential([layer_cls.from_config(layer.get_config())])
    stack.build(shape if fixed_batch_size else (None, *shape[1:]))
    stack.set_weights(layer.get_weights())
    np.testing.assert_allclose(stack.predict(data, batch_size=len(data)), output, rtol=1e-3, atol=1e-6)
    stack.compile("rmsprop", "mse")
    stack.train_on_batch(data, output)
    return output


def _data(shape, dtype):
    sizes = [int(np.random.randint(1, 4)) if s is None else s for s in shape]
    return (10 * np.random.random(sizes)).astype(dtype or "float32")
