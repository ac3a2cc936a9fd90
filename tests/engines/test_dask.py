"""Dask's collections: what is theirs alone, beside what `test_every_engine` compares."""

import os
import signal
import sys
import time

import joblib
import numpy as np
import pytest
from engines import draw_problem
from scipy import sparse
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV

from skl_softmax import (
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    softmax_path,
)

dask = pytest.importorskip("dask", reason="the extra dask is not installed")
da = pytest.importorskip("dask.array")
dd = pytest.importorskip("dask.dataframe")

from skl_softmax._data import cluster as _chunks  # noqa: E402
from skl_softmax._data.check import check_samples  # noqa: E402
from skl_softmax._data.cluster import check_dask  # noqa: E402
from skl_softmax._data.samples import FitInput  # noqa: E402
from skl_softmax._engines import cluster as _dask  # noqa: E402
from skl_softmax._engines.protocol import Frame  # noqa: E402
from skl_softmax._engines.threads import Workers  # noqa: E402
from skl_softmax._fit.task import Task  # noqa: E402
from skl_softmax.dask import DaskSoftmaxGDClassifier  # noqa: E402

N, D = 600, 5
CHUNKS = {"one": N, "even": 100, "uneven": (1, 299, 0, 250, 50)}


@pytest.fixture(params=[2, 4])
def problem(request, rng):
    X, y = draw_problem(rng, N, n_classes=request.param, decades=2.0, offset=3.0)
    return X, np.array(["ash", "birch", "cedar", "fir"])[y]


def cut(*arrays, chunks=100):
    return [da.from_array(array, chunks=(chunks, *array.shape[1:])) for array in arrays]


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_predictions_are_lazy(method, problem, rng):
    X, y = problem
    A, b, w = cut(X, y, rng.random(N), chunks=CHUNKS["uneven"])
    model = DaskSoftmaxGDClassifier().fit(A, b, w)
    lazy, in_memory = getattr(model, method)(A), getattr(model, method)(X)
    assert isinstance(lazy, da.Array)
    assert (lazy.shape, lazy.dtype) == (in_memory.shape, in_memory.dtype)
    np.testing.assert_array_equal(getattr(model, method)(X[:5]), in_memory[:5])
    assert float(model.score(A, b, compute=False)) == pytest.approx(model.score(X, y))


def sums_of(X, y, chunks, n_outputs):
    """The sums here, and over chunks."""
    given = FitInput(X, y, None, None, None, None)
    _, here, _ = check_samples(SoftmaxGDClassifier(), given, all_finite=True)
    lazy = FitInput(*cut(X, y, chunks=chunks), None, None, None, None)
    _, there, _ = check_dask(DaskSoftmaxGDClassifier(), lazy)
    return [Task(*samples[:3], n_outputs, 0.0, True) for samples in (here, there)]


@pytest.mark.parametrize("chunks", CHUNKS.values(), ids=CHUNKS)
def test_every_sum(chunks, problem, rng):
    X, y = problem
    n_outputs = 1 if len(np.unique(y)) == 2 else 4
    frame = Frame(X.mean(axis=0), 1.0 / X.std(axis=0), True)
    weights = rng.normal(size=(n_outputs, D)) / X.std(axis=0), rng.normal(size=n_outputs)
    dofs = [np.array([0, 3]), np.array([5]), np.array([], int), np.arange(6)][:n_outputs]
    with Workers() as workers:
        here, there = (task.sums(workers) for task in sums_of(X, y, chunks, n_outputs))
        arguments = {
            "loss_and_gradient": weights,
            "cross_entropy": weights,
            "moments": (True,),
            "squares": (*weights, frame),
            "shared_gram": (*weights, frame),
            "class_grams": (*weights, frame),
            "full_gram": (*weights, frame),
            "free_gram": (*weights, frame, dofs),
            "gram_times": (rng.normal(size=6), frame),
            "separates": weights,
            "largest_difference": weights,
        }
        for name, given in arguments.items():
            if n_outputs > 1 or name not in ("full_gram", "free_gram"):
                expected, found = getattr(here, name)(*given), getattr(there, name)(*given)
                if not isinstance(found, tuple):
                    expected, found = [expected], [found]
                for one, other in zip(found, expected, strict=True):
                    np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)
        assert there.n_passes == here.n_passes
        for sums in (here, there):
            assert sums.sample(50).n_samples == 50
            part = sums.columns(np.arange(D) < 2)
            assert part.n_features == 2
        np.testing.assert_allclose(
            there.sample(50).loss_and_gradient(*weights)[1],
            here.sample(50).loss_and_gradient(*weights)[1],
            rtol=1e-10,
        )


