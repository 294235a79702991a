"""A wheel of contract N - 1 goes on working; the reference of the contract is up to date."""

import json
import re
import subprocess
import sys

import pytest

from kcore import spi
from plugins.newcomers import DOCS, NewEnvironment

FORMER = spi.API_VERSION - 1
WHEELS = DOCS.parent.parent / "tests" / "plugins" / "wheels"
TRAINING = """
import numpy as np
import kcore
from acme_contract_1.parts import Rows
from kcore import layers
from kcore.models import Sequential, model_from_json
from kcore.optimizers import Adam

kcore.set_seed(1)
with kcore.use_backend("contract-one"):
    first = layers.Dense(4, activation="acme_bent", input_shape=(3,))
    model = Sequential([first, layers.AcmeScale(0.5), layers.Dense(1)])
    model.compile(Adam(0.02), "acme_loss", metrics=["acme_metric"])
    x = np.random.RandomState(0).normal(size=(8, 3)).astype("float32")
    losses = model.fit(Rows(x, x[:, :1]), epochs=30, shuffle=False, verbose=0).history["loss"]
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    assert np.array_equal(again.predict(x), model.predict(x))
print(losses[0], losses[-1])
"""
# what the same program printed with the kcore of contract 1
THEN = {1: (7.6876452, 0.13335598)}


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    environment = NewEnvironment(tmp_path_factory.mktemp("former") / "new")
    (wheel,) = WHEELS.glob(f"acme_contract_{FORMER}-*.whl")
    environment.install(wheel)
    return environment


def test_a_wheel_is_kept_for_every_former_version():
    for version in spi.SUPPORTED_API[:-1]:
        assert list(WHEELS.glob(f"acme_contract_{version}-*.whl")), f"keep a wheel of contract {version}"
    assert spi.SUPPORTED_API[-1] == spi.API_VERSION and FORMER in spi.SUPPORTED_API


def test_it_is_active(installed):
    listed = {p["name"]: p for p in json.loads(installed.command("plugins", "--json"))}
    found = listed[f"acme_contract_{FORMER}"]
    assert (found["state"], found["api"]) == ("active", FORMER)
    assert set(found["gives"]) == {"backends", "layers", "losses", "metrics", "activations", "data_adapters"}


def test_its_engine_passes_the_kit_of_today(installed):
    told = installed.command("check", "contract-one", "--level", "training")
    assert told.rstrip().endswith("passed")


def test_it_trains_as_it_did(installed):
    first, last = map(float, installed.run("-c", TRAINING).split())
    assert (first, last) == pytest.approx(THEN[FORMER], rel=1e-4)


def test_what_is_new_works_with_it(installed):
    code = """
import kcore
from kcore import layers
from kcore.models import Sequential
with kcore.use_backend("contract-one"):
    model = Sequential([layers.Conv2D(2, 3, input_shape=(4, 4, 1)), layers.AcmeScale()])
told = model.explain()
print(told.accounts[0].layouts, told.accounts[0].device, kcore.compare(model, ["numpy", "contract-one"]).passed)
"""
    assert installed.run("-c", code).strip() == "['channels_last'] cpu:0 True"


def test_the_reference_is_up_to_date():
    done = subprocess.run(
        [sys.executable, DOCS / "make_reference.py", "--check"], capture_output=True, text=True
    )
    assert done.returncode == 0, f"run `python docs/plugins/make_reference.py`\n{done.stderr}"


def test_the_history_tells_of_every_version():
    text = (DOCS / "versions.md").read_text(encoding="utf-8")
    told = [int(n) for n in re.findall(r"^### (\d+)$", text, re.MULTILINE)]
    assert told == list(range(spi.API_VERSION, 0, -1))
    reference = (DOCS / "reference.md").read_text(encoding="utf-8")
    assert max(map(int, re.findall(r"Since API (\d+)", reference))) == spi.API_VERSION
