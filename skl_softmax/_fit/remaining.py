"""The least loss, where the states of a descent do not tell how far they are above it.

A constant learning rate has no curvature model. Its minimum is looked for once, by the matrix step.

Knows problems and descents, not estimators.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent, decrement
from skl_softmax._fit.coordinates import RawProblem

SHARE = 0.1  # of what may be left, to which the minimum is found
STEPS = 1000  # towards it: as many as a fit takes by default


def minimum(problem: RawProblem, coef: Array, intercept: Array, target: float) -> float:
    """The least loss, to a tenth of the target, looked for from given weights.

    Minus infinity, if the matrix step does not find it: then it is not known what is left.
    """
    objective, target = problem.standardized(), SHARE * target
    params = objective.params(coef, intercept)
    loss, _ = objective.value_and_gradient(params)
    if not loss < np.log(max(2, len(params))):  # where all is saturated, there is no curvature
        params = np.zeros_like(params)
    states = auto_descent(objective, params, target=target, is_warm=True)
    for state in islice(states, STEPS):
        if state.left <= target:
            return state.loss - state.left
    # The loss may fall no further in floating point: then it is judged where it is.
    return state.loss - decrement(objective, state)