def test_classes_that_one_chunk_alone_separates():
    X, y = np.array([[-1.0], [1.0], [2.0], [-2.0]]), np.array([0, 1, 0, 1])
    with Workers() as workers:
        for task in sums_of(X, y, 2, 1):
            assert not task.sums(workers).separates(np.ones((1, 1)), np.zeros(1))
            assert task.sums(workers).largest_difference(np.ones((1, 1)), np.zeros(1)) == 2.0


def test_data_frames(problem):
    pandas = pytest.importorskip("pandas")
    X, y = problem
    names = [f"x{j}" for j in range(D)]
    frame = pandas.DataFrame(X, columns=names).assign(y=y, w=np.arange(N))
    frames = dd.from_pandas(frame, npartitions=4)
    frames = frames[frames.x0 > frame.x0.median()]  # lengths are not known any more
    kept = frame[frame.x0 > frame.x0.median()]
    expected = SoftmaxGDClassifier().fit(kept[names], kept.y, kept.w)
    found = DaskSoftmaxGDClassifier().fit(frames[names], frames.y, frames.w)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8)
    assert found.feature_names_in_.tolist() == names
    assert (found.predict(frames[names]).compute() == expected.predict(kept[names])).all()
    proba = found.predict_proba(frames[names])
    assert proba.shape[1] == len(expected.classes_)
    assert np.isnan(proba.shape[0])
    np.testing.assert_allclose(proba.compute(), expected.predict_proba(kept[names]), atol=1e-9)
    assert found.score(frames[names], frames.y, frames.w) == pytest.approx(
        expected.score(kept[names], kept.y, kept.w)
    )
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frames[names].rename(columns={"x0": "z"}))


def test_unknown_lengths(problem):
    X, y = problem
    A, b = cut(X, y)
    kept = A[:, 0] > 3.0
    found = DaskSoftmaxGDClassifier().fit(A[kept], b[kept])
    expected = SoftmaxGDClassifier().fit(X[X[:, 0] > 3.0], y[X[:, 0] > 3.0])
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8)
    with pytest.raises(ValueError, match=r"X has 6 chunks of rows, y has 3, .*compute_chunk_sizes"):
        DaskSoftmaxGDClassifier().fit(A[kept], b.rechunk(200)[kept.rechunk(200)])
    with pytest.raises(ValueError, match=r"Chunk \d of X has \d+ rows, that of y \d+"):
        DaskSoftmaxGDClassifier().fit(A[kept], b[A[:, 0] <= 3.0])


def test_sparse_chunks(problem, rng):
    X, y = problem
    X = X * (rng.random(X.shape) < 0.3)
    A, b = cut(X, y)
    A = A.map_blocks(sparse.csr_matrix)
    expected = SoftmaxGDClassifier().fit(sparse.csr_matrix(X), y)
    found = DaskSoftmaxGDClassifier().fit(A, b)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8)
    assert (found.predict(A).compute() == expected.predict(X)).all()
    l1 = {"alpha": 0.01, "l1_ratio": 1.0, "tol": 1e-11}
    np.testing.assert_allclose(
        DaskSoftmaxGDClassifier(**l1).fit(A, b).coef_,
        SoftmaxGDClassifier(**l1).fit(sparse.csr_matrix(X), y).coef_,
        atol=1e-8,
    )
    mixed = da.concatenate([A, cut(X)[0]])
    with pytest.raises(ValueError, match="dense chunks and sparse ones"):
        DaskSoftmaxGDClassifier().fit(mixed, da.concatenate([b, b]))


