"""docs/plugins/layers.md: the collection is built, installed, found, right, and used without importing it."""

import json

import pytest

from plugins.newcomers import NewEnvironment, pieces, wheel_of, written


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("waves")
    files, _ = pieces("layers.md")
    environment = NewEnvironment(folder / "new")
    environment.install(wheel_of(written(folder / "kcore-layers-waves", files)))
    return environment


def test_it_is_found(installed):
    listed = {p["name"]: p for p in json.loads(installed.command("plugins", "--json"))}
    assert listed["waves"]["state"] == "active"
    assert listed["waves"]["gives"] == {
        "layers": ["FourierFeatures", "MaskedMean"], "losses": ["pinball"], "activations": ["snake"],
    }  # fmt: skip


def test_its_tests_pass(installed, tmp_path):
    files, _ = pieces("layers.md")
    written(tmp_path, {"test_waves.py": files["tests/test_waves.py"]})
    told = installed.run("-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path)
    # three samples through eight checks each, whether each layer has one, and the six of the page
    assert "31 passed" in told


def test_it_passes_the_kit_on_every_engine(installed, tmp_path):
    shown = installed.command("check", "waves", "--json", tmp_path / "told.json")
    told = json.loads((tmp_path / "told.json").read_text())
    areas = {e["area"] for e in told["entries"]} - {"package"}
    assert told["passed"] and "layers on numpy" in areas
    named = [name for name in shown.splitlines() if name.startswith("not checked on")]
    assert len(areas) + len(named) == len(told["engines"])


def test_it_does_what_the_page_says(installed):
    (program,) = pieces("layers.md")[1]
    assert installed.run("-c", program).strip() == "kcore_layers_waves.layers"


def test_uninstalled_it_is_gone(installed):
    installed.uninstall("kcore-layers-waves")
    names = {p["name"] for p in json.loads(installed.command("plugins", "--json"))}
    assert "waves" not in names and "standard" in names
