"""Formats of files: chosen by suffix and by first bytes; a plug-in's is asked after kcore's own."""

import io
import json

import h5py
import numpy as np
import pytest

from kcore import layers
from kcore.errors import ArgumentError, CannotMap, FileRefused, UnknownName
from kcore.kernel.registry import Origin, registries
from kcore.kernel.specs import LayerSpec
from kcore.models import Sequential, load_model, save_model
from kcore.saving import ModelFormat, formats, model_from, snapshot_of
from kcore.saving.snapshot import Group, Snapshot


def model():
    made = Sequential([layers.Dense(3, input_shape=(2,)), layers.Dense(1)])
    made.compile("sgd", "mse")
    return made


def save_text(model, target, *, include_optimizer):
    found = snapshot_of(model, include_optimizer)
    groups = [
        [g.name, list(g.weight_names), [np.asarray(a).tolist() for a in g.arrays]] for g in found.layers
    ]
    text = "TEXTMODEL" + json.dumps([found.architecture, groups, found.training])
    target.write(text.encode())


def load_text(source, *, custom_objects, compile, safe_mode):
    data = source.read()
    architecture, groups, training = json.loads(data[9:])
    listed = tuple(
        Group(n, tuple(names), tuple(np.array(a, "float32") for a in arrays)) for n, names, arrays in groups
    )
    return model_from(Snapshot(architecture, listed, training), custom_objects, compile, safe_mode)


TEXT = ModelFormat(
    "text", (".model.txt", ".h5"), lambda head: head.startswith(b"TEXTMODEL"), save=save_text, load=load_text
)


@pytest.fixture
def plugged():
    registries.model_formats.add_local("text", TEXT)
    yield
    registries.model_formats.entries.pop("text")
    registries.model_formats._resolved.pop("text", None)


def test_a_format_of_a_plug_in(plugged, tmp_path):
    made, x = model(), np.ones((2, 2))
    held = io.BytesIO()
    save_model(made, held, format="text")
    held.seek(0)
    assert held.read(9) == b"TEXTMODEL"
    held.seek(0)
    again = load_model(held)
    np.testing.assert_allclose(again.predict(x), made.predict(x), rtol=1e-6)
    assert formats.for_saving("a.model.txt").name == "text"
    assert formats.for_saving("a.h5").name == "hdf5"  # kcore's own is asked first
    with pytest.raises(ArgumentError, match="'text' cannot load weights"):
        (tmp_path / "m.model.txt").write_bytes(held.getvalue())
        made.load_weights(tmp_path / "m.model.txt")
    with pytest.raises(ArgumentError, match="'text' cannot save weights"):
        made.save_weights(tmp_path / "w", format="text")


class Tripled(layers.Layer):
    def call(self, inputs):
        return inputs * 3.0


def test_a_missing_plug_in_is_named(tmp_path):
    registry = registries.layers
    registry.register(LayerSpec("Tripled", Tripled), Origin("triples", "acme-triples", "1.2"))
    try:
        Sequential([layers.Dense(2, input_shape=(2,)), Tripled()]).save(tmp_path / "m.h5")
        load_model(tmp_path / "m.h5", compile=False)
    finally:
        registry.entries.pop("Tripled")
        registry._resolved.pop("Tripled", None)
    with pytest.raises(
        CannotMap, match=r"'Tripled'[\s\S]*'triples': pip install acme-triples \(it was version 1.2\)"
    ):
        load_model(tmp_path / "m.h5", compile=False)
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        for text in ("7", "[7]", '[{"plugin": 1}]', "x"):
            file.attrs["kcore_plugins"] = text
            file.flush()
            with pytest.raises((CannotMap, FileRefused)):
                load_model(tmp_path / "m.h5", compile=False)


def test_which_format():
    assert [formats.for_saving(p).name for p in ("m", "m.h5", "a/M.HDF5", "m.unknown", "m.keras2")] == [
        "hdf5"
    ] * 5
    with pytest.raises(ArgumentError, match="'keras3' cannot save"):
        formats.for_saving("m.keras")
    with pytest.raises(UnknownName):
        save_model(model(), "m.h5", format="h6")
    with pytest.raises(FileRefused, match="no known format"):
        load_model(io.BytesIO(b""))
    with pytest.raises(ArgumentError, match="open it as binary"):
        load_model(io.StringIO("text"))
    assert "hdf5" in registries.model_formats.names() and "keras3" in registries.model_formats.names()
