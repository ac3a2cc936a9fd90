"""Samples on a cluster: the sums over each chunk of rows are made where it lies, and added up.

A chunk is a task's result, kept by the worker that made it; a pass is one graph of a task per chunk
and a tree that adds up what they return, K x (d + 1) numbers each. The tree's shape depends on the
number of chunks alone, so no sum's bits depend on who is done first. If a worker is lost, so are
its chunks, and Dask makes them anew.

Knows nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple, Self

import dask
import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.negligible_rows import few_of
from skl_softmax._engines.protocol import NO_FLOOR, Frame, at_equal_distances, choose
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Moments, Rows, add
from skl_softmax._engines.threads import Workers

NO_PASS = "curvature", "class_weights", "ordinary"  # nor are these counted in memory
ARITY = 8  # sums that are added up by one task
Lazy = Any  # a `dask.delayed` object


class Chunk(NamedTuple):
    """Some rows, on a worker.

    Attributes
    ----------
    X : ndarray or CSR (rows, n_features)
    y : ndarray (rows,)
        Labels as they were given, or their codes.
    weights : ndarray (rows,), or None: all equal, and not encoded yet
    """

    X: Matrix
    y: Array
    weights: Any


def call(
    chunk: Chunk,
    n_outputs: int,
    dtype: DTypeLike,
    origin: Array | None,
    method: str,
    arguments: tuple[Any, ...],
) -> Any:
    """What a method of `RowSums` returns for a chunk, in one thread: the workers have their own."""
    with Workers(at_most=1) as workers, np.errstate(all="ignore"):
        rows = Rows(chunk.X, n_outputs, workers, dtype=dtype, origin=origin)
        found = getattr(RowSums(rows, chunk.y, chunk.weights), method)(*arguments)
        return found if isinstance(found, tuple) else (found,)


def concatenate(a: tuple[Array, ...], b: tuple[Array, ...]) -> tuple[Array, ...]:
    """The arrays of both, one after the other."""
    return tuple(np.concatenate(both) for both in zip(a, b, strict=True))


def reduce_tree(merge: Callable[[Any, Any], Any], tasks: Sequence[Lazy]) -> Lazy:
    """Merge what tasks return, a few at a time."""
    merge_few = dask.delayed(lambda few: reduce(merge, few), pure=False)
    while len(tasks) > 1:
        tasks = [merge_few(tasks[i : i + ARITY]) for i in range(0, len(tasks), ARITY)]
    return tasks[0]


class OnCluster:
    """A matrix in chunks of rows, with codes and weights for each.

    Parameters
    ----------
    chunks : list of tasks
        Each of a `Chunk` that is not empty.
    lengths : list of int
    n_features : int
    dtype : dtype
    density : float or None
        The share of entries that are stored; None if chunks are dense.
    """

    def __init__(
        self,
        chunks: list[Lazy],
        lengths: list[int],
        n_features: int,
        dtype: np.dtype,
        density: float | None,
    ) -> None:
        self.chunks, self.lengths = chunks, lengths
        self.shape = sum(lengths), n_features
        self.dtype, self.is_sparse = dtype, density is not None
        self.density = 1.0 if density is None else density

    def sums(
        self,
        y: Any,
        weights: Any,
        n_outputs: int,
        dtype: DTypeLike | None,
        origin: Array | None = None,
    ) -> ClusterSums:
        """What is summed over these samples less an origin, in that dtype at least."""
        del y, weights  # every chunk has its own
        return ClusterSums(self, n_outputs, np.dtype(dtype or self.dtype), origin)

    def assert_finite(self, **names: Any) -> None:
        """Raise a ValueError if a number of X is not finite."""

        def complaint(chunk: Chunk) -> str:  # not raised there: workers log what is
            try:
                assert_all_finite(chunk.X, **names)
            except ValueError as error:
                return str(error)
            return ""

        found = dask.compute(*[dask.delayed(complaint)(chunk) for chunk in self.chunks])
        if any(found):
            raise ValueError(next(filter(None, found)))


class ClusterSums:
    """The `Sums` over such a matrix: one graph for each."""

    may_copy = True

    def __init__(
        self, rows: OnCluster, n_outputs: int, dtype: np.dtype, origin: Array | None = None
    ) -> None:
        self._rows, self._origin = rows, origin
        self.n_samples, self.n_features = rows.shape
        self.n_outputs, self.dtype, self.density = n_outputs, dtype, rows.density
        self.is_sparse = rows.is_sparse and origin is None
        self.n_passes = 0
        self._few: ClusterSums | None = None

    def _call(self, merge: Callable[[Any, Any], Any], method: str, *arguments: Any) -> Any:
        """Merge what a method of `RowSums` returns for every chunk."""
        self.n_passes += method not in (
            "curvature",
            "class_weights",
            "ordinary",
        )  # nor are they in memory
        shared = dask.delayed(arguments, traverse=False)  # once in the graph
        of_chunk = dask.delayed(call, pure=False)
        parts = [
            of_chunk(chunk, self.n_outputs, self.dtype, self._origin, method, shared)
            for chunk in self._rows.chunks
        ]
        (found,) = dask.compute(reduce_tree(merge, parts), optimize_graph=False)
        return found

    def _sum(self, method: str, *arguments: Any) -> Any:
        return self._call(add, method, *arguments)

    def sample(self, n_samples: int) -> Self:
        """See `Sums.sample`; itself, if the rows chosen have no weight."""
        return self.take(choose(self.n_samples, n_samples))

    def take(self, chosen: Array) -> Self:
        """See `Sums.take`."""
        ends = np.cumsum(self._rows.lengths)
        places = np.split(chosen, np.searchsorted(chosen, ends[:-1]))
        parts = [
            (dask.delayed(take)(chunk, place - start), len(place))
            for chunk, place, start in zip(
                self._rows.chunks, places, ends - self._rows.lengths, strict=True
            )
            if len(place)
        ]
        # Kept, since it is small: each pass over the sample would otherwise take it from all anew.
        taken = dask.persist(*(chunk for chunk, _ in parts))
        parts = [(chunk, length) for chunk, (_, length) in zip(taken, parts, strict=True)]
        weights = [dask.delayed(lambda chunk: chunk.weights.sum())(chunk) for chunk, _ in parts]
        total = sum(dask.compute(*weights))
        if total == 0.0:
            return self
        chunks = [dask.delayed(divide_weights)(chunk, total) for chunk, _ in parts]
        return self._over(chunks, [length for _, length in parts], self.n_features)

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """See `Sums.ordinary`."""
        kept, weights = self._call(concatenate, "ordinary", frame, limit)
        return kept, weights

    def columns(self, features: Array) -> Self:
        """See `Sums.columns`."""
        chosen = dask.delayed(np.asarray(features))
        chunks = [dask.delayed(take_columns)(chunk, chosen) for chunk in self._rows.chunks]
        n_features = int(np.count_nonzero(features))
        part = self._over(list(dask.persist(*chunks)), self._rows.lengths, n_features)
        part._origin = None if self._origin is None else self._origin[features]
        return part

    def _over(self, chunks: list[Lazy], lengths: list[int], n_features: int) -> Self:
        density = self._rows.density if self.is_sparse else None
        rows = OnCluster(chunks, lengths, n_features, self._rows.dtype, density)
        return type(self)(rows, self.n_outputs, self.dtype, self._origin)

    def _mean(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The mean curvature of all samples or, of many, of some; (n_outputs,).

        The mean over a chunk would make results depend on how the data are cut.
        """
        if frame.has_outliers:
            return np.full(self.n_outputs, NO_FLOOR)
        if self._few is None:
            chosen = few_of(self.n_samples)
            self._few = self if chosen is None else self.take(chosen)
        return np.asarray(self._few._sum("curvature", coef, intercept)[0])

    def class_weights(self) -> Array:
        """See `Sums.class_weights`."""
        return np.asarray(self._sum("class_weights")[0])

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        loss, gradient, sums = self._sum("loss_and_gradient", coef, intercept)
        return float(loss), gradient, sums

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """See `Sums.cross_entropy`."""
        return float(self._sum("cross_entropy", coef, intercept)[0])

    def moments(self, together: bool) -> Moments:
        """See `Sums.moments`."""
        return Moments(*self._call(Moments.merge, "moments", together))

    def few_rows(self) -> Array | None:
        """See `Sums.few_rows`."""
        if self.is_sparse:
            return None
        few = self.take(at_equal_distances(self.n_samples))
        found = dask.compute(*[dask.delayed(lambda c: c.X)(chunk) for chunk in few._rows.chunks])
        X = np.concatenate([part.toarray() if sparse.issparse(part) else part for part in found])
        return np.asarray(X, np.float64) - (0.0 if self._origin is None else self._origin)

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.squares`."""
        return np.asarray(self._sum("squares", coef, intercept, frame)[0])

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.shared_gram`."""
        mean = self._mean(coef, intercept, frame)
        return np.asarray(self._sum("shared_gram", coef, intercept, frame, mean)[0])

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.class_grams`."""
        mean = self._mean(coef, intercept, frame)
        return np.asarray(self._sum("class_grams", coef, intercept, frame, mean)[0])

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.full_gram`."""
        mean = self._mean(coef, intercept, frame)
        return np.asarray(self._sum("full_gram", coef, intercept, frame, mean)[0])

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """See `Sums.free_gram`."""
        mean = self._mean(coef, intercept, frame)
        return np.asarray(self._sum("free_gram", coef, intercept, frame, dofs, mean)[0])

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """See `Sums.gram_times`."""
        return np.asarray(self._sum("gram_times", vector, frame)[0])

    def separates(self, coef: Array, intercept: Array) -> bool:
        """See `Sums.separates`."""
        return bool(self._call(min, "separates", coef, intercept)[0])

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        leads, X, own = self._call(concatenate, "leads", coef, intercept, n_samples)
        chosen = np.argsort(leads, kind="stable")[:n_samples]
        return X[chosen], own[chosen]

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """See `Sums.largest_difference`."""
        return float(self._call(max, "largest_difference", coef, intercept)[0])


def take(chunk: Chunk, rows: Array) -> Chunk:
    """Some rows of a chunk, copied."""
    X, y, weights = chunk
    return Chunk(X[rows], y[rows], weights[rows])


def take_columns(chunk: Chunk, features: Array) -> Chunk:
    """Some columns of a chunk, (n_features,) of bool, copied."""
    return chunk._replace(X=chunk.X[:, np.flatnonzero(features)])


def divide_weights(chunk: Chunk, total: float) -> Chunk:
    """The chunk with weights that many times smaller."""
    return chunk._replace(weights=chunk.weights / total)
