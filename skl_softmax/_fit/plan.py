"""What is descended, and how: the choice that parameters and samples make.

Knows no formula of the loss, no rule for a step and no estimator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.l1_steps import proximal_descent
from skl_softmax._descent.steps import State, constant_descent, start
from skl_softmax._engines.device import DeviceSums, OnDevice
from skl_softmax._engines.finiteness import check_measured, check_started
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.loop import target_of
from skl_softmax._fit.problem import Problem, RawProblem, StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.device import DeviceObjective
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective
from skl_softmax._parameters import Parameters

Plan: TypeAlias = tuple[Problem, Iterator[State]]


def plan(
    parameters: Parameters, task: Task, workers: Workers, coef: Array, intercept: Array
) -> Plan:
    """What is to be minimised, and the steps from the given weights."""
    rate = parameters.learning_rate
    if rate is None:
        return _plan_auto(parameters, task, workers, coef, intercept)
    problem = RawProblem(task, workers, measure_scale=parameters.measures_scale)
    check_measured(task.X, problem.scale, parameters.estimator_name)
    params = problem.params(coef, intercept)
    there: SoftmaxObjective | L1Objective | DeviceObjective = problem.objective
    if isinstance(task.X, OnDevice) and not task.has_kinks:
        there = DeviceObjective(problem.smooth, problem.center, problem.scale)
        params = there.place(params)
    state = start(there, params)
    largest = state.gradient_max
    largest = float(np.abs(state.gradient).max()) if largest is None else largest
    check_started(state.loss, largest, task.X, parameters.estimator_name)
    if isinstance(there, L1Objective):
        return problem, proximal_descent(there, state, rate)
    return problem, constant_descent(there, state, rate)


def _plan_auto(
    parameters: Parameters, task: Task, workers: Workers, coef: Array, intercept: Array
) -> Plan:
    problem = StandardizedProblem(task, workers, may_reduce=parameters.gap_tol is None)
    check_measured(task.X, problem.scale, parameters.estimator_name)
    params = problem.start(coef, intercept)
    is_warm = bool(params.any())
    there: SoftmaxObjective | L1Objective | DeviceObjective = problem.objective
    # Not so with an L1 penalty, whose steps are decided here, or in the row space, which is here.
    if not task.has_kinks and isinstance(problem.smooth.sums, DeviceSums):
        there = DeviceObjective(problem.smooth, problem.center, problem.scale)
        params = there.place(params)
    return problem, auto_descent(
        there,
        start(there, params),
        target=target_of(parameters, problem),
        is_near=problem.is_near,
        is_warm=is_warm,
        may_start_ahead=not is_warm,  # earlier weights are such a start themselves
    )
