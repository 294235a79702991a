"""The kit on every layer of the collection, on the engine in use, and on the package that it comes in."""

import pytest

from kcore.testing import collection, package_checks
from kcore.testing.layer_conformance import LayersConformance


class TestKit(LayersConformance):
    plugin = "layers_extra"


@pytest.mark.parametrize("check", package_checks.CHECKS)
def test_the_package(check):
    package = package_checks.package_of(collection.plugin_named("layers_extra"))
    package_checks.CHECKS[check](package)


def test_no_check_is_switched_off():
    assert not [s for s in collection.samples_of("layers_extra") if s.without]
