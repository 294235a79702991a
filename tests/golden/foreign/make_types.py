"""Makes types.zip: a model under a mixed policy by tf_keras or Keras 3, with what its next steps give.

    python make_types.py tf_keras; python make_types.py keras

Each run adds (or replaces) NAME.h5 and NAME.json of its library.
"""

import json
import os
import sys
import tempfile
import zipfile
from importlib import import_module
from pathlib import Path

import numpy as np

TARGET = Path(__file__).with_name("types.zip")


def main(name):
    keras = import_module(name)
    keras.mixed_precision.set_global_policy("mixed_float16")
    keras.utils.set_random_seed(0)
    layers = [
        keras.layers.Input((5,)),
        keras.layers.Dense(6, activation="tanh"),
        keras.layers.Dense(2, dtype="float32"),
    ]
    model = keras.Sequential(layers)
    optimizer = keras.optimizers.Adam(0.02)
    if name == "keras":
        optimizer = keras.optimizers.LossScaleOptimizer(
            optimizer, initial_scale=1024.0, dynamic_growth_steps=2
        )
    model.compile(optimizer, "mse")  # tf_keras puts a LossScaleOptimizer around by itself
    random = np.random.RandomState(0)
    x, y = random.randn(20, 5).astype("float32"), random.randn(20, 2).astype("float32")
    steps = [(x[i : i + 4], y[i : i + 4]) for i in range(0, 20, 4)]
    for step in steps[:3]:
        model.train_on_batch(*step)
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "model.h5")
        model.save(path)
        data = Path(path).read_bytes()
    told = {
        "predicted": model.predict(x, verbose=0).tolist(),
        "losses": [float(model.train_on_batch(*step)) for step in steps[3:]],
    }
    kept = {}
    if TARGET.exists():
        with zipfile.ZipFile(TARGET) as archive:
            kept = {n: archive.read(n) for n in archive.namelist() if not n.startswith(f"{name}.")}
    with zipfile.ZipFile(TARGET, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in {**kept, f"{name}.h5": data, f"{name}.json": json.dumps(told)}.items():
            archive.writestr(entry, content)


if __name__ == "__main__":
    main(sys.argv[1])
