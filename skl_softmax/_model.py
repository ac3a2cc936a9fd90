"""Softmax models with given weights: what they predict, in blocks of rows.

How the weights were found does not matter here. X has been checked before, except for numbers that
are not finite: each block is checked when it is read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import sparse
from scipy.special import logsumexp

from skl_softmax._arrays import Array, DeviceArray, FloatArray, IntArray, Matrix, to_numpy
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.finiteness import check_block
from skl_softmax._engines.kernels import kernels
from skl_softmax._engines.kernels_device import probabilities
from skl_softmax._engines.protocol import Frame
from skl_softmax._engines.row_curvature import standardized
from skl_softmax._engines.rows import Block, Rows
from skl_softmax._engines.threads import Workers


def dense(coef: Matrix) -> Array:
    """Return coefficients as a dense array; they are sparse after `sparsify`."""
    return np.asarray(coef.toarray() if sparse.issparse(coef) else coef)


def row_per_class(coef: Array, intercept: Array) -> tuple[Array, Array]:
    """Return weights with one row per class, also for two classes, whose weights have one row.

    Two classes get half of the row each, with opposite signs: this changes no probability.
    """
    if len(coef) > 1:
        return coef, intercept
    return np.concatenate([-coef, coef]) / 2, np.concatenate([-intercept, intercept]) / 2


def require_history(estimator: object, what: str, otherwise: str = "") -> None:
    """Raise an AttributeError unless the fitted estimator kept the weights after every step.

    otherwise : what else the user can do
    """
    if not hasattr(estimator, "coef_history_"):
        raise AttributeError(
            f"{what} needs the weights of every step: fit with store_coef_history=True{otherwise}."
        )


@dataclass(frozen=True)
class SoftmaxModel:
    """The weights of a softmax model with NumPy's arrays, and its classes.

    Each method writes its result to `out` if `out` is given, and returns it.

    Attributes
    ----------
    classes : ndarray of shape (n_classes,)
        The class labels.
    coef : ndarray of shape (n_classes, n_features), or (1, n_features) for two classes
        The coefficients.
    intercept : ndarray of shape (n_classes,), or (1,) for two classes
        The intercepts.
    """

    classes: Array
    coef: Array
    intercept: Array

    def decision_function(self, X: Matrix, out: Array | None = None) -> Array:
        """Return the logits (n_samples, n_classes), or (n_samples,) for two classes."""
        if len(self.coef) > 1:
            return _map_logits(X, self.coef, self.intercept, lambda _: None, out)
        column = None if out is None else out[:, np.newaxis]
        return _map_logits(X, self.coef, self.intercept, lambda _: None, column)[:, 0]

    def predict(self, X: Matrix, out: Array | None = None) -> Array:
        """Return the most probable label of each sample (n_samples,)."""
        coef, intercept = row_per_class(self.coef, self.intercept)
        labels = np.empty(X.shape[0], self.classes.dtype) if out is None else out

        def predict_block(block: Block, logits: Array) -> None:
            labels[block.rows] = self.classes[logits.argmax(axis=0)]

        _for_each_block(X, coef, intercept, predict_block)
        return labels

    def predict_proba(self, X: Matrix, out: Array | None = None) -> Array:
        """Return the probabilities (n_samples, n_classes)."""
        transform = kernels(X.shape[0] * len(self.classes)).softmax_block
        return _map_logits(X, *row_per_class(self.coef, self.intercept), transform, out)

    def predict_log_proba(self, X: Matrix, out: Array | None = None) -> Array:
        """Return log-probabilities (n_samples, n_classes), finite wherever the logits are."""
        transform = kernels(X.shape[0] * len(self.classes)).log_softmax_block
        return _map_logits(X, *row_per_class(self.coef, self.intercept), transform, out)


@dataclass(frozen=True)
class DeviceModel:
    """A `SoftmaxModel` whose predictions stay on the device where X is."""

    model: SoftmaxModel

    def decision_function(self, X: OnDevice) -> DeviceArray:
        """Return the logits (n_samples, n_classes), or (n_samples,) for two classes."""
        logits = X.linear(self.model.coef, self.model.intercept)
        return logits if len(self.model.coef) > 1 else logits[:, 0]

    def predict(self, X: OnDevice) -> DeviceArray:
        """Return the most probable label of each sample (n_samples,).

        Labels that are not numbers are returned as an array of NumPy's: no device has strings.
        """
        codes = X.xp.argmax(self._logits(X), axis=1)
        classes = self.model.classes
        if classes.dtype.kind in "biuf":
            return X.xp.take(X.put(classes), codes)
        return classes[to_numpy(codes)]

    def predict_proba(self, X: OnDevice) -> DeviceArray:
        """Return the probabilities (n_samples, n_classes)."""
        return probabilities(X.xp, self._logits(X))

    def predict_log_proba(self, X: OnDevice) -> DeviceArray:
        """Return log-probabilities (n_samples, n_classes), finite wherever the logits are."""
        logits = self._logits(X)
        logits -= X.xp.max(logits, axis=1, keepdims=True)
        return logits - X.xp.log(X.xp.sum(X.xp.exp(logits), axis=1, keepdims=True))

    def _logits(self, X: OnDevice) -> DeviceArray:
        """Return the logits with a column for each class, also for two classes."""
        return X.linear(*row_per_class(self.model.coef, self.model.intercept))


@dataclass(frozen=True)
class UncertainModel:
    """A softmax model in standardised coordinates, and how exactly its weights are known.

    Attributes
    ----------
    params : ndarray (n_outputs, n_dof)
        The weights of features less `center`, over `scale`; of two classes, those of the second.
        The intercept, if there is one, is the last.
    center, scale : ndarray (n_features,)
    covariance : ndarray (n_free, n_free)
        Of the params of all classes but the last, less those of the last; of two classes, of the
        one row.
    """

    params: Array
    center: Array
    scale: Array
    covariance: Array

    def predict_log_odds(self, X: Matrix) -> tuple[Array, Array]:
        """Return the log-odds of each class against all others, and their standard errors.

        Both (n_samples, n_classes). By the delta method: the derivative of the log-odds of class k
        is one for its own logit, and for another logit minus the other class's share of the others'
        probability.
        """
        n_classes = max(2, len(self.params))
        log_odds, errors = np.empty((2, X.shape[0], n_classes))
        frame = Frame(self.center, 1.0 / self.scale, self.params.shape[1] > len(self.center))

        def predict_run(run: list[Block]) -> None:
            for block in rows.read(run):
                check_block(block.X)
                features = standardized(block.X, np.arange(len(block.X)), frame)
                logits = self.params @ features
                if len(logits) == 1:
                    logits = np.concatenate([np.zeros_like(logits), logits])
                covariances = self._of_logits(features, n_classes)
                for k in range(n_classes):
                    others = logits.copy()
                    others[k] = -np.inf
                    of_others = logsumexp(others, axis=0)
                    contrast = -np.exp(others - of_others)
                    contrast[k] = 1.0
                    shared = np.einsum("ji,jli->li", contrast, covariances)
                    variances = np.einsum("li,li->i", shared, contrast)
                    log_odds[block.rows, k] = logits[k] - of_others
                    errors[block.rows, k] = np.sqrt(np.maximum(variances, 0.0))

        with Workers() as workers, np.errstate(over="ignore", invalid="ignore"):
            rows = Rows(X, n_classes, workers, dense=sparse.issparse(X))
            rows.map(predict_run)
        return log_odds, errors

    def _of_logits(self, features: Array, n_classes: int) -> Array:
        """The covariances of the logits less that of the last class, (n_classes, n_classes, rows).

        Of two classes, the logit's variance may stand at either: only differences count.

        features : (n_dof, rows)
        """
        n_free, n_dof = n_classes - 1, len(features)
        blocks = self.covariance.reshape(n_free, n_dof, n_free, n_dof)
        covariances = np.zeros((n_classes, n_classes, features.shape[1]))
        for j, k in np.ndindex(n_free, n_free):
            products = blocks[j, :, k] @ features
            covariances[j, k] = np.einsum("ji,ji->i", features, products)
        return covariances


class SoftmaxPath(NamedTuple):
    """The weights for each strength of the penalty. See `softmax_path`.

    Attributes
    ----------
    alphas : ndarray of shape (n_alphas,)
        The strengths of the penalty, the largest first.
    coefs : ndarray of shape (n_alphas, n_classes, n_features)
        The coefficients for each strength; two classes have one row, of the second class.
    intercepts : ndarray of shape (n_alphas, n_classes)
        The intercepts for each strength; two classes have one, of the second class.
    losses : ndarray of shape (n_alphas,)
        The objective at these weights, penalty included, in nats per sample.
    n_iters : ndarray of int of shape (n_alphas,)
        How many steps each fit took, starting from the weights for the strength before.
    classes : ndarray of shape (n_classes,)
        The class labels, sorted.
    feature_names : ndarray of str of shape (n_features,) or None
        The names of the features, if X has any.
    """

    alphas: FloatArray
    coefs: FloatArray
    intercepts: FloatArray
    losses: FloatArray
    n_iters: IntArray
    classes: Array
    feature_names: Array | None


def start_weights(
    before: SoftmaxModel | None, classes: Array, n_features: int
) -> tuple[Array, Array]:
    """Return the coef (n_outputs, n_features) and intercept (n_outputs,) that a fit starts from.

    A class that an earlier model knows by its label starts from the weights it has there; all other
    weights are zero. With two classes, n_outputs is 1.

    Raises
    ------
    ValueError
        If the earlier model has another number of features.
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
    """Return the logits (n_samples, n_outputs), after `transform` changed them in place.

    `transform` gets the logits of one block of rows at a time, (n_outputs, rows).
    """
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
    """Call ``use(block, logits)`` for every block of rows; logits (n_outputs, rows) are finite."""
    with Workers() as workers, np.errstate(over="ignore", invalid="ignore"):
        rows = Rows(X, len(coef), workers)

        def use_run(run: list[Block]) -> None:
            for block, logits in rows.linear(run, coef, intercept):
                check_block(block.X)
                _keep_in_range(logits, block.X, coef)
                use(block, logits)

        rows.map(use_run)


def _keep_in_range(logits: Array, X: Matrix, coef: Array) -> None:
    """Replace, in place, logits (n_outputs, rows) that are too large to be subtracted.

    The new logits of such a sample are those of the sample scaled down, without the intercept,
    which is negligible at this size, and then scaled up to the largest size allowed. They keep
    their order, and their softmax is one-hot, as it should be.
    """
    # A difference of two logits is at most half the largest number: there is room for rounding.
    largest = np.finfo(logits.dtype).max / 4.0
    if logits.max() <= largest and logits.min() >= -largest:  # False if a logit is NaN
        return
    too_large = ~(np.abs(logits) <= largest).all(axis=0)
    X = X[too_large]
    X = X.toarray() if sparse.issparse(X) else X
    X = X / np.abs(X).max(axis=1, keepdims=True)
    direction = (coef / np.abs(coef).max()) @ X.T
    size = np.abs(direction).max(axis=0)
    logits[:, too_large] = direction / np.where(size > 0.0, size, 1.0) * largest
