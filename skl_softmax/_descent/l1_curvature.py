"""Curvature models of an objective with an L1 penalty, for the coordinates that are free to move.

At a minimum most coordinates are zero and stay zero: they are not free. So the Hessian is measured
for the coordinates that are not zero, and solved for those of them that are free. Other free
coordinates have the Hessian's diagonal.

This module knows an objective's Hessians, not its data; it takes no steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.curvature import (
    LARGEST,
    Curvature,
    GrowingSubsample,
    costs,
)
from skl_softmax._objective.inverse import Solve, inverse
from skl_softmax._objective.l1 import L1Objective

MOST_STEPS_FOR_ONLY = 1.5  # steps that the whole Hessian may cost to be the first and only model
TINY = 1e-300  # so that 0/0 gives 0


@dataclass(frozen=True)
class FreeModel:
    """A curvature model that can be solved for any subset of its coordinates.

    Attributes
    ----------
    diagonal : ndarray (n_outputs, n_dof)
        The Hessian's diagonal.
    measured : ndarray (m,)
        The coordinates of `hessian`, as indices into `diagonal` in C order.
    hessian : ndarray (m, m)
    """

    diagonal: Array
    measured: Array
    hessian: Array

    def times(self, step: Array, damping: Array) -> Array:
        """The model times a step (n_outputs, n_dof): the predicted change of the gradient."""
        flat = step.ravel()
        product = flat * (self.diagonal + damping).ravel()
        coupled = flat[self.measured]
        damped = damping.ravel()[self.measured] * coupled
        product[self.measured] = self.hessian @ coupled + damped
        return np.asarray(product.reshape(step.shape))

    def on(self, free: Array, damping: Array) -> Solve:
        """Return the function that solves for the free coordinates; other steps are zero.

        free : (n_outputs, n_dof) of bool
        damping : (n_outputs, n_dof), added to the diagonal: without an L2 penalty, there are
            directions in which the loss has no curvature at all
        """
        kept = np.flatnonzero(free.ravel()[self.measured])
        coupled = self.measured[kept]
        alone = free.ravel().copy()
        alone[coupled] = False
        uncoupled = alone / (self.diagonal + damping + TINY).ravel()
        solve_coupled = None
        if len(coupled):
            hessian = self.hessian[np.ix_(kept, kept)]
            self._hold_common(hessian, coupled)
            hessian[np.diag_indices(len(kept))] += damping.ravel()[coupled]
            solve_coupled = inverse(hessian)

        def solve(gradient: Array) -> Array:
            rows = gradient.reshape(-1, self.diagonal.size)
            step = rows * uncoupled
            if solve_coupled is not None:
                step[:, coupled] = solve_coupled(rows[:, coupled])
            return step.reshape(gradient.shape)

        return solve

    def _hold_common(self, hessian: Array, coordinates: Array) -> None:
        """Add curvature along changes of a feature that are equal in all classes, in place.

        Such a change of all classes together changes no probability, so that the loss has no
        curvature along it, and, since params are balanced, no slope. It is possible for features
        that are free in all classes.

        hessian, coordinates : (m, m) and (m,)
        """
        n_classes, n_dof = self.diagonal.shape
        place = np.full(n_classes * n_dof, -1)
        place[coordinates] = np.arange(len(coordinates))
        place = place.reshape(n_classes, n_dof)
        whole = np.flatnonzero((place >= 0).all(axis=0))
        if n_classes > 1 and len(whole):
            rows, columns = place[:, whole], place[np.newaxis, :, whole]
            hessian[rows[:, np.newaxis], columns] += self.diagonal[:, whole].mean(axis=0)


def l1_curvature_kinds(objective: L1Objective) -> list[Curvature]:
    """The kinds of curvature model: the diagonal, and the Hessian where it is not too large.

    Of sparse X there is no Hessian. The Hessian is that of the coordinates in use. Where the
    Hessian of all coordinates costs little, it is the only kind. No more kinds are needed: where
    few coordinates are in use, their Hessian is cheap.
    """
    smooth = objective.smooth
    n_outputs, n_dof = objective.shape
    sample = GrowingSubsample(smooth)

    def diagonal(params: Array) -> FreeModel:
        return FreeModel(smooth.hessian_diagonal(params), np.empty(0, int), np.empty((0, 0)))

    def coupled(params: Array) -> FreeModel:
        measured = which(params)
        hessian = sample.draw().free_hessian(params, measured)
        has_all = measured.all()
        diagonal = hessian.diagonal() if has_all else smooth.hessian_diagonal(params)
        return FreeModel(diagonal.reshape(params.shape), np.flatnonzero(measured), hessian)

    def which(params: Array) -> Array:
        """The coordinates to measure the Hessian of: those in use, and the intercept."""
        return np.asarray(is_small | (params != 0.0) | (objective.l1 == 0.0))

    def share(params: Array) -> float:
        n_free = int(np.count_nonzero(which(params)))
        if n_free**2 > LARGEST:
            return np.inf
        return sample.share() * costs(n_outputs, n_dof, n_free)["full"] / whole_cost

    whole_cost = costs(n_outputs, n_dof, n_outputs * n_dof)["full"]
    is_small = not smooth.sums.is_sparse and whole_cost <= MOST_STEPS_FOR_ONLY
    kinds = [] if is_small else [Curvature(diagonal, 1.0, is_coupled=False)]
    if not smooth.sums.is_sparse:
        kinds.append(Curvature(coupled, whole_cost, is_hessian=True, share=share))
    return [replace(kind, is_short_lived=smooth.has_outliers) for kind in kinds]