def test_chunks_of_features_are_joined(problem):
    X, y = problem
    A, b = da.from_array(X, chunks=(100, 2)), da.from_array(y, chunks=150)
    found = DaskSoftmaxGDClassifier().fit(A, b)
    expected = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-8)
    assert found.predict_proba(A).compute().shape == (N, len(expected.classes_))


def test_a_class_of_the_last_chunk_alone(problem):
    X, y = problem
    y = np.where(np.arange(N) >= N - 30, "yew", y)
    A, b = cut(X, y)
    found = DaskSoftmaxGDClassifier().fit(A, b)
    assert found.classes_[-1] == "yew"
    np.testing.assert_allclose(found.coef_, SoftmaxGDClassifier().fit(X, y).coef_, rtol=1e-8)


def test_known_classes(problem, monkeypatch):
    """Nobody looks for labels then; one that is not among them is named."""
    X, y = problem
    A, b = cut(X, y)
    classes = np.unique(y).tolist()

    def refuse(_):
        raise AssertionError("labels are looked for")

    expected = DaskSoftmaxGDClassifier().fit(A, b)
    monkeypatch.setattr(_chunks, "find_classes", refuse)
    found = DaskSoftmaxGDClassifier().fit(A, b, classes=classes[::-1])
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    with pytest.raises(ValueError, match=rf"y has labels \['{classes[-1]}'\]"):
        DaskSoftmaxGDClassifier().fit(A, b, classes=[*classes[:-1], "yew"])
    with pytest.raises(ValueError, match=r"classes has labels \['yew'\] that no sample has"):
        DaskSoftmaxGDClassifier().fit(A, b, classes=[*classes, "yew"])
    with pytest.raises(TypeError, match="classes is for Dask collections"):
        DaskSoftmaxGDClassifier().fit(X, y, classes=classes)


def test_a_head_start_takes_its_rows_once(problem, monkeypatch):
    """From the chunks that have them, and not for every pass."""
    monkeypatch.setattr("skl_softmax._descent.head_start.WORTHWHILE", 0)
    monkeypatch.setattr("skl_softmax._descent.head_start.ENOUGH", 1)
    n_taken, take = [], _dask.take
    monkeypatch.setattr(_dask, "take", lambda *chosen: n_taken.append(1) or take(*chosen))
    DaskSoftmaxGDClassifier().fit(*cut(*problem))
    assert 0 < len(n_taken) <= 6  # chunks


def test_a_sample_without_weight(problem):
    X, y = problem
    weights = np.zeros(N)
    weights[[0, 1, 2, 3, 4, 500, 501, 502]] = 1.0
    A, b, w = cut(X, y, weights)
    captured = []
    sample = _dask.ClusterSums.sample
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("skl_softmax._descent.curvature.FIRST_SAMPLE", 1)
        patch.setattr(
            _dask.ClusterSums, "sample", lambda self, n: captured.append(self) or sample(self, n)
        )
        DaskSoftmaxGDClassifier(tol=1e-16).fit(A, b, w)
    for sums in captured:
        assert sums.sample(1) is sums


def test_columns_far_from_zero_with_an_l1_penalty(rng):
    """The offset that is subtracted is that of the columns in use."""
    X = rng.normal(size=(60, 300)) + 1e6
    y = (X[:, 0] - 1e6 + 0.1 * rng.logistic(size=60) > 0).astype(int)
    params = {"alpha": 1e-2, "l1_ratio": 0.5}
    expected = SoftmaxGDClassifier(**params).fit(X, y)
    found = DaskSoftmaxGDClassifier(**params).fit(*cut(X, y, chunks=25))
    np.testing.assert_allclose(found.coef_, expected.coef_, atol=1e-4)
    assert found.loss_ == pytest.approx(expected.loss_, rel=1e-6)


