"""Makes the files of other Kerases in models.zip: run it once under each, with the same archive.

    python make_models.py keras2 models.zip     # Python 3.7, keras==2.3.1
    python make_models.py tf_keras models.zip   # tf_keras
    python make_models.py keras3 models.zip     # Keras 3; further arguments: only these models

For each model the archive gets the files that its Keras writes and an .npz: inputs `x_i`, targets `y_i`, what it
predicts `p_i`, the losses of two further steps `losses` (never saved in between), what it then predicts `q_i`.
"""

import io
import os
import sys
import tempfile
import zipfile

import numpy as np

FLAVOR, ARCHIVE = sys.argv[1:3]
ONLY = sys.argv[3:]
if FLAVOR == "tf_keras":
    import tf_keras as keras
else:
    import keras
L, O = keras.layers, keras.optimizers
R = np.random.RandomState(7)
Model, Sequential, Input = keras.models.Model, keras.models.Sequential, keras.layers.Input
K2 = FLAVOR == "keras2"


def rand(*shape):
    return R.rand(*shape).astype("float32")


def start(model, shape, name, first):
    """The input and the first layer of a Sequential; Keras 2 forgets an input that is a layer of its own."""
    if K2:
        model.add(first(input_shape=shape))
    else:
        model.add(Input(shape, name=name))
        model.add(first())


def images():
    x = Input((8, 8, 3), name="image")
    a = L.Conv2D(4, 3, padding="same", name="c1", kernel_initializer="he_normal")(x)
    a = L.BatchNormalization(name="bn", momentum=0.9)(a)
    a = L.LeakyReLU(0.2, name="leaky")(a)
    b = L.DepthwiseConv2D(3, padding="same", depth_multiplier=2, name="dw")(a)
    b = L.Conv2D(4, 1, name="pw", use_bias=False, kernel_regularizer=keras.regularizers.l2(0.01))(b)
    c = L.Add(name="add")([a, b])
    d = L.SeparableConv2D(4, 3, padding="same", activation="relu", name="sep")(c)
    e = L.Concatenate(name="cat")(
        [L.Multiply(name="mul")([c, d]), L.Average(name="avg")([c, d]), L.Maximum(name="max")([c, d])]
    )
    e = L.AveragePooling2D(2, name="ap")(e)
    e = L.Conv2DTranspose(3, 3, strides=2, padding="same", name="up")(e)
    e = L.ReLU(6.0, name="relu")(e)
    e = L.Cropping2D(1, name="crop")(L.ZeroPadding2D(((1, 0), (0, 1)), name="pad")(e))
    e = L.UpSampling2D(2, name="us")(L.MaxPooling2D(2, name="mp")(e))
    e = L.PReLU(shared_axes=[1, 2], name="prelu")(e)
    g = L.GlobalAveragePooling2D(name="gap")(e)
    h = L.Flatten(name="flat")(L.Permute((3, 1, 2), name="perm")(e))
    y = L.Dense(3, activation="softmax", name="out")(L.Concatenate(name="cat2")([g, h]))
    m = Model(x, y, name="images")
    # in large graphs Keras 2.3.1 counts the steps of Adam before or after it reads the number, as it happens
    m.compile(
        O.SGD(0.01, momentum=0.9) if K2 else O.Adam(0.01), "categorical_crossentropy", metrics=["accuracy"]
    )
    return m, [rand(6, 8, 8, 3)], [np.eye(3, dtype="float32")[R.randint(0, 3, 6)]]


def masked():
    m = Sequential(name="masked")
    start(m, (6,), "words", lambda **k: L.Embedding(12, 4, mask_zero=True, name="emb", **k))
    m.add(L.Bidirectional(L.LSTM(3, return_sequences=True), name="both"))
    m.add(L.TimeDistributed(L.Dense(3, activation="tanh"), name="td"))
    m.add(L.Bidirectional(L.GRU(2), merge_mode="sum", name="sum"))
    m.add(L.Dense(1, activation="sigmoid", name="out"))
    m.compile(O.RMSprop(0.01), "binary_crossentropy", metrics=["accuracy"])
    x = R.randint(1, 12, (5, 6)).astype("float32")
    x[0, 4:] = 0
    x[1, 2:] = 0
    return m, [x], [R.randint(0, 2, (5, 1)).astype("float32")]


