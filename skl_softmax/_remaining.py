"""How far a loss is above its minimum: the Newton decrement, of a model measured for that alone.

Descents in "auto" have a model at hand, and tell with each state what is left. A constant learning
rate has none, and steps with an L1 penalty over some of the features know nothing of the others.

Knows problems and curvature models; takes no steps.

References
----------
S. Boyd and L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, section 9.5.1.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np

from skl_softmax._curvature import curvature_kinds
from skl_softmax._descent import Newtonian, State, Steps
from skl_softmax._l1_curvature import l1_curvature_kinds
from skl_softmax._l1_descent import OrthantSteps
from skl_softmax._l1_objective import L1Objective
from skl_softmax._problem import RawProblem, StandardizedProblem


class Remaining:
    """Estimates what the loss can still fall by, at states of a descent.

    The best model there is, measured anew at a state for which the one before it says that the
    target is reached.
    """

    def __init__(self, problem: RawProblem | StandardizedProblem) -> None:
        self._problem = problem
        self._objective = problem.standardized
        self._steps: Steps = Newtonian()
        if isinstance(self._objective, L1Objective):
            self._steps, kinds = OrthantSteps(), l1_curvature_kinds(self._objective)
        else:
            kinds = curvature_kinds(self._objective)
        self._kind = kinds[-1]
        self._model: Any = None

    def left(self, state: State, target: float, *, at_the_end: bool = False) -> float:
        """What the loss can still fall by from a state; infinite if the estimate is doubtful.

        At the end there is always an estimate: doubtful, it is no less than twice the target.
        """
        state = self._problem.standardize(state)
        if self._model is not None:
            left = self._estimate(state)
            if left > target:
                return left
        self._model = self._kind.measure(state.params)
        state = state._replace(model=self._model)
        direction, left = self._steps.direction(self._objective, state, deque())
        if left > target or self._steps.is_short(self._objective, direction):
            return left
        return 2.0 * target if at_the_end else np.inf

    def _estimate(self, state: State) -> float:
        """By the model there is."""
        state = state._replace(model=self._model)
        return self._steps.direction(self._objective, state, deque())[1]
