"""A fit's objective, in the coordinates it is descended in, and what its loss can still fall by.

A constant learning rate descends in the raw coordinates, as the textbook does: `RawProblem`. "auto"
descends in the coordinates of `skl_softmax._fit.coordinates`: `StandardizedProblem`.

Knows nothing of estimators, nor when to stop.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from dataclasses import replace
from functools import cached_property
from itertools import islice
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from scipy.special import entr

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._descent.auto import auto_descent, decrement
from skl_softmax._descent.steps import State, start
from skl_softmax._engines.protocol import Sums
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.coordinates import is_far, standardized
from skl_softmax._fit.standardization import exactly, least_deviation, standardization
from skl_softmax._fit.task import Task
from skl_softmax._objective.duality import Certificate
from skl_softmax._objective.l1 import L1Objective, pseudo_gradient
from skl_softmax._objective.smooth import SoftmaxObjective, standardize_gradient

NEAR = 5e-3  # share of the null loss: certified so, a poor model's estimate can be taken
SHARE = 0.1  # of what may be left, to which a constant rate's minimum is found
STEPS = 1000  # towards that minimum: as many as a fit takes by default

Gap: TypeAlias = Callable[[Array, float, Array], float]  # of params, loss and gradient


class Problem:
    """What problems in all coordinates share.

    Attributes
    ----------
    task : Task
    workers : Workers
    smooth : SoftmaxObjective
        F without the L1 penalty, in these coordinates.
    objective : SoftmaxObjective or L1Objective
        F.
    center, deviations : ndarray (n_features,)
        Means and deviations of the features themselves.
    scale : ndarray (n_features,)
        What derivatives that are printed are taken with respect to: coefficients times `scale`.
    all_sums : list of Sums
        Over X, and over what stands for it.
    """

    task: Task
    workers: Workers
    smooth: SoftmaxObjective
    objective: SoftmaxObjective | L1Objective
    center: Array
    deviations: Array
    scale: Array
    all_sums: list[Sums]
    _certificate: Gap | None = None  # made when it is first asked for, since that takes a pass

    def coef(self, params: Array) -> tuple[Array, Array]:
        """Return coef (n_outputs, n_features) and intercept (n_outputs,) of the data's dtype."""
        raise NotImplementedError

    def gradient_size(self, params: Array, gradient: Array) -> float:
        """The largest derivative in absolute value, for standardised features."""
        raise NotImplementedError

    def certificate(self) -> Gap:
        """Return what bounds how far above the minimum a loss is; takes a pass."""
        raise NotImplementedError

    def left(self, state: State, fall: float, target: float, /) -> float:
        """What a state's loss can still fall by; infinite if that is not known.

        fall : what the last step brought
        target : what may be left
        """
        raise NotImplementedError

    def left_in_the_end(self, state: State, target: float, is_exhausted: bool, /) -> float:
        """What the last state's loss can still fall by: an estimate, however doubtful.

        is_exhausted : whether the loss can fall no further in floating point
        """
        raise NotImplementedError

    @property
    def n_passes(self) -> int:
        """Passes over the data so far, or over what stands for it."""
        return sum(sums.n_passes for sums in self.all_sums)

    @cached_property
    def null_loss(self) -> float:
        """The loss of the best constant prediction: the entropy of the classes.

        If one class has all the weight, it is the entropy of equally frequent classes.
        """
        return float(entr(self.class_shares).sum()) or float(np.log(len(self.class_shares)))

    @cached_property
    def class_shares(self) -> Array:
        """The share of each class in the weight of all samples, (n_classes,)."""
        return np.asarray(self.smooth.sums.class_weights()[0])

    def gap(self, state: State) -> float:
        """How far a state's loss is above the minimum at most; infinite if that is not known."""
        self._certificate = self._certificate or self.certificate()
        params, gradient = to_numpy(state.params), to_numpy(state.gradient)
        gap = float(self._certificate(params, state.loss, gradient))
        return np.inf if np.isnan(gap) else gap  # not all derivatives are known

    def final_gap(self, state: State) -> float:
        """See `gap`; derivatives that are not known are computed."""
        return self.gap(self._completed(state))

    def _completed(self, state: State) -> State:
        """The state, with the derivatives that steps on some features left out: takes a pass."""
        if not np.isnan(to_numpy(state.gradient)).any():
            return state
        _, gradient = self.objective.value_and_gradient(state.params)
        return state._replace(gradient=gradient)

    @property
    def _needs_exact_loss(self) -> bool:
        """Whether the states of a descent do not tell the loss of stored weights."""
        return is_far(self.center, self.deviations) or self.task.X.dtype != np.float64

    def stored_loss(self, coef: Array, intercept: Array) -> float | None:
        """F at weights as they are stored, in float64, whatever coordinates they were found in.

        None if the states of a descent tell it to a few roundings. Features far from zero are
        centred: then no digits are lost to their offsets.
        """
        if not self._needs_exact_loss:
            return None
        origin = self.center if is_far(self.center, self.deviations) else None
        coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
        if origin is not None:
            intercept = exactly(coef, origin, intercept)
        exact = self.task.sums(self.workers, dtype=np.float64, origin=origin)
        loss = exact.cross_entropy(coef, intercept)
        self.all_sums.append(exact)
        return loss + self.task.penalty(coef)


