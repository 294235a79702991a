"""Files changed at random: a clear error or the same result, and a model that stays as it was."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import kcore
from hostile_files import good, victim, with_config
from kcore.errors import KcoreError
from kcore.models import load_model, model_from_json

# In a process of its own: should the HDF5 library itself break, the test says so, instead of ending all tests.
_FUZZ = """
import sys, warnings
from pathlib import Path
import numpy as np
import kcore.models
from kcore.errors import KcoreError
warnings.simplefilter("ignore")
path, kind, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
data = path.read_bytes()
model = kcore.models.load_model(path)
x = np.random.RandomState(0).rand(4, 3)
expected, before = model.predict(x), model.get_weights()
random = np.random.RandomState(seed)
changed = path.parent / "changed.h5"
refused = same = 0
for i in range(1000 if kind == "flip" else len(data) // 4096 + 1):
    if kind == "flip":
        made = bytearray(data)
        made[random.randint(len(data))] ^= 1 << random.randint(8)
    else:
        made = data[: 4096 * i]
    changed.write_bytes(made)
    try:
        again = kcore.models.load_model(changed)
    except KcoreError:
        refused += 1
    else:
        assert np.array_equal(again.predict(x), expected), i
        same += 1
    if i % 5:
        continue
    try:
        model.load_weights(changed)
    except KcoreError:
        pass
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before)), i
print(refused, same)
"""


@pytest.mark.parametrize("kind", ["flip", "cut"])
def test_bytes(kind, tmp_path):
    path = good(tmp_path)
    model = victim()
    model.train_on_batch(np.ones((4, 3)), np.ones((4, 2)))
    model.save(path)
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(kcore.__file__).parent.parent),
        "KCORE_BACKEND": "numpy",
    }
    environment.update(OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-c", _FUZZ, str(path), kind, "3"],
        capture_output=True, text=True, timeout=200, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, f"{done.returncode}: {done.stdout[-300:]} {done.stderr[-3000:]}"
    refused, same = map(int, done.stdout.split())
    assert refused > 0 and (kind == "cut" or same > 0)


NAMES = st.sampled_from(
    ["Dense", "LSTM", "Bidirectional", "TimeDistributed", "Lambda", "Model", "Sequential", "InputLayer", "relu", "Zeros",
     "L1L2", "os.system"]
)  # fmt: skip
KEYS = st.sampled_from(
    ["class_name", "config", "layers", "name", "units", "layer", "cell", "activation", "kernel_initializer", "inbound_nodes",
     "input_layers", "output_layers", "batch_input_shape", "dtype", "function", "function_type", "build_input_shape"]
)  # fmt: skip
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | NAMES | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(KEYS | st.text(max_size=5), inner, max_size=5)
    ),
    max_leaves=20,
)


@settings(max_examples=300)
@given(VALUES)
def test_any_json_is_refused_or_a_model(value):
    try:
        model_from_json(json.dumps(value))
    except KcoreError:
        pass


def _paths(value, path=()):
    yield path
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _paths(inner, (*path, key))
    elif isinstance(value, list):
        for i, inner in enumerate(value):
            yield from _paths(inner, (*path, i))


CONFIG = json.loads(victim().to_json())
PATHS = [p for p in _paths(CONFIG) if p]


@settings(max_examples=300)
@given(st.sampled_from(PATHS), VALUES, st.sampled_from(["2.3.1", "2.15.0", "3.4.0"]))
def test_a_config_changed_at_one_place(path, value, version):
    config = json.loads(json.dumps(CONFIG))
    inside = config
    for part in path[:-1]:
        inside = inside[part]
    inside[path[-1]] = value
    if isinstance(config, dict):
        config["keras_version"] = version
    try:
        model_from_json(json.dumps(config))
    except KcoreError:
        pass


TREES = st.recursive(
    st.sampled_from(["f4", "f8", "i8", "S3", "O", "?"]).flatmap(
        lambda dtype: st.lists(st.integers(0, 3), max_size=3).map(lambda shape: (dtype, shape))
    ),
    lambda inner: st.dictionaries(
        st.sampled_from(
            [
                "model_weights",
                "hidden",
                "out",
                "kernel:0",
                "bias:0",
                "optimizer_weights",
                "vars",
                "layers",
                "0",
            ]
        ),
        inner,
        max_size=4,
    ),
    max_leaves=8,
)


def fill(group, tree):
    for name, value in tree.items():
        if isinstance(value, dict):
            fill(group.create_group(name), value)
        else:
            dtype, shape = value
            group.create_dataset(name, shape, h5py.string_dtype() if dtype == "O" else dtype)


@settings(max_examples=200)
@given(
    TREES,
    st.sampled_from(["model_weights", "model_weights/hidden", "model_weights/out", "optimizer_weights", ""]),
)
def test_any_tree_is_refused_or_fits(tmp_path_factory, tree, place):
    """A good file with other things in the place of a part of it."""
    path = with_config(tmp_path_factory.mktemp("tree"))
    with h5py.File(path, "r+") as file:
        if place and place in file:
            attributes = dict(file[place].attrs)
            del file[place]
            made = file.create_group(place)
            made.attrs.update(attributes)
        else:
            made = file
        try:
            fill(made, tree) if isinstance(tree, dict) else None
        except (ValueError, TypeError, KeyError):
            pass  # a name is taken: what is there stays
    held = io.BytesIO(path.read_bytes())
    model = victim()
    before = model.get_weights()
    for read in (load_model, lambda source: model.load_weights(source, by_name=True), model.load_weights):
        try:
            read(held)
        except KcoreError:
            if read is not load_model:
                assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
        before = model.get_weights()
