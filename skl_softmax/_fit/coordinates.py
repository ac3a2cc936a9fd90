"""The coordinates that "auto" descends in, and the way back to coefficients.

Features are standardised. On wide data the coordinates are combinations of the rows; where columns
are nearly collinear, combinations of the columns. Whatever they are, a loss is in the end that of
the weights as they are stored.

Knows nothing of estimators; takes no steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import DTypeLike

from skl_softmax._arrays import Array
from skl_softmax._descent.curvature import starts_from_gram_matrix
from skl_softmax._engines.protocol import Sums
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.row_space import Basis, RowSpace, column_space, is_wide, row_space
from skl_softmax._fit.standardization import (
    Standardization,
    beside_outliers,
    hidden_deviation,
    standardization,
)
from skl_softmax._fit.task import Task
from skl_softmax._objective.smooth import SoftmaxObjective

FAR = 1e4  # deviations from zero, where a feature's offset costs four digits of a loss


@dataclass(frozen=True)
class Coordinates:
    """Coordinates of the params, and the function to minimise in them.

    Attributes
    ----------
    smooth : SoftmaxObjective
        F without the L1 penalty, over X or what stands for it.
    sums : tuple of Sums
        All that were made on the way, whose passes count.
    center, deviations : ndarray (n_features,)
        Means and deviations of the features themselves.
    scale : ndarray (n_features,)
        What a feature's coefficient is multiplied by: ones, where coordinates are not of features.
    mean : ndarray (n_coordinates,)
        Of the coordinates over the samples: zero, but where outliers decide the mean.
    shift : ndarray (n_features,) or None
        What was subtracted from every row.
    basis : Basis or None
        Where coordinates are combinations of features.
    n_looks : int
        Passes that looked for a row space.
    is_doubtful : bool
        Whether curvature models miss differences of nearly collinear columns.
    """

    smooth: SoftmaxObjective
    sums: tuple[Sums, ...]
    center: Array
    deviations: Array
    scale: Array
    mean: Array
    shift: Array | None = None
    basis: Basis | None = None
    n_looks: int = 0
    is_doubtful: bool = False

    def coef(self, params: Array, dtype: DTypeLike) -> tuple[Array, Array]:
        """Return coef (n_outputs, n_features) and intercept (n_outputs,) of a float dtype."""
        coef, intercept = self.smooth.coef(params)
        if self.basis is not None:
            coef = self.basis.expand(coef)
        if self.shift is not None:
            intercept = (intercept - coef.astype(np.float64) @ self.shift).astype(coef.dtype)
        if coef.dtype != dtype:
            stored = coef.astype(dtype)  # the intercept makes up for what rounding moves means by
            return stored, (intercept + (coef - stored) @ self.center).astype(dtype)
        return coef, intercept

    def params(self, coef: Array, intercept: Array) -> Array:
        """Return the params of given weights, less what is outside of these coordinates."""
        if self.shift is not None:
            intercept = intercept + coef @ self.shift
        if self.basis is not None:
            coef = self.basis.reduce(coef)
        return self.smooth.params(coef, intercept)

    def slopes(self, gradient: Array) -> Array:
        """The largest derivative for each feature in raw units, (n_features,), of a gradient."""
        scale = self.smooth.scale
        slopes = gradient[:, : len(scale)] * np.where(np.isfinite(scale), scale, 0.0)
        if self.basis is not None:
            slopes = self.basis.expand(slopes)
        return np.asarray(np.abs(slopes).max(axis=0))


def is_far(center: Array, deviations: Array) -> bool:
    """Whether a feature's offset costs digits: then it is subtracted from every row."""
    return bool(np.max(np.abs(center) / deviations, initial=0.0) > FAR)


def standardized(
    task: Task, workers: Workers, *, may_reduce: bool = True, dtype: DTypeLike | None = None
) -> Coordinates:
    """Return coordinates in which every feature has mean zero and variance one, or of a row space.

    Not of a row space unless it `may_reduce`: directions that rounding hides there would invalidate
    a certificate; nor with an L1 penalty, or other penalties on some features than on others, which
    combinations of features do not have. Sums are computed in `dtype` at least.
    """
    sums = task.sums(workers, dtype=dtype)
    may_reduce = may_reduce and task.is_even and not task.has_kinks
    n_looks = int(may_reduce and is_wide(task.X))
    if n_looks:
        space = row_space(task.X, task.weights, workers, fit_intercept=task.fit_intercept)
        if space is not None:
            return _of_space(space, task, workers, sums, n_looks)
    with_gram = starts_from_gram_matrix(sums)
    found, is_doubtful = standardization(sums, task.fit_intercept, with_gram=with_gram), False
    hidden = hidden_deviation(found, sums, task.X) if with_gram else 0.0
    if hidden > 0.0:
        if may_reduce:
            space = column_space(task.X, task.weights, found.center, found.scale)
            if space is not None:
                return _of_space(space, task, workers, sums, n_looks)
        # Unless the numbers of the columns are no more exact than that.
        rounding = np.finfo(float).eps * np.max(np.abs(found.center) / found.scale)
        is_doubtful = bool(hidden > rounding)
    center, scale, mean, gram = found
    shift, left = None, center
    all_sums: tuple[Sums, ...] = (sums,)
    if task.has_kinks and gram is not None:  # no step with an L1 penalty uses it
        gram = np.isfinite(scale) * 1.0
    if gram is None and sums.dtype == np.float32:  # a giant number times a residual's rounding
        dtype = np.float64
        sums = task.sums(workers, dtype=dtype)
        all_sums = (*all_sums, sums)
    if is_far(center, scale):
        shift = center.astype(sums.dtype).astype(np.float64)
        left, sums = center - shift, task.sums(workers, dtype=dtype, origin=shift)
        all_sums = (*all_sums, sums)
    return Coordinates(
        smooth=task.smooth(sums, left, scale, gram, has_outliers=gram is None),
        sums=all_sums,
        center=center,
        deviations=scale,
        scale=scale,
        mean=mean,
        shift=shift,
        n_looks=n_looks,
        is_doubtful=is_doubtful,
    )


def _of_space(
    space: RowSpace, task: Task, workers: Workers, sums: Sums, n_looks: int
) -> Coordinates:
    """The coordinates of a row space, which stand for X; `sums` are those over X."""
    rank = len(space.scale)
    task = replace(task, X=space.coordinates, factor=np.max(task.factor))
    of_space, nothing = task.sums(workers), np.zeros(rank)
    found = Standardization(nothing, space.scale, nothing, np.eye(rank))
    found = beside_outliers(found, of_space, fit_intercept=task.fit_intercept)
    center, scale, mean, gram = found
    return Coordinates(
        smooth=task.smooth(of_space, center, scale, gram, has_outliers=gram is None),
        sums=(sums, of_space),
        center=space.center,
        deviations=space.deviations,
        scale=np.ones_like(space.center),
        mean=mean,
        shift=space.center,
        basis=space.basis,
        n_looks=n_looks,
    )
