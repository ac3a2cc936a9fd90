"""Arrays of other libraries: what is theirs alone, beside what `test_every_engine` compares."""

from functools import partial

import numpy as np
import pytest
from engines import draw_problem
from sklearn import config_context
from sklearn.base import clone
from sklearn.exceptions import DataConversionWarning
from sklearn.model_selection import GroupKFold, cross_val_predict
from sklearn.utils import estimator_checks

from skl_softmax import (
    AlphaScoreDisplay,
    CoefPathDisplay,
    DecisionRegionsDisplay,
    LossCurveDisplay,
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    _arrays,
    _compat,
    softmax_path,
)
from skl_softmax._compat import HAS_DEVICES, namespace_and_device, to_host
from skl_softmax._data.check import check_samples
from skl_softmax._data.samples import FitInput
from skl_softmax._engines import device as _array_api
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective import inverse as _inverse

pytestmark = pytest.mark.usefixtures("dispatch")


@pytest.fixture
def library(device):
    """Bring arrays to a library's device, and back: ``put(array)``, ``fetch(array)``."""
    return device.put, device.fetch


@pytest.fixture(params=[2, 4])
def problem(request, rng):
    return draw_problem(rng, 700, n_classes=request.param, decades=2.0, offset=3.0)


def sums_of(X, y, weights, n_classes):
    """The objectives of the same samples here and there."""
    n_outputs = 1 if n_classes == 2 else n_classes
    given = FitInput(X, y, weights, None, None, None)
    _, samples, _ = check_samples(SoftmaxGDClassifier(), given, all_finite=True)
    return Task(*samples[:3], n_outputs, 0.1, True)


@pytest.mark.parametrize("soft", [False, True])
def test_every_sum(soft, library, problem, rng):
    """Against those in memory, which have oracles of their own."""
    put, _ = library
    X, y = problem
    n_classes = int(y.max()) + 1
    weights = rng.random(len(y)) * (rng.random(len(y)) < 0.8)
    proba = rng.dirichlet(np.ones(n_classes), len(y))
    with Workers() as workers:
        here, there = (
            StandardizedProblem(sums_of(*arrays, n_classes), workers).smooth
            for arrays in ((X, y, weights), (put(X), put(y), put(weights)))
        )
        if soft:
            here.sums = type(here.sums)(here.sums.rows, proba, here.sums.weights)
            rows = there.sums._rows
            there.sums = rows.sums(proba, here.sums.weights, here.n_outputs)
        params = rng.normal(size=here.shape)
        value, gradient = here.value_and_gradient(params)
        found_value, found_gradient = there.value_and_gradient(params)
        assert found_value == pytest.approx(value, rel=1e-12)
        np.testing.assert_allclose(found_gradient, gradient, atol=1e-12)
        names = ["shared_hessian", "class_hessians", "hessian_diagonal"]
        for name in names if n_classes == 2 else [*names, "full_hessian"]:
            expected = getattr(here, name)(params)
            np.testing.assert_allclose(getattr(there, name)(params), expected, atol=1e-11)
        assert there.free_hessian(params, np.zeros(here.shape, bool)).shape == (0, 0)
        free = rng.random(here.shape) < 0.5
        np.testing.assert_allclose(
            there.free_hessian(params, free), here.free_hessian(params, free), atol=1e-11
        )
        assert there.largest_difference(params) == pytest.approx(here.largest_difference(params))
        for scale in (1e3, 1e-3):
            assert there.separates(scale * params) == here.separates(scale * params)
        vector = rng.normal(size=here.shape[1])
        np.testing.assert_allclose(
            there.sums.gram_times(vector, there.frame), here.sums.gram_times(vector, here.frame)
        )
        assert there.sums.take(np.flatnonzero(weights == 0.0)) is there.sums
        np.testing.assert_allclose(
            there.sample(100).value_and_gradient(params)[1],
            here.sample(100).value_and_gradient(params)[1],
            atol=1e-12,
        )


def test_inverses(library, rng):
    put, fetch = library
    rows = rng.normal(size=(3, 20, 6)) * np.logspace(-6, 6, 6)
    matrices = np.swapaxes(rows, 1, 2) @ rows
    size = np.sqrt(np.einsum("kii->ki", matrices))
    outer = size[:, :, np.newaxis] * size[:, np.newaxis]
    inverses = fetch(_inverse.inverse_there(put(matrices)))
    np.testing.assert_allclose(inverses * outer, np.linalg.inv(matrices / outer), rtol=1e-8)
    np.testing.assert_allclose(fetch(_inverse.inverse_there(put(matrices[0]))), inverses[0])


