"""The descent of ``learning_rate="auto"``, for any objective.

The kind of objective decides which curvature models and which steps are used. Callers need to know
neither. This module knows objectives; it does not know their data, nor when a fit should stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._descent.curvature import Curvature, Smooth, curvature_kinds
from skl_softmax._descent.head_start import with_head_start
from skl_softmax._descent.l1_curvature import l1_curvature_kinds
from skl_softmax._descent.l1_steps import OrthantSteps, l1_descent, proximal_descent
from skl_softmax._descent.matrix_descent import Near, believed, estimated, matrix_descent
from skl_softmax._descent.steps import ROUNDINGS, Newtonian, State, constant_descent
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective

DEAREST_LOOK = 30.0  # steps that a model of a first state, which may be the last, may cost


def auto_descent(
    objective: Smooth | L1Objective,
    state: State,
    *,
    target: float = 0.0,
    is_near: Near | None = None,
    is_warm: bool = False,
    may_start_ahead: bool = False,
) -> Iterator[State]:
    """Yield the states of a descent; the given state is the first.

    target, is_near : see `matrix_descent`; without effect on an objective with an L1 penalty
    is_warm : whether the state may be near the minimum: then what is left is estimated first
    may_start_ahead : whether the first step may come from a few of very many samples
    """
    if isinstance(objective, L1Objective):
        return l1_descent(objective, state, l1_curvature_kinds)
    kinds = curvature_kinds(objective)
    if is_warm and target > 0.0:
        state = _looked_at(objective, state, kinds, target)
    beginning = with_head_start(objective, state) if may_start_ahead else [state]
    return matrix_descent(objective, beginning, kinds, Newtonian(), target=target, is_near=is_near)


def number_descent(
    objective: Smooth | L1Objective, state: State, learning_rate: float
) -> Iterator[State]:
    """The states of a descent whose step is a number, without end; the given state comes first."""
    if isinstance(objective, L1Objective):
        return proximal_descent(objective, state, learning_rate)
    return constant_descent(objective, state, learning_rate)


def _looked_at(objective: Smooth, state: State, kinds: Sequence[Curvature], target: float) -> State:
    """A first state with its Hessian as the model, and with what is left if that is little.

    The state itself is returned if no model is the Hessian, or if measuring the Hessian costs much.
    """
    best = kinds[-1]
    if not best.is_hessian or best.cost(state.params) > DEAREST_LOOK:
        return state
    state = state._replace(n_passes=state.n_passes + 1, model=best.measure(state.params))
    direction, left = estimated(objective, state, best, Newtonian(), ())
    return state._replace(left=believed(objective, direction, left) if left <= target else np.inf)


def decrement(objective: SoftmaxObjective | L1Objective, state: State) -> float:
    """The Newton decrement at a state: an estimate of what the loss can still fall by.

    It is computed with the best curvature model there is. With an L1 penalty, it is the decrement
    in the orthant that the next step leads into. It is infinite where no model knows how features
    are correlated. It is also infinite where the step is so long that the curvature changes on the
    way, unless the step promises no more than rounding.

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
    """A direction (n_outputs, n_dof) in an orthant, and what the loss can fall by along it."""
    kind = l1_curvature_kinds(objective)[-1]
    if not kind.is_coupled:
        return np.zeros_like(state.params), np.inf
    state = state._replace(model=kind.measure(state.params))
    return OrthantSteps().direction(objective, state, ())
