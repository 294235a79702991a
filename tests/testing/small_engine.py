"""An engine as somebody else would write it: an array type of its own, some 60 primitives, nothing fused, no
gradients of its own."""

from __future__ import annotations

import functools
import math

import numpy as np

from kcore.spi import Engine


class Box:
    """A tensor of this engine. Nothing of NumPy's behaviour shows through."""

    __slots__ = ("held",)

    def __init__(self, held):
        self.held = np.asarray(held)

    @property
    def shape(self):
        return self.held.shape

    @property
    def dtype(self):
        return self.held.dtype


def on_boxes(function):
    """A function of arrays as one of boxes."""

    @functools.wraps(function)
    def run(*inputs, **attributes):
        arrays = [
            [b.held for b in i] if isinstance(i, list) else None if i is None else i.held for i in inputs
        ]
        with np.errstate(all="ignore"):
            return Box(function(*arrays, **attributes))

    return run


def broadcast_sum(x, like):
    while x.ndim > like.ndim:
        x = x.sum(0, dtype=x.dtype)
    for axis, size in enumerate(like.shape):
        if size == 1 and x.shape[axis] != 1:
            x = x.sum(axis, keepdims=True, dtype=x.dtype)
    return np.broadcast_to(x, like.shape)


def power(x, y):
    return x**y


def erf(x):
    return np.array([math.erf(v) for v in x.reshape(-1).tolist()], x.dtype).reshape(x.shape)


def erfinv(x):
    """Newton's method from a rough start (S. Winitzki, 2008)."""
    wide = np.asarray(x, "float64")
    inside = np.abs(wide) < 1
    t = np.where(inside, wide, 0.0)
    logs = np.log1p(-t * t)
    a = 2 / (math.pi * 0.147) + logs / 2
    y = np.sign(t) * np.sqrt(np.sqrt(a * a - logs / 0.147) - a)
    for _ in range(6):
        y = y - (erf(y) - t) / (2 / math.sqrt(math.pi) * np.exp(-y * y))
    beyond = np.where(np.abs(wide) == 1, np.sign(wide) * np.inf, np.nan)
    return np.where(inside, y, beyond).astype(x.dtype)


def cuts(begin, end, step):
    return tuple(slice(a, b, s) for a, b, s in zip(begin, end, step, strict=True))


def put_back(x, like, begin, end, step):
    result = np.zeros_like(like, x.dtype)
    result[cuts(begin, end, step)] = x
    return result


def counted(shape, axis=0, dtype="int32"):
    return np.indices(shape)[axis].astype(dtype) if shape else np.zeros((), dtype)


def added(x, indices, updates):
    result = x.copy()
    np.add.at(result, indices, updates)
    return result


def written(x, indices, updates):
    result = x.copy()
    result[indices] = updates
    return result


def ordered(x, axis=-1, descending=False):
    if descending and x.dtype.kind == "f":
        return np.argsort(-x, axis, kind="stable")
    return np.argsort(-x.astype("int64") if descending else x, axis, kind="stable")


