"""The steps with an L1 penalty: the descent of `matrix_descent`, in one orthant at a time.

Within an orthant no coordinate changes its sign, and the objective is smooth. A step is computed as
for a smooth function, for the coordinates that are free: those that are not zero, and those at zero
along which the loss falls. A coordinate that would change its sign is set to zero. So zeros are
exact, and the loss never rises.

References
----------
G. Andrew and J. Gao, "Scalable training of L1-regularized log-linear models", ICML 2007.
https://doi.org/10.1145/1273496.1273501. M. Schmidt, Graphical model structure learning with
L1-regularization, PhD thesis, University of British Columbia, 2010, section 2.3 (projected scaled
sub-gradient steps).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._descent.curvature import Curvature
from skl_softmax._descent.l1_curvature import FreeModel
from skl_softmax._descent.matrix_descent import matrix_descent
from skl_softmax._descent.steps import (
    Pair,
    State,
    falls_enough,
    make_pairs,
    quasi_newton_step,
    start,
)
from skl_softmax._objective.l1 import L1Objective

DAMPING = 0.1  # share of the largest derivative: then no standardised coefficient moves by over 10
SHORTENED = 0.4  # times the step before, if that will not do
SHORTEST = 1e-3  # share of a full step, below which none is tried
SHORTEST_STRAIGHT = 0.15  # share of a full step: before a shorter one, a step goes round corners
MOST_CORNERS = 100  # coordinates that become zero in one step, one after the other
PROGRESS = 0.1  # share of a violation that steps on some features leave, before all are looked at


def proximal_descent(objective: L1Objective, state: State, learning_rate: float) -> Iterator[State]:
    """Yield the states of the textbook's loop, with soft thresholding after every step (ISTA).

    The given state is the first; the loop has no end.

    References
    ----------
    A. Beck and M. Teboulle, "A fast iterative shrinkage-thresholding algorithm for linear inverse
    problems", SIAM Journal on Imaging Sciences 2, 2009. https://doi.org/10.1137/080716542
    """
    while True:
        yield state
        params = objective.shrunk(state.params - learning_rate * state.gradient, learning_rate)
        state = start(objective, params, after=state)


def l1_descent(
    objective: L1Objective, state: State, kinds_of: Callable[[L1Objective], Sequence[Curvature]]
) -> Iterator[State]:
    """Yield the states of a descent with an L1 penalty; most steps are on some of the features.

    Of many features few have weights in the end. So steps are taken on the features in use and on
    those with the largest derivatives, until the loss can hardly fall along these. Then the
    derivatives of all features are computed again. In between, the other features' derivatives are
    not known, and NaN stands in their place.
    """
    fitted = None
    while True:
        yield state
        wanted = objective.features_to_fit(state.params, state.gradient)
        if wanted.all() and not objective.smooth.sums.is_sparse:
            states = matrix_descent(objective, [state], kinds_of(objective), OrthantSteps())
            yield from islice(states, 1, None)
            return
        if fitted is None or (wanted & ~fitted).any():
            fitted, part = wanted, objective.restrict(wanted)
            dofs = objective.smooth.dof_of(fitted)
            part_state = _of_part(state, dofs)
            states = matrix_descent(part, [part_state], kinds_of(part), OrthantSteps())
            next(states)
        target = PROGRESS * objective.violation(state.params, state.gradient)
        reached = None
        for reached in states:
            if part.violation(reached.params, reached.gradient) <= target:
                break
            yield _of_all(reached, dofs)
        if reached is None:
            return
        state = _of_all(reached, dofs)
        _, gradient = objective.value_and_gradient(state.params)
        state = state._replace(gradient=gradient)


def _of_part(state: State, dofs: Array) -> State:
    """The state restricted to some degrees of freedom, `dofs` (n_dof,) of bool."""
    params, gradient = state.params[:, dofs], state.gradient[:, dofs]
    return state._replace(params=params, gradient=gradient, n_passes=1, model=None)


def _of_all(state: State, dofs: Array) -> State:
    """The state of all degrees of freedom, given that of some: other derivatives are NaN."""
    shape = len(state.params), len(dofs)
    params, gradient = np.zeros(shape), np.full(shape, np.nan)
    params[:, dofs], gradient[:, dofs] = state.params, state.gradient
    return state._replace(params=params, gradient=gradient, model=None)


class OrthantSteps:
    """Steps in the orthant of a state's params; a zero belongs to the side that it moves to."""

    def direction(
        self, objective: L1Objective, state: State, pairs: Sequence[Pair]
    ) -> tuple[Array, float]:
        """See `Steps.direction`."""
        slopes, _, free, damping = _orthant_of(objective, state)
        gradient = np.where(free, slopes, 0.0)
        solve = state.model.on(free, damping)
        direction = -quasi_newton_step(gradient, _restricted(pairs, free), solve)
        return direction, -0.5 * float(np.vdot(gradient, direction))

    def search(self, objective: L1Objective, state: State, direction: Array) -> State:
        """See `Steps.search`."""
        slopes, orthant, free, damping = _orthant_of(objective, state)
        after = _search(objective, state, direction, orthant, SHORTEST_STRAIGHT)
        if after.iteration == state.iteration:
            # A coordinate that is set to zero may hinder all coordinates that are coupled to it.
            step = _to_minimum(state.model, state.params, slopes, orthant, free, damping)
            after = _search(objective, after, step, orthant, SHORTEST)
        return after


