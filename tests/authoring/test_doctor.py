"""`kcore doctor` tells what is wrong, and the lines that mend it."""

import json
import os
import subprocess
import sys

import pytest

from kcore.authoring import doctor


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
    assert "-m pip install 'numpy>=1.0,<1.1'" in told and "-m pip install --upgrade acme" in told


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
    assert status == 1 and "the engine 'nothing' is chosen, but is not installed" in told


@pytest.mark.parametrize(
    "version, range_, holds",
    [
        ("1.26.4", ">=1.24", True), ("1.26.4", ">=1.24,<1.26", False), ("2.0", "==2.*", True), ("2.0", "!=2.0", False),
        ("1.4.2", "~=1.4", True), ("2.0", "~=1.4", False), ("1.4", "~=1.4.2", False), ("3.10", ">3.9", True),
        ("0.1.0", ">=0.1,<0.2", True), ("1.0", "", True), ("1.0.0", "==1.0", True), ("1.9.1", "<=1.9", False),
    ],
)  # fmt: skip
def test_ranges(version, range_, holds):
    assert doctor.satisfies(version, range_) is holds
