"""How far a loss is above its minimum, where the states of a descent do not tell.

A constant learning rate has no curvature model. Its minimum is looked for once, by the matrix step.
A matrix step that ends in doubt is judged by a model measured where it ended.

Knows problems and descents, not estimators.
"""

from __future__ import annotations

from collections import deque
from itertools import islice

import numpy as np

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._descent.curvature import curvature_kinds
from skl_softmax._descent.l1_curvature import l1_curvature_kinds
from skl_softmax._descent.l1_steps import OrthantSteps
from skl_softmax._descent.steps import Newtonian, State, is_short, left_of_ordinary, matrix_descent
from skl_softmax._fit.coordinates import RawProblem
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective

SHARE = 0.1  # of what may be left, to which the minimum is found
STEPS = 1000  # towards it: as many as a fit takes by default


def minimum(problem: RawProblem, coef: Array, intercept: Array, target: float) -> float:
    """The least loss, to a tenth of the target, looked for from given weights.

    Minus infinity, if the matrix step does not find it: then it is not known what is left.
    """
    objective, target = problem.standardized(), SHARE * target
    params, kinds = objective.params(coef, intercept), curvature_kinds(objective)
    loss, _ = objective.value_and_gradient(params)
    if not loss < np.log(max(2, len(params))):  # where all is saturated, there is no curvature
        params = np.zeros_like(params)
    states = matrix_descent(objective, params, kinds, target=target, looks_first=True)
    for state in islice(states, STEPS):
        if state.left <= target:
            return state.loss - state.left
    # The loss may fall no further in floating point: then it is judged where it is.
    return state.loss - decrement(objective, state)


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
    if isinstance(objective, L1Objective):
        return _decrement_in_orthant(objective, state)
    kind = curvature_kinds(objective)[-1]
    state = state._replace(model=kind.measure(params))
    direction, left = Newtonian().direction(objective, state, deque())
    left = max(left, left_of_ordinary(kind, state))
    return left if _is_credible(objective, state, direction, left) else np.inf


def _decrement_in_orthant(objective: L1Objective, state: State) -> float:
    """See `decrement`: with an L1 penalty."""

    def found(measured: L1Objective) -> tuple[Array, float]:
        kind = l1_curvature_kinds(measured)[-1]
        if not kind.is_coupled:
            return np.zeros_like(state.params), np.inf
        there = state._replace(model=kind.measure(state.params))
        (direction, *_), left = OrthantSteps().direction(objective, there, deque())
        return direction, left

    direction, left = found(objective)
    if objective.smooth.has_outliers:
        rest, share = objective.smooth.ordinary()
        left = max(left, found(L1Objective(rest, objective.l1))[1] / share)
    return left if _is_credible(objective.smooth, state, direction, left) else np.inf


def _is_credible(objective: SoftmaxObjective, state: State, step: Array, left: float) -> bool:
    """Whether to believe what a step (n_outputs, n_dof) promises."""
    return left <= 10.0 * objective.precision * abs(state.loss) or is_short(objective, step)
