"""Importing the classifiers and the data sets loads no engine, and no family of models before it is asked for."""

import json
import subprocess
import sys

import pytest

import kcore
from kcore import applications

CODE = """
import json, sys
from kcore import applications, datasets
early = sorted(sys.modules)
applications.vgg16.VGG16
applications.imagenet_utils.preprocess_input
print(json.dumps([early, sorted(sys.modules)]))
"""


def test_importing_is_cheap():
    done = subprocess.run(
        [sys.executable, "-c", CODE], capture_output=True, text=True, check=True, timeout=120
    )
    early, late = json.loads(done.stdout)
    assert "kcore.applications" in early and "kcore.applications.building" not in early
    assert "kcore.applications.vgg16" in late and "kcore.applications.nasnet" not in late
    costly = {"tensorflow", "mxnet", "keras", "h5py", "PIL", "scipy", "pandas"}
    for loaded in (early, late):
        assert costly.isdisjoint(loaded)
        assert not [m for m in loaded if m.startswith("kcore.engines.")]


def test_names():
    shown = dir(applications)
    assert {"VGG16", "vgg16", "imagenet_utils", "ResNet50", "resnet"} <= set(shown)
    assert kcore.applications is applications
    assert applications.ResNet50 is applications.resnet50.ResNet50
    with pytest.raises(AttributeError, match="'VGG17'"):
        applications.VGG17  # noqa: B018
    scope = {}
    exec("from kcore.applications import *", scope)
    assert scope["NASNetLarge"] is applications.nasnet.NASNetLarge