def sequences_out():
    """Every step is put out, masked ones too."""
    m = Sequential(name="sequences_out")
    start(m, (5, 2), "steps", lambda **k: L.Masking(0.5, name="mask", **k))
    m.add(L.Bidirectional(L.SimpleRNN(3, return_sequences=True), name="both"))
    m.add(L.LSTM(2, return_sequences=True, name="last"))
    m.compile(O.SGD(0.1), "mse")
    x = rand(4, 5, 2)
    x[0, 3:] = 0.5
    return m, [x], [rand(4, 5, 2)]


def volumes():
    x = Input((4, 4, 4, 2), name="volume")
    s = Input((8, 3), name="signal")
    a = L.Flatten(name="f1")(
        L.AveragePooling3D(2, name="ap")(L.Conv3D(3, 2, padding="same", activation="elu", name="c3")(x))
    )
    b = L.Conv1D(4, 3, dilation_rate=2, padding="causal", activation="relu", name="c1")(s)
    b = L.GlobalMaxPooling1D(name="gmp")(L.MaxPooling1D(2, name="mp")(L.ELU(0.5, name="elu")(b)))
    c = L.Dense(4, activation="selu", name="d", kernel_constraint=keras.constraints.MaxNorm(1.0))(
        L.Concatenate(name="cat")([a, b])
    )
    c = L.Dense(
        4,
        activation="softplus",
        name="e",
        bias_initializer="ones",
        activity_regularizer=keras.regularizers.l2(0.1),
    )(c)
    y = L.Dense(2, name="out")(L.Reshape((2, 2), name="r")(c))
    m = Model([x, s], y, name="volumes")
    m.compile(O.Adagrad(0.05), "mae", metrics=["mse"])
    return m, [rand(5, 4, 4, 4, 2), rand(5, 8, 3)], [rand(5, 2, 2)]


def states():
    x, z = Input((4, 3), name="there"), Input((5, 2), name="back")
    out, h, c = L.LSTM(3, return_state=True, name="encoder")(x)
    y = L.LSTM(3, return_sequences=True, name="decoder")(z, initial_state=[h, c])
    y = L.RNN([L.LSTMCell(2), L.GRUCell(3)], return_sequences=True, name="cells")(y)
    y = L.GRU(2, go_backwards=True, name="gru")(y)
    y = L.Concatenate(name="cat")([y, out])
    m = Model([x, z], L.Dense(2, name="out")(y), name="states")
    m.compile(O.Nadam(0.01), "mse")
    return m, [rand(5, 4, 3), rand(5, 5, 2)], [rand(5, 2)]


def nested():
    a, b = Input((4,), name="a"), Input((4,), name="b")
    shared = L.Dense(3, activation="tanh", name="shared")
    frozen = L.Dense(3, name="frozen", trainable=False)
    entry = Input((3,), name="entry")
    inner = Model(entry, L.BatchNormalization(name="ibn")(L.Dense(3, name="id")(entry)), name="inner")
    stack = Sequential(name="stack")
    start(stack, (4,), "below", lambda **k: L.Dense(3, activation="relu", name="s1", **k))
    stack.add(L.Dense(2, name="s2"))
    p, q = inner(shared(a)), inner(frozen(shared(b)))
    one = L.Dense(2, activation="softmax", name="kind")(L.Concatenate(name="cat")([p, q, stack(a)]))
    two = L.Dense(1, name="size")(L.Subtract(name="sub")([p, q]))
    m = Model([a, b], [one, two], name="nested")
    clip = {"clipnorm": 0.5} if K2 else {"global_clipnorm": 0.5}
    m.compile(O.SGD(0.05, momentum=0.9, nesterov=True, **clip), {"kind": "categorical_crossentropy", "size": "mse"},
              loss_weights={"kind": 1.0, "size": 0.25}, metrics={"kind": ["accuracy"], "size": ["mae"]})  # fmt: skip
    return m, [rand(6, 4), rand(6, 4)], [np.eye(2, dtype="float32")[R.randint(0, 2, 6)], rand(6, 1)]


