"""A stranger's packages: wheels built from folders, installed into a folder of their own, found or set aside."""

import json
import os
import subprocess
import sys
import zipfile

import pytest

GOOD = """
from kcore.spi import LayerSpec, hookimpl

@hookimpl
def kcore_layers():
    return [LayerSpec("Wave", "acme_good_layers:Wave")]
"""
LAYERS = """
from kcore import backend as K
from kcore.layers import Layer

class Wave(Layer):
    def call(self, inputs):
        return K.sin(inputs)
"""
CLASH = """
from kcore.spi import LayerSpec, hookimpl

@hookimpl
def kcore_layers():
    return [LayerSpec("Dense", "clash:Dense")]
"""
SOURCES = {
    "acme_good": {"acme_good.py": GOOD, "acme_good_layers.py": LAYERS},
    "acme_broken": {"acme_broken.py": "raise RuntimeError('built for another planet')"},
    "acme_clash": {"acme_clash.py": CLASH},
    "acme_future": {"acme_future.py": "KCORE_API = 99\n" + GOOD},
}


def build_wheel(folder, name, files):
    """A pure wheel, as any build tool makes it."""
    info = f"{name}-1.0.dist-info"
    members = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name.replace('_', '-')}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[kcore]\n{name} = {name}\n",
    }
    members[f"{info}/RECORD"] = "".join(f"{m},,\n" for m in [*members, f"{info}/RECORD"])
    path = folder / f"{name}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as wheel:
        for member, text in members.items():
            wheel.writestr(member, text)
    return path


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder with the four packages installed in it."""
    folder = tmp_path_factory.mktemp("wheels")
    target = folder / "site"
    wheels = [build_wheel(folder, name, files) for name, files in SOURCES.items()]
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "-q",
            "--no-deps",
            "--no-index",
            "--target",
            target,
            *wheels,
        ],
        check=True,
    )
    return target


def run(site, code, **environment):
    paths = os.pathsep.join([str(site), *(p for p in sys.path if p)])
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_each_is_listed_with_state_and_reason(site):
    listed = run(site, "from kcore.cli import main; main(['plugins', '--json'])")
    found = {p["name"]: p for p in json.loads(listed)}
    assert found["acme_good"]["state"] == "active"
    assert found["acme_good"]["gives"] == {"layers": ["Wave"]}
    assert (found["acme_good"]["distribution"], found["acme_good"]["version"]) == ("acme-good", "1.0")
    assert "built for another planet" in found["acme_broken"]["reason"]
    assert "'Dense' is offered by kcore" in found["acme_clash"]["reason"]
    assert "contract version 99" in found["acme_future"]["reason"]
    for name in ("acme_broken", "acme_clash", "acme_future"):
        assert found[name]["state"] == "set aside"


def test_a_strangers_layer_is_a_layer_and_all_goes_on_working(site):
    code = """
import numpy as np
from kcore import layers
from kcore.models import Sequential
model = Sequential([layers.Wave(input_shape=(3,)), layers.Dense(2)])
x = np.ones((2, 3), "float32")
print(model.predict(x).shape, layers.Wave.__module__)
"""
    assert run(site, code).strip() == "(2, 2) acme_good_layers"


def test_plugins_can_be_switched_off(site):
    listed = run(site, "from kcore.cli import main; main(['plugins', '--json'])", KCORE_PLUGINS="none")
    states = {p["name"]: p["state"] for p in json.loads(listed)}
    assert states["acme_good"] == states["acme_broken"] == "not allowed"
    assert states["numpy_engine"] == "active"


def test_the_table_for_people(site):
    text = run(site, "from kcore.cli import main; main(['plugins'])", COLUMNS="200")
    assert "acme_good" in text and "set aside" in text and "numpy_engine" in text


def test_asking_for_what_was_set_aside_tells_why(site):
    code = """
from kcore.kernel.registry import registries
try:
    registries["layers"].get("Den")
except ValueError as error:
    print(error)
"""
    told = run(site, code)
    assert "Did you mean 'Dense'?" in told
    assert "'acme_broken' (acme-broken 1.0) was set aside: RuntimeError: built for another planet" in told


def test_what_is_not_allowed_is_not_imported(site):
    code = "import sys; from kcore import plugins; plugins(); print('acme_good' in sys.modules)"
    assert run(site, code).strip() == "True"
    assert run(site, code, KCORE_PLUGINS="none").strip() == "False"


SAVES = """
from kcore import layers
from kcore.models import Sequential
model = Sequential([layers.Wave(input_shape=(3,)), layers.Dense(2)])
for name in NAMES:
    model.save(name)
"""
LOADS = """
import sys
from kcore.models import load_model
for name in NAMES:
    try:
        load_model(name)
    except ValueError as error:
        assert "Wave" in str(error) and "acme-good" in str(error), error
    else:
        raise AssertionError("loaded")
assert not [m for m in sys.modules if m.startswith("acme")]
"""


def test_a_file_has_no_plugin_imported_that_is_not_allowed(site, tmp_path):
    """Rule 28 of docs/security.md: the error names the package; the package is not run."""
    names = f"NAMES = {[str(tmp_path / n) for n in ('m.kcore', 'm.h5')]!r}\n"
    run(site, names + SAVES)
    run(site, names + LOADS, KCORE_PLUGINS="none")


def test_strict_ends_the_command_with_the_reason(site):
    paths = os.pathsep.join([str(site), *(p for p in sys.path if p)])
    done = subprocess.run(
        [sys.executable, "-m", "kcore.cli", "plugins"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": paths, "KCORE_STRICT_PLUGINS": "1"},
    )
    assert done.returncode == 2
    assert done.stderr.startswith(
        "kcore: PluginError: plug-in 'acme_broken' (acme-broken 1.0) cannot be used"
    )
