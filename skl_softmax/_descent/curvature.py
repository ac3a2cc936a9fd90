"""Models of the objective's curvature: what turns a gradient into a step.

A model is a function ``solve(gradient) -> step``: the inverse of a positive definite approximation
of the Hessian. It takes one gradient or several at once, (…, n_outputs, n_dof). With more than two
classes, gradients sum to zero over the classes, and so do the steps of every model.

This module knows an objective's Hessians, not its data; it takes no steps.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, partial
from math import ceil
from typing import Any, TypeAlias

import numpy as np
from scipy.linalg import eigh

from skl_softmax._arrays import Array, centered, library, to_numpy
from skl_softmax._engines.protocol import Sums, rarest
from skl_softmax._objective.device import DeviceObjective
from skl_softmax._objective.inverse import Solve, Vectors
from skl_softmax._objective.smooth import SoftmaxObjective

Smooth: TypeAlias = SoftmaxObjective | DeviceObjective  # F without an L1 penalty
Hessian: TypeAlias = Callable[[Array], Array]
# A Solve; with an L1 penalty a FreeModel, which makes a Solve for the coordinates that are free.
# Steps know which of the two their models are.
Model: TypeAlias = Any

Measure: TypeAlias = Callable[[Array], Model]

LARGEST = 2**22  # entries of a model's matrix: 32 MB of float64
FULL_COPIES = 4  # matrices of its size that measuring the whole Hessian takes
MOST_STEPS_FOR_FIRST = 10.0  # steps that a model may cost to be measured before the first step
FIRST_SAMPLE = 64  # rows of the first sample for each free coefficient of a class
ROWS_OF_RAREST = 16  # rows of the rarest class in that sample: some curvature for each class
SAMPLE_GROWTH = 4  # times as many rows in the next sample: soon all of them
# The fewest steps that a model is used for: beside outliers, where each step changes the curvature;
# if it is the Hessian, or of a sample, which the next one surpasses; of other models, to learn from
# their steps.
STEPS_BESIDE_OUTLIERS, STEPS_OF_HESSIAN, STEPS_OF_OTHERS = 1, 4, 8
LEAST_CURVATURE = 1e-6  # share of the largest class's: a class as good as fitted has next to none
NULL_ROUNDINGS = 10  # roundings for each row of a Gram matrix, below which an eigenvalue is zero
CSR_SLOWDOWN = 10.0  # times as long as for a dense entry, a pass takes for a stored one


@dataclass(frozen=True)
class Curvature:
    """A kind of curvature model: how to measure one, and what measuring costs.

    Parameters
    ----------
    measure : callable
        ``measure(params)`` returns the model at `params`: a function ``solve(gradient) -> step``.
    whole_cost : float
        What measuring a model on all rows costs, in steps.
    is_hessian : bool, default=False
        Whether the model is the Hessian, of all rows or of a sample. Then the L-BFGS pairs of
        earlier models are no longer of use.
    share : callable, default=all
        ``share(params)`` is the share of `whole_cost` that the next model at `params` costs.
    is_coupled : bool, default=True
        Whether the model knows how features are correlated.
    is_short_lived : bool, default=False
        Whether each step changes the curvature by orders of magnitude, as happens beside outliers.
    ordinary : callable or None, default=None
        Where there are outliers, ``ordinary(params)`` returns the model of all other rows, and the
        share of weight that these rows have.
    """

    measure: Measure
    whole_cost: float
    is_hessian: bool = False
    share: Callable[[Array], float] = lambda _: 1.0
    is_coupled: bool = True
    is_short_lived: bool = False
    ordinary: Callable[[Array], tuple[Model, float]] | None = None

    def cost(self, params: Array) -> float:
        """What measuring the next model of this kind costs, in steps."""
        return self.whole_cost * self.share(params)

    def patience(self, params: Array) -> int:
        """The steps to take with the earlier model first: what the next one costs, or more."""
        few = self.is_hessian or self.share(params) < 1.0
        least = STEPS_OF_HESSIAN if few else STEPS_OF_OTHERS
        least = STEPS_BESIDE_OUTLIERS if self.is_short_lived else least
        return max(least, round(self.cost(params)))


class GrowingSubsample:
    """The rows that models are measured on: few of very many at first, then four times as many.

    The rows are a random sample, large enough to hold some rows of each class: a class without any
    has no curvature in the model. Outliers decide the curvature of their features, and a small
    sample misses them: with outliers all rows are used. Only models are sampled; gradients are
    always those of all rows.
    """

    def __init__(self, objective: SoftmaxObjective) -> None:
        self._objective = objective
        self._n_samples = FIRST_SAMPLE * objective.shape[1]
        if self.share() < 1.0:
            n_samples = objective.sums.n_samples
            for_rarest = ROWS_OF_RAREST * n_samples / rarest(objective.sums)
            self._n_samples = max(self._n_samples, min(ceil(for_rarest), n_samples))

    def share(self, _: Array | None = None) -> float:
        """The share of the rows that the next sample has, at any params."""
        n_samples, n_dof = self._objective.sums.n_samples, self._objective.shape[1]
        is_worth_it = 2 * self._n_samples <= n_samples and self._n_samples * n_dof <= LARGEST
        if self._objective.has_outliers or not is_worth_it:
            return 1.0
        return float(self._n_samples / n_samples)

    def draw(self) -> SoftmaxObjective:
        """Return the objective over the next sample of rows."""
        if self.share() == 1.0:
            return self._objective
        sampled = self._objective.sample(self._n_samples)
        self._n_samples *= SAMPLE_GROWTH
        return sampled


def starts_from_gram_matrix(sums: Sums) -> bool:
    """Whether measuring the features' Gram matrix before the first step pays."""
    return (
        not sums.is_sparse
        and sums.n_features**2 <= LARGEST
        and costs(sums.n_outputs, sums.n_features)["shared"] <= MOST_STEPS_FOR_FIRST
    )


