"""A collection of layers: its samples, and the checks of `layer_checks` on each of them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from ..errors import ArgumentError, PluginError, Unsupported
from ..kernel.context import use_backend
from ..kernel.loader import PluginInfo, plugins
from ..kernel.specs import LayerSpec
from .layer_checks import CHECKS
from .layer_samples import LayerSample, standard_layers
from .package_checks import package_of

# where kcore's own layers are told
STANDARD = "standard"
# bases of others' layers, and where data comes in: nothing that could be called on an input
BASES = {"Layer", "Wrapper", "Recurrent", "ConvRecurrent2D", "InputLayer"}


def plugin_named(name: str) -> PluginInfo | None:
    """The plug-in of this name, or the first of the package of this name (hyphens are as underscores)."""
    same = name.replace("-", "_").lower()
    for told in ("name", "distribution"):
        for info in plugins():
            if getattr(info, told).replace("-", "_").lower() == same:
                return info
    return None


def samples_of(plugin: str) -> list[LayerSample]:
    """The samples that a plug-in declares: its module's KCORE_SAMPLES is "module:name" of a list of LayerSample.

    Raises PluginError if there is no such plug-in, or what it declares is none.
    """
    info = plugin_named(plugin)
    if info is None:
        raise PluginError(f"no plug-in {plugin!r}; `kcore plugins` lists those that are installed.")
    if info.name == STANDARD and package_of(info) is None:
        return standard_layers()
    package = package_of(info)
    if package is None:
        raise PluginError(f"plug-in {plugin!r} is not installed as a package.")
    told = getattr(import_module(package.module), "KCORE_SAMPLES", None)
    if told is None:
        raise PluginError(
            f"{package.module} declares no samples to check its layers with; add "
            f"KCORE_SAMPLES = '{package.module}.samples:SAMPLES', a list of kcore.testing.layer_samples.LayerSample."
        )
    found = LayerSpec("samples", told).resolve()
    if not isinstance(found, (list, tuple)) or not all(isinstance(s, LayerSample) for s in found):
        raise PluginError(f"{told} is no list of LayerSample.")
    return list(found)


def without_sample(plugin: str, samples: list[LayerSample]) -> list[str]:
    """Layers that a plug-in gives and no sample covers."""
    info = plugin_named(plugin)
    given = info.gives.get("layers", []) if info else []
    covered = {n for s in samples for n in (s.class_name, *s.covers)}
    return [n for n in given if n not in covered | BASES] if plugin != STANDARD else []


def why_not(sample: LayerSample, check: str) -> str:
    """Why `check` says nothing about `sample`; '' if it does."""
    if check == "data_format" and sample.config.get("data_format") != "channels_first":
        return "no argument says that the channels come first"
    return sample.without.get(check, "")


def labelled(samples: list[LayerSample]) -> dict[str, LayerSample]:
    """Samples by a text that no other has."""
    found: dict[str, LayerSample] = {}
    for sample in samples:
        label, number = str(sample), 2
        while label in found:
            label, number = f"{sample} ({number})", number + 1
        found[label] = sample
    return found


def show(plugin: str, label: str, check: str, backend: str) -> None:
    """Runs one check of one sample on an engine: what is wrong is raised."""
    found = labelled(samples_of(plugin))
    if label not in found:
        raise ArgumentError(f"{plugin} has no sample {label!r}; it has {', '.join(found)}.")
    with use_backend(backend):
        CHECKS[check](found[label])
    print(f"{label}: {check}: passed")


def snippet(plugin: str, label: str, check: str, backend: str) -> str:
    """A program that shows a failure again."""
    return f"from kcore.testing.collection import show\nshow({plugin!r}, {label!r}, {check!r}, {backend!r})"


def class_of(sample: LayerSample) -> str:
    """The layer that a sample is for: what it covers, where it is named by a standard layer (a cell's RNN)."""
    return sample.covers[0] if sample.covers else sample.class_name


def state_of(sample: LayerSample, check: str) -> tuple[str, str]:
    """'passed', 'failed' or 'unsupported' with the reason; on the engine in use."""
    return _outcome(CHECKS[check], sample)


def _outcome(check: Any, sample: LayerSample) -> tuple[str, str]:
    try:
        check(sample)
    except Unsupported as error:
        return "unsupported", str(error)
    except Exception as error:  # a stranger's layer may fail in any way
        told = str(error) or "an assertion failed"
        return "failed", told if isinstance(error, AssertionError) else f"{type(error).__name__}: {told}"
    return "passed", ""