def moving_images():
    m = Sequential(name="moving_images")
    start(m, (3, 5, 5, 1), "film", lambda **k: L.ConvLSTM2D(2, 2, return_sequences=True, name="cl", **k))
    m.add(L.TimeDistributed(L.Conv2D(2, 2, activation="relu"), name="tdc"))
    m.add(L.TimeDistributed(L.Flatten(), name="tdf"))
    m.add(L.SimpleRNN(3, name="rnn"))
    m.add(L.Dense(2, name="out"))
    m.compile(O.Adadelta(0.5), "mse")
    return m, [rand(4, 3, 5, 5, 1)], [rand(4, 2)]


def masks():
    a, b = Input((5,), name="a"), Input((5, 2), name="b")
    y = L.Embedding(9, 3, mask_zero=True, name="emb")(a)
    y = L.Dropout(0.0, name="drop")(L.LSTM(3, return_sequences=True, name="lstm")(y))
    y = L.Bidirectional(L.GRU(2), name="both")(
        L.Concatenate(name="cat")([y, L.TimeDistributed(L.Dense(2), name="td")(y)])
    )
    z = L.SimpleRNN(3, name="rnn")(L.Masking(0.5, name="mask")(b))
    m = Model([a, b], L.Dense(2, name="out")(L.Concatenate(name="cat2")([y, z])), name="masks")
    m.compile(O.SGD(0.1), "mse")
    x, w = R.randint(1, 9, (4, 5)).astype("float32"), rand(4, 5, 2)
    x[0, 3:], w[1, 2:] = 0, 0.5
    return m, [x, w], [rand(4, 2)]


def resized():
    x, z, s = Input((3, 4, 2), name="x"), Input((2, 2, 2, 1), name="z"), Input((4, 2), name="s")
    y = L.Conv2D(2, 2, name="c")(L.UpSampling2D((2, 3), interpolation="bilinear", name="up")(x))
    y = L.ActivityRegularization(l1=0.01, l2=0.02, name="penalty")(L.Flatten(name="f1")(y))
    v = L.Flatten(name="f2")(L.Conv3DTranspose(2, 2, strides=2, name="ct")(z))
    t = L.Flatten(name="f3")(L.Conv1D(2, 2, name="c1")(L.ZeroPadding1D((1, 2), name="pad")(s)))
    m = Model([x, z, s], L.Dense(2, name="out")(L.Concatenate(name="cat")([y, v, t])), name="resized")
    m.compile(O.SGD(0.05), "mse")
    return m, [rand(4, 3, 4, 2), rand(4, 2, 2, 2, 1), rand(4, 4, 2)], [rand(4, 2)]


def inside():
    """A model in a model in a model, each the output of the next; frozen ones; metrics for one output alone."""
    entry = Input((3,), name="e1")
    first = Model(entry, L.Dense(3, name="d1")(L.BatchNormalization(name="bn")(entry)), name="first")
    entry = Input((3,), name="e2")
    second = Model(entry, first(L.Dense(3, activation="tanh", name="d2")(entry)), name="second")
    frozen = Sequential(name="frozen")
    start(frozen, (3,), "e3", lambda **k: L.Dense(2, name="d3", **k))
    frozen.add(L.BatchNormalization(name="bn3"))
    if not K2:  # which forgets it
        frozen.trainable = False
    x = Input((3,), name="x")
    m = Model(x, [second(x), frozen(second(x))], name="inside")
    m.compile(O.SGD(0.05, momentum=0.9), ["mse", "mae"], metrics=[[], ["mae"]], loss_weights=[1.0, 0.5])
    return m, [rand(6, 3)], [rand(6, 3), rand(6, 2)]


def optimized(make):
    def build():
        m = Sequential(name="optimized")
        start(m, (3,), "x", lambda **k: L.Dense(4, activation="hard_sigmoid", name="a", **k))
        m.add(L.Dense(2, name="b"))
        m.compile(
            make(), keras.losses.MeanSquaredError(), metrics=[keras.metrics.MeanAbsoluteError(name="far")]
        )
        return m, [rand(6, 3)], [rand(6, 2)]

    return build