def test_mixed_engines(problem):
    X, y = problem
    A, b = cut(X, y)
    model = DaskSoftmaxGDClassifier()
    with pytest.raises(TypeError, match=r"y must be a Dask array .* dask.array.from_array\(y"):
        model.fit(A, y)
    with pytest.raises(TypeError, match=r"X must be a Dask array .* got ndarray"):
        model.fit(X, b)
    with pytest.raises(TypeError, match="sample_weight must be a Dask array"):
        model.fit(A, b, np.ones(N))
    with pytest.raises(TypeError, match="X_val must be a Dask array or data frame"):
        model.fit(A, b, X_val=X, y_val=b)
    np.testing.assert_array_equal(model.fit(X, y).coef_, SoftmaxGDClassifier().fit(X, y).coef_)


def test_scores(problem, rng):
    X, y = problem
    weights = rng.random(N)
    A, b, w = cut(X, y, weights)
    model = DaskSoftmaxGDClassifier().fit(A, b)
    expected = model.score(X, y, weights)
    assert model.score(A, b.rechunk(140), w.rechunk(77)) == pytest.approx(expected)
    with pytest.raises(TypeError, match="y must be a Dask array or data frame"):
        model.score(A, y)
    with pytest.raises(TypeError, match="X must be a Dask array or data frame"):
        model.score(X, b)
    with pytest.raises(ValueError, match="y has 599 entries for 600 samples"):
        model.score(A, b[1:])


def test_plain_classes_refuse(problem):
    X, y = problem
    A, b = cut(X, y)
    for arrays in ((A, b), (X, b)):
        for fit in (SoftmaxGDClassifier().fit, SoftmaxGDClassifierCV().fit, softmax_path):
            with pytest.raises(TypeError, match=r"skl_softmax\.dask\.DaskSoftmaxGDClassifier"):
                fit(*arrays)
    with pytest.raises(TypeError, match=r"X\.compute\(\) brings it into memory"):
        SoftmaxGDClassifier().fit(X, y).predict(A)


def test_every_parameter_that_is_a_collection_is_named(problem, rng):
    X, y = problem
    A, b, w, P = cut(
        X, y, rng.random(N), np.eye(len(np.unique(y)))[np.unique(y, return_inverse=True)[1]]
    )
    model = SoftmaxGDClassifier().fit(X, y)
    held_out = {"X_val": X, "y_val": y}
    for method, given in [
        (model.fit, {"X": X, "y": y, **held_out, "X_val": A}),
        (model.fit, {"X": X, "y": y, **held_out, "y_val": b}),
        (model.fit, {"X": X, "y": y, **held_out, "sample_weight_val": w}),
        (model.fit_proba, {"X": X, "P": P}),
        (model.fit_proba, {"X": X, "P": P.compute(), "classes": b}),
        (model.fit_proba, {"X": X, "P": P.compute(), "X_val": X, "P_val": P}),
        (model.duality_gap, {"X": A, "y": y}),
        (model.duality_gap, {"X": X, "y": b}),
        (model.duality_gap, {"X": X, "y": y, "sample_weight": w}),
    ]:
        (name, *_) = (name for name, value in given.items() if dask.is_dask_collection(value))
        with pytest.raises(TypeError, match=f"^{name} is a Dask collection: .*{name}.compute"):
            method(**given)


def test_a_gap_is_computed_where_the_chunks_are(problem, rng, monkeypatch):
    X, y = problem
    A, b, w = cut(X, y, rng.random(N))
    model = DaskSoftmaxGDClassifier(class_weight="balanced").fit(A, b, w)
    expected = model.to_local().duality_gap(X, y, w.compute())

    def fail(*_, **__):
        raise AssertionError("all of it was loaded")

    monkeypatch.setattr(da.Array, "__array__", fail)
    assert model.duality_gap(A, b, w) == pytest.approx(expected, rel=1e-3)
    with pytest.raises(ValueError, match=r"y has labels .* that were not fitted"):
        model.duality_gap(A, da.from_array(np.full(N, "elm"), chunks=100))
    with pytest.raises(ValueError, match="Input X contains NaN"):
        model.duality_gap(da.where(A > 5.0, np.nan, A), b)
    with pytest.raises(TypeError, match="y must be a Dask array or data frame"):
        model.duality_gap(A, y)


