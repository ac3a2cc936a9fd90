r"""How exactly a sample tells the weights: maximum likelihood, and the covariance of its estimates.

Without a penalty, and with weights that count how often a sample was seen, N times the mean
cross-entropy is the negative log-likelihood, where N is the sum of the weights. Let H be the
Hessian of the mean loss at its minimum, and g the score of a sample, its part of the gradient. The
covariance of the estimates is then, for large samples,

.. math::

    \frac{1}{N} H^{-1} \quad \text{(the inverse Fisher information), or} \quad
    H^{-1} \Bigl( \sum_c g_c g_c^\top \Bigr) H^{-1} \quad \text{(the sandwich)},

where c are the samples or, if samples depend on each other within groups, the groups, and
:math:`g_c` is the sum of the scores in c. The sandwich holds without the model's probabilities
being true, and does not depend on the scale of the weights.

Weights of all classes but the last, less those of the last, are free. Matrices are for these, in
standardised coordinates, (n_free, n_free) in C order.

This module knows tasks and sums over samples, and nothing of estimators.

References
----------
H. White, "Maximum likelihood estimation of misspecified models", Econometrica 50, 1982.
https://doi.org/10.2307/1912526

A. Agresti, Categorical Data Analysis, 3rd ed., Wiley, 2013, sections 5.5 and 8.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.linalg import eigh
from scipy.linalg.lapack import dpotrf, dpotri
from scipy.special import entr

from skl_softmax._arrays import Array, centered
from skl_softmax._descent.steps import Newtonian, State, start
from skl_softmax._engines.finiteness import check_measured
from skl_softmax._engines.rows import FEW_BYTES
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.coordinates import standardized
from skl_softmax._fit.diagnosis import named
from skl_softmax._fit.recession import Recession, recession_of
from skl_softmax._fit.standardization import SEEN_SHARE
from skl_softmax._fit.task import Task
from skl_softmax._objective.smooth import SoftmaxObjective

MOST_PARAMETERS = 2**13  # the covariance of so many takes 512 MiB
NEAR_SHARE = 0.01  # of the null loss: from so near the minimum, steps of Newton lead there
FIRST_ROWS = 2**16  # that the first of very many rows' Hessians is measured on
MOST_STEPS = 50  # of Newton's method: a dozen are enough, if there is a minimum
RENEWED = 1e-2  # share of what was left before a step: with more left after it, H is measured anew
EXACT = (
    1e-22  # of the log-likelihood, still to be gained: estimates are off by 1e-11 of their errors
)
CLOSE_CHANGE = 0.1  # of a logit by a step: up to it, steps of Newton converge by themselves
SETTLED_CHANGE = 1e-4  # of a logit by the last step: there is no minimum where it is more
RELATED = 1e-5  # least entry of a feature in an almost exact relation between columns
LEAST_PIVOT = 1e-12  # of a Cholesky factor, squared: with less, the matrix is singular to rounding


class Inference(NamedTuple):
    """The estimates of maximum likelihood, and their covariance.

    Attributes
    ----------
    params : ndarray (n_outputs, n_dof)
        The weights in standardised coordinates, the intercept last.
    center, scale : ndarray (n_features,)
        The coordinates: x~ = (x - center) / scale.
    covariance : ndarray (n_free, n_free)
        Of the params of all classes but the last, less those of the last; of two classes, of the
        one row.
    loss, null_loss : float
        The mean cross-entropy, and that of a model without features, in nats per sample.
    shares : ndarray (n_classes,)
        Of all weight, by class.
    """

    params: Array
    center: Array
    scale: Array
    covariance: Array
    loss: float
    null_loss: float
    shares: Array


def infer(
    task: Task,
    workers: Workers,
    coef: Array,
    intercept: Array,
    *,
    total: float,
    is_sandwich: bool,
    groups: Array | None,
    classes: Array,
    estimator_name: str,
    feature_names: Sequence[str],
) -> Inference | str:
    """The estimates near the given weights, or why there are none, as a message.

    Parameters
    ----------
    task : Task
        Without a penalty.
    workers : Workers
    coef, intercept : ndarray (n_outputs, n_features) and (n_outputs,)
    total : float
        The sum N of the weights of the samples, before they were divided by it.
    is_sandwich : bool
        Whether the covariance is the sandwich.
    groups : ndarray of int (n_samples,), or None
        The group of each sample, for the sandwich; None: each sample is one.
    classes : ndarray (n_classes,)
    estimator_name : str
    feature_names : sequence of str (n_features,)
    """
    coef, intercept = coef.astype(np.float64), intercept.astype(np.float64)
    n_free = max(1, len(coef) - 1) * (coef.shape[1] + task.fit_intercept)
    if n_free > MOST_PARAMETERS:
        return (
            f"There are {n_free} parameters, and at most {MOST_PARAMETERS} are allowed: their"
            f" covariance would take {8 * n_free**2 / 2**30:.3g} GiB. Choose fewer features."
        )
    found = standardized(task, workers, may_reduce=False, dtype=np.float64)
    check_measured(task.X, found.deviations, estimator_name)
    sums, scale = found.smooth.sums, found.smooth.scale
    if sums.dtype != np.float64:
        return "Standard errors take float64, which the device of X does not have."
    center = found.smooth.center
    # With `has_outliers`, Hessians leave out no row.
    objective = task.smooth(sums, center, scale, found.smooth.gram, has_outliers=True)
    shares, _ = sums.class_weights()
    if not shares.all():
        absent = classes[shares == 0.0].tolist()
        return f"No sample has weight in the classes {absent}, whose weights have no estimate then."
    related = collinear(objective)
    if related.any():
        return (
            f"The columns {named(related, feature_names)} are collinear, with each other or with"
            " the intercept, so that no weights of theirs are the only best ones. Leave out at"
            " least one of them, and fit again."
        )
    null_loss = float(entr(shares).sum() if task.fit_intercept else np.log(len(shares)))
    near = NEAR_SHARE * null_loss
    state, inverse, first = polish(objective, start(objective, found.params(coef, intercept)), near)
    if inverse is None:
        weights = found.coef(state.params, np.dtype(np.float64))
        recession = recession_of(task, workers, *weights)
        return _no_estimate(state.loss, first / null_loss, recession, feature_names)
    covariance = inverse / total
    if is_sandwich:
        filling = _filling(objective, state.params, groups)
        if filling is None:
            return "groups must have samples with a weight > 0 in at least two groups, got one."
        covariance = np.asarray(inverse @ filling @ inverse)
    shift = 0.0 if found.shift is None else found.shift
    return Inference(state.params, center + shift, scale, covariance, state.loss, null_loss, shares)


def collinear(objective: SoftmaxObjective) -> Array:
    """Which features take part in an almost exact linear relation, (n_features,) of bool."""
    n_features = len(objective.scale)
    gram = objective.shared_hessian(np.zeros(objective.shape))
    deviations = np.sqrt(gram.diagonal())
    is_constant = deviations == 0.0
    deviations[is_constant] = 1.0
    gram = gram / deviations / deviations[:, np.newaxis]
    factor, info = dpotrf(gram, lower=1)
    if info == 0 and factor.diagonal().min() ** 2 > SEEN_SHARE:
        return np.asarray(is_constant[:n_features])
    variances, directions = eigh(gram)
    entries = np.abs(directions[:, variances <= SEEN_SHARE]).max(axis=1, initial=0.0)
    return np.asarray((entries > RELATED) | is_constant)[:n_features]


def hessian(objective: SoftmaxObjective, params: Array) -> Array:
    """The Hessian (n_free, n_free) of the free weights."""
    is_of_two = objective.n_outputs == 1
    return objective.shared_hessian(params) if is_of_two else objective.full_hessian(params)


def inverted(matrix: Array) -> Array | None:
    """The inverse of a symmetric matrix; None if the matrix is not positive definite, to rounding.

    Its diagonal is scaled to ones before: rare classes and their features have small numbers.
    """
    with np.errstate(invalid="ignore"):
        scale = np.sqrt(matrix.diagonal())
    if not scale.min() > 0.0:  # or NaN
        return None
    factor, info = dpotrf(matrix / scale / scale[:, np.newaxis], lower=1)
    if info or not factor.diagonal().min() ** 2 > LEAST_PIVOT:
        return None
    inverse, _ = dpotri(factor, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    return np.asarray(inverse / scale / scale[:, np.newaxis])


def polish(
    objective: SoftmaxObjective, state: State, most: float
) -> tuple[State, Array | None, float]:
    """Descend to the minimum by steps of Newton's method, as far as float64 allows.

    Returns the last state, the inverse of the Hessian there, and what the first step promised to
    lower the loss by. The inverse is None if no minimum is nearby. Where some samples can be told
    apart without an error, each step moves their logits by about one, however large these are.

    most : what the first step may promise; if it promises more, no step is taken
    """
    steps, n_samples, inverse, is_close = Newtonian(), objective.sums.n_samples, None, False
    is_fresh = n_samples <= 2 * FIRST_ROWS  # the Hessian is that of this state, over all rows
    if not is_fresh:
        state, inverse = _measured(objective, state, objective.sample(FIRST_ROWS))
    if inverse is None:
        is_fresh = True
        state, inverse = _measured(objective, state)
    if inverse is None:
        return state, None, 0.0
    direction, left = steps.direction(objective, state, ())
    first = left
    if not first <= most:
        return state, None, first
    for _ in range(MOST_STEPS):
        if n_samples * left > EXACT:
            is_close = is_close or objective.largest_difference(direction) <= CLOSE_CHANGE
            if is_close:  # steps converge without a search, also where rounding hides the loss
                after = start(objective, state.params + direction, state)
                after = after._replace(model=state.model)
            else:
                after = steps.search(objective, state, direction)
                if after.iteration == state.iteration:
                    break
            next_direction, next_left = steps.direction(objective, after, ())
            has_settled = next_left < RENEWED * left
            if next_left < left or not is_close:
                state, direction, left = after, next_direction, next_left
            if has_settled:
                is_fresh = False
                continue
            if is_fresh and is_close:  # rounding is all that is left
                break
        elif is_fresh:
            break
        state, inverse = _measured(objective, state)
        if inverse is None:
            return state, None, first
        direction, left = steps.direction(objective, state, ())
        is_fresh = True
    has_minimum = objective.largest_difference(direction) <= SETTLED_CHANGE
    return state, inverse if has_minimum else None, first


def _measured(
    objective: SoftmaxObjective, state: State, sample: SoftmaxObjective | None = None
) -> tuple[State, Array | None]:
    """The state with the Hessian there as its model, and the Hessian's inverse if it has one.

    sample : the objective over the rows that the Hessian is measured on; None: over all
    """
    inverse = inverted(hessian(sample or objective, state.params))

    def solve(gradient: Array) -> Array:
        free = gradient[: max(1, len(gradient) - 1)]
        step = np.zeros_like(gradient)
        step[: len(free)] = (inverse @ free.ravel()).reshape(free.shape)
        return np.asarray(centered(step))

    return state._replace(model=solve), inverse


def _no_estimate(
    loss: float, first: float, recession: Recession, feature_names: Sequence[str]
) -> str:
    """Why no minimum was found near weights of this loss.

    first : share of the null loss that a step of Newton's method promises to lower the loss by
    """
    if recession.features is not None:
        which = named(recession.features, feature_names) or "the intercept alone"
        return (
            "No estimate exists: some or all samples can be told apart without an error by"
            f" {which}, and the loss, now {loss:.3g}, falls without end as coefficients grow."
            " Leave these features out, or merge classes."
        )
    if not first <= NEAR_SHARE:
        return (
            "The weights are not near the minimum of the loss on these samples: a step of Newton's"
            f" method promises to lower it by {first:.2g} of the null loss, and at most"
            f" {NEAR_SHARE:g} is allowed. Pass the samples and weights that were fitted, and fit"
            " until converged_ is True, without early stopping."
        )
    exists = "there is one" if recession.is_decided else "there may be one"
    return (
        f"No minimum was found near these weights, whose loss is {loss:.3g}, although {exists}:"
        " float64 cannot tell the curvature there. Bring columns to similar scales, and leave out"
        " features and classes that few samples have."
    )


def _filling(objective: SoftmaxObjective, params: Array, groups: Array | None) -> Array | None:
    """What is inside the sandwich, (n_free, n_free): the sum of g gᵀ over samples or groups.

    Of groups a few are summed at a time, so that no array of groups × parameters is large. The sum
    over groups has the factor G / (G - 1), for G groups; None if one group has all the weight.
    """
    weights, frame = objective.coef(params), objective.frame
    if groups is None:
        return objective.sums.score_gram(*weights, frame)
    n_free = max(1, objective.n_outputs - 1) * frame.n_dof
    n_groups, filling, n_weighted = int(groups.max()) + 1, np.zeros((n_free, n_free)), 0
    at_once = max(1, FEW_BYTES // (8 * n_free))
    for first in range(0, n_groups, at_once):
        n_some = min(at_once, n_groups - first)
        some = np.where((groups >= first) & (groups < first + n_some), groups - first, -1)
        scores = objective.sums.group_scores(*weights, frame, some, n_some)
        filling += scores.T @ scores
        n_weighted += int(scores.any(axis=1).sum())  # others have no weight
    return None if n_weighted < 2 else filling * (n_weighted / (n_weighted - 1))
