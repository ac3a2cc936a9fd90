"""The package as a thing that is installed, stored, interrupted and trusted."""

import doctest
import gc
import io
import os
import pickle
import signal
import subprocess
import sys
import weakref
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_digits

import skl_softmax
from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, _compat

X, y = load_digits(return_X_y=True)


def run(code, **kwargs):
    """Run code in a process of its own, where every warning is an error."""
    command = [sys.executable, "-W", "error", "-c", code]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=120, **kwargs
    )


def test_the_public_names_are_sorted_and_there():
    assert sorted(skl_softmax.__all__) == skl_softmax.__all__
    for name in skl_softmax.__all__:
        assert hasattr(skl_softmax, name)


def test_neither_import_nor_fit_opens_a_socket_or_writes_a_file():
    """Nor do they load what is optional, if scikit-learn has not."""
    code = """
import socket, sys
import sklearn.linear_model
loaded = set(sys.modules)
sys.dont_write_bytecode = True
def watch(event, arguments):
    if event.startswith("socket."):
        raise AssertionError(event)
    if event == "open" and isinstance(arguments[1], str) and set(arguments[1]) & set("wax+"):
        raise AssertionError(arguments)
sys.addaudithook(watch)
from skl_softmax import SoftmaxGDClassifier
SoftmaxGDClassifier().fit([[0.0], [1.0], [2.0]], [0, 1, 1]).predict_proba([[1.0]])
optional = {"dask", "matplotlib", "numba", "pandas", "polars", "rich", "torch"}
print(sorted(optional & (set(sys.modules) - loaded)))
"""
    assert run(code).stdout.strip() == "[]"


def test_devices_are_on_wherever_scikit_learn_has_them():
    """Else arrays would be converted, and the tests with devices would skip."""
    version = tuple(map(int, sklearn.__version__.split(".")[:2]))
    assert (version >= (1, 9)) == _compat.HAS_DEVICES
    assert not _compat.HAS_DEVICES or _compat.array_api_compat.is_array_api_obj(X)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT to send to one process")
