"""`kcore inspect` and `kcore convert`: what is told, what is found odd, and what is not imported for it."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

import kcore
import saved_models as saved
from hostile_files import all_cases
from kcore import cli, layers
from kcore.models import Sequential, load_model
from kcore.saving.inspecting import inspected, told

X = np.random.RandomState(0).rand(4, 3).astype("float32")


@pytest.fixture
def model():
    model = Sequential(
        [layers.Dense(4, input_shape=(3,), name="first"), layers.Dropout(0.5), layers.Dense(2, name="second")]
    )
    model.compile("adam", "mse")
    model.train_on_batch(X, X[:, :2])
    return model


@pytest.mark.parametrize("suffix", [".h5", ".kcore"])
def test_what_is_told(model, tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    model.save(path)
    report = inspected(path)
    assert report["kind"] == "model" and report["model"]["class"] == "Sequential"
    by_name = {la["name"]: la for la in report["layers"]}
    assert by_name["first"]["class"] == "Dense" and by_name["first"]["parameters"] == 16
    assert {"dropout"} == {n.split("_")[0] for n in by_name} - {"first", "second"}
    assert report["parameters"] == 26 and report["weight_bytes"] == 104
    assert report["optimizer"]["class"] == "Adam" and report["optimizer"]["bytes"] > 200
    assert report["unknown"] == {} and report["suspicious"] == []
    json.dumps(report)
    text = told(report)
    assert "first" in text and "3x4" in text and "nothing suspicious" in text


def test_weights_alone(model, tmp_path):
    for name in ("w.h5", "w.kcore"):
        model.save_weights(tmp_path / name)
        report = inspected(tmp_path / name)
        assert report["kind"] == "weights" and report["parameters"] == 26


def test_files_of_others(tmp_path):
    seen = set()
    for case in saved.cases():
        for kind in ("model_h5", "model_keras"):
            if kind in case["files"]:
                report = inspected(io.BytesIO(saved.read(case["files"][kind])))
                seen.add(report["format"])
                assert report["layers"] and report["parameters"] > 0, case["id"]
                assert not any("would be refused" in s for s in report["suspicious"]), report["suspicious"]
    assert seen == {"hdf5", "keras3"}


def test_hostile_files_are_told(tmp_path):
    """Files that loading refuses for what they are get a report, not an exception; nothing of them is run."""
    for case in all_cases():
        path = case.make(tmp_path)
        try:
            report = inspected(path)
        except kcore.errors.ArgumentError:
            continue  # it does not even look like a model
        assert "bytes" in report, case
        json.dumps(report)


def test_what_is_suspicious(tmp_path, model):
    model.save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        inner = config["config"]["layers"]
        inner[0]["config"]["vocabulary"] = "http://127.0.0.1/words"
        inner[1] = {"class_name": "Lambda", "module": "evil.things", "config": {
            "name": "gate", "function": ["4wEAAAA=", None, None], "function_type": "lambda"}}  # fmt: skip
        inner.append({"class_name": "Stranger", "config": {"name": "\x1b[2J\x07wiped", "units": 10**15}})
        file.attrs["model_config"] = json.dumps(config)
    report = inspected(tmp_path / "m.h5")
    odd = " ".join(report["suspicious"])
    for word in ("http://127.0.0.1", "Python code", "evil.things", "16 digits"):
        assert word in odd
    assert report["unknown"] == {"Stranger": 1}
    assert "\x1b" not in told(report) and "\x07" not in told(report) and "wiped" in told(report)


def test_damage_is_told(tmp_path, model):
    path = tmp_path / "m.kcore"
    model.save(path)
    data = bytearray(path.read_bytes())
    assert inspected(path, verify=True)["verified"] is True
    data[data.index(model.get_weights()[0].tobytes())] ^= 1
    path.write_bytes(data)
    assert inspected(path)["suspicious"] == []
    assert "checksum" in inspected(path, verify=True)["suspicious"][0]
    path.write_bytes(data[:-1])
    assert "cut off" in inspected(path)["suspicious"][0]


def command(*arguments, code="import sys; from kcore.cli import main; sys.exit(main(sys.argv[1:]))"):
    environment = {**os.environ, "PYTHONPATH": str(Path(kcore.__file__).parent.parent)}
    environment.pop("KCORE_BACKEND", None)
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True, text=True, timeout=120, check=False, env=environment,
    )  # fmt: skip


IMPORTS_NOTHING = """
import sys
from kcore.kernel import loader
from kcore.cli import main
def installed():
    raise AssertionError("plug-ins were looked for")
