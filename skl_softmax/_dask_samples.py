"""Dask's collections as samples on a cluster: checked, cut into chunks of rows, and encoded.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from typing import Any

import dask
import dask.array as da
import numpy as np
from sklearn.utils.validation import check_array, column_or_1d, validate_data

from skl_softmax._dask import (
    CHUNK_OPTIONS,
    Lazy,
    OnCluster,
    Summary,
    encode_chunk,
    make_chunk,
    reduce_tree,
    summarize,
)
from skl_softmax._given import Given, Samples
from skl_softmax._labels import check_two_classes
from skl_softmax._model import SoftmaxModel
from skl_softmax._rows import Array, Matrix
from skl_softmax._validation import check_columns, is_small
from skl_softmax._weights import class_factors


def is_dask(X: Any) -> bool:
    """Whether it is one of Dask's collections."""
    return bool(dask.is_dask_collection(X))


def check_dask(estimator: Any, given: Given) -> tuple[Array, Samples, Samples | None]:
    """Return the sorted classes, the samples to fit and those to validate on, if any.

    The weights of each sum to one. X is loaded, and looked at once: to see which labels there are,
    unless `given` has them, and how many samples.
    """
    check_one_engine(X=given.X, y=given.y, sample_weight=given.sample_weight)
    if given.is_proba:
        raise TypeError("fit_proba takes arrays in memory: on a cluster there are labels only.")
    known = None if given.classes is None else np.unique(column_or_1d(given.classes))
    if known is not None:
        check_two_classes(known)
    _set_features(estimator, given.X, reset=True)
    chunks, summary = _load(given.X, given.y, given.sample_weight, known, "")
    check_two_classes(summary.classes)
    missing = summary.classes[summary.counts == 0].tolist()
    if missing:
        raise ValueError(f"classes has labels {missing} that no sample has.")
    factors = class_factors(estimator.class_weight, summary.classes, lambda: summary.totals)
    train = _weigh(chunks, summary, factors, given.X.shape[1], "sample_weight")
    held_out = None
    if given.X_val is not None or given.y_val is not None or given.sample_weight_val is not None:
        names = {"X_val": given.X_val, "y_val": given.y_val}
        missing = [name for name, part in names.items() if part is None]
        if missing:
            raise ValueError(
                f"A validation set needs both X_val and y_val: {missing[0]} is missing."
            )
        check_one_engine(**names, sample_weight_val=given.sample_weight_val)
        _set_features(estimator, given.X_val, reset=False)
        loaded = _load(given.X_val, given.y_val, given.sample_weight_val, summary.classes, "_val")
        held_out = _weigh(*loaded, factors, given.X.shape[1], "sample_weight_val")
    elif estimator.early_stopping:
        raise ValueError(
            "early_stopping=True needs a validation set on a cluster: pass X_val and y_val."
        )
    return summary.classes, train, held_out


def check_one_engine(**collections: Any) -> None:
    """Raise a TypeError unless all are arrays or data frames of Dask; weights may be None."""
    for name, collection in collections.items():
        is_optional = name.startswith("sample_weight") and collection is None
        if not (is_optional or (is_dask(collection) and hasattr(collection, "_meta"))):
            raise TypeError(
                f"{name} must be a Dask array or data frame as the others are, got"
                f" {type(collection).__name__}: dask.array.from_array({name}, chunks=…) makes one."
            )


def _set_features(estimator: Any, X: Any, *, reset: bool) -> None:
    """Take down, or check, the features' number and names."""
    if X.ndim != 2:
        raise ValueError(f"X must have two dimensions, got {X.ndim}.")
    # An empty one like it knows of types, and a data frame's of names.
    check_columns(X._meta)
    if np.ma.isMaskedArray(X._meta):
        raise ValueError("Input X holds masked numbers, where numbers are needed.")
    like = X if isinstance(X, da.Array) else X._meta
    validate_data(estimator, like, reset=reset, skip_check_array=True)


