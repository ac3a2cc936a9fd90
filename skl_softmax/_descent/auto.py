"""The descent of "auto", for any objective: the one door into the folder.

What an objective is made of decides the curvature models and the steps. Whoever descends needs to
know neither. Knows objectives; not their data, nor when to stop.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._descent.curvature import Smooth, curvature_kinds
from skl_softmax._descent.head_start import with_head_start
from skl_softmax._descent.l1_curvature import l1_curvature_kinds
from skl_softmax._descent.l1_steps import OrthantSteps, l1_descent
from skl_softmax._descent.steps import (
    ROUNDINGS,
    Near,
    Newtonian,
    State,
    believed,
    estimated,
    looked_at,
    matrix_descent,
)
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective


def auto_descent(
    objective: Smooth | L1Objective,
    state: State,
    *,
    target: float = 0.0,
    is_near: Near | None = None,
    is_warm: bool = False,
    may_start_ahead: bool = False,
) -> Iterator[State]:
    """The states of a descent, from the given one, which is the first of them.

    target, is_near : as of `matrix_descent`, for an objective without an L1 penalty
    is_warm : whether the state may be near the minimum already, so that it is looked at
    may_start_ahead : whether a few of very many samples may tell the first step
    """
    if isinstance(objective, L1Objective):
        return l1_descent(objective, state, l1_curvature_kinds)
    kinds = curvature_kinds(objective)
    if is_warm and target > 0.0:
        state = looked_at(objective, state, kinds, target)
    beginning = with_head_start(objective, state) if may_start_ahead else [state]
    return matrix_descent(objective, beginning, kinds, Newtonian(), target=target, is_near=is_near)


def decrement(objective: SoftmaxObjective | L1Objective, state: State) -> float:
    """The Newton decrement at a state: what the loss can fall by, by the best model there is.

    With an L1 penalty, in the orthant that a step leads into. Infinite where no model knows how
    features are correlated, or where the step is so long that the curvature changes on the way:
    unless it promises no more than rounding.

    References
    ----------
    S. Boyd and L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, section
    9.5.1.
    """
    params, gradient = to_numpy(state.params), to_numpy(state.gradient)
    state = state._replace(params=params, gradient=gradient)
    smooth = objective.smooth
    if isinstance(objective, L1Objective):
        direction, left = _in_orthant(objective, state)
        if smooth.has_outliers:
            rest, share = smooth.ordinary()
            left = max(left, _in_orthant(L1Objective(rest, objective.l1), state)[1] / share)
    else:
        kind = curvature_kinds(objective)[-1]
        state = state._replace(model=kind.measure(params))
        direction, left = estimated(objective, state, kind, Newtonian(), ())
    is_rounding = left <= ROUNDINGS * objective.precision * abs(state.loss)
    return left if is_rounding else believed(smooth, direction, left)


def _in_orthant(objective: L1Objective, state: State) -> tuple[Array, float]:
    """See `decrement`: a direction (n_outputs, n_dof), and what the loss can fall by along it."""
    kind = l1_curvature_kinds(objective)[-1]
    if not kind.is_coupled:
        return np.zeros_like(state.params), np.inf
    state = state._replace(model=kind.measure(state.params))
    return OrthantSteps().direction(objective, state, ())
