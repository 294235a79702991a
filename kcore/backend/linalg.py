"""Products of matrices and tensors, and decompositions."""

import numpy as np

from .. import dtypes
from ..errors import ArgumentError, ShapeError, Unsupported
from ..shapes import broadcast_shapes, describe, merge_dimension, normalize_axis
from .comparison import equal, less, where
from .declare import Tensor, Tensors, composite, primitive
from .elementwise import product
from .reductions import sum
from .shaping import (
    expand_dims,
    iota,
    resized,
    sizes_of,
    squeeze,
    sum_to_like,
    swapaxes,
    transpose,
)
from .special import quiet
from .tensor import SymbolicTensor


def _met(a, b, x, y):
    """The size over which a product sums, from both sides."""
    if a is not None and b is not None and a != b:
        raise ShapeError(f"{describe(x.shape)} and {describe(y.shape)} do not fit: {a} is not {b}.")
    return merge_dimension(a, b)


def _multiplied(x, y):
    if x.ndim < 2 or y.ndim < 2:
        raise ShapeError(f"matrices are needed; {describe(x.shape)} and {describe(y.shape)} were given.")
    _met(x.shape[-1], y.shape[-2], x, y)
    return (*broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-2], y.shape[-1])


@primitive(shape=_multiplied, dtype=dtypes.numeric)
@quiet
def matmul(x: Tensor, y: Tensor):
    """(..., n, k) times (..., k, m) is (..., n, m); leading axes broadcast."""
    if y.ndim == 2 and x.ndim > 2:  # one large product is faster than many small ones
        return np.matmul(x.reshape(-1, x.shape[-1]), y).reshape(*x.shape[:-1], y.shape[-1])
    return np.matmul(x, y)


@matmul.gradient
def _(g, out, x, y):
    dx = matmul(g, swapaxes(y, -1, -2))
    if y.ndim == 2 and x.ndim > 2:
        return dx, matmul(transpose(_rows(x)), _rows(g))
    dy = matmul(swapaxes(x, -1, -2), g)
    return _unspread(dx, x, y), _unspread(dy, y, x)


def _rows(x):
    """(..., k) -> (n, k)"""
    return resized(x, [product(sizes_of(x)[:-1]), sizes_of(x)[-1]])


def _unspread(gradient, own, other):
    """`gradient` summed over the leading axes along which `own` was spread."""
    if own.shape[:-2] == other.shape[:-2] and None not in own.shape[:-2]:
        return gradient
    return gradient if own.ndim == other.ndim == 2 else sum_to_like(gradient, own)


# products of tensors -----------------------------------------------------------------------------------------
@composite
def tensordot(x: Tensor, y: Tensor, axes=2):
    """The sum over pairs of axes: `axes` of the last of `x` with the first of `y`, or two lists of axes."""
    if isinstance(axes, int):
        axes = (tuple(range(x.ndim - axes, x.ndim)), tuple(range(axes)))
    left, right = (tuple(a) if isinstance(a, (tuple, list)) else (a,) for a in axes)
    left = [normalize_axis(a, x.ndim) for a in left]
    right = [normalize_axis(a, y.ndim) for a in right]
    if len(left) != len(right):
        raise ArgumentError(f"axes={axes} does not name pairs of axes.")
    for a, b in zip(left, right, strict=True):
        _met(x.shape[a], y.shape[b], x, y)
    keep_x = [i for i in range(x.ndim) if i not in left]
    keep_y = [i for i in range(y.ndim) if i not in right]
    sizes_x, sizes_y = sizes_of(x), sizes_of(y)
    # a size known on one side only counts for both
    inner = [
        sizes_x[a] if isinstance(sizes_x[a], int) else sizes_y[b] for a, b in zip(left, right, strict=True)
    ]
    rows = resized(_ordered(x, [*keep_x, *left]), [product([sizes_x[i] for i in keep_x]), product(inner)])
    columns = resized(_ordered(y, [*right, *keep_y]), [product(inner), product([sizes_y[i] for i in keep_y])])
    return resized(matmul(rows, columns), [*(sizes_x[i] for i in keep_x), *(sizes_y[i] for i in keep_y)])