loader._installed = installed
import resource
main(["inspect", sys.argv[1], "--json"])
found = [m for m in sys.modules if m.startswith(("tensor" + "flow", "mx" + "net", "kcore_", "kcore.engines.numpy_engine"))]
assert not found, found
"""


@pytest.mark.skipif(os.name != "posix", reason="resource is POSIX's")
def test_no_engine_and_no_plugin_is_imported(tmp_path, model):
    for name in ("m.h5", "m.kcore"):
        model.save(tmp_path / name)
        done = command(tmp_path / name, code=IMPORTS_NOTHING)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["parameters"] == 26


def test_memory_does_not_grow_with_the_weights(tmp_path):
    import tracemalloc

    model = Sequential([layers.Dense(2000, input_shape=(2000,))])
    for name in ("m.h5", "m.kcore"):
        model.save(tmp_path / name)
        inspected(tmp_path / name)
        tracemalloc.start()
        try:
            assert inspected(tmp_path / name)["weight_bytes"] > 15 * 2**20
            assert tracemalloc.get_traced_memory()[1] < 3 * 2**20
        finally:
            tracemalloc.stop()


def test_commands(tmp_path, model, capsys):
    source, target, back = tmp_path / "m.h5", tmp_path / "m.kcore", tmp_path / "back.h5"
    model.save(source)
    assert cli.main(["convert", str(source), str(target)]) == 0
    assert cli.main(["convert", str(target), str(back)]) == 0
    np.testing.assert_array_equal(load_model(back).predict(X), model.predict(X))
    assert load_model(back).optimizer.get_weights()[0] == 1
    assert cli.main(["convert", str(source), str(target)]) == 2  # there already
    assert cli.main(["convert", str(source), str(target), "--overwrite", "--no-optimizer"]) == 0
    assert load_model(target, compile=False).optimizer is None
    capsys.readouterr()
    assert cli.main(["inspect", str(target)]) == 0
    assert "kcore, model" in capsys.readouterr().out
    target.write_bytes(target.read_bytes()[:-1])
    assert cli.main(["inspect", str(target)]) == 1
    assert "SUSPICIOUS" in capsys.readouterr().out
    (tmp_path / "text").write_text("no model")
    assert cli.main(["inspect", str(tmp_path / "text")]) == 2


@pytest.mark.parametrize("target", [".h5", ".kcore"])
@pytest.mark.parametrize("source", [".h5", ".kcore", ".keras"])
def test_converting_between_every_pair(source, target, tmp_path, model, capsys):
    """Keras 3's files are read, not written: that is told, and nothing is left behind."""
    first, second = tmp_path / f"a{source}", tmp_path / f"b{target}"
    if source == ".keras":
        case = next(c for c in saved.cases() if "model_keras" in c["files"])
        first.write_bytes(saved.read(case["files"]["model_keras"]))
        x = saved.one(saved.by_prefix(saved.data(case), "input_"))
    else:
        model.save(first)
        x = X
    assert cli.main(["convert", str(first), str(second)]) == 0
    wanted, got = load_model(first), load_model(second)
    np.testing.assert_array_equal(got.predict(x), wanted.predict(x))
    for a, b in zip(got.optimizer.get_weights(), wanted.optimizer.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert cli.main(["convert", str(second), str(tmp_path / "c.keras")]) == 2
    assert "cannot save" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([first.name, second.name])
