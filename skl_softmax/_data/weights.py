"""Weights of samples and of classes, checked.

Every error names the input, the value received and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skl_softmax._arrays import Array
from skl_softmax._data.parameters import check_number
from skl_softmax._engines.disk import Derived, stretches

ALLOWED = "a number or a 1D array of finite numbers >= 0, one for each sample"


def check_sample_weight(sample_weight: Any, n_samples: int, name: str) -> Array:
    """Return the weights (n_samples,), the largest of them one; all one is a broadcast scalar."""
    if sample_weight is None:
        return np.broadcast_to(1.0, n_samples)
    return _relative(finite_weights(sample_weight, n_samples, name))


def totals_of(y: Array, weights: Array, classes: Array) -> Array:
    """The weight of each class, (n_classes,).

    y : codes (n_samples,) or probabilities (n_samples, n_classes)
    """
    if y.ndim == 2:
        return np.asarray(weights @ y)
    if isinstance(y, Derived):
        parts = (np.bincount(y[some], weights[some], len(classes)) for some in stretches(len(y)))
        return np.asarray(sum(parts))
    return np.bincount(y, weights, len(classes))


def total_of(weights: Array) -> float:
    """The sum of weights (n_samples,)."""
    if isinstance(weights, Derived):
        return sum(float(weights[some].sum()) for some in stretches(len(weights)))
    return float(weights.sum())


def class_factors(class_weight: Any, classes: Array, totals: Callable[[], Array]) -> Array:
    """Return the factor on the weight of each class's samples, (n_classes,).

    "balanced" gives every class the same total: scikit-learn's formula, up to a factor that does
    not matter here, with weighted counts, so that a weight of two still means a sample seen twice.

    totals : callable
        What returns the classes' weights without the factors, (n_classes,).
    """
    if class_weight is None:
        return np.ones(len(classes))
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = totals()
        shares = np.zeros(len(classes))
        np.divide(1.0, counts, out=shares, where=counts > 0.0)
        return _relative(shares)
    if not isinstance(class_weight, Mapping):
        error = ValueError if isinstance(class_weight, str) else TypeError
        raise error(
            "class_weight must be None, 'balanced' or a dict of class: weight,"
            f" got {class_weight!r}."
        )
    known = classes.tolist()
    unknown = [label for label in class_weight if label not in known]
    if unknown:
        raise ValueError(f"class_weight has labels {unknown} that are not in y: it has {known}.")
    for label, weight in class_weight.items():
        check_number(
            f"class_weight[{label!r}]", weight, at_least=0.0, allowed="a finite number >= 0"
        )
    return _relative(np.array([float(class_weight.get(label, 1.0)) for label in known]))


def _relative(weights: Array) -> Array:
    """Weights in units of the largest, so that no product or sum of them overflows."""
    largest = weights.max()
    return weights / largest if largest > 0.0 else weights


def check_length(weights: Any, n_samples: int, name: str) -> None:
    """Raise a ValueError unless there is a weight for each sample."""
    if len(weights) != n_samples:
        raise ValueError(
            f"{name} must be {ALLOWED}, got {len(weights)} for X with {n_samples} samples."
        )


def finite_weights(sample_weight: Any, n_samples: int, name: str) -> Array:
    """Return the weights (n_samples,) as they are, if they are allowed."""
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    if np.ma.is_masked(sample_weight):
        raise ValueError(f"{name} must be {ALLOWED}: some are masked.")
    try:
        weights: Array = check_array(
            sample_weight,
            dtype=np.float64,
            ensure_2d=False,
            allow_nd=True,
            ensure_all_finite=False,
            ensure_min_samples=0,
            input_name=name,
        )
    except (TypeError, ValueError) as error:
        raise type(error)(f"{name} must be {ALLOWED}: {error}") from error
    if weights.ndim != 1:
        raise ValueError(f"{name} must be {ALLOWED}, got a {weights.ndim}D array.")
    check_length(weights, n_samples, name)
    (bad,) = np.nonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(bad):
        raise ValueError(f"{name} must be {ALLOWED}, got {weights[bad[0]]:g}.")
    return weights
