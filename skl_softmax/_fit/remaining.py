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
from skl_softmax._descent.steps import Newtonian, State, is_short, matrix_descent
from skl_softmax._fit.coordinates import RawProblem, StandardizedProblem

SHARE = 0.1  # of what may be left, to which the minimum is found
STEPS = 1000  # towards it: as many as a fit takes by default


def minimum(problem: RawProblem, coef: Array, intercept: Array, target: float) -> float:
    """The least loss, to a tenth of the target, looked for from given weights.

    Minus infinity, if the matrix step does not find it: then nobody knows what is left.
    """
    objective, target = problem.standardized(), SHARE * target
    params, kinds = objective.params(coef, intercept), curvature_kinds(objective)
    states = matrix_descent(objective, params, kinds, target=target, looks_first=True)
    state = None
    for state in islice(states, STEPS):
        if state.left <= target:
            return state.loss - state.left
    is_over = next(states, None) is None  # the loss can fall no further in floating point
    return state.loss if is_over and state is not None else -np.inf


def decrement(problem: StandardizedProblem, state: State) -> float:
    """The Newton decrement at a state: what the loss can fall by, by the best model there is.

    Infinite where its step is so long that the curvature changes on the way.

    References
    ----------
    S. Boyd and L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, section
    9.5.1.
    """
    params, gradient = to_numpy(state.params), to_numpy(state.gradient)
    model = curvature_kinds(problem.smooth)[-1].measure(params)
    state = state._replace(params=params, gradient=gradient, model=model)
    direction, left = Newtonian().direction(problem.smooth, state, deque())
    return left if is_short(problem.smooth, direction) else np.inf
