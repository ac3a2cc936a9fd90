"""Weights of samples and factors of classes, checked.

Every error names the input, the value received and what is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.validation import check_array

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._data.matrix import check_numbers
from skl_softmax._data.parameters import check_number
from skl_softmax._engines.disk import Derived, stretches
from skl_softmax._engines.protocol import Samples

ALLOWED = "a number or a 1D array of finite numbers >= 0, one for each sample"
# Options of `check_array`: shape and numbers are checked afterwards, with messages of their own.
LOOSE = {"ensure_2d": False, "allow_nd": True, "ensure_all_finite": False, "ensure_min_samples": 0}


def check_sample_weight(sample_weight: Any, n_samples: int, name: str) -> tuple[Array, float]:
    """Return the weights (n_samples,), divided by the largest, and the largest.

    None becomes a broadcast one.
    """
    if sample_weight is None:
        return np.broadcast_to(1.0, n_samples), 1.0
    return _relative(finite_weights(to_numpy(sample_weight), n_samples, name))


def class_totals(samples: Samples, n_classes: int) -> Array:
    """The total weight of each class, (n_classes,)."""
    y, weights = samples.y, samples.weights
    if isinstance(y, Derived):
        parts = (np.bincount(y[some], weights[some], n_classes) for some in stretches(len(y)))
        return np.asarray(sum(parts))
    return np.asarray(weights @ y if y.ndim == 2 else np.bincount(y, weights, n_classes))


def class_shares(samples: Samples, n_classes: int) -> Array:
    """The share of each class in the weight of samples whose weights sum to one, (n_classes,)."""
    known = samples.class_shares
    return class_totals(samples, n_classes) if known is None else known


def class_factors(class_weight: object, classes: Array, samples: Samples) -> tuple[Array, float]:
    """Return the factor that `class_weight` puts on the samples of each class, (n_classes,).

    The factors are divided by a number, which is returned too. "balanced" gives every class the
    same total weight. It is scikit-learn's formula with weighted counts, so that a weight of two
    means a sample seen twice.

    samples : codes or probabilities of the classes, and weights before the factors
    """
    if class_weight is None:
        return np.ones(len(classes)), 1.0
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts, shares = class_totals(samples, len(classes)), np.zeros(len(classes))
        np.divide(1.0, counts, out=shares, where=counts > 0.0)
        factors, _ = _relative(shares)
        return factors, float(counts.sum()) / (float(counts @ factors) or 1.0)  # keeps the total
    if not isinstance(class_weight, Mapping):
        error = ValueError if isinstance(class_weight, str) else TypeError
        raise error(
            "class_weight must be None, 'balanced' or a dict of class: weight,"
            f" got {class_weight!r}."
        )
    known = classes.tolist()
    if class_weight and not any(label in known for label in class_weight):
        raise ValueError(
            f"class_weight must name at least one class of y: it names {list(class_weight)}, and"
            f" the classes of y are {known}."
        )
    allowed = "a finite number >= 0"
    for label, weight in class_weight.items():
        check_number(f"class_weight[{label!r}]", weight, at_least=0.0, allowed=allowed)
    return _relative(np.array([float(class_weight.get(label, 1.0)) for label in known]))


def total_weight(sample_weight: Any, n_samples: int) -> float:
    """The sum of weights that were checked, in their own scale; None counts one for each sample.

    Counts are added up exactly, as `Samples.unit`, a product of shares, is not.
    """
    if sample_weight is None:
        return float(n_samples)
    if isinstance(sample_weight, Real):
        return float(sample_weight) * n_samples
    if hasattr(sample_weight, "__dask_graph__"):
        return float(sample_weight.sum().compute())
    weights = to_numpy(sample_weight)
    weights = weights if hasattr(weights, "dtype") else np.asarray(weights)
    return sum(float(np.sum(weights[rows], dtype=np.float64)) for rows in stretches(n_samples))


def _relative(weights: Array) -> tuple[Array, float]:
    """Divide weights by the largest, so that no product and no sum of weights overflows."""
    largest = float(weights.max()) or 1.0
    return weights / largest, largest


def check_length(weights: Any, n_samples: int, name: str) -> None:
    """Raise a ValueError unless there is one weight for each sample."""
    if len(weights) != n_samples:
        raise ValueError(
            f"{name} must be {ALLOWED}, got {len(weights)} for X with {n_samples} samples."
        )


def finite_weights(sample_weight: Any, n_samples: int, name: str) -> Array:
    """Return the weights (n_samples,), not scaled, if all are finite and >= 0."""
    if isinstance(sample_weight, Real):
        sample_weight = np.full(n_samples, sample_weight)
    try:
        check_numbers(sample_weight, name)
        weights: Array = check_array(sample_weight, dtype=np.float64, input_name=name, **LOOSE)
    except (TypeError, ValueError, OverflowError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{name} must be {ALLOWED}: {error}") from error
    if weights.ndim != 1:
        raise ValueError(f"{name} must be {ALLOWED}, got a {weights.ndim}D array.")
    check_length(weights, n_samples, name)
    (bad,) = np.nonzero(~(np.isfinite(weights) & (weights >= 0.0)))
    if len(bad):
        raise ValueError(f"{name} must be {ALLOWED}, got {weights[bad[0]]:g}.")
    return weights
