"""Files made to do harm, through every reader: refused in time, with one clear error, and nothing else happens."""

import json
import os
import subprocess
import sys
import threading
import warnings
from pathlib import Path

import h5py
import numpy as np
import pytest

import kcore
from hostile_files import (
    CASES,
    MARKER,
    SECRET,
    all_cases,
    good,
    keras_2_lambda,
    small_stack,
    stack,
    victim,
    with_config,
)
from kcore import objects
from kcore.errors import ArgumentError, CannotMap, FileRefused, KcoreError, UnknownName
from kcore.layers import Lambda
from kcore.models import load_model, model_from_json, model_from_yaml
from kcore.saving import container, file_budgets, gate, manifest
from kcore.saving.inspecting import inspected, told
from kcore.saving.manifest import Manifest
from kcore.saving.restoring import groups_of

WATCHED = {
    "socket.connect",
    "subprocess.Popen",
    "os.system",
    "marshal.loads",
    "pickle.find_class",
    "os.remove",
    "os.rename",
}
_watch = {"on": False, "seen": [], "folder": ""}


def _hook(event, arguments):
    if not _watch["on"] or threading.get_ident() != _watch["thread"]:
        return
    if event in WATCHED:
        if event != "marshal.loads" or not _importing():
            _watch["seen"].append((event, str(arguments)[:100]))
    elif event == "open" and isinstance(arguments[0], (str, bytes, os.PathLike)):
        path = os.fsdecode(arguments[0])
        writes = isinstance(arguments[1], str) and any(c in arguments[1] for c in "wax+")
        if path.endswith((SECRET, "other.h5", MARKER)) or (writes and not _importing()):
            _watch["seen"].append((event, path))


def _importing():
    frame = sys._getframe(2)
    while frame is not None:
        if "importlib" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


sys.addaudithook(_hook)


@pytest.fixture
def watched():
    """What happens beside the reading of a file is noted, and must be nothing."""
    _watch.update(on=True, seen=[], thread=threading.get_ident())
    try:
        yield
    finally:
        _watch["on"] = False
    assert _watch["seen"] == []


def from_path(path):
    return load_model(path)


def from_file(path):
    with open(path, "rb") as file:
        return load_model(file)


def not_compiled(path):
    return load_model(str(path), compile=False)


READERS = {"path": from_path, "file": from_file, "not compiled": not_compiled}


TRAINING = ("_as_loss", "_as_metrics", "_as_optimizer", "in_the_loss", "in_the_metrics", "in_the_optimizer")


def read_everywhere(case, path):
    """Every reader refuses the file."""
    for name, read in READERS.items():
        if name == "not compiled" and any(
            part in case.name for part in ("_as_loss", "_as_metrics", "_as_optimizer", "in_the_")
        ):
            continue  # what a model was compiled with is not looked at
        if name == "file" and case.kind == "config":
            continue  # by then it is the same for paths and files
        with pytest.raises(ValueError) as error:
            read(path)
        assert isinstance(error.value, KcoreError), (name, error.value)
        assert len(str(error.value)) < 20_000


def read_weights(case, path, model):
    before = model.get_weights()
    for options in ({}, {"by_name": True}):
        if case.kind == "zip" and options:
            continue
        try:
            model.load_weights(path, **options)
        except KcoreError:
            assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), before, strict=True))
        else:
            assert case.kind == "config" or case.rule in (1, 2, 11), "a reader of weights took it"
            model.set_weights(before)


@pytest.mark.parametrize("case", CASES["hdf5"] + CASES["zip"], ids=str)
def test_hostile_files(case, tmp_path, watched):
    path = case.make(tmp_path)
    _watch["seen"].clear()  # it was made by code that opens files
    read_everywhere(case, path)
    read_weights(case, path, victim() if case.kind == "hdf5" else small_stack())
    assert not (tmp_path / MARKER).exists()


@pytest.mark.parametrize("rule", sorted({c.rule for c in CASES["config"]}))
def test_hostile_configs(rule, tmp_path, watched):
    for case in (c for c in CASES["config"] if c.rule == rule):
        path = case.make(tmp_path)
        _watch["seen"].clear()
        try:
            read_everywhere(case, path)
        except BaseException as error:
            raise AssertionError(str(case)) from error
        assert not (tmp_path / MARKER).exists()


def as_own_format(path, folder):
    """The configs of an HDF5 file in a file of kcore's own format; None where they are none that it could hold."""
    try:
        with h5py.File(path) as file:
            architecture, training = (json.loads(file.attrs[n]) for n in ("model_config", "training_config"))
    except (ValueError, RecursionError, OSError):
        return None
    if not isinstance(architecture, dict) or not isinstance(training, dict):
        return None
    model = victim()
    made = Manifest(
        "model",
        {"kcore": "0", "engine": "?", "model": "victim"},
        (),
        architecture,
        training,
        groups_of(model),
        None,
        {},
        {},
    )
    with container.written(folder / "m.kcore") as writer:
        manifest.write(writer, made)
    return folder / "m.kcore"


