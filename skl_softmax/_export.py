"""A fitted classifier as scikit-learn's own, for tools that know no other.

Knows a fitted estimator's attributes, and nothing of how it was fitted.
"""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression


def logistic_regression(classifier: Any) -> LogisticRegression:
    """A fitted LogisticRegression with the classifier's weights."""
    exported = LogisticRegression(
        fit_intercept=classifier.fit_intercept, class_weight=classifier.class_weight
    )
    for name in ("classes_", "coef_", "intercept_", "n_features_in_", "feature_names_in_"):
        if hasattr(classifier, name):
            setattr(exported, name, deepcopy(getattr(classifier, name)))
    exported.n_iter_ = np.array([classifier.n_iter_], dtype=np.int32)
    return exported
