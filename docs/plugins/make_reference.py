"""Writes reference.md out of the docstrings: `python docs/plugins/make_reference.py` (with --check: only compares)."""

import dataclasses
import inspect
import sys
from pathlib import Path

from kcore import spi
from kcore.backend.declare import declared
from kcore.kernel import hookspecs
from kcore.kernel.specs import FAMILIES, ObjectSpec

PAGE = Path(__file__).with_name("reference.md")
HEAD = f"""# Reference of the contract
Made from the docstrings by `python docs/plugins/make_reference.py`; a test sees to it that it is up to date. Contract
version {spi.API_VERSION}; plug-ins for {" and ".join(map(str, spi.SUPPORTED_API))} work. Everything here is imported
from `kcore.spi`; operations are called by name. [How versions change](versions.md).
"""
LEVELS = {
    "inference": "owed for level `inference` and above",
    "training": "owed for level `training` and above",
    "recurrent": "owed for level `recurrent`",
    "optional": "optional, where a library has it",
}


def text_of(thing):
    return inspect.cleandoc(thing.__doc__ or "")


def _annotated(annotation):
    if annotation is inspect.Parameter.empty:
        return ""
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def signature_of(function, skip=()):
    """`(x: Tensor, axis=None) -> ...`, the same on every Python."""
    parts = []
    found = inspect.signature(function)
    for p in found.parameters.values():
        if p.name in skip:
            continue
        star = {p.VAR_POSITIONAL: "*", p.VAR_KEYWORD: "**"}.get(p.kind, "")
        kind = _annotated(p.annotation)
        default = "" if p.default is p.empty else f" = {p.default!r}" if kind else f"={p.default!r}"
        parts.append(f"{star}{p.name}{': ' + kind if kind else ''}{default}")
    result = _annotated(found.return_annotation)
    return f"({', '.join(parts)})" + (f" -> {result}" if result else "")


def hooks():
    yield "## Hooks"
    yield hookspecs.__doc__.partition("\n\n")[2].strip()
    yield "A hook is a function of its name in the plug-in's module, marked with `@hookimpl`; it takes nothing."
    for name, spec in FAMILIES.values():
        yield f"### `{name}() -> list[{spec.__name__}]`"
        yield text_of(getattr(hookspecs, name))


def fields_of(cls):
    rows = ["| field | type | default |", "| - | - | - |"]
    for f in dataclasses.fields(cls):
        missing = f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING
        default = (
            ""
            if missing
            else f"`{f.default_factory()!r}`"
            if f.default is dataclasses.MISSING
            else f"`{f.default!r}`"
        )
        rows.append(f"| `{f.name}` | `{str(f.type).replace('|', chr(92) + '|')}` | {default} |")
    return "\n".join(rows)


def specs():
    yield "## Descriptions"
    yield "What hooks return. All are frozen dataclasses."
    yield "### `BackendSpec`"
    yield text_of(spi.BackendSpec)
    yield fields_of(spi.BackendSpec)
    listed = [spec.__name__ for _, spec in FAMILIES.values() if issubclass(spec, ObjectSpec)]
    yield f"### {', '.join(f'`{name}`' for name in listed)}"
    yield text_of(ObjectSpec)
    yield fields_of(ObjectSpec)


def engine():
    yield "## `Engine`"
    yield text_of(inspect.getmodule(spi.Engine))
    head, _, attributes = text_of(spi.Engine).partition("Class attributes\n")
    yield head.strip()
    yield "### Class attributes"
    told = attributes.partition("\n")[2].replace("\n    ", " ").split("\n")
    yield "\n".join("- `{}`:{}".format(*line.split(":", 1)) for line in told if line)
    abstract = spi.Engine.__abstractmethods__
    owed = [n for n in vars(spi.Engine) if n in abstract]
    given = [
        n for n, v in vars(spi.Engine).items() if callable(v) and not n.startswith("_") and n not in abstract
    ]
    for title, names in (("Methods that every engine writes", owed), ("Methods with a default", given)):
        yield f"### {title}"
        for name in names:
            method = getattr(spi.Engine, name)
            yield f"#### `{name}{signature_of(method, ('self',))}`"
            if method.__doc__:
                yield text_of(method)


def programs():
    yield "## Programs"
    for cls in (spi.FlatProgram, spi.Instruction, spi.TensorSpec, spi.Execution):
        yield f"### `{cls.__name__}`"
        yield text_of(cls)
        yield fields_of(cls)
    yield f"### `slots_of{signature_of(spi.slots_of)}`"
    yield text_of(spi.slots_of)
    yield "### `Interpreter`"
    yield text_of(spi.Interpreter)


def operations():
    yield "## Primitives"
    yield (
        "What an engine's table `primitives` owes. Tensors come in the order of the parameters marked `Tensor`, "
        "`Tensors` (a list) or `Optional` (a tensor or None); a parameter marked `Dims` is a tuple of whole numbers, or "
        "what `shape_tuple` gives for one that is computed while running; the rest are plain Python values."
    )
    for level, told in LEVELS.items():
        chosen = [op for op in declared() if op.is_primitive and op.level == level]
        if chosen:
            yield f"### {told[0].upper()}{told[1:]}"
            yield "\n".join(f"- `{op.name}{signature_of(op.meaning)}`: {summary(op)}" for op in chosen)
    yield "## Composites"
    yield (
        "Operations that the core writes in others. An engine that does one better puts it into `fused`, in the same "
        "form. Where no entry is there, the definition runs."
    )
    yield "\n".join(
        f"- `{op.name}{signature_of(op.meaning)}`: {summary(op)}" for op in declared() if not op.is_primitive
    )


def summary(op):
    """The first paragraph of what an operation's docstring says, on one line."""
    return " ".join(text_of(op).partition("\n\n")[0].split())


def errors():
    yield "## Errors"
    found = [(name, getattr(spi, name)) for name in sorted(spi.__all__)]
    raised = [(n, e) for n, e in found if isinstance(e, type) and issubclass(e, Exception)]
    yield "\n".join(f"- `{name}`: {' '.join(text_of(error).split())}" for name, error in raised)


def page():
    parts = [HEAD.strip()]
    for section in (hooks, specs, engine, programs, operations, errors):
        parts.extend(section())
    return "\n\n".join(p for p in parts if p) + "\n"


def main():
    if "--check" in sys.argv:
        return 0 if PAGE.read_text(encoding="utf-8") == page() else 1
    PAGE.write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
