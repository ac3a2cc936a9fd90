"""The parameters of a fit, as the check returns them: no one behind the estimators reads others.

Knows no other part of the package.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameters:
    """What was asked of a fit, checked; `SoftmaxGDClassifier` says what each parameter means.

    Attributes
    ----------
    learning_rate : float or None
        None: "auto".
    estimator_name : str
        Of the estimator's class, for messages.
    """

    learning_rate: float | None
    alpha: float
    l1_ratio: float
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
    def measures_scale(self) -> bool:
        """Whether a fit measures the features' scales: numbers that are not finite show there."""
        return self.learning_rate is None or self.tol > 0.0 or self.gap_tol is not None
