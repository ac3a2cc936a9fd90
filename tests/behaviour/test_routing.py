"""Sample weights through every kind of meta-estimator, with metadata routing and without.

The weights depend on the label alone, so every fit inside, whatever rows it gets, must see the
weights of its own labels; and what comes out must be what `class_weight` gives.
"""

from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from sklearn import config_context
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.feature_selection import RFE, SelectFromModel, SequentialFeatureSelector
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.multioutput import MultiOutputClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import SoftmaxGDClassifier

X, y = load_iris(return_X_y=True)
TABLE = np.array([1.0, 2.0, 5.0])
WEIGHTS = TABLE[y]


class Spy(SoftmaxGDClassifier):
    """Notes what it was fitted to."""

    fits = []  # noqa: RUF012

    def fit(self, X, y, sample_weight=None, *, X_val=None, y_val=None, sample_weight_val=None):
        self.fits.append(SimpleNamespace(y=np.array(y), weights=sample_weight))
        validation = {"X_val": X_val, "y_val": y_val, "sample_weight_val": sample_weight_val}
        return super().fit(X, y, sample_weight, **validation)


@pytest.fixture(params=["routing", "no routing"])
def routing(request):
    """Whether metadata are routed, while they are."""
    is_on = request.param == "routing"
    with config_context(enable_metadata_routing=True) if is_on else nullcontext():
        yield is_on


@pytest.fixture
def spy(routing):
    """A classifier that wants weights, when fitted and when scored."""
    Spy.fits.clear()
    spy = Spy(alpha=0.01, tol=1e-16)
    if routing:
        spy.set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
    return spy


def assert_weighted(n_fits=None):
    """Every fit had the weights of its labels."""
    assert Spy.fits
    assert n_fits is None or len(Spy.fits) == n_fits
    for fit in Spy.fits:
        np.testing.assert_array_equal(fit.weights, TABLE[fit.y])


def by_class_weight(X):
    weights = dict(enumerate(TABLE))
    return SoftmaxGDClassifier(alpha=0.01, tol=1e-16, class_weight=weights).fit(X, y)


def assert_same(model, X=X):
    np.testing.assert_allclose(model.coef_, by_class_weight(X).coef_, atol=1e-5)


def test_pipeline(spy, routing):
    scaler = StandardScaler()
    if routing:
        scaler.set_fit_request(sample_weight=False)
    pipeline = make_pipeline(scaler, spy)
    pipeline.fit(X, y, **{"sample_weight" if routing else "spy__sample_weight": WEIGHTS})
    assert_weighted(1)
    assert_same(pipeline[-1], StandardScaler().fit_transform(X))


def test_grid_search(spy):
    search = GridSearchCV(spy, {"alpha": [0.01]}, cv=3).fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(4)
    assert_same(search.best_estimator_)


def test_cross_validate(spy):
    result = cross_validate(
        spy, X, y, cv=3, params={"sample_weight": WEIGHTS}, return_estimator=True
    )
    assert_weighted(3)
    assert len(result["estimator"]) == 3


def test_stacking(spy, routing):
    final = SoftmaxGDClassifier()
    if routing:
        final.set_fit_request(sample_weight=True)
    model = StackingClassifier([("spy", spy)], final, cv=3).fit(X, y, sample_weight=WEIGHTS)
    assert_weighted()
    assert_same(model.estimators_[0])


def test_voting(spy):
    model = VotingClassifier([("spy", spy)], voting="soft").fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(1)
    assert_same(model.estimators_[0])


def test_calibration(spy):
    CalibratedClassifierCV(spy, cv=3).fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(3)


def test_multi_output(spy):
    model = MultiOutputClassifier(spy).fit(X, np.column_stack([y, y]), sample_weight=WEIGHTS)
    assert_weighted(2)
    assert_same(model.estimators_[0])


def test_recursive_feature_elimination(spy):
    selector = RFE(spy, n_features_to_select=2).fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(3)
    assert_same(selector.estimator_, selector.transform(X))


def test_sequential_feature_selection(spy, routing):
    selector = SequentialFeatureSelector(spy, n_features_to_select=2, cv=3)
    if not routing:
        with pytest.raises(ValueError, match="only supported if enable_metadata_routing=True"):
            selector.fit(X, y, sample_weight=WEIGHTS)
        return
    selector.fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(3 * (4 + 3))


def test_select_from_model(spy):
    selector = SelectFromModel(spy).fit(X, y, sample_weight=WEIGHTS)
    assert_weighted(1)
    assert_same(selector.estimator_)


def test_permutation_importance(spy):
    """The score's weights; samples without weight may be anything."""
    spy.fit(X, y, WEIGHTS)
    wrong = np.concatenate([y, (y + 1) % 3])
    X_twice, weights = np.tile(X, (2, 1)), np.repeat([1.0, 0.0], len(y))
    found = permutation_importance(
        spy, X_twice, wrong, sample_weight=weights, n_repeats=3, random_state=0
    )
    assert spy.score(X_twice, wrong, weights) == spy.score(X, y) > 0.95
    assert found.importances_mean.max() > 0.3
