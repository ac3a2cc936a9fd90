"""What the displays ask of an estimator: the classifier inside it, its history, its features.

Knows pipelines and searches, no picture.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from skl_softmax._model import SoftmaxModel
from skl_softmax._rows import Array


@dataclass(frozen=True)
class Trained:
    """A fitted classifier, and what a pipeline does to X before it gets there.

    Attributes
    ----------
    classifier : SoftmaxGDClassifier
    transform : callable
        From the X that the whole estimator takes to the classifier's.
    """

    classifier: Any
    transform: Callable[[Any], Any]

    def require_history(self, what: str) -> None:
        """Raise an AttributeError unless the weights of every step were kept."""
        if not hasattr(self.classifier, "coef_history_"):
            raise AttributeError(
                f"{what} needs the weights of every step: fit with store_coef_history=True."
            )

    def model(self, iteration: int) -> SoftmaxModel:
        """The model after that many steps."""
        classifier = self.classifier
        if iteration == classifier.n_iter_:
            return SoftmaxModel(classifier.classes_, classifier.coef_, classifier.intercept_)
        stage = classifier.coef_history_[iteration], classifier.intercept_history_[iteration]
        return SoftmaxModel(classifier.classes_, *stage)


def trained(estimator: Any) -> Trained:
    """Find the classifier in an estimator: itself, a pipeline's last step, a search's best.

    Raises
    ------
    NotFittedError
        If it is not fitted.
    TypeError
        If there is no classifier with a `loss_history_` in it.
    """
    if hasattr(estimator, "best_estimator_"):
        estimator = estimator.best_estimator_
    check_is_fitted(estimator)
    classifier, transform = estimator, _unchanged
    if isinstance(estimator, Pipeline):
        classifier = estimator[-1]
        if len(estimator) > 1:
            transform = estimator[:-1].transform
    if not hasattr(classifier, "loss_history_"):
        raise TypeError(
            "The display needs a fitted SoftmaxGDClassifier, or a Pipeline or search that ends in"
            f" one, got {type(classifier).__name__}."
        )
    return Trained(classifier, transform)


def _unchanged(X: Any) -> Any:
    return X


def names_of(columns: Any, n_features: int, given: Sequence[str] | None = None) -> list[str]:
    """The names of features: the given ones, or the columns' own, or x0, x1 and so on."""
    if given is None and columns is not None:
        given = [str(column) for column in columns]
    if given is None:
        return [f"x{j}" for j in range(n_features)]
    if len(given) != n_features:
        raise ValueError(f"feature_names has {len(given)} names for {n_features} features.")
    return list(given)


def index_of(feature: str | int, names: Sequence[str]) -> int:
    """Which feature is meant by a name or a number."""
    if isinstance(feature, str):
        if feature in names:
            return list(names).index(feature)
    elif isinstance(feature, int | np.integer) and 0 <= feature < len(names):
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


def check_labels(labels: Any, classes: Array) -> Array:
    """Return the labels as an array, if every one is a class."""
    chosen: Array = np.asarray(labels)
    unknown = np.setdiff1d(chosen, classes).tolist()
    if unknown:
        raise ValueError(f"There is no class {unknown[0]!r} to draw: {classes.tolist()} are there.")
    return chosen
