"""Choosing an engine: context variable, environment, configuration file, priority."""

import json
import subprocess
import sys
import threading

import pytest

import kcore
from kcore.errors import UnknownBackend
from kcore.kernel import context


def test_use_backend_is_undone_and_refuses_unknown_names():
    before = context.current_engine_name()
    with kcore.use_backend("numpy") as engine:
        assert engine.name == context.current_engine_name() == "numpy"
    assert context.current_engine_name() == before
    with pytest.raises(UnknownBackend, match="Did you mean 'numpy'"), kcore.use_backend("nunpy"):
        pass


def test_threads_choose_for_themselves(monkeypatch):
    monkeypatch.setattr(context, "engine", lambda name: name)
    seen = {}

    def work(name):
        with context.use_backend(name):
            barrier.wait()
            seen[name] = context.current_engine_name()

    barrier = threading.Barrier(2)
    threads = [threading.Thread(target=work, args=(n,)) for n in ("one", "two")]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert seen == {"one": "one", "two": "two"}


def ask(code, **environment):
    return subprocess.run(
        [sys.executable, "-c", code], env=environment, text=True, capture_output=True, check=True
    ).stdout


def test_environment_wins_over_the_file_which_is_read_and_never_written(tmp_path, monkeypatch):
    code = "from kcore.kernel import context, config; print(context.current_engine_name(), config.settings.floatx)"
    environment = {"KCORE_HOME": str(tmp_path), "PYTHONPATH": ":".join(p for p in [".", *sys.path] if p)}
    assert ask(code, **environment).split()[1] == "float32"
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "kcore.json").write_text(json.dumps({"backend": "other", "floatx": "float64"}))
    assert ask(code, **environment).split() == ["other", "float64"]
    assert ask(code, **environment, KCORE_BACKEND="numpy").split() == ["numpy", "float64"]


def test_an_error_says_who_chose_the_engine(monkeypatch):
    monkeypatch.setenv("KCORE_BACKEND", "nunpy")
    with pytest.raises(
        UnknownBackend, match="Did you mean 'numpy'.*\n(.*\n)*.*chosen by the environment variable"
    ):
        context.engine()
    monkeypatch.delenv("KCORE_BACKEND")
    monkeypatch.setattr(context.settings, "backend", "nunpy")
    with pytest.raises(UnknownBackend, match="chosen by the file .*kcore.json"):
        context.engine()


def test_an_engine_is_made_once(monkeypatch):
    made = []
    monkeypatch.setattr(context, "_loaded", {})
    monkeypatch.setattr(context.backends, "get", lambda name: made.append(name) or object())
    threads = [threading.Thread(target=context.engine, args=("one",)) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert made == ["one"]


def test_a_file_that_cannot_be_read_is_no_obstacle(tmp_path):
    (tmp_path / "kcore.json").write_text("{not json")
    environment = {"KCORE_HOME": str(tmp_path), "PYTHONPATH": ":".join(p for p in [".", *sys.path] if p)}
    assert (
        ask("from kcore.kernel.config import settings; print(settings.floatx)", **environment) == "float32\n"
    )


def test_loading_an_engine_leaves_random_numbers_alone(monkeypatch):
    import random

    import numpy as np

    def load(name, *rest):
        np.random.rand(), random.random()
        return name

    monkeypatch.setattr(context.backends, "get", load)
    monkeypatch.setattr(context, "_loaded", {})
    np.random.seed(1), random.seed(1)
    context.engine("anything")
    drawn = np.random.rand(), random.random()
    np.random.seed(1), random.seed(1)
    assert drawn == (np.random.rand(), random.random())