def test_inverses_where_there_is_none(library, monkeypatch):
    """Of collinear columns, something like one; of what is no Hessian, plain descent."""
    put, fetch = library
    twice = np.ones((2, 2))
    inverse = fetch(_inverse.inverse_there(put(twice)))
    assert np.linalg.eigvalsh(inverse).min() > 0.0
    np.testing.assert_allclose(twice @ inverse @ twice, twice, atol=1e-2)
    indefinite, zero = np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros((2, 2))
    xp, _ = namespace_and_device(put(zero))
    for factor in (xp.linalg.cholesky, xp.tril, lambda a: a * np.nan):
        monkeypatch.setattr(xp.linalg, "cholesky", factor)
        for matrix in (indefinite, zero):
            found = fetch(_inverse.inverse_there(put(matrix)))
            np.testing.assert_array_equal(found, np.eye(2))
    singular = put(np.tril(twice) - np.diag([0.0, 1.0]))
    monkeypatch.setattr(xp.linalg, "cholesky", lambda _: singular)
    np.testing.assert_array_equal(fetch(_inverse.inverse_there(put(twice))), np.eye(2))


def test_inverses_beside_one_that_has_none(library):
    put, fetch = library
    stack = put(np.stack([4.0 * np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), np.ones((2, 2))]))
    found = fetch(_inverse.inverse_there(stack))
    np.testing.assert_allclose(found[0], np.eye(2) / 4.0)
    np.testing.assert_array_equal(found[1], np.eye(2))
    assert np.linalg.eigvalsh(found[2])[1] > 1e8


def test_a_device_without_float64(rng):
    """Its models are inverted on the host: in float32 there would be none."""
    strict = pytest.importorskip("array_api_strict")
    X = np.exp(3.0 * rng.normal(size=(400, 6))).astype(np.float32)
    y = rng.integers(0, 4, 400)
    there = strict.asarray(X, device=strict.Device("no_float64"))
    expected, found = (SoftmaxGDClassifier(alpha=1e-4).fit(data, y) for data in (X, there))
    assert found.n_iter_ <= 1.5 * expected.n_iter_
    assert found.loss_ == pytest.approx(expected.loss_, abs=1e-5)


def test_small_residuals_are_exact(library):
    """Where a sample is all but certain, what is left of it is no difference of ones."""
    put, _ = library
    X, y = np.array([[-1.0], [-0.5], [0.5], [1.0]]), np.array([0, 0, 1, 1])
    with Workers() as workers:
        here, there = (sums_of(put_X, y, None, 2).sums(workers) for put_X in (X, put(X)))
        for size in (50.0, 300.0):
            weights = np.array([[size]]), np.zeros(1)
            _, gradient, _ = here.loss_and_gradient(*weights)
            _, found, _ = there.loss_and_gradient(*weights)
            np.testing.assert_allclose(found, gradient, rtol=1e-12)


def test_a_class_that_does_not_lead(library):
    put, _ = library
    X, y = np.array([[0.0], [1.0], [2.0]]), np.array([0, 1, 2])
    with Workers() as workers:
        for put_X in (X, put(X)):
            sums = sums_of(put_X, y, None, 3).sums(workers)
            assert not sums.separates(np.zeros((3, 1)), np.array([1.0, 2.0, 3.0]))


def test_cross_validated_predictions(problem):
    """Of an array library whose arrays NumPy can index, as scikit-learn does for each fold."""
    torch = pytest.importorskip("torch")
    X, y = problem
    tensors = torch.asarray(X), torch.asarray(y)
    options = {"cv": 3, "method": "predict_proba"}
    found = cross_val_predict(SoftmaxGDClassifier(), *tensors, **options)
    expected = cross_val_predict(SoftmaxGDClassifier(), X, y, **options)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-8)


def test_labels_and_weights_follow_X(library, problem):
    put, fetch = library
    X, y = problem
    names = np.array(["ash", "birch", "cedar", "fir"])[y]
    expected = SoftmaxGDClassifier().fit(X, names, np.arange(700.0))
    found = SoftmaxGDClassifier().fit(put(X), names, np.arange(700.0))
    np.testing.assert_allclose(fetch(found.coef_), expected.coef_, rtol=1e-8)
    assert found.predict(put(X)).tolist() == expected.predict(X).tolist()
    moved = SoftmaxGDClassifier().fit(X, put(y), put(np.arange(700.0)))
    np.testing.assert_array_equal(moved.coef_, expected.coef_)


