"""`to_sklearn`, and what other projects make of it and of the classifier itself.

The other projects are the extra `interop`; without it, their tests are skipped.
"""

import io
import pickle
import sys
from copy import deepcopy

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import (
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    register_onnx_converters,
    softmax_path,
)

X, y = load_iris(return_X_y=True, as_frame=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])


@pytest.fixture(params=[2, 3], ids=["two classes", "three classes"])
def fitted(request):
    """A classifier and its data."""
    rows = y < request.param
    rows[80:100] = False  # so that two classes do not have the same number of samples
    return SoftmaxGDClassifier(alpha=0.01).fit(X[rows], NAMES[y[rows]]), X[rows]


def test_the_same_predictions(fitted):
    model, X = fitted
    exported = model.to_sklearn()
    assert type(exported) is LogisticRegression
    np.testing.assert_array_equal(exported.predict(X), model.predict(X))
    np.testing.assert_allclose(exported.predict_proba(X), model.predict_proba(X), rtol=1e-12)
    np.testing.assert_array_equal(exported.decision_function(X), model.decision_function(X))
    np.testing.assert_array_equal(exported.feature_names_in_, model.feature_names_in_)
    np.testing.assert_array_equal(exported.n_iter_, [model.n_iter_])
    exported.coef_ += 1.0
    assert np.abs(exported.coef_ - model.coef_ - 1.0).max() < 1e-12


def test_parameters_that_mean_the_same(fitted):
    model, X = fitted
    labels = model.predict(X)
    model.set_params(fit_intercept=False, class_weight="balanced").fit(X, labels)
    exported = model.to_sklearn()
    assert (exported.fit_intercept, exported.class_weight) == (False, "balanced")
    np.testing.assert_array_equal(exported.intercept_, 0.0)


def test_unfitted():
    with pytest.raises(NotFittedError):
        SoftmaxGDClassifier().to_sklearn()


def test_joblib_and_pickle_of_the_export(fitted):
    model, X = fitted
    file = io.BytesIO()
    joblib.dump(model.to_sklearn(), file)
    file.seek(0)
    for copy in (joblib.load(file), pickle.loads(pickle.dumps(model.to_sklearn()))):
        np.testing.assert_allclose(copy.predict_proba(X), model.predict_proba(X), rtol=1e-12)