@pytest.mark.parametrize("learning_rate", ["auto", 1e-5])
def test_ctrl_c(learning_rate):
    """A real one, in the middle of a fit in two threads: fitted up to there, and threads end."""
    code = f"""
import signal, threading, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what a shell runs aside
import numpy as np
from skl_softmax import SoftmaxGDClassifier
X = np.random.default_rng(0).standard_normal((100_000, 20))
y = np.arange(100_000) % 5
model = SoftmaxGDClassifier(learning_rate={learning_rate!r}, tol=0, max_iter=10**6, verbose=2)
fit = model.fit
if model.learning_rate == "auto":  # it would be done too soon
    model.set_params(max_iter=3, warm_start=True)
    def fit(X, y):
        while True:
            model.fit(X, np.random.default_rng().permutation(y))
try:
    fit(X, y)
except KeyboardInterrupt:
    finite = np.isfinite(model.coef_).all() and len(model.loss_history_) == model.n_iter_ + 1
    print("left", model.stop_reason_, finite, model.predict_proba(X[:2]).shape)
# Python may interrupt just where threads are told to end: then they end when their traceback does.
deadline = time.monotonic() + 10  # a block that is being computed is computed to its end
while threading.active_count() > 1 and time.monotonic() < deadline:
    time.sleep(0.01)
print("threads", threading.active_count())
"""
    command = [sys.executable, "-u", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        for _ in range(12):
            process.stdout.readline()  # it is under way
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "True (2, 5)" in out
    assert "threads 1" in out
    if learning_rate != "auto":
        assert "left interrupted" in out


def test_nested_parallelism():
    """Fits in processes that use threads, inside threads: right, and none waits for another."""
    expected = SoftmaxGDClassifier().fit(X, y).coef_

    def fits(n):
        return joblib.Parallel(n_jobs=2, backend="threading")(
            joblib.delayed(clone(SoftmaxGDClassifier()).fit)(X, y) for _ in range(n)
        )

    for models in joblib.Parallel(n_jobs=2)(joblib.delayed(fits)(2) for _ in range(2)):
        for model in models:
            np.testing.assert_array_equal(model.coef_, expected)


@pytest.mark.parametrize("convert", [np.array, np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize("learning_rate", ["auto", 1e-3])
def test_a_fit_keeps_nothing_of_the_data(convert, learning_rate):
    data, labels, weights = convert(X), y.copy(), np.ones(len(y))
    model = SoftmaxGDClassifier(learning_rate=learning_rate, max_iter=5, tol=0)
    model.fit(data, labels, weights, X_val=data, y_val=labels)
    references = [weakref.ref(each) for each in (data, labels, weights)]
    del data, labels, weights
    gc.collect()
    assert [reference() for reference in references] == [None, None, None]
    assert len(pickle.dumps(model)) < 20_000


@pytest.mark.parametrize("dump", [pickle.dump, joblib.dump])
@pytest.mark.parametrize("estimator", [SoftmaxGDClassifier, SoftmaxGDClassifierCV])
def test_model_files_of_another_format_are_refused(estimator, dump, monkeypatch):
    model = estimator().fit(X[:300], y[:300])
    files = []
    for written_as in (None, 0, 99):
        file = io.BytesIO()
        with monkeypatch.context() as patch:
            if written_as is not None:
                patch.setattr("skl_softmax._fitted.FORMAT", written_as)
            dump(model, file)
        files.append(file)
        file.seek(0)
    load = pickle.load if dump is pickle.dump else joblib.load
    np.testing.assert_array_equal(load(files[0]).coef_, model.coef_)
    for file in files[1:]:
        with pytest.raises(ValueError, match="written by another version of skl_softmax"):
            load(file)


@pytest.mark.parametrize("estimator", [SoftmaxGDClassifier, SoftmaxGDClassifierCV])
def test_model_files_without_the_number_of_a_format(estimator, monkeypatch):
    """Those of a classifier are too old; those of a search were written in format 2."""
    if estimator is SoftmaxGDClassifierCV:
        estimator().__setstate__({"alphas": 3})
        monkeypatch.setattr("skl_softmax._fitted.FORMAT", 3)
    with pytest.raises(ValueError, match="written by another version of skl_softmax"):
        estimator().__setstate__({"alpha": 3.0})


@pytest.fixture
def stored():
    """The folder of files that were written when every module lay beside the others, and X."""
    folder = Path(__file__).parent / "stored"
    return folder, pd.DataFrame(np.loadtxt(folder / "X.csv", delimiter=","), columns=["u", "v"])


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_files_of_before_are_read(stored):
    folder, X = stored
    proba = np.loadtxt(folder / "proba.csv", delimiter=",")
    classifier, search, path = (
        pickle.loads((folder / f"{name}.pickle").read_bytes())
        for name in ("classifier", "search", "path")
    )
    assert type(classifier) is SoftmaxGDClassifier
    assert "Classifier" in repr(classifier) + repr(search)  # parameters that are new have defaults
    assert classifier.coef_history_.shape == (4, 3, 2)
    np.testing.assert_allclose(classifier.predict_proba(X), proba, rtol=1e-12)
    assert type(search) is skl_softmax.SoftmaxGDClassifierCV
    assert search.best_estimator_.coef_.shape == (3, 2)
    assert set(search.predict(X)) <= {"a", "b", "c"}
    assert type(path) is skl_softmax.SoftmaxPath
    assert path.alphas.tolist() == [0.1, 0.01]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
def test_a_skops_file_of_before_is_read(stored):
    skops = pytest.importorskip("skops.io", reason="the extra interop is not installed")
    folder, X = stored
    written = "skl_softmax._classifier.SoftmaxGDClassifier"
    classifier = skops.load(folder / "classifier.skops", trusted=[written])
    proba = np.loadtxt(folder / "proba.csv", delimiter=",")
    np.testing.assert_allclose(classifier.predict_proba(X), proba, rtol=1e-12)


@pytest.mark.parametrize("name", sorted(set(skl_softmax.__all__) - {"__version__"}))
def test_the_examples_of_public_docstrings_run(name):
    """Where pytest looks for them, a class that names the public door has no methods."""
    found = doctest.DocTestFinder(exclude_empty=True).find(
        getattr(skl_softmax, name), name, module=False, globs={}
    )
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    assert sum(runner.run(example).failed for example in found) == 0


def test_the_format_names_these_attributes():
    """If this changes, models of before cannot be read: raise _fitted.FORMAT, and this with it."""
    model = SoftmaxGDClassifier(gap_tol=1.0, store_coef_history=True, early_stopping=True)
    model.fit(X, y)
    assert skl_softmax._fitted.FORMAT == 2
    fitted = """best_iter_ class_prior_ classes_ coef_ coef_history_ converged_ gap_ intercept_
    intercept_history_ loss_ loss_history_ n_features_in_ n_iter_ n_passes_ passes_history_
    stop_reason_ validation_loss_history_"""
    params = """alpha class_weight early_stopping fit_intercept gap_tol l1_ratio learning_rate
    max_iter n_iter_no_change penalty_factor random_state store_coef_history tol
    validation_fraction verbose warm_start"""
    assert sorted(vars(model)) == sorted(fitted.split() + params.split())
