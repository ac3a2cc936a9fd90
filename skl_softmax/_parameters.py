"""The parameters of a fit, as the check returns them: no one behind the estimators reads others.

Knows no other part of the package.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

PER_SAMPLE = "1/n_samples"  # an alpha that depends on the data's size


@dataclass(frozen=True)
class Parameters:
    """What was asked of a fit, checked; `SoftmaxGDClassifier` says what each parameter means.

    Attributes
    ----------
    learning_rate : float or None
        None: "auto".
    alpha : float
        For ``alpha="1/n_samples"`` it is 1, until `of_samples` divides it.
    per_sample : bool
        Whether that is still to be done.
    estimator_name : str
        Of the estimator's class, for messages.
    """

    learning_rate: float | None
    alpha: float
    per_sample: bool
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

    def of_samples(self, total: float) -> Parameters:
        """The parameters for samples of a total weight, which ``alpha="1/n_samples"`` counts."""
        if not self.per_sample:
            return self
        if not (total > 0.0 and 0.0 < 1.0 / total < float("inf")):
            raise ValueError(
                f"alpha={PER_SAMPLE!r} is one over the total weight of the samples: that is"
                f" {total:g}, out of range. Give weights of ordinary size, or a number for alpha."
            )
        return replace(self, alpha=self.alpha / total, per_sample=False)

    @property
    def measures_scale(self) -> bool:
        """Whether a fit measures the features' scales: numbers that are not finite show there."""
        return self.learning_rate is None or self.tol > 0.0 or self.gap_tol is not None
