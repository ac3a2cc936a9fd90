"""A head start on very many samples: the minimum over a few of them, and the curvature there.

Take the params that minimise F over m of the samples. There, F over all samples is about p / (2 m)
above its minimum, for p parameters. So if there are many samples for each parameter, a random few
lead most of the way at a fraction of the cost. The descent still converges to the minimum over all.

This module knows how many samples there are, and nothing else of them.

References
----------
A. W. van der Vaart, Asymptotic Statistics, 1998, theorem 5.23: the distribution
of estimates that minimise a mean.
https://doi.org/10.1017/CBO9780511802256
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from math import prod

from skl_softmax._descent.curvature import Smooth, curvature_kinds
from skl_softmax._descent.matrix_descent import matrix_descent
from skl_softmax._descent.steps import Newtonian, State, start
from skl_softmax._engines.protocol import rarest
from skl_softmax._objective.inverse import Vectors

ONE_IN = 16  # samples, of which one is copied: a pass over the copy costs a sixteenth
ENOUGH = 64  # samples of the copy for each parameter: fewer are slower on ill-conditioned columns
ENOUGH_OF_CLASS = 8  # samples of the copy of each class, for each parameter of that class
MOST_COPIED = 2**21  # entries of the copy: 16 MB
WORTHWHILE = 2**17  # entries of X: a pass over fewer takes no longer than its calls
SETTLED_FALL = 0.03  # of p / (2 m): what a smaller fall brings is lost on all samples


def with_head_start(objective: Smooth, state: State) -> Iterator[State]:
    """Yield a state, and the state a head start further if the loss is lower there.

    The second state has a curvature model: the one that the head start ended with.
    """
    yield state
    ahead = head_start(objective, state.params)
    if ahead is not None:
        there = start(objective, ahead.params, after=state)
        if there.loss < state.loss:
            yield there._replace(model=ahead.model)


def head_start(objective: Smooth, params: Vectors) -> State | None:
    """Return the last state of a descent over a few of the samples, with its curvature model.

    None if there are too few samples, or too few of some class, for a head start to pay. None if
    the samples are on disk, where reading a few takes as long as reading all. None where a feature
    has no penalty: if it is zero in the few, it has no curvature, and steps along it would have no
    limit.

    params : array (n_outputs, n_dof), on the objective's device
    """
    sums, n_params, n_dof = objective.smooth.sums, prod(objective.shape), objective.shape[1]
    n_few = min(sums.n_samples // ONE_IN, MOST_COPIED // n_dof)
    if (
        n_few < ENOUGH * n_params
        or sums.n_samples * n_dof < WORTHWHILE
        or not (sums.may_copy and objective.smooth.is_penalized)
        or rarest(sums) * n_few / sums.n_samples < ENOUGH_OF_CLASS * n_dof
    ):
        return None
    few = objective.sample(n_few)
    if few.smooth.sums is sums:  # the few have no weight
        return None
    least_fall = SETTLED_FALL * n_params / (2 * n_few)
    state = None
    descent = matrix_descent(few, [start(few, params)], curvature_kinds(few), Newtonian())
    for before, state in pairwise(descent):
        if before.loss - state.loss < least_fall:
            break
    return state
