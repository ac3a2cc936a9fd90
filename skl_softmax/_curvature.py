"""Models of the objective's curvature: what turns a gradient into a step.

A model is a function `solve(gradient) -> step`, both (n_outputs, n_dof): the inverse of a positive
definite approximation of the Hessian. Every model keeps what sums to zero over more than two
classes summing to zero.

Knows an objective's curvature sums, not its data; takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve, eigh

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
    n_passes : int, default=0
        Passes over the data that it took to make this choice.
    """

    measure: Callable[[Array], Solve]
    cost: float
    exact: bool
    n_passes: int = 0


def choose_curvature(objective: SoftmaxObjective) -> Curvature:
    """Choose the kind that promises the cheapest fit.

    They differ in what a model costs and in how many steps it leaves to take. The counts below
    are what hard data sets take, with classes of very different sizes or nearly separable; easy
    ones take fewer, whichever is chosen.
    """

    def measure_shared(params: Array) -> Solve:
        return _shared_model(objective.shared_hessian(params))

    def measure_full(params: Array) -> Solve:
        if len(params) == 1 or not params.any():  # there, the shared one is the Hessian
            return measure_shared(params)
        return _full_model(objective.full_hessian(params), objective.shape)

    def measure_diagonal(params: Array) -> Solve:
        return _diagonal_model(objective.hessian_diagonal(params))

    costs = _costs(objective)
    diagonal = Curvature(measure_diagonal, costs["diagonal"], exact=False)
    if objective.rows.is_sparse:
        return diagonal
    candidates = [  # with the models and the steps that a fit takes
        (Curvature(measure_full, costs["full"], exact=True), 5, 12),
        (Curvature(measure_shared, costs["shared"], exact=False), 3, 80),
        (diagonal, 3, 300),
    ]
    chosen, *_ = min(candidates, key=lambda kind: kind[1] * kind[0].cost + kind[2])
    if chosen is diagonal or objective.penalty.any():
        return chosen
    return _outside_null_space(chosen, objective)


def _outside_null_space(curvature: Curvature, objective: SoftmaxObjective) -> Curvature:
    """Keep steps out of the directions in which no sample's logits change.

    Without a penalty nothing else does: no gradient has a part there but rounding, and a singular
    model would blow that up. Collinear columns then share their weight as if it were penalised.
    """
    gram = objective.shared_hessian(np.zeros(objective.shape))  # for the Hessian's null space
    values, vectors = eigh(gram, check_finite=False)
    null = vectors[:, values <= 10 * len(gram) * np.finfo(float).eps * values[-1]]

    def project(gradient: Array) -> Array:
        return np.asarray(gradient - (gradient @ null) @ null.T)

    def measure(params: Array) -> Solve:
        solve = curvature.measure(params)
        return lambda gradient: project(solve(project(gradient)))

    return replace(curvature, measure=measure if null.size else curvature.measure, n_passes=1)


def _costs(objective: SoftmaxObjective) -> dict[str, float]:
    """What each kind of model costs, in passes, by a count of multiply-adds per sample.

    Per sample, so that the same choice is made, and the same steps are taken, whether samples are
    weighted or repeated.
    """
    n_outputs, n_dof = objective.shape
    n_params = n_outputs * n_dof
    overhead = 100  # of NumPy's calls, at a thousand samples
    logits = overhead + n_outputs * (n_dof + 60)  # softmax takes about 60 for each of its entries
    operations = {
        "full": logits + n_params**2 / 2 + n_params * n_dof + 4 * n_params,
        "shared": logits + n_dof**2 / 2 + 4 * n_dof,
        "diagonal": logits + n_params,
    }
    if n_outputs == 1:
        operations["full"] = operations["shared"]
    return {kind: count / (logits + n_params) for kind, count in operations.items()}


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
    usual = np.einsum("kjkj->j", blocks) / n_outputs  # (n_dof,)
    blocks[:, np.arange(n_dof), :, np.arange(n_dof)] += usual[:, np.newaxis, np.newaxis] / n_outputs
    factor = _cholesky(hessian)

    def solve(gradient: Array) -> Array:
        step = cho_solve(factor, gradient.reshape(-1), check_finite=False).reshape(shape)
        return np.asarray(step - step.mean(axis=0))  # zero but for rounding, which adds up

    return solve


def _diagonal_model(diagonal: Array) -> Solve:
    """One number per parameter: the diagonal (n_outputs, n_dof).

    Scaling classes apart would let their sum drift from zero; centring the step undoes that, and
    is the same metric restricted to the steps that sum to zero.
    """
    largest = diagonal.max(axis=0)
    inverse = 1.0 / np.maximum(diagonal, np.where(largest > 0.0, 1e-6 * largest, 1.0))

    def solve(gradient: Array) -> Array:
        step = inverse * gradient
        return step if len(step) == 1 else step - step.mean(axis=0)

    return solve


def _cholesky(matrix: Array) -> tuple[Array, bool]:
    """Factor a positive semi-definite matrix, overwritten; collinear columns get a small ridge.

    Relative to each diagonal entry: penalties on badly scaled columns lie powers of ten apart.
    """
    diagonal = matrix.diagonal().copy()
    diagonal[diagonal <= 0.0] = diagonal.max()
    n = np.arange(len(matrix))
    for ridge in (1e-12, 1e-9, 1e-6):  # one on top of the other
        matrix[n, n] += ridge * diagonal
        try:
            factor: tuple[Array, bool] = cho_factor(matrix, lower=True, check_finite=False)
            return factor
        except LinAlgError:
            continue
    return np.eye(len(matrix)), True  # no curvature to be had: plain descent
