"""The steps: generators that yield one immutable `State` per step.

All descend by  params <- params - step · gradient,  where the step is a number in
`constant_descent` and a matrix in `matrix_descent`. They know an `Objective`, and not its data. The
caller decides when to stop, what to keep and what to print.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log1p
from typing import NamedTuple, Protocol, TypeAlias, TypeVar

import numpy as np

from skl_softmax._arrays import Array, Scalar, dot, numbers, stack, to_numpy
from skl_softmax._descent.curvature import Curvature, Model, Solve, Vectors

DEAR = 30.0  # steps that a model costs, beyond which none is measured for a single look
N_PAIRS = 8  # steps that L-BFGS remembers: 3 to 20 are usual (Nocedal and Wright, section 7.2)
CAUTION = 2.0  # times what the last falls say is left, since falls are irregular
N_LOSSES = 7  # losses that tell how fast the loss falls: three falls, and three before them
# The largest change of a logit, in nats, by a step whose promise is believed. A step of Newton's
# method changes by one or more the logit of a sample that is alone in its direction and is far from
# where it leads. At 0.95 the promise is raised by 1.8.
LARGEST_CHANGE = 0.95
SMALLEST_CHANGE = 1e-3  # nats, below which raising the promise changes it by less than a thousandth
LOOK_AGAIN = 4.0  # times less must be left than at a closer look, before the next one
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


Near: TypeAlias = Callable[[State], bool]  # whether a state is certified to be near the minimum


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


def matrix_descent(
    objective: Stepped,
    beginning: Iterable[State],
    kinds: Sequence[Curvature],
    steps: Steps[Stepped],
    *,
    target: float = 0.0,
    is_near: Near | None = None,
) -> Iterator[State]:
    """Yield the states of a descent by a curvature model, which L-BFGS corrects.

    A new model is measured when it pays.

    The states of `beginning` come first, and the first step is made from the last of them. The loss
    never rises. The descent ends when the loss can fall no further in floating point.

    Each of the `kinds` of model is better than the one before. The first model is of the first
    kind, unless the state has a model already. Every later model is of the best kind that costs no
    more than was spent so far, and it is due once as much was spent on steps with the model before.
    So whichever kind suits the data, the descent costs at most a small multiple of what it would
    have cost with that kind from the start.

    Every state after a step says what is `left`. An estimate of `target` or less is that of a model
    measured at that very state. A poor model is asked only where ``is_near(state)``, if given, says
    that the state is certified to be near the minimum.
    """
    for state in beginning:
        yield state
    model, losses = _ModelInUse(kinds), deque([state.loss], maxlen=N_LOSSES)
    look_at = target  # what may be left where a model is measured to confirm it
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
                left = np.inf  # an old model's estimate is not believed
            state = state._replace(left=left)
            yield state
            if not model.is_due(state):
                continue
            state = model.renewed(state)
        else:
            last_resort = _last_resort(kinds, state)
            if model.is_fresh(last_resort):
                return
            model.pairs.clear()  # try once more, with a fresh model and no pairs
            state = model.renewed(state, last_resort)
        direction, _ = steps.direction(objective, state, model.pairs)


class _ModelInUse:
    """The curvature model that a descent uses: its age, and the L-BFGS pairs that correct it.

    Parameters
    ----------
    kinds : sequence of Curvature
        The kinds of model to choose from, as in `matrix_descent`.
    """

    def __init__(self, kinds: Sequence[Curvature]) -> None:
        self._kinds = kinds
        self._kind: Curvature | None = None  # of the model, if it was measured in this descent
        self.age = 1  # steps since the model was measured: at least one, if a state brought it
        self.pairs: deque[Pair] = deque(maxlen=N_PAIRS)

    def renewed(self, state: State, kind: Curvature | None = None) -> State:
        """The state with a model measured there: of a given kind, or of the best affordable one."""
        kind = kind or (_affordable(self._kinds, state) if state.iteration else self._kinds[0])
        self.age, self._kind = 0, kind
        if kind.is_hessian:
            self.pairs.clear()
        return state._replace(n_passes=state.n_passes + 1, model=kind.measure(state.params))

    def is_fresh(self, kind: Curvature) -> bool:
        """Whether the model is of that kind, and was measured at the state of now."""
        return self.age == 0 and not self.pairs and self._kind is kind

    def learn_from_step(self, before: State, after: State) -> None:
        """Keep what a step shows of the curvature."""
        self.age += 1
        coef_diff, gradient_diff = after.params - before.params, after.gradient - before.gradient
        self.pairs.extend(make_pairs(coef_diff, gradient_diff))

    def is_due(self, state: State) -> bool:
        """Whether as much was spent on steps with this model as the next model costs."""
        patience = _affordable(self._kinds, state).patience(state.params)
        return self.age >= patience or (state.step_length < 1.0 and 2 * self.age >= patience)


def estimated(
    objective: Stepped, state: State, kind: Curvature, steps: Steps[Stepped], pairs: Sequence[Pair]
) -> tuple[Vectors, float]:
    """A direction by a model measured at this state, and what the loss can fall by.

    Where some rows are outliers, the other rows have less curvature than all rows together. The
    estimate by a model of the other rows is then an upper bound, apart from sampling.

    kind : the kind of the state's model
    """
    direction, left = steps.direction(objective, state, pairs)
    of_ordinary = 0.0
    if kind.ordinary is not None:
        model, share = kind.ordinary(state.params)
        gradient = to_numpy(state.gradient)
        of_ordinary = 0.5 * float(np.vdot(gradient, model(gradient))) / share
    return direction, max(left, of_ordinary)


def _witness(
    kinds: Sequence[Curvature], state: State, is_near: Near | None, falls_agree: bool
) -> Curvature | None:
    """The kind of model to measure in order to confirm that little is left; None: not yet.

    The Hessian confirms it alone. Another model confirms it only where the last falls of the loss
    say so too, since a matrix that all classes share can promise a tenth of what is left. The
    diagonal knows nothing of correlated features: it is taken only near the minimum, as a
    certificate says, or where there is neither a certificate nor a better kind.

    falls_agree : whether the last falls of the loss say that little is left
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
    """What a loss can still fall by if it goes on as over the last steps: Aitken's process.

    If the loss fell by a and then by b, over equal numbers of steps, and falls shrink at a constant
    rate, b² / (a - b) is left. If falls do not shrink, the result is infinite.

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


def _last_resort(kinds: Sequence[Curvature], state: State) -> Curvature:
    """The kind of model to try where no step will do: the best, unless that is dear."""
    best = kinds[-1]
    return best if best.cost(state.params) <= DEAR else _affordable(kinds, state)


def _affordable(kinds: Sequence[Curvature], state: State) -> Curvature:
    """The best kind that costs no more than the passes so far, or the first if all cost more."""
    affordable = (k for k in reversed(kinds) if k.cost(state.params) <= state.n_passes)
    return next(affordable, kinds[0])


def believed(objective: Objective, step: Vectors, promised: float) -> float:
    r"""What the loss can fall by, given what a step of Newton's method promises.

    The curvature falls along the step: the more a logit changes, the more. Take a sample that is
    alone in its direction, with the loss :math:`e^{-t} + c t`. A step that changes t by
    :math:`\delta` promises :math:`\delta^2 / 2`, and the loss can fall by
    :math:`\delta + (1 - \delta) \log(1 - \delta)`, in units of :math:`e^{-t}`. The promise is
    raised by the ratio of the two. The result is infinite if a logit changes by too much.

    step : (n_outputs, n_dof)
    """
    change = float(objective.largest_difference(step))
    if not change <= LARGEST_CHANGE:
        return np.inf
    if change < SMALLEST_CHANGE:  # where the formula is rounding
        return promised
    return promised * 2.0 * (change + (1.0 - change) * log1p(-change)) / change**2


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