def test_labels_of_two_dimensions(library, problem):
    put, fetch = library
    X, y = problem
    with pytest.raises(ValueError, match="1d array"):
        SoftmaxGDClassifier().fit(put(X), put(np.stack([y, y], axis=1)))
    with pytest.warns(DataConversionWarning):
        found = SoftmaxGDClassifier().fit(put(X), put(y[:, np.newaxis]))
    expected = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_allclose(fetch(found.coef_), expected.coef_, rtol=1e-8)


def test_models_outlive_the_setting(library, problem):
    put, _ = library
    X, y = problem
    expected = SoftmaxGDClassifier().fit(X, y)
    found = SoftmaxGDClassifier().fit(put(X), put(y))
    with config_context(array_api_dispatch=False):
        np.testing.assert_allclose(found.predict_proba(X), expected.predict_proba(X), atol=1e-9)
        assert found.duality_gap(X, y) == pytest.approx(expected.duality_gap(X, y), rel=1e-4)
        assert found.to_sklearn().score(X, y) == expected.score(X, y)
    with pytest.raises(ValueError, match="sparsify is for NumPy's arrays"):
        found.sparsify()


def test_displays(library, problem):
    pytest.importorskip("matplotlib")
    put, _ = library
    X, y = problem
    here = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
    there = SoftmaxGDClassifier(store_coef_history=True).fit(put(X), put(y))
    for draw in (LossCurveDisplay.from_estimator, CoefPathDisplay.from_estimator):
        lines, expected = (draw(model).figure_.axes[0].get_lines() for model in (there, here))
        for line, other in zip(lines, expected, strict=True):
            np.testing.assert_allclose(line.get_ydata(), other.get_ydata(), rtol=1e-6, atol=1e-8)
    search = SoftmaxGDClassifierCV(alphas=[1.0, 1e-3, 1e-6], cv=2).fit(put(X), put(y))
    assert AlphaScoreDisplay.from_estimator(search).scores.shape == (2, 1, 3)
    regions = DecisionRegionsDisplay.from_estimator(there, put(X), put(y), features=[0, 1])
    assert regions.axes_[0].get_title()


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_what_callbacks_get_is_there_too(library, problem):
    callback = pytest.importorskip("sklearn.callback")
    put, _ = library
    X, y = problem
    model = SoftmaxGDClassifier(max_iter=3, tol=0)
    model.set_callbacks(callback.ScoringMonitor(scoring="accuracy")).fit(put(X), put(y))
    assert model.n_iter_ == 3


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_a_path(l1_ratio, library, problem):
    put, _ = library
    X, y = problem
    options = {"l1_ratio": l1_ratio, "n_alphas": 4}
    expected = softmax_path(X, y, **options)
    found = softmax_path(put(X), put(y), **options)
    np.testing.assert_allclose(found.alphas, expected.alphas, rtol=1e-9)
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-9)
    size = np.abs(expected.coefs).max()
    np.testing.assert_allclose(found.coefs, expected.coefs, atol=1e-6 * size)


@pytest.mark.filterwarnings("ignore:The best score is at an end:UserWarning")
@pytest.mark.parametrize("has_names", [False, True])
@pytest.mark.parametrize("is_weighted", [False, True])
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"scoring": None, "l1_ratios": [0.0, 0.5]},
        {"scoring": "balanced_accuracy", "select": "one_standard_error"},
        {"refit": False},
        {"cv": GroupKFold(3)},
    ],
    ids=str,
)
def test_cross_validation(params, is_weighted, has_names, library, problem, rng):
    """The folds are cut where the data are; text and the groups need not be there."""
    put, fetch = library
    X, y = problem
    labels = np.array(["ash", "birch", "cedar", "fir"])[y] if has_names else y
    weights = rng.random(len(y)) if is_weighted else None
    groups = rng.integers(0, 9, len(y)) if "cv" in params else None
    search = SoftmaxGDClassifierCV(**{"alphas": [1.0, 0.1, 0.01], "cv": 3} | params)
    expected = clone(search).fit(X, labels, weights, groups=groups)
    found = search.fit(
        put(X),
        labels if has_names else put(y),
        weights if weights is None else put(weights),
        groups=groups if groups is None else put(groups),
    )
    np.testing.assert_allclose(fetch(found.scores_), expected.scores_, rtol=1e-6)
    assert (found.alpha_, found.l1_ratio_) == (expected.alpha_, expected.l1_ratio_)
    np.testing.assert_allclose(fetch(found.coef_), expected.coef_, rtol=1e-6)
    predicted = found.predict(put(X))
    predicted = predicted if has_names else fetch(predicted)
    np.testing.assert_array_equal(predicted, expected.predict(X))


