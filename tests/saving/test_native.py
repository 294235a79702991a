"""The format `.kcore`: round trips, exact continuation, damage of every kind, faults and kills while saving."""

import errno
import io
import json
import os
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import hostile_files
import kcore
from kcore import layers, losses, optimizers
from kcore.errors import CannotMap, FileRefused, KcoreError, UnknownName, WeightsMismatch
from kcore.models import Model, Sequential, load_model
from kcore.saving import file_budgets, lazy_weights, native, restore_random_state
from kcore.saving.container import _TAIL, ALIGNMENT, ArchiveWriter
from saving_faults import files_that_fail, operations_of

R = np.random.RandomState
X, Y = R(0).rand(8, 3).astype("float32"), R(1).rand(8, 2).astype("float32")


def dense():
    model = Sequential(
        [
            layers.Dense(4, activation="relu", input_shape=(3,), kernel_regularizer="l2"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(2),
        ]
    )
    model.compile(optimizers.Adam(0.01, amsgrad=True), "mse", metrics=["mae"])
    return model, X, Y


def stateful():
    model = Sequential(
        [layers.LSTM(3, stateful=True, batch_input_shape=(4, 5, 2), dropout=0.2), layers.Dense(2)]
    )
    model.compile("rmsprop", losses.MeanSquaredError())
    return model, R(0).rand(8, 5, 2).astype("float32"), Y


def nested():
    first, second = layers.Input((3,), name="first"), layers.Input((3,), name="second")
    shared = layers.Dense(3, activation="tanh")
    inner = Sequential([layers.Dense(3, input_shape=(3,)), layers.Dropout(0.5), layers.Dense(2)])
    x = layers.Concatenate()([inner(shared(first)), inner(shared(second))])
    out = [layers.Dense(2, activation="softmax", name="kind")(x), layers.Dense(1, name="size")(x)]
    model = Model([first, second], out)
    model.compile(
        optimizers.SGD(0.05, momentum=0.9),
        {"kind": "categorical_crossentropy", "size": "mse"},
        loss_weights={"kind": 0.3, "size": 0.7},
        metrics={"kind": ["accuracy"]},
    )
    return model, [X, X[::-1].copy()], [Y, Y[:, :1].copy()]


BUILDERS = [dense, stateful, nested]


@pytest.fixture(params=BUILDERS, ids=lambda b: b.__name__)
def trained(request):
    np.random.seed(5)
    model, x, y = request.param()
    model.fit(x, y, batch_size=4, epochs=2, verbose=0)
    return model, x, y


def listed(values):
    return values if isinstance(values, list) else [values]


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(listed(first), listed(second), strict=True))


def saved(model, **arguments):
    held = io.BytesIO()
    native.save(model, held, **arguments)
    return held.getvalue()


def untrained(seed=0):
    np.random.seed(seed)
    return dense()[0]


@pytest.fixture(scope="module")
def data():
    """A small file, of a model that was trained a step."""
    model = untrained()
    model.train_on_batch(X, Y)
    return saved(model)


def loaded(data, **arguments):
    return load_model(io.BytesIO(data), **arguments)


# round trips ------------------------------------------------------------------------------------------------
def test_training_goes_on_as_if_nothing_had_happened(trained, tmp_path):
    model, x, y = trained
    path = tmp_path / "m.kcore"
    model.save(path)
    again = load_model(path)
    assert type(again) is type(model) and again.name == model.name
    assert same(again.get_weights(), model.get_weights())
    assert same(again.optimizer.get_weights(), model.optimizer.get_weights())
    histories = []
    for one in (model, again):
        restore_random_state(path)
        histories.append(one.fit(x, y, batch_size=4, epochs=2, verbose=0).history)
    assert histories[0] == histories[1]  # shuffles, dropout and states included
    assert same(again.get_weights(), model.get_weights())


def test_every_place(trained, tmp_path):
    model, x, _ = trained
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            model.reset_states()
    expected = model.predict(x, batch_size=4)
    held = io.BytesIO(b"before")
    held.seek(6)
    native.save(model, held)
    held.seek(6)
    for target in (str(tmp_path / "a.kcore"), tmp_path / "b.kcore", held):
        if target is not held:
            model.save(target)
        # a stream whose beginning is something else is read from where it is, by this format alone
        again = native.load(target) if target is held else load_model(target)
        if getattr(again, "stateful", False):
            again.reset_states()
        assert same(again.predict(x, batch_size=4), expected)


