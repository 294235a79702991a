"""Files are opened in one place: whatever can run code or unpack archives stands in kcore.saving, or on this list."""

import ast
from pathlib import Path

import pytest

import kcore

PACKAGE = Path(kcore.__file__).parent
OPENERS = {
    ("h5py", "File"), ("zipfile", "ZipFile"), ("tarfile", "open"), ("np", "load"), ("numpy", "load"),
    ("pickle", "load"), ("pickle", "loads"), ("pickle", "Unpickler"), ("marshal", "load"), ("marshal", "loads"),
    ("yaml", "load"), ("yaml", "unsafe_load"), ("yaml", "full_load"), ("shelve", "open"), ("dill", "loads"),
    ("joblib", "load"), ("importlib", "reload"),
}  # fmt: skip
# Who else opens files of such kinds, and why that is safe. Every entry must be needed.
ELSEWHERE = {
    ("utils/hdf5.py", "h5py.File"): "HDF5Matrix reads the user's own data, one dataset by its name",
    ("utils/h5dict.py", "h5py.File"): "H5Dict has the gate look a file through before it reads",
    ("utils/download.py", "tarfile.open"): "get_file checks and unpacks archives itself",
    ("utils/download.py", "zipfile.ZipFile"): "get_file checks and unpacks archives itself",
    ("callbacks/backup.py", "np.load"): "states of training that was interrupted, without pickles",
    ("datasets/digits.py", "np.load"): "a file of the package itself, without pickles",
    ("inspection/command.py", "np.load"): "arrays that the user names on the command line, without pickles",
}
# in kcore.saving: the only files that open
GATES = {"hdf5_gate.py", "archive.py", "hdf5.py", "keras_face.py", "models.py", "bytecode.py"}


def opened_in(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute)
            and isinstance(node.func.value, ast.Name)
        ):
            name = (node.func.value.id, node.func.attr)
            if name in OPENERS:
                yield ".".join(name), node
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("eval", "exec")
        ):
            yield node.func.id, node


FOUND = {
    (path.relative_to(PACKAGE).as_posix(), name): node
    for path in sorted(PACKAGE.rglob("*.py"))
    for name, node in opened_in(path)
}


def test_nobody_else_opens_files():
    strangers = [f for f in FOUND if f not in ELSEWHERE and not f[0].startswith("saving/")]
    assert not strangers, "read such files through kcore.saving, or say here why it is safe"


def test_in_saving_only_gates_do():
    own = {Path(file).name for file, _ in FOUND if file.startswith("saving/")}
    assert "hdf5_gate.py" in own and own - GATES <= {"container.py", "native.py", "inspecting.py"}


@pytest.mark.parametrize("file, name", ELSEWHERE, ids=str)
def test_exceptions_are_needed(file, name):
    assert (file, name) in FOUND


@pytest.mark.parametrize("file", [f for f, name in ELSEWHERE if name == "np.load"])
def test_arrays_are_read_without_pickles(file):
    node = FOUND[file, "np.load"]
    assert any(k.arg == "allow_pickle" and k.value.value is False for k in node.keywords)


def test_yaml_is_read_by_the_safe_loader_alone():
    source = (PACKAGE / "saving" / "models.py").read_text(encoding="utf-8")
    assert "yaml.SafeLoader" in source and "yaml.Loader" not in source and "unsafe_load" not in source


def test_code_is_run_at_one_place_only():
    assert [f for f, name in FOUND if name in ("marshal.loads", "marshal.load")] == ["saving/bytecode.py"]
    assert not [f for f, name in FOUND if name in ("eval", "exec")]
