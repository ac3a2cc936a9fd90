"""What is descended, and how: the choice that parameters and samples make.

Reads an estimator's parameters and sets nothing on it. Knows no formula of the loss and no rule for
a step.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.curvature import curvature_kinds
from skl_softmax._descent.head_start import head_start
from skl_softmax._descent.l1_curvature import l1_curvature_kinds
from skl_softmax._descent.l1_steps import l1_descent, proximal_descent
from skl_softmax._descent.steps import State, constant_descent, matrix_descent
from skl_softmax._engines.device import DeviceSums, OnDevice
from skl_softmax._engines.finiteness import check_measured, checked_at_start
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.coordinates import RawProblem, StandardizedProblem
from skl_softmax._fit.loop import target_of
from skl_softmax._fit.task import Task
from skl_softmax._objective.device import DeviceObjective
from skl_softmax._objective.l1 import L1Objective

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
    if isinstance(problem.objective, L1Objective):
        states = proximal_descent(problem.objective, params, rate)
    elif isinstance(task.X, OnDevice):
        there = DeviceObjective(problem.smooth, problem.center, problem.scale)
        states = constant_descent(there, there.place(params), rate, there.size)
    else:
        states = constant_descent(problem.objective, params, rate)
    return problem, checked_at_start(states, task.X, estimator)


def _plan_auto(estimator: Any, task: Task, workers: Workers, coef: Array, intercept: Array) -> Plan:
    problem = StandardizedProblem(task, workers, may_reduce=estimator.gap_tol is None)
    check_measured(task.X, problem.scale, estimator)
    params = problem.start(coef, intercept, np.log(max(2, task.n_outputs)))
    objective, target = problem.objective, target_of(estimator, problem)
    if isinstance(objective, L1Objective):
        return problem, l1_descent(objective, params, l1_curvature_kinds)
    is_warm = bool(params.any())
    ahead = None if is_warm else head_start  # earlier weights are one themselves
    if isinstance(objective.sums, DeviceSums):  # not so in the row space, which is at hand
        there = DeviceObjective(objective, problem.center, problem.scale)
        params, kinds = there.place(params), curvature_kinds(there)
        return problem, matrix_descent(
            there, params, kinds, there.size, ahead, target, problem.is_near, looks_first=is_warm
        )
    kinds = curvature_kinds(objective)
    return problem, matrix_descent(
        objective, params, kinds, None, ahead, target, problem.is_near, looks_first=is_warm
    )
