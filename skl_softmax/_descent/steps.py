"""The steps: generators that yield one immutable `State` per step.

All descend by  params <- params - step · gradient,  where the step is a number in
`constant_descent` and a matrix in `matrix_descent`. They know an objective, anything with
``value_and_gradient(params) -> (value, gradient)``, and not its data; when to stop, what to keep
and what to say is the caller's business.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log1p
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from skl_softmax._arrays import Array, Scalar, dot, numbers, stack, to_numpy
from skl_softmax._descent.curvature import Curvature, Model, Solve, Vectors

N_PAIRS = 8  # steps that L-BFGS remembers: 3 to 20 are usual (Nocedal and Wright, section 7.2)
CAUTION = 2.0  # times what the last falls say is left, since falls are irregular
N_LOSSES = 7  # losses that tell how fast the loss falls: three falls, and three before them
# The largest change of a logit, in nats, by a step whose promise is believed. A step of Newton's
# method changes by one or more the logit of a sample that is alone in its direction and is far from
# where it leads. At 0.95 the promise is raised by 1.8.
LARGEST_CHANGE = 0.95
SMALLEST_CHANGE = 1e-3  # nats, below which raising the promise changes it by less than a thousandth
MOST_STEPS_FOR_LOOK = 30.0  # steps that a model of a first state, which may be the last, may cost
LOOK_AGAIN = 4.0  # times less must be left than at a closer look, before the next one
SUFFICIENT_FALL = 1e-4  # share of the fall promised by the slope (Nocedal and Wright, section 3.1)
ROUNDINGS = 10.0  # of a loss: what is less may be rounding
SHRUNK = 0.9  # times the gradient before, where rounding hides the fall: then a descent ends
# A step is shortened to these shares at least and at most: to the first, if nothing is known.
SHORTEN_MOST, SHORTEN_HALF, SHORTEN_LEAST = 0.1, 0.5, 0.7
MOST_TRIALS = 30  # lengths tried along a direction: the last is no more than 0.7**29, 3e-5
HIDDEN_COSINE = 1e-14  # between a step and what it changes: fifty roundings, which may be all of it


class Objective(Protocol):
    """What the descent needs of a function, which is convex.

    Params and gradients may be arrays of any library, on any device, and the value a scalar there.

    Attributes
    ----------
    precision : float
        Relative, of the function's values.
    gradient_max : callable or None
        ``gradient_max(gradient)`` returns the largest derivative, where it is to be read along with
        the value: on another device.
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
        Evaluations of loss and gradient, and models measured, so far.
    step_length : float
        What the last step was shortened to: 1 for a full one.
    model : object or None
        The curvature model that it was made with.
    gradient_max : float or None
        The largest derivative, where it is read along with the loss; else None.
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


Near: TypeAlias = Callable[[State], bool]  # whether a certificate says that a state is near


class Pair(NamedTuple):
    """What a step changed, and the product of both: the curvature along it, positive."""

    coef_diff: Array
    gradient_diff: Array
    curvature: Scalar


def start(objective: Objective, params: Array, after: State | None = None) -> State:
    """The state at params: before any step, or one step after another state."""
    loss, gradient = objective.value_and_gradient(params)
    loss, largest = numbers(loss, objective.gradient_max and objective.gradient_max(gradient))
    iteration, n_passes = (after.iteration + 1, after.n_passes + 1) if after else (0, 1)
    return State(iteration, params, loss, gradient, n_passes, gradient_max=largest)


def constant_descent(objective: Objective, state: State, learning_rate: float) -> Iterator[State]:
    """The textbook's loop, ``params -= learning_rate * gradient``, from a state, without end."""
    while True:
        yield state
        state = start(objective, state.params - learning_rate * state.gradient, after=state)


class Steps(Protocol[Stepped]):
    """The two halves of a step: where it leads, and how far."""

    def direction(
        self, objective: Stepped, state: State, pairs: Sequence[Pair], /
    ) -> tuple[Vectors, float]:
        """A direction from a state, by its model, and what the loss can fall by along it."""

    def search(self, objective: Stepped, state: State, direction: Vectors) -> State:
        """The state after a step along it, or one of the same iteration if none will do."""


class Newtonian:
    """Steps of a smooth function: the direction of L-BFGS, and a line search."""

    def direction(
        self, _: Objective, state: State, pairs: Sequence[Pair], /
    ) -> tuple[Vectors, float]:
        """See `Steps.direction`; a quadratic model falls by half of what its slope promises."""
        direction = -quasi_newton_step(state.gradient, pairs, state.model)
        (slope,) = numbers(dot(state.gradient, direction))
        return direction, -0.5 * float(slope)

    def search(self, objective: Objective, state: State, direction: Vectors) -> State:
        """See `Steps.search`: a line search.

        The full step is taken when the loss falls enough (Armijo). Otherwise the slope at the trial
        point, which comes with its gradient, shows where the minimum along the line lies.
        """
        slope = dot(state.gradient, direction)
        if isinstance(slope, float) and not slope < 0.0:  # known to lead nowhere
            return state
        rounding = objective.precision * abs(state.loss)
        n_passes, t = state.n_passes, 1.0
        while n_passes < state.n_passes + MOST_TRIALS:
            params = state.params + t * direction
            loss, gradient = objective.value_and_gradient(params)
            n_passes += 1
            # One read of a device: the slopes come with the loss.
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


