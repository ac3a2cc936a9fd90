"""scikit-learn's own checks, over the configurations that take different paths."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV


@parametrize_with_checks(
    [
        SoftmaxGDClassifier(),
        SoftmaxGDClassifier(fit_intercept=False),
        SoftmaxGDClassifier(store_coef_history=True),
        SoftmaxGDClassifier(class_weight="balanced"),
        SoftmaxGDClassifier(warm_start=True),
        SoftmaxGDClassifier(learning_rate=0.05, max_iter=100, tol=0),
        SoftmaxGDClassifier(l1_ratio=0.5),
        SoftmaxGDClassifier(l1_ratio=1.0, fit_intercept=False),
        SoftmaxGDClassifier(l1_ratio=1.0, learning_rate=0.05, max_iter=100, tol=0),
        SoftmaxGDClassifierCV(alphas=3, cv=3),
        SoftmaxGDClassifierCV(alphas=3, cv=3, l1_ratios=[0.5, 1.0], refit=False),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([SoftmaxGDClassifier(learning_rate=0.05), SoftmaxGDClassifier(alpha=0)])
def test_scikit_learn_checks_of_fits_that_warn(estimator, check):
    """A constant step need not reach `tol`, nor has separable data an optimum; both say so."""
    check(estimator)


@parametrize_with_checks(
    [SoftmaxGDClassifier(early_stopping=True, random_state=0)],
    expected_failed_checks=lambda _: {
        f"check_sample_weight_equivalence_on_{kind}_data": "what is held out is drawn by number,"
        " so a sample that is there twice may be on both sides; one of weight two is on one"
        for kind in ("dense", "sparse")
    },
)
def test_scikit_learn_checks_of_early_stopping(estimator, check):
    check(estimator)
