"""Sparse matrices: SciPy's in, the same numbers as dense ones, on every engine; and tensors that print."""

import numpy as np
import pytest

from kcore import backend as K
from kcore import models, optimizers
from kcore.errors import ShapeError
from kcore.layers import Dense, Input, Lambda

scipy_sparse = pytest.importorskip("scipy.sparse")
RNG = np.random.default_rng(0)


def matrix(rows=5, columns=4, share=0.4):
    return scipy_sparse.random(
        rows, columns, share, "csr", "float32", random_state=np.random.RandomState(rows)
    )


DENSE = RNG.normal(size=(4, 3)).astype("float32")


@pytest.mark.parametrize("shape", [(5, 4), (None, 4), (None, None)])
def test_a_placeholder_takes_scipys_matrices_and_arrays(shape):
    x, y = K.placeholder(shape, sparse=True, name="words"), K.placeholder((4, 3))
    assert K.is_sparse(x) and K.is_placeholder(x) and not K.is_sparse(y)
    assert K.int_shape(x) == shape and K.ndim(x) == 2 and K.dtype(x) == "float32"
    run = K.function([x, y], [K.dot(x, y), K.to_dense(x), K.sum(x, axis=0), x])
    given = matrix()
    for value in (given, given.tocoo(), given.toarray()):
        product, dense, sums, itself = run([value, DENSE])
        np.testing.assert_allclose(product, given @ DENSE, rtol=1e-5, atol=1e-6)
        np.testing.assert_array_equal(dense, given.toarray())
        np.testing.assert_array_equal(itself, given.toarray())
        np.testing.assert_allclose(sums, given.toarray().sum(0), rtol=1e-6)
    if shape[0] is None:
        np.testing.assert_allclose(run([matrix(9), DENSE])[0], matrix(9) @ DENSE, rtol=1e-5, atol=1e-6)


def test_the_product_is_never_laid_out():
    x, y = K.placeholder((None, 200_000), sparse=True), K.variable(np.ones((200_000, 2)))
    given = scipy_sparse.csr_matrix(([1.0, 2.0], ([0, 49_999], [7, 199_999])), shape=(50_000, 200_000))
    result = K.function([x], K.dot(x, y))([given])  # laid out it would take 40 GB
    assert result.shape == (50_000, 2) and result.sum() == 6.0


def test_a_variable_holds_scipys_matrix():
    given = matrix()
    x = K.variable(given, name="graph")
    assert K.is_sparse(x) and K.int_shape(x) == (5, 4)
    np.testing.assert_array_equal(K.eval(x), given.toarray())
    np.testing.assert_array_equal(K.eval(K.to_dense(x)), given.toarray())
    assert not K.is_sparse(K.to_dense(x))
    np.testing.assert_allclose(K.eval(K.dot(x, K.variable(DENSE))), given @ DENSE, rtol=1e-5, atol=1e-6)


def test_gradients_pass():
    given = matrix()
    x, y = K.variable(given), K.variable(DENSE)
    weights = RNG.normal(size=(5, 3)).astype("float32")
    loss = K.sum(K.dot(x, y) * weights)
    by_values, by_dense = K.gradients(loss, [x.sparse.values, y])
    entries = given.tocoo()
    np.testing.assert_allclose(K.eval(by_dense), given.T @ weights, rtol=1e-5, atol=1e-6)
    full = weights @ DENSE.T
    np.testing.assert_allclose(K.eval(by_values), full[entries.row, entries.col], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_joined_they_stay_sparse(axis):
    first, second = matrix(5, 4), matrix(5, 4, 0.2)
    x, y = K.placeholder((None, 4), sparse=True), K.placeholder((None, 4), sparse=True)
    both = K.concatenate([x, y], axis=axis)
    assert K.is_sparse(both)
    got = K.function([x, y], both)([first, second])
    np.testing.assert_array_equal(got, np.concatenate([first.toarray(), second.toarray()], axis))
    mixed = K.concatenate([x, K.to_dense(y)], axis=axis)
    assert not K.is_sparse(mixed)


def test_scipys_matrices_themselves():
    given = matrix()
    assert K.is_sparse(given)
    np.testing.assert_array_equal(K.to_dense(given), given.toarray())
    np.testing.assert_allclose(K.eval(K.dot(given, DENSE)), given @ DENSE, rtol=1e-5, atol=1e-6)
    y = K.placeholder((4, 3))
    np.testing.assert_allclose(K.function([y], K.dot(given, y))([DENSE]), given @ DENSE, rtol=1e-5, atol=1e-6)


def test_in_a_model():
    given, targets = matrix(24, 6), RNG.normal(size=(24, 1)).astype("float32")
    np.random.seed(0)
    x = Input((6,), sparse=True)
    model = models.Model(x, Dense(1)(x))
    model.compile(optimizers.SGD(0.1), "mse")
    sparse = model.fit(given, targets, epochs=2, shuffle=False, verbose=0).history["loss"]
    np.random.seed(0)
    x = Input((6,))
    model = models.Model(x, Dense(1)(x))
    model.compile(optimizers.SGD(0.1), "mse")
    assert sparse == pytest.approx(
        model.fit(given.toarray(), targets, epochs=2, shuffle=False, verbose=0).history["loss"]
    )
    assert K.is_sparse(Input((6,), sparse=True))


def test_a_graph_convolution_reads_a_sparse_variable():
    links = K.variable(matrix(24, 24, 0.1))
    x = Input(batch_shape=(24, 3))
    model = models.Model(x, Lambda(lambda h: K.dot(links, h))(Dense(2)(x)))
    data = RNG.normal(size=(24, 3)).astype("float32")
    want = K.eval(K.to_dense(links)) @ (data @ model.get_weights()[0])
    np.testing.assert_allclose(model.predict(data, batch_size=24), want, rtol=1e-4, atol=1e-5)


def test_mistakes_with_sparse_matrices():
    with pytest.raises(ShapeError, match="sparse tensors are matrices"):
        K.placeholder((None, 3, 2), sparse=True)
    x = K.placeholder((None, 4), sparse=True, name="words")
    with pytest.raises(ShapeError, match=r"'words:0' takes a matrix of shape \(None, 4\).*\(5, 3\)"):
        K.function([x], x)([matrix(5, 3)])
    with pytest.raises(ShapeError, match="4 columns meets 3 rows"):
        K.dot(x, K.placeholder((3, 2)))


def test_a_printed_tensor_prints_whenever_it_is_computed(capfd):
    x = K.placeholder((None,))
    y = K.print_tensor(x * 2, "twice:") + 1
    run = K.function([x], [y, *K.gradients(K.sum(y), [x])])
    for value in (3.25, 4.25):
        result, slope = run([np.array([value], "float32")])
        assert result[0] == 2 * value + 1 and slope[0] == 2.0
    K.print_tensor(np.array([0.125], "float32"), "now:")
    said = capfd.readouterr().out
    for words in ("twice:", "6.5", "8.5", "now:", "0.125"):
        assert words in said
