"""What is to be fitted: samples and a penalty, before any coordinates are chosen.

This module knows nothing of estimators; it takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike
from scipy.sparse.linalg import ArpackError, LinearOperator, eigsh

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.protocol import Frame, Samples, Sums
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective
from skl_softmax._parameters import Parameters

ALL = slice(None)
ARPACK_TOL = 1e-6  # relative error of the largest eigenvalue, which is a bound anyway


@dataclass(frozen=True)
class Task:
    """What is to be fitted: see `skl_softmax._objective.smooth` for the formula.

    Attributes
    ----------
    X : ndarray, CSR, `OnDisk` or `OnDevice` (n_samples, n_features)
    y : ndarray of integers (n_samples,), or of probabilities (n_samples, n_classes)
    weights : ndarray (n_samples,), summing to one
    origin : ndarray (n_features,) or None
        Subtracted from every row of X.
    factor : ndarray (n_features,), or a number for all
        What `alpha` is multiplied by for each feature.
    """

    X: Matrix
    y: Array
    weights: Array
    n_outputs: int
    alpha: float
    fit_intercept: bool
    l1_ratio: float = 0.0
    origin: Array | None = None
    factor: Array | float = 1.0

    @classmethod
    def of(cls, parameters: Parameters, samples: Samples, n_outputs: int) -> Task:
        """The task that an estimator's parameters set for some samples."""
        p = parameters
        X, y, weights = samples[:3]
        factor = 1.0 if p.penalty_factor is None else p.penalty_factor
        return cls(X, y, weights, n_outputs, p.alpha, p.fit_intercept, p.l1_ratio, factor=factor)

    @property
    def has_kinks(self) -> bool:
        """Whether there is an L1 penalty."""
        return bool(self.alpha * self.l1_ratio * np.max(self.factor) > 0.0)

    @property
    def is_even(self) -> bool:
        """Whether all features have the same penalty: then directions in space have it too."""
        return bool(np.ptp(self.factor) == 0.0)

    @property
    def is_free(self) -> Array:
        """Which features have no penalty, (n_features,) of bool."""
        return np.broadcast_to(self.alpha * self.factor == 0.0, self.X.shape[1])

    def sums(
        self, workers: Workers, *, dtype: DTypeLike | None = None, origin: Array | None = None
    ) -> Sums:
        """The sums over the samples, computed in `dtype` at least.

        origin : subtracted from every row of X, (n_features,); None: the task's own origin
        """
        origin = self.origin if origin is None else origin
        if hasattr(self.X, "sums"):  # X on a device or on a cluster makes its own
            sums: Sums = self.X.sums(self.y, self.weights, self.n_outputs, dtype, origin)
            return sums
        rows = Rows(self.X, self.n_outputs, workers, dtype=dtype, origin=origin)
        return RowSums(rows, self.y, self.weights)

    def smooth(
        self,
        sums: Sums,
        center: Array,
        scale: Array,
        gram: Array | None = None,
        *,
        has_outliers: bool = False,
    ) -> SoftmaxObjective:
        """F without the L1 penalty, over the given sums, in the given coordinates."""
        return SoftmaxObjective(
            sums,
            alpha=self.alpha * (1.0 - self.l1_ratio),
            factor=self.factor,
            fit_intercept=self.fit_intercept,
            center=center,
            scale=scale,
            gram=gram,
            has_outliers=has_outliers,
        )

    def l1(self, scale: Array) -> Array:
        """The L1 penalty on each parameter's absolute value, (n_dof,), in scaled coordinates."""
        l1 = self.alpha * self.factor * self.l1_ratio / scale
        return np.append(l1, np.zeros(int(self.fit_intercept)))

    def penalty(self, coef: Array, features: Array | slice = ALL) -> float:
        """The penalty on raw coefficients (n_outputs, n_features), or on those of some features."""
        factor = np.broadcast_to(self.factor, coef.shape[1])[features]
        coef = coef[:, features]
        l2 = 0.5 * (1.0 - self.l1_ratio) * float((factor * coef**2).sum())
        return self.alpha * (l2 + self.l1_ratio * float((factor * np.abs(coef)).sum()))

    def with_kinks(self, smooth: SoftmaxObjective) -> SoftmaxObjective | L1Objective:
        """F with its L1 penalty, if there is one; `smooth` is F without."""
        return L1Objective(smooth, self.l1(smooth.scale)) if self.has_kinks else smooth

    def cross_entropy(
        self, X: Matrix, y: Array, weights: Array, workers: Workers
    ) -> Callable[[Array, Array], float]:
        """The mean loss on other samples, without the penalty, as a function of the weights."""
        return replace(self, X=X, y=y, weights=weights).sums(workers).cross_entropy


def largest_safe_learning_rate(task: Task, workers: Workers) -> float:
    r"""Return 2/L: with any smaller learning rate, every step from any weights lowers the loss.

    A larger rate may still be stable, where the loss is less curved than the bound.
    L is an upper bound on the Hessian's largest eigenvalue,
    :math:`L = \frac12 \lambda_{\max}(\tilde X^\top S \tilde X) + \alpha \max_j f_j`. Here
    :math:`\tilde X` is X, with a column of ones if there is an intercept, and :math:`f_j` are the
    features' factors of the penalty. Two classes have one row of weights, and 1/4 in place of 1/2.

    References
    ----------
    D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical
    Mathematics 44, 1992. https://doi.org/10.1007/BF00048682
    """
    sums = task.sums(workers)
    frame = Frame(np.zeros(sums.n_features), np.ones(sums.n_features), task.fit_intercept)
    n_dof = frame.n_dof

    def multiply(vector: Array) -> Array:
        return sums.gram_times(vector.reshape(-1), frame)

    if n_dof == 1:
        largest = float(multiply(np.ones(1))[0])
    else:
        operator = LinearOperator((n_dof, n_dof), matvec=multiply, dtype=np.float64)
        start = np.random.default_rng(0).standard_normal(n_dof)
        try:
            (largest,) = eigsh(operator, k=1, v0=start, return_eigenvectors=False, tol=ARPACK_TOL)
        except ArpackError:  # as for X of zeros, for which this quotient is exact
            largest = float(np.linalg.norm(multiply(start)) / np.linalg.norm(start))
    factor = 0.25 if task.n_outputs == 1 else 0.5
    if not np.isfinite(largest):  # squares overflow
        return 0.0
    return float(2.0 / (factor * largest + task.alpha * np.max(task.factor)))
