"""The loop of matrix steps: which curvature model, when a new one, what the loss can still fall by.

`matrix_descent` is a generator that yields one immutable `State` per step, for any kind of `Steps`.
It knows an `Objective`, and not its data. The caller decides when to stop, what to keep and what to
print.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import log1p
from typing import TypeAlias

import numpy as np

from skl_softmax._arrays import dot, numbers, to_numpy
from skl_softmax._descent.curvature import Curvature
from skl_softmax._descent.steps import Objective, Pair, State, Stepped, Steps, make_pairs
from skl_softmax._objective.inverse import RIDGES, Vectors

N_PAIRS = 8  # steps that L-BFGS remembers: 3 to 20 are usual (Nocedal and Wright, section 7.2)
CAUTION = 2.0  # times what the last falls say is left, since falls are irregular
N_LOSSES = 7  # losses that tell how fast the loss falls: three falls, and three before them
# The largest change of a logit, in nats, by a step whose promise is believed. A step of Newton's
# method changes by one or more the logit of a sample that is alone in its direction and is far from
# where it leads. At 0.95 the promise is raised by 1.8.
LARGEST_CHANGE = 0.95
SMALLEST_CHANGE = 1e-3  # nats, below which raising the promise changes it by less than a thousandth
ROUNDING_CURVATURE = 1e-16  # of standardised features: less is rounding
LOOK_AGAIN = 4.0  # times less must be left than at a closer look, before the next one

Near: TypeAlias = Callable[[State], bool]  # whether a state is certified to be near the minimum


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
        elif model.age == 0 and not model.pairs:
            return
        else:
            model.pairs.clear()  # try once more, with a fresh model and no pairs
        state = model.renewed(state)
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
        self.age = 1  # steps since the model was measured: at least one, if a state brought it
        self.pairs: deque[Pair] = deque(maxlen=N_PAIRS)

    def renewed(self, state: State, kind: Curvature | None = None) -> State:
        """The state with a model measured there: of a given kind, or of the best affordable one."""
        kind = kind or (_affordable(self._kinds, state) if state.iteration else self._kinds[0])
        self.age = 0
        if kind.is_hessian:
            self.pairs.clear()
        return state._replace(n_passes=state.n_passes + 1, model=kind.measure(state.params))

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

    Models hide curvatures :math:`\lambda` below the ridge :math:`\rho` that they need. A step of
    length x promises :math:`\rho x^2 / 2` there, and :math:`\rho^2 x^2 / 2 \lambda` is left.

    step : (n_outputs, n_dof)
    """
    promised += 0.5 * RIDGES[0] ** 2 / ROUNDING_CURVATURE * numbers(dot(step, step))[0]
    change = float(objective.largest_difference(step))
    if not change <= LARGEST_CHANGE:
        return np.inf
    if change < SMALLEST_CHANGE:  # where the formula is rounding
        return promised
    return promised * 2.0 * (change + (1.0 - change) * log1p(-change)) / change**2
