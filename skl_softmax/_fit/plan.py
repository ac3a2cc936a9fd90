"""What is descended, and how: the choice that parameters and samples make.

Knows no formula of the loss, no rule for a step and no estimator.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.auto import auto_descent, number_descent
from skl_softmax._descent.steps import State, start
from skl_softmax._engines.finiteness import check_measured, check_started
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.loop import target_of
from skl_softmax._fit.problem import Problem, RawProblem, StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._objective.device import where_data_are
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
    there, params = where_data_are(problem.objective, params, problem.center, problem.scale)
    state = start(there, params)
    largest = state.gradient_max
    largest = float(np.abs(state.gradient).max()) if largest is None else largest
    check_started(state.loss, largest, task.X, parameters.estimator_name)
    return problem, number_descent(there, state, rate)


def _plan_auto(
    parameters: Parameters, task: Task, workers: Workers, coef: Array, intercept: Array
) -> Plan:
    problem = StandardizedProblem(task, workers, may_reduce=parameters.gap_tol is None)
    check_measured(task.X, problem.scale, parameters.estimator_name)
    params = problem.start(coef, intercept)
    is_warm = bool(params.any())
    smooth = problem.smooth
    there, params = where_data_are(problem.objective, params, smooth.center, smooth.scale)
    return problem, auto_descent(
        there,
        start(there, params),
        target=target_of(parameters, problem),
        is_near=problem.is_near,
        is_warm=is_warm,
        may_start_ahead=not is_warm,  # earlier weights are such a start themselves
    )
