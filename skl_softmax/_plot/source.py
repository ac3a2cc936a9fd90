"""What the displays ask of an estimator: the classifier inside it, its history, its features.

Knows pipelines and searches; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, Matrix, MatrixLike, on_host, to_numpy
from skl_softmax._model import SoftmaxModel, dense, row_per_class

MAX_NAMES_SHOWN = 10  # feature names that an error message lists: about two lines


class FittedClassifier(Protocol):
    """What the displays read of a fitted `SoftmaxGDClassifier` whose arrays are NumPy's."""

    fit_intercept: bool
    classes_: Array
    coef_: Matrix
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    best_iter_: int
    loss_history_: Array
    passes_history_: Array
    coef_history_: Array  # like intercept_history_, kept with store_coef_history=True alone
    intercept_history_: Array

    def _check_X(self, X: MatrixLike, method: str) -> Matrix: ...


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and the pipelines whose transformers X passes before it.

    Attributes
    ----------
    classifier : SoftmaxGDClassifier
    before : tuple of Pipeline
        The transformers of each pipeline around the classifier, the outermost pipeline first.
    """

    classifier: FittedClassifier
    before: tuple[Pipeline, ...]

    def transform(self, X: MatrixLike) -> Matrix:
        """Return the X that the classifier gets, checked, from the X that the estimator takes."""
        for steps in self.before:
            X = steps.transform(X)
        return self.classifier._check_X(to_numpy(X), "decision_function")

    def feature_names(self) -> Iterable[object] | None:
        """Return the names of the classifier's features, or None if they are not known."""
        names: Iterable[object] | None = getattr(self.classifier, "feature_names_in_", None)
        if names is None and self.before:
            try:
                names = self.before[-1].get_feature_names_out()
            except (AttributeError, ValueError):  # not every transformer can tell
                return None
        return names

    def model(self, iteration: int) -> SoftmaxModel:
        """Return the model after so many steps, with a row of weights for each class."""
        classifier = self.classifier
        weights = dense(classifier.coef_), classifier.intercept_
        if iteration != classifier.best_iter_:
            weights = classifier.coef_history_[iteration], classifier.intercept_history_[iteration]
        return SoftmaxModel(classifier.classes_, *row_per_class(*weights))


def unwrap(
    estimator: BaseEstimator, name: str, *attributes: str
) -> tuple[BaseEstimator, list[Pipeline]]:
    """Return the fitted estimator with these attributes inside pipelines and searches.

    It is the given estimator, the last step of a pipeline or the best of a search, however nested.

    Parameters
    ----------
    estimator : estimator
    name : str
        The class that an error message asks for.
    *attributes : str
        The fitted attributes by which the estimator is known.

    Returns
    -------
    inner : estimator
    before : list of Pipeline
        The transformers of each pipeline around it, the outermost pipeline first.

    Raises
    ------
    NotFittedError
        If the estimator is not fitted.
    TypeError
        If there is no estimator with these attributes inside.
    """
    inner, before = estimator, []
    while not hasattr(inner, attributes[0]):
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
        elif isinstance(inner, Pipeline):
            check_is_fitted(inner)
            if len(inner) > 1:
                before.append(inner[:-1])
            inner = inner[-1]
        else:
            break
    if isinstance(inner, BaseEstimator):
        check_is_fitted(inner)
    if not all(hasattr(inner, attribute) for attribute in attributes):
        raise TypeError(
            f"The display needs a fitted {name}, or a Pipeline or refitted search that ends in"
            f" one, got {type(inner).__name__}."
        )
    return inner, before


def trained(estimator: BaseEstimator) -> Trained:
    """Find the fitted `SoftmaxGDClassifier` in an estimator. See `unwrap` for the errors."""
    classifier, before = unwrap(estimator, "SoftmaxGDClassifier", "loss_history_")
    return Trained(on_host(classifier), tuple(before))


def names_of(
    columns: Iterable[object] | None, n_features: int, given: Sequence[str] | None = None
) -> list[str]:
    """Return the names of features: the given ones, else the columns' own, else x0, x1 and so on.

    Raises
    ------
    ValueError
        If there are not `n_features` names, or two are the same.
    """
    if given is None and columns is not None:
        given = [str(column) for column in columns]
    if given is None:
        return [f"x{j}" for j in range(n_features)]
    if len(given) != n_features:
        raise ValueError(f"feature_names has {len(given)} names for {n_features} features.")
    if len(set(given)) < n_features:
        raise ValueError("Two features have the same name: give different feature_names.")
    return list(given)


def indices_of(
    features: Sequence[str | int], names: Sequence[str], n_intercepts: int = 0
) -> list[int]:
    """Return the column of each feature, given by name or number, in an array of weights.

    Parameters
    ----------
    features : sequence of str or int
        With `n_intercepts`, "intercept" is allowed too.
    names : sequence of str
        The names of the features.
    n_intercepts : int, default=0
        How many columns of intercepts, 0 or 1, are before those of the features.

    Raises
    ------
    ValueError
        If `features` is no sequence, or there is no such feature.
    """
    if isinstance(features, str) or np.ndim(features) != 1:
        raise ValueError(f"features must be a sequence of names or numbers, got {features!r}.")
    return [
        0 if n_intercepts and feature == "intercept" else n_intercepts + _index_of(feature, names)
        for feature in features
    ]


def _index_of(feature: str | int, names: Sequence[str]) -> int:
    """Return which of the names a feature is, given by name or number."""
    if isinstance(feature, str) and feature in names:
        return names.index(feature)
    is_number = isinstance(feature, int | np.integer) and not isinstance(feature, bool)
    if is_number and 0 <= int(feature) < len(names):
        return int(feature)
    shown = ", ".join(names[:MAX_NAMES_SHOWN]) + (", …" if len(names) > MAX_NAMES_SHOWN else "")
    raise ValueError(
        f"There is no feature {feature!r}: name one of {shown}, or number it from 0 to"
        f" {len(names) - 1}."
    )


def check_choice(name: str, value: object, allowed: Sequence[object]) -> None:
    """Raise a ValueError that lists the allowed values, unless the value is one of them."""
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} must be {choices}, got {value!r}.")


def check_count(name: str, value: object, at_least: int) -> None:
    """Raise a ValueError unless the value is an int that is large enough."""
    if not isinstance(value, int | np.integer) or value < at_least:
        raise ValueError(f"{name} must be an int, {at_least} or more, got {value!r}.")


def check_labels(labels: ArrayLike, classes: Array) -> Array:
    """Return the labels as an array (n,), if each of them is one of the classes."""
    chosen: Array = np.asarray(labels)
    if chosen.ndim == 2 and chosen.shape[1] == 1:  # as `fit` takes them too
        chosen = chosen[:, 0]
    if chosen.ndim != 1:
        raise ValueError(f"Labels must have one dimension, got {chosen.ndim}.")
    unknown = np.setdiff1d(chosen, classes).tolist()
    if unknown:
        raise ValueError(f"There is no class {unknown[0]!r} to draw: {classes.tolist()} are there.")
    return chosen
