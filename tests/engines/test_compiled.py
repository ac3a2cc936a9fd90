"""The compiled kernels: the same numbers as NumPy's, of which `test_objective` has the proofs."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import warnings
from importlib import import_module

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import kernels as _kernels
from skl_softmax._engines.protocol import Frame
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers

numba = pytest.importorskip("numba", reason="the extra 'fast' is not installed")
_compiled = import_module("skl_softmax._engines.kernels_numba")

N = 1003  # no multiple of what a processor takes at once
EXTREMES = [0.0, 1e-300, 1e-17, 1.0, 36.0, 700.0, 709.0, 750.0, 1e5, 1e300]


@pytest.fixture(params=["float64", "float32"])
def dtype(request):
    return request.param


@pytest.fixture(params=[1e-9, 1.0, 30.0, 800.0], ids="scale={:g}".format)
def scale(request):
    return request.param


def blocks(n_outputs, dtype, scale):
    """Logits in C order, the same in float64, labels and weights."""
    rng = np.random.default_rng(n_outputs)
    logits = (scale * rng.standard_normal((n_outputs, N))).astype(dtype)
    labels, weights = rng.integers(0, max(2, n_outputs), N), rng.random(N) / N
    return logits, logits.astype(np.float64), labels, weights


def assert_close(ours, theirs):
    """Equal up to the rounding of our dtype, theirs being float64."""
    bounds = {"float64": (1e-12, 1e-15), "float32": (1e-6, 1e-7)}[str(ours.dtype)]
    assert_allclose(ours, theirs, rtol=bounds[0], atol=bounds[1])


@pytest.mark.parametrize("n_classes", [3, 10])
@pytest.mark.parametrize("name", ["softmax_block", "log_softmax_block"])
def test_probabilities(name, n_classes, dtype, scale):
    ours, theirs, *_ = blocks(n_classes, dtype, scale)
    getattr(_compiled, name)(ours)
    getattr(_kernels, name)(theirs)
    assert_close(ours, theirs)


def test_probabilities_of_two_classes(dtype, scale):
    ours, theirs, *_ = blocks(1, dtype, scale)
    _compiled.sigmoid_block(ours)
    _kernels.sigmoid_block(theirs)
    assert_close(ours, theirs)


@pytest.mark.parametrize("n_classes", [3, 10])
@pytest.mark.parametrize("label_dtype", ["uint8", "intp"])
def test_loss_and_residuals(n_classes, label_dtype, dtype, scale):
    ours, theirs, y, weights = blocks(n_classes, dtype, scale)
    loss = _compiled.softmax_loss(ours, y.astype(label_dtype), weights)
    assert loss == pytest.approx(_kernels.softmax_loss(theirs, y, weights), rel=1e-12)
    assert_close(ours * N, theirs * N)


def test_loss_and_residuals_of_two_classes(dtype, scale):
    ours, theirs, y, weights = blocks(1, dtype, scale)
    signs = np.where(y == 0, 1, -1)
    loss = _compiled.two_class_loss(ours, signs.astype(dtype), weights)
    assert loss == pytest.approx(_kernels.two_class_loss(theirs, signs, weights), rel=1e-12)
    assert_close(ours * N, theirs * N)


def test_weights_may_be_a_broadcast_scalar():
    logits, copy, y, _ = blocks(3, "float64", 1.0)
    equal = np.broadcast_to(1.0 / N, N)
    loss = _compiled.softmax_loss(logits, y, equal)
    assert loss == pytest.approx(_kernels.softmax_loss(copy, y, equal), rel=1e-12)


@pytest.mark.parametrize("m", EXTREMES)
def test_loss_of_a_separated_sample_keeps_its_digits(m):
    # log(1 + exp(-m)) is far below the rounding of 1.
    loss = _compiled.two_class_loss(np.array([[-m]]), np.ones(1), np.ones(1))
    assert loss == pytest.approx(np.log1p(np.exp(-m)), rel=1e-14, abs=1e-307)


def test_exp():
    x = -np.append(np.linspace(0.0, 708.0, 5000), np.geomspace(1e-18, 1.0, 1000))
    assert_allclose([_compiled._exp(z) for z in x], np.exp(x), rtol=4.5e-16)


def test_log1p():
    # Among them the square root of 2, less 1, where the series has the furthest to go.
    x = np.append(np.linspace(0.3, 3.0, 5000), np.geomspace(1e-18, 1e12, 1000))
    assert_allclose([_compiled._log1p(z) for z in x], np.log1p(x), rtol=7e-16)


def test_what_is_next_to_nothing_is_zero():
    # Not a subnormal number, which takes the products that follow many times as long.
    logits, weights = np.array([[0.0] * N, [-800.0] * N, [-1e300] * N]), np.full(N, 1.0 / N)
    _compiled.softmax_loss(logits, np.zeros(N, np.intp), weights)
    assert_array_equal(logits, 0.0)
    logits = np.full((1, N), -800.0)
    _compiled.two_class_loss(logits, np.ones(N), weights)
    assert_array_equal(logits, 0.0)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("place", [0, 1])
def test_what_is_not_finite_shows(bad, place):
    logits = np.zeros((3, N))
    logits[place, 7] = bad
    assert np.isnan(_compiled.softmax_loss(logits, np.zeros(N, np.intp), np.ones(N)))
    assert np.isnan(logits[:, 7]).all()
    assert np.isfinite(np.delete(logits, 7, axis=1)).all()


def test_two_class_loss_of_what_is_no_number():
    assert np.isnan(_compiled.two_class_loss(np.array([[np.nan]]), np.ones(1), np.ones(1)))


def read_only(X):
    X = X.copy()
    X.flags.writeable = False
    return X


ORDERS = {
    "C": np.ascontiguousarray,
    "F": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=1)[:, ::2],
    "read-only": read_only,
}


@pytest.mark.parametrize("n_outputs", [1, 3, 10])
@pytest.mark.parametrize("n_rows", [1, 95, 96, 97, 1024, 2500])
def test_pass_over_a_block(n_outputs, n_rows, dtype):
    rng = np.random.default_rng(n_rows)
    X = rng.standard_normal((n_rows, 7)).astype(dtype)
    coef, intercept = rng.standard_normal((2, n_outputs, 7)).astype(dtype)
    intercept, weights = intercept[:, 0], rng.random(n_rows) / n_rows
    y = rng.integers(0, n_outputs, n_rows).astype("uint8")
    compiled_pass, numpy_loss = _compiled.softmax_pass, _kernels.softmax_loss
    if n_outputs == 1:
        y = rng.choice([1, -1], n_rows).astype(dtype)
        compiled_pass, numpy_loss = _compiled.two_class_pass, _kernels.two_class_loss
    found = [compiled_pass(order(X), y, weights, coef, intercept) for order in ORDERS.values()]
    residuals = coef.astype(float) @ X.T.astype(float) + intercept[:, np.newaxis]
    loss = numpy_loss(residuals, y, weights)  # logits until here
    rounding = {"float64": 1e-12, "float32": 2e-5}[dtype]
    assert found[0][0] == pytest.approx(loss, rel=rounding)
    assert_allclose(found[0][1], residuals @ X, rtol=rounding, atol=rounding)
    assert_allclose(found[0][2], residuals.sum(axis=1), rtol=rounding, atol=rounding)
    for other in found[1:]:
        for ours, theirs in zip(found[0], other, strict=True):
            assert_array_equal(ours, theirs)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("n_rows", [1, 96, 97, 500])
def test_moments_of_a_block(order, n_rows, dtype):
    rng = np.random.default_rng(n_rows)
    X = (1000.0 + rng.standard_normal((n_rows, 5))).astype(dtype)
    X[:, 2] = 0.1  # a constant that binary fractions cannot hold
    weights = rng.integers(0, 3, n_rows) / n_rows
    weights[0] = 1.0
    origin = X[0].astype(float)
    total, mean, scatter = _compiled.moments(ORDERS[order](X), weights, origin)
    X = X.astype(float)
    expected = np.average(X, axis=0, weights=weights)
    assert total == pytest.approx(weights.sum(), rel=1e-14)
    assert_allclose(origin + mean, expected, rtol=1e-13)
    assert not scatter[2].any()
    centered = (X - expected) * np.sqrt(weights)[:, np.newaxis]
    assert_allclose(scatter, centered.T @ centered, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("fit_intercept", [False, True])
@pytest.mark.parametrize("n_rows", [1, 96, 97, 500])
def test_gram_of_a_block(n_rows, fit_intercept, order, dtype):
    rng = np.random.default_rng(n_rows)
    X = (1000.0 + rng.standard_normal((n_rows, 5))).astype(dtype)
    weights = rng.random(n_rows) * rng.integers(0, 2, n_rows)
    center, scale = X[0].astype(float), rng.random(5)
    n_dof = 5 + fit_intercept
    found = _compiled.gram(ORDERS[order](X), weights, center, scale, n_dof)
    rows = np.column_stack([(X - center) * scale, np.ones(n_rows)])[:, :n_dof]
    assert_allclose(found, (rows.T * weights) @ rows, rtol=1e-12, atol=1e-12)


def count_calls(monkeypatch, *names):
    """The names of the functions that are called from now on."""
    calls = []
    for name in names:
        function = getattr(_compiled, name)

        def counting(*arguments, name=name, function=function):
            calls.append(name)
            return function(*arguments)

        monkeypatch.setattr(_compiled, name, counting)
    return calls


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("size", [1.0, 40.0])  # with curvature everywhere, and almost nowhere
@pytest.mark.parametrize("fit_intercept", [False, True])
def test_models_agree(data, size, fit_intercept, dtype, monkeypatch):
    X, y = data[0].astype(dtype), data[1]
    n_outputs = 1 if y.max() == 1 else 3
    params = size * np.random.default_rng(1).standard_normal((n_outputs, 9)).astype(dtype)
    frame = Frame(X.mean(axis=0, dtype=float), np.full(8, 0.5), fit_intercept)
    models = []
    grams = count_calls(monkeypatch, "gram")
    for least in (0, np.inf):
        monkeypatch.setattr(_kernels, "WORTH_COMPILING", least)
        with Workers() as workers:
            sums = RowSums(Rows(X, n_outputs, workers), y, np.broadcast_to(1.0 / len(y), len(y)))
            at = params[:, :-1], params[:, -1]
            models.append((sums.shared_gram(*at, frame), *sums.class_grams(*at, frame)))
    bound = {"float64": 1e-12, "float32": 1e-5}[dtype]
    for ours, theirs in zip(*models, strict=True):
        assert_allclose(ours, theirs, rtol=0.0, atol=bound * theirs.max())
    assert len(grams) == 1 + n_outputs


def test_data_of_less_precision_than_weights(data):
    """As for a certificate in float64: NumPy multiplies mixed dtypes, Numba does not."""
    X, y = data[0].astype("float32"), data[1]
    coef, intercept = np.random.default_rng(1).standard_normal((2, 3 if y.max() == 2 else 1, 8))
    found = []
    with Workers() as workers:
        for samples in (X, X.astype(float)):
            rows = Rows(samples, len(coef), workers, dtype=np.float64)
            sums = RowSums(rows, y, np.broadcast_to(1.0 / len(y), len(y)))
            found.append(sums.loss_and_gradient(coef, intercept[:, 0]))
    for ours, theirs in zip(*found, strict=True):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)


def test_what_fits_use_of_a_block(data, monkeypatch):
    """Whole passes, but for labels that are probabilities."""
    calls = count_calls(monkeypatch, "softmax_pass", "two_class_pass", "moments", "gram")
    X, y = data
    one_pass = "two_class_pass" if y.max() == 1 else "softmax_pass"
    SoftmaxGDClassifier().fit(X, y)
    assert {one_pass, "moments"} <= set(calls) <= {one_pass, "moments", "gram"}
    calls.clear()
    SoftmaxGDClassifier().fit_proba(X, 0.2 / (y.max() + 1) + 0.8 * np.eye(y.max() + 1)[y])
    assert {"moments"} <= set(calls) <= {"moments", "gram"}
    calls.clear()
    monkeypatch.setattr("skl_softmax._data.check.dense_if_small", lambda X: X)
    SoftmaxGDClassifier(learning_rate=0.1, max_iter=2, tol=0.0).fit(sparse.csr_array(X), y)
    assert not calls


@pytest.mark.parametrize(
    ("n_features", "n_classes", "order", "expected"),
    [
        (1, 3, "C", {"softmax_pass"}),
        (64, 3, "C", {"softmax_pass", "moments", "gram"}),
        (65, 3, "C", {"softmax_pass"}),
        (64, 3, "F", {"softmax_pass", "moments", "gram"}),
        (65, 3, "F", set()),  # to copy the rows would take too long
        (400, 50, "C", set()),  # and here, to add up the gradients
    ],
)
def test_what_is_slower_is_left_to_numpy(n_features, n_classes, order, expected, monkeypatch):
    calls = count_calls(monkeypatch, "softmax_pass", "moments", "gram")
    X = ORDERS[order](np.ones((2000, n_features)))
    with Workers() as workers:
        rows = Rows(X, n_classes, workers)
        sums = RowSums(rows, np.arange(2000) % n_classes, np.broadcast_to(1.0 / 2000, 2000))
        at = np.zeros((n_classes, n_features)), np.zeros(n_classes)
        sums.loss_and_gradient(*at)
        sums.moments(together=True)
        sums.shared_gram(*at, Frame(X[0], X[0], fit_intercept=True))
    assert set(calls) == expected


def test_small_data_do_not_load_numba():
    assert _kernels.kernels(_kernels.WORTH_COMPILING - 1) is _kernels
    assert _kernels.fused_kernels(_kernels.WORTH_COMPILING - 1) is None
    assert _kernels.kernels(_kernels.WORTH_COMPILING) is _compiled
    assert _kernels.fused_kernels(_kernels.WORTH_COMPILING) is _compiled


@pytest.fixture(params=[2, 3], ids="n_classes={}".format)
def data(request):
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 8))
    y = (
        X @ rng.standard_normal((8, request.param)) + rng.gumbel(size=(6000, request.param))
    ).argmax(1)
    return X, y


@pytest.mark.parametrize("learning_rate", [0.5, "auto"])
def test_fits_agree(data, learning_rate, monkeypatch):
    model = SoftmaxGDClassifier(learning_rate=learning_rate, max_iter=10, tol=0.0)
    fits = []
    for least in (0, np.inf):
        monkeypatch.setattr(_kernels, "WORTH_COMPILING", least)
        model.fit(*data)
        fits.append((model.coef_, model.loss_history_, model.predict_proba(data[0])))
    for ours, theirs in zip(*fits, strict=True):
        assert_allclose(ours, theirs, rtol=1e-12, atol=1e-12)
    assert not all(map(np.array_equal, *fits))  # or the same kernels were used


def test_same_bits_for_any_number_of_threads(data):
    from threadpoolctl import threadpool_limits

    fits = []
    for n_threads in (1, 2, 4):
        with threadpool_limits(n_threads):
            fits.append(SoftmaxGDClassifier().fit(*data).coef_)
    assert_array_equal(fits[0], fits[1])
    assert_array_equal(fits[0], fits[2])


def test_where_nothing_can_be_kept_on_disk(monkeypatch):
    def njit(cache=False, **options):
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return numba.njit(**options)

    monkeypatch.setattr(_compiled, "njit", njit)
    assert _compiled.compiled(lambda x: x + 1)(1) == 2


def test_numba_switched_off():
    """Then it is not even loaded."""
    code = (
        "import sys; from skl_softmax._engines import kernels as _kernels;"
        " print(_kernels.kernels(10**6).__name__, _kernels.fused_kernels(10**6),"
        " 'numba' in sys.modules)"
    )
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    used = subprocess.check_output([sys.executable, "-c", code], env=environment, text=True)
    assert used.split() == ["skl_softmax._engines.kernels", "None", "False"]


def plus_one(x):
    return x + 1.0


def empty(file):
    file.write_bytes(b"")


def truncate(file):
    file.write_bytes(file.read_bytes()[:-9])


def scramble(file):
    file.write_bytes(np.random.default_rng(0).bytes(3000))


def refuse_to_be_read(file):
    file.unlink()
    file.mkdir()


@pytest.fixture
def cached(tmp_path, monkeypatch):
    """A function that compiles another one as a new process would, with a cache in a folder."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(_compiled._Cache, "has_warned", False)
    return lambda: _compiled.compiled(plus_one)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [empty, truncate, scramble, refuse_to_be_read])
