"""The least loss, where the states of a descent do not tell how far they are above it.

A constant learning rate has no curvature model. Its minimum is looked for once, by the matrix step.

Knows problems and descents, not estimators.
"""

from __future__ import annotations

from itertools import islice

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent, decrement
from skl_softmax._descent.steps import start
from skl_softmax._fit.coordinates import RawProblem, StandardizedProblem

SHARE = 0.1  # of what may be left, to which the minimum is found
STEPS = 1000  # towards it: as many as a fit takes by default


def minimum(problem: RawProblem, coef: Array, intercept: Array, target: float) -> float:
    """The least loss, to a tenth of the target, looked for from given weights.

    Minus infinity, if the matrix step does not find it: then it is not known what is left.
    """
    ours, target = StandardizedProblem(problem.task, problem.workers), SHARE * target
    problem.all_sums.extend(ours.all_sums)  # whose passes count
    params = ours.start(coef, intercept, np.log(max(2, len(coef))))
    states = auto_descent(
        ours.objective,
        start(ours.objective, params),
        target=target,
        is_near=ours.is_near,
        is_warm=bool(params.any()),
    )
    for state in islice(states, STEPS):
        if state.left <= target and not ours.is_doubtful:
            return state.loss - state.left
    # The loss may fall no further in floating point: then it is judged where it is.
    return -np.inf if ours.is_doubtful else state.loss - decrement(ours.smooth, state)
