"""Softmax models with given weights: what they predict, in blocks of rows.

Knows no estimator: the X it gets has been checked, but for numbers that are not finite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse

from skl_softmax._arrays import Array, DeviceArray, Matrix, to_numpy
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.finiteness import check_block
from skl_softmax._engines.kernels import kernels
from skl_softmax._engines.kernels_device import probabilities
from skl_softmax._engines.rows import Block, Rows
from skl_softmax._engines.threads import Workers


def dense(coef: Matrix) -> Array:
    """Return coefficients as an array, as they are unless `sparsify` was called."""
    return np.asarray(coef.toarray() if sparse.issparse(coef) else coef)


def row_per_class(coef: Array, intercept: Array) -> tuple[Array, Array]:
    """Return the weights of the same model with a row for each class, two classes included."""
    if len(coef) > 1:
        return coef, intercept
    return np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2


def require_history(estimator: object, what: str) -> None:
    """Raise an AttributeError unless the fitted estimator kept the weights after every step."""
    if not hasattr(estimator, "coef_history_"):
        raise AttributeError(
            f"{what} needs the weights of every step: fit with store_coef_history=True."
        )


@dataclass(frozen=True)
class SoftmaxModel:
    """Weights and the classes they stand for.

    What is predicted is written to `out`, if that is given.

    Attributes
    ----------
    classes : ndarray (n_classes,)
    coef : ndarray (n_classes, n_features), or (1, n_features) for two classes
    intercept : ndarray (n_classes,) or (1,)
    """

    classes: Array
    coef: Array
    intercept: Array

    def decision_function(self, X: Matrix, out: Array | None = None) -> Array:
        """Logits (n_samples, n_classes), or (n_samples,) for two classes."""
        if len(self.coef) > 1:
            return _map_logits(X, self.coef, self.intercept, lambda _: None, out)
        column = None if out is None else out[:, np.newaxis]
        return _map_logits(X, self.coef, self.intercept, lambda _: None, column)[:, 0]

    def predict(self, X: Matrix, out: Array | None = None) -> Array:
        """The most probable labels (n_samples,)."""
        coef, intercept = row_per_class(self.coef, self.intercept)
        labels = np.empty(X.shape[0], self.classes.dtype) if out is None else out

        def predict_block(block: Block, logits: Array) -> None:
            labels[block.rows] = self.classes[logits.argmax(axis=0)]

        _for_each_block(X, coef, intercept, predict_block)
        return labels

    def predict_proba(self, X: Matrix, out: Array | None = None) -> Array:
        """Probabilities (n_samples, n_classes)."""
        transform = kernels(X.shape[0] * len(self.classes)).softmax_block
        return _map_logits(X, *row_per_class(self.coef, self.intercept), transform, out)

    def predict_log_proba(self, X: Matrix, out: Array | None = None) -> Array:
        """Log-probabilities (n_samples, n_classes), from the logits: finite where those are."""
        transform = kernels(X.shape[0] * len(self.classes)).log_softmax_block
        return _map_logits(X, *row_per_class(self.coef, self.intercept), transform, out)


@dataclass(frozen=True)
class DeviceModel:
    """A `SoftmaxModel` whose predictions are where X is."""

    model: SoftmaxModel

    def decision_function(self, X: OnDevice) -> DeviceArray:
        """Logits (n_samples, n_classes), or (n_samples,) for two classes."""
        logits = X.linear(self.model.coef, self.model.intercept)
        return logits if len(self.model.coef) > 1 else logits[:, 0]

    def predict(self, X: OnDevice) -> DeviceArray:
        """The most probable labels (n_samples,): NumPy's, if they are no numbers."""
        codes = X.xp.argmax(self._logits(X), axis=1)
        classes = self.model.classes
        if classes.dtype.kind in "biuf":
            return X.xp.take(X.put(classes), codes)
        return classes[to_numpy(codes)]

    def predict_proba(self, X: OnDevice) -> DeviceArray:
        """Probabilities (n_samples, n_classes)."""
        return probabilities(X.xp, self._logits(X))

    def predict_log_proba(self, X: OnDevice) -> DeviceArray:
        """Log-probabilities (n_samples, n_classes), from the logits: finite where those are."""
        logits = self._logits(X)
        logits -= X.xp.max(logits, axis=1, keepdims=True)
        return logits - X.xp.log(X.xp.sum(X.xp.exp(logits), axis=1, keepdims=True))

    def _logits(self, X: OnDevice) -> DeviceArray:
        """A column for each class, two classes included."""
        return X.linear(*row_per_class(self.model.coef, self.model.intercept))


