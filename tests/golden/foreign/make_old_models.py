"""Models written by old versions of Keras 2, with what they predict and how they train on: one version per run.

    PYTHONPATH=folder_with_that_keras python make_old_models.py old_keras.zip

with Python 3.7 and tensorflow 1.15.5. Adds to the archive. Only what the written file needs to be compared with is kept.
"""

import io
import os
import sys
import zipfile

import keras
import numpy as np
from keras.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Conv2D,
    Dense,
    Flatten,
    Input,
    PReLU,
    SimpleRNN,
    TimeDistributed,
    add,
    concatenate,
)  # fmt: skip
from keras.models import Model, Sequential

OPTIMIZERS = {"nested": "adam", "recurrent": "adam", "images": "rmsprop", "dense": "nadam"}


def build(kind):
    if kind == "nested":
        inputs = Input((5,))
        a = Dense(4, activation="tanh")(inputs)
        b = Sequential([Dense(4, input_shape=(4,)), PReLU()])(a)
        return Model(inputs, Dense(3, activation="softmax")(concatenate([a, add([a, b])])))
    if kind == "recurrent":
        first = LSTM(4, return_sequences=True, input_shape=(6, 5))
        return Sequential(
            [first, Bidirectional(GRU(3, return_sequences=True)), TimeDistributed(Dense(4)), SimpleRNN(3),
             Dense(3, activation="softmax")]
        )  # fmt: skip
    if kind == "images":
        return Sequential([Conv2D(3, 3, input_shape=(6, 6, 2)), Flatten(), Dense(3, activation="softmax")])
    return Sequential([Dense(8, input_shape=(5,)), BatchNormalization(), Dense(3, activation="softmax")])


def main(target):
    np.random.seed(0)
    with zipfile.ZipFile(target, "a", zipfile.ZIP_DEFLATED) as archive:
        for kind, optimizer in sorted(OPTIMIZERS.items()):
            model = build(kind)
            model.compile(optimizer, "categorical_crossentropy")
            x = np.random.randn(6, *model.input_shape[1:]).astype("float32")
            y = np.eye(3, dtype="float32")[np.random.randint(0, 3, 6)]
            for _ in range(3):
                model.train_on_batch(x, y)
            model.save("made.h5")
            name = f"{keras.__version__}_{kind}"
            archive.write("made.h5", name + ".h5")
            os.remove("made.h5")
            predicted = model.predict(x)
            losses = [float(model.train_on_batch(x, y)) for _ in range(3)]  # as if never interrupted
            held = io.BytesIO()
            np.savez(held, x=x, y=y, predicted=predicted, losses=losses)
            archive.writestr(name + ".npz", held.getvalue())


if __name__ == "__main__":
    main(sys.argv[1])