def pads(lengths, size, strides, dilation, padding):
    result = []
    for i, n in enumerate(lengths):
        if padding == "same":
            out = -(-n // strides[i])
            total = max((out - 1) * strides[i] + (size[i] - 1) * dilation[i] + 1 - n, 0)
            result.append((total // 2, total - total // 2))
        else:
            result.append((0, 0) if padding == "valid" else padding[i])
    return result


def windows(x, size, strides, dilation, padding="valid", fill=0.0):
    around = pads(x.shape[1:-1], size, strides, dilation, padding)
    if x.dtype.kind != "f" and not np.isfinite(fill):
        fill = np.iinfo(x.dtype).min
    x = np.pad(x, [(0, 0), *around, (0, 0)], constant_values=fill)
    spans = [(s - 1) * d + 1 for s, d in zip(size, dilation, strict=True)]
    rank = len(size)
    view = np.lib.stride_tricks.sliding_window_view(x, spans, tuple(range(1, 1 + rank)))
    view = view[(slice(None), *(slice(None, None, s) for s in strides))]
    view = view[(..., *(slice(None, None, d) for d in dilation))]
    return np.moveaxis(view, 1 + rank, -1)


def windows_back(w, spatial, strides, dilation, padding="valid"):
    rank = len(spatial)
    out, size = w.shape[1 : 1 + rank], w.shape[1 + rank : -1]
    around = pads(spatial, size, strides, dilation, padding)
    total = np.zeros(
        (w.shape[0], *(n + a + b for n, (a, b) in zip(spatial, around, strict=True)), w.shape[-1]), w.dtype
    )
    for place in np.ndindex(*size):
        at = [
            slice(p * d, p * d + (n - 1) * s + 1, s)
            for p, d, s, n in zip(place, dilation, strides, out, strict=True)
        ]
        total[(slice(None), *at)] += w[(slice(None),) * (1 + rank) + place]
    return total[(slice(None), *(slice(a, a + n) for n, (a, _) in zip(spatial, around, strict=True)))]


def drawn(key, shape, draw):
    return draw(np.random.default_rng([int(k) % 2**32 for k in key]), shape)


def uniform(key, shape, dtype="float32"):
    return np.minimum(drawn(key, shape, lambda r, s: r.random(s)), 0.9999999).astype(dtype)


def normal(key, shape, dtype="float32"):
    return drawn(key, shape, lambda r, s: r.standard_normal(s)).astype(dtype)


PRIMITIVES = {
    # comparison and logic
    "equal": lambda x, y: x == y,
    "less": lambda x, y: x < y,
    "logical_and": lambda x, y: x & y,
    "logical_or": lambda x, y: x | y,
    "logical_not": lambda x: ~x,
    "where": lambda condition, x, y: np.where(condition, x, y),
    # arithmetic
    "negative": lambda x: -x,
    "abs": np.abs,
    "sign": np.sign,
    "add": lambda x, y: x + y,
    "subtract": lambda x, y: x - y,
    "multiply": lambda x, y: x * y,
    "divide": lambda x, y: x / y,
    "mod": lambda x, y: x % y,
    "power": power,
    "maximum": np.maximum,
    "minimum": np.minimum,
    "floor": lambda x: np.floor(x).astype(x.dtype),
    "round": lambda x: np.round(x).astype(x.dtype),
    "cast": lambda x, dtype: x.astype(dtype),
    # elementary functions
    "exp": np.exp,
    "expm1": np.expm1,
    "log": np.log,
    "log1p": np.log1p,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "atan2": np.arctan2,
    "erf": erf,
    "erfinv": erfinv,
    # shapes
    "shape": lambda x: np.array(x.shape, "int64"),
    "reshape": lambda x, shape: x.reshape(shape),
    "transpose": lambda x, perm=None: x.transpose(perm),
    "broadcast_to": lambda x, shape: np.broadcast_to(x, shape),
    "sum_to_like": broadcast_sum,
    # cutting, joining, looking up
    "slice": lambda x, begin, end, step: x[cuts(begin, end, step)],
    "unslice": put_back,
    "concatenate": lambda tensors, axis=-1: np.concatenate(tensors, axis),
    "pad": lambda x, paddings, value=0.0: np.pad(x, paddings, constant_values=value),
    "reverse": lambda x, axes: np.flip(x, axes),
    "gather": lambda reference, indices, axis=0: np.take(reference, indices, axis),
    "scatter_add": added,
    "scatter_update": written,
    "argsort": ordered,
    # reductions
    "sum": lambda x, axis=None, keepdims=False: x.sum(axis, keepdims=keepdims, dtype=x.dtype),
    "prod": lambda x, axis=None, keepdims=False: x.prod(axis, keepdims=keepdims, dtype=x.dtype),
    "cumsum": lambda x, axis=0: x.cumsum(axis, dtype=x.dtype),
    "cumprod": lambda x, axis=0: x.cumprod(axis, dtype=x.dtype),
    "max": lambda x, axis=None, keepdims=False: x.max(axis, keepdims=keepdims),
    "min": lambda x, axis=None, keepdims=False: x.min(axis, keepdims=keepdims),
    "argmax": lambda x, axis=-1, keepdims=False: x.argmax(axis, keepdims=keepdims),
    "argmin": lambda x, axis=-1, keepdims=False: x.argmin(axis, keepdims=keepdims),
    # linear algebra and windows
    "matmul": lambda x, y: x @ y,
    "extract_windows": windows,
    "accumulate_windows": windows_back,
}
FROM_KEYS = {"random_uniform": uniform, "random_normal": normal}


class SmallEngine(Engine):
    name = "small"
    features = frozenset({"float64", "empty"})
    unsupported = {
        "scan": "loops are not written yet",
        "while_loop": "loops are not written yet",
        "cond": "branches are not written yet",
        **dict.fromkeys(
            ("cholesky", "inverse", "solve", "svd", "qr"), "there is no linear algebra library here"
        ),
        **dict.fromkeys(("ctc_greedy", "ctc_beam"), "decoding needs loops"),
    }

    def __init__(self, **faults):
        """faults: primitive -> function to put in the place of the right one."""
        table = {**PRIMITIVES, **FROM_KEYS, **faults}
        self.primitives = {name: on_boxes(function) for name, function in table.items()}
        self.primitives["iota"] = lambda **attributes: Box(counted(**attributes))

    def from_numpy(self, array, dtype):
        return Box(np.asarray(array, dtype))

    def to_numpy(self, tensor):
        return tensor.held

    def is_tensor(self, value):
        return isinstance(value, Box)
