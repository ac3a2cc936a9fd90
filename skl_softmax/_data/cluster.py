"""Dask's collections as samples on a cluster: checked, cut into chunks of rows, and encoded.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import dask
import dask.array as da
import numpy as np
from scipy import sparse
from sklearn.utils.validation import check_array, validate_data

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._data.check import Fitted
from skl_softmax._data.labels import (
    check_classes,
    check_label_type,
    check_two_classes,
    encode,
    find_classes,
    normalize_labels,
    one_column,
    warn_of_twins,
)
from skl_softmax._data.matrix import check_columns, check_held_out, is_small, one_entry_per_cell
from skl_softmax._data.samples import ACCEPTED, FitInput, FitParameters
from skl_softmax._data.weights import class_factors, finite_weights
from skl_softmax._engines.cluster import Chunk, Lazy, OnCluster, reduce_tree
from skl_softmax._engines.protocol import Samples

Collection: TypeAlias = Any  # a Dask array, data frame or series
CHUNK_OPTIONS = {**ACCEPTED, "ensure_all_finite": False, "ensure_min_samples": 0}


class Summary(NamedTuple):
    """What is known of some chunks, as numbers in this process.

    Attributes
    ----------
    lengths : list of int
        Rows of each chunk.
    dtype : dtype
        The common dtype of their X.
    n_stored : int or None
        How many entries CSR stores in all; None: the chunks are dense.
    classes : ndarray (n_classes,)
    counts, totals : ndarray (n_classes,)
        How many samples each class has, and the sum of their weights, divided by 2**exponent.
    exponent : int
        So large that no sum of weights overflows.
    """

    lengths: list[int]
    dtype: np.dtype
    n_stored: int | None
    classes: Array
    counts: Array
    totals: Array
    exponent: int

    def merge(self, other: Summary) -> Summary:
        """The summary of the chunks of both, one after the other."""
        if (self.n_stored is None) != (other.n_stored is None):
            raise ValueError("X has dense chunks and sparse ones: all must be of one kind.")
        classes = np.union1d(self.classes, other.classes)
        counts, totals = np.zeros(len(classes), np.intp), np.zeros(len(classes))
        exponent = max(self.exponent, other.exponent)
        for part in (self, other):
            places = np.searchsorted(classes, part.classes)
            counts[places] += part.counts
            totals[places] += np.ldexp(part.totals, part.exponent - exponent)
        lengths, dtype = self.lengths + other.lengths, np.result_type(self.dtype, other.dtype)
        n_stored = None if self.n_stored is None else self.n_stored + (other.n_stored or 0)
        return Summary(lengths, dtype, n_stored, classes, counts, totals, exponent)


def make_chunk(
    number: int,
    X: Matrix,
    y: Array,
    weights: Array | None,
    *,
    n_features: int,
    is_held_out: bool,
) -> Chunk:
    """Check the rows of one chunk, and convert them to a `Chunk` with labels not encoded yet.

    Of rows that are fitted, the fit sees numbers that are not finite.
    """
    X = one_entry_per_cell(check_array(X, **CHUNK_OPTIONS))
    check_width(X, n_features, f"Chunk {number} of X")
    if is_held_out:
        check_held_out(X.data if sparse.issparse(X) else X)
    y = one_column(normalize_labels(y))
    if len(y) != X.shape[0]:
        raise ValueError(f"Chunk {number} of X has {X.shape[0]} rows, that of y {len(y)}.")
    if weights is not None:
        weights = finite_weights(weights, len(y), f"sample_weight in chunk {number}")
    return Chunk(X, y, weights)


def check_width(chunk: Matrix, n_features: int, name: str) -> None:
    """Raise a ValueError if a chunk has not the number of columns that its collection has."""
    if chunk.shape[1] != n_features:
        raise ValueError(f"{name} has {chunk.shape[1]} columns, but X has {n_features}.")


def summarize(chunk: Chunk, classes: Array | None) -> Summary:
    """The summary of one chunk; its labels must be among the classes, if these are given."""
    X, y, weights = chunk
    if classes is None:
        found, codes = find_classes(y) if len(y) else (y, np.empty(0, np.intp))
    else:
        found, codes = classes, encode(y, classes, "y")
    counts = np.bincount(codes, minlength=len(found))
    # A power of two changes no digit of a sum.
    smallest = np.finfo(np.float64).smallest_subnormal
    exponent = 0 if weights is None else int(np.frexp(weights.max(initial=smallest))[1])
    weights = None if weights is None else np.ldexp(weights, -exponent)
    totals = np.bincount(codes, weights, len(found)).astype(np.float64)
    n_stored = int(X.nnz) if sparse.issparse(X) else None
    return Summary([len(y)], X.dtype, n_stored, found, counts, totals, exponent)


def encode_chunk(
    chunk: Chunk, classes: Array, factors: Array, total: float, exponent: int, *, dense: bool
) -> Chunk:
    """Return the chunk with codes for labels, and weights times the factors, divided by the total.

    total, exponent : the total is ``total * 2**exponent``
    dense : whether CSR becomes an array
    """
    codes = encode(chunk.y, classes, "y")
    if dense and sparse.issparse(chunk.X):
        chunk = chunk._replace(X=chunk.X.toarray())
    if chunk.weights is None and (factors == 1.0).all():
        return Chunk(chunk.X, codes, np.broadcast_to(1.0 / total, len(codes)))
    weights = factors[codes] / total
    if chunk.weights is not None:
        weights *= np.ldexp(chunk.weights, -exponent)
    return Chunk(chunk.X, codes, weights)


def check_dask(estimator: FitParameters, given: FitInput) -> tuple[Array, Samples, Samples | None]:
    """Return the sorted classes, the samples to fit and the samples to validate on, if any.

    The weights of the samples to fit sum to one, and so do the weights to validate with. X is
    loaded once; its labels and lengths are read once, and become a `Summary`.
    """
    if given.is_proba:
        raise TypeError("fit_proba takes arrays in memory: on a cluster there are labels only.")
    check_one_engine(X=given.X, y=given.y, sample_weight=given.sample_weight)
    known = None if given.classes is None else np.unique(check_classes(given.classes))
    if known is not None:
        check_label_type(known, "classes")
        if len(known) < 2:
            raise ValueError(f"classes must have two labels at least, got {given.classes!r}.")
    set_features(estimator, given.X, reset=True)
    chunks, summary = _load(given.X, given.y, given.sample_weight, known, "")
    classes = summary.classes
    check_two_classes(classes)
    warn_of_twins(classes)
    missing = classes[summary.counts == 0].tolist()
    if missing:
        raise ValueError(f"classes has labels {missing} that no sample has.")
    factors = _factors(estimator, summary)
    train = _weigh(chunks, summary, factors, given.X.shape[1], "sample_weight")
    held_out = None
    if given.has_validation_set():
        X, y, weights = given.X_val, given.y_val, given.sample_weight_val
        check_one_engine(X_val=X, y_val=y, sample_weight_val=weights)
        set_features(estimator, X, reset=False)
        loaded = _load(X, y, weights, classes, "_val")
        held_out = _weigh(*loaded, factors, X.shape[1], "sample_weight_val")
    elif estimator.early_stopping:
        raise ValueError(
            "early_stopping=True needs a validation set on a cluster: pass X_val and y_val."
        )
    return classes, train, held_out


def check_known_dask(estimator: Fitted, X: Collection, y: Collection, weights: Any) -> Samples:
    """Return samples of a fitted estimator's classes, with weights that sum to one."""
    check_one_engine(X=X, y=y, sample_weight=weights)
    set_features(estimator, X, reset=False)
    chunks, summary = _load(X, y, weights, to_numpy(estimator.classes_), "")
    return _weigh(chunks, summary, _factors(estimator, summary), X.shape[1], "sample_weight")


