"""The steps: from one immutable `State` to the next, by  params <- params - step · gradient.

The step is a number in `constant_descent`, the textbook's loop. In `Newtonian` it is a matrix, and
a line search decides how far it leads: `skl_softmax._descent.matrix_descent` takes such steps.
This module knows an `Objective`, and not its data. The caller decides when to stop, what to keep
and what to print.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypeVar

import numpy as np

from skl_softmax._arrays import Array, Scalar, dot, numbers, stack
from skl_softmax._descent.curvature import Model
from skl_softmax._objective.inverse import Solve, Vectors

SUFFICIENT_FALL = 1e-4  # share of the fall promised by the slope (Nocedal and Wright, section 3.1)
ROUNDINGS = 10.0  # of a loss: what is less may be rounding
SHRUNK = 0.9  # times the gradient before, where rounding hides the fall: then a descent ends
# A step is shortened to a share between the first and the last of these: to the first where the
# loss is not finite, to the second where the cubic has no minimum.
SHORTEN_MOST, SHORTEN_HALF, SHORTEN_LEAST = 0.1, 0.5, 0.7
MOST_TRIALS = 30  # lengths tried along a direction: the last is no more than 0.7**29, 3e-5
HIDDEN_COSINE = 1e-14  # between a step and what it changes: fifty roundings, which may be all of it


class Objective(Protocol):
    """What a descent needs of the convex function that it minimises.

    Params and gradients (n_outputs, n_dof) may be arrays of any library, on any device; then the
    value is a scalar on that device.

    Attributes
    ----------
    precision : float
        The relative precision of computed values.
    gradient_max : callable or None
        On another device, ``gradient_max(gradient)`` returns the largest derivative, to be read
        along with the value. None where gradients are NumPy's.
    """

    precision: float

    @property
    def gradient_max(self) -> Callable[[Array], Scalar] | None: ...

    def value_and_gradient(self, params: Array) -> tuple[Scalar, Array]: ...

    def largest_difference(self, params: Array) -> float: ...


# What kind of objective some steps are for.
Stepped = TypeVar("Stepped", bound=Objective, contravariant=True)


class State(NamedTuple):
    """Where the descent stands after `iteration` steps.

    Attributes
    ----------
    params, gradient : ndarray
        Both (n_outputs, n_dof); the gradient is taken at `params`.
    loss : float
    n_passes : int
        Evaluations of loss and gradient so far, and models measured.
    step_length : float
        What the last step was shortened to: 1 for a full step.
    model : object or None
        The curvature model that the last step was made with.
    gradient_max : float or None
        The largest derivative on another device, where it is read along with the loss; else None.
    left : float
        An estimate of what the loss can still fall by; infinite where there is none.
    """

    iteration: int
    params: Array
    loss: float
    gradient: Array
    n_passes: int
    step_length: float = 1.0
    model: Model = None
    gradient_max: float | None = None
    left: float = np.inf


class Pair(NamedTuple):
    """What a step changed in params and gradient, and the product of both: the curvature."""

    coef_diff: Array
    gradient_diff: Array
    curvature: Scalar


def start(objective: Objective, params: Array, after: State | None = None) -> State:
    """The state at some params: before any step, or one step after another state."""
    loss, gradient = objective.value_and_gradient(params)
    loss, largest = numbers(loss, objective.gradient_max and objective.gradient_max(gradient))
    iteration, n_passes = (after.iteration + 1, after.n_passes + 1) if after else (0, 1)
    return State(iteration, params, loss, gradient, n_passes, gradient_max=largest)


def constant_descent(objective: Objective, state: State, learning_rate: float) -> Iterator[State]:
    """Yield the states of the loop ``params -= learning_rate * gradient``, without end."""
    while True:
        yield state
        state = start(objective, state.params - learning_rate * state.gradient, after=state)


class Steps(Protocol[Stepped]):
    """The two halves of a step: its direction, and its length."""

    def direction(
        self, objective: Stepped, state: State, pairs: Sequence[Pair], /
    ) -> tuple[Vectors, float]:
        """A direction by the model of a state, and what the loss can fall by along it."""

    def search(self, objective: Stepped, state: State, direction: Vectors) -> State:
        """The state after a step; one of the same iteration if no length of the step will do."""


class Newtonian:
    """Steps of a smooth function: the direction of L-BFGS, and a line search."""

    def direction(
        self, _: Objective, state: State, pairs: Sequence[Pair], /
    ) -> tuple[Vectors, float]:
        """See `Steps.direction`; the model's minimum is half as deep as its slope promises."""
        direction = -quasi_newton_step(state.gradient, pairs, state.model)
        (slope,) = numbers(dot(state.gradient, direction))
        return direction, -0.5 * float(slope)

    def search(self, objective: Objective, state: State, direction: Vectors) -> State:
        """See `Steps.search`: a line search.

        The full step is taken when the loss falls enough (Armijo). Otherwise the slope at the trial
        point, which comes with its gradient, shows where the minimum along the line lies.
        """
        slope = dot(state.gradient, direction)
        if isinstance(slope, float) and not slope < 0.0:  # the loss does not fall along it
            return state
        rounding = objective.precision * abs(state.loss)
        n_passes, t = state.n_passes, 1.0
        while n_passes < state.n_passes + MOST_TRIALS:
            params = state.params + t * direction
            loss, gradient = objective.value_and_gradient(params)
            n_passes += 1
            # Another device is read once: for the loss, both slopes and the largest derivative.
            largest = objective.gradient_max and objective.gradient_max(gradient)
            trial_slope = dot(gradient, direction)
            loss, slope, trial_slope, largest = numbers(loss, slope, trial_slope, largest)
            promised = -slope * t
            fall = state.loss - loss
            if slope < 0.0 and falls_enough(fall, promised, rounding, state.gradient, gradient):
                loss, step = min(loss, state.loss), state.iteration + 1
                return State(step, params, loss, gradient, n_passes, t, state.model, largest)
            if not promised > rounding:
                break
            t *= _cubic_minimizer(state.loss, slope * t, loss, trial_slope * t)
        return state._replace(n_passes=n_passes)


