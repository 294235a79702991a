"""docs/plugins/engine.md: what the page builds is built, installed, found, passes the kit, and does what it says."""

import json

import pytest

from plugins.newcomers import NewEnvironment, pieces, wheel_of, written

ENGINE = "kcore_backend_tally/engine.py"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tally")
    files, _ = pieces("engine.md")
    environment = NewEnvironment(folder / "new")
    environment.install(wheel_of(written(folder / "kcore-backend-tally", files)))
    return environment


def test_the_engine_is_small():
    files, _ = pieces("engine.md")
    own = [
        line
        for name, text in files.items()
        if name.endswith(".py")
        for line in text.splitlines()
        if line.strip()
    ]
    assert len(own) < 400
    assert set(files) == {"pyproject.toml", "kcore_backend_tally/__init__.py", ENGINE, "tests/test_tally.py"}
    assert "kcore.backend" not in files[ENGINE] and "from kcore.spi import" in files[ENGINE]


def test_it_is_found(installed):
    listed = {p["name"]: p for p in json.loads(installed.command("plugins", "--json"))}
    assert listed["tally"]["state"] == "active" and listed["tally"]["gives"] == {"backends": ["tally"]}
    assert (listed["tally"]["distribution"], listed["tally"]["api"]) == ("kcore-backend-tally", 2)


def test_it_passes_the_training_level(installed, tmp_path):
    installed.command("check", "tally", "--level", "training", "--json", tmp_path / "told.json")
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["passed"] and told["level"] == "training"
    states = {e["name"]: e["state"] for e in told["entries"]}
    assert states["dense_learns"] == states["convolutions_learn"] == states["matmul"] == "passed"
    assert states["svd"] == "unsupported"


def test_what_it_lacks_is_told_with_reasons(installed, tmp_path):
    told = installed.run(
        "-c",
        "from kcore.testing.report import run\n"
        "report = run('tally', only=['scan', 'svd', 'lstm_sequence', 'printed', 'cond'])\n"
        "print(report.passed, sorted(report.unsupported))",
    )
    assert told.strip() == "True ['cond', 'lstm_sequence', 'scan', 'svd']"


def test_it_does_what_the_page_says(installed):
    (program,) = pieces("engine.md")[1]
    assert "5 products of matrices" in installed.run("-c", program)


def test_its_tests_are_tests(installed, tmp_path):
    files, _ = pieces("engine.md")
    written(tmp_path, {"test_tally.py": files["tests/test_tally.py"]})
    told = installed.run(
        "-m", "pytest", "-q", "-p", "no:cacheprovider", tmp_path, "-k", "value and (tanh or matmul)"
    )
    assert " passed" in told and "failed" not in told
