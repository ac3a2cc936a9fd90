"""A fit's objective, in the coordinates it is descended in, and the way back to coefficients.

A constant learning rate descends in the raw coordinates, as the textbook does. "auto" descends in
standardised ones, and on wide data in those of the row space. Whatever they are, the last loss is
that of the weights as they are stored.

Knows nothing of estimators; takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cached_property
from math import fsum
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._descent.curvature import starts_from_gram_matrix
from skl_softmax._descent.steps import State
from skl_softmax._engines.protocol import Sums
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.row_space import RowSpace, column_space, is_wide, row_space
from skl_softmax._fit.standardization import (
    Standardization,
    beside_outliers,
    hidden_deviation,
    least_deviation,
    standardization,
)
from skl_softmax._fit.task import Task
from skl_softmax._objective.duality import Certificate
from skl_softmax._objective.l1 import L1Objective, pseudo_gradient
from skl_softmax._objective.smooth import SoftmaxObjective, standardize_gradient

NEAR = 5e-3  # share of the null loss: certified so, a poor model's estimate can be taken
FAR = 1e4  # deviations from zero, where a feature's offset costs four digits of a loss

Gap: TypeAlias = Callable[[Array, float, Array], float]  # of params, loss and gradient


class Problem:
    """What all coordinates share.

    Attributes
    ----------
    task : Task
    workers : Workers
    smooth : SoftmaxObjective
        F without the L1 penalty, in these coordinates.
    all_sums : list of Sums
        Over X, and over what stands for it.
    center, deviations : ndarray (n_features,)
        Means and deviations of the features themselves.
    is_rotated : bool
        Whether states are not in coordinates of the features.
    is_doubtful : bool
        Whether curvature models miss differences of nearly collinear columns.
    """

    task: Task
    workers: Workers
    smooth: SoftmaxObjective
    all_sums: list[Sums]
    center: Array
    deviations: Array
    is_rotated: bool
    is_doubtful = False

    @property
    def n_passes(self) -> int:
        """Passes over the data so far, or over what stands for it."""
        return sum(sums.n_passes for sums in self.all_sums)

    @cached_property
    def null_loss(self) -> float:
        """The loss of the best constant prediction."""
        return self.smooth.null_loss()

    @property
    def _is_far(self) -> bool:
        """Whether a feature's offset costs digits: then it is subtracted from every row."""
        return bool(np.max(np.abs(self.center) / self.deviations, initial=0.0) > FAR)

    def stored_loss(self, coef: Array, intercept: Array) -> float | None:
        """F at weights as they are stored, in float64, whatever coordinates they were found in.

        None if the states of a descent tell it to a few roundings. Features far from zero are
        centred: then no digits are lost to their offsets.
        """
        task, center = self.task, self.center
        if not (self.is_rotated or self._is_far or task.X.dtype != np.float64):
            return None
        coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
        if self._is_far:
            intercept = _exactly(coef, center, intercept)
        exact = task.sums(self.workers, dtype=np.float64, origin=center if self._is_far else None)
        loss = exact.cross_entropy(coef, intercept)
        self.all_sums.append(exact)
        return loss + task.penalty(coef)


class RawProblem(Problem):
    """The raw coordinates: params are coef and intercept, side by side.

    `scale` is what the derivatives that are printed are taken with respect to.
    """

    is_rotated = False

    def __init__(self, task: Task, workers: Workers, *, measure_scale: bool) -> None:
        self._sums = task.sums(workers)
        self.all_sums = [self._sums]
        n_features = self._sums.n_features
        self.smooth = task.smooth(self._sums, np.zeros(n_features), np.ones(n_features))
        self.objective = task.with_kinks(self.smooth)
        self.center, self.scale = np.zeros(n_features), np.ones(n_features)
        self._mean = self.center
        if measure_scale:
            found = standardization(self._sums, task.fit_intercept)
            self.center, self.scale, self._mean, _ = found
        self.deviations = self.scale
        self.coef = self.smooth.coef
        self.params = self.smooth.params
        self.task = task
        self.workers = workers

    def standardized(self) -> SoftmaxObjective:
        """The objective, without the L1 penalty, in the coordinates of standardised features."""
        has_outliers = bool(self._mean.any())
        return self.task.smooth(self._sums, self.center, self.scale, has_outliers=has_outliers)

    def gradient_size(self, params: Array, gradient: Array) -> float:
        """The largest derivative in absolute value, for standardised features."""
        gradient = self._standardized(gradient)
        if self.task.has_kinks:
            gradient = pseudo_gradient(params, gradient, self.task.l1(self.scale))
        return float(np.abs(gradient).max())

    def _standardized(self, gradient: Array) -> Array:
        gradient = gradient.copy()
        sums = gradient[:, -1] if self.task.fit_intercept else np.zeros(len(gradient))
        standardize_gradient(gradient, sums, self.center, self.scale)
        return gradient

    def certificate(self) -> Gap:
        """Return what bounds how far above the minimum a loss is; takes a pass."""
        task = self.task
        standardized = self.standardized()
        _, at_zero = self.smooth.value_and_gradient(np.zeros(self.objective.shape))
        certificate = Certificate(
            task.with_kinks(standardized), self._standardized(at_zero), self._mean
        )
        left_out = _left_out(self._sums, task.alpha, self.scale)

        def gap(params: Array, loss: float, gradient: Array) -> float:
            coef, intercept = self.coef(params)
            # A constant feature's weight is better left to the intercept.
            spared = task.penalty(coef[:, ~np.isfinite(self.scale)])
            params = standardized.params(coef, intercept)
            gap = certificate.gap(params, loss - spared, self._standardized(gradient))
            return gap + spared + left_out

        return gap


