"""Every path by which Keras 2.3.1's users import something is there; what is left out has its reason."""

import inspect
import json
from importlib import import_module
from pathlib import Path

import pytest

import kcore
from kcore.callbacks import callbacks, tensorboard_v2

PATHS = json.loads((Path(__file__).parent / "paths.json").read_text(encoding="utf-8"))

_LOOP = "inner workings of Keras's training loop; kcore's stand in kcore.training"
_STORAGE = "access to Google's storage by TensorFlow 1"
_ENGINES = "an engine is a plug-in, and K is the same for all of them"
_POOLS = "inner workings of Keras's process pools; OrderedEnqueuer does without"
# what is not there, and why: a module, or module.name
LEFT_OUT = {
    "kcore.backend.load_backend": "chooses the engine when it is imported; kcore finds engines by entry points",
    "kcore.backend.numpy_backend": _ENGINES,
    "kcore.backend.tensorflow_backend": _ENGINES,
    "kcore.engine.base_layer.disable_tracking": "a decorator of constructors; kcore's layers need none",
    "kcore.engine.saving.allow_read_from_gcs": _STORAGE,
    "kcore.engine.saving.allow_write_to_gcs": _STORAGE,
    "kcore.engine.saving.pickle_model": "models are pickled as they are",
    "kcore.engine.saving.unpickle_model": "models are pickled as they are",
    "kcore.engine.training_arrays": _LOOP,
    "kcore.engine.training_generator": _LOOP,
    "kcore.engine.training_utils": _LOOP,
    "kcore.legacy.interfaces": "decorators for Keras 1's arguments; layers understand those themselves",
    **{f"kcore.utils.data_utils.{n}": _POOLS for n in ("get_index", "init_pool", "init_pool_generator", "next_sample")},
    "kcore.utils.test_utils.tf_file_io_proxy": _STORAGE,
}  # fmt: skip


@pytest.mark.parametrize("module", [m for m in PATHS if m not in LEFT_OUT])
def test_path_is_there(module):
    found = import_module(module)
    missing = [n for n in PATHS[module] if not hasattr(found, n) and f"{module}.{n}" not in LEFT_OUT]
    assert missing == []


def test_what_is_left_out_is_not_there():
    for path in LEFT_OUT:
        module, name = (path, "") if path in PATHS else path.rsplit(".", 1)
        if name:
            assert name in PATHS[module] and not hasattr(import_module(module), name)
        else:
            with pytest.raises(ModuleNotFoundError):
                import_module(module)


@pytest.mark.parametrize("name", kcore._SUBMODULES)
def test_every_part_that_kcore_names_is_there(name):
    assert inspect.ismodule(getattr(kcore, name))
    assert name in dir(kcore)


def test_paths_lead_to_the_same_things():
    assert callbacks.EarlyStopping is kcore.callbacks.EarlyStopping
    assert tensorboard_v2.TensorBoard is kcore.callbacks.TensorBoard
    assert kcore.objectives.mse is kcore.losses.mse
    assert import_module("kcore.layers.convolutional").Deconv2D is kcore.layers.Deconv2D
    assert import_module("kcore.legacy.layers").MaxoutDense is kcore.layers.MaxoutDense


def test_image_dim_ordering_is_the_data_format_by_keras_1s_names():
    common = import_module("kcore.backend.common")
    assert common.image_dim_ordering() == "tf"
    try:
        common.set_image_dim_ordering("th")
        assert kcore.backend.image_data_format() == "channels_first"
    finally:
        common.set_image_dim_ordering("tf")
    with pytest.raises(ValueError, match="'tf' or 'th'; 'x' was given"):
        common.set_image_dim_ordering("x")