def matrix_descent(
    objective: Stepped,
    beginning: Iterable[State],
    kinds: Sequence[Curvature],
    steps: Steps[Stepped],
    *,
    target: float = 0.0,
    is_near: Near | None = None,
) -> Iterator[State]:
    """Descend by a curvature model, corrected by L-BFGS and renewed when that pays.

    The states of `beginning` come first, and the first step is made from the last of them.

    Each of the `kinds` of model is better than the one before, and the first is the first to be
    measured, unless the state comes with a model. A new one is of the best kind that costs no more
    than was spent so far, and is due once as much has been spent on steps under the old one: so
    whichever kind suits the data, the descent costs a small multiple of what it would have cost
    with that kind from the start.

    The loss never rises. Ends when it can fall no further at the precision of its values.

    Every state after a step tells what is `left`. Where that would be `target` or less, it is the
    estimate of a model measured at that very state, and ``is_near(state)``, if it is given, says
    whether a certificate holds there that vouches for a poor model.
    """
    for state in beginning:
        yield state
    model, losses = _ModelInUse(kinds), deque([state.loss], maxlen=N_LOSSES)
    look_at = target  # what may be left for a closer look to be worth it
    if state.model is None:
        state = model.renewed(state)
    direction, _ = steps.direction(objective, state, model.pairs)
    while True:
        before, state = state, steps.search(objective, state, direction)
        if state.iteration > before.iteration:
            model.learn_from_step(before, state)
            losses.append(state.loss)
            direction, left = steps.direction(objective, state, model.pairs)
            witness = None
            if target > 0.0 and 0.0 <= left <= look_at:
                falls_agree = CAUTION * extrapolated(losses) <= target
                witness = _witness(kinds, state, is_near, falls_agree)
            if witness is not None:
                look_at = left / LOOK_AGAIN
                state = model.renewed(state, witness)
                direction, left = estimated(objective, state, witness, steps, model.pairs)
                left = left if left > target else believed(objective, direction, left)
            elif left < 0.0 or (left <= target and target > 0.0):
                left = np.inf  # an old model's word tells no more than that it is time to look
            state = state._replace(left=left)
            yield state
            if not model.is_due(state):
                continue
        elif model.age == 0 and not model.pairs:
            return
        else:
            model.pairs.clear()  # once more, from a fresh model alone
        state = model.renewed(state)
        direction, _ = steps.direction(objective, state, model.pairs)


class _ModelInUse:
    """The curvature model of a descent: its age, and the L-BFGS pairs that correct it.

    Parameters
    ----------
    kinds : sequence of Curvature
        As in `matrix_descent`.
    """

    def __init__(self, kinds: Sequence[Curvature]) -> None:
        self._kinds = kinds
        self.age = 1  # steps since the model was measured: one at least, if a state brought it
        self.pairs: deque[Pair] = deque(maxlen=N_PAIRS)

    def renewed(self, state: State, kind: Curvature | None = None) -> State:
        """The state with a model measured there: the best that is affordable, if none is named."""
        kind = kind or (_affordable(self._kinds, state) if state.iteration else self._kinds[0])
        self.age = 0
        if kind.is_hessian:
            self.pairs.clear()
        return state._replace(n_passes=state.n_passes + 1, model=kind.measure(state.params))

    def learn_from_step(self, before: State, after: State) -> None:
        """Keep what a step with this model shows of the curvature."""
        self.age += 1
        coef_diff, gradient_diff = after.params - before.params, after.gradient - before.gradient
        self.pairs.extend(make_pairs(coef_diff, gradient_diff))

    def is_due(self, state: State) -> bool:
        """Whether enough was spent on steps with this model to pay for the next one."""
        patience = _affordable(self._kinds, state).patience(state.params)
        return self.age >= patience or (state.step_length < 1.0 and 2 * self.age >= patience)


