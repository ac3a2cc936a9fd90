"""The parameters of a fit, as the check returns them: no one behind the estimators reads others.

Knows no other part of the package.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PER_SAMPLE = "1/n_samples"  # an alpha that depends on the data's size


@dataclass(frozen=True)
class Parameters:
    """What was asked of a fit, checked; `SoftmaxGDClassifier` says what each parameter means.

    Attributes
    ----------
    learning_rate : float or None
        None: "auto".
    alpha : float
        For ``alpha="1/n_samples"`` it is 1, until the number of samples is known.
    per_sample : bool
        Whether it is still to be divided by that.
    penalty_factor : ndarray (n_features,) or None
        None: one for every feature.
    estimator_name : str
        Of the estimator's class, for messages.
    """

    learning_rate: float | None
    alpha: float
    per_sample: bool
    l1_ratio: float
    penalty_factor: NDArray[np.float64] | None
    fit_intercept: bool
    max_iter: int
    tol: float
    gap_tol: float | None
    early_stopping: bool
    n_iter_no_change: int
    store_coef_history: bool
    verbose: int
    estimator_name: str

    @property
    def has_penalty(self) -> bool:
        """Whether some feature has a penalty."""
        return self.alpha > 0.0 and (self.penalty_factor is None or bool(self.penalty_factor.any()))

    @property
    def measures_scale(self) -> bool:
        """Whether a fit measures the features' scales: numbers that are not finite show there."""
        return self.learning_rate is None or self.tol > 0.0 or self.gap_tol is not None
