"""Numbers recorded from the original Keras, and the measure by which results are compared with them.

from golden import cases, load, relative_error, tolerance

@pytest.mark.parametrize("case", cases("losses"), ids=case_id)
def test_loss(case):
    arrays = load(case)
    ...
    assert relative_error(got, arrays["output"]) <= tolerance(case, "output", 1e-5)
"""

import fnmatch
import functools
import io
import json
from pathlib import Path

import numpy as np

FOLDER = Path(__file__).parent

# Arrays smaller than this are compared as if they were this large: near zero only rounding is left.
SMALLEST_SCALE = 1e-3


@functools.cache
def _all_cases():
    by_kind = {}
    for case in json.loads((FOLDER / "cases.json").read_text(encoding="utf-8")):
        by_kind.setdefault(case["kind"], []).append(case)
    return by_kind


@functools.cache
def _sensitive():
    entries = json.loads((FOLDER / "known_sensitive.json").read_text(encoding="utf-8"))
    return [dict(entry, id=entry["id"].split(",")) for entry in entries]


@functools.cache
def _archive(name):
    # From memory, so that no file stays open; arrays are unpacked when they are asked for.
    return np.load(io.BytesIO((FOLDER / name).read_bytes()), allow_pickle=False)


def kinds():
    """Names of the kinds of cases, sorted."""
    return sorted(_all_cases())


def cases(kind, group=None):
    """The cases of a kind, in order of their ids; `group` is a name, a pattern (`class_*`) or several."""
    found = _all_cases()[kind]
    if group is None:
        return list(found)
    patterns = [group] if isinstance(group, str) else list(group)
    chosen = [c for c in found if any(fnmatch.fnmatchcase(c["group"], p) for p in patterns)]
    if not chosen:
        raise LookupError(f"no golden case of kind {kind!r} in group {group!r}")
    return chosen


def case_id(case):
    """For `ids=` of pytest."""
    return case["id"]


def load(case):
    """The arrays of a case, by name; new ones at every call."""
    if "file" not in case:
        return {}
    archive = _archive(case["file"])
    prefix = case["id"].split("/", 1)[1]
    return {name: archive[f"{prefix}/{name}"] for name in case["arrays"]}


def relative_error(got, want):
    """max|got - want| / max(max|want|, 1e-3): one number for an array.

    Infinite if the shapes differ, or if NaN and infinities do not stand in the same places.
    """
    got, want = np.asarray(got), np.asarray(want)
    if got.shape != want.shape:
        return np.inf
    if want.size == 0:
        return 0.0
    got, want = (a.astype(np.complex128 if a.dtype.kind == "c" else np.float64) for a in (got, want))
    finite = np.isfinite(want)
    if not np.array_equal(np.isfinite(got), finite) or not np.array_equal(
        got[~finite], want[~finite], equal_nan=True
    ):
        return np.inf
    if not finite.any():
        return 0.0
    scale = max(np.abs(want[finite]).max(), SMALLEST_SCALE)
    return float(np.abs(got[finite] - want[finite]).max() / scale)


def _entries(case):
    for entry in _sensitive():
        if any(fnmatch.fnmatchcase(case["id"], pattern) for pattern in entry["id"]):
            # an entry about some optimizers says nothing about a case trained by another one
            if "optimizer" not in entry or case.get("optimizer") in entry["optimizer"]:
                yield entry


def tolerance(case, name, default):
    """What `relative_error` of the array `name` may be: `default`, or more where the record is sensitive.

    `name` is an array's name, or `history KEY` for a list in a case's `history`.
    """
    allowed = [
        limit
        for entry in _entries(case)
        for pattern, limit in entry.get("tolerances", {}).items()
        if fnmatch.fnmatchcase(name, pattern)
    ]
    return max([default, *allowed])


def unusable(case):
    """Why a case cannot be reproduced from what it records (the reason), or None."""
    for entry in _entries(case):
        if "tolerances" not in entry and "candidates" not in entry:
            return entry["reason"]
    return None
