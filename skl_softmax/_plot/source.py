"""What the displays ask of an estimator: the classifier inside it, its history, its features.

Knows pipelines and searches, no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, on_host, to_numpy
from skl_softmax._model import SoftmaxModel, dense, row_per_class


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and what pipelines do to X before it gets there.

    Attributes
    ----------
    classifier : SoftmaxGDClassifier
    before : tuple of Pipeline
        The outermost first.
    """

    classifier: Any
    before: tuple[Pipeline, ...]

    def transform(self, X: Any) -> Any:
        """From the X that the whole estimator takes to the classifier's, checked."""
        for steps in self.before:
            X = steps.transform(X)
        return self.classifier._check_X(to_numpy(X), "decision_function")

    def feature_names(self) -> Any:
        """What the classifier's features are called, or None."""
        names = getattr(self.classifier, "feature_names_in_", None)
        if names is None and self.before:
            try:
                names = self.before[-1].get_feature_names_out()
            except (AttributeError, ValueError):  # not every transformer can tell
                return None
        return names

    def require_history(self, what: str) -> None:
        """Raise an AttributeError unless the weights of every step were kept."""
        if not hasattr(self.classifier, "coef_history_"):
            raise AttributeError(
                f"{what} needs the weights of every step: fit with store_coef_history=True."
            )

    def model(self, iteration: int) -> SoftmaxModel:
        """The model after that many steps, with a row of weights for each class."""
        classifier = self.classifier
        weights = dense(classifier.coef_), classifier.intercept_
        if iteration != classifier.best_iter_:
            weights = classifier.coef_history_[iteration], classifier.intercept_history_[iteration]
        return SoftmaxModel(classifier.classes_, *row_per_class(*weights))


def trained(estimator: Any) -> Trained:
    """Find the classifier in an estimator: itself, a pipeline's last step, a search's best.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is no classifier with a `loss_history_` in it.
    """
    before: list[Pipeline] = []
    inner = estimator
    while isinstance(inner, Pipeline) or hasattr(inner, "best_estimator_"):
        if hasattr(inner, "best_estimator_"):
            inner = inner.best_estimator_
            continue
        check_is_fitted(inner)
        if len(inner) > 1:
            before.append(inner[:-1])
        inner = inner[-1]
    if isinstance(inner, BaseEstimator):
        check_is_fitted(inner)
    if not hasattr(inner, "loss_history_"):
        raise TypeError(
            "The display needs a fitted SoftmaxGDClassifier, or a Pipeline or refitted search that"
            f" ends in one, got {type(inner).__name__}."
        )
    return Trained(on_host(inner), tuple(before))


def names_of(columns: Any, n_features: int, given: Sequence[str] | None = None) -> list[str]:
    """The names of features: the given ones, or the columns' own, or x0, x1 and so on."""
    if given is None and columns is not None:
        given = [str(column) for column in columns]
    if given is None:
        return [f"x{j}" for j in range(n_features)]
    if len(given) != n_features:
        raise ValueError(f"feature_names has {len(given)} names for {n_features} features.")
    if len(set(given)) < n_features:
        raise ValueError("Two features have the same name: give different feature_names.")
    return list(given)


def index_of(feature: str | int, names: Sequence[str]) -> int:
    """Which feature is meant by a name or a number."""
    if isinstance(feature, str):
        if feature in names:
            return list(names).index(feature)
    elif (
        isinstance(feature, int | np.integer)
        and not isinstance(feature, bool)
        and 0 <= feature < len(names)
    ):
        return int(feature)
    shown = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    raise ValueError(
        f"There is no feature {feature!r}: name one of {shown}, or number it from 0 to"
        f" {len(names) - 1}."
    )


def check_choice(name: str, value: Any, allowed: Sequence[Any]) -> None:
    """Raise a ValueError that names what is allowed."""
    if value not in allowed:
        choices = " or ".join(repr(choice) for choice in allowed)
        raise ValueError(f"{name} must be {choices}, got {value!r}.")


def check_axes(ax: Any, n_axes: int) -> Array:
    """Return the given axes as an array, if they are axes and at least so many."""
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) < n_axes or not all(hasattr(each, "imshow") for each in axes):
        needed = "one matplotlib Axes" if n_axes == 1 else f"{n_axes} matplotlib Axes, one a panel"
        raise ValueError(f"ax must be {needed}, got {len(axes)}: {type(ax).__name__}.")
    return axes


def check_labels(labels: Any, classes: Array) -> Array:
    """Return the labels as an array, if every one is a class."""
    chosen: Array = np.asarray(labels)
    if chosen.ndim != 1:
        raise ValueError(f"Labels must have one dimension, got {chosen.ndim}.")
    unknown = np.setdiff1d(chosen, classes).tolist()
    if unknown:
        raise ValueError(f"There is no class {unknown[0]!r} to draw: {classes.tolist()} are there.")
    return chosen