MODELS = [
    (f.__name__, f)
    for f in (images, masked, sequences_out, volumes, states, nested, moving_images, masks, resized, inside)
]
MODELS += [
    ("amsgrad", optimized(lambda: O.Adam(0.05, amsgrad=True))),
    ("adamax", optimized(lambda: O.Adamax(0.05))),
]
if not K2:
    S = O.schedules
    MODELS += [
        (
            "exponential",
            optimized(lambda: O.SGD(S.ExponentialDecay(0.5, 2, 0.5, staircase=True), momentum=0.5)),
        ),
        ("cosine", optimized(lambda: O.Adam(S.CosineDecay(0.1, 10)))),
        ("clipped", optimized(lambda: O.Adagrad(0.5, clipnorm=0.01))),
        ("adamw", optimized(lambda: O.AdamW(0.05, weight_decay=0.1))),
    ]
if FLAVOR == "tf_keras":
    old = O.legacy
    MODELS += [
        ("old_adam", optimized(lambda: old.Adam(0.05, decay=0.1, amsgrad=True))),
        ("old_rmsprop", optimized(lambda: old.RMSprop(0.05))),
        ("old_adagrad", optimized(lambda: old.Adagrad(0.05))),
        ("old_adadelta", optimized(lambda: old.Adadelta(0.5))),
        ("old_sgd", optimized(lambda: old.SGD(0.05, momentum=0.9))),
        ("old_adamax", optimized(lambda: old.Adamax(0.05))),
    ]


def one(values):
    return values[0] if len(values) == 1 else values


def listed(values):
    return list(values) if isinstance(values, (list, tuple)) else [values]


def unmappable():
    """What has no counterpart: told in one error."""
    x = Input((4, 6), name="x")
    y = L.LayerNormalization(name="norm")(x)
    y = L.Conv1D(4, 2, groups=2, name="grouped")(y)
    y = L.GlobalAveragePooling1D(keepdims=True, name="kept")(y)
    y = L.Dense(2, name="out")(y)
    m = Model(x, y, name="unmappable")
    m.compile(O.Adam(0.01, clipnorm=1.0, use_ema=True), "mse")
    return m


with (
    zipfile.ZipFile(ARCHIVE, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive,
    tempfile.TemporaryDirectory() as folder,
):
    if not K2 and not ONLY:
        unmappable().save(os.path.join(folder, "m.h5"))
        archive.write(os.path.join(folder, "m.h5"), FLAVOR + "/unmappable/model.h5")
    for name, build in MODELS:
        if ONLY and name not in ONLY:
            continue
        model, x, y = build()
        for _ in range(2):
            model.train_on_batch(one(x), one(y))
        files = [("model.h5", model.save)]
        if FLAVOR == "keras3":  # in this order: saving as .h5 makes Keras forget the optimizer
            files = [("model.keras", model.save), ("model.weights.h5", model.save_weights), *files]
        for file, save in files:
            path = os.path.join(folder, file)
            if os.path.exists(path):
                os.remove(path)
            save(path)
            archive.write(path, "/".join((FLAVOR, name, file)))
        archive.writestr("/".join((FLAVOR, name, "model.json")), model.to_json())
        arrays = {}
        for key, values in (("x", x), ("y", y), ("p", listed(model.predict(one(x), verbose=0)))):
            arrays.update({key + "_" + str(i): np.asarray(v) for i, v in enumerate(values)})
        losses = []
        for _ in range(2):
            if FLAVOR == "keras3":
                model.reset_metrics()  # else it gives the mean of all calls
            losses.append(np.atleast_1d(model.train_on_batch(one(x), one(y)))[0])
        arrays["losses"] = np.array(losses)
        arrays.update({"q_" + str(i): v for i, v in enumerate(listed(model.predict(one(x), verbose=0)))})
        held = io.BytesIO()
        np.savez(held, **arrays)
        archive.writestr("/".join((FLAVOR, name, "data.npz")), held.getvalue())
        print(FLAVOR, name, arrays["losses"])
