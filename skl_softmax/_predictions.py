"""What a fitted softmax classifier answers about samples.

Needs `classes_`, `coef_`, `intercept_` and, for the stages, their histories; knows no fit.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._compat import HAS_DEVICES, check_same_namespace, is_on_device
from skl_softmax._data.check import storage_of
from skl_softmax._data.matrix import check_columns, refuse_dask
from skl_softmax._data.parameters import check_out
from skl_softmax._engines.device import OnDevice
from skl_softmax._model import DeviceModel, SoftmaxModel, dense


class PredictionMixin:
    """The predicting methods."""

    classes_: Array
    coef_: Array
    intercept_: Array
    # `out` is no metadata that a meta-estimator could route.
    __metadata_request__decision_function: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict_proba: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict_log_proba: ClassVar[dict[str, str]] = {"out": UNUSED}

    def decision_function(self, X: ArrayLike | Matrix, out: Array | None = None) -> Array:
        """Return the logits of the samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes) or (n_samples,), default=None
            Where to write them, a memory-mapped array for instance. None: a new array.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
            ``X @ coef_.T + intercept_``; for two classes, the second one's.
        """
        return self._predict("decision_function", X, out)

    def predict(self, X: ArrayLike | Matrix, out: Array | None = None) -> Array:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples,), default=None
            Where to write them, a memory-mapped array for instance. None: a new array.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            Class labels.
        """
        return self._predict("predict", X, out)

    def predict_proba(self, X: ArrayLike | Matrix, out: Array | None = None) -> Array:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes), default=None
            Where to write them, a memory-mapped array for instance. None: a new array.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities, the columns in the order of `classes_`.
        """
        return self._predict("predict_proba", X, out)

    def predict_log_proba(self, X: ArrayLike | Matrix, out: Array | None = None) -> Array:
        """Return the logarithm of the probability of each class.

        Taken from the logits, not from the probabilities: finite even where those underflow.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes), default=None
            Where to write them, a memory-mapped array for instance. None: a new array.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            Log-probabilities, the columns in the order of `classes_`.
        """
        return self._predict("predict_log_proba", X, out)

    def _predict(self, method: str, X: Any, out: Array | None) -> Array:
        X = self._check_X(X, method)
        if isinstance(X, OnDevice):
            if out is not None:
                raise ValueError("out is for arrays of NumPy: X is on another device.")
            there: Array = getattr(DeviceModel(self._model()), method)(X)
            return there
        if out is not None:
            labels = method == "predict"
            has_columns = not labels and (method != "decision_function" or len(self.coef_) > 1)
            shape = (X.shape[0], len(self.classes_)) if has_columns else (X.shape[0],)
            check_out(out, shape, to_numpy(self.classes_) if labels else np.empty(0, X.dtype))
        predicted: Array = getattr(self._model(), method)(X, out)
        return predicted

    def _model(self) -> SoftmaxModel:
        coef, intercept = dense(to_numpy(self.coef_)), to_numpy(self.intercept_)
        return SoftmaxModel(to_numpy(self.classes_), coef, intercept)

    def _check_X(self, X: Any, method: str, *, all_finite: bool = False) -> Any:
        """Return X as the model takes it, which checks for itself, block by block, for NaN."""
        check_is_fitted(self)
        refuse_dask(X=X)
        check_columns(X)
        if HAS_DEVICES:
            check_same_namespace(X, self, attribute="coef_", method=method)
        return storage_of(X).open(self, X, reset=False, all_finite=all_finite or is_on_device(X))


class StagedMixin(PredictionMixin):
    """The predicting methods, also with the weights after every step."""

    coef_history_: Array
    intercept_history_: Array

    def staged_decision_function(self, X: ArrayLike | Matrix) -> Iterator[Array]:
        """Return the logits of the samples after every step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray, (n_samples, n_classes) or (n_samples,)
            As `decision_function`, one array per step.

        Raises
        ------
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        """
        return self._staged(X, "decision_function")

    def staged_predict(self, X: ArrayLike | Matrix) -> Iterator[Array]:
        """Return the most probable class of each sample after every step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray, (n_samples,)
            As `predict`, one array per step.

        Raises
        ------
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        """
        return self._staged(X, "predict")

    def staged_predict_proba(self, X: ArrayLike | Matrix) -> Iterator[Array]:
        """Return the probability of each class after every step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray, (n_samples, n_classes)
            As `predict_proba`, one array per step.

        Raises
        ------
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        """
        return self._staged(X, "predict_proba")

    def _staged(self, X: Any, method: str) -> Iterator[Array]:
        check_is_fitted(self)
        if not hasattr(self, "coef_history_"):
            raise AttributeError(
                f"staged_{method} needs the weights of every step: fit with"
                " store_coef_history=True."
            )
        # Now, not when the first stage is taken.
        X = self._check_X(X, f"staged_{method}", all_finite=True)
        histories = to_numpy(self.coef_history_), to_numpy(self.intercept_history_)
        classes, is_there = to_numpy(self.classes_), isinstance(X, OnDevice)
        models = (SoftmaxModel(classes, *stage) for stage in zip(*histories, strict=True))
        return (getattr(DeviceModel(m) if is_there else m, method)(X) for m in models)
