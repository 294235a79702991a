"""Files made to do harm, made by code: each case with the number of the rule (docs/security.md) that refuses it.

`CASES[kind]` are lists of `Case`; `case.make(folder)` writes the file and gives its path. Kinds: `hdf5` for what every
reader of such files must refuse, `config` for models whose config is the trouble (readers of weights do not look at
it), `zip` for archives.
"""

import base64
import functools
import io
import json
import marshal
import struct
import zipfile
import zlib
from dataclasses import dataclass

import h5py
import numpy as np

from kcore import layers
from kcore.models import Model, Sequential

SECRET = "secret.txt"  # a file beside, which nothing may open
MARKER = "marker.txt"  # a file that code out of a hostile file would write


@dataclass(frozen=True)
class Case:
    name: str
    rule: int
    kind: str
    make: object

    def __str__(self):
        return f"{self.rule}-{self.kind}-{self.name}"


CASES = {"hdf5": [], "config": [], "zip": []}


def case(rule, kind, name=None):
    def note(function):
        CASES[kind].append(Case(name or function.__name__, rule, kind, function))
        return function

    return note


def victim():
    """The model whose files are changed; its weights are also read into another of its kind."""
    x = layers.Input((3,), name="x")
    y = layers.Dense(2, name="out")(layers.Dense(4, name="hidden")(x))
    model = Model(x, y, name="victim")
    model.compile("sgd", "mse")
    return model


@functools.cache
def good_bytes():
    held = io.BytesIO()
    victim().save(held)
    return held.getvalue()


def good(folder):
    path = folder / "m.h5"
    path.write_bytes(good_bytes())
    return path


# HDF5 -----------------------------------------------------------------------------------------------------------
def changed(change):
    """A good file, changed at three places: at the root, among the layers, in the place of an array."""

    def make_at(place):
        def make(folder):
            path = good(folder)
            with h5py.File(path, "r+") as file:
                group = {
                    "root": file,
                    "group": file["model_weights"],
                    "layer": file["model_weights/hidden/hidden"],
                }[place]
                name = "kernel:0" if place == "layer" else "further"
                if name in group:
                    del group[name]
                change(file, group, name, folder)
            return path

        return make

    for place in ("root", "group", "layer"):
        CASES["hdf5"].append(Case(f"{change.__name__}_{place}", change.rule, "hdf5", make_at(place)))
    return change


def ruled(number):
    def note(function):
        function.rule = number
        return function

    return note


@changed
@ruled(8)
def external_link(file, group, name, folder):
    other = folder / "other.h5"
    with h5py.File(other, "w") as made:
        made["kernel"] = np.zeros((3, 4), "float32")
    group[name] = h5py.ExternalLink(str(other), "/kernel")


@changed
@ruled(8)
def soft_link(file, group, name, folder):
    group[name] = h5py.SoftLink("/model_weights/out/out/bias:0")


@changed
@ruled(8)
def dangling_link(file, group, name, folder):
    group[name] = h5py.ExternalLink(str(folder / SECRET), "/etc")


@changed
@ruled(8)
def hard_link_upwards(file, group, name, folder):
    group[name] = file["model_weights"]


@changed
@ruled(8)
def array_shared(file, group, name, folder):
    group[name] = file["model_weights/out/out/bias:0"]


@changed
@ruled(8)
def external_storage(file, group, name, folder):
    (folder / SECRET).write_bytes(b"x" * 48)
    group.create_dataset(name, (3, 4), "float32", external=[(str(folder / SECRET), 0, 48)])


@changed
@ruled(8)
def virtual_dataset(file, group, name, folder):
    layout = h5py.VirtualLayout((3, 4), "float32")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "kernel", (3, 4))
    group.create_virtual_dataset(name, layout)


@changed
@ruled(8)
def references(file, group, name, folder):
    group.create_dataset(name, data=np.array([file["model_weights"].ref] * 3, dtype=h5py.ref_dtype))


@changed
@ruled(8)
def reference_attribute(file, group, name, folder):
    group.create_group(name).attrs["to"] = file["model_weights"].ref


@changed
@ruled(8)
def region_attribute(file, group, name, folder):
    group.create_group(name).attrs["to"] = file["model_weights/out/out/bias:0"].regionref[0:1]


