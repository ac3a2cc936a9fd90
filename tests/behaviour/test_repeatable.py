"""The same data give the same weights: whatever holds them, whoever computes, however often."""

import os
import subprocess
import sys

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits
from ugly import quietly, ugly

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import rows as _rows

X, y = load_digits(return_X_y=True)
PARAMS = [
    {"alpha": 1e-3, "tol": 1e-12},
    {"alpha": 1e-3, "learning_rate": 0.001, "max_iter": 20, "tol": 0},
    {"alpha": 1e-2, "l1_ratio": 0.7, "tol": 1e-6},
]
N_CLASSES = [2, 10]


def weights_of(X, y, **params):
    model = SoftmaxGDClassifier(**params).fit(X, y)
    return np.column_stack([model.coef_, model.intercept_])


@pytest.fixture(params=N_CLASSES)
def data(request):
    rows = y < request.param
    return np.ascontiguousarray(X[rows]), y[rows]


@given(ugly(), st.sampled_from([{}, {"l1_ratio": 0.5}, {"alpha": 0.0}, {"gap_tol": 1e-3}]))
def test_ugly_data_again(data, params):
    X, y, weights = data
    first, other = (
        quietly(SoftmaxGDClassifier(max_iter=60, **params), array, y, weights)[0]
        for array in (X, X.copy())
    )
    np.testing.assert_array_equal(other.coef_, first.coef_)
    np.testing.assert_array_equal(other.loss_history_, first.loss_history_)


@pytest.mark.parametrize("params", PARAMS)
class TestBits:
    def test_again(self, data, params):
        first = weights_of(*data, **params)
        for _ in range(3):
            np.testing.assert_array_equal(weights_of(*data, **params), first)

    def test_refitted(self, data, params):
        model = SoftmaxGDClassifier(**params).fit(*data)
        first = model.coef_
        np.testing.assert_array_equal(model.fit(*data).coef_, first)

    @pytest.mark.parametrize("offset", [0, 1, 3])
    def test_a_mapped_file_and_other_addresses(self, data, params, offset, tmp_path):
        """Wherever in memory the numbers lie."""
        X, y = data
        path = tmp_path / "X.npy"
        np.save(path, X)
        elsewhere = np.empty(X.size + offset)[offset:].reshape(X.shape)
        elsewhere[:] = X
        expected = weights_of(X, y, **params)
        for other in (np.load(path, mmap_mode="r"), elsewhere):
            np.testing.assert_array_equal(weights_of(other, y, **params), expected)

    @pytest.mark.parametrize("backend", ["loky", "threading"])
    def test_under_joblib(self, data, params, backend):
        fits = joblib.Parallel(n_jobs=2, backend=backend)(
            joblib.delayed(weights_of)(*data, **params) for _ in range(4)
        )
        expected = weights_of(*data, **params)
        for weights in fits:
            np.testing.assert_array_equal(weights, expected)

    def test_in_another_process(self, data, params, tmp_path):
        np.savez(tmp_path / "data.npz", X=data[0], y=data[1])
        code = (
            "import sys, numpy as np; from skl_softmax import SoftmaxGDClassifier\n"
            "data = np.load(sys.argv[1] + '/data.npz')\n"
            f"model = SoftmaxGDClassifier(**{params!r}).fit(data['X'], data['y'])\n"
            "weights = np.column_stack([model.coef_, model.intercept_])\n"
            "np.save(sys.argv[1] + '/weights.npy', weights)"
        )
        command = [sys.executable, "-W", "error", "-c", code, str(tmp_path)]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, timeout=120)
        found = np.load(tmp_path / "weights.npy")
        np.testing.assert_array_equal(found, weights_of(*data, **params))


@pytest.mark.parametrize("n_classes", N_CLASSES)
@pytest.mark.parametrize("bytes_", [2**12, 2**15, 2**30])
@pytest.mark.parametrize("operations", [2**10, 2**16, 2**30])
def test_chunks_of_rows(n_classes, bytes_, operations, monkeypatch):
    """However the rows are cut, the steps are the same but for rounding."""
    rows = y < n_classes
    scaled = StandardScaler().fit_transform(X[rows])
    params = {"alpha": 1e-2, "tol": 0, "max_iter": 8}
    expected = weights_of(scaled, y[rows], **params)
    monkeypatch.setattr(_rows, "BLOCK_BYTES", bytes_)
    monkeypatch.setattr(_rows, "BLOCK_ROWS", (16, 16384))
    monkeypatch.setattr(_rows, "RUN_OPERATIONS", operations)
    found = weights_of(scaled, y[rows], **params)
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


@pytest.mark.parametrize("n_classes", N_CLASSES)
def test_column_order(n_classes):
    """BLAS adds up in another order: not bits, but rounding."""
    rows = y < n_classes
    scaled = StandardScaler().fit_transform(X[rows])
    params = {"alpha": 1e-2, "tol": 0, "max_iter": 8}
    expected = weights_of(scaled, y[rows], **params)
    found = weights_of(np.asfortranarray(scaled), y[rows], **params)
    assert np.abs(found - expected).max() <= 1e-12 * np.abs(expected).max()


def test_order_of_samples_of_real_data():
    order = np.random.default_rng(0).permutation(len(y))
    params = {"alpha": 1e-2, "tol": 1e-20}
    expected = weights_of(X, y, **params)
    np.testing.assert_allclose(weights_of(X[order], y[order], **params), expected, atol=1e-9)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
def test_a_fork_after_a_fit():
    """The threads of the parent are not there any more in the child; it must start its own."""
    large = np.tile(X, (12, 1))  # enough rows for threads
    labels = np.tile(y, 12)
    with threadpool_limits(2):
        expected = weights_of(large, labels, max_iter=5, tol=0)
        read, write = os.pipe()
        child = os.fork()
        if child == 0:  # pragma: no cover
            try:
                os.write(write, weights_of(large, labels, max_iter=5, tol=0).tobytes())
            finally:
                os._exit(0)
        os.close(write)
        with os.fdopen(read, "rb") as file:
            found = np.frombuffer(file.read()).reshape(expected.shape)
        os.waitpid(child, 0)
    np.testing.assert_array_equal(found, expected)
