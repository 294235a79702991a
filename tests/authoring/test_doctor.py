"""`kcore doctor` tells what is wrong, and the lines that mend it."""

import json
import os
import subprocess
import sys

import pytest

from kcore.authoring import requirements


def asked(*arguments, **environment):
    """The command in a process of its own: its output, its warnings, its exit status."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("KCORE_")}
    path = os.pathsep.join(p for p in [".", *sys.path] if p)
    done = subprocess.run(
        [sys.executable, "-m", "kcore.cli", "doctor", *arguments],
        capture_output=True,
        text=True,
        env={**clean, "PYTHONPATH": path, **environment},
    )
    return done.stdout, done.stderr, done.returncode


@pytest.fixture
def site(tmp_path):
    """A folder of installed packages with a plug-in for another contract, whose package asks for too much."""
    info = tmp_path / "acme-1.0.dist-info"
    info.mkdir()
    asks = "Requires-Dist: kcore>=9\nRequires-Dist: numpy>=1.0,<1.1\nRequires-Dist: acme-lib>=3"
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: acme\nVersion: 1.0\n{asks}\n")
    (info / "entry_points.txt").write_text("[kcore]\nacme = acme\n")
    (tmp_path / "acme.py").write_text("KCORE_API = 99\n")
    return str(tmp_path)


def test_a_healthy_installation(monkeypatch):
    told, _, _ = asked("--json", KCORE_PLUGINS="none", KCORE_BACKEND="numpy", KCORE_HOME="/nowhere")
    found = json.loads(told)
    assert found["engine_in_use"] == "numpy" and not found["warnings"]
    (engine,) = [e for e in found["engines"] if e["name"] == "numpy"]
    assert engine["devices"] == ["cpu:0"] and engine["problem"] == ""
    assert found["python"]["executable"] == sys.executable and found["packages"]["numpy"]


def test_what_is_wrong_and_what_mends_it(site):
    path = os.pathsep.join(p for p in [".", site, *sys.path] if p)
    told, _, status = asked(PYTHONPATH=path, KCORE_HOME="/nowhere")
    assert status == 1
    assert "acme (acme 1.0) set aside: it is written for contract version 99" in told
    assert "acme needs kcore>=9; found: 0." in told and "acme needs acme-lib>=3; found: not installed" in told
    assert "-m pip install 'numpy>=1.0,<1.1'" in told and "-m pip install --upgrade kcore" in told


ENGINE = """
from kcore.spi import BackendSpec, hookimpl

def load():
    import {library}

@hookimpl
def kcore_backends():
    return [BackendSpec(name="{name}", load=load, needs=("{library}",))]