@pytest.mark.parametrize("with_scaler", [False, True])
def test_onnx(fitted, with_scaler):
    reason = "the extra interop is not installed"
    skl2onnx = pytest.importorskip("skl2onnx", reason=reason)
    onnxruntime = pytest.importorskip("onnxruntime", reason=reason)
    model, X = fitted
    if with_scaler:
        scaler = StandardScaler().fit(X.to_numpy())
        model.fit(scaler.transform(X.to_numpy()), model.predict(X))
        exported = make_pipeline(scaler, model.to_sklearn())
        expected = model.predict_proba(scaler.transform(X.to_numpy()))
    else:
        exported, expected = model.to_sklearn(), model.predict_proba(X)
    samples = X.to_numpy(np.float32)
    graph = skl2onnx.to_onnx(exported, samples[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, proba = session.run(None, {session.get_inputs()[0].name: samples})
    np.testing.assert_allclose(proba, expected, atol=1e-5)
    np.testing.assert_array_equal(labels, model.classes_[expected.argmax(axis=1)])


@pytest.mark.filterwarnings("ignore:The best score is at an end")
@pytest.mark.parametrize("kind", [SoftmaxGDClassifier, SoftmaxGDClassifierCV, make_pipeline])
def test_onnx_by_registered_converters(fitted, kind):
    reason = "the extra interop is not installed"
    skl2onnx = pytest.importorskip("skl2onnx", reason=reason)
    onnxruntime = pytest.importorskip("onnxruntime", reason=reason)
    classifier, X = fitted
    steps = (StandardScaler(), SoftmaxGDClassifier()) if kind is make_pipeline else ()
    model = kind(*steps).fit(X.to_numpy(), classifier.predict(X))
    register_onnx_converters()
    samples = X.to_numpy(np.float32)
    graph = skl2onnx.to_onnx(model, samples[:1], options={"zipmap": False})
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    labels, proba = session.run(None, {session.get_inputs()[0].name: samples})
    np.testing.assert_allclose(proba, model.predict_proba(samples), atol=1e-5)
    np.testing.assert_array_equal(labels, model.predict(samples))


def test_onnx_without_skl2onnx(monkeypatch):
    monkeypatch.setitem(sys.modules, "skl2onnx", None)
    with pytest.raises(ImportError, match=r"skl_softmax\[interop\]"):
        register_onnx_converters()


def test_skops(fitted):
    io_ = pytest.importorskip("skops.io", reason="the extra interop is not installed")
    model, X = fitted
    loaded = io_.loads(io_.dumps(model.to_sklearn()))  # nothing that needs trust
    np.testing.assert_allclose(loaded.predict_proba(X), model.predict_proba(X), rtol=1e-12)
    search = SoftmaxGDClassifierCV(alphas=[0.1], cv=2).fit(X, model.predict(X))
    trusted = {  # the list of the user guide
        "skl_softmax.SoftmaxGDClassifier",
        "skl_softmax.SoftmaxGDClassifierCV",
        "scipy.sparse._csr.csr_array",
    }
    found = set()
    for each in (model, search, deepcopy(model).sparsify()):
        stored = io_.dumps(each)
        found |= set(io_.get_untrusted_types(data=stored))
        copy = io_.loads(stored, trusted=sorted(trusted))
        np.testing.assert_array_equal(copy.predict_proba(X), each.predict_proba(X))
        assert vars(copy).keys() == vars(each).keys()
    assert found == trusted


@pytest.mark.parametrize("library", ["torch", "pyarrow"])
def test_labels_and_weights_of_other_libraries(library, fitted, rng):
    """Where nobody has switched scikit-learn's array API support on."""
    imported = pytest.importorskip(library)
    put = imported.asarray if library == "torch" else imported.array
    _, frame = fitted
    X, y, weights = frame.to_numpy(), np.arange(len(frame)) % 3, rng.random(len(frame))
    expected = SoftmaxGDClassifier().fit(X, y, weights, X_val=X, y_val=y)
    found = SoftmaxGDClassifier().fit(
        X, put(y), put(weights), X_val=X, y_val=put(y), sample_weight_val=put(np.ones(len(y)))
    )
    np.testing.assert_array_equal(found.coef_, expected.coef_)
    np.testing.assert_allclose(found.validation_loss_history_, expected.validation_loss_history_)
    assert found.score(X, put(y)) == expected.score(X, y)
    assert found.duality_gap(X, put(y), put(weights)) == expected.duality_gap(X, y, weights)
    SoftmaxGDClassifierCV(alphas=[0.1], cv=2).fit(X, put(y), put(weights))
    softmax_path(X, put(y), sample_weight=put(weights), n_alphas=2)
    if library == "torch":
        soft = SoftmaxGDClassifier().fit_proba(X, put(np.eye(3)[y]), put(weights))
        np.testing.assert_array_equal(soft.coef_, expected.coef_)


def test_shap(fitted):
    """Shapley values of a linear model: what each feature adds to the logits at the mean."""
    shap = pytest.importorskip("shap", reason="the extra interop is not installed")
    model, X = fitted
    explainer = shap.LinearExplainer(model.to_sklearn(), X)
    values = explainer(X).values.reshape(len(X), X.shape[1], -1)
    centered = X.to_numpy() - explainer.masker.data.mean(axis=0)
    np.testing.assert_allclose(
        values, centered[:, :, np.newaxis] * model.coef_.T[np.newaxis], atol=1e-8
    )
