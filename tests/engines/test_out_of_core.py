"""Arrays that are not in memory: what is theirs alone, beside what `test_every_engine` compares."""

import os
import subprocess
import sys
import warnings
from mmap import mmap

import joblib
import numpy as np
import pytest
from engines import Stored, draw_problem

from skl_softmax import SoftmaxGDClassifier, softmax_path
from skl_softmax._engines import disk as _on_disk
from skl_softmax._engines.disk import Derived, OnDisk, is_on_disk, stretches

N, D = 3000, 5


def memory_map(array, folder, name="array"):
    path = folder / f"{name}.npy"
    np.save(path, array)
    return np.load(path, mmap_mode="r")


@pytest.fixture(autouse=True)
def nothing_is_small(monkeypatch):
    monkeypatch.setattr(_on_disk, "IN_MEMORY_BYTES", 0)
    monkeypatch.setattr(_on_disk, "STRETCH_BYTES", 2**13)


@pytest.fixture(params=[2, 4])
def problem(request, rng):
    return draw_problem(rng, N, n_classes=request.param)


def test_bytes_in_another_order(problem, tmp_path):
    X, y = problem
    found = SoftmaxGDClassifier().fit(Stored(X.astype(">f8"), 100), y)
    assert found.coef_.dtype == np.dtype(float)
    np.testing.assert_allclose(found.coef_, SoftmaxGDClassifier().fit(X, y).coef_, rtol=1e-9)
    assert is_on_disk(memory_map(X.astype(">f8"), tmp_path))


def test_the_mask_of_a_masked_memory_map_is_seen(problem, tmp_path):
    X, y = problem
    masked = np.ma.masked_greater(memory_map(X, tmp_path), 100.0)
    with pytest.raises(ValueError, match="Input X holds masked numbers"):
        SoftmaxGDClassifier().fit(masked, y)


def test_the_space_of_few_rows_alone(rng, monkeypatch):
    """Of many rows it would be a copy."""
    monkeypatch.setattr("skl_softmax._fit.row_space.FEW_ROWS", 50)
    monkeypatch.setattr("skl_softmax._fit.coordinates.row_space", None)
    SoftmaxGDClassifier().fit(Stored(rng.normal(size=(60, 300))), rng.integers(0, 3, 60))


def test_every_row_is_read_once_a_pass(problem):
    X, y = problem
    stored = Stored(X, 700)
    model = SoftmaxGDClassifier(learning_rate=1e-9, tol=0, max_iter=4).fit(stored, y)
    times = np.zeros(N, int)
    for start, stop in stored.read:
        times[start:stop] += 1
    assert model.n_passes_ == 5
    assert (times == 5).all()


@pytest.mark.parametrize("block_rows", [50, 1500])
@pytest.mark.parametrize("run_operations", [2**10, 2**21])
def test_chunks_are_read_as_they_are_stored(block_rows, run_operations, problem, monkeypatch):
    """Also where blocks are much smaller than they are, or much larger; not more at a time."""
    X, y = problem
    monkeypatch.setattr("skl_softmax._engines.rows.BLOCK_ROWS", (block_rows, block_rows))
    monkeypatch.setattr("skl_softmax._engines.rows.RUN_OPERATIONS", run_operations)
    stored = Stored(X, 250)
    SoftmaxGDClassifier().fit(stored, y)
    whole = [(start, stop) for start, stop in stored.read if stop - start > 1]
    assert all(start % 250 == 0 for start, _ in whole)
    assert all(stop % 250 == 0 or stop == N for _, stop in whole)
    assert max(stop - start for start, stop in whole) <= max(250, block_rows)


def test_columns_are_not_copied(rng, monkeypatch):
    """As they are of what is in memory, where an L1 penalty leaves most of them unused."""
    X = rng.normal(size=(200, 400))
    y = (X[:, 0] > 0).astype(int)
    params = {"alpha": 0.1, "l1_ratio": 1.0, "tol": 1e-8}
    expected = SoftmaxGDClassifier(**params).fit(X, y)

    def refuse(*_):
        raise AssertionError("columns are copied")

    monkeypatch.setattr("skl_softmax._engines.row_sums.RowSums.columns", refuse)
    found = SoftmaxGDClassifier(**params).fit(Stored(X, 50), y)
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-7)


