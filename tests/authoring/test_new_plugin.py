"""`kcore new-plugin`: what it writes is built, installed in a new environment, listed, checked, tested, removed."""

import json

import pytest

from kcore.authoring.new_plugin import new_plugin, version_range
from kcore.cli import main
from kcore.errors import ArgumentError
from plugins.newcomers import NewEnvironment, wheel_of


@pytest.fixture
def environment(tmp_path):
    return NewEnvironment(tmp_path / "new")


def listed(environment):
    return {p["name"]: p for p in json.loads(environment.command("plugins", "--json"))}


def test_an_engine(environment, tmp_path):
    folder = new_plugin("engine", "my-arrays", tmp_path / "package")
    environment.install(wheel_of(folder))
    found = listed(environment)["my_arrays"]
    assert found["state"] == "active" and found["gives"] == {"backends": ["my_arrays"]}
    environment.command(
        "check", "my_arrays", "--level", "inference",
        *("--json", tmp_path / "told.json", "--html", tmp_path / "told.html", "--card", tmp_path / "card.md"),
    )  # fmt: skip
    told = json.loads((tmp_path / "told.json").read_text())
    states = {e["name"]: e["state"] for e in told["entries"]}
    assert told["passed"] and states["matmul"] == states["model_predicts"] == "passed"
    assert {n for n, s in states.items() if n.startswith(("package: ", "engine: ")) and s == "passed"} == {
        "package: found", "package: contract", "package: version range", "package: imports", "package: lazy",
        "package: type hints", "engine: methods",
    }  # fmt: skip
    card = (tmp_path / "card.md").read_text()
    assert "**passed**" in card and "`matmul`" in card and "linear algebra is not written yet" in card
    assert "<h1>kcore check: my_arrays</h1>" in (tmp_path / "told.html").read_text()
    tests = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        folder / "tests",
        "-k",
        "gradient and (tanh or matmul)",
    )
    assert "failed" not in environment.run(*tests)
    examined = "import json; from kcore.authoring.doctor import examine; print(json.dumps(examine()))"
    doctor = json.loads(environment.run("-c", examined))
    assert [e["problem"] for e in doctor["engines"] if e["name"] == "my_arrays"] == [""]
    environment.uninstall("kcore-backend-my-arrays")
    assert "my_arrays" not in listed(environment)


def test_layers(environment, tmp_path):
    folder = new_plugin("layers", "waves", tmp_path / "package")
    environment.install(wheel_of(folder))
    assert listed(environment)["waves"]["gives"] == {"layers": ["WavesScale", "WavesPool"]}
    shown = environment.command("check", "waves", "--json", tmp_path / "told.json")
    told = json.loads((tmp_path / "told.json").read_text())
    assert {e["name"]: e["state"] for e in told["entries"] if e["area"] == "layers on numpy"} == {
        "WavesScale": "passed", "WavesPool": "passed",
    }  # fmt: skip
    assert "level" not in shown and told["level"] == ""
    tests = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", folder / "tests")
    assert "passed" in tests and "skipped" not in tests and "failed" not in tests
    environment.uninstall("kcore-layers-waves")
    assert "waves" not in listed(environment)


def test_a_broken_package_is_told(environment, tmp_path):
    folder = new_plugin("layers", "waves", tmp_path / "package")
    (folder / "pyproject.toml").write_text(
        (folder / "pyproject.toml")
        .read_text()
        .replace('"kcore>=', '"kcore", "numpy>=')
        .replace(",<", ",<9", 1)
    )
    module = folder / "kcore_layers_waves"
    (module / "__init__.py").write_text(
        (module / "__init__.py").read_text().replace("KCORE_API", "API").replace(" -> list[LayerSpec]", "")
        + "\nfrom kcore.layers import base\nfrom kcore.kernel import registry\n"
    )  # fmt: skip
    layers = (module / "layers.py").read_text()
    (module / "layers.py").write_text(
        layers.replace('"power": self.power', '"power": 1').replace("[2]", "[1]")
    )
    environment.install(wheel_of(folder))
    told = environment.command("check", "waves", "--backend", "numpy", status=1)
    for words in (
        "add KCORE_API = 2", "without an upper and a lower end", "imports kcore.kernel.registry",
        "imports kcore.backend", "without type hints: kcore_layers", "WavesPool (config)", "WavesPool (shapes)",
    ):  # fmt: skip
        assert words in told, told
    # what the report prints to run again does run, and shows the failure
    start = told.index("from kcore.testing.collection import show")
    program = "\n".join(told[start:].splitlines()[:2])
    lines = "".join(f"    {line}\n" for line in program.splitlines())
    environment.run("-c", f"import pytest\nwith pytest.raises(AssertionError):\n{lines}")