def test_without_what_it_was_compiled_with(data, tmp_path):
    assert loaded(data, compile=False).optimizer is None
    with pytest.warns(UserWarning, match="not compiled"):
        assert loaded(saved(untrained(), include_optimizer=False)).optimizer is None


def test_weights_alone(tmp_path):
    first, second = untrained(1), untrained(2)
    path = tmp_path / "w.kcore"
    first.save_weights(path)
    assert not same(first.get_weights(), second.get_weights())
    second.load_weights(path)
    assert same(first.get_weights(), second.get_weights())
    with pytest.raises(FileRefused, match="weights alone"):
        load_model(path)
    other = Sequential([layers.Dense(4, input_shape=(3,), name=first.layers[0].name), layers.Dense(7)])
    before = other.get_weights()
    with pytest.raises(WeightsMismatch, match="missing|unexpected"):
        other.load_weights(path)
    assert same(other.get_weights(), before)
    other.load_weights(path, by_name=True)
    assert same(other.layers[0].get_weights(), first.layers[0].get_weights())


def test_it_is_a_zip_whose_arrays_can_be_mapped(data, tmp_path):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        told = json.loads(archive.read("manifest.json"))
        weight = told["layers"][0]["weights"][0]
        values = np.frombuffer(archive.read(weight["member"]), "<f4").reshape(weight["shape"])
    model = loaded(data)
    np.testing.assert_array_equal(values, model.get_weights()[0])
    assert data.index(values.tobytes()) % ALIGNMENT == 0
    assert told["conventions"]["convolutions"] == "correlate"
    (tmp_path / "m.kcore").write_bytes(data)
    with lazy_weights(tmp_path / "m.kcore") as found:
        first = next(iter(found[model.layers[0].name].values()))
        mapped, read = first.mapped(), np.asarray(first)
        first.verify()
    assert isinstance(mapped, np.memmap) and not mapped.flags.writeable
    np.testing.assert_array_equal(mapped, values)
    np.testing.assert_array_equal(read, values)


def test_the_same_model_gives_the_same_bytes():
    model = untrained()
    assert saved(model) == saved(model)


def test_types_and_empty_weights(tmp_path):
    class Odd(layers.Layer):
        def build(self, input_shape):
            for dtype in ("float64", "float16", "int32", "bool"):
                self.add_weight(f"w_{dtype}", (2, 3), dtype=dtype, initializer="zeros", trainable=False)
            self.add_weight("none", (0, 3), initializer="zeros")
            self.add_weight("number", (), initializer="ones")
            super().build(input_shape)

        def call(self, inputs):
            return inputs

    model = Sequential([Odd(input_shape=(3,))])
    values = [np.asarray(R(0).rand(*w.shape) * 3).astype(w.dtype) for w in model.get_weights()]
    model.set_weights(values)
    model.save(tmp_path / "m.kcore")
    again = load_model(tmp_path / "m.kcore", custom_objects={"Odd": Odd}, compile=False)
    assert [w.dtype for w in again.get_weights()] == [w.dtype for w in values]
    assert same(again.get_weights(), values)
    with pytest.raises((UnknownName, CannotMap), match="defined by the program that saved the model"):
        load_model(tmp_path / "m.kcore", compile=False)


def test_engines_read_each_other(data):
    """What the engine of this run saved, another one reads, and the reverse."""
    here = loaded(data)
    expected = here.predict(X)
    there = loaded(saved(here))
    there.to_backend("numpy")
    np.testing.assert_allclose(there.predict(X), expected, rtol=1e-5, atol=1e-6)
    there.train_on_batch(X, Y)
    back = loaded(saved(there))
    assert back.backend == here.backend
    np.testing.assert_allclose(back.predict(X), there.predict(X), rtol=1e-5, atol=1e-6)
    assert same(back.optimizer.get_weights(), there.optimizer.get_weights())


# damage -----------------------------------------------------------------------------------------------------
_opened = {"on": False, "seen": []}


WATCHED = ("open", "os.remove", "os.rename", "socket.connect", "subprocess.Popen", "marshal.loads")


def _hook(event, arguments):
    if _opened["on"] and event in WATCHED and not _importing():
        _opened["seen"].append((event, str(arguments[:1])[:100]))


def _importing():
    frame = sys._getframe(2)
    while frame is not None:
        if "importlib" in frame.f_code.co_filename:
            return True
        frame = frame.f_back
    return False


