"""The predicting methods of a fitted softmax classifier.

They read `classes_`, `coef_` and `intercept_`; the staged ones read the histories of the weights.
How the weights were found does not matter here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, FloatArray, Matrix, MatrixLike, to_numpy
from skl_softmax._compat import check_same_device, is_on_device
from skl_softmax._data.check import storage_of
from skl_softmax._data.labels import normalize_labels
from skl_softmax._data.matrix import check_columns, refuse_dask
from skl_softmax._data.parameters import check_out
from skl_softmax._engines.device import OnDevice
from skl_softmax._model import DeviceModel, SoftmaxModel, dense, require_history


class OnlyWith:
    """An attribute that only some fits set: where it is missing, the error says what it takes.

    What a fit sets on the estimator takes precedence.
    """

    def __init__(self, condition: str) -> None:
        self._condition, self._name = condition, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: object, owner: type) -> Any:
        if instance is None:
            return self
        raise AttributeError(
            f"{owner.__name__} has {self._name} only if it is fitted with {self._condition}.",
            name=self._name,
            obj=instance,
        )


class PredictionMixin:
    """The predicting methods of a classifier with fitted weights."""

    classes_: Array
    coef_: FloatArray
    intercept_: FloatArray
    # A meta-estimator must not route `out` as metadata: it is not about the samples.
    __metadata_request__decision_function: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict_proba: ClassVar[dict[str, str]] = {"out": UNUSED}
    __metadata_request__predict_log_proba: ClassVar[dict[str, str]] = {"out": UNUSED}

    def __setstate__(self, state: dict[str, object]) -> None:
        # Models of before do not know this parameter.
        super().__setstate__({"penalty_factor": None, **state})  # type: ignore[misc]

    def decision_function(self, X: MatrixLike, out: FloatArray | None = None) -> FloatArray:
        """Return the logits of the samples.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes) or (n_samples,), default=None
            The array to write the result to, for example a memory-mapped one. None: a new array.

        Returns
        -------
        logits : ndarray of shape (n_samples, n_classes) or (n_samples,)
            ``X @ coef_.T + intercept_``; for two classes, the logits of the second class.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other features than in `fit` or a number that is not finite, or `out` has
            another shape or data type than the result.
        """
        return self._predict("decision_function", X, out)

    def predict(self, X: MatrixLike, out: Array | None = None) -> Array:
        """Return the most probable class of each sample.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples,), default=None
            The array to write the result to, for example a memory-mapped one. None: a new array.

        Returns
        -------
        labels : ndarray of shape (n_samples,)
            The class labels.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other features than in `fit` or a number that is not finite, or `out` has
            another shape or data type than the result.
        """
        return self._predict("predict", X, out)

    def predict_proba(self, X: MatrixLike, out: FloatArray | None = None) -> FloatArray:
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes), default=None
            The array to write the result to, for example a memory-mapped one. None: a new array.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            The probabilities, with columns in the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other features than in `fit` or a number that is not finite, or `out` has
            another shape or data type than the result.
        """
        return self._predict("predict_proba", X, out)

    def predict_log_proba(self, X: MatrixLike, out: FloatArray | None = None) -> FloatArray:
        """Return the logarithm of the probability of each class.

        It is computed from the logits, not from the probabilities, so it is finite even where a
        probability underflows to zero.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        out : ndarray of shape (n_samples, n_classes), default=None
            The array to write the result to, for example a memory-mapped one. None: a new array.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            The log-probabilities, with columns in the order of `classes_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If X has other features than in `fit` or a number that is not finite, or `out` has
            another shape or data type than the result.
        """
        return self._predict("predict_log_proba", X, out)

    def score(self, X: MatrixLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return the accuracy: the share of samples whose label is predicted.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        y : array-like of shape (n_samples,)
            Their labels, of any type that `fit` takes.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None: all equal.

        Returns
        -------
        score : float
            From 0 to 1.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        ValueError
            If an input is not allowed.
        """
        accuracy: float = super().score(X, normalize_labels(y), sample_weight)  # type: ignore[misc]
        return accuracy

    def _predict(self, method: str, X: MatrixLike, out: Array | None) -> Array:
        """Return what a method of the model predicts for X, after checking X and `out`."""
        samples = self._check_X(X, method)
        model = self._model()
        predicted: Array
        if isinstance(samples, OnDevice):
            if out is not None:
                raise ValueError("out is for arrays of NumPy: X is on another device.")
            predicted = getattr(DeviceModel(model), method)(samples)
            return predicted
        if out is not None:
            labels = method == "predict"
            has_columns = not labels and (method != "decision_function" or len(model.coef) > 1)
            n_samples, n_classes = samples.shape[0], len(model.classes)
            shape = (n_samples, n_classes) if has_columns else (n_samples,)
            check_out(out, shape, model.classes if labels else np.empty(0, samples.dtype))
        predicted = getattr(model, method)(samples, out)
        return predicted

    def _model(self) -> SoftmaxModel:
        """Return the model with the fitted weights, as NumPy's arrays."""
        fitted = vars(self)  # of one fit: another thread may fit anew, and replaces all at once
        names = "classes_", "coef_", "intercept_"
        classes, coef, intercept = (to_numpy(fitted[name]) for name in names)
        return SoftmaxModel(classes, dense(coef), intercept)

    def _check_X(self, X: MatrixLike, method: str, *, all_finite: bool = False) -> Matrix:
        """Return X (n_samples, n_features) as the model takes it.

        Without `all_finite`, the model itself looks for numbers that are not finite, block by
        block.
        """
        check_is_fitted(self)
        refuse_dask({"X": X})
        check_columns(X)
        check_same_device(X, self, attribute="coef_", method=method)
        return storage_of(X).open(self, X, reset=False, all_finite=all_finite or is_on_device(X))


class StagedMixin(PredictionMixin):
    """The predicting methods, also with the weights after each step of the fit."""

    coef_history_: FloatArray = OnlyWith("store_coef_history=True")  # type: ignore[assignment]
    intercept_history_: FloatArray = OnlyWith("store_coef_history=True")  # type: ignore[assignment]

    def staged_decision_function(self, X: MatrixLike) -> Iterator[FloatArray]:
        """Return the logits of the samples after each step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray of shape (n_samples, n_classes) or (n_samples,)
            What `decision_function` returns with the weights after step 0, 1, …, `n_iter_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        ValueError
            If X has other features than in `fit` or a number that is not finite.
        """
        return self._staged(X, "decision_function")

    def staged_predict(self, X: MatrixLike) -> Iterator[Array]:
        """Return the most probable class of each sample after each step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray of shape (n_samples,)
            What `predict` returns with the weights after step 0, 1, …, `n_iter_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        ValueError
            If X has other features than in `fit` or a number that is not finite.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
        >>> accuracies = [(labels == y).mean() for labels in classifier.staged_predict(X)]
        >>> len(accuracies) == classifier.n_iter_ + 1
        True
        """
        return self._staged(X, "predict")

    def staged_predict_proba(self, X: MatrixLike) -> Iterator[FloatArray]:
        """Return the probability of each class after each step, from 0 to `n_iter_`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.

        Returns
        -------
        stages : iterator of ndarray of shape (n_samples, n_classes)
            What `predict_proba` returns with the weights after step 0, 1, …, `n_iter_`.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        AttributeError
            If the estimator was fitted without ``store_coef_history=True``.
        ValueError
            If X has other features than in `fit` or a number that is not finite.
        """
        return self._staged(X, "predict_proba")

    def _staged(self, X: MatrixLike, method: str) -> Iterator[Array]:
        """Return an iterator over what a method of the model predicts after each step."""
        check_is_fitted(self)
        require_history(self, f"staged_{method}")
        # X is checked now, not when the first stage is asked for.
        samples = self._check_X(X, f"staged_{method}", all_finite=True)
        fitted = vars(self)  # of one fit, as in `_model`
        names = "classes_", "coef_history_", "intercept_history_"
        classes, *histories = (to_numpy(fitted[name]) for name in names)
        is_there = isinstance(samples, OnDevice)
        models = (SoftmaxModel(classes, *stage) for stage in zip(*histories, strict=True))
        return (getattr(DeviceModel(m) if is_there else m, method)(samples) for m in models)
