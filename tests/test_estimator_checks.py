"""scikit-learn's own checks, over the configurations that take different paths."""

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from skl_softmax import SoftmaxGDClassifier


@parametrize_with_checks(
    [
        SoftmaxGDClassifier(),
        SoftmaxGDClassifier(fit_intercept=False),
        SoftmaxGDClassifier(store_coef_history=True),
        SoftmaxGDClassifier(class_weight="balanced"),
        SoftmaxGDClassifier(warm_start=True),
        SoftmaxGDClassifier(learning_rate=0.05, max_iter=100, tol=0),
    ]
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@parametrize_with_checks([SoftmaxGDClassifier(learning_rate=0.05), SoftmaxGDClassifier(alpha=0)])
def test_scikit_learn_checks_of_fits_that_warn(estimator, check):
    """A constant step need not reach `tol`, nor has separable data an optimum; both say so."""
    check(estimator)
