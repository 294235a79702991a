"""Every public name, signature and default of Keras 2.3.1's catalogue is there; differences have their reason."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

CATALOGUE = json.loads((Path(__file__).parent / "catalogue.json").read_text(encoding="utf-8"))

_SESSIONS = "wraps an optimizer of TensorFlow 1, whose updates belong to a session"
_POOLS = "inner workings of Keras's process pools; OrderedEnqueuer does without"
# what is not there, and why: module.name, or module.* for all of a module
LEFT_OUT = {
    "kcore.optimizers.TFOptimizer": _SESSIONS,
    **{f"kcore.utils.data_utils.{n}": _POOLS for n in ("get_index", "init_pool", "init_pool_generator", "next_sample")},
    "kcore.utils.test_utils.tf_file_io_proxy": "stands for TensorFlow's access to Google's storage in Keras's own tests",
}  # fmt: skip
# members that are not there
MEMBERS_LEFT_OUT = {
    "Network": {  # Model has the former
        "load_weights", "save", "save_weights", "to_json", "to_yaml", "run_internal_graph", "uses_learning_phase",
        "input_spec",
    },
    "Bidirectional": {"constraints"},
    "Layer": {"built"},  # set by every constructor
    "CuDNNGRU": {"cell"}, "CuDNNLSTM": {"cell"},  # set by every constructor
    "OrderedEnqueuer": {"join_end_of_epoch"}, "SequenceEnqueuer": {"get"},
}  # fmt: skip
# signatures that differ: by further arguments behind Keras's, or by the name of what Keras calls `args`
FURTHER_ARGUMENTS = {
    "Sequential": "a model takes backend=", "CategoricalCrossentropy": "smoothing_axis=",
    "categorical_crossentropy": "smoothing_axis=", "save_model": "format=", "load_model": "safe_mode=",
    "get_file": "schemes=, max_bytes=",
}  # fmt: skip
OTHER_NAMES = {
    "Node": "made by layers only", "CustomObjectScope": "*tables for *args", "custom_object_scope": "*tables for *args"
}  # fmt: skip

ENTRIES = [
    pytest.param(module, name, entry, id=f"{module}.{name}")
    for module, names in CATALOGUE.items()
    for name, entry in names.items()
    if f"{module}.{name}" not in LEFT_OUT and module not in LEFT_OUT
]


def parameters(target):
    made = target.__init__ if inspect.isclass(target) and target.__init__ is not object.__init__ else target
    found = list(inspect.signature(made).parameters.values())[made is not target :]
    return [[p.name, None if p.default is p.empty else repr(p.default)] for p in found]


@pytest.mark.parametrize("module, name, entry", ENTRIES)
def test_is_there_as_in_keras_2(module, name, entry):
    target = getattr(import_module(module), name)
    assert inspect.isclass(target) == (entry["kind"] == "class") or callable(target)
    if name not in OTHER_NAMES:
        got, want = parameters(target), entry["signature"]
        if "Enum" in entry.get("mro", ()):
            got = []  # Python's own, and another one in every version
        if name in FURTHER_ARGUMENTS:
            assert len(got) > len(want)
            got = got[: len(want)]
        assert got == want
    missing = {m for m in entry.get("members", ()) if not hasattr(target, m)}
    assert missing <= MEMBERS_LEFT_OUT.get(target.__name__, set())
    bases = {c.__name__ for c in target.__mro__} if inspect.isclass(target) else set()
    assert set(entry.get("mro", ())) <= bases


def test_what_is_left_out_is_in_the_catalogue_and_not_in_kcore():
    for path in LEFT_OUT:
        module, name = (path, "") if path in CATALOGUE else path.rsplit(".", 1)
        assert module in CATALOGUE and (not name or name in CATALOGUE[module])