def test_a_broken_engine_is_told(environment, tmp_path):
    folder = new_plugin("engine", "lumber", tmp_path / "package")
    init, engine = (folder / "kcore_backend_lumber" / name for name in ("__init__.py", "engine.py"))
    init.write_text(init.read_text().replace("from importlib import", "import h5py\nfrom importlib import"))
    engine.write_text(
        engine.read_text()
        .replace(
            "from kcore.spi import Engine", "from kcore.models import Model\nfrom kcore.spi import Engine"
        )
        .replace(
            "def from_numpy(self, array: np.ndarray, dtype: str) -> Any:",
            "def from_numpy(self, array, dtype):",
        )
        .replace(
            "def is_tensor(self, value: Any) -> bool:",
            "def compile(self) -> Any: ...\n\n    def is_tensor(self, value: Any) -> bool:",
        )
    )
    environment.install(wheel_of(folder))
    program = (
        "from kcore.testing import command, package_checks\nfrom kcore.kernel.context import engine\n"
        "info = command._plugin_of('lumber')\n"
        "for entry in [*command.package_entries(info), *command._method_entries('lumber')]:\n"
        "    print(entry.name, entry.state, [f['text'] for f in entry.failures])"
    )
    told = environment.run("-c", program)
    for words in (
        "package: lazy failed", "imports h5py; import that in load()", "package: imports failed",
        "imports kcore.models.Model", "engine: methods failed", "from_numpy lacks type hints",
        "compile(self) -> 'Any' does not take what the contract passes", "package: found passed",
    ):  # fmt: skip
        assert words in told, told


def test_an_engine_whose_library_is_missing_is_a_failure_that_says_so(environment, tmp_path):
    folder = new_plugin("engine", "lumber", tmp_path / "package")
    init = folder / "kcore_backend_lumber" / "__init__.py"
    init.write_text(init.read_text().replace('needs=("numpy",)', 'needs=("acme_lumber",)'))
    environment.install(wheel_of(folder))
    told = environment.command("check", "lumber", status=1)
    assert "FAILED  engine: loads" in told and "it needs acme_lumber, which is not installed" in told
    assert "-m pip install acme_lumber" in environment.command("doctor", status=1)


@pytest.mark.parametrize("name", ["My Arrays", "", "x/y", "9a", "a--b"])
def test_names(name, tmp_path):
    with pytest.raises(ArgumentError, match="cannot be a plug-in's name"):
        new_plugin("engine", name, tmp_path / "p")


def test_what_is_there_is_not_written_over(tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ArgumentError, match="is not empty"):
        new_plugin("layers", "waves", tmp_path)


@pytest.mark.parametrize(
    "kind, name, told",
    [
        ("engine", "numpy", "an engine 'numpy' is installed: kcore"), ("layers", "numpy", "an engine 'numpy'"),
        ("layers", "standard", "a plug-in 'standard' is installed: kcore"),
        ("engine", "numpy-engine", "a plug-in 'numpy_engine' is installed"), ("layers", "none", "own use"),
        ("layers", "extra", "own use|is installed"), ("engine", "tf", "own use|is installed"),
        ("engine", "kcore", "own use"), ("engine", "Foo", "such as 'foo'"), ("layers", "My Layers", "'my-layers'"),
        ("layers", "2d", "such as 'd'"), ("layers", "ünï", "such as 'n'"),
    ],
)  # fmt: skip
def test_names_that_mean_something_else(kind, name, told, tmp_path):
    with pytest.raises(ArgumentError, match=told):
        new_plugin(kind, name, tmp_path / "p")
    assert not (tmp_path / "p").exists()


def test_the_command_tells_what_comes_next(tmp_path, capsys):
    assert main(["new-plugin", "layers", "sea-waves", "--folder", str(tmp_path / "a folder")]) == 0
    told = capsys.readouterr().out
    assert (
        f'cd "{tmp_path / "a folder"}"\n  pip install -e ".[test]"\n  kcore check sea_waves\n  pytest' in told
    )
    assert main(["new-plugin", "layers", "sea-waves", "--folder", str(tmp_path / "a folder")]) == 2
    assert "is not empty; name another folder with --folder" in capsys.readouterr().err


def test_words_of_python_are_names_as_others(environment, tmp_path):
    for name in ("class", "import"):
        environment.install(wheel_of(new_plugin("layers", name, tmp_path / name)))
    assert listed(environment)["class"]["gives"] == {"layers": ["ClassScale", "ClassPool"]}
    environment.command("check", "import")


def test_the_range_ends_before_the_next_minor_version():
    assert version_range("0.1.0") == ">=0.1,<0.2" and version_range("2.13.4.dev1") == ">=2.13,<2.14"