def _ordered(x, order):
    return x if list(order) == list(range(x.ndim)) else transpose(x, tuple(order))


@composite
def dot(x: Tensor, y: Tensor):
    """The sum over the last axis of `x` and the one before the last of `y` (its only one, if so)."""
    if x.ndim == y.ndim == 2:
        return matmul(x, y)
    if x.ndim == 0 or y.ndim == 0:
        return x * y
    if y.ndim == 2 and x.ndim > 2:
        return matmul(x, y)
    return tensordot(x, y, ((x.ndim - 1,), (max(y.ndim - 2, 0),)))


@composite
def batch_dot(x: Tensor, y: Tensor, axes=None):
    """For each sample the sum over one axis of `x` and one of `y`: (batch, rest of x, rest of y).

    `axes` counts with the batch: a number, a pair, or None for the last of `x` and the one before the last of
    `y` (its last, if rank 2). Where nothing is left of either, (batch, 1).
    """
    a, b = _batch_axes(x, y, axes)
    _met(x.shape[0], y.shape[0], x, y)
    _met(x.shape[a], y.shape[b], x, y)
    rest_x = [i for i in range(1, x.ndim) if i != a]
    rest_y = [i for i in range(1, y.ndim) if i != b]
    sizes_x, sizes_y = sizes_of(x), sizes_of(y)
    batch = sizes_x[0] if isinstance(sizes_x[0], int) else sizes_y[0]
    inner = sizes_x[a] if isinstance(sizes_x[a], int) else sizes_y[b]
    left, right = [sizes_x[i] for i in rest_x], [sizes_y[i] for i in rest_y]
    rows = resized(_ordered(x, [0, *rest_x, a]), [batch, product(left), inner])
    columns = resized(_ordered(y, [0, b, *rest_y]), [batch, inner, product(right)])
    return resized(matmul(rows, columns), [batch, *(left + right or [1])])


def _batch_axes(x, y, axes):
    if x.ndim < 2 or y.ndim < 2:
        raise ShapeError(
            f"batch_dot needs tensors of rank 2 or more; {describe(x.shape)} and {describe(y.shape)} were given."
        )
    if axes is None:
        axes = (x.ndim - 1, y.ndim - 1 if y.ndim == 2 else y.ndim - 2)
    pair = (axes, axes) if isinstance(axes, int) else tuple(axes)
    if len(pair) != 2 or not all(isinstance(p, int) for p in pair):
        raise ArgumentError(f"axes={axes!r} must be None, a number or two numbers: one axis of each tensor.")
    a, b = normalize_axis(pair[0], x.ndim, "axes[0]"), normalize_axis(pair[1], y.ndim, "axes[1]")
    if 0 in (a, b):
        raise ArgumentError(
            "axes may not name axis 0, the batch. Add a batch axis of size 1 if there is none."
        )
    return a, b


@composite
def einsum(equation, tensors: Tensors):
    """Products summed over every index that the result lacks, as in 'bij,bjk->bik'; '...' broadcasts."""
    labels, result = _parsed(equation, tensors)
    parts = [_apart(t, names, labels, tensors) for t, names in zip(tensors, labels, strict=True)]
    (x, names), *rest = parts
    while rest:
        (y, others), *rest = rest
        needed = set(result).union(*(n for _, n in rest))
        x, names = _pair(x, names, y, others, needed)
    x, names = _summed(x, names, set(result))
    return _ordered(x, [names.index(n) for n in result])


def _parsed(equation, tensors):
    """The labels of every operand and of the result; the axes under '...' get numbers, last is 0."""
    left, arrow, right = equation.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(tensors):
        raise ArgumentError(f"{equation!r} names {len(terms)} tensors; {len(tensors)} were given.")
    labels = [_labels(term, t.ndim, equation) for term, t in zip(terms, tensors, strict=True)]
    dots = max((len([n for n in names if isinstance(n, int)]) for names in labels), default=0)
    if arrow:
        result = _labels(right, len(right.replace("...", "")) + dots * ("..." in right), equation)
    else:
        letters = left.replace(",", "").replace("...", "")
        once = sorted(c for c in set(letters) if letters.count(c) == 1)
        result = [*reversed(range(dots)), *once]
    unknown = set(result) - set().union(*labels)
    if unknown:
        raise ArgumentError(f"{equation!r}: the result's {sorted(map(str, unknown))} are in no tensor.")
    return labels, result