def _factors(estimator: FitParameters | Fitted, summary: Summary) -> tuple[Array, float]:
    """See `class_factors`."""
    # A sample of each class, as heavy as all samples of its class.
    one_of_each = Samples(None, np.arange(len(summary.classes)), summary.totals)
    return class_factors(estimator.class_weight, summary.classes, one_of_each)


def check_one_engine(**inputs: object) -> None:
    """Raise a TypeError unless all are arrays or data frames of Dask; weights may be None."""
    for name, value in inputs.items():
        is_optional = name.startswith("sample_weight") and value is None
        if not (is_optional or (dask.is_dask_collection(value) and hasattr(value, "_meta"))):
            raise TypeError(
                f"{name} must be a Dask array or data frame as the others are, got"
                f" {type(value).__name__}: dask.array.from_array({name}, chunks=…) makes one."
            )


def set_features(estimator: object, X: Collection, *, reset: bool) -> None:
    """Store the number and the names of the features (`reset`), or check them."""
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}.")
    # `_meta` is an empty array or data frame with the types, and the names, of X.
    check_columns(X._meta)
    if np.ma.isMaskedArray(X._meta):
        raise ValueError("Input X holds masked numbers, where numbers are needed.")
    like = X if isinstance(X, da.Array) else X._meta
    validate_data(estimator, like, reset=reset, skip_check_array=True)