class Labelled:
    """An array in memory that could be a collection of Dask, as those of xarray."""

    def __init__(self, values):
        self.values, self.shape, self.dtype = values, values.shape, values.dtype
        self.ndim = values.ndim

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype, copy=copy)

    def __getitem__(self, index):
        return Labelled(self.values[index])

    def __len__(self):
        return len(self.values)

    def __dask_graph__(self):
        return None

    def __dask_keys__(self):
        return []


def test_arrays_that_are_no_collection_but_could_be(problem, rng):
    X, y = problem
    w = rng.random(N)
    expected = SoftmaxGDClassifier().fit(X, y, w)
    found = SoftmaxGDClassifier().fit(Labelled(X), Labelled(y), Labelled(w))
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_array_equal(found.predict(Labelled(X)), expected.predict(X))
    assert found.duality_gap(Labelled(X), Labelled(y)) == expected.duality_gap(X, y)
    with pytest.raises(ValueError, match="Input X holds times"):
        found.predict(Labelled(X.astype("M8[s]")))


def test_what_is_no_number(problem):
    pandas = pytest.importorskip("pandas")
    X, y = problem
    A, b = cut(X, y)
    with pytest.raises(ValueError, match="holds masked numbers"):
        DaskSoftmaxGDClassifier().fit(da.ma.masked_greater(A, 1.5), b)
    with pytest.raises(ValueError, match="holds times"):
        DaskSoftmaxGDClassifier().fit(A.astype("M8[s]"), b)
    frame = pandas.DataFrame(X, columns=list("abcde")).assign(text=np.arange(N).astype(str))
    frames = dd.from_pandas(frame, npartitions=3)
    with pytest.raises(ValueError, match="columns that are not numbers: 'text'"):
        DaskSoftmaxGDClassifier().fit(frames, dd.from_pandas(pandas.Series(y), npartitions=3))
    with pytest.raises(TypeError, match="X must be a Dask array or data frame"):
        DaskSoftmaxGDClassifier().fit(dask.delayed(X), b)
    with pytest.raises(ValueError, match="y_val is missing"):
        DaskSoftmaxGDClassifier().fit(A, b, X_val=A)
    for classes in ([], ["ash"]):
        with pytest.raises(ValueError, match="classes must have two labels at least"):
            DaskSoftmaxGDClassifier().fit(A, b, classes=classes)
    for classes in ("ash", 3, [["ash", "birch"]], ["ash", 1]):
        with pytest.raises(ValueError, match="classes must be a sequence of labels of one type"):
            DaskSoftmaxGDClassifier().fit(A, b, classes=classes)


def test_chunks_that_are_not_as_wide_as_their_collection(problem):
    X, y = problem
    A, b = cut(X, y)
    narrow = A.map_blocks(lambda chunk: chunk[:, :4], dtype=A.dtype, chunks=A.chunks)
    assert narrow.shape == A.shape
    with pytest.raises(ValueError, match=r"Chunk \d+ of X has 4 columns, but X has 5"):
        DaskSoftmaxGDClassifier().fit(narrow, b)
    model = DaskSoftmaxGDClassifier().fit(A, b)
    for method in ("predict", "predict_proba", "decision_function"):
        with pytest.raises(ValueError, match="A chunk of X has 4 columns, but X has 5"):
            getattr(model, method)(narrow).compute()


def test_weights_of_any_size(problem, rng):
    """Chunks of weights that cannot be added up, and chunks without weight."""
    X, y = problem
    weights = rng.random(N) * np.where(np.arange(N) < 100, 0.0, 1.0)
    expected = SoftmaxGDClassifier().fit(X, y, weights)
    for factor in (1e-300, 1.0, 1e308):
        found = DaskSoftmaxGDClassifier().fit(*cut(X, y, factor * weights))
        np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-7, atol=1e-9)


def test_bad_input(problem):
    X, y = problem
    A, b = cut(X, y)
    model = DaskSoftmaxGDClassifier()
    with pytest.raises(NotFittedError):
        model.predict(A)
    with pytest.raises(ValueError, match="X must have two dimensions, got 1"):
        model.fit(b, b)
    with pytest.raises(ValueError, match="y must have one dimension, got 2"):
        model.fit(A, A)
    model.fit(A, b)
    with pytest.raises(ValueError, match="out is for arrays in memory"):
        model.predict(A, out=np.empty(N, y.dtype))


