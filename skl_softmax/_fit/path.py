"""Fits over many strengths of the penalty, each from where the one before it ended.

What does not depend on the penalty is measured once, and what was learnt of the curvature goes from
one fit to the next.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.steps import State, start
from skl_softmax._engines.finiteness import check_measured
from skl_softmax._engines.protocol import Samples
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.callbacks import NO_CALLBACKS
from skl_softmax._fit.diagnosis import outcome
from skl_softmax._fit.loop import Run, follow, target_of
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._parameters import Parameters

LEAST_RATIO = 0.1  # below it, a path begins where it would with this l1_ratio
UNLIKE = 1e-3  # times the largest scale: a smaller one asks for other alphas
FARTHEST = 1e-20  # times the first, the last alpha is not below
# Relative, of the alpha from which on all weights are zero: its rounding, and what it is known to
# where it is looked for.
ROUNDING, SETTLED = 1e-10, 1e-6
STEPS = 1000  # towards the minimum over features without a penalty: as many as a fit takes


class Fit(NamedTuple):
    """One of a path: what it passed through, and what there is to warn of."""

    run: Run
    warning: Warning | None


def prepare(
    parameters: Parameters, samples: Samples, n_classes: int, workers: Workers
) -> tuple[StandardizedProblem, State]:
    """Return the problem, for any alpha > 0, and its state at zero weights."""
    n_outputs = 1 if n_classes == 2 else n_classes
    task = Task.of(replace(parameters, alpha=1.0), samples, n_outputs)
    problem = StandardizedProblem(task, workers)
    check_measured(samples.X, problem.scale, parameters.estimator_name)
    return problem, start(problem.objective, np.zeros(problem.objective.shape))


def descend_path(
    parameters: Parameters,
    problem: StandardizedProblem,
    state: State,
    alphas: Array,
    workers: Workers,
) -> Iterator[Fit]:
    """Fit for every alpha in turn, from a state of the problem with whatever alpha it has."""
    for alpha in alphas.tolist():
        parameters = replace(parameters, alpha=alpha)
        before, problem = problem, problem.with_alpha(alpha)
        state = _moved(state, before, problem)
        target = target_of(parameters, problem)
        states = auto_descent(problem.objective, state, target=target, is_near=problem.is_near)
        run = follow(parameters, problem, states, None, NO_CALLBACKS)
        if run.stop_reason == "interrupted":
            raise KeyboardInterrupt
        yield Fit(run, outcome(parameters, run, problem.task, workers))
        state = run.last


def _moved(state: State, before: StandardizedProblem, after: StandardizedProblem) -> State:
    """Return the state at the same params under another penalty: without a pass, if it can be."""
    params = state.params
    if np.isnan(state.gradient).any():  # the last steps were on some of the features
        return start(after.objective, params)._replace(n_passes=state.n_passes)
    penalties = [problem.objective.penalty_on(params) for problem in (before, after)]
    change = after.smooth.penalty - before.smooth.penalty
    return state._replace(
        iteration=0,
        loss=state.loss - penalties[0] + penalties[1],
        gradient=state.gradient + change * params,
        step_length=1.0,
        left=np.inf,
        model=state.model if before.task.has_kinks == after.task.has_kinks else None,
    )


def _with_free_weights(problem: StandardizedProblem) -> State:
    """The state at the minimum over the features without a penalty; all others have no weights."""
    free = problem.smooth.without(problem.smooth.factor > 0.0)
    states = auto_descent(free, start(free, np.zeros(free.shape)))
    (last,) = deque(islice(states, STEPS), maxlen=1)
    return start(problem.objective, last.params)


def grid(
    problem: StandardizedProblem, state: State, l1_ratio: float, n_alphas: int, eps: float
) -> Array:
    """The strengths (n_alphas,), given the state at zero weights.

    The first is a few roundings above the least that zeroes all. The last is `eps` times as much;
    or, where the scales of features lie far apart, as in raw columns, or one has outliers, `eps`
    times what matters for the smallest. Sparse features with an L1 penalty are counts and the like:
    their scales tell how rare they are. A feature with twice the penalty is as one with half the
    slope; without one it has its weights at any alpha, and so at the first.
    """
    factor, rounding = np.broadcast_to(problem.task.factor, len(problem.deviations)), ROUNDING
    if not factor.any():
        raise ValueError(
            "penalty_factor leaves no feature a penalty, so that there is no alpha to begin with:"
            " give alphas."
        )
    if not factor.all():
        state, rounding = _with_free_weights(problem), SETTLED
    slopes = problem.coordinates.slopes(state.gradient) * (factor > 0.0)
    if not slopes.any():
        raise ValueError(
            "No feature has a part in telling the classes apart, so that there is no alpha to begin"
            " with: give alphas."
        )
    deviations = problem.deviations
    varying = np.isfinite(deviations) & (deviations > 0.0) & (factor > 0.0)
    scales, slopes, factor = deviations[varying], slopes[varying], factor[varying]
    steepest = float((slopes / factor).max())
    largest = steepest * (1.0 + rounding) / max(l1_ratio, LEAST_RATIO)
    last = eps * largest
    # An L1 penalty grows with a feature's scale, an L2 penalty with its square; and of standardised
    # features no slope is above one, but for outliers.
    of_penalty = np.minimum(1.0, scales) if l1_ratio < 1.0 else 1.0
    smallest = (scales * of_penalty / factor).min()
    reach = np.minimum(slopes / scales, 1.0).max() * smallest / steepest
    has_outliers = bool((slopes > scales).any())
    if (reach < UNLIKE or has_outliers) and not (l1_ratio > 0.0 and problem.smooth.sums.is_sparse):
        last *= min(1.0, reach)
    return np.geomspace(largest, max(last, FARTHEST * largest), n_alphas)


def grids(
    of_ratios: Sequence[Parameters],
    samples: Samples,
    n_classes: int,
    strengths: Array | int,
    eps: float,
) -> Array:
    """The strengths to try with each ratio, (n_l1_ratios, n_alphas), the largest first."""
    if not isinstance(strengths, int):
        return np.tile(strengths, (len(of_ratios), 1))
    with Workers() as workers, np.errstate(all="ignore"):
        problem, state = prepare(replace(of_ratios[0], l1_ratio=0.0), samples, n_classes, workers)
        return np.array([grid(problem, state, p.l1_ratio, strengths, eps) for p in of_ratios])