class StandardizedProblem(Problem):
    """Coordinates in which every feature has mean zero and variance one, or in the row space.

    The row space only if `may_reduce`: directions that rounding hides there would invalidate a
    certificate. Sums are computed in `dtype` at least.
    """

    def __init__(
        self,
        task: Task,
        workers: Workers,
        *,
        may_reduce: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        if task.has_kinks:  # its certificate takes more digits than float32 has
            dtype = np.float64
        sums = task.sums(workers, dtype=dtype)
        self.task = task
        self.all_sums, self.workers = [sums], workers
        self._is_wide = may_reduce and not task.has_kinks and is_wide(task.X)
        self._space: RowSpace | None = None
        self._shift: Array | None = None  # subtracted from every row, (n_features,)
        if self._is_wide:
            self._space = row_space(task.X, task.weights, workers, fit_intercept=task.fit_intercept)
        if self._space is None:
            with_gram = starts_from_gram_matrix(sums)
            found = standardization(sums, task.fit_intercept, with_gram=with_gram)
            hidden = hidden_deviation(found, sums, task.X)
            if hidden > 0.0:
                if may_reduce and not task.has_kinks:
                    self._space = column_space(task.X, task.weights, found.center, found.scale)
                # Unless the numbers of the columns are no more exact than that.
                rounding = np.finfo(float).eps * np.max(np.abs(found.center) / found.scale)
                self.is_doubtful = self._space is None and bool(hidden > rounding)
            if task.has_kinks and found.gram is not None:  # no step with an L1 penalty uses it
                found = found._replace(gram=np.isfinite(found.scale) * 1.0)
        self.is_rotated = self._space is not None
        if self._space is None:
            self.center, self.scale, self._mean, gram = found
            self.deviations, center = self.scale, self.center
            if self._is_far:
                self._shift = center.astype(sums.dtype).astype(np.float64)
                center = center - self._shift
                sums = task.sums(workers, dtype=dtype, origin=self._shift)
                self.all_sums.append(sums)
            self.smooth = task.smooth(sums, center, self.scale, gram, has_outliers=gram is None)
        else:
            self.center, self.deviations = self._space.center, self._space.deviations
            self._shift = self.center
            self.scale = np.ones_like(self.center)  # of use to no one here, and a number
            sums = replace(task, X=self._space.coordinates).sums(workers)
            self.all_sums.append(sums)
            nothing = np.zeros(sums.n_features)
            found = Standardization(nothing, self._space.scale, nothing, np.eye(len(nothing)))
            found = beside_outliers(found, sums, fit_intercept=task.fit_intercept)
            center, scale, self._mean, gram = found
            self.smooth = task.smooth(sums, center, scale, gram, has_outliers=gram is None)
        self.objective = task.with_kinks(self.smooth)

    @property
    def n_passes(self) -> int:
        """Passes over the data so far; to look for the row space takes one."""
        return super().n_passes + self._is_wide

    def coef(self, params: Array) -> tuple[Array, Array]:
        """Return coef (n_outputs, n_features) and intercept (n_outputs,) of the data's dtype."""
        coef, intercept = self.smooth.coef(params)
        if self._space is not None:
            coef = self._space.basis.expand(coef)
        if self._shift is not None:
            intercept = (intercept - coef.astype(np.float64) @ self._shift).astype(coef.dtype)
        dtype = self.task.X.dtype
        if coef.dtype != dtype:
            stored = coef.astype(dtype)  # the intercept makes up for what rounding moves means by
            return stored, (intercept + (coef - stored) @ self.center).astype(dtype)
        return coef, intercept

    def params(self, coef: Array, intercept: Array) -> Array:
        """Return params no worse than the given weights.

        What is common to all classes, and outside the row space, changes no probability and costs
        penalty: it is left out.
        """
        if self._shift is not None:
            intercept = intercept + coef @ self._shift
        if self._space is not None:
            coef = self._space.basis.reduce(coef)
        params = self.smooth.params(coef, intercept)
        if isinstance(self.objective, L1Objective):
            return self.objective.balanced(params)
        return params if len(params) == 1 else params - params.mean(axis=0)

    def start(self, coef: Array, intercept: Array, loss_at_zero: float) -> Array:
        """Return the params of weights to start from, or zeros if those are no better than zeros.

        Where earlier weights do not fit the data at all, every probability is saturated, and there
        is no curvature left to go by.
        """
        if not (coef.any() or intercept.any()):
            return np.zeros(self.objective.shape)
        params = self.params(coef, intercept)
        if params.any():
            loss, _ = self.objective.value_and_gradient(params)
            if not loss < loss_at_zero:
                return np.zeros_like(params)
        return params

    def with_alpha(self, alpha: float) -> StandardizedProblem:
        """Return the problem with another strength of the penalty: nothing is measured again."""
        other = copy(self)
        other.task = replace(self.task, alpha=alpha)
        other.smooth = self.smooth.with_alpha(alpha * (1.0 - self.task.l1_ratio))
        other.objective = other.task.with_kinks(other.smooth)
        return other

    def slopes(self, gradient: Array) -> Array:
        """The largest derivative for each feature in raw units, (n_features,), at zero weights.

        With an L1 penalty that strong, no weight of the feature leaves zero by itself.
        """
        scale = self.smooth.scale
        slopes = gradient[:, : len(scale)] * np.where(np.isfinite(scale), scale, 0.0)
        if self._space is not None:
            slopes = self._space.basis.expand(slopes)
        return np.asarray(np.abs(slopes).max(axis=0))

    def certificate(self) -> Gap:
        """Return what bounds how far above the minimum a loss is; takes a pass."""
        certificate = Certificate(self.objective, self._at_zero, self._mean)
        left_out = _left_out(self.all_sums[0], self.task.alpha, self.scale)
        return lambda *state: certificate.gap(*state) + left_out

    @cached_property
    def _at_zero(self) -> Array:
        """The gradient at zero params (n_outputs, n_dof), whatever the penalty: takes a pass."""
        return self.smooth.value_and_gradient(np.zeros(self.smooth.shape))[1]

    @property
    def is_near(self) -> Callable[[State], bool] | None:
        """What says whether a state is certified to be near the minimum; None without a penalty."""
        if not self.smooth.penalty.any():
            return None
        found: list[Gap] = []  # made when it is first asked for, since that takes a pass

        def is_near(state: State) -> bool:
            found[:] = found or [self.certificate()]
            params, gradient = to_numpy(state.params), to_numpy(state.gradient)
            return found[0](params, state.loss, gradient) <= NEAR * self.null_loss

        return is_near

    def gradient_size(self, params: Array, gradient: Array) -> float:
        """The largest derivative in absolute value, for standardised features.

        With an L1 penalty, where derivatives have gaps: of the subgradient of least norm. In the
        row space, a bound on it: the coordinates are uncorrelated and of variance one, so each
        standardised feature is a combination of them whose squared coefficients sum to one.
        """
        if isinstance(self.objective, L1Objective):
            gradient = self.objective.pseudo_gradient(params, gradient)
        if self._space is None:
            return float(np.abs(gradient).max())
        return float(np.linalg.norm(gradient, axis=1).max())


def _exactly(coef: Array, center: Array, intercept: Array) -> Array:
    """Return coef @ center + intercept, (n_outputs,), rounded once: little may be left of it.

    References
    ----------
    T. J. Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18, 1971: a product as a sum of two numbers. https://doi.org/10.1007/BF01397083
    """

    def halves(numbers: Array) -> tuple[Array, Array]:
        scaled = numbers * (2.0**27 + 1.0)
        high = scaled - (scaled - numbers)
        return high, numbers - high

    (a, b), (c, d) = halves(coef), halves(center)
    products = coef * center
    errors = b * d - (((products - a * c) - b * c) - a * d)
    return np.array(
        [fsum([*p, *e, i]) for p, e, i in zip(products, errors, intercept, strict=True)]
    )


def _left_out(sums: Sums, alpha: float, scale: Array) -> float:
    """What features that count as constant could take off the loss at most, if they are not.

    The dual's sums for such a feature j are residuals times deviations: of all classes together,
    their squares are at most twice its variance.
    """
    squares = float(np.count_nonzero(np.isinf(scale)) * least_deviation(sums.dtype) ** 2)
    return squares / alpha if alpha > 0 else np.inf
