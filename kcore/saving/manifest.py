"""The manifest of a `.kcore` file: JSON that says what the file holds, by which conventions, and where it came from.

It is written whole and read strictly: every key has to be there, nothing else may be, every array that it names is in
the file with the size that shape and type give, and no member is there that it does not name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .container import Archive, ArchiveWriter, Member
from .gate import budgets, config_from_json, refused
from .snapshot import Group

MARK, MARK_TEXT = "kcore.format", b"kcore model, version 1\n"
MANIFEST = "manifest.json"
VERSION = 1

# What readers have to know to make sense of the numbers. A file that says anything else is refused.
CONVENTIONS = {
    "configs": "Keras 2.3.1",
    "layouts": "Keras 2.3.1",  # of kernels, gates and biases, layer by layer
    "convolutions": "correlate",  # kernels are not turned round
    "byte_order": "little",
    "element_order": "C",
}
DTYPES = frozenset(
    "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 complex64 complex128".split()
)
_KEYS = {
    "format": str, "version": int, "kind": str, "conventions": dict, "written_by": dict, "plugins": list,
    "architecture": (dict, type(None)), "training": (dict, type(None)), "layers": list,
    "optimizer": (dict, type(None)), "state": (dict, type(None)),
}  # fmt: skip
_WEIGHT_KEYS = {"name": str, "shape": list, "dtype": str, "member": str, "crc32": str}
_GROUP_KEYS = {"name": str, "weights": list}
_PLUGIN_KEYS = {"plugin": str, "distribution": str, "version": str, "gives": dict}
_STATE_KEYS = {"values": dict, "arrays": dict}


class Stored:
    """An array in an archive: `np.asarray` reads and checks it, each time anew; `mapped()` leaves it in the file."""

    def __init__(self, archive: Archive, member: Member, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self._archive, self._member = archive, member
        self.shape, self.dtype = shape, dtype

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        made = self._archive.array(self._member, self.shape, self.dtype)
        return made if dtype is None else made.astype(dtype, copy=False)

    def mapped(self) -> np.ndarray:
        """A read-only array whose values stay in the file until they are looked at. Their checksum is not."""
        return self._archive.mapped(self._member, self.shape, self.dtype)

    def verify(self) -> None:
        """Raises FileRefused if the values do not have their checksum."""
        self._archive.verify(self._member)

    @property
    def nbytes(self) -> int:
        return self._member.size

    def __repr__(self) -> str:
        return f"<{self.dtype} {self.shape} in {self._archive.where}: {self._member.name}>"


@dataclass(frozen=True)
class Manifest:
    """What a file holds. state: small things beside the weights, as plain values and as arrays by name."""

    kind: str  # 'model' or 'weights'
    written_by: Mapping[str, str]
    plugins: Sequence[Mapping[str, Any]]
    architecture: Mapping[str, Any] | None
    training: Mapping[str, Any] | None
    layers: tuple[Group, ...]
    optimizer: Group | None
    values: Mapping[str, Any]
    arrays: Mapping[str, Any]


# writing ----------------------------------------------------------------------------------------------------
def write(writer: ArchiveWriter, manifest: Manifest) -> None:
    """Marks the archive, writes all arrays one after the other, then the manifest."""
    writer.add(MARK, MARK_TEXT)
    layers = [_written_group(writer, g, f"layers/{i}") for i, g in enumerate(manifest.layers)]
    optimizer = _written_group(writer, manifest.optimizer, "optimizer") if manifest.optimizer else None
    arrays = {n: _written(writer, n, a, f"state/{i}") for i, (n, a) in enumerate(manifest.arrays.items())}
    told = {
        "format": "kcore",
        "version": VERSION,
        "kind": manifest.kind,
        "conventions": CONVENTIONS,
        "written_by": dict(manifest.written_by),
        "plugins": list(manifest.plugins),
        "architecture": manifest.architecture,
        "training": manifest.training,
        "layers": layers,
        "optimizer": optimizer,
        "state": {"values": dict(manifest.values), "arrays": arrays},
    }
    writer.add(MANIFEST, json.dumps(told, indent=1).encode())


def _written_group(writer: ArchiveWriter, group: Group, place: str) -> dict[str, Any]:
    weights = [
        _written(writer, name, array, f"{place}/{i}")
        for i, (name, array) in enumerate(zip(group.weight_names, group.arrays))
    ]
    return {"name": group.name, "weights": weights}


def _written(writer: ArchiveWriter, name: str, array: Any, member: str) -> dict[str, Any]:
    values = np.asarray(array)
    values = values.astype(values.dtype.newbyteorder("<"), copy=False)
    added = writer.add(member, values)
    return {
        "name": name,
        "shape": list(values.shape),
        "dtype": values.dtype.name,
        "member": member,
        "crc32": f"{added.crc:08x}",
    }


# reading ----------------------------------------------------------------------------------------------------
def is_kcore(head: bytes) -> bool:
    return head.startswith(b"PK\3\4") and head[30 : 30 + len(MARK)] == MARK.encode()


def read(archive: Archive) -> Manifest:
    """Raises FileRefused for anything that `write` would not have written."""
    return _Reading(archive).manifest()


class _Reading:
    def __init__(self, archive: Archive) -> None:
        self.archive, self.where = archive, archive.where
        self.unused = set(archive.members) - {MARK, MANIFEST}

    def manifest(self) -> Manifest:
        most = budgets().max_config_bytes
        if self.archive.read(MARK, most, "max_config_bytes") != MARK_TEXT:
            raise self._odd("is marked as another version; a newer kcore may read it")
        text = self.archive.read(MANIFEST, most, "max_config_bytes")
        told = config_from_json(text, self.where, MANIFEST)
        if isinstance(told, dict) and told.get("version") != VERSION:
            raise self._odd(
                f"is of version {str(told.get('version'))[:20]}; this kcore reads version {VERSION}"
            )
        self._expect(told, _KEYS, "the manifest")
        if told["format"] != "kcore" or told["kind"] not in ("model", "weights"):
            raise self._odd("says that it is something else")
        if told["conventions"] != CONVENTIONS:
            raise self._odd("follows conventions that this kcore does not know", rule=16)
        if (told["architecture"] is None) != (told["kind"] == "weights"):
            raise self._odd("holds an architecture where none belongs, or none where one does")
        self._check_texts(told["written_by"], "written_by")
        self._check_plugins(told["plugins"])
        if len(told["layers"]) > budgets().max_layers:
            raise refused(self.where, MANIFEST, 11, f"names {len(told['layers'])} layers", "max_layers")
        made = Manifest(
            kind=told["kind"],
            written_by=told["written_by"],
            plugins=told["plugins"],
            architecture=told["architecture"],
            training=told["training"],
            layers=tuple(self._group(g) for g in told["layers"]),
            optimizer=None if told["optimizer"] is None else self._group(told["optimizer"]),
            values=self._state(told["state"])["values"],
            arrays={str(n): self._stored(w) for n, w in told["state"]["arrays"].items()},
        )
        if self.unused:
            raise refused(
                self.where, sorted(self.unused)[0], 10, "is in the file, and the manifest does not name it"
            )
        return made

    def _state(self, value: Any) -> Any:
        self._expect(value, _STATE_KEYS, "state")
        return value

    def _group(self, value: Any) -> Group:
        self._expect(value, _GROUP_KEYS, "a group of weights")
        names = []
        arrays = []
        for weight in value["weights"]:
            arrays.append(self._stored(weight))
            names.append(weight["name"])
        if len(set(names)) != len(names):
            raise self._odd(f"names a weight of {value['name'][:80]!r} twice")
        return Group(value["name"], tuple(names), tuple(arrays))

    def _stored(self, value: Any) -> Stored:
        self._expect(value, _WEIGHT_KEYS, "a weight")
        member = self.archive.members.get(value["member"])
        if member is None or member.name not in self.unused:
            raise self._odd("names an array that is not there, or one twice")
        self.unused.discard(member.name)
        if value["dtype"] not in DTYPES:
            raise refused(self.where, member.name, 9, "is of a type that is not allowed")
        dtype = np.dtype(value["dtype"]).newbyteorder("<")
        nbytes = dtype.itemsize
        if len(value["shape"]) > 32:
            raise refused(self.where, member.name, 9, "has too many axes")
        for size in value["shape"]:
            if type(size) is not int or not 0 <= size < 2**62:
                raise refused(self.where, member.name, 9, "has a shape of something else than sizes")
            nbytes *= size
        if nbytes != member.size:
            raise refused(self.where, member.name, 9, f"declares {nbytes} bytes and stores {member.size}")
        if value["crc32"] != f"{member.crc:08x}":
            raise refused(
                self.where, member.name, 17, "has another checksum in the manifest than in the directory"
            )
        self.archive.tally.count(member.name, nbytes)
        return Stored(self.archive, member, tuple(value["shape"]), dtype)

    def _check_texts(self, table: dict[str, Any], what: str) -> None:
        if not all(isinstance(v, str) for v in table.values()):
            raise self._odd(f"has something else than texts in {what!r}")

    def _check_plugins(self, listed: list[Any]) -> None:
        for plugin in listed:
            self._expect(plugin, _PLUGIN_KEYS, "a plug-in")
            for names in plugin["gives"].values():
                if not isinstance(names, list) or not all(isinstance(n, str) for n in names):
                    raise self._odd("has something else than names in 'gives'")

    def _expect(self, value: Any, keys: Mapping[str, Any], what: str) -> None:
        """That `value` is a dict of exactly these keys, with values of these types."""
        if not isinstance(value, dict) or set(value) != set(keys):
            raise self._odd(f"does not tell {what} by the keys {', '.join(keys)}")
        for key, kind in keys.items():
            if not isinstance(value[key], kind) or (kind is int and isinstance(value[key], bool)):
                raise self._odd(f"has something else than is allowed for {key!r} of {what}")

    def _odd(self, why: str, rule: int = 11) -> Exception:
        return refused(self.where, MANIFEST, rule, why)
