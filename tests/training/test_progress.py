"""Progress in a terminal and in a log file."""

import io
import re
import sys

import numpy as np

from kcore import models
from kcore.layers import Dense
from kcore.training.progress import Line, Progbar, bar, duration, number, per_step, place_of, resolved

X = np.random.RandomState(0).randn(20, 3).astype("float32")


class Terminal(io.StringIO):
    def isatty(self):
        return True


def make():
    model = models.Sequential([Dense(1, input_shape=(3,))])
    model.compile("sgd", "mse", metrics=["mae"])
    return model


def test_log_file_gets_one_line_per_epoch(capsys):
    make().fit(X, X[:, :1], epochs=2, batch_size=10, validation_split=0.5)
    text = capsys.readouterr().out
    assert "\r" not in text and "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "Epoch 1/2" and lines[2] == "Epoch 2/2" and len(lines) == 4
    assert (
        re.match(r"1 step - \d+s - ", lines[1]) and "/step - loss: " in lines[1] and "val_mae: " in lines[1]
    )


def test_silence(capsys):
    model = make()
    model.fit(X, X[:, :1], verbose=0)
    model.evaluate(X, X[:, :1], verbose=0)
    assert capsys.readouterr().out == ""


def test_terminal_rewrites_one_line(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    make().fit(X, X[:, :1], epochs=1, batch_size=10)
    first, last = screen.getvalue().split("\n", 1)
    assert first == "Epoch 1/1"
    assert last.startswith("\r") and last.endswith("\n") and "2/2 [=========================]" in last
    assert "mae: " in last


def test_evaluate_shows_its_result(capsys):
    make().evaluate(X, X[:, :1])
    assert "loss: " in capsys.readouterr().out


def test_updates_are_limited(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    line = Line(1000)
    for i in range(1000):
        line.update(i, {"loss": 1.0})
    assert screen.getvalue().count("\r") < 20


def test_progbar(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    shown = Progbar(4, stateful_metrics=["acc"])
    shown.add(2, [("loss", 1.0), ("acc", 0.3)])
    shown.update(4, [("loss", 3.0), ("acc", 0.5)])
    assert screen.getvalue().rstrip().endswith("loss: 2.0000 - acc: 0.5000")


def test_words():
    assert duration(5) == "5s" and duration(65) == "1:05" and duration(3665) == "1:01:05"
    assert number(0.5) == "0.5000" and number(1e-5) == "1.0000e-05"
    assert per_step(2.5) == "2.5s/step" and per_step(0.012) == "12ms/step" and per_step(2e-5) == "20us/step"
    assert bar(1, 4, 8) == "1/4 [==>.....]" and bar(4, 4, 8) == "4/4 [========]" and bar(3, None) == "3/?"


class Shell:
    """Stands for IPython where it runs a notebook."""

    def get_ipython(self):
        return type("ZMQInteractiveShell", (), {})()


def test_notebook_moves_without_a_terminal(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "IPython", Shell())
    assert place_of() == "notebook" and resolved("auto") == 1
    make().fit(X, X[:, :1], epochs=1, batch_size=10, verbose="auto")
    text = capsys.readouterr().out
    assert text.startswith("Epoch 1/1\n\r") and "2/2 [=====" in text and text.endswith("\n")


def test_auto(monkeypatch):
    assert resolved("auto") == 2  # what pytest catches is no terminal
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert resolved("auto") == 1


def test_remaining_time_and_unknown_length(monkeypatch):
    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    line = Line(4, interval=0)
    line.started -= 2.0
    line.update(1, {"loss": 0.5})
    assert "ETA: 6s - 2.0s/step - loss: 0.5000" in screen.getvalue()
    unknown = Line(None, interval=0)
    unknown.update(3, {})
    assert "3/?" in screen.getvalue()


def test_all_verbs_take_auto(capsys):
    model = make()
    model.fit(X, X[:, :1], verbose="auto")
    model.evaluate(X, X[:, :1], verbose="auto")
    model.predict(X, verbose="auto")
    assert len(capsys.readouterr().out.splitlines()) == 4