def make_pairs(coef_diff: Array, gradient_diff: Array) -> list[Pair]:
    """The pair of a step, in a list; an empty list if rounding hides the curvature along the step.

    On another device the curvature is not read. If it is wrong, the next step will not lower the
    loss, and is not taken.
    """
    pair = Pair(coef_diff, gradient_diff, dot(coef_diff, gradient_diff))
    if not isinstance(pair.curvature, float):
        return [pair]
    squares = dot(coef_diff, coef_diff) * dot(gradient_diff, gradient_diff)
    return [pair] if pair.curvature > HIDDEN_COSINE * squares**0.5 else []


def quasi_newton_step(gradient: Vectors, pairs: Sequence[Pair], solve: Solve) -> Vectors:
    """Apply the inverse Hessian approximation of L-BFGS to the gradient.

    Parameters
    ----------
    gradient : array (n_outputs, n_dof)
    pairs : sequence of Pair
        Oldest first, each of positive curvature.
    solve : callable
        The initial inverse Hessian, up to a factor: the factor is taken from the newest pair.

    References
    ----------
    J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., 2006, algorithm 7.4 (s_k is
    coef_diff, y_k is gradient_diff, rho_k is 1 / curvature), and equation (7.20) with `solve` in
    place of the identity. https://doi.org/10.1007/978-0-387-40065-5
    """
    if not pairs:
        return solve(gradient)
    step, projections = gradient, []
    for pair in reversed(pairs):
        projection = dot(pair.coef_diff, step) / pair.curvature
        step = step - projection * pair.gradient_diff
        projections.append(projection)
    newest = pairs[-1]
    both = solve(stack(step, newest.gradient_diff))
    step = (newest.curvature / dot(newest.gradient_diff, both[1, ...])) * both[0, ...]
    for pair, projection in zip(pairs, reversed(projections), strict=True):
        projection = projection - dot(pair.gradient_diff, step) / pair.curvature
        step = step + projection * pair.coef_diff
    return step


def falls_enough(
    fall: float, promised: float, rounding: float, before: Array, after: Array
) -> bool:
    """Whether the loss falls enough for a step to be taken (Armijo).

    Where rounding hides the fall, the gradient must have become smaller by a tenth. This lets the
    descent end.

    before, after : gradients (n_outputs, n_dof) before and after the step
    """
    if fall >= SUFFICIENT_FALL * promised:
        return True
    if promised > ROUNDINGS * rounding or fall < -ROUNDINGS * rounding:
        return False
    square, square_before = numbers(dot(after, after), dot(before, before))
    return bool(square <= SHRUNK**2 * square_before)


def _cubic_minimizer(value: float, slope: float, end_value: float, end_slope: float) -> float:
    """The minimum of the cubic with given values and slopes at 0 and 1, cut to [0.1, 0.7].

    References
    ----------
    J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., 2006, equation (3.59).
    """
    if not (np.isfinite(end_value) and np.isfinite(end_slope)):
        return SHORTEN_MOST
    d1 = slope + end_slope - 3.0 * (end_value - value)
    d2 = np.sqrt(max(d1 * d1 - slope * end_slope, 0.0))
    denominator = end_slope - slope + 2.0 * d2
    if denominator <= 0.0:
        return SHORTEN_HALF
    return float(np.clip(1.0 - (end_slope + d2 - d1) / denominator, SHORTEN_MOST, SHORTEN_LEAST))