def _labels(term, rank, equation):
    letters = term.replace("...", "")
    covered = rank - len(letters)
    if covered < 0 or (covered and "..." not in term) or not all(c.isalpha() for c in letters):
        raise ArgumentError(f"{equation!r}: {term!r} does not fit a tensor of rank {rank}.")
    if len(set(letters)) != len(letters):
        raise ArgumentError(f"{equation!r}: {term!r} names an index twice; diagonals are not taken.")
    before, _, after = term.partition("...")
    return [*before, *reversed(range(covered)), *after]


def _apart(x, names, labels, tensors):
    """`x` without axes of size 1 that broadcast against a larger one elsewhere."""
    wide = {
        n for t, ns in zip(tensors, labels, strict=True) for n, d in zip(ns, t.shape, strict=True) if d != 1
    }
    gone = tuple(i for i, n in enumerate(names) if x.shape[i] == 1 and n in wide)
    left = [n for i, n in enumerate(names) if i not in gone]
    return (squeeze(x, gone) if gone else x), left


def _summed(x, names, needed):
    axes = tuple(i for i, n in enumerate(names) if n not in needed)
    return (sum(x, axes) if axes else x), [n for n in names if n in needed]


def _pair(x, names, y, others, needed):
    """The product of two operands, summed over what both have and nothing needs."""
    x, names = _summed(x, names, needed | set(others))
    y, others = _summed(y, others, needed | set(names))
    both = [n for n in names if n in others]
    batch, inner = [n for n in both if n in needed], [n for n in both if n not in needed]
    left, right = [n for n in names if n not in others], [n for n in others if n not in names]
    known_y = dict(zip(others, sizes_of(y), strict=True))
    size = {
        n: s if isinstance(s, int) else known_y.get(n, s) for n, s in zip(names, sizes_of(x), strict=True)
    }
    size = {**known_y, **size}
    of = lambda group: [size[n] for n in group]
    rows = _ordered(x, [names.index(n) for n in [*batch, *left, *inner]])
    columns = _ordered(y, [others.index(n) for n in [*batch, *inner, *right]])
    rows = resized(rows, [*of(batch), product(of(left)), product(of(inner))])
    columns = resized(columns, [*of(batch), product(of(inner)), product(of(right))])
    return resized(matmul(rows, columns), of([*batch, *left, *right])), [*batch, *left, *right]


# decompositions ----------------------------------------------------------------------------------------------
def _square_matrix(x):
    if x.ndim < 2 or None not in x.shape[-2:] and x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"square matrices (..., n, n) are needed; {describe(x.shape)} was given.")
    return x.shape


def _mask(x, strict=False):
    """Where (i, j) of the last two axes of `x` lies on or below the diagonal; `strict`: below."""
    sizes = tuple(sizes_of(x)[-2:])
    i, j = iota(sizes, 0), iota(sizes, 1)
    return less(j, i) if strict else less(j, i + 1)


def _turned(x):
    return swapaxes(x, -1, -2)


@primitive(shape=_square_matrix, dtype=dtypes.floating, level="optional")
def cholesky(x: Tensor):
    """The lower triangular L with L L^T = x, for symmetric positive definite (..., n, n)."""
    return np.linalg.cholesky(x)


@cholesky.gradient
def _(g, out, x):  # Murray, "Differentiation of the Cholesky decomposition", arXiv:1602.07527
    inner = matmul(_turned(out), g)
    below = where(_mask(inner, strict=True), inner, 0.0)
    half = below + where(_diagonal_mask(inner), inner * 0.5, 0.0)
    full = solve(_turned(out), _turned(solve(_turned(out), _turned(half))))
    return (full + _turned(full)) * 0.5