def curvature_kinds(objective: Smooth) -> list[Curvature]:
    """The kinds of curvature model for an objective, each better than the one before.

    First the diagonal, unless the Gram matrix is known already. Then, as far as the matrices are
    not too large: one matrix that all classes share, one matrix for each class, and the whole
    Hessian. Two classes have one row of params, for which one matrix is the whole Hessian.
    """
    n_outputs, n_dof = objective.shape
    cost = costs(n_outputs, n_dof, density=objective.smooth.sums.density)
    smooth, sample = objective.smooth, GrowingSubsample(objective.smooth)

    def measuring(model: Callable[[Array, Smooth], Solve], hessian: Hessian) -> Measure:
        return lambda params: model(hessian(to_numpy(params)), objective)

    kinds = []
    if smooth.sums.n_features**2 <= LARGEST:
        shared = measuring(_block_model, smooth.shared_hessian)
        kinds.append(Curvature(shared, cost["shared"], is_hessian=n_outputs == 1))
        if n_outputs > 1 and n_outputs * n_dof**2 <= 2 * LARGEST:  # the blocks of all classes
            per_class = measuring(_block_model, lambda at: sample.draw().class_hessians(at))
            kinds.append(Curvature(per_class, cost["per class"], share=sample.share))
        if n_outputs > 1 and FULL_COPIES * ((n_outputs - 1) * n_dof) ** 2 <= LARGEST:
            full = measuring(_full_model, lambda at: sample.draw().full_hessian(at))
            kinds.append(Curvature(full, cost["full"], is_hessian=True, share=sample.share))
        if not smooth.is_penalized:
            kinds = _outside_null_space(kinds, objective)
    if smooth.gram is None or smooth.gram.ndim == 1:
        diagonal = measuring(_diagonal_model, smooth.hessian_diagonal)
        kinds.insert(0, Curvature(diagonal, cost["diagonal"], is_coupled=False))
    return _beside_outliers(kinds, smooth) if smooth.has_outliers else kinds


def _beside_outliers(kinds: list[Curvature], smooth: SoftmaxObjective) -> list[Curvature]:
    """The kinds, each with a model of the rows without outliers: see `Curvature.ordinary`."""

    @cache
    def of_ordinary_rows() -> tuple[list[Curvature], float]:
        rest, share = smooth.ordinary()
        return curvature_kinds(rest), share

    def ordinary(rank: int, params: Array) -> tuple[Model, float]:
        kinds, share = of_ordinary_rows()
        return kinds[rank].measure(params), share

    return [
        replace(kind, is_short_lived=True, ordinary=partial(ordinary, rank))
        for rank, kind in enumerate(kinds)
    ]


