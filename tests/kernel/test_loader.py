"""Discovery: what a good plug-in gives, and how every kind of bad one is set aside while the rest goes on."""

import dataclasses
import sys
import threading
import types

import pytest

from kcore import cli
from kcore._lazy import lazy_module
from kcore.errors import PluginConflict, PluginError, UnknownBackend, UnknownName
from kcore.kernel import loader, registry, specs
from kcore.kernel.hints import INSTALL_HINTS
from kcore.kernel.loader import Candidate
from kcore.spi import BackendSpec, LayerSpec, LossSpec, hookimpl


@pytest.fixture
def fresh(monkeypatch):
    """Empty registries and no plug-ins, for one test; no discovery of what is installed."""
    for entry in registry.registries.values():
        for name in ("entries", "refused", "broken", "withheld", "unused", "_resolved"):
            monkeypatch.setattr(entry, name, type(getattr(entry, name))())
    monkeypatch.setattr(loader, "_plugins", [])
    monkeypatch.setattr(registry, "_discovery", [lambda: None])
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
    assert "'kcore_layer', which does not exist. Did you mean 'kcore_layers'" in states()["typo"][1]


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
    told = r"layer 'Gone' failed to load from 'no_such_module:X': ModuleNotFoundError: .* \(dist-lazy 1.0\)"
    with pytest.raises(PluginError, match=told):
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
    with pytest.raises(UnknownBackend, match=r"pip install 'kcore-backend-\w+\[cpu\]'"):
        registry.backends.get(next(iter(INSTALL_HINTS)))


# what a plug-in may not do to the others ------------------------------------------------------------------


def gives(hook, *descriptions, **more):
    def function():
        return list(descriptions)

    function.__name__ = hook
    return module(**{hook: hookimpl(function)}, **more)


def _exits():
    raise SystemExit(3)


def test_a_plugin_that_ends_the_program_is_set_aside(fresh):
    loader.load_all([Candidate("exits", "acme", "1", _exits), candidate("good", gives_layers("Wave"))])
    assert states() == {"exits": ("set aside", "SystemExit: 3"), "good": ("active", "")}


def test_ctrl_c_is_not_a_plugins_fault(fresh):
    def interrupted():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loader.load_all([Candidate("slow", "acme", "1", interrupted)])


def test_a_hook_without_its_mark_is_told(fresh):
    loader.load_all([candidate("bare", module(kcore_layers=lambda: []))])
    assert "kcore_layers() lacks the decorator @hookimpl" in states()["bare"][1]


def test_what_a_plugin_imports_lazily_stays_so(fresh):
    sys.modules.pop("this", None)
    loader.load_all([candidate("lazy", gives_layers("Wave", costly=lazy_module("this")))])
    assert states()["lazy"] == ("active", "") and "this" not in sys.modules


def test_a_name_given_twice_by_one_plugin(fresh):
    loader.load_all([candidate("twice", gives_layers("A", "A"), "acme", "2")])
    assert states()["twice"] == ("set aside", "layer 'A' is offered twice by acme 2.")
    assert "A" not in registry.registries["layers"]


@pytest.mark.parametrize("family", sorted(specs.FAMILIES))
def test_each_family_arrives_by_its_hook_and_is_named_in_the_singular(fresh, family):
    hook, kind = specs.FAMILIES[family]
    made = [candidate(n, gives(hook, kind("thing", object)), f"dist-{n}") for n in "ab"]
    loader.load_all(made)
    told = f"{registry.SINGULAR[family]} 'thing' is offered by dist-a 1.0 and dist-b 1.0. Uninstall one."
    assert states() == {"a": ("active", ""), "b": ("set aside", told)}
    assert registry.registries[family].provenance("thing").distribution == "dist-a"
    assert getattr(registry.registries, family).names() == ["thing"]
    assert getattr(loader.hookspecs, hook).__doc__.endswith("Since API 1.")


def test_kcores_own_names_are_not_for_taking(fresh):
    own = Candidate("standard", "kcore", "0", lambda: gives_layers("Dense"), own=True)
    loader.load_all([own, candidate("b", gives_layers("Dense"), "acme", "2.0")])
    assert states()["b"][1] == "layer 'Dense' is offered by kcore 0 and acme 2.0. Choose another name."


def test_strict_discovery_says_the_same_each_time(fresh, monkeypatch):
    monkeypatch.setenv("KCORE_STRICT_PLUGINS", "1")
    monkeypatch.setattr(loader, "_done", threading.Event())
    monkeypatch.setattr(loader, "_installed", lambda: [candidate("bad", ImportError("nope"))])
    for _ in range(2):
        with pytest.raises(
            PluginError, match=r"plug-in 'bad' \(dist-bad 1.0\) cannot be used: ImportError: nope"
        ):
            loader.discover()
        assert loader._plugins == [] and not registry.registries["layers"].entries


