"""Models of the curvature of an objective with an L1 penalty: of the coordinates that are free.

At a minimum most coordinates are zero and stay there: they are not free. So the Hessian is measured
where params are not zero, and only its part for the coordinates that are free is ever solved. All
others that are free have the diagonal.

Knows an objective's curvature sums, not its data; takes no steps.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.curvature import (
    LARGEST,
    Curvature,
    GrowingSubsample,
    Solve,
    costs,
    inverse,
)
from skl_softmax._objective.l1 import L1Objective

MOST_STEPS_FOR_ONLY = 1.5  # steps that the whole Hessian may cost to be the first and only model
TINY = 1e-300  # so that 0/0 gives 0


@dataclass(frozen=True)
class FreeModel:
    """A model of which any part can be solved.

    Attributes
    ----------
    diagonal : ndarray (n_outputs, n_dof)
    measured : ndarray (m,)
        The coordinates, as indices into `diagonal` in C order, that `hessian` is of.
    hessian : ndarray (m, m)
    """

    diagonal: Array
    measured: Array
    hessian: Array

    def times(self, step: Array, damping: Array) -> Array:
        """The model times a step, (n_outputs, n_dof): how it changes the gradient."""
        flat = step.ravel()
        product = flat * (self.diagonal + damping).ravel()
        coupled = flat[self.measured]
        damped = damping.ravel()[self.measured] * coupled
        product[self.measured] = self.hessian @ coupled + damped
        return np.asarray(product.reshape(step.shape))

    def on(self, free: Array, damping: Array) -> Solve:
        """The inverse on the free coordinates, (n_outputs, n_dof) of bool; the rest is zero.

        `damping` (n_outputs, n_dof) is added to its diagonal: without an L2 penalty, there are
        directions in which the loss has no curvature at all.
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
        """Give, in place, curvature to what is common to all classes, where all of them are free.

        Otherwise it has none, but no slope either, since params are balanced.
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
    """The kinds of model worth having: the diagonal, and the Hessian where it is not too large.

    Of the coordinates in use; of all, and nothing else, where that costs little. No more kinds are
    needed: where few coordinates are in use, their Hessian is soon had.
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