def _orthant_of(objective: L1Objective, state: State) -> tuple[Array, Array, Array, Array]:
    """The slopes at a state, the signs of its orthant, which coordinates are free, and the damping.

    Each is (n_outputs, n_dof). The slopes are the pseudo-gradient. The damping is added to the
    model's diagonal. It is computed in units in which no coordinate has a curvature above one, as
    standardised features have them anyway: then a feature with a giant number, which is steep and
    strongly curved, does not shorten the steps along other features.
    """
    params, slopes = state.params, objective.pseudo_gradient(state.params, state.gradient)
    orthant = np.sign(np.where(params != 0.0, params, -slopes)) * objective.is_penalized
    units = np.sqrt(np.maximum(state.model.diagonal, 1.0))
    damping = DAMPING * (np.abs(slopes) / units).max() * units
    return slopes, orthant, (orthant != 0.0) | ~objective.is_penalized, damping


def _to_minimum(
    model: FreeModel, params: Array, slopes: Array, orthant: Array, free: Array, damping: Array
) -> Array:
    """The step to the model's minimum within the orthant, by an active-set method.

    Move towards the minimum over the free coordinates. A coordinate that becomes zero on the way
    stays zero, and is no longer free. Repeat, at most `MOST_CORNERS` times.

    The model is factored once. Where coordinates are held at zero, multipliers correct its step:
    with E the columns of the identity for these coordinates, H⁻¹g - H⁻¹E (Eᵀ H⁻¹ E)⁻¹ Eᵀ H⁻¹g.

    params, slopes, orthant, free, damping : (n_outputs, n_dof), as of `_orthant_of`
    """
    at, slopes, solve = params.copy(), slopes.copy(), model.on(free, damping)
    held, columns = np.empty(0, dtype=int), np.empty((0, params.size))  # columns: H⁻¹E, transposed
    for _ in range(MOST_CORNERS):
        step = -solve(np.where(free, slopes, 0.0)).ravel()
        step -= np.linalg.solve(columns[:, held], step[held]) @ columns
        step[held] = 0.0
        direction = step.reshape(at.shape)
        crossing = direction * orthant < 0.0
        lengths = np.full_like(at, np.inf)
        lengths[crossing] = -at[crossing] / direction[crossing]
        t = min(1.0, float(lengths.min()))
        corner = lengths <= t
        step = np.where(corner, -at, t * direction)
        at += step
        if t == 1.0:
            break
        slopes += model.times(step, damping)
        new = np.flatnonzero(corner)
        units = (np.arange(params.size) == new[:, np.newaxis]) * 1.0
        held = np.concatenate([held, new])
        columns = np.vstack([columns, solve(units.reshape(-1, *at.shape)).reshape(units.shape)])
    return np.asarray(at - params)


def _restricted(pairs: Sequence[Pair], free: Array) -> list[Pair]:
    """The pairs that have curvature, with zeros in the place of coordinates that are not free."""
    return [
        pair
        for coef_diff, gradient_diff, _ in pairs
        for pair in make_pairs(np.where(free, coef_diff, 0.0), np.where(free, gradient_diff, 0.0))
    ]


def _search(
    objective: L1Objective, state: State, direction: Array, orthant: Array, shortest: float
) -> State:
    """Return the state after a step in which no coordinate changes its sign.

    If no length of the step lowers the loss enough, return the state of before.
    """
    slopes = objective.pseudo_gradient(state.params, state.gradient)
    rounding = objective.precision * abs(state.loss)
    n_passes, t = state.n_passes, 1.0
    while t >= shortest:
        params = state.params + t * direction
        params[params * orthant < 0.0] = 0.0
        promised = -float(np.vdot(slopes, params - state.params))
        if promised > 0.0:
            params = objective.balanced(params)
            loss, gradient = objective.value_and_gradient(params)
            n_passes += 1
            after = objective.pseudo_gradient(params, gradient)
            if falls_enough(state.loss - loss, promised, rounding, slopes, after):
                loss = min(loss, state.loss)
                return State(state.iteration + 1, params, loss, gradient, n_passes, t, state.model)
            if promised <= rounding:
                break
        t *= SHORTENED
    return state._replace(n_passes=n_passes)