@pytest.mark.filterwarnings("ignore:The best score is at an end:UserWarning")
def test_folds_in_other_processes(problem):
    torch = pytest.importorskip("torch")
    X, y = problem
    found, expected = (
        SoftmaxGDClassifierCV(alphas=[0.1, 0.01], n_jobs=n_jobs).fit(torch.asarray(X), y).scores_
        for n_jobs in (2, None)
    )
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_what_is_elsewhere_is_refused(library, problem):
    put, _ = library
    X, y = problem
    here, there = SoftmaxGDClassifier().fit(X, y), SoftmaxGDClassifier().fit(put(X), put(y))
    for model, samples in ((here, put(X)), (there, X)):
        with pytest.raises(ValueError, match="must use the same namespace and the same device"):
            model.predict_proba(samples)
    with pytest.raises(ValueError, match="out is for arrays of NumPy"):
        there.predict(put(X), out=np.empty(len(y), int))
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        there.fit(put(X), put(y[1:]))
    with pytest.raises(ValueError, match="at least two classes"):
        there.fit(put(X), put(np.zeros(len(y))))
    with pytest.raises(ValueError, match="Complex data not supported"):
        there.fit(put(X.astype(complex)), put(y))
    with pytest.raises(ValueError, match="Unknown label type: continuous"):
        there.fit(put(X), put(X[:, 0]))


@pytest.mark.parametrize("learning_rate", ["auto", 1e-4])
@pytest.mark.filterwarnings("ignore:The loss rose")
def test_the_derivative_that_is_printed(learning_rate, library, problem, capsys):
    """Of standardised features, whose means are far from zero."""
    put, _ = library
    X, y = problem[0] + 1e7, problem[1]
    printed = []
    for arrays in ((X, y), (put(X), put(y))):
        model = SoftmaxGDClassifier(learning_rate=learning_rate, tol=0, max_iter=1, verbose=1)
        model.fit(*arrays)
        first = capsys.readouterr().out.splitlines()[0]
        printed.append(float(first.split("gradient ")[1]))
    assert printed[1] == pytest.approx(printed[0], rel=1e-2)


def test_a_step_reads_its_device_twice(library, problem, monkeypatch):
    """Loss, slopes and the largest derivative, all in one; and the slope that says what is left.

    With a constant rate once. Weights only where there is a model.
    """
    put, _ = library
    X, y = problem
    reads = []

    def counting(room, array):
        reads.append((int(np.prod(array.shape)), room))
        return to_host(array)

    for room in (_arrays, _array_api):
        monkeypatch.setattr(room, "to_host", partial(counting, room))
    model = SoftmaxGDClassifier(learning_rate=1e-6, max_iter=4, tol=0)
    model.fit(put(X), y)
    size = model.coef_.shape[0] * 6
    assert reads == 5 * [(2, _arrays)] + [(size, _arrays)]  # the weights at the end
    reads.clear()
    passes = []
    there = _array_api.DeviceSums.loss_and_gradient_there
    monkeypatch.setattr(
        _array_api.DeviceSums,
        "loss_and_gradient_there",
        lambda self, *weights: passes.append(1) or there(self, *weights),
    )
    model = SoftmaxGDClassifier(tol=1e-16).fit(put(X), y)
    # What models of curvature read aside, and the weights.
    in_steps = [size for size, room in reads if room is _arrays and size <= 4]
    assert [size for size in in_steps if size > 1] == [2] + (len(passes) - 1) * [4]
    # For each step, for each of its models, and where a closer look was taken.
    assert model.n_iter_ <= in_steps.count(1) <= model.n_passes_


ESTIMATORS = SoftmaxGDClassifier(), SoftmaxGDClassifierCV(alphas=[0.1], cv=2)
CHECKS = [
    pytest.param(estimator, check, id="-".join(map(str, check.keywords.values())))
    for estimator in ESTIMATORS * HAS_DEVICES
    for check in estimator_checks._yield_array_api_checks(estimator)
]


@pytest.mark.parametrize(("estimator", "check"), CHECKS)
def test_scikit_learn_checks(estimator, check):
    """All that scikit-learn has; those for which a library or a device is missing, skip."""
    assert estimator.__sklearn_tags__().array_api_support
    check(type(estimator).__name__, clone(estimator))


def test_without_the_compatibility_layer(library, problem, monkeypatch):
    """Arrays are not converted without a word, which would turn devices off."""
    put, _ = library
    X, y = problem
    monkeypatch.setattr(_compat, "array_api_compat", None)
    with pytest.raises(ImportError, match="pip install array-api-compat"):
        SoftmaxGDClassifier().fit(put(X), y)