sys.addaudithook(_hook)


@pytest.fixture
def nothing_else():
    """Nothing is opened, written or run while a file in memory is read."""
    _opened.update(on=True, seen=[])
    try:
        yield
    finally:
        _opened["on"] = False
    assert _opened["seen"] == []


def refuses(data, model):
    """That `data` is refused by both readers, and that `model` stays as it was."""
    before = model.get_weights()
    with pytest.raises(KcoreError):
        loaded(data)
    with pytest.raises(KcoreError):
        native.load_weights(model, io.BytesIO(data))
    assert same(model.get_weights(), before)


def test_every_flip_is_noticed(data, nothing_else):
    model, random = loaded(data), R(7)
    before = model.get_weights()
    for i in range(1000):
        changed = bytearray(data)
        changed[random.randint(len(data))] ^= 1 << random.randint(8)
        with pytest.raises(FileRefused):
            native.load(io.BytesIO(changed))
        if i % 10 == 0:
            try:  # which reads less, so it need not notice
                native.load_weights(model, io.BytesIO(changed))
            except FileRefused:
                pass
            assert same(model.get_weights(), before)


def test_every_cut_is_noticed(data, nothing_else):
    model = loaded(data)
    for size in (*range(0, len(data), 4096), 1, 100, 400, len(data) - 1, len(data) - 98):
        refuses(data[:size], model)


@pytest.mark.parametrize(("size", "start"), [(2**64 - 1, 1), (2**63, 2**63), (0, 2**64 - 1)])
def test_an_end_that_tells_of_numbers_too_large_is_noticed(data, nothing_else, size, start):
    end = len(data) - _TAIL + struct.calcsize("<4sQHHIIQQ")  # where the directory's size and place are
    refuses(data[:end] + struct.pack("<QQ", size, start) + data[end + 16 :], untrained())


def test_what_is_added_is_noticed(data):
    model = loaded(data)
    for changed in (data + b"\0", b"\0" * 64 + data, data + data, data[:64] + bytes(64) + data[64:]):
        refuses(changed, model)


def members_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(members):
    held = io.BytesIO()
    writer = ArchiveWriter(held)
    for name, contents in members if isinstance(members, list) else members.items():
        writer.add(name, contents)
    writer.finish()
    return held.getvalue()


def with_manifest(data, change):
    members = members_of(data)
    told = json.loads(members["manifest.json"])
    members["manifest.json"] = json.dumps(change(told) or told).encode()
    return packed(members)


def test_rewriting_changes_nothing(data):
    held = io.BytesIO()
    native.save(loaded(data), held)
    assert same(load_model(held).get_weights(), loaded(data).get_weights())  # a stream that was just written
    assert same(loaded(packed(members_of(data))).get_weights(), loaded(data).get_weights())


def rezipped(data, **arguments):
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", **arguments) as archive:
        for name, contents in members_of(data).items():
            archive.writestr(name, contents)
    return held.getvalue()


CONTAINERS = {
    "row 10: compressed": lambda d: rezipped(d, compression=zipfile.ZIP_DEFLATED),
    "row 10: another zip program": rezipped,
    "row 10: a member twice": lambda d: packed([*members_of(d).items(), *list(members_of(d).items())[-1:]]),
    "row 10: a hidden member": lambda d: packed({**members_of(d), "hidden": b"x"}),
    "row 10: a nested zip": lambda d: packed({**members_of(d), "inner.zip": d}),
    "row 10: nothing in it": lambda d: packed({"kcore.format": b"kcore model, version 1\n"}),
    "row 10: many members": lambda d: packed({**members_of(d), **{f"m/{i}": b"" for i in range(300)}}),
    "row 12: a path upwards": lambda d: packed({**members_of(d), "../../evil": b"x"}),
    "row 12: an absolute path": lambda d: packed({**members_of(d), "/etc/evil": b"x"}),
    "row 12: a drive": lambda d: packed({**members_of(d), "C:evil": b"x"}),
    "row 12: a backslash": lambda d: packed({**members_of(d), "a\\..\\evil": b"x"}),
    "row 12: NUL": lambda d: packed({**members_of(d), "a\0b": b"x"}),
}


@pytest.mark.parametrize("case", CONTAINERS)
def test_hostile_containers(case, data, nothing_else):
    with file_budgets(max_members=200):
        refuses(CONTAINERS[case](data), loaded(data))