@changed
@ruled(8)
def named_type(file, group, name, folder):
    group[name] = np.dtype("float32")


@changed
@ruled(8)
def unknown_filter(file, group, name, folder):
    settings = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    settings.set_chunk((3, 4))
    settings.set_filter(32015, h5py.h5z.FLAG_OPTIONAL, (1,))
    space = h5py.h5s.create_simple((3, 4))
    made = h5py.h5d.create(group.id, name.encode(), h5py.h5t.NATIVE_FLOAT, space, settings)
    made.write(h5py.h5s.ALL, h5py.h5s.ALL, np.zeros((3, 4), "float32"))


def bomb(shape, dtype="float32", **settings):
    def change(file, group, name, folder):
        group.create_dataset(name, shape, dtype, **settings)

    return change


for _name, _shape, _settings in (
    ("three_gigabytes", (3 * 2**28,), {"chunks": (2**18,)}),
    ("petabytes", (2**25, 2**25), {"chunks": (512, 512)}),
    ("more_than_there_are_bytes", (2**40, 2**22), {"chunks": (512, 512)}),
    ("compressed", (2**30,), {"chunks": (2**18,), "compression": "gzip"}),
    ("one_large_chunk", (10, 10), {"chunks": (2**14, 2**14), "maxshape": (None, None)}),
    ("expected_shape_but_empty", (3, 4), {"chunks": (3, 4)}),
):
    _change = bomb(_shape, **_settings)
    _change.__name__, _change.rule = _name, 9
    changed(_change)


@changed
@ruled(9)
def small_bombs(file, group, name, folder):
    inner = group.create_group(name)
    for i in range(200):
        inner.create_dataset(str(i), (2**28,), "float32", chunks=(2**16,))


@changed
@ruled(9)
def zeros_compressed(file, group, name, folder):
    """All of it is there, 1 GiB out of 1 MiB."""
    made = group.create_dataset(name, (2**28,), "float32", chunks=(2**23,), compression="gzip")
    chunk = zlib.compress(bytes(2**25), 9)
    for i in range(32):
        made.id.write_direct_chunk((i * 2**23,), chunk)


@changed
@ruled(9)
def texts_of_any_length(file, group, name, folder):
    group.create_dataset(name, data=np.array(["a" * 100] * 12, dtype=object), dtype=h5py.string_dtype())


@changed
@ruled(9)
def large_elements(file, group, name, folder):
    group.create_dataset(name, (3, 4), "S100000")


@changed
@ruled(9)
def compound(file, group, name, folder):
    group.create_dataset(name, data=np.zeros((3, 4), [("a", "f4"), ("b", "f4")]))


@changed
@ruled(9)
def no_values(file, group, name, folder):
    group.create_dataset(name, dtype="float32")