def test_of_very_many_rows_no_float_is_kept(problem, monkeypatch):
    X, y = problem
    expected = SoftmaxGDClassifier().fit(X, y)
    monkeypatch.setattr("skl_softmax._engines.kernels.KEPT_SAMPLES", 100)
    made = []
    init = Derived.__init__
    monkeypatch.setattr(Derived, "__init__", lambda *a: made.append(1) or init(*a))
    found = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    assert bool(made) == (len(found.classes_) == 2)  # of more classes there is none anyway


def test_the_path(problem):
    X, y = problem
    alphas = [0.1, 0.01]
    found, expected = (softmax_path(A, y, alphas=alphas) for A in (Stored(X, 500), X))
    np.testing.assert_allclose(found.coefs, expected.coefs, rtol=1e-9)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_are_written_where_they_are_wanted(method, problem, tmp_path):
    X, y = problem
    model = SoftmaxGDClassifier().fit(X, y)
    expected = getattr(model, method)(X)
    dtype = np.int8 if method == "predict" else np.float32
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", dtype, expected.shape)
    written = getattr(model, method)(Stored(X, 100), out=out)
    assert np.shares_memory(written, out)
    assert written.shape == out.shape
    np.testing.assert_allclose(np.load(tmp_path / "out.npy"), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(ValueError, match="out must be a numpy array of shape"):
        getattr(model, method)(X, out=out[1:])
    with pytest.raises(ValueError, match=r"out must be a numpy array of shape .* got list"):
        getattr(model, method)(X, out=expected.tolist())
    with pytest.raises(ValueError, match="out cannot hold what is predicted"):
        getattr(model, method)(X, out=np.empty(expected.shape, bool))


def test_labels_that_out_cannot_hold(problem):
    X, y = problem
    model = SoftmaxGDClassifier().fit(X, y + 1000)
    with pytest.raises(ValueError, match="that is of int64, it of int8"):
        model.predict(X, out=np.empty(N, np.int8))


LIMITED = """
import resource, sys
import numpy as np
from skl_softmax import SoftmaxGDClassifier

X, y = (np.load(name, mmap_mode="r") for name in sys.argv[1:3])
SoftmaxGDClassifier().fit(X[:100_000], y[:100_000])  # so BLAS has what it wants for its threads
limit = 100 * 2**20  # of anonymous memory, beside what there is
used = 1024 * next(
    int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmData")
)
resource.setrlimit(resource.RLIMIT_DATA, (used + limit, -1))
try:
    np.ones(X.shape)
except MemoryError:
    print("X does not fit")
model = SoftmaxGDClassifier().fit(X, y)
out = np.lib.format.open_memmap(sys.argv[3], "w+", np.float32, (len(X), 3))
model.predict_proba(X, out=out)
print(model.converged_, model.n_passes_, float(out.sum(axis=1).min().round(5)))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux limits anonymous memory alone")
def test_under_a_limit_that_the_data_exceed_several_times(tmp_path, rng):
    n_samples = 2_000_000  # 400 MB, and labels of another 16
    Z = rng.standard_normal((1000, 25))
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float64, (n_samples, 25))
    X.reshape(2000, 1000, 25)[...] = Z
    y = (Z @ rng.standard_normal((25, 3)) + rng.gumbel(size=(1000, 3))).argmax(axis=1)
    np.save(tmp_path / "y.npy", np.tile(y, 2000))
    X.flush()
    files = [str(tmp_path / name) for name in ("X.npy", "y.npy", "proba.npy")]
    found = subprocess.run(
        [sys.executable, "-c", LIMITED, *files],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2"},
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.startswith("X does not fit\nTrue")
    assert found.stdout.endswith("1.0\n")


def test_some_rows_of_chunks(rng):
    array = rng.normal(size=(50, 2))
    chosen = np.array([0, 3, 10, 11, 49])
    stored = OnDisk(Stored(array, 10))
    np.testing.assert_array_equal(stored[chosen], array[chosen])
    doubled = Derived(lambda some: 2.0 * some, stored)
    np.testing.assert_array_equal(doubled[chosen], 2.0 * array[chosen])
    assert len(doubled) == 50


def test_a_small_memory_map_is_memory(tmp_path, monkeypatch):
    mapped = memory_map(np.ones((10, 2)), tmp_path)
    assert is_on_disk(mapped)
    assert is_on_disk(mapped[2:])
    monkeypatch.setattr(_on_disk, "IN_MEMORY_BYTES", 160)
    assert not is_on_disk(mapped)


@pytest.mark.parametrize(
    ("view", "is_of_the_file"),
    [
        (lambda X: X, True),
        (np.asarray, True),
        (lambda X: X[3:, ::2].T, True),
        (lambda X: X.view(np.ndarray).reshape(-1, 4), True),
        (lambda X: np.frombuffer(memoryview(X.base), offset=128).reshape(X.shape), True),
        (lambda X: X.copy(), False),
        (lambda X: X.copy()[3:], False),
        (lambda X: X + 1.0, False),
        (lambda X: X[[1, 2]], False),
        (np.array, False),
    ],
)
def test_a_view_of_a_file_is_on_disk_and_a_copy_is_not(view, is_of_the_file, tmp_path):
    assert is_on_disk(view(memory_map(np.ones((10, 4)), tmp_path))) == is_of_the_file


def test_what_conversion_would_take_counts(tmp_path, monkeypatch):
    monkeypatch.setattr(_on_disk, "IN_MEMORY_BYTES", 160)
    for dtype, n_rows in [("float64", 10), ("float32", 20), ("int8", 10), ("float16", 10)]:
        mapped = memory_map(np.ones((n_rows + 1, 2), dtype), tmp_path, dtype)
        assert is_on_disk(mapped)
        assert not is_on_disk(mapped[1:])


def fit_in_a_worker(X, y, **params):
    _on_disk.IN_MEMORY_BYTES = 0
    model = SoftmaxGDClassifier(**params).fit(X, y)
    return isinstance(X.base, np.memmap | mmap), np.column_stack([model.coef_, model.intercept_])


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("params", [{}, {"early_stopping": True, "random_state": 0}])
def test_joblib_maps_do_not_change_a_fit(rng, params, order):
    """With a head start, which data on disk do not get, and with held out samples."""
    X, y = draw_problem(rng, 60_000, n_classes=3)
    X = np.asarray(X, order=order)
    model = SoftmaxGDClassifier(**params).fit(X, y)
    expected = np.column_stack([model.coef_, model.intercept_])
    # joblib pickles a function of a test module by name, and workers cannot import the module.
    fit = joblib.wrap_non_picklable_objects(fit_in_a_worker)
    jobs = (joblib.delayed(fit)(X, y, **params) for _ in range(2))
    for is_mapped, found in joblib.Parallel(n_jobs=2, max_nbytes=1000)(jobs):
        assert is_mapped
        np.testing.assert_array_equal(found, expected)


def test_stretches_are_whole_chunks():
    assert [stretch.start for stretch in stretches(100, row_bytes=2**12, chunk_rows=30)] == [
        0,
        30,
        60,
        90,
    ]
    assert list(stretches(0)) == []


@pytest.mark.parametrize(
    "array", [np.ones((3, 2)), [[1.0]], None, np.ones(3), Stored(np.ones(3))], ids=lambda a: type(a)
)
def test_what_is_not_on_disk(array):
    assert not is_on_disk(array)


def test_data_frames_are_in_memory():
    pandas = pytest.importorskip("pandas")
    assert not is_on_disk(pandas.DataFrame({"a": [1.0]}))


def test_no_warning_of_numbers_too_large(problem):
    X, y = problem
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SoftmaxGDClassifier().fit(Stored(X, 1000), y.astype(str))