def test_a_directory_that_lies(data):
    """Overlapping members: two entries for the bytes of one."""
    held = io.BytesIO()
    writer = ArchiveWriter(held)
    for name, contents in members_of(data).items():
        writer.add(name, contents)
    first = writer.members[1]
    writer.members.append(type(first)("copy", first.header, first.size, first.crc))
    writer.finish()
    with pytest.raises(FileRefused, match="rule 10"):
        loaded(held.getvalue())
    huge = type(first)("huge", writer.members[-2].end, 2**50, 0)
    held = io.BytesIO()
    writer = ArchiveWriter(held)
    writer.members.append(huge)
    writer.finish()
    with pytest.raises(FileRefused, match="rule 1[07]"):
        native.load(held)


def at(*path):
    """A function that puts a value at a place of the manifest."""

    def setter(value):
        def change(told):
            inside = told
            for part in path[:-1]:
                inside = inside[part]
            inside[path[-1]] = value

        return change

    return setter


weight = ("layers", 0, "weights", 0)
MANIFESTS = {
    "row 9: shape bomb": (at(*weight, "shape")([2**30, 2**30]), "declares"),
    "row 9: negative": (at(*weight, "shape")([-3, -4]), "sizes"),
    "row 9: no whole number": (at(*weight, "shape")([3.0, 4]), "sizes"),
    "row 9: truth values": (at(*weight, "shape")([True, 12]), "sizes"),
    "row 9: too many axes": (at(*weight, "shape")([1] * 33), "axes"),
    "row 9: objects": (at(*weight, "dtype")("object"), "type"),
    "row 9: texts": (at(*weight, "dtype")("U4"), "type"),
    "row 9: other size": (at(*weight, "dtype")("float64"), "declares"),
    "row 10: an array twice": (at("layers", 1, "weights", 1, "member")("layers/1/0"), "not there, or one twice"),
    "row 10: no such array": (at(*weight, "member")("layers/9/9"), "not there"),
    "row 11: a name twice": (lambda m: m["layers"][0]["weights"].__setitem__(
        1, {**m["layers"][0]["weights"][1], "name": m["layers"][0]["weights"][0]["name"]}), "twice"),
    "row 11: further key": (at("extra")(1), "by the keys"),
    "row 11: no key": (lambda m: m.pop("layers") and None, "by the keys"),
    "row 11: a list": (lambda m: [m], "by the keys"),
    "row 11: other type": (at("layers")({}), "something else"),
    "row 16: unknown conventions": (lambda m: m["conventions"].update(convolutions="convolve"), "rule 16"),
    "row 17: other version": (at("version")(2), "version 2"),
    "row 17: other checksum": (at(*weight, "crc32")("00000000"), "checksum"),
    "row 2: a function of the system": (lambda m: m["architecture"]["config"]["layers"][0].update(
        class_name="os.system"), "os.system"),
    "row 2: an activation": (lambda m: m["architecture"]["config"]["layers"][0]["config"].update(
        activation="eval"), "eval"),
    "row 2: an optimizer": (lambda m: m["training"]["optimizer_config"].update(class_name="Popen"), "Popen"),
    "row 11: units": (lambda m: m["architecture"]["config"]["layers"][0]["config"].update(units=10**12), "."),
    "row 11: seeds": (at("state", "values", "seeds")(["x"]), "whole numbers"),
    "row 11: counter": (at("state", "values", "random_counter")(2**70), "whole numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", MANIFESTS)
def test_hostile_manifests(case, data, nothing_else):
    change, told = MANIFESTS[case]
    with pytest.raises(KcoreError, match=told):
        loaded(with_manifest(data, change))


def test_a_random_state_that_is_none(data):
    before = np.random.get_state()
    for name, value in (("host_position", 10**6), ("host_gauss", "x"), ("python_version", 99)):
        with pytest.raises(FileRefused, match="random state"):
            restore_random_state(io.BytesIO(with_manifest(data, at("state", "values", name)(value))))
    after = np.random.get_state()
    assert before[2] == after[2] and np.array_equal(before[1], after[1])


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


def _places(value, path=()):
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        yield (*path, key)
        if isinstance(inner, (dict, list)):
            yield from _places(inner, (*path, key))


@settings(max_examples=150)
@given(st.data(), VALUES)
def test_a_manifest_changed_at_one_place(source, value):
    data = _SMALL()
    told = json.loads(members_of(data)["manifest.json"])
    place = source.draw(st.sampled_from(list(_places(told))))
    try:
        loaded(with_manifest(data, at(*place)(value)))
    except (KcoreError, UserWarning):
        pass


_small: list[bytes] = []


def _SMALL():
    if not _small:
        _small.append(saved(untrained()))
    return _small[0]


# faults -----------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("suffix", [".kcore", ".h5"])
def test_a_fault_at_any_operation_leaves_the_old_file(tmp_path, suffix):
    path = tmp_path / f"m{suffix}"
    old, new = untrained(1), untrained(2)
    old.save(path)
    contents = path.read_bytes()
    steps = operations_of(lambda: new.save(tmp_path / f"other{suffix}"))
    assert steps.count("write") > 3
    (tmp_path / f"other{suffix}").unlink()
    for number, at_step in enumerate(steps):
        if at_step == "sync_folder":
            continue
        fault = OSError(errno.ENOSPC, "disk full")
        with files_that_fail(number, fault, half=True), pytest.raises(OSError):
            new.save(path)
        assert path.read_bytes() == contents, (number, at_step)
        assert os.listdir(tmp_path) == [path.name]


KILLED = """
import os, sys
sys.path[:0] = [sys.argv[2]]
import h5py
import numpy as np
from kcore import layers
from kcore.models import Sequential, load_model
from saving_faults import files_that_fail, operations_of
path = sys.argv[1]

def make(value):
    model = Sequential([layers.Dense(2, input_shape=(3,)), layers.Dense(2)])
    model.set_weights([np.full_like(w, value) for w in model.get_weights()])
    model.compile("sgd", "mse")
    return model

old, new = make(1.0), make(2.0)
old.save(path)
steps = operations_of(lambda: new.save(path))
for at, name in enumerate(steps):
    old.save(path)
    child = os.fork()
    if child == 0:
        with files_that_fail(at, "kill", half=True):
            new.save(path)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 9, name
    values = {float(w.max()) for w in load_model(path).get_weights()}
    assert values == ({2.0} if name == "sync_folder" else {1.0}), (at, name, values)
print(len(steps))
"""


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
@pytest.mark.parametrize("suffix", [".kcore", ".h5"])
def test_a_kill_at_any_operation_leaves_the_old_file(tmp_path, suffix):
    done = run(KILLED, tmp_path / f"m{suffix}", Path(__file__).resolve().parent.parent)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 6


def run(code, *arguments):
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(kcore.__file__).parent.parent),
        "KCORE_BACKEND": "numpy",
        "OPENBLAS_NUM_THREADS": "1",
    }
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        env=environment, capture_output=True, text=True, timeout=200, check=False,
    )  # fmt: skip


