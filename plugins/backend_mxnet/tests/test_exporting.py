"""Models of every kind as MXNet's own files: what plain MXNet computes is what `predict` gives."""

import numpy as np
import pytest
from kcore_backend_mxnet.exporting import export
from kcore_backend_mxnet.startup import import_mxnet

import kcore
from kcore import backend as K
from kcore import layers as L
from kcore.models import Model, Sequential

mx = import_mxnet()
ROWS = 3


def masked():
    words = L.Input((6,), dtype="int32")
    return Model(words, L.Dense(2)(L.LSTM(4)(L.Embedding(9, 5, mask_zero=True)(words))))


def several():
    image, numbers = L.Input((6, 6, 2), name="image"), L.Input((3,), name="numbers")
    flat = L.Flatten()(L.Conv2D(2, 3, activation="relu")(image))
    both = L.concatenate([flat, L.Dense(4, activation="tanh")(numbers)])
    return Model([image, numbers], [L.Dense(2, name="first")(both), L.Dense(1, activation="sigmoid")(both)])


def shared():
    one, other = L.Input((5,)), L.Input((5,))
    layer = L.Dense(3, activation="elu")
    return Model([one, other], L.dot([layer(one), layer(other)], axes=1, normalize=True))


def nested():
    inner = Sequential([L.Dense(4, activation="selu", input_shape=(5,)), L.BatchNormalization()])
    x = L.Input((5,))
    outer = Sequential([inner, L.Dense(3, activation="softmax")])
    return Model(x, L.add([inner(x), L.Dense(4)(outer(x))]))


def custom():
    x = L.Input((4, 3))
    turned = L.Lambda(lambda t: K.permute_dimensions(K.square(t), (0, 2, 1)))(x)
    kept = L.Lambda(lambda t: K.switch(K.greater(t, 0.5), t, K.zeros_like(t)))(turned)
    return Model(x, [kept, L.Lambda(lambda t: K.argmax(t, -1))(kept)])


def repeated():
    x = L.Input((4, 5))
    return Model(x, L.TimeDistributed(L.Dense(2))(L.Bidirectional(L.GRU(3, return_sequences=True))(x)))


class Cell(L.Layer):
    state_size = units = 3

    def build(self, shape):
        self.kernel = self.add_weight("kernel", (shape[-1], 3), initializer="ones")
        super().build(shape)

    def call(self, inputs, states):
        made = K.softsign(K.dot(inputs, self.kernel) - 0.5 * states[0])
        return made, [made]


KINDS = {
    "masked words": (masked, [(6,)]),
    "several inputs and outputs": (several, [(6, 6, 2), (3,)]),
    "a shared layer": (shared, [(5,), (5,)]),
    "models in a model": (nested, [(5,)]),
    "functions": (custom, [(4, 3)]),
    "both ways": (repeated, [(4, 5)]),
    "a cell of one's own": (lambda: Sequential([L.RNN(Cell(), input_shape=(4, 2))]), [(4, 2)]),
    "masked steps": (lambda: Sequential([L.Masking(input_shape=(4, 2)), L.GRU(3, reset_after=True)]), [(4, 2)]),
    "images in time": (lambda: Sequential([L.ConvLSTM2D(2, 2, input_shape=(3, 4, 4, 1))]), [(3, 4, 4, 1)]),
    "normalised images": (
        lambda: Sequential(
            [
                L.SeparableConv2D(3, 3, input_shape=(6, 6, 2)), L.BatchNormalization(scale=False), L.ReLU(2.0),
                L.UpSampling2D(2, interpolation="bilinear"), L.Conv2DTranspose(2, 3, strides=2),
                L.GlobalAveragePooling2D(),
            ]
        ),
        [(6, 6, 2)],
    ),
    "half precision": (lambda: Sequential([L.Dense(3, dtype="float16", input_shape=(4,))]), [(4,)]),
    "double precision": (lambda: Sequential([L.Dense(3, dtype="float64", input_shape=(4,))]), [(4,)]),
    "noise, which is none": (lambda: Sequential([L.GaussianNoise(1.0, input_shape=(4,)), L.Dense(2)]), [(4,)]),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", KINDS)
def test_plain_mxnet_computes_the_same(kind, tmp_path):
    make, shapes = KINDS[kind]
    kcore.set_seed(2)
    with kcore.use_backend("mxnet"):
        model = make()
    random = np.random.RandomState(1)
    model.set_weights([w + random.uniform(0, 0.2, w.shape) for w in model.get_weights()])
    given = [
        random.randint(0, 2, (ROWS, *s)) * random.randint(1, 9, (ROWS, *s)) for s in shapes
    ]  # some are masked
    given = [
        (v * (1 if "int" in i.dtype else 0.3)).astype(i.dtype)
        for v, i in zip(given, model.inputs, strict=True)
    ]
    expected = model.predict(given[0] if len(given) == 1 else given)
    names = export(model, str(tmp_path / "model"), ROWS)
    assert names == (["data"] if len(shapes) == 1 else model.input_names)
    symbol, arguments, states = mx.model.load_checkpoint(str(tmp_path / "model"), 0)
    assert set(symbol.list_inputs()) == {*names, *arguments, *states}
    fed = {
        n: mx.nd.array(v, dtype={"float16": "float32"}.get(v.dtype.name, v.dtype))
        for n, v in zip(names, given)
    }
    executor = symbol.bind(mx.cpu(), {**arguments, **fed}, aux_states=states)
    made = [m.asnumpy() for m in executor.forward()]
    expected = expected if isinstance(expected, list) else [expected]
    assert len(made) == len(expected)
    for ours, theirs in zip(made, expected, strict=True):
        ours = ours.reshape(theirs.shape).astype(
            theirs.dtype
        )  # MXNet holds float16 and truth values as float32
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-6)