def test_a_damaged_cache_costs_one_warning(cached, tmp_path, damage, suffix):
    """After that the cache is whole again, unless it cannot be written."""
    assert cached()(1.0) == 2.0
    (file,) = tmp_path.rglob(f"*.{suffix}")
    damage(file)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert [cached()(1.0) for _ in range(3)] == [2.0] * 3
    told = [str(each.message) for each in caught]
    assert len(told) <= 1
    is_missed = (damage, suffix) == (refuse_to_be_read, "nbc")  # Numba itself passes over it
    assert is_missed or str(file.parent) in told[0]
    if damage is not refuse_to_be_read:
        again = cached()
        assert again(1.0) == 2.0
        assert sum(again.stats.cache_hits.values()) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EIO])
def test_where_the_cache_cannot_be_written(cached, tmp_path, monkeypatch, code):
    def fail(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr("numba.core.caching.IndexDataCacheFile._save_index", fail)
    with pytest.warns(RuntimeWarning, match=f"{tmp_path}.*{os.strerror(code)}") as caught:
        assert [cached()(1.0) for _ in range(3)] == [2.0] * 3
    assert len(caught) == 1


FIT = """
import numpy as np
from skl_softmax import SoftmaxGDClassifier
X = np.random.default_rng(0).standard_normal((20_000, 8))
for _ in range(2):
    model = SoftmaxGDClassifier().fit(X, np.arange(20_000) % 3)
print(model.converged_)
"""


@pytest.mark.parametrize(
    "error",
    [
        "ImportError('Numba needs NumPy 2.0 or less')",
        "OSError('libllvm.so: cannot open shared object file')",
        "AttributeError('no attribute core')",
        "RuntimeError('no version')",
        "SystemError('initialization failed')",
    ],
)
def test_a_numba_that_does_not_work_costs_one_warning(tmp_path, error):
    (tmp_path / "numba.py").write_text(f"raise {error}")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    found = subprocess.run(
        [sys.executable, "-W", "always", "-c", FIT],
        env=environment, text=True, capture_output=True, check=True,
    )  # fmt: skip
    assert found.stdout.split() == ["True"]
    kind, _, message = error[:-2].partition("('")
    assert found.stderr.count(f"Numba cannot be used ({kind}: {message})") == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("delay", [0.02, 0.05, 0.1])
def test_ctrl_c_while_numba_is_loaded(delay):
    """The import goes on in its own thread, so that the next fit finds all of Numba."""
    interrupt = f"""
import os, signal, threading
signal.signal(signal.SIGINT, signal.default_int_handler)
threading.Timer({delay}, os.kill, (os.getpid(), signal.SIGINT)).start()
try:
    while True:
        SoftmaxGDClassifier().fit(X, np.arange(20_000) % 3)
except KeyboardInterrupt:
    pass
"""
    first, loop, last = FIT.partition("for _")
    command = [sys.executable, "-W", "error", "-c", first + interrupt + loop + last]
    assert subprocess.check_output(command, text=True).split() == ["True"]
