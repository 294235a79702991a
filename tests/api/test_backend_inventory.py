"""Every public name, argument and default of Keras 2.3.1's `keras.backend` is in K; differences have their reason."""

import inspect
import json
from pathlib import Path

import pytest

from kcore import backend as K

INVENTORY = json.loads((Path(__file__).parent / "backend.json").read_text(encoding="utf-8"))

# what is not there, and why
LEFT_OUT = {
    "load_backend": "a module that chooses the engine; kcore finds engines by entry points",
    "tensorflow_backend": "an engine is a plug-in, and K is the same for all of them",
}
MODULES = {"common"}
# further arguments behind Keras's
FURTHER_ARGUMENTS = {
    "argmax": "keepdims=", "argmin": "keepdims=", "gather": "axis=", "one_hot": "dtype=",
}  # fmt: skip
# arguments that may be left out here, though Keras asks for them
OPTIONAL_HERE = {
    "batch_normalization": {"beta", "gamma"}, "clip": {"min_value", "max_value"}, "squeeze": {"axis"},
}  # fmt: skip


@pytest.mark.parametrize("name", [n for n in INVENTORY if n not in {*LEFT_OUT, *MODULES}])
def test_is_there_as_in_keras_2(name):
    target, wanted = getattr(K, name), INVENTORY[name]
    assert callable(target)
    wanted = [["name", None]] if wanted == "class" else wanted  # name_scope, a class of TensorFlow
    found = [
        [p.name, None if p.default is p.empty else repr(p.default)]
        for p in inspect.signature(target).parameters.values()
    ]
    if name in FURTHER_ARGUMENTS:
        assert len(found) > len(wanted)
        assert all(default is not None for _, default in found[len(wanted) :])
        found = found[: len(wanted)]
    for i, (argument, _) in enumerate(found):
        if argument in OPTIONAL_HERE.get(name, ()):
            assert wanted[i] == [argument, None]
            found[i] = [argument, None]
    assert found == wanted
    assert (target.__doc__ or "").strip(), f"K.{name} says nothing about itself"


def test_differences_are_needed():
    assert {n for n in INVENTORY if not hasattr(K, n)} == set(LEFT_OUT)
    assert set(FURTHER_ARGUMENTS) | set(OPTIONAL_HERE) <= set(INVENTORY)


def test_the_namespace_holds_functions_not_modules():
    shown = {n for n in dir(K) if not n.startswith("_")}
    assert set(INVENTORY) - set(LEFT_OUT) - MODULES <= shown == set(K.__all__)
    assert not [n for n in shown if inspect.ismodule(getattr(K, n))]
    scope = {}
    exec("from kcore.backend import *", scope)
    assert scope["dot"] is K.dot and "numpy" not in scope and "control" not in scope