class RawProblem(Problem):
    """The raw coordinates: params are coef and intercept, side by side."""

    def __init__(self, task: Task, workers: Workers, *, measure_scale: bool) -> None:
        self.task, self.workers = task, workers
        self._sums = task.sums(workers)
        self.all_sums = [self._sums]
        n_features = self._sums.n_features
        self.smooth = task.smooth(self._sums, np.zeros(n_features), np.ones(n_features))
        self.objective = task.with_kinks(self.smooth)
        self.center, self.scale = np.zeros(n_features), np.ones(n_features)
        self._mean = self.center
        if measure_scale:
            found = standardization(self._sums, task.fit_intercept)
            self.center, self.scale, self._mean, _ = found
        self.deviations = self.scale
        self.params = self.smooth.params
        self._minimum: float | None = None

    def coef(self, params: Array) -> tuple[Array, Array]:
        """See `Problem.coef`."""
        return self.smooth.coef(params)

    def gradient_size(self, params: Array, gradient: Array) -> float:
        """See `Problem.gradient_size`."""
        gradient = self._standardized(gradient)
        if self.task.has_kinks:
            gradient = pseudo_gradient(params, gradient, self.task.l1(self.scale))
        return float(np.abs(gradient).max())

    def _standardized(self, gradient: Array) -> Array:
        """A gradient (n_outputs, n_dof) for coefficients of standardised features."""
        gradient = gradient.copy()
        sums = gradient[:, -1] if self.task.fit_intercept else np.zeros(len(gradient))
        standardize_gradient(gradient, sums, self.center, self.scale)
        return gradient

    def certificate(self) -> Gap:
        """See `Problem.certificate`."""
        task = self.task
        standardized = task.smooth(self._sums, self.center, self.scale)
        _, at_zero = self.smooth.value_and_gradient(np.zeros(self.objective.shape))
        certificate = Certificate(
            task.with_kinks(standardized), self._standardized(at_zero), self._mean
        )
        left_out = _left_out(self._sums, task, self.scale)

        def gap(params: Array, loss: float, gradient: Array) -> float:
            coef, intercept = self.coef(params)
            # A constant feature's weight is better left to the intercept.
            spared = task.penalty(coef, ~np.isfinite(self.scale))
            params = standardized.params(coef, intercept)
            gap = certificate.gap(params, loss - spared, self._standardized(gradient))
            return gap + spared + left_out

        return gap

    def left(self, state: State, fall: float, target: float, /) -> float:
        """See `Problem.left`: a step that brought more than may be left says that more is left.

        Afterwards the minimum is looked for, once.
        """
        if self.task.has_kinks:
            return self.gap(state)
        if self._minimum is None and fall > target:
            return np.inf
        return state.loss - self._least_loss(state, target)

    def left_in_the_end(self, state: State, target: float, _: bool, /) -> float:
        """See `Problem.left_in_the_end`; infinite without a target."""
        if target == 0.0:
            return np.inf
        if self.task.has_kinks:
            return self.final_gap(state)
        return state.loss - self._least_loss(state, target)

    def _least_loss(self, state: State, target: float) -> float:
        """The least loss, to a tenth of the target, looked for once from a state's weights.

        A constant learning rate has no curvature model that could tell. Minus infinity, if the
        matrix step does not find it: then it is not known what is left.
        """
        if self._minimum is not None:
            return self._minimum
        target, self._minimum = SHARE * target, -np.inf
        ours = StandardizedProblem(self.task, self.workers)
        self.all_sums.extend(ours.all_sums)  # whose passes count
        if ours.coordinates.is_doubtful:
            return self._minimum
        params = ours.start(*self.coef(to_numpy(state.params)))
        states = auto_descent(
            ours.objective,
            start(ours.objective, params),
            target=target,
            is_near=ours.is_near,
            is_warm=bool(params.any()),
        )
        for found in islice(states, STEPS):
            if found.left <= target:
                self._minimum = found.loss - found.left
                return self._minimum
        # The loss may fall no further in floating point: then it is judged where it is.
        self._minimum = found.loss - decrement(ours.smooth, found)
        return self._minimum


