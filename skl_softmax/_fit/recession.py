r"""Whether a loss without a penalty has a minimum: a linear program decides.

There is no minimum if there is a *direction of recession*: coefficients D that lower no margin
between a sample's own class and another class, and raise some margin,

.. math::

    (D_{y_i} - D_k) \cdot \tilde x_i \ge 0 \text{ for all } i, k, \qquad
    \sum_{i, k} s_i (D_{y_i} - D_k) \cdot \tilde x_i > 0 .

The loss then falls along D without end. The sum is, up to a factor, the slope of the loss at zero.
There is a constraint for each sample and class, but few of them matter. So the program is solved
for a few samples, and the samples that its solution violates most are added, until there are none.
If there is no direction for the few samples, there is none for all.

This module knows sums over samples; it takes no steps.

References
----------
A. Albert and J. A. Anderson, "On the existence of maximum likelihood estimates in logistic
regression models", Biometrika 71, 1984. https://doi.org/10.1093/biomet/71.1.1

K. Konis, Linear programming algorithms for detecting separated data in binary logistic regression
models, PhD thesis, University of Oxford, 2007.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from skl_softmax._arrays import Array
from skl_softmax._engines.protocol import Sums
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.row_space import RowSpace, column_space
from skl_softmax._fit.standardization import Standardization, hidden_deviation, standardization
from skl_softmax._fit.task import Task

MOST_UNKNOWNS = 2**11  # coefficients of a program: one with more takes minutes
MOST_SAMPLES = 2**13  # samples in a program
MOST_SECONDS = 10.0  # for a program: most take less than one, and some of many classes never end
SAMPLES_PER_COEFFICIENT = 8  # samples added at a time, for each coefficient of a class
MARGIN_ROUNDING = 1e-9  # share of the largest coefficient: a margin below zero by less is rounding
SOLVED_TO = 1e-10  # what the program's constraints are met to: the least that HiGHS takes
DIFFERENCE_ROUNDINGS = 4.0  # roundings of the largest number in X, in a difference of columns
MOST_SLACK = 1e-3  # of a margin: a difference of columns that is known to less tells nothing
LARGEST_COEFFICIENT = 1e7  # of a direction, for a slope of one: with larger ones it leads nowhere


class Recession(NamedTuple):
    """What is known of directions of recession.

    Attributes
    ----------
    is_decided : bool
        Whether it is known if there is such a direction.
    features : ndarray (n_features,) of bool, or None
        The features with coefficients in one such direction; None if none was found.
    """

    is_decided: bool
    features: Array | None = None


def direction_of_recession(
    sums: Sums,
    scale: Array,
    weights: tuple[Array, Array],
    fit_intercept: bool,
    slack: float,
    is_free: Array,
) -> tuple[bool, Array | None]:
    """Look for a direction of recession; return whether that was decided, and the direction.

    The direction holds coefficients of standardised features, (n_outputs, n_features). It is None
    if there is no direction of recession, or if the program is too large.

    Parameters
    ----------
    sums : Sums
        Sums over features less their means, in float64.
    scale : ndarray (n_features,)
        The features' deviations; infinite for features that do not count.
    weights : tuple of ndarray
        coef (n_outputs, n_features) and intercept (n_outputs,) for features less their means. The
        samples that these weights get most wrong are the first in the program.
    fit_intercept : bool
    slack : float
        How far a margin may be below zero, since features are not known more exactly.
    is_free : ndarray (n_features,) of bool
        The features that have no penalty: the others have no part in a direction.
    """
    n_outputs, n_features = sums.n_outputs, int(np.count_nonzero(is_free))
    n_dof = n_features + fit_intercept
    n_free = max(1, n_outputs - 1)  # the last class of several is zero
    if n_free * n_dof > MOST_UNKNOWNS:
        return False, None
    zeros = np.zeros((n_outputs, sums.n_features)), np.zeros(n_outputs)
    _, slopes, of_intercept = sums.loss_and_gradient(*zeros)
    slopes = np.column_stack([(slopes / scale)[:, is_free], of_intercept])[:, :n_dof]
    if n_outputs > 1:
        slopes = slopes[:-1] - slopes[-1:]
    slopes /= max(float(np.abs(slopes).max()), np.finfo(float).tiny)

    def margins(coef: Array, intercept: Array) -> sparse.csr_array:
        X, own = sums.least_sure(coef, intercept, SAMPLES_PER_COEFFICIENT * n_dof)
        rows = np.column_stack([(X / scale)[:, is_free], np.ones(len(X))])[:, :n_dof]
        return _margins(rows, own, n_free)

    constraints = margins(*weights)
    while constraints.shape[0] <= MOST_SAMPLES * n_free:
        is_solved, direction = _solve(constraints, slopes.ravel(), slack)
        if direction is None:
            return is_solved, None
        moves, of_features = np.zeros((n_outputs, n_dof)), zeros[0].copy()
        moves[:n_free] = direction.reshape(n_free, n_dof)
        of_features[:, is_free] = moves[:, :n_features]
        found = margins(of_features / scale, moves @ (np.arange(n_dof) >= n_features))
        broken = found @ direction < -MARGIN_ROUNDING * np.abs(direction).max() - slack
        if not broken.any():
            return True, of_features
        constraints = sparse.vstack([constraints, found[broken]])
    return False, None


def _margins(rows: Array, own: Array, n_free: int) -> sparse.csr_array:
    """The matrix that turns a direction's coefficients into margins of samples (rows, n_dof).

    own : ndarray (rows, n_classes) of bool
        The classes that a sample has: one, or with soft targets several.
    """
    rows = rows / np.maximum(np.abs(rows).max(axis=1, keepdims=True), np.finfo(float).tiny)
    n_classes = own.shape[1]
    first = int(n_classes == 2)  # of two classes, the coefficients are those of the second
    units = np.eye(n_classes)[:, first : first + n_free]
    margins = [
        np.kron(units[a] - units[b], rows[own[:, a]]) for a, b in permutations(range(n_classes), 2)
    ]
    return sparse.csr_array(np.vstack(margins))


def _solve(constraints: sparse.csr_array, slopes: Array, slack: float) -> tuple[bool, Array | None]:
    """Whether the program was solved, and its direction: the least coefficients for a slope of -1.

    The direction is None if there is none, or if its coefficients are too large.
    """
    n = len(slopes)
    found = linprog(
        np.ones(2 * n),
        A_ub=sparse.hstack([-constraints, constraints]),
        b_ub=np.full(constraints.shape[0], slack),
        A_eq=np.concatenate([slopes, -slopes])[np.newaxis],
        b_eq=[-1.0],
        bounds=(0.0, None),
        method="highs",
        options={
            "time_limit": MOST_SECONDS,
            **{f"{kind}_feasibility_tolerance": SOLVED_TO for kind in ("primal", "dual")},
        },
    )
    if found.status == 1:  # the time is up
        return False, None
    if found.x is None:
        return True, None
    direction = found.x[:n] - found.x[n:]
    return True, direction if np.abs(direction).max() <= LARGEST_COEFFICIENT else None


def _differences(task: Task, sums: Sums, found: Standardization) -> tuple[RowSpace | None, float]:
    """The space of nearly collinear columns, and how exactly margins are known in it.

    None and zero if columns are not nearly collinear, or if rounding hides their differences, as it
    does beside giants.
    """
    if found.gram is not None and hidden_deviation(found, sums, task.X) > 0.0:
        space = column_space(task.X, task.weights, found.center, found.scale)
        if space is not None:  # a difference of columns is as exact as its terms
            rounding = np.finfo(task.X.dtype).eps * np.abs(task.X).max()
            slack = DIFFERENCE_ROUNDINGS * float(rounding / space.scale.min())
            if slack <= MOST_SLACK:
                return space, slack
    return None, 0.0


def recession_of(task: Task, workers: Workers, coef: Array, intercept: Array) -> Recession:
    """Decide whether the loss without a penalty falls without end, given fitted weights.

    The program is solved for features less their means, in float64: then offsets hide nothing. Of
    nearly collinear columns the differences are used, since these may tell samples apart.

    coef, intercept : (n_outputs, n_features) and (n_outputs,)
    """
    coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
    sums = task.sums(workers, dtype=np.float64)
    with_gram = not sums.is_sparse and bool(task.is_free.all())
    found = standardization(sums, task.fit_intercept, with_gram=with_gram)
    center, scale = found.center, found.scale
    space, slack = _differences(task, sums, found)
    is_free = task.is_free if space is None else np.ones(len(space.scale), dtype=bool)
    if space is not None:
        center, scale = space.center, space.scale
        sums = replace(task, X=space.coordinates).sums(workers)
        intercept, coef = intercept + coef @ center, space.basis.reduce(coef)
    elif np.max(np.abs(center) / scale, initial=0.0) > 1.0:
        sums = task.sums(workers, dtype=np.float64, origin=center)
        intercept = intercept + coef @ center
    is_decided, direction = direction_of_recession(
        sums, scale, (coef, intercept), task.fit_intercept, slack, is_free
    )
    if direction is None:
        return Recession(is_decided)
    if space is not None:
        direction = space.basis.expand(direction / scale)
        direction *= np.where(np.isfinite(found.scale), found.scale, 0.0)
    moved = np.abs(direction).max(axis=0)
    return Recession(is_decided, moved > MARGIN_ROUNDING**0.5 * max(1.0, float(moved.max())))