class SoftmaxPath(NamedTuple):
    """The weights for each strength of the penalty.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths, the largest first.
    coefs : ndarray of shape (n_alphas, n_classes, n_features)
        Their coefficients; one row for two classes.
    intercepts : ndarray of shape (n_alphas, n_classes)
        Their intercepts; one for two classes.
    losses : ndarray of shape (n_alphas,)
        F at them, in nats per sample.
    n_iters : ndarray of int of shape (n_alphas,)
        How many steps each took from the one before.
    classes : ndarray of shape (n_classes,)
        The class labels, sorted.
    feature_names : ndarray of str of shape (n_features,) or None
        The names of the features, if X has any.
    """

    alphas: Array
    coefs: Array
    intercepts: Array
    losses: Array
    n_iters: Array
    classes: Array
    feature_names: Array | None


def start_weights(
    before: SoftmaxModel | None, classes: Array, n_features: int
) -> tuple[Array, Array]:
    """Where a fit starts: coef (n_outputs, n_features) and intercept (n_outputs,).

    From an earlier model's weights, matched by label; all others are zero.
    """
    coef, intercept = np.zeros((len(classes), n_features)), np.zeros(len(classes))
    if before is not None:
        if before.coef.shape[1] != n_features:
            raise ValueError(
                f"warm_start=True needs the {before.coef.shape[1]} features of the previous fit,"
                f" got X with {n_features} features."
            )
        rows = row_per_class(before.coef, before.intercept)
        known = dict(zip(before.classes.tolist(), zip(*rows, strict=True), strict=True))
        for k, label in enumerate(classes.tolist()):
            if label in known:
                coef[k], intercept[k] = known[label]
    if len(classes) == 2:
        return coef[1:] - coef[:1], intercept[1:] - intercept[:1]
    return coef, intercept


def _map_logits(
    X: Matrix,
    coef: Array,
    intercept: Array,
    transform: Callable[[Array], None],
    out: Array | None = None,
) -> Array:
    """Return the logits (n_samples, n_outputs), each block (n_outputs, rows) transformed."""
    dtype = np.result_type(X.dtype, coef.dtype)
    result = np.empty((X.shape[0], len(coef)), dtype) if out is None else out

    def map_block(block: Block, logits: Array) -> None:
        transform(logits)
        result[block.rows] = logits.T

    _for_each_block(X, coef, intercept, map_block)
    return result


def _for_each_block(
    X: Matrix, coef: Array, intercept: Array, use: Callable[[Block, Array], None]
) -> None:
    """Call ``use(block, logits)`` for every block; its logits are finite, (n_outputs, rows)."""
    with Workers() as workers, np.errstate(over="ignore", invalid="ignore"):
        rows = Rows(X, len(coef), workers)

        def use_run(run: list[Block]) -> None:
            for block, logits in rows.linear(run, coef, intercept):
                check_block(block.X)
                _keep_in_range(logits, block.X, coef)
                use(block, logits)

        rows.map(use_run)


def _keep_in_range(logits: Array, X: Matrix, coef: Array) -> None:
    """Replace, in place, logits (n_outputs, rows) whose differences would not be finite.

    By those of the same sample scaled down, for which the intercept is nothing, as large as may
    be: they keep their order, and a softmax of them is one-hot, as it should be.
    """
    largest = np.finfo(logits.dtype).max / 4.0
    if logits.max() <= largest and logits.min() >= -largest:  # false if one is not a number
        return
    too_large = ~(np.abs(logits) <= largest).all(axis=0)
    X = X[too_large]
    X = X.toarray() if sparse.issparse(X) else X
    X = X / np.abs(X).max(axis=1, keepdims=True)
    direction = (coef / np.abs(coef).max()) @ X.T
    size = np.abs(direction).max(axis=0)
    logits[:, too_large] = direction / np.where(size > 0.0, size, 1.0) * largest