def test_a_local_copy(problem):
    X, y = problem
    A, b = cut(X, y)
    model = DaskSoftmaxGDClassifier(alpha=0.01, store_coef_history=True).fit(A, b)
    local = model.to_local()
    assert type(local) is SoftmaxGDClassifier
    assert local.get_params() == model.get_params()
    np.testing.assert_array_equal(local.predict_proba(X), model.predict_proba(A).compute())
    assert local.coef_history_.shape == model.coef_history_.shape
    assert clone(model).fit(A, b).loss_ == model.loss_


def test_a_pass_is_one_graph(problem, monkeypatch):
    """Of a task for each chunk, what they return added up in a tree: and X is loaded once."""
    X, y = problem
    loads, runs = [], []

    def load(number):
        loads.append(number)
        return X[number * 60 : number * 60 + 60]

    parts = [
        da.from_delayed(dask.delayed(load)(number), shape=(60, D), dtype=float)
        for number in range(10)
    ]
    A = da.concatenate(parts)
    compute = dask.compute

    def counting(*graphs, **options):
        runs.append(sum(len(graph.__dask_graph__()) for graph in graphs))
        return compute(*graphs, **options)

    model = DaskSoftmaxGDClassifier(learning_rate=1e-6, max_iter=3, tol=0)
    monkeypatch.setattr(_dask.dask, "compute", counting)
    model.fit(A, da.from_array(y, chunks=60))
    assert len(loads) == 10
    assert len(runs) == 1 + model.n_passes_  # the labels', and the passes'
    tree = 2 + 1  # ten sums are added up eight at a time
    assert set(runs[1:]) == {2 * 10 + tree + 2}  # the weights' list, and the list as a task


def test_the_same_bits_whoever_is_done_first(problem):
    A, b = cut(*problem, chunks=20)
    found = []
    for scheduler in ("synchronous", "threads", "threads"):
        with dask.config.set(scheduler=scheduler):
            found.append(DaskSoftmaxGDClassifier().fit(A, b).coef_)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


@pytest.fixture(scope="module")
def cluster():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0", memory_limit=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_worker_that_is_killed_in_mid_fit(cluster, problem, monkeypatch):
    X, y = problem
    A, b = cut(X, y, chunks=60)
    expected = DaskSoftmaxGDClassifier(tol=1e-12)
    with dask.config.set(scheduler="synchronous"):
        expected.fit(A, b)
    killed = []
    loss_and_gradient = _dask.ClusterSums.loss_and_gradient

    def kill_once(self, coef, intercept):
        if self.n_passes >= 3 and not killed:
            pid = next(iter(cluster.run(os.getpid).values()))
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)
        return loss_and_gradient(self, coef, intercept)

    monkeypatch.setattr(_dask.ClusterSums, "loss_and_gradient", kill_once)
    found = DaskSoftmaxGDClassifier(tol=1e-12).fit(A, b)
    assert len(killed) == 1
    np.testing.assert_allclose(found.coef_, expected.coef_, rtol=1e-10)
    deadline = time.monotonic() + 30
    while len(cluster.nthreads()) < 2 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert killed[0] not in cluster.run(os.getpid).values()


@pytest.mark.usefixtures("cluster")
def test_a_grid_search_on_a_cluster(problem):
    X, y = problem
    grid = {"alpha": [1e-1, 1e-2, 1e-3]}
    expected = GridSearchCV(SoftmaxGDClassifier(), grid, cv=3).fit(X, y)
    with joblib.parallel_backend("dask"):
        found = GridSearchCV(SoftmaxGDClassifier(), grid, cv=3).fit(X, y)
    np.testing.assert_array_equal(
        found.cv_results_["mean_test_score"], expected.cv_results_["mean_test_score"]
    )
    np.testing.assert_array_equal(found.best_estimator_.coef_, expected.best_estimator_.coef_)