def estimated(
    objective: Stepped, state: State, kind: Curvature, steps: Steps[Stepped], pairs: Sequence[Pair]
) -> tuple[Vectors, float]:
    """A direction by the model of a state, measured there, and what the loss can fall by at all.

    Where some rows are outliers, the other rows have less curvature than all rows together, and so
    say that more is left: a bound, but for sampling.

    kind : what the model is of
    """
    direction, left = steps.direction(objective, state, pairs)
    of_ordinary = 0.0
    if kind.ordinary is not None:
        model, share = kind.ordinary(state.params)
        gradient = to_numpy(state.gradient)
        of_ordinary = 0.5 * float(np.vdot(gradient, model(gradient))) / share
    return direction, max(left, of_ordinary)


def looked_at(
    objective: Objective, state: State, kinds: Sequence[Curvature], target: float
) -> State:
    """A first state with the best model, and with what is left by it if that is little and certain.

    The state itself, if no model is the Hessian, or if the Hessian is dear.
    """
    best = kinds[-1]
    if not best.is_hessian or best.cost(state.params) > MOST_STEPS_FOR_LOOK:
        return state
    state = state._replace(n_passes=state.n_passes + 1, model=best.measure(state.params))
    direction, left = estimated(objective, state, best, Newtonian(), ())
    return state._replace(left=believed(objective, direction, left) if left <= target else np.inf)


def _witness(
    kinds: Sequence[Curvature], state: State, is_near: Near | None, falls_agree: bool
) -> Curvature | None:
    """The kind of model whose word is taken that little is left, if any.

    The Hessian's; that of another only where the losses themselves say so too: a matrix that all
    classes share can promise a tenth of what is left. A diagonal knows nothing of correlated
    features: it is believed only where a certificate says that it is not far wrong, or where none
    is to be had.
    """
    kind = _affordable(kinds, state)
    if kind.is_hessian:
        return kind
    if not falls_agree:
        return None
    coupled = next((kind for kind in kinds if kind.is_coupled), None)
    if kind.is_coupled or (coupled is None and is_near is None):
        return kind
    return kind if is_near is not None and is_near(state) else coupled


def extrapolated(losses: Sequence[float]) -> float:
    """What a loss can fall by, if it goes on as it fell over the last steps: Aitken's process.

    Falls of a and then b, over as many steps each, leave b² / (a - b) where they shrink at a
    constant rate; infinite where they do not shrink.

    References
    ----------
    A. C. Aitken, "On Bernoulli's numerical solution of algebraic equations", Proceedings of the
    Royal Society of Edinburgh 46, 1926. https://doi.org/10.1017/S0370164600022070
    """
    n = (len(losses) - 1) // 2
    if n == 0:
        return np.inf
    before, after = losses[-1 - 2 * n] - losses[-1 - n], losses[-1 - n] - losses[-1]
    if after <= 0.0:
        return 0.0
    return after**2 / (before - after) if before > after else np.inf


def _affordable(kinds: Sequence[Curvature], state: State) -> Curvature:
    """The best kind that costs no more than the passes spent, or the first of all."""
    affordable = (k for k in reversed(kinds) if k.cost(state.params) <= state.n_passes)
    return next(affordable, kinds[0])


def believed(objective: Objective, step: Vectors, promised: float) -> float:
    r"""What the loss can fall by where a step of Newton's method promises so much; or infinite.

    The curvature falls on the way, and the more, the more a logit changes. For a sample that is
    alone in its direction the loss is :math:`e^{-t} + c t`: a step that changes t by :math:`\delta`
    promises :math:`\delta^2 / 2`, and the loss falls by
    :math:`\delta + (1 - \delta) \log(1 - \delta)`, in units of :math:`e^{-t}`.
    """
    change = float(objective.largest_difference(step))
    if not change <= LARGEST_CHANGE:
        return np.inf
    if change < SMALLEST_CHANGE:  # where the formula is rounding
        return promised
    return promised * 2.0 * (change + (1.0 - change) * log1p(-change)) / change**2


def make_pairs(coef_diff: Array, gradient_diff: Array) -> list[Pair]:
    """A step's pair; none if rounding hides its curvature, which is never negative.

    On another device nobody looks: a step that makes no sense for it will not be taken.
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
    gradient : ndarray
    pairs : sequence of Pair
        Oldest first, each of positive curvature.
    solve : callable
        The initial inverse Hessian, up to a factor: the newest pair shows how long its steps
        should be.

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
    """Whether a step is as good as it should be (Armijo), given the gradients before and after it.

    Where rounding hides the fall, they are the better judge. That the gradient must shrink by a
    tenth lets the descent end.
    """
    if fall >= SUFFICIENT_FALL * promised:
        return True
    if promised > ROUNDINGS * rounding or fall < -ROUNDINGS * rounding:
        return False
    square, square_before = numbers(dot(after, after), dot(before, before))
    return bool(square <= SHRUNK**2 * square_before)


def _cubic_minimizer(value: float, slope: float, end_value: float, end_slope: float) -> float:
    """Where in (0, 1) the cubic through both ends' values and slopes is least, kept in [0.1, 0.7].

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
