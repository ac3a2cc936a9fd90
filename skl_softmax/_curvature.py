"""Models of the objective's curvature: what turns a gradient into a step.

A model is a function `solve(gradient) -> step`, both (n_outputs, n_dof): the inverse of a positive
definite approximation of the Hessian. Every model keeps what sums to zero over more than two
classes summing to zero.

Knows an objective's curvature sums, not its data; takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from skl_softmax._objective import SoftmaxObjective
from skl_softmax._rows import Array

Solve: TypeAlias = Callable[[Array], Array]


@dataclass(frozen=True)
class Curvature:
    """A kind of model: how to measure one, and when a new one pays.

    Parameters
    ----------
    measure : callable
        ``measure(params)`` returns the model `solve` at `params`.
    cost : float
        What measuring one costs, in passes for loss and gradient.
    exact : bool
        Whether the model is the Hessian: then corrections learnt under an older one are worthless.
    """

    measure: Callable[[Array], Solve]
    cost: float
    exact: bool


def choose_curvature(objective: SoftmaxObjective) -> Curvature:
    """Choose the kind that promises the cheapest fit.

    The three differ in what a model costs and in how many steps they leave to take. The counts
    below were observed at the default tolerance; only their order of magnitude matters.
    """

    def measure_full(params: Array) -> Solve:
        if not params.any():  # there, the shared model is the Hessian, and cheaper
            return _shared_model(objective.shared_hessian(params))
        return _full_model(objective.full_hessian(params), objective.shape)

    def measure_shared(params: Array) -> Solve:
        return _shared_model(objective.shared_hessian(params))

    def measure_diagonal(params: Array) -> Solve:
        return _diagonal_model(objective.hessian_diagonal(params))

    costs = _costs(objective)
    two_classes = objective.n_outputs == 1
    full = Curvature(measure_full, costs["full"], exact=True)
    shared = Curvature(measure_shared, costs["shared"], exact=two_classes)
    diagonal = Curvature(measure_diagonal, costs["diagonal"], exact=False)
    if objective.rows.is_sparse:
        return diagonal
    if two_classes:
        return min((shared, 5, 12), (diagonal, 3, 150), key=_predicted_cost)[0]
    candidates = (full, 5, 12), (shared, 3, 35), (diagonal, 3, 150)
    return min(candidates, key=_predicted_cost)[0]


def _predicted_cost(candidate: tuple[Curvature, int, int]) -> float:
    curvature, n_models, n_steps = candidate
    return n_models * curvature.cost + n_steps


def _costs(objective: SoftmaxObjective) -> dict[str, float]:
    """What each kind of model costs, in passes, by a count of multiply-adds."""
    n_samples, n_features = objective.rows.n_samples, objective.rows.n_features
    n_outputs, n_dof = objective.shape
    start = 1e5  # what NumPy could have multiplied while a pass's calls were set up
    exponentials = 20 * n_outputs
    forward = n_features * n_outputs + exponentials
    gradient = start + n_samples * (forward + n_features * n_outputs)
    n_params = n_outputs * n_dof
    operations = {
        "full": start
        + n_samples * (forward + n_params**2 / 2 + n_params * n_dof + 4 * n_params)
        + n_params**3 / 6,
        "shared": start + n_samples * (forward + n_dof**2 / 2 + 4 * n_dof) + n_dof**3 / 6,
        "diagonal": gradient,
    }
    return {kind: count / gradient for kind, count in operations.items()}


def _shared_model(hessian: Array) -> Solve:
    """One matrix (n_dof, n_dof) for every row of the gradient."""
    factor = _cholesky(hessian)
    return lambda gradient: np.ascontiguousarray(
        cho_solve(factor, gradient.T, check_finite=False).T
    )


def _full_model(hessian: Array, shape: tuple[int, int]) -> Solve:
    """The Hessian (n_outputs * n_dof, n_outputs * n_dof) of more than two classes.

    It has no curvature along a shift common to all classes, nor has the gradient a part there:
    any curvature will do, and makes the matrix definite.
    """
    n_outputs, n_dof = shape
    blocks = hessian.reshape(n_outputs, n_dof, n_outputs, n_dof)
    blocks[:, np.arange(n_dof), :, np.arange(n_dof)] += np.trace(hessian) / hessian.size
    factor = _cholesky(hessian)

    def solve(gradient: Array) -> Array:
        step: Array = cho_solve(factor, gradient.reshape(-1), check_finite=False)
        return step.reshape(shape)

    return solve


def _diagonal_model(diagonal: Array) -> Solve:
    """One number per parameter: the diagonal (n_outputs, n_dof).

    Scaling classes apart would let their sum drift from zero; centring the step undoes that, and
    is the same metric restricted to the steps that sum to zero.
    """
    inverse = 1.0 / np.maximum(diagonal, 1e-6 * diagonal.max() or 1.0)

    def solve(gradient: Array) -> Array:
        step = inverse * gradient
        return step if len(step) == 1 else step - step.mean(axis=0)

    return solve


def _cholesky(matrix: Array) -> tuple[Array, bool]:
    """Factor a positive semi-definite matrix, overwritten; collinear columns get a small ridge."""
    largest = matrix.diagonal().max()
    n = np.arange(len(matrix))
    for ridge in (1e-12, 1e-9, 1e-6):
        matrix[n, n] += ridge * largest
        try:
            return cho_factor(matrix, lower=True, check_finite=False)
        except LinAlgError:
            continue
    return np.eye(len(matrix)), True  # no curvature to be had: plain descent