def test_hostile_configs_in_the_own_format(tmp_path, watched):
    tried = 0
    for case in CASES["config"]:
        if (
            case.name.endswith(("_2.15.0", "_3.4.0"))
            or "of_tf_keras" in case.name
            or "of_keras_3" in case.name
        ):
            continue  # words of other Kerases, which this format does not speak
        path = as_own_format(case.make(tmp_path), tmp_path)
        if path is None:
            continue
        tried += 1
        _watch["seen"].clear()
        try:
            with pytest.raises(KcoreError):
                load_model(path)
        except BaseException as error:
            raise AssertionError(str(case)) from error
        assert not (tmp_path / MARKER).exists()
    assert tried > 100


def test_looking_at_hostile_files(tmp_path, watched):
    """They are refused, or told about; nothing of them is used."""
    for case in [c for i, c in enumerate(all_cases()) if c.rule != 2 or i % 8 == 0]:
        path = case.make(tmp_path)
        _watch["seen"].clear()
        try:
            assert isinstance(told(inspected(path)), str), str(case)
        except KcoreError:
            pass
        assert _watch["seen"] == [] and not (tmp_path / MARKER).exists(), str(case)


def test_within_memory_and_time(tmp_path):
    """All of it in a process with little memory; each refusal within five seconds."""
    code = """
import json, resource, sys, time
from pathlib import Path
import numpy, h5py
import kcore.layers, kcore.models
import hostile_files
folder = Path(sys.argv[1])
names = json.loads(sys.argv[2])
slow, taken = [], []
for case in hostile_files.all_cases():
    if str(case) not in names:
        continue
    path = case.make(folder)
    resource.setrlimit(resource.RLIMIT_AS, (3 * 2**30, resource.RLIM_INFINITY))
    started = time.monotonic()
    try:
        kcore.models.load_model(path)
        taken.append(str(case))
    except ValueError:
        pass
    if time.monotonic() - started > 5:
        slow.append(str(case))
    resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(json.dumps([slow, taken]))
"""
    names = [str(c) for c in all_cases() if c.rule in (9, 10, 11) and "nonsense" not in c.name]
    tests = Path(__file__).parent.parent
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(tests), str(Path(kcore.__file__).parent.parent)]),
    }
    environment.update(KCORE_BACKEND="numpy", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path), json.dumps(names)],
        capture_output=True, text=True, timeout=300, check=False, env=environment,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]


def test_errors_name_file_member_rule_and_limit(tmp_path):
    bomb = next(c for c in CASES["hdf5"] if c.name == "three_gigabytes_layer")
    with pytest.raises(FileRefused) as error:
        load_model(bomb.make(tmp_path))
    text = str(error.value)
    assert (
        str(tmp_path / "m.h5") in text
        and "/model_weights/hidden/hidden/kernel:0" in text
        and "rule 9" in text
    )
    with (
        file_budgets(max_config_bytes=100),
        pytest.raises(FileRefused, match=r"max_config_bytes=100.*file_budgets"),
    ):
        load_model(good(tmp_path))
    with file_budgets(max_bytes_total=50), pytest.raises(FileRefused, match="max_bytes_total=50"):
        load_model(good(tmp_path))
    with file_budgets(max_members=3), pytest.raises(FileRefused, match="max_members=3"):
        load_model(good(tmp_path))
    assert load_model(good(tmp_path)).name == "victim"
    with pytest.raises(ArgumentError, match="no budget 'max_beers'"), file_budgets(max_beers=3):
        pass
    assert gate.budgets() == gate.Budgets()


# code -----------------------------------------------------------------------------------------------------------
def lambda_file(folder):
    return with_config(folder, stack(keras_2_lambda(folder)))


def weightless(folder):
    """A file whose Lambda holds code, and whose weights fit the layers beside it."""
    path = lambda_file(folder)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array([b"hidden"])
    return path


def test_code_runs_only_where_it_is_trusted(tmp_path):
    path = weightless(tmp_path)
    for unsafe in ({}, {"safe_mode": True}, {"safe_mode": None}):
        with pytest.raises(FileRefused, match=r"Lambda 'out'.*rule 1"):
            load_model(path, compile=False, **unsafe)
    assert not (tmp_path / MARKER).exists()
    with pytest.warns(UserWarning, match="Lambda 'out'.*Python code from the file is run"):
        model = load_model(path, compile=False, safe_mode=False)
    assert (tmp_path / MARKER).read_text() == "run"
    assert model.predict(np.zeros((1, 3))).shape == (1, 4)


