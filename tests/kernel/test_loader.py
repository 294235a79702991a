"""Discovery: what a good plug-in gives, and how every kind of bad one is set aside while the rest goes on."""

import types

import pytest

from kcore.errors import PluginError, UnknownBackend, UnknownName
from kcore.kernel import loader, registry
from kcore.kernel.loader import Candidate
from kcore.spi import BackendSpec, LayerSpec, hookimpl


@pytest.fixture
def fresh(monkeypatch):
    """Empty registries and no plug-ins, for one test; no discovery of what is installed."""
    for entry in registry.registries.values():
        for name, empty in (("entries", {}), ("refused", {}), ("broken", []), ("_resolved", {})):
            monkeypatch.setattr(entry, name, empty)
    monkeypatch.setattr(loader, "_plugins", [])
    monkeypatch.setattr(registry, "_discovery", [])
    monkeypatch.delenv("KCORE_PLUGINS", raising=False)
    monkeypatch.delenv("KCORE_STRICT_PLUGINS", raising=False)


def module(**hooks):
    made = types.ModuleType("plugin")
    for name, value in hooks.items():
        setattr(made, name, value)
    return made


def gives_layers(*names, **more):
    def kcore_layers():
        return [LayerSpec(n, object()) for n in names]

    return module(kcore_layers=hookimpl(kcore_layers), **more)


def candidate(name, made, distribution=None, version="1.0"):
    def load():
        if isinstance(made, Exception):
            raise made
        return made

    return Candidate(name, distribution or f"dist-{name}", version, load)


def states():
    return {p.name: (p.state, p.reason) for p in loader._plugins}


def test_a_good_plugin_is_registered_with_its_origin(fresh):
    loader.load_all([candidate("good", gives_layers("Wave"), "acme", "2.1")])
    assert states() == {"good": ("active", "")}
    assert "Wave" in registry.registries["layers"]
    assert str(registry.registries["layers"].origin("Wave")) == "acme 2.1"
    assert loader._plugins[0].gives == {"layers": ["Wave"]}


def _raises():
    raise OSError("disk on fire")


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (ImportError("libfoo.so not found"), "ImportError: libfoo.so not found"),
        (module(kcore_layers=hookimpl(lambda: _raises())), None),
        (gives_layers("Bad", KCORE_API=99), "contract version 99; this kcore has 1"),
        (module(kcore_layers=hookimpl(lambda: [42])), None),
    ],
    ids=["import", "hook", "version", "values"],
)
def test_a_bad_plugin_is_set_aside_and_the_others_go_on(fresh, made, reason):
    loader.load_all([candidate("bad", made), candidate("good", gives_layers("Wave"))])
    state, told = states()["bad"]
    assert state == "set aside" and told
    if reason:
        assert reason in told
    assert states()["good"] == ("active", "")
    assert "Wave" in registry.registries["layers"]
    with pytest.raises(UnknownName, match="set aside|would come from"):
        registry.registries["layers"].get("Bad")


def test_a_hook_that_raises_or_gives_nonsense_is_named(fresh):
    def kcore_layers():
        raise OSError("disk on fire")

    def kcore_losses():
        return [42]

    loader.load_all(
        [
            candidate("fire", module(kcore_layers=hookimpl(kcore_layers))),
            candidate("nonsense", module(kcore_losses=hookimpl(kcore_losses))),
        ]
    )
    assert states()["fire"] == ("set aside", "OSError: disk on fire")
    assert "kcore_losses() gave 42; a list of LossSpec is needed" in states()["nonsense"][1]


def test_a_misspelled_hook_is_told_with_the_nearest_name(fresh):
    def kcore_layer():
        return []

    loader.load_all([candidate("typo", module(kcore_layer=hookimpl(kcore_layer)))])
    assert "'kcore_layer', which does not exist. Did you mean 'kcore_layers'?" in states()["typo"][1]


def test_a_taken_name_shows_both_distributions(fresh):
    first, second = gives_layers("Swish"), gives_layers("Swish", "Other")
    loader.load_all([candidate("a", first, "extra", "0.1"), candidate("b", second, "acme", "2.0")])
    assert states()["a"][0] == "active"
    assert states()["b"] == (
        "set aside",
        "layer 'Swish' is offered by extra 0.1 and acme 2.0. Uninstall one.",
    )
    with pytest.raises(UnknownName, match="'Other' would come from acme 2.0"):  # all or nothing
        registry.registries["layers"].get("Other")


def test_only_listed_plugins_are_imported(fresh, monkeypatch):
    imported = []

    def spy(name):
        return Candidate(name, "acme", "1", lambda: imported.append(name) or gives_layers(name))

    monkeypatch.setenv("KCORE_PLUGINS", "wanted")
    loader.load_all([spy("wanted"), spy("other")])
    assert imported == ["wanted"]
    assert states()["other"] == ("not allowed", "KCORE_PLUGINS does not list it")
    monkeypatch.setenv("KCORE_PLUGINS", "none")
    loader.load_all([spy("none"), spy("more")])
    assert imported == ["wanted"]


def test_strict_raises(fresh, monkeypatch):
    monkeypatch.setenv("KCORE_STRICT_PLUGINS", "1")
    with pytest.raises(PluginError, match="'bad' .*cannot be used: ImportError: nope"):
        loader.load_all([candidate("bad", ImportError("nope"))])


def test_targets_are_loaded_when_asked_for(fresh):
    def kcore_layers():
        return [LayerSpec("Path", "pathlib:PurePosixPath"), LayerSpec("Gone", "no_such_module:X")]

    loader.load_all([candidate("lazy", module(kcore_layers=hookimpl(kcore_layers)))])
    assert registry.registries["layers"].get("Path").__name__ == "PurePosixPath"
    with pytest.raises(ModuleNotFoundError):
        registry.registries["layers"].get("Gone")


def test_an_engine_that_fails_to_load_says_why_and_what_is_installed(fresh):
    def kcore_backends():
        return [BackendSpec("fast", load=lambda: _raises(), priority=5), BackendSpec("slow", load=object)]

    loader.load_all([candidate("engines", module(kcore_backends=hookimpl(kcore_backends)), "acme", "3")])
    assert registry.backends.preferred() == "fast"
    with pytest.raises(
        UnknownBackend, match=r"'fast' failed to load: OSError: disk on fire \(acme 3\).\n.*slow"
    ):
        registry.backends.get("fast")
    with pytest.raises(UnknownBackend, match="no engine named 'slwo'. Did you mean 'slow'"):
        registry.backends.get("slwo")
    with pytest.raises(UnknownBackend, match="pip install kcore-backend-"):
        registry.backends.get(next(iter(registry.INSTALL_HINTS)))
