"""The folds of a cross-validation: what each fits, scores, and likes best.

Knows no formula of the loss and no rule for a step; chooses nothing for all folds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from typing import NamedTuple, Protocol

import numpy as np
from sklearn.metrics import check_scoring

from skl_softmax._arrays import Array, DeviceArray, Matrix
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.protocol import Samples
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.path import descend_path, prepare
from skl_softmax._fit.task import Task
from skl_softmax._parameters import Parameters


class Scored(Protocol):
    """What a classifier has once it is fitted: enough to predict."""

    classes_: Array
    coef_: Array
    intercept_: Array
    n_features_in_: int


@dataclass(frozen=True)
class Fold:
    """Some samples to fit, and others to score.

    Attributes
    ----------
    classes : ndarray (n_classes,)
        The classes to tell apart.
    samples : Samples
        All of them; codes of samples that are neither fitted nor held out may be anything.
    weights : ndarray (n_samples,) or None
        The samples' weights as the user gave them, without the factors of the classes.
    fitted, held_out : ndarray
        Which are which.
    """

    classes: Array
    samples: Samples
    weights: Array | None
    fitted: Array
    held_out: Array

    def check(self, number: int) -> None:
        """Raise a ValueError if there is nothing to score."""
        if not len(self.held_out):
            raise ValueError(f"cv holds out no sample in fold {number}.")
        if not self.can_score:
            raise ValueError(f"cv holds out no sample with a weight > 0 in fold {number}.")

    @property
    def can_score(self) -> bool:
        """Whether a sample with a weight > 0 is held out."""
        if self.weights is None:
            return len(self.held_out) > 0
        return bool(self.weights[self.held_out].any())

    def missing(self) -> Array:
        """The codes of the classes that have nothing to fit."""
        y, weights = self.samples.y, self.samples.weights
        counts = np.bincount(y[self.fitted], weights[self.fitted], len(self.classes))
        return np.flatnonzero(counts == 0.0)

    def without(self, missing: Array) -> Fold:
        """The fold without these classes and their samples, which no weights could predict."""
        left = np.setdiff1d(np.arange(len(self.classes)), missing)
        is_left = np.isin(self.samples.y, left)
        rows = np.arange(len(is_left))
        fitted, held_out = rows[self.fitted], rows[self.held_out]
        return replace(
            self,
            classes=self.classes[left],
            samples=self.samples._replace(y=np.searchsorted(left, self.samples.y)),
            fitted=fitted[is_left[fitted]],
            held_out=held_out[is_left[held_out]],
        )

    def train(self) -> Samples:
        """The samples to fit; their weights sum to one."""
        X, y, weights = self.samples[:3]
        weights = weights[self.fitted]
        return Samples(X[self.fitted], y[self.fitted], weights / weights.sum())

    def scorer(
        self, model: Scored, scoring: object, task: Task, workers: Workers
    ) -> Callable[[Array, Array], float]:
        """Return what scores coef and intercept on the samples held out, where these are.

        model : gets the weights, for scorers that want a fitted classifier
        """
        X, codes = self.samples.X[self.held_out], self.samples.y[self.held_out]
        weights = None if self.weights is None else self.weights[self.held_out]
        if isinstance(scoring, str) and scoring == "neg_log_loss":
            # scikit-learn's would need a sample of every class, and takes longer than the fit.
            shares = np.ones(len(codes)) if weights is None else weights
            loss = task.cross_entropy(X, codes, shares / shares.sum(), workers)
            return lambda coef, intercept: -loss(coef, intercept)
        held_out = X.X if isinstance(X, OnDevice) else X
        labels, model.classes_ = there(X, self.classes[codes]), there(X, self.classes)
        if weights is not None and not isinstance(labels, np.ndarray):
            weights = there(X, weights)

        def score(coef: Array, intercept: Array) -> float:
            model.coef_, model.intercept_ = there(X, coef), there(X, intercept)
            scorer = check_scoring(model, scoring)
            if weights is None or not _takes_weights(scorer):
                return float(scorer(model, held_out, labels))
            return float(scorer(model, held_out, labels, sample_weight=weights))

        return score


def complete(
    folds: Sequence[Fold], *, may_lack_classes: bool
) -> tuple[list[Fold], UserWarning | None]:
    """Return the folds without the classes that they cannot fit, and what there is to warn of.

    A fold cannot fit a class, a rare one as a rule, all of whose samples it holds out. A fold that
    then has nothing to tell apart or to score is left out.

    Raises
    ------
    ValueError
        If no fold is left, or a fold cannot fit all classes and may not lack any.
    """
    left, lacking, is_rare = [], "", True
    for number, fold in enumerate(folds):
        fold.check(number)
        missing = fold.missing()
        rest = fold.without(missing) if len(missing) else fold
        if len(rest.classes) > 1 and rest.can_score:
            left.append(rest)
        if len(missing) and not lacking:
            label = fold.classes.tolist()[missing[0]]
            lacking = f"cv leaves no sample of class {label!r} to be fitted in fold {number}:"
            is_rare = (fold.samples.y == missing[0]).sum() == 1
    if lacking and not (left and may_lack_classes):
        raise ValueError(f"{lacking} use fewer folds, others, or refit=True.")
    warning = UserWarning(f"{lacking} its samples are not scored there.")
    return left, None if is_rare else warning


def there(X: Matrix, array: Array) -> Array | DeviceArray:
    """Move an array to the device of X, if X is on one; text cannot be there."""
    return X.put(array) if isinstance(X, OnDevice) and array.dtype.kind in "biuf" else array


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer can be given weights of the samples."""
    parameters = signature(scorer).parameters.values()
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