"""
CPU = "Provides-Extra: cpu\nRequires-Dist: {}; extra == 'cpu'\nRequires-Dist: numpy<9; extra == 'cpu'"
# package -> what it asks for, its module, and the line that mends it
BROKEN = {
    "acme-newer": ("", "KCORE_API = 99", "install --upgrade kcore"),
    "acme-older": ("", "KCORE_API = 0", "install --upgrade acme-older"),
    "acme-raising": ("", "raise RuntimeError('no licence')", "uninstall -y acme-raising"),
    "acme-lost": ("", "import acme_lib_x", "install acme_lib_x"),
    "acme-told": ("Requires-Dist: acme-lib-y<4; extra == 'all'\nProvides-Extra: all", "import acme_lib_y",
                  "install 'acme-lib-y<4'"),
    "acme-twin": ("", "from kcore.spi import *\n@hookimpl\ndef kcore_losses():\n    return [LossSpec('mse', 'm:x')]",
                  "uninstall -y acme-twin"),
    # a library that is not there comes with an extra; one that is there may lack something itself
    "acme-engine": (CPU.format("acme-lib-z-cpu>=2"), ENGINE.format(name="acme", library="acme_lib_z"),
                    "install 'acme-lib-z-cpu>=2' 'numpy<9'"),
    "acme-half": ("", ENGINE.format(name="half", library="acme_half_lib"), "install 'acme-deep<3,>=2'"),
    "acme-other-python": ("Requires-Dist: acme-old-python; python_version < '3'", "KCORE_API = 2", None),
}  # fmt: skip


def installed(folder, package, asks, module="", entry=True):
    name = package.replace("-", "_")
    info = folder / f"{name}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n{asks}\n")
    (info / "top_level.txt").write_text(f"{name}\n")
    if entry:
        (info / "entry_points.txt").write_text(f"[kcore]\n{name} = {name}\n")
    (folder / f"{name}.py").write_text(module)


def test_the_line_that_mends_each(tmp_path):
    for package, (asks, module, _) in BROKEN.items():
        installed(tmp_path, package, asks, module)
    asks = "Requires-Dist: acme-deep<3,>=2"
    installed(tmp_path, "acme-half-lib", asks, "import acme_deep.inner", entry=False)
    path = os.pathsep.join(p for p in [".", str(tmp_path), *sys.path] if p)
    listed = ",".join(p.replace("-", "_") for p in BROKEN)
    told, _, status = asked(
        "--json", PYTHONPATH=path, KCORE_HOME="/nowhere", KCORE_PLUGINS=listed, KCORE_BACKEND="acmee"
    )
    lines = json.loads(told)["remedies"]
    mending = {line.removeprefix(f"{sys.executable} -m pip ") for line in lines}
    assert status == 1
    assert mending == {line for _, _, line in BROKEN.values() if line} | {"unset KCORE_BACKEND"}


@pytest.mark.parametrize(
    "marker, extra, holds",
    [
        ("extra == 'cpu'", "cpu", True), ("extra == 'cpu'", "", False), ("python_version >= '3.10'", "", True),
        ("python_version < '3.9' or extra == 'a'", "a", True), ("python_version < '3.9'", "", False),
        ("sys_platform == 'plan9' and extra == 'a'", "a", False), ("'x' in extra", "xy", True),
        ("nobody_knows == 'it'", "", True), ("(extra == 'a' or extra == 'b') and os_name != 'dos'", "b", True),
    ],
)  # fmt: skip
def test_markers(marker, extra, holds):
    assert requirements.Requirement("acme", "", "", marker).counts(extra) is holds


def test_a_file_of_settings_that_is_not_heeded(tmp_path):
    (tmp_path / "kcore.json").write_text("{not json")
    told, warned, status = asked(KCORE_HOME=str(tmp_path))
    assert status == 1 and "kcore.json is no JSON and is ignored" in told
    assert warned.count("is no JSON and is ignored") == 1
    (tmp_path / "kcore.json").write_text("[]")
    assert "holds no JSON object" in asked(KCORE_HOME=str(tmp_path))[0]


def test_names_that_no_plugin_has():
    told, warned, status = asked(KCORE_PLUGINS="nobdy", KCORE_HOME="/nowhere")
    assert status == 1 and "KCORE_PLUGINS lists 'nobdy', which no installed plug-in is called" in told
    assert warned.count("KCORE_PLUGINS lists 'nobdy'") == 1 and "unset KCORE_PLUGINS" in told


def test_an_engine_that_is_not_installed():
    told, _, status = asked(KCORE_BACKEND="nothing", KCORE_HOME="/nowhere")
    assert status == 1 and "the engine 'nothing' is chosen by KCORE_BACKEND, but is not installed" in told
    assert "unset KCORE_BACKEND" in told


@pytest.mark.parametrize(
    "version, range_, holds",
    [
        ("1.26.4", ">=1.24", True), ("1.26.4", ">=1.24,<1.26", False), ("2.0", "==2.*", True), ("2.0", "!=2.0", False),
        ("1.4.2", "~=1.4", True), ("2.0", "~=1.4", False), ("1.4", "~=1.4.2", False), ("3.10", ">3.9", True),
        ("0.1.0", ">=0.1,<0.2", True), ("1.0", "", True), ("1.0.0", "==1.0", True), ("1.9.1", "<=1.9", False),
    ],
)  # fmt: skip
def test_ranges(version, range_, holds):
    assert requirements.satisfies(version, range_) is holds


def test_the_command_without_its_script():
    told = subprocess.run(
        [sys.executable, "-m", "kcore", "plugins"], capture_output=True, text=True, check=True
    )
    assert "standard" in told.stdout
