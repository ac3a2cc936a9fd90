"""What is descended, and how: the choice that parameters and samples make.

Reads an estimator's parameters and sets nothing on it. Knows no formula of the loss and no rule for
a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.l1_steps import proximal_descent
from skl_softmax._descent.steps import State, constant_descent, start
from skl_softmax._engines.device import DeviceSums, OnDevice
from skl_softmax._engines.finiteness import check_measured, check_started
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.coordinates import RawProblem, StandardizedProblem
from skl_softmax._fit.loop import target_of
from skl_softmax._fit.task import Task
from skl_softmax._objective.device import DeviceObjective

Plan: TypeAlias = tuple[RawProblem | StandardizedProblem, Iterator[State]]


def measures_scale(estimator: Any) -> bool:
    """Whether features are measured: then `check_measured` sees those that are not finite."""
    is_asked = estimator.tol > 0 or estimator.gap_tol is not None
    return isinstance(estimator.learning_rate, str) or is_asked


def plan(estimator: Any, task: Task, workers: Workers, coef: Array, intercept: Array) -> Plan:
    """What is to be minimised, and the steps from the given weights."""
    choose = _plan_auto if isinstance(estimator.learning_rate, str) else _plan_constant
    return choose(estimator, task, workers, coef, intercept)


def _plan_constant(
    estimator: Any, task: Task, workers: Workers, coef: Array, intercept: Array
) -> Plan:
    problem = RawProblem(task, workers, measure_scale=measures_scale(estimator))
    check_measured(task.X, problem.scale, estimator)
    params, rate = problem.params(coef, intercept), float(estimator.learning_rate)
    there: Any = problem.objective
    if isinstance(task.X, OnDevice) and not task.has_kinks:
        there = DeviceObjective(problem.smooth, problem.center, problem.scale)
        params = there.place(params)
    state = start(there, params)
    check_started(state, task.X, estimator)
    descent: Any = proximal_descent if task.has_kinks else constant_descent
    return problem, descent(there, state, rate)


def _plan_auto(estimator: Any, task: Task, workers: Workers, coef: Array, intercept: Array) -> Plan:
    problem = StandardizedProblem(task, workers, may_reduce=estimator.gap_tol is None)
    check_measured(task.X, problem.scale, estimator)
    params = problem.start(coef, intercept, np.log(max(2, task.n_outputs)))
    is_warm = bool(params.any())
    there: Any = problem.objective
    # Not so with an L1 penalty, whose steps are decided here, or in the row space, which is here.
    if not task.has_kinks and isinstance(problem.smooth.sums, DeviceSums):
        there = DeviceObjective(problem.smooth, problem.center, problem.scale)
        params = there.place(params)
    return problem, auto_descent(
        there,
        start(there, params),
        target=target_of(estimator, problem),
        is_near=problem.is_near,
        is_warm=is_warm,
        may_start_ahead=not is_warm,  # earlier weights are such a start themselves
    )