class StandardizedProblem(Problem):
    """The objective in standardised coordinates, or in a row space: "auto" descends there.

    The arguments are those of `skl_softmax._fit.coordinates.standardized`.
    """

    def __init__(
        self,
        task: Task,
        workers: Workers,
        *,
        may_reduce: bool = True,
        dtype: DTypeLike | None = None,
    ) -> None:
        self.task, self.workers = task, workers
        if task.has_kinks:  # its certificate takes more digits than float32 has
            dtype = np.float64
        found = standardized(task, workers, may_reduce=may_reduce, dtype=dtype)
        self.coordinates, self.smooth = found, found.smooth
        self.center, self.deviations, self.scale = found.center, found.deviations, found.scale
        self.all_sums = list(found.sums)
        self.objective = task.with_kinks(self.smooth)

    def coef(self, params: Array) -> tuple[Array, Array]:
        """See `Problem.coef`."""
        return self.coordinates.coef(params, self.task.X.dtype)

    def params(self, coef: Array, intercept: Array) -> Array:
        """Return params no worse than the given weights.

        What is common to all classes, and outside the coordinates, changes no probability and costs
        penalty: it is left out.
        """
        params = self.coordinates.params(coef, intercept)
        if isinstance(self.objective, L1Objective):
            return self.objective.balanced(params)
        return params if len(params) == 1 else params - params.mean(axis=0)

    def start(self, coef: Array, intercept: Array) -> Array:
        """Return the params of weights to start from, or zeros if the weights are no better.

        Where earlier weights do not fit the data at all, every probability is saturated, and there
        is no curvature left to go by.
        """
        if not (coef.any() or intercept.any()):
            return np.zeros(self.objective.shape)
        params = self.params(coef, intercept)
        if params.any():
            loss, _ = self.objective.value_and_gradient(params)
            if not loss < np.log(max(2, len(params))):
                return np.zeros_like(params)
        return params

    def with_alpha(self, alpha: float) -> StandardizedProblem:
        """Return the problem with another strength of the penalty: nothing is measured again."""
        other = copy(self)
        other.task = replace(self.task, alpha=alpha)
        other.smooth = self.smooth.with_alpha(alpha * (1.0 - self.task.l1_ratio))
        other.coordinates = replace(self.coordinates, smooth=other.smooth)
        other.objective = other.task.with_kinks(other.smooth)
        other._certificate = None
        return other

    def gradient_size(self, params: Array, gradient: Array) -> float:
        """See `Problem.gradient_size`.

        With an L1 penalty, where derivatives have gaps: of the subgradient of least norm. In the
        row space, a bound on it: the coordinates are uncorrelated and of variance one, so each
        standardised feature is a combination of them whose squared coefficients sum to one.
        """
        if isinstance(self.objective, L1Objective):
            gradient = self.objective.pseudo_gradient(params, gradient)
        if self.coordinates.basis is None:
            return float(np.abs(gradient).max())
        return float(np.linalg.norm(gradient, axis=1).max())

    def certificate(self) -> Gap:
        """See `Problem.certificate`."""
        certificate = Certificate(self.objective, self._at_zero, self.coordinates.mean)
        left_out = _left_out(self.smooth.sums, self.task, self.scale)
        return lambda *state: certificate.gap(*state) + left_out

    @cached_property
    def _at_zero(self) -> Array:
        """The gradient at zero params (n_outputs, n_dof), whatever the penalty: takes a pass."""
        return self.smooth.value_and_gradient(np.zeros(self.smooth.shape))[1]

    @property
    def is_near(self) -> Callable[[State], bool] | None:
        """What says whether a state is certified to be near the minimum; None without a penalty."""
        if not self.smooth.penalty.any():
            return None
        return lambda state: self.gap(state) <= NEAR * self.null_loss

    @property
    def n_passes(self) -> int:
        """See `Problem.n_passes`."""
        return super().n_passes + self.coordinates.n_looks

    @property
    def _needs_exact_loss(self) -> bool:
        """See `Problem`; in a row space, states do not tell the loss of coefficients."""
        return self.coordinates.basis is not None or super()._needs_exact_loss

    def left(self, state: State, _fall: float, _target: float, /) -> float:
        """See `Problem.left`; no model can be trusted where curvature models miss something."""
        if self.task.has_kinks:
            return self.gap(state)
        return np.inf if self.coordinates.is_doubtful else state.left

    def left_in_the_end(self, state: State, target: float, is_exhausted: bool, /) -> float:
        """See `Problem.left_in_the_end`: where no model can be trusted, a certificate decides."""
        if self.coordinates.is_doubtful:
            return self.final_gap(state)
        if not self.task.has_kinks:
            return decrement(self.smooth, state) if np.isinf(state.left) else state.left
        state = self._completed(state)
        gap = self.gap(state)
        # Where the loss falls no further, rounding hides the proof: an estimate has to do.
        is_hidden = is_exhausted and gap > target
        return min(gap, decrement(self.objective, state)) if is_hidden else gap


def _left_out(sums: Sums, task: Task, scale: Array) -> float:
    """What features that count as constant could take off the loss at most, if they are not.

    The dual's sums for such a feature j are residuals times deviations: of all classes together,
    their squares are at most twice its variance. Such a feature without a penalty counts as
    constant even so.
    """
    factor = np.broadcast_to(task.factor, len(scale))[np.isinf(scale)]
    squares = float((1.0 / factor[factor > 0.0]).sum() * least_deviation(sums.dtype) ** 2)
    return squares / task.alpha if task.alpha > 0 else np.inf