def test_threads_discover_once(fresh, monkeypatch):
    imported = []
    monkeypatch.setattr(loader, "_done", threading.Event())
    monkeypatch.setattr(loader, "_builtin", list)
    spy = Candidate("spy", "acme", "1", lambda: imported.append(1) or gives_layers("Wave"))
    monkeypatch.setattr(loader, "_installed", lambda: [spy])
    threads = [threading.Thread(target=loader.plugins) for _ in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert imported == [1] and len(loader.plugins()) == 1


# descriptions ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: LayerSpec("", object), "'' is not a name"),
        (lambda: LayerSpec("A", object, aliases="B"), "a tuple of names is needed"),
        (lambda: LayerSpec("A", "module.A"), "target 'module.A' must read 'module:attribute'"),
        (lambda: BackendSpec("fast", load=None), "load is None; a function is needed"),
        (lambda: BackendSpec("fast", load=object, needs="numpy"), "a tuple of names is needed"),
    ],
)
def test_a_description_that_cannot_work_is_refused_where_it_is_made(make, told):
    with pytest.raises(PluginError, match=told):
        make()


def test_descriptions_and_plugin_infos_are_frozen(fresh):
    loader.load_all([candidate("good", gives_layers("Wave"))])
    for value, name in ((LayerSpec("A", object), "name"), (loader._plugins[0], "state")):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, name, "other")


def test_aliases_are_names_of_the_same_object(fresh):
    made = gives("kcore_losses", LossSpec("mean", "pathlib:PurePath.joinpath", aliases=("m", "Mean")))
    loader.load_all([candidate("good", made)])
    losses = registry.registries["losses"]
    assert losses.names() == ["Mean", "m", "mean"] == sorted(loader._plugins[0].gives["losses"])
    assert losses.get("m") is losses.get("mean")


def test_the_programs_own_names(fresh):
    loader.load_all([candidate("good", gives_layers("Wave"))])
    layers = registry.registries["layers"]
    layers.add_local("Mine", int)
    layers.add_local("Mine", float)
    assert layers.get("Mine") is float and str(layers.provenance("Mine")) == "this program"
    with pytest.raises(PluginConflict, match="'Wave' is offered by dist-good 1.0 and this program. Choose"):
        layers.add_local("Wave", int)


# engines --------------------------------------------------------------------------------------------------


def engines(*descriptions):
    return candidate("engines", gives("kcore_backends", *descriptions), "acme", "3")


def test_an_engine_without_what_it_needs_is_never_the_default(fresh):
    lacking = BackendSpec("fast", load=_exits, priority=9, needs=("no_such_module",))
    loader.load_all([engines(lacking, BackendSpec("slow", load=object, needs=("json",)))])
    assert registry.backends.preferred() == "slow"
    with pytest.raises(UnknownBackend, match=r"'fast' failed to load: it needs no_such_module, which is not"):
        registry.backends.get("fast")


def test_what_is_no_engine_is_refused(fresh):
    loader.load_all([engines(BackendSpec("odd", load=lambda: 42))])
    with pytest.raises(UnknownBackend, match="its load\\(\\) gave 42, which is no kcore.spi.Engine"):
        registry.backends.get("odd")


def test_no_engine_at_all(fresh):
    loader.load_all([candidate("bad", ImportError("nope"))])
    with pytest.raises(UnknownBackend, match="no engine can be used.\n.*'bad'.*ImportError: nope"):
        registry.backends.preferred()


def test_an_installed_engine_is_not_to_be_installed_again(fresh, monkeypatch):
    name, hint = next(iter(INSTALL_HINTS.items()))
    package = hint.partition("[")[0]
    monkeypatch.setenv("KCORE_PLUGINS", "none")
    loader.load_all([candidate("fast", gives_layers("Wave"), package, "0.1")])
    with pytest.raises(UnknownBackend) as caught:
        registry.backends.get(name)
    told = str(caught.value)
    assert f"KCORE_PLUGINS does not list them: fast ({package} 0.1)" in told
    assert "pip install" not in told and "Did you mean" not in told


# the command ----------------------------------------------------------------------------------------------


def test_the_table_shows_a_reason_as_it_is(fresh, monkeypatch, capsys):
    monkeypatch.setenv("COLUMNS", "40")
    reason = "[bold]not[/italic] markup, and longer than the terminal is wide"
    loader.load_all([candidate("bad", ValueError(reason))])
    assert cli.main(["plugins"]) == 0
    shown = capsys.readouterr().out
    assert f"is set aside: ValueError: {reason}\n`kcore doctor` gives" in shown


def test_an_odd_contract_version_can_be_listed(fresh, capsys):
    loader.load_all([candidate("odd", gives_layers("Wave", KCORE_API=object()))])
    assert cli.main(["plugins", "--json"]) == 0
    assert "contract version <object object" in capsys.readouterr().out


def test_the_command_tells_errors_in_a_line(fresh, monkeypatch, capsys):
    def fails():
        raise PluginError("plug-in 'bad' cannot be used")

    monkeypatch.setattr(cli, "plugins", fails)
    assert cli.main(["plugins"]) == 2
    assert capsys.readouterr().err == "kcore: PluginError: plug-in 'bad' cannot be used\n"