def test_trust_does_not_leak(tmp_path):
    path = weightless(tmp_path)
    with pytest.warns(UserWarning, match="is run"):
        load_model(path, compile=False, safe_mode=False)
    assert not objects.code_is_trusted()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path_to_error = with_config(
            tmp_path, stack(keras_2_lambda(tmp_path), {"class_name": "Nobody", "config": {}})
        )
        with pytest.raises(KcoreError):  # an error within the scope of trust
            load_model(path_to_error, safe_mode=False)
    assert not objects.code_is_trusted()
    results = []

    def other_thread():
        try:
            load_model(path, compile=False)
        except FileRefused:
            results.append("refused")

    with objects.trusting_code(True):
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
    assert results == ["refused"]


def test_configs_given_directly_are_safe_too(tmp_path):
    entry = keras_2_lambda(tmp_path)
    with pytest.raises(ArgumentError, match="code in a config is not"):
        Lambda.from_config(entry["config"])
    for read in (kcore.models.model_from_config, lambda c: model_from_json(json.dumps(c))):
        with pytest.raises(FileRefused, match="rule 1"):
            read(stack(entry))
    with pytest.raises((UnknownName, CannotMap)):
        kcore.models.Sequential.from_config({"layers": [{"class_name": "os.system", "config": {}}]})
    assert not (tmp_path / MARKER).exists()


def test_yaml_makes_no_objects(tmp_path):
    pytest.importorskip("yaml")
    marker = tmp_path / MARKER
    for text in (
        f"!!python/object/apply:os.system ['touch {marker}']",
        f"class_name: !!python/name:os.system\nconfig: {{a: !!python/object/new:os.system ['touch {marker}']}}",
        "a: &a [x, x]\nb: [*a, *a]\n",
        "a: [" * 2000,
        "{" * 50_000,
    ):
        with pytest.raises(ValueError):
            model_from_yaml(text)
    laughs = ["a0: &a0 [lol]"] + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 300)]
    with pytest.raises(FileRefused):
        model_from_yaml("\n".join(laughs))
    assert not marker.exists()


# what may be named ----------------------------------------------------------------------------------------------
def test_nothing_that_acts_can_be_named():
    """What configs can name, by family: classes and functions of these kinds, from these modules, nothing else."""
    allowed = {
        "layers": ("kcore.layers", "kcore.models", "kcore.metrics"), "losses": ("kcore.losses",),
        "metrics": ("kcore.metrics", "kcore.losses"), "optimizers": ("kcore.optimizers",),
        "initializers": ("kcore.initializers",), "regularizers": ("kcore.regularizers",),
        "constraints": ("kcore.constraints",), "activations": ("kcore.activations",),
    }  # fmt: skip
    registries = kcore.kernel.registry.registries
    for family, modules in allowed.items():
        for name in registries[family].names():
            if registries[family].origin(name).distribution != "kcore":
                continue
            found = registries[family].get(name)
            assert found.__module__.startswith(modules), (family, name)
            assert not {"filepath", "path", "filename", "url", "module", "command"} & set(
                _arguments(found)
            ), (family, name)


def _arguments(target):
    code = getattr(getattr(target, "__init__", target), "__code__", None) or getattr(target, "__code__", None)
    return code.co_varnames[: code.co_argcount] if code else ()


# a file that changes while it is read ------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".h5", ".kcore"])
def test_a_path_is_opened_once(tmp_path, suffix):
    """Rule 13: what is looked at is what is read."""
    path, opened = tmp_path / f"m{suffix}", []
    victim().save(path)
    load_model(path)

    def hook(event, arguments):
        if event == "open" and str(arguments[0]) == str(path):
            opened.append(event)

    sys.addaudithook(hook)
    model = victim()
    for read in (load_model, model.load_weights, inspected):
        opened.clear()
        read(path)
        assert len(opened) == 1, read


def test_a_path_that_is_swapped(tmp_path):
    first, second, link = tmp_path / "a", tmp_path / "b", tmp_path / "link.h5"
    first.mkdir(), second.mkdir()
    paths = [good(first), next(c for c in CASES["hdf5"] if c.name == "external_link_layer").make(second)]
    link.symlink_to(paths[0])
    stop = threading.Event()

    def swap():
        i = 0
        while not stop.is_set():
            i += 1
            beside = tmp_path / "beside"
            beside.symlink_to(paths[i % 2])
            os.replace(beside, link)

    thread = threading.Thread(target=swap)
    thread.start()
    outcomes = set()
    try:
        for _ in range(40):
            try:
                outcomes.add(load_model(link, compile=False).name)
            except FileRefused as error:
                assert "rule 8" in str(error)
                outcomes.add("refused")
    finally:
        stop.set()
        thread.join()
    assert outcomes <= {"victim", "refused"}
