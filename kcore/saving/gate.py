"""The gate that everything read from a model file goes through: budgets, names, configs. A file is hostile input.

Rules have the numbers of docs/security.md, which errors name. What is declared is compared with the budgets before
anything is allocated; a file that breaks one rule is refused as a whole.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

from ..errors import ArgumentError, FileRefused

HEAD = 512  # bytes by which the kind of a file is told

MIB, GIB = 2**20, 2**30


@dataclass(frozen=True)
class Budgets:
    """The most that a model file may take. Bytes, if not said otherwise."""

    max_bytes_total: int = 64 * GIB  # all arrays of a file together, as they will be in memory
    max_bytes_member: int = 32 * GIB  # one array, or one member of an archive
    max_ratio: int = 256  # bytes in memory for each byte of the file, once they are more than `free_bytes`
    free_bytes: int = 64 * MIB
    max_members: int = 100_000  # datasets, groups, members of an archive
    max_attribute_bytes: int = 64 * MIB  # one attribute of an HDF5 object, or the pieces it was divided into
    max_config_bytes: int = 64 * MIB
    max_config_nodes: int = 2_000_000  # values in a config: lists, dicts, numbers, texts
    max_config_text: int = 8 * MIB  # one text in a config
    max_depth: int = 100  # lists and dicts within one another in a config; groups within one another
    max_layers: int = 20_000
    max_pixels: int = 2**27  # of an image; Pillow has a limit of its own above it, PIL.Image.MAX_IMAGE_PIXELS


_DEFAULTS = Budgets()
_budgets: ContextVar[Budgets] = ContextVar("kcore_file_budgets", default=_DEFAULTS)


def budgets() -> Budgets:
    """The budgets that hold here and now."""
    return _budgets.get()


@contextmanager
def file_budgets(**changes: int) -> Iterator[Budgets]:
    """Other budgets within: `with file_budgets(max_bytes_total=200 * 2**30): load_model(...)`.

    Raises ArgumentError for a budget that does not exist.
    """
    unknown = sorted(set(changes) - set(vars(Budgets())))
    if unknown:
        raise ArgumentError(f"no budget {unknown[0]!r}. There are: {', '.join(vars(Budgets()))}.")
    token = _budgets.set(replace(_budgets.get(), **changes))
    try:
        yield _budgets.get()
    finally:
        _budgets.reset(token)


def refused(where: str, member: str, rule: int, why: str, budget: str | None = None) -> FileRefused:
    """The error for a broken rule, to be raised. `budget`: the name of the budget that was passed."""
    text = f"{where}: {member}: {why} (rule {rule})." if member else f"{where}: {why} (rule {rule})."
    if budget is not None:
        text += f" The limit is {budget}={getattr(budgets(), budget)}; kcore.saving.file_budgets({budget}=...) moves it."
    return FileRefused(text)


# which file it is -------------------------------------------------------------------------------------------
def told_path(source: Any) -> str:
    """How errors call a file."""
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source) if isinstance(os.fspath(source), str) else os.fsdecode(source)
    name = getattr(source, "name", None) or getattr(source, "filename", None)
    if isinstance(name, (bytes, os.PathLike)):
        name = os.fsdecode(name)
    return name if isinstance(name, str) and name else f"<{type(source).__name__}>"


def head_of(source: Any) -> bytes:
    """The first bytes of a path, or of an open binary file wherever it stands; its position is left as it was."""
    if isinstance(source, (str, os.PathLike)):
        with open(source, "rb") as file:
            return file.read(HEAD)
    at = source.tell()
    source.seek(0)
    try:
        head = source.read(HEAD)
    finally:
        source.seek(at)
    if not isinstance(head, bytes):
        raise ArgumentError(f"{told_path(source)} is open as text; open it as binary ('rb').")
    return head


def file_size(source: Any) -> int:
    """The size in bytes of a path or of an open binary file."""
    if isinstance(source, (str, os.PathLike)):
        return os.stat(source).st_size
    at = source.tell()
    size = source.seek(0, io.SEEK_END)
    source.seek(at)
    return int(size)


# arrays and members -----------------------------------------------------------------------------------------
class Tally:
    """Counts what a file declares: `count(member, nbytes)` before each array is allocated.

    stored: bytes of the file itself, by which `max_ratio` is measured.
    """

    def __init__(self, where: str, stored: int) -> None:
        self.where, self.stored = where, stored
        self.members, self.total = 0, 0

    def count(self, member: str, nbytes: int = 0) -> None:
        """Raises FileRefused where a budget is passed."""
        limits = budgets()
        self.members += 1
        self.total += nbytes
        if self.members > limits.max_members:
            raise refused(self.where, "", 10, "has too many members", "max_members")
        if nbytes < 0 or nbytes > limits.max_bytes_member:
            raise refused(self.where, member, 9, f"declares {nbytes} bytes", "max_bytes_member")
        if self.total > limits.max_bytes_total:
            raise refused(self.where, member, 9, f"brings it to {self.total} bytes", "max_bytes_total")
        if self.total > limits.free_bytes and self.total > limits.max_ratio * self.stored:
            raise refused(
                self.where,
                member,
                9,
                f"brings it to {self.total} bytes, out of a file of {self.stored}",
                "max_ratio",
            )


_NAME = re.compile(r"[A-Za-z0-9_.\-/]+")


def check_member_name(name: str, where: str) -> str:
    """`name` if it is a plain relative name of a member. Raises FileRefused: such names could point elsewhere."""
    parts = name.split("/")
    if not _NAME.fullmatch(name) or len(name) > 1024 or any(p in ("", ".", "..") for p in parts):
        raise refused(where, repr(name[:80]), 12, "is no plain name of a member")
    return name


# configs ----------------------------------------------------------------------------------------------------
def config_from_json(text: bytes | str, where: str, member: str = "") -> Any:
    """What a JSON text says, within the budgets. Raises FileRefused, also where a key is doubled."""
    limits = budgets()
    if len(text) > limits.max_config_bytes:
        raise refused(where, member, 11, f"the config has {len(text)} bytes", "max_config_bytes")
    if isinstance(text, bytes):
        try:
            text = text.decode("utf-8")
        except UnicodeDecodeError:
            raise refused(where, member, 11, "the config is no UTF-8 text") from None
    if _deepest(text) > limits.max_depth:
        raise refused(where, member, 11, "the config is nested too deeply", "max_depth")

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        made = dict(pairs)
        if len(made) != len(pairs):
            raise refused(where, member, 11, "the config names something twice")
        return made

    def number(digits: str) -> int:
        if len(digits) > 25:
            raise refused(where, member, 11, "the config holds a number of too many digits")
        return int(digits)

    def constant(word: str) -> float:
        return {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}[word]

    try:
        config = json.loads(text, object_pairs_hook=unique, parse_int=number, parse_constant=constant)
    except FileRefused:
        raise
    except (ValueError, RecursionError):
        raise refused(where, member, 11, "the config is no JSON") from None
    return check_config(config, where, member)


def _deepest(text: str) -> int:
    """How deeply brackets are nested, told before the text is parsed; those in texts do not count."""
    depth = deepest = 0
    for found in re.finditer(r'"(?:[^"\\]|\\.)*"|[\[{]|[\]}]', text, re.DOTALL):
        token = found.group()
        if token in "[{":
            depth += 1
            deepest = max(deepest, depth)
        elif token in "]}":
            depth -= 1
    return deepest


def check_config(config: Any, where: str, member: str = "") -> Any:
    """`config` if it is plain data within the budgets. Raises FileRefused."""
    limits = budgets()
    nodes = 0
    stack: list[tuple[Any, int]] = [(config, 1)]
    while stack:
        value, depth = stack.pop()
        nodes += 1
        if nodes > limits.max_config_nodes:
            raise refused(where, member, 11, "the config has too many values", "max_config_nodes")
        if isinstance(value, (Mapping, list, tuple)):
            if depth > limits.max_depth:
                raise refused(where, member, 11, "the config is nested too deeply", "max_depth")
            if isinstance(value, Mapping):
                if not all(isinstance(k, str) for k in value):
                    raise refused(where, member, 11, "the config has keys that are no texts")
                value = value.values()
            stack.extend((v, depth + 1) for v in value)
        elif isinstance(value, str):
            if len(value) > limits.max_config_text:
                raise refused(where, member, 11, f"the config has a text of {len(value)}", "max_config_text")
        elif isinstance(value, bool) or value is None or isinstance(value, (int, float)):
            pass
        else:
            raise refused(where, member, 11, f"the config holds a {type(value).__name__}")
    return config