# size -------------------------------------------------------------------------------------------------------
def test_memory(tmp_path):
    model = Sequential([layers.Dense(1000, input_shape=(1000,)), *(layers.Dense(1000) for _ in range(9))])
    total = sum(w.nbytes for w in model.get_weights())

    def peak(action):
        tracemalloc.start()
        try:
            kept = action()
            return tracemalloc.get_traced_memory()[1] / total, kept
        finally:
            tracemalloc.stop()

    model.save(tmp_path / "m.kcore")
    assert peak(lambda: model.save(tmp_path / "m.kcore"))[0] < 0.25
    assert peak(lambda: load_model(tmp_path / "m.kcore", compile=False))[0] < 1.2


# the hostile configs of tests/hostile_files.py, in this format ----------------------------------------------------
@pytest.mark.parametrize("case", hostile_files.CASES["config"], ids=str)
def test_hostile_configs(case, tmp_path, nothing_else):
    """What HDF5 files with such configs are refused for, files of this format are refused for."""
    _opened["on"] = False
    path = case.make(tmp_path)
    with h5py.File(path, "r") as file:
        told = {n: file.attrs.get(f"{n}_config") for n in ("model", "training")}
    members = members_of(saved(hostile_files.victim()))
    manifest = json.loads(members["manifest.json"])
    for key, name in (("architecture", "model"), ("training", "training")):
        manifest[key] = f"@{name}@" if told[name] is not None else manifest[key]
    text = json.dumps(manifest)
    for name, config in told.items():  # as text: it may be no JSON, or too deep for Python to write
        config = config.decode() if isinstance(config, bytes) else config
        text = text if config is None else text.replace(f'"@{name}@"', config)
    data = packed({**members, "manifest.json": text.encode("utf-8", "surrogateescape")})
    _opened["on"] = True
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(KcoreError):
            loaded(data)