@case(9, "hdf5")
def another_rank(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/hidden/hidden"]
        del group["kernel:0"]
        group["kernel:0"] = np.zeros((3, 4, 1), "float32")
    return path


@case(9, "hdf5")
def no_elements(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        group = file["model_weights/hidden/hidden"]
        del group["kernel:0"]
        group["kernel:0"] = np.zeros((0, 4), "float32")
    return path


@case(11, "hdf5")
def deep_groups(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        file.create_group("/".join(["g"] * 400))
    return path


@case(17, "hdf5")
def names_that_are_not_there(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        file["model_weights"].attrs["layer_names"] = np.array([b"hidden", b"absent"])
    return path


@case(17, "hdf5")
def names_that_climb(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        file["model_weights/hidden"].attrs["weight_names"] = np.array(
            [b"../out/out/kernel:0", b"/model_weights/out/out/bias:0"]
        )
    return path


@case(17, "hdf5")
def another_byte(folder):
    path = good(folder)
    with h5py.File(path, "r+") as file:
        values = file["model_weights/hidden/hidden/kernel:0"]
        values[0, 0] += 1.0
    return path


@case(17, "hdf5")
def half_a_file(folder):
    path = good(folder)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


@case(17, "hdf5")
def a_signature_alone(folder):
    path = folder / "m.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + b"\xff" * 200)
    return path


# configs --------------------------------------------------------------------------------------------------------
def with_config(folder, config=None, training=None, version=None, text=None):
    """A good file with another architecture (a dict, or a text) or training config."""
    path = good(folder)
    with h5py.File(path, "r+") as file:
        del file.attrs["kcore_crc32"], file["model_weights"].attrs["kcore_crc32"]
        if config is not None or text is not None:
            file.attrs["model_config"] = text if text is not None else json.dumps(config)
        if training is not None:
            file.attrs["training_config"] = json.dumps(training)
        if version is not None:
            file.attrs["keras_version"] = version
            file["model_weights"].attrs["keras_version"] = version
    return path


def stack(*entries):
    first = {"class_name": "Dense", "config": {"name": "hidden", "units": 4, "batch_input_shape": [None, 3]}}
    return {"class_name": "Sequential", "config": {"name": "victim", "layers": [first, *entries]}}


def dense(**config):
    return {"class_name": "Dense", "config": {"name": "out", "units": 2, **config}}


def payload(folder):
    """Bytecode that writes the marker."""
    text = f"lambda x: [x, __import__('pathlib').Path({str(folder / MARKER)!r}).write_text('run')][0]"
    code = compile(text, "f", "eval").co_consts[0]
    return base64.b64encode(marshal.dumps(code)).decode()


def keras_2_lambda(folder):
    return {
        "class_name": "Lambda",
        "config": {"name": "out", "function": [payload(folder), None, None], "function_type": "lambda", "arguments": {}},
    }  # fmt: skip


def later_lambda(folder):
    code = {
        "class_name": "__lambda__",
        "config": {"code": payload(folder), "defaults": None, "closure": None},
    }
    return {"class_name": "Lambda", "config": {"name": "out", "function": code, "arguments": {}}}


@case(1, "config")
def code_in_a_lambda(folder):
    return with_config(folder, stack(keras_2_lambda(folder)))


@case(1, "config")
def code_in_a_lambda_of_tf_keras(folder):
    return with_config(folder, stack(later_lambda(folder)), version="2.15.0")


@case(1, "config")
def code_in_a_lambda_of_keras_3(folder):
    return with_config(folder, stack(later_lambda(folder)), version="3.4.0")


@case(1, "config")
def code_as_output_shape(folder):
    made = keras_2_lambda(folder)
    code = [payload(folder), None, None]
    made["config"].update(
        output_shape=code, output_shape_type="lambda", function="relu", function_type="function"
    )
    return with_config(folder, stack(made))


@case(1, "config")
def code_in_a_wrapper(folder):
    return with_config(
        folder,
        stack({"class_name": "TimeDistributed", "config": {"name": "out", "layer": keras_2_lambda(folder)}}),
    )


@case(1, "config")
def code_in_a_model_in_a_model(folder):
    return with_config(folder, stack({"class_name": "Sequential", "config": [keras_2_lambda(folder)]}))


@case(1, "config")
def code_as_activation(folder):
    code = {"class_name": "__lambda__", "config": {"code": payload(folder)}}
    return with_config(folder, stack(dense(activation=code)), version="3.4.0")


def training(**changes):
    return {
        "optimizer_config": {"class_name": "SGD", "config": {"learning_rate": 0.1}}, "loss": "mse", "metrics": [],
        "weighted_metrics": None, "sample_weight_mode": None, "loss_weights": None, **changes,
    }  # fmt: skip


@case(1, "config")
def code_in_the_loss(folder):
    code = {"class_name": "__lambda__", "config": {"code": payload(folder)}}
    return with_config(folder, training=training(loss=code))


@case(1, "config")
def code_in_the_metrics(folder):
    return with_config(folder, training=training(metrics=[keras_2_lambda(folder)]))


@case(1, "config")
def code_in_the_optimizer(folder):
    rate = {"class_name": "__lambda__", "config": {"code": payload(folder)}}
    config = {"class_name": "SGD", "config": {"learning_rate": rate}}
    return with_config(folder, training=training(optimizer_config=config))


STRANGERS = {
    "os.system": {"module": "os", "class_name": "system", "config": {"command": "touch marker.txt"}},
    "Popen": {"module": "subprocess", "class_name": "Popen", "config": {"args": ["touch", "marker.txt"]}},
    "eval": {"module": "builtins", "class_name": "eval", "config": "open('marker.txt', 'w')"},
    "import_module": {"module": "importlib", "class_name": "import_module", "config": {"name": "antigravity"}},
    "get_file": {"module": "kcore.utils", "class_name": "get_file", "config": {"fname": "x", "origin": "http://127.0.0.1:9/x"}},
    "load_model": {"module": "kcore.models", "class_name": "load_model", "config": {"filepath": "secret.txt"}},
    "save_model": {"module": "kcore.models", "class_name": "save_model", "config": {"filepath": "marker.txt"}},
    "trusting_code": {"module": "kcore.objects", "class_name": "trusting_code", "config": {"trusted": True}},
    "CSVLogger": {"module": "kcore.callbacks", "class_name": "CSVLogger", "config": {"filename": "marker.txt"}},
    "HDF5Matrix": {"module": "kcore.utils", "class_name": "HDF5Matrix", "config": {"datapath": "m.h5", "dataset": "x"}},
    "TFSMLayer": {"module": "keras.layers", "class_name": "TFSMLayer", "config": {"filepath": "saved"}},
    "TorchModuleWrapper": {"module": "keras.layers", "class_name": "TorchModuleWrapper", "config": {"module": "AAAA"}},
    "dunder": {"class_name": "__class__", "config": {}},
    "dotted": {"class_name": "core.Dense.__init__", "config": {}},
    "function": {"class_name": "function", "config": "os.system", "module": "os"},
}  # fmt: skip
FIELDS = (
    "activation",
    "kernel_initializer",
    "bias_initializer",
    "kernel_regularizer",
    "activity_regularizer",
    "kernel_constraint",
)

for _stranger, _entry in STRANGERS.items():
    for _version in ("2.3.1", "3.4.0"):

        def _as_layer(folder, entry=_entry, version=_version):
            return with_config(folder, stack(entry), version=version)

        def _as_model(folder, entry=_entry, version=_version):
            return with_config(folder, entry, version=version)

        CASES["config"].append(Case(f"{_stranger}_as_layer_{_version}", 2, "config", _as_layer))
        CASES["config"].append(Case(f"{_stranger}_as_model_{_version}", 2, "config", _as_model))
        for _field in FIELDS:

            def _as_argument(folder, entry=_entry, version=_version, field=_field):
                return with_config(folder, stack(dense(**{field: entry})), version=version)

            CASES["config"].append(Case(f"{_stranger}_as_{_field}_{_version}", 2, "config", _as_argument))
        for _part in ("loss", "metrics", "optimizer_config"):

            def _in_training(folder, entry=_entry, version=_version, part=_part):
                given = [entry] if part == "metrics" else entry
                return with_config(folder, training=training(**{part: given}), version=version)

            CASES["config"].append(Case(f"{_stranger}_as_{_part}_{_version}", 2, "config", _in_training))


for _name, _units in {
    "huge": 10**12, "beyond_numbers": 10**400, "negative": -3, "nan": float("nan"), "text": "four",
    "infinite": float("inf"), "list": [4], "true": {"units": 4}, "large": 2**31,
}.items():  # fmt: skip

    def _sized(folder, units=_units):
        return with_config(folder, stack(dense(units=units)))

    CASES["config"].append(Case(f"units_{_name}", 11, "config", _sized))


@case(11, "config")
def nested_lists(folder):
    return with_config(
        folder, text='{"class_name": "Sequential", "config": ' + "[" * 10**5 + "]" * 10**5 + "}"
    )


@case(11, "config")
def nested_dicts(folder):
    return with_config(folder, text='{"a":' * 10**5 + "1" + "}" * 10**5)


@case(11, "config")
def long_text(folder):
    return with_config(folder, stack(dense(activation="a" * 10**7)))


@case(11, "config")
def many_layers(folder):
    return with_config(
        folder,
        stack(*({"class_name": "Dropout", "config": {"rate": 0.0, "name": str(i)}} for i in range(30_000))),
    )


@case(11, "config")
def a_name_twice(folder):
    return with_config(
        folder, text='{"class_name": "Sequential", "class_name": "Sequential", "config": {"layers": []}}'
    )


def graph(*entries, out="out"):
    first = {
        "name": "x", "class_name": "InputLayer", "config": {"name": "x", "batch_input_shape": [None, 3], "dtype": "float32"},
        "inbound_nodes": [],
    }  # fmt: skip
    config = {
        "name": "victim",
        "layers": [first, *entries],
        "input_layers": [["x", 0, 0]],
        "output_layers": [[out, 0, 0]],
    }
    return {"class_name": "Model", "config": config}


def called(name, *calls):
    return {"name": name, **dense(name=name), "inbound_nodes": [[[c, 0, 0, {}]] for c in calls]}


@case(11, "config")
def layers_in_a_circle(folder):
    return with_config(folder, graph(called("hidden", "out"), called("out", "hidden")))


@case(11, "config")
def a_layer_that_calls_itself(folder):
    return with_config(folder, graph(called("out", "out")))


@case(11, "config")
def a_layer_that_is_not_there(folder):
    return with_config(folder, graph(called("out", "nowhere")))


@case(11, "config")
def an_output_that_is_not_there(folder):
    return with_config(folder, graph(called("out", "x"), out="nowhere"))


@case(11, "config")
def a_call_far_away(folder):
    made = called("out", "x")
    made["inbound_nodes"] = [[["x", 10**9, 10**9, {}]]]
    return with_config(folder, graph(made))


NONSENSE = (7, "Dense", [], [[]], {}, None, True, {"class_name": 3, "config": {}}, {"class_name": "Dense", "config": "x"},
            {"class_name": "Sequential"}, {"class_name": "Sequential", "config": 7},
            {"class_name": "Model", "config": {}},
            {"class_name": "Model", "config": {"layers": 7}},
            {"class_name": "Dense", "config": {"units": 2, "import": "os"}})  # fmt: skip
for _i, _value in enumerate(NONSENSE):
    for _version in ("2.3.1", "2.15.0", "3.4.0"):

        def _nonsense(folder, value=_value, version=_version):
            return (
                with_config(folder, value, version=version)
                if value is not None
                else with_config(folder, text="null")
            )

        def _nonsense_within(folder, value=_value, version=_version):
            return with_config(folder, stack(value), version=version)

        CASES["config"].append(Case(f"nonsense_{_i}_{_version}", 11, "config", _nonsense))
        CASES["config"].append(Case(f"nonsense_within_{_i}_{_version}", 11, "config", _nonsense_within))


for _i, _text in enumerate(
    ("", "{", "not json", '{"a": 1} {"b": 2}', "\udcff", "{" + '"a":1,' * 10 + "}", "9" * 10**6)
):

    def _no_json(folder, text=_text):
        return with_config(folder, text=text.encode("utf-8", "surrogateescape"))

    CASES["config"].append(Case(f"no_json_{_i}", 11, "config", _no_json))


@case(6, "config")
def weights_by_path(folder):
    (folder / SECRET).write_text("x")
    return with_config(folder, stack(dense(weights=str(folder / SECRET))))


@case(15, "config")
def a_name_of_ours_for_another(folder):
    entry = {
        "class_name": "system",
        "module": "os",
        "registered_name": "Dense",
        "config": {"command": "true"},
    }
    return with_config(folder, stack(entry), version="3.4.0")


# archives -------------------------------------------------------------------------------------------------------
CONFIG = {
    "module": "keras", "class_name": "Sequential", "registered_name": "Sequential",
    "config": {"name": "victim", "layers": [
        {"module": "keras.layers", "class_name": "InputLayer", "config": {"batch_shape": [None, 3], "name": "x"}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"name": "hidden", "units": 4}},
        {"module": "keras.layers", "class_name": "Dense", "config": {"name": "out", "units": 2}},
    ]},
}  # fmt: skip


def stored_weights(change=None):
    held = io.BytesIO()
    with h5py.File(held, "w") as file:
        for name, shapes in (("dense", ((3, 4), (4,))), ("dense_1", ((4, 2), (2,)))):
            for i, shape in enumerate(shapes):
                file[f"layers/{name}/vars/{i}"] = np.ones(shape, "float32")
        if change is not None:
            change(file)
    return held.getvalue()


def members(**changes):
    made = {
        "metadata.json": json.dumps({"keras_version": "3.4.0"}), "config.json": json.dumps(CONFIG),
        "model.weights.h5": stored_weights(),
    }  # fmt: skip
    made.update(changes)
    return made


def archive(folder, further=(), **changes):
    path = folder / "m.keras"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in [*members(**changes).items(), *further]:
            made.writestr(name, data)
    return path


@case(10, "zip")
def ratio(folder):
    return archive(folder, [("assets", bytes(2**28))])


@case(10, "zip")
def too_many_members(folder):
    path = folder / "m.keras"
    path.write_bytes(_many_members())
    return path


@functools.cache
def _many_members():
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        for name, data in members().items():
            made.writestr(name, data)
        for i in range(100_001):
            made.writestr(zipfile.ZipInfo(f"a/{i}"), b"")
    return held.getvalue()


@case(10, "zip")
def a_member_twice(folder):
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return archive(folder, [("config.json", json.dumps(CONFIG))])


@case(10, "zip")
def a_member_twice_but_for_case(folder):
    return archive(folder, [("Config.json", json.dumps(CONFIG))])


def patched(folder, find, replace, count=1):
    path = archive(folder)
    data = path.read_bytes()
    assert find in data
    path.write_bytes(data.replace(find, replace, count))
    return path


@case(10, "zip")
def a_length_that_lies(folder):
    """The directory says that the weights are 100 bytes long."""
    path = archive(folder)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"model.weights.h5"))
    data[at + 24 : at + 28] = struct.pack("<I", 100)
    path.write_bytes(data)
    return path


@case(10, "zip")
def encrypted(folder):
    path = archive(folder)
    data = bytearray(path.read_bytes())
    at = data.rfind(b"PK\x01\x02", 0, data.rfind(b"config.json"))
    data[at + 8] |= 1
    path.write_bytes(data)
    return path


for _name in (
    "../up",
    "/absolute",
    "a/../../up",
    "C:\\drive",
    "back\\slash",
    "nul\x01",
    "a//b",
    "./here",
    "con\u202etxt",
):

    def _climbing(folder, name=_name):
        return archive(folder, [(name, b"x")])

    CASES["zip"].append(Case(f"name_{_name.encode('unicode_escape').decode()}", 12, "zip", _climbing))


@case(12, "zip")
def a_link(folder):
    path = archive(folder)
    with zipfile.ZipFile(path, "a") as made:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        made.writestr(info, "/etc/passwd")
    return path


@case(10, "zip")
def an_archive_in_the_place_of_weights(folder):
    inner = archive(folder)
    return archive(folder, **{"model.weights.h5": inner.read_bytes()})


@case(8, "zip")
def a_link_in_the_weights(folder):
    def change(file):
        file["layers/dense/vars/2"] = h5py.ExternalLink(str(folder / SECRET), "/x")

    return archive(folder, **{"model.weights.h5": stored_weights(change)})


@case(9, "zip")
def a_bomb_in_the_weights(folder):
    def change(file):
        del file["layers/dense/vars/0"]
        file.create_dataset("layers/dense/vars/0", (3, 2**40), "float32", chunks=(3, 1024))

    return archive(folder, **{"model.weights.h5": stored_weights(change)})


@case(17, "zip")
def a_cut_archive(folder):
    path = archive(folder)
    path.write_bytes(path.read_bytes()[:-30])
    return path


@case(17, "zip")
def another_bit(folder):
    path = archive(folder)
    data = bytearray(path.read_bytes())
    data[data.find(b"model.weights.h5") + 200] ^= 16
    path.write_bytes(data)
    return path


def config_case(rule, name, config):
    def make(folder):
        return archive(
            folder,
            **{
                "config.json": json.dumps(config(folder))
                if not isinstance(config(folder), bytes)
                else config(folder)
            },
        )

    CASES["zip"].append(Case(name, rule, "zip", make))


def with_layer(entry):
    return {**CONFIG, "config": {**CONFIG["config"], "layers": [*CONFIG["config"]["layers"][:-1], entry]}}


config_case(1, "code_in_a_lambda_in_an_archive", lambda folder: with_layer(later_lambda(folder)))
config_case(11, "deep_config_in_an_archive", lambda folder: b"[" * 10**5)
for _stranger, _entry in STRANGERS.items():
    config_case(2, f"{_stranger}_in_an_archive", lambda folder, entry=_entry: with_layer(entry))


def all_cases():
    return [c for kind in CASES.values() for c in kind]


def small_stack():
    """A Sequential as the archives hold one."""
    return Sequential([layers.Dense(4, input_shape=(3,), name="hidden"), layers.Dense(2, name="out")])