def _load(
    X: Collection, y: Collection, weights: Collection, classes: Array | None, suffix: str
) -> tuple[list[Lazy], Summary]:
    """Load the chunks, each to stay where it is, and return those with rows and their summary."""
    rows = blocks(X)
    columns = [
        [None] * len(rows) if column is None else _column(column, X, len(rows), name + suffix)
        for name, column in (("y", y), ("sample_weight", weights))
    ]
    parts = zip(range(len(rows)), rows, *columns, strict=True)
    options = {"n_features": X.shape[1], "is_held_out": suffix == "_val"}
    chunks = [dask.delayed(make_chunk)(*each, **options) for each in parts]
    summaries = [dask.delayed(summarize)(chunk, classes) for chunk in chunks]
    *chunks, merged = dask.persist(*chunks, reduce_tree(Summary.merge, summaries))
    (summary,) = dask.compute(merged)
    kept = [chunk for chunk, length in zip(chunks, summary.lengths, strict=True) if length]
    if not kept:
        raise ValueError(f"X{suffix} must have samples, got none.")
    return kept, summary._replace(lengths=[length for length in summary.lengths if length])


def to_array(collection: Collection) -> da.Array:
    """Return a Dask array of chunks with whole rows; of a data frame, their lengths are unknown."""
    if isinstance(collection, da.Array):
        is_cut = collection.ndim == 2 and collection.numblocks[1] > 1
        return collection.rechunk({1: -1}) if is_cut else collection
    like = np.asarray(collection._meta)
    parts = [
        da.from_delayed(dask.delayed(np.asarray)(part), (np.nan, *like.shape[1:]), like.dtype)
        for part in collection.to_delayed()
    ]
    return da.concatenate(parts, allow_unknown_chunksizes=True)


def blocks(X: Collection) -> list[Lazy]:
    """The chunks of rows, as tasks."""
    return list(to_array(X).to_delayed().ravel() if isinstance(X, da.Array) else X.to_delayed())


def _column(column: Collection, X: Collection, n_chunks: int, name: str) -> list[Lazy]:
    """The chunks of labels or weights, one for each chunk of X."""
    if isinstance(X, da.Array) and isinstance(column, da.Array):
        column = cut_alike(column, X.chunks[0], name)
    found = blocks(column)
    if len(found) != n_chunks:
        raise ValueError(
            f"X has {n_chunks} chunks of rows, {name} has {len(found)}, and not all their lengths"
            " are known: call X.compute_chunk_sizes() of a dask array, or use to_dask_array("
            "lengths=True) of a data frame, or cut both alike."
        )
    return found


def cut_alike(column: da.Array, lengths: tuple[float, ...], name: str) -> da.Array:
    """Cut labels or weights into chunks of those lengths, if all lengths are known."""
    if column.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got {column.ndim}.")
    if np.isnan(lengths).any() or np.isnan(column.chunks[0]).any():
        return column
    if column.shape[0] != sum(lengths):
        raise ValueError(f"{name} has {column.shape[0]} entries for {sum(lengths)} samples.")
    return column.rechunk((lengths,))


def _weigh(
    chunks: list[Lazy],
    summary: Summary,
    of_classes: tuple[Array, float],
    n_features: int,
    name: str,
) -> Samples:
    """Return the samples with codes for labels, and weights that sum to one over all chunks.

    of_classes : as `class_factors` returns them
    """
    factors, unit = of_classes
    total = float(summary.totals @ factors)
    if total == 0.0:
        raise ValueError(
            f"All weights are zero: {name} and class_weight leave no sample; at least one"
            " weight must be positive."
        )
    n_samples, n_stored = sum(summary.lengths), summary.n_stored
    dense = n_stored is None or is_small((n_samples, n_features), n_stored, summary.dtype)
    encode = dask.delayed(encode_chunk)
    common = summary.classes, factors, total, summary.exponent
    coded = [encode(chunk, *common, dense=dense) for chunk in chunks]
    density = None if dense else (n_stored or 0) / (n_samples * n_features)
    kept = list(dask.persist(*coded))
    X = OnCluster(kept, summary.lengths, n_features, summary.dtype, density)
    with np.errstate(over="ignore"):  # only alpha="1/n_samples" needs the unit, and says so
        unit *= float(np.ldexp(total, summary.exponent))
    return Samples(X, None, None, unit, summary.totals * of_classes[0] / total)
