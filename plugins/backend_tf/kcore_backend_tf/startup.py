"""Importing TensorFlow: quietly unless asked otherwise, and with memory on GPUs taken as it is needed."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from importlib import import_module
from typing import Any

LEVEL = "TF_CPP_MIN_LOG_LEVEL"  # 0: everything, 3: fatal errors only
OLDEST = (2, 16)


def import_tensorflow() -> Any:
    """The module `tensorflow`. TF_CPP_MIN_LOG_LEVEL, if set, is left alone and its messages are shown."""
    if "tensorflow" in sys.modules:
        return _configured(sys.modules["tensorflow"])
    if LEVEL in os.environ:
        with _without_keras():
            return _configured(import_module("tensorflow"))
    os.environ[LEVEL] = "3"
    try:
        with _stderr_held_back(), _without_keras():
            tf = _configured(import_module("tensorflow"))
            tf.constant(0)  # starts the runtime, which has more to say, and can be configured no longer
    finally:
        del os.environ[LEVEL]
    return tf


def _configured(tf: Any) -> Any:
    _check_version(tf)
    _grow_memory(tf)
    _keep_autograph_out()
    return tf


def _check_version(tf: Any) -> None:
    found = tuple(int("".join(c for c in part if c.isdigit()) or 0) for part in tf.__version__.split(".")[:2])
    if found < OLDEST:
        raise ImportError(
            f"TensorFlow {tf.__version__} is installed; the engine needs {OLDEST[0]}.{OLDEST[1]} or newer: "
            "pip install -U tensorflow (or tensorflow-cpu)."
        )


def _grow_memory(tf: Any) -> None:
    """GPUs give memory as it is asked for, unless the runtime has been configured already."""
    for gpu in tf.config.list_physical_devices("GPU"):
        with contextlib.suppress(RuntimeError, ValueError):
            tf.config.experimental.set_memory_growth(gpu, True)


def _keep_autograph_out() -> None:
    """Within a `tf.function` of the user, code of kcore runs as it is written.

    Rewriting it, as AutoGraph does with all code that is not TensorFlow's own, takes seconds for each function and
    changes nothing. The list of what it leaves alone is not public: without it calls only take longer.
    """
    with contextlib.suppress(ImportError, AttributeError):
        config = import_module("tensorflow.python.autograph.core.config")
        ours = [config.DoNotConvert(name) for name in ("kcore", __package__)]
        if not any(str(rule) == str(ours[0]) for rule in config.CONVERSION_RULES):
            config.CONVERSION_RULES = (*ours, *config.CONVERSION_RULES)


@contextlib.contextmanager
def _without_keras() -> Iterator[None]:
    """TensorFlow loads Keras at the end of its import, if it is there; it does without where it is not.

    Nothing here uses it, and it takes as long to load as TensorFlow itself. `tf.keras` still loads it when asked.
    """
    blocked = [name for name in ("keras", "tf_keras") if name not in sys.modules]
    for name in blocked:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in blocked:
            if sys.modules.get(name, name) is None:
                del sys.modules[name]


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """What libraries write to the process's standard error at start-up is shown only if the import fails."""
    sys.stderr.flush()
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
        yield
        return
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            sys.stderr.write(held.read().decode(errors="replace"))
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