def _load(
    X: Any, y: Any, weights: Any, classes: Array | None, suffix: str
) -> tuple[list[Lazy], Summary]:
    """Load chunks where they are to stay, and return what is known of them; no empty ones."""
    rows = blocks(X)
    columns = [
        [None] * len(rows) if column is None else _column(column, X, len(rows), name + suffix)
        for name, column in (("y", y), ("sample_weight", weights))
    ]
    parts = zip(range(len(rows)), rows, *columns, strict=True)
    chunks = [dask.delayed(make_chunk)(*each) for each in parts]
    summaries = [dask.delayed(summarize)(chunk, classes) for chunk in chunks]
    *chunks, merged = dask.persist(*chunks, reduce_tree(Summary.merge, summaries))
    (summary,) = dask.compute(merged)
    kept = [chunk for chunk, length in zip(chunks, summary.lengths, strict=True) if length]
    if not kept:
        raise ValueError(f"X{suffix} must have samples, got none.")
    return kept, summary._replace(lengths=[length for length in summary.lengths if length])


def to_array(collection: Any) -> da.Array:
    """A data frame or a column of one as an array, of lengths that need not be known."""
    if isinstance(collection, da.Array):
        return collection
    like = np.asarray(collection._meta)
    parts = [
        da.from_delayed(dask.delayed(np.asarray)(part), (np.nan, *like.shape[1:]), like.dtype)
        for part in collection.to_delayed()
    ]
    return da.concatenate(parts, allow_unknown_chunksizes=True)


def predict_lazily(estimator: Any, model: SoftmaxModel, method: str, X: Any) -> da.Array:
    """What a method of the model returns, chunk by chunk, when it is asked for."""
    _set_features(estimator, X, reset=False)
    X = to_array(X)
    if X.numblocks[1] > 1:
        X = X.rechunk({1: -1})
    is_float = X.dtype in (np.float32, np.float64)
    dtype = np.result_type(X.dtype if is_float else np.float64, model.coef.dtype)
    if method == "predict":
        dtype = model.classes.dtype
    shape: tuple[int, ...] = (len(model.classes),)
    if method == "predict" or (method == "decision_function" and len(model.coef) == 1):
        shape = ()

    def predict_chunk(chunk: Matrix) -> Array:
        if not chunk.shape[0]:
            return np.empty((0, *shape), dtype)
        found: Array = getattr(model, method)(check_array(chunk, **CHUNK_OPTIONS))
        return found

    meta = np.empty((0, *shape), dtype)
    if shape:
        return X.map_blocks(predict_chunk, chunks=(X.chunks[0], shape), dtype=dtype, meta=meta)
    return X.map_blocks(predict_chunk, drop_axis=1, dtype=dtype, meta=meta)


def blocks(X: Any) -> list[Lazy]:
    """The chunks of rows, as tasks."""
    if isinstance(X, da.Array):
        if X.ndim == 2 and X.numblocks[1] > 1:
            X = X.rechunk({1: -1})
        return list(X.to_delayed().ravel())
    return list(X.to_delayed())


def _column(column: Any, X: Any, n_chunks: int, name: str) -> list[Lazy]:
    """The chunks of labels or weights that go with those of X."""
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
    """Labels or weights cut into chunks of those lengths, if all are known."""
    if column.ndim != 1:
        raise ValueError(f"{name} must have one dimension, got {column.ndim}.")
    if np.isnan(lengths).any() or np.isnan(column.chunks[0]).any():
        return column
    if column.shape[0] != sum(lengths):
        raise ValueError(f"{name} has {column.shape[0]} entries for {sum(lengths)} samples.")
    return column.rechunk((lengths,))


def _weigh(
    chunks: list[Lazy], summary: Summary, factors: Array, n_features: int, name: str
) -> Samples:
    """Return the samples with codes for labels, and weights that sum to one."""
    total = float(summary.totals @ factors)
    if not 0.0 < total < np.inf:
        raise ValueError(f"{name} and class_weight must leave a finite weight > 0, got {total:g}.")
    n_samples, n_stored = sum(summary.lengths), summary.n_stored
    dense = n_stored is None or is_small((n_samples, n_features), n_stored, summary.dtype)
    encode = dask.delayed(encode_chunk)
    coded = [encode(chunk, summary.classes, factors, total, dense=dense) for chunk in chunks]
    X = OnCluster(
        list(dask.persist(*coded)),
        summary.lengths,
        n_features,
        summary.dtype,
        None if dense else (n_stored or 0) / (n_samples * n_features),
    )
    return Samples(X, None, None)