def costs(
    n_outputs: int, n_dof: int, n_free: int | None = None, density: float = 1.0
) -> dict[str, float]:
    """What measuring each kind of model costs, in steps.

    n_free : coordinates of the full Hessian; None: all coordinates of all classes but one
    density : share of the entries of X that are stored

    The numbers are nanoseconds a sample, measured on one core; only their ratios matter. They are
    for each sample, so that the same models are measured, and the same steps are taken, whether
    samples are weighted or repeated.
    """
    n_free = (n_outputs - 1) * n_dof if n_free is None else n_free
    softmax = 8.0 + 2.0 * n_outputs  # in any case, and for each class
    logits = n_dof * max(0.4, 0.04 * n_outputs)  # at memory's speed, or at that of the product
    stored = min(1.0, CSR_SLOWDOWN * density) * logits
    rows = 1.0 * n_dof  # standardised numbers, or their squares
    weighted = 0.5  # a standardised number times the curvature of a class
    gram = 0.011  # an entry of a large product of a matrix with its own transpose
    times = {
        "diagonal": 2.0 * stored + density * rows,
        "shared": logits + rows + gram * n_dof**2,
        "per class": logits + rows + n_outputs * (weighted * n_dof + gram * n_dof**2),
        "full": logits + rows + weighted * n_free + gram * (2 * n_free * n_dof + n_free**2),
    }
    step = 1.4 * (softmax + 2.0 * stored)  # a pass, and what makes a step of its gradient
    return {kind: (softmax + time) / step for kind, time in times.items()}


def _outside_null_space(kinds: list[Curvature], objective: Smooth) -> list[Curvature]:
    """The kinds, with steps that have no part in directions in which no sample's logits change.

    Where features have no penalty, models are singular in these directions. A gradient's part there
    is rounding alone, and a singular model would make a long step of it. Collinear columns then
    share their weight as if it were penalised.
    """

    @cache
    def null_space() -> Vectors:
        free = np.flatnonzero(objective.smooth.penalty == 0.0)
        gram = objective.smooth.shared_hessian(np.zeros(objective.shape))[np.ix_(free, free)]
        values, vectors = eigh(gram, check_finite=False)
        least = NULL_ROUNDINGS * len(gram) * np.finfo(float).eps * values[-1]
        null = np.zeros((objective.shape[1], int(np.count_nonzero(values <= least))))
        null[free] = vectors[:, values <= least]
        return objective.put(null)

    def outside(measure: Measure, params: Array) -> Solve:
        solve, null = measure(params), null_space()

        def project(gradient: Vectors) -> Vectors:
            return gradient - (gradient @ null) @ null.T

        return (lambda gradient: project(solve(project(gradient)))) if null.shape[1] else solve

    return [replace(kind, measure=partial(outside, kind.measure)) for kind in kinds]


def _block_model(hessian: Array, objective: Smooth) -> Solve:
    """The model of one matrix for every class, or of a matrix for each class.

    The latter is the Hessian without its other blocks. Each class is scaled by its own matrix, so
    that the step's sum over the classes drifts from zero; centring the step undoes that.

    hessian : (n_dof, n_dof), or (n_classes, n_dof, n_dof)
    """
    solve = objective.inverse(hessian)
    return lambda gradient: centered(solve(gradient))


def _full_model(hessian: Array, objective: Smooth) -> Solve:
    """The model that solves with the whole Hessian, as `full_hessian` of an objective defines it.

    The last class follows from the others, since gradients and steps sum to zero over the classes.

    hessian : (n_free, n_free), of all classes but the last
    """
    n_free = len(hessian)
    solve_free = objective.inverse(hessian)

    def solve(gradient: Vectors) -> Vectors:
        xp = library(gradient)
        step, free = xp.zeros_like(gradient), gradient[..., :-1, :]
        solved = solve_free(xp.reshape(free, (-1, n_free)))
        step[..., :-1, :] = xp.reshape(solved, free.shape)
        return centered(step)

    return solve


def _diagonal_model(diagonal: Array, objective: Smooth) -> Solve:
    """The model that divides by the Hessian's diagonal, (n_outputs, n_dof).

    Each class is scaled by its own numbers; centring the step undoes what this does to its sum.
    """
    largest = diagonal.max(axis=0)
    floor = np.where(largest > 0.0, LEAST_CURVATURE * largest, 1.0)
    inverse = objective.put(1.0 / np.maximum(diagonal, floor))
    return lambda gradient: centered(inverse * gradient)