def _diagonal_mask(x):
    sizes = tuple(sizes_of(x)[-2:])
    return equal(iota(sizes, 0), iota(sizes, 1))


@primitive(shape=_square_matrix, dtype=dtypes.floating, level="optional")
def inverse(x: Tensor):
    """The inverse of each matrix: (..., n, n)."""
    return np.linalg.inv(x)


@inverse.gradient
def _(g, out, x):
    turned = _turned(out)
    return -matmul(matmul(turned, g), turned)


def _solved(a, b):
    _square_matrix(a)
    if b.ndim < 2:
        raise ShapeError(f"the right side must be matrices (..., n, k); {describe(b.shape)} was given.")
    _met(a.shape[-1], b.shape[-2], a, b)
    return (*broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:])


@primitive(shape=_solved, dtype=dtypes.floating, level="optional")
def solve(a: Tensor, b: Tensor):
    """The x with a x = b, for (..., n, n) and (..., n, k): (..., n, k)."""
    return np.linalg.solve(a, b)


@solve.gradient
def _(g, out, a, b):
    db = solve(_turned(a), g)
    da = -matmul(db, _turned(out))
    return _unspread(da, a, b), _unspread(db, b, a)


def _smaller(x):
    if x.ndim < 2:
        raise ShapeError(f"matrices (..., n, m) are needed; {describe(x.shape)} was given.")
    n, m = x.shape[-2:]
    return None if n is None or m is None else min(n, m)


def _svd_shapes(x):
    k = _smaller(x)
    return [(*x.shape[:-1], k), (*x.shape[:-2], k), (*x.shape[:-2], k, x.shape[-1])]


@primitive(shape=_svd_shapes, dtype=dtypes.floating, level="optional")
def svd(x: Tensor):
    """u (..., n, k), s (..., k), vh (..., k, m) with x = u diag(s) vh, k = min(n, m), s from large to small."""
    return list(np.linalg.svd(x, full_matrices=False))


@svd.gradient
def _(g, out, x):  # Townsend, "Differentiating the singular value decomposition" (2016)
    gu, gs, gvh = g
    u, s, vh = out
    v, gv = _turned(vh), _turned(gvh)
    row, column = expand_dims(s, -2), expand_dims(s, -1)
    same = _diagonal_mask(matmul(vh, v))
    gap = where(same, 1.0, (row - column) * (row + column))
    f = where(same, 0.0, 1.0 / gap)
    inner_u, inner_v = matmul(_turned(u), gu), matmul(vh, gv)
    middle = f * (inner_u - _turned(inner_u)) * row + column * f * (inner_v - _turned(inner_v))
    middle = middle + where(same, expand_dims(gs, -2), 0.0)
    result = matmul(matmul(u, middle), vh)
    rest_u = (gu - matmul(u, inner_u)) / row
    rest_v = (gv - matmul(v, inner_v)) / row
    return result + matmul(rest_u, vh) + matmul(u, _turned(rest_v))


def _qr_shapes(x):
    k = _smaller(x)
    return [(*x.shape[:-1], k), (*x.shape[:-2], k, x.shape[-1])]


@primitive(shape=_qr_shapes, dtype=dtypes.floating, level="optional")
def qr(x: Tensor):
    """q (..., n, k) with orthonormal columns and r (..., k, m), upper triangular, with x = q r, k = min(n, m)."""
    return list(np.linalg.qr(x))


@qr.gradient
def _(g, out, x):  # Walter and Lehmann, "Algorithmic differentiation of linear algebra functions" (2010)
    gq, gr = g
    q, r = out
    if None in x.shape[-2:] or x.shape[-2] < x.shape[-1]:
        raise Unsupported("qr has a gradient for matrices with at least as many rows as columns only.")
    inner = matmul(r, _turned(gr)) - matmul(_turned(gq), q)
    below = where(_mask(inner, strict=True), inner, 0.0)
    symmetric = where(_mask(inner), inner, 0.0) + _turned(below)
    return _turned(solve(r, _turned(gq + matmul(q, symmetric))))


SymbolicTensor.operators.update(matmul=matmul)