class FoldResult(NamedTuple):
    """What a path over alphas came to on one fold: a list of each, by alpha, and its best."""

    scores: list[float]
    n_iter: list[int]
    warnings: list[Warning | None]
    alpha: float
    weights: tuple[Array, Array]


def fit_fold(
    fold: Fold, model: Scored, parameters: Parameters, alphas: Array, scoring: object
) -> FoldResult:
    """Fit and score for every alpha; `model` is a classifier to score with."""
    model.n_features_in_ = fold.samples.X.shape[1]
    scores, fits = [], []
    best = 0.0, (np.empty(0), np.empty(0))
    with Workers() as workers, np.errstate(all="ignore"):
        problem, state = prepare(parameters, fold.train(), len(fold.classes), workers)
        score = fold.scorer(model, scoring, problem.task, workers)
        path = descend_path(parameters, problem, state, alphas, workers)
        for alpha, fit in zip(alphas.tolist(), path, strict=True):
            scores.append(score(*fit.run.weights))
            if np.isnan(scores[-1]):
                raise ValueError(f"scoring={scoring!r} gave NaN for alpha={alpha:.3g}.")
            fits.append((fit.run.last.iteration, fit.warning))
            if scores[-1] == max(scores) > max(scores[:-1], default=-np.inf):
                best = alpha, fit.run.weights
    n_iter, found = zip(*fits, strict=True)
    return FoldResult(scores, list(n_iter), list(found), *best)


def mean_of_bests(results: Sequence[FoldResult], ratios: Array, X: Matrix) -> dict[str, object]:
    """The attributes that are means over folds of what each liked best; weights are where X is.

    results : of all l1_ratios for the first fold, then of all for the second fold, and so on
    """
    n = len(ratios)
    chosen = [
        max(range(start, start + n), key=lambda i: max(results[i].scores))
        for start in range(0, len(results), n)
    ]
    coefs, intercepts = zip(*(results[i].weights for i in chosen), strict=True)
    return {
        "alpha_": float(np.mean([results[i].alpha for i in chosen])),
        "l1_ratio_": float(np.mean([ratios[i % n] for i in chosen])),
        "coef_": there(X, np.mean(coefs, axis=0)),
        "intercept_": there(X, np.mean(intercepts, axis=0)),
    }
