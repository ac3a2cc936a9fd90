"""Models of the curvature of an objective with an L1 penalty: of the coordinates that are free.

At a minimum most coordinates are zero and stay there: they are not free. So the Hessian is measured
where params are not zero, and only its part for the coordinates that are free is ever solved. All
others that are free have the diagonal.

Knows an objective's curvature sums, not its data; takes no steps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from skl_softmax._curvature import (
    LARGEST,
    Curvature,
    Sample,
    Solve,
    costs,
    inverse,
)
from skl_softmax._l1_objective import L1Objective, free_hessian
from skl_softmax._rows import Array

TINY = 1e-300  # so that nothing divided by nothing is nothing


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

    def on(self, free: Array, damping: float) -> Solve:
        """The inverse on the free coordinates, (n_outputs, n_dof) of bool; the rest is zero.

        `damping` is added to its diagonal: without an L2 penalty, there are directions in which the
        loss has no curvature at all.
        """
        kept = np.flatnonzero(free.ravel()[self.measured])
        coupled = self.measured[kept]
        alone = free.ravel().copy()
        alone[coupled] = False
        uncoupled = np.where(alone, 1.0 / (self.diagonal.ravel() + (damping + TINY)), 0.0)
        solve_coupled = None
        if len(coupled):
            hessian = self.hessian[np.ix_(kept, kept)]
            self._hold_common(hessian, coupled)
            hessian[np.diag_indices(len(kept))] += damping
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

    No more are needed: where few coordinates are free, the Hessian is soon had.
    """
    smooth = objective.smooth
    n_outputs, n_dof = objective.shape
    sample = Sample(smooth)

    def diagonal(params: Array) -> FreeModel:
        return FreeModel(smooth.hessian_diagonal(params), np.empty(0, int), np.empty((0, 0)))

    def coupled(params: Array) -> FreeModel:
        free = _measured(objective, params)
        hessian = free_hessian(sample.draw(), params, free)
        return FreeModel(smooth.hessian_diagonal(params), np.flatnonzero(free), hessian)

    def share(params: Array) -> float:
        n_free = int(np.count_nonzero(_measured(objective, params)))
        if n_free**2 > LARGEST:
            return np.inf
        return sample.share() * costs(n_outputs, n_dof, n_free)["full"]

    kinds = [Curvature(diagonal, 1.0)]
    if not smooth.rows.is_sparse:
        kinds.append(Curvature(coupled, 1.0, is_hessian=True, share=share))
    return kinds


def _measured(objective: L1Objective, params: Array) -> Array:
    """Which coordinates to measure the Hessian of: those in use, and the intercept."""
    return np.asarray((params != 0.0) | (objective.l1 == 0.0))
