"""Where what a model is made of came from: for each plug-in what of it a config names."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..kernel.registry import LOCAL, Origin, registries

_FAMILIES = (
    "layers", "losses", "metrics", "optimizers", "initializers", "regularizers", "constraints", "activations",
)  # fmt: skip
# what stands under such a key names one of that family
_NAMING_KEYS = (("activation", "activations"), ("loss", "losses"), ("metrics", "metrics"))


def plugins_of(*configs: Any) -> list[dict[str, Any]]:
    """One entry per plug-in, {'plugin', 'distribution', 'version', 'gives': {family: names}}; kcore itself first."""
    found: dict[Origin, dict[str, set[str]]] = {}
    for name, families in names_in(configs):
        for family in (*families, *_FAMILIES):
            registry = registries[family]
            if name in registry:
                origin = registry.origin(name)
                found.setdefault(origin, {}).setdefault(family, set()).add(name)
                break
        else:
            if not families:
                found.setdefault(LOCAL, {}).setdefault("objects", set()).add(name)
    ordered = sorted(found, key=lambda o: (o.distribution != "kcore", o is LOCAL, o.distribution, o.plugin))
    return [_entry(origin, found[origin]) for origin in ordered]


def _entry(origin: Origin, gives: Mapping[str, set[str]]) -> dict[str, Any]:
    return {
        "plugin": origin.plugin,
        "distribution": origin.distribution,
        "version": origin.version,
        "gives": {family: sorted(names) for family, names in sorted(gives.items())},
    }


def names_in(config: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of classes and functions in a config, with the families that they can be of (none: any)."""
    stack = [config]
    while stack:
        value = stack.pop()
        if isinstance(value, Mapping):
            if isinstance(value.get("class_name"), str):
                yield value["class_name"], ()
            for key, inner in value.items():
                for ending, family in _NAMING_KEYS:
                    if isinstance(key, str) and key.endswith(ending):
                        for text in _texts(inner):
                            yield text, (family,)
                stack.append(inner)
        elif isinstance(value, (list, tuple)):
            stack.extend(value)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, tuple)):
        yield from (v for v in value if isinstance(v, str))


def advice(plugins: Sequence[Mapping[str, Any]], message: str) -> str:
    """What to install, if `message` (of an UnknownName) is about something that a plug-in gave."""
    for plugin in plugins:
        names = [n for listed in plugin["gives"].values() for n in listed]
        if any(repr(n) in message for n in names):
            if plugin["distribution"] in (LOCAL.distribution, ""):
                return "It was defined by the program that saved the model: pass it in custom_objects."
            told = f"It came from the plug-in {clean(plugin['plugin'])!r}"
            package = clean(plugin["distribution"])
            return f"{told}: pip install {package} (it was version {clean(plugin['version'])})."
    return ""


def clean(text: str) -> str:
    """A name out of a file, fit to be shown."""
    return re.sub(r"[^A-Za-z0-9_.+!-]", "?", text[:80])
