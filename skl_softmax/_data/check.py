"""From what a user passed to checked samples, wherever they are stored: `check_samples`.

Every error names the input, the value received and what is allowed. Numbers in X that are not
finite may be left for the fit to notice: `skl_softmax._engines.finiteness` says how.

Knows scikit-learn's conventions, and nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import ceil
from typing import Any, Protocol, TypeAlias

import numpy as np
from scipy import sparse
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import validate_data

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._compat import is_on_device
from skl_softmax._data.device import DEVICE
from skl_softmax._data.disk import DISK
from skl_softmax._data.labels import (
    check_labels,
    check_proba,
    column_names,
    encode_known_labels,
    warn_of_twins,
)
from skl_softmax._data.matrix import (
    CLUSTER,
    check_columns,
    check_held_out,
    dense_if_small,
    one_entry_per_cell,
    refuse_dask,
)
from skl_softmax._data.samples import ACCEPTED, FitInput, FitParameters, Storage
from skl_softmax._data.weights import class_factors
from skl_softmax._engines.disk import derived, is_on_disk
from skl_softmax._engines.finiteness import check_finite
from skl_softmax._engines.protocol import Samples

# The sorted classes, the samples to fit, and the samples to validate on, if any.
Checked: TypeAlias = tuple[Array, Samples, Samples | None]


class Fitted(Protocol):
    """The attributes of a fitted classifier that decide codes and weights of other samples."""

    class_weight: object
    classes_: Array


def check_samples(
    estimator: FitParameters, given: FitInput, *, all_finite: bool, in_memory: bool = False
) -> Checked:
    """Return the sorted classes, the samples to fit and the samples to validate on, if any.

    The weights of the samples to fit sum to one, and so do the weights to validate with. Without
    `all_finite`, X may contain numbers that are not finite, and the caller must notice them, as
    `skl_softmax._engines.finiteness` describes. X on disk is loaded only if it must be `in_memory`.
    """
    refuse_dask(given.arrays(), "" if given.is_proba else CLUSTER)
    if given.y is None and not given.is_proba:
        name = type(estimator).__name__
        raise ValueError(
            f"This {name} estimator requires y to be passed, but the target y is None."
        )
    check_columns(given.X)
    storage = storage_of(given.X, in_memory=in_memory)
    if storage is DISK and estimator.early_stopping and given.X_val is None:
        raise ValueError(
            "early_stopping=True would copy samples that are not in memory: pass a validation set,"
            " X_val and y_val."
        )
    X = storage.open(estimator, given.X, reset=True, all_finite=all_finite)
    if given.is_proba:
        classes, y = check_proba(given.y, X, given.classes, "P")
        if given.labels is not None:
            encode_known_labels(given.labels, X, classes, "y")
    else:
        classes, y = storage.labels(given.y, X)
    warn_of_twins(classes)
    train = _check_weights(storage, X, y, given.sample_weight, "sample_weight")
    factors = class_factors(estimator.class_weight, classes, train)
    held_out = None
    if given.has_validation_set():
        held_out = _check_validation_set(estimator, given, classes)
        held_out = _weigh(held_out, factors, "sample_weight_val")
    elif estimator.early_stopping:
        fitted_rows, held_out_rows = _split(estimator, len(y), None if given.is_proba else y)
        held_out = _weigh(_take(train, held_out_rows), factors, "sample_weight")
        train = _take(train, fitted_rows)
    return classes, _weigh(train, factors, "sample_weight"), held_out


def check_known_samples(estimator: Fitted, X: Matrix, y: Any, sample_weight: object) -> Samples:
    """Return samples of a fitted estimator's classes, with weights that sum to one.

    y : labels (n_samples,), or probabilities (n_samples, n_classes) in the order of `classes_`
    """
    refuse_dask({"X": X, "y": y, "sample_weight": sample_weight}, "")
    check_columns(X)
    storage, classes = storage_of(X), to_numpy(estimator.classes_)
    X = storage.open(estimator, X, reset=False, all_finite=True)
    if _is_proba(y):
        _, y = check_proba(y, X, classes, "y")
    else:
        y = storage.known_labels(y, X, classes, "y")
    samples = _check_weights(storage, X, y, sample_weight, "sample_weight")
    factors = class_factors(estimator.class_weight, classes, samples)
    return _weigh(samples, factors, "sample_weight")


def _is_proba(y: Any) -> bool:
    """Whether y has two columns at least, as probabilities have."""
    shape = getattr(y, "shape", None) or np.shape(y)
    return len(shape) == 2 and shape[1] > 1


def storage_of(X: Matrix, *, in_memory: bool = False) -> Storage:
    """How the samples X are read: where they are stored, or `in_memory` what is on disk."""
    if is_on_disk(X) and not in_memory:
        return DISK
    return DEVICE if is_on_device(X) else MEMORY


def _open_in_memory(estimator: object, X: Matrix, *, reset: bool, all_finite: bool) -> Matrix:
    """See `Storage.open`; to fit (`reset`), small CSR becomes an array."""
    options = {**ACCEPTED, "ensure_all_finite": all_finite}
    try:
        X = validate_data(estimator, X, reset=reset, **options)
    except OverflowError as error:
        raise ValueError(f"Input X holds numbers out of the range of float64: {error}.") from error
    if not reset:
        return one_entry_per_cell(X)
    if sparse.issparse(X) and not all_finite:  # an X of another type may have become CSR
        check_finite(X, type(estimator).__name__)
    return dense_if_small(one_entry_per_cell(X))


def _parts_in_memory(X: Matrix) -> Iterable[Array]:
    """See `Storage.parts`: of CSR, the entries that are stored."""
    yield X.data if sparse.issparse(X) else X


MEMORY = Storage(_open_in_memory, check_labels, _parts_in_memory)


def _check_weights(
    storage: Storage, X: Matrix, y: Any, sample_weight: object, name: str
) -> Samples:
    """Return the samples with weights (n_samples,), the largest of them one.

    Where y is in memory, as probabilities always are, the weights are too.
    """
    weights, unit = storage.weights(sample_weight, len(y), name)
    return Samples(X, y, weights[:] if isinstance(y, np.ndarray) else weights, unit)


def _check_validation_set(estimator: FitParameters, given: FitInput, classes: Array) -> Samples:
    """Return the validation set that came with the samples to fit; its largest weight is one."""
    check_columns(given.X_val, "X_val")
    storage = storage_of(given.X_val)
    try:
        X = storage.open(estimator, given.X_val, reset=False, all_finite=storage is DEVICE)
    except ValueError as error:
        raise ValueError(f"X_val cannot be used: {error}") from error
    for numbers in storage.parts(X):
        check_held_out(numbers)
    if given.is_proba and (given.labels is None or _is_proba(given.y_val)):
        of_columns = given.classes if given.classes is not None else column_names(given.y)
        of_columns = classes if of_columns is None else of_columns
        _, y = check_proba(given.y_val, X, of_columns, given.y_val_name)
    else:
        y = storage.known_labels(given.y_val, X, classes, "y_val")
    return _check_weights(storage, X, y, given.sample_weight_val, "sample_weight_val")


def _weigh(samples: Samples, of_classes: tuple[Array, float], name: str) -> Samples:
    """Multiply the weights by the factors of the classes; divide them by their sum.

    A sample with probabilities of several classes stands for one sample of each class, weighted by
    its probability. Factors therefore change its weight and its probabilities.

    of_classes : as `class_factors` returns them
    """
    X, y, weights, unit, _ = samples
    factors, unit_of_factors = of_classes
    if (factors != 1.0).any():
        if y.ndim == 1:
            weights = derived(lambda some, codes: some * factors[codes], weights, y)
        else:
            y = y * factors
            totals = y.sum(axis=1)
            weights = weights * totals
            y /= np.where(totals > 0.0, totals, 1.0)[:, np.newaxis]
    total = float(weights.sum())
    if total == 0.0:
        raise ValueError(
            f"All weights are zero: {name} and class_weight leave no sample; at least one"
            " weight must be positive."
        )
    unit = unit * unit_of_factors * total
    if isinstance(weights, np.ndarray) and weights.strides == (0,):  # all equal: one number
        return Samples(X, y, np.broadcast_to(1.0 / len(weights), len(weights)), unit)
    return Samples(X, y, derived(lambda some: some / total, weights), unit)


def _split(estimator: FitParameters, n_samples: int, groups: Array | None) -> tuple[Array, Array]:
    """Return the indices of the samples to fit and of the samples held out for validation.

    groups : codes (n_samples,), each of which has samples in both parts; None: split at random
    """
    fraction = estimator.validation_fraction
    n_groups = 0 if groups is None else len(np.unique(groups))
    n_held_out = max(ceil(fraction * n_samples), n_groups)
    try:
        fitted, held_out = train_test_split(
            np.arange(n_samples),
            test_size=n_held_out,
            random_state=estimator.random_state,
            stratify=groups,
        )
        if groups is not None and len(np.unique(groups[fitted])) < n_groups:
            raise ValueError("Not a sample of some class would be left.")
    except ValueError as error:
        raise ValueError(
            f"early_stopping=True holds out validation_fraction={fraction} of the samples, or else"
            f" needs a validation set. {error}"
        ) from error
    return fitted, held_out


def _take(samples: Samples, rows: Array) -> Samples:
    """Copy the samples of these indices; weights that are all one still take no memory."""
    X, y, weights, unit, _ = samples
    weights = np.broadcast_to(1.0, len(rows)) if weights.strides == (0,) else weights[rows]
    return Samples(X[rows], y[rows], weights, unit)
