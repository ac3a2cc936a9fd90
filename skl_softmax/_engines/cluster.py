"""The sums over samples on a Dask cluster: each worker sums over its chunks of rows.

A chunk is the result of a task, kept by the worker that computed it. A pass is one graph: a task
for each chunk, which returns n_outputs x (n_features + 1) numbers, and a tree of tasks that adds up
these results. The shape of the tree depends on the number of chunks only, so the bits of a sum do
not depend on which task ends first. If a worker is lost, Dask computes its chunks again.

This module knows nothing of the objective or the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple, Self, TypeAlias, TypeVar

import dask
import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.protocol import Frame, Subsampled, at_equal_distances, first_few
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Moments, Parts, Rows, add
from skl_softmax._engines.threads import Workers

UNCOUNTED = "curvature", "class_weights", "ordinary"  # methods that do not count as a pass
MERGED_AT_ONCE = 8  # results that one task merges: few tasks, and results of few chunks in memory
Lazy: TypeAlias = Any  # a `dask.delayed` object: any attribute, of any type
Merge: TypeAlias = Callable[[Any, Any], Any]  # of two `Parts`: `add`, `max`, `Moments.merge`
Result = TypeVar("Result")


class Chunk(NamedTuple):
    """Some rows with their labels and weights, on a worker.

    Attributes
    ----------
    X : ndarray or CSR (rows, n_features)
    y : ndarray (rows,)
        Labels, or the codes of their classes once the chunk is encoded.
    weights : ndarray (rows,) or None
        None: all weights are equal, and the chunk is not encoded yet.
    """

    X: Matrix
    y: Array
    weights: Any  # no type says that it is None before, and never after, encoding


def call(
    chunk: Chunk,
    n_outputs: int,
    dtype: DTypeLike,
    origin: Array | None,
    mean: Array | None,
    method: str,
    arguments: tuple[object, ...],
) -> Parts:
    """The result of a method of `RowSums` over a chunk, as a tuple; in one thread of a worker."""
    with Workers(at_most=1) as workers, np.errstate(all="ignore"):
        rows = Rows(chunk.X, n_outputs, workers, dtype=dtype, origin=origin)
        sums = RowSums(rows, chunk.y, chunk.weights)
        sums.known_mean = mean
        found = getattr(sums, method)(*arguments)
        return found if isinstance(found, tuple) else (found,)


def concatenate(a: Parts, b: Parts) -> Parts:
    """Concatenate the arrays of two tuples, entry by entry."""
    return tuple(np.concatenate(both) for both in zip(a, b, strict=True))


def reduce_tree(merge: Callable[[Result, Result], Result], tasks: Sequence[Lazy]) -> Lazy:
    """A task that merges the results of all tasks, `MERGED_AT_ONCE` at a time."""
    merge_few = dask.delayed(lambda few: reduce(merge, few), pure=False)
    while len(tasks) > 1:
        tasks = [
            merge_few(tasks[i : i + MERGED_AT_ONCE]) for i in range(0, len(tasks), MERGED_AT_ONCE)
        ]
    return tasks[0]


class OnCluster:
    """A matrix in chunks of rows, each with its codes of classes and its weights.

    Parameters
    ----------
    chunks : list of tasks
        The result of each is a `Chunk` that is not empty.
    lengths : list of int
        The number of rows of each chunk.
    n_features : int
    dtype : dtype
    density : float or None
        The share of the entries of X that are stored; None if chunks are dense.
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
        y: None,
        weights: None,
        n_outputs: int,
        dtype: DTypeLike | None,
        origin: Array | None = None,
    ) -> ClusterSums:
        """The sums over the rows less an origin (n_features,), computed in `dtype` at least."""
        del y, weights  # each chunk has its own labels and weights
        return ClusterSums(self, n_outputs, np.dtype(dtype or self.dtype), origin)

    def assert_finite(self, **names: str) -> None:
        """Raise a ValueError if a number of X is not finite."""

        def complaint(chunk: Chunk) -> str:  # returned, since workers log what is raised
            try:
                assert_all_finite(chunk.X, **names)
            except ValueError as error:
                return str(error)
            return ""

        found = dask.compute(*[dask.delayed(complaint)(chunk) for chunk in self.chunks])
        if any(found):
            raise ValueError(next(filter(None, found)))


class ClusterSums(Subsampled):
    """The `Sums` over a matrix on a cluster: each sum is one Dask graph."""

    may_copy = True

    def __init__(
        self, rows: OnCluster, n_outputs: int, dtype: np.dtype, origin: Array | None = None
    ) -> None:
        self._rows, self._origin = rows, origin
        self.n_samples, self.n_features = rows.shape
        self.n_outputs, self.dtype, self.density = n_outputs, dtype, rows.density
        self.is_sparse = rows.is_sparse and origin is None
        self.n_passes = 0

    def _call(
        self, merge: Merge, method: str, *arguments: object, mean: Array | None = None
    ) -> Parts:
        """Merge the results of a method of `RowSums` over all chunks."""
        self.n_passes += method not in UNCOUNTED
        shared = dask.delayed(arguments, traverse=False)  # once in the graph
        of_chunk = dask.delayed(call, pure=False)
        parts = [
            of_chunk(chunk, self.n_outputs, self.dtype, self._origin, mean, method, shared)
            for chunk in self._rows.chunks
        ]
        (found,) = dask.compute(reduce_tree(merge, parts), optimize_graph=False)
        return tuple(found)

    def _sum(self, method: str, *arguments: object, mean: Array | None = None) -> Array:
        """Add up the results of a method of `RowSums`, one array for each chunk."""
        return np.asarray(self._call(add, method, *arguments, mean=mean)[0])

    def _gram(
        self, method: str, coef: Array, intercept: Array, frame: Frame, *dofs: Sequence[Array]
    ) -> Array:
        """Add up Gram matrices, each without the rows that are negligible beside all samples.

        With the mean curvature of each chunk, results would depend on how the data are cut.
        """
        mean = self.mean_curvature(coef, intercept, frame)
        return self._sum(method, coef, intercept, frame, *dofs, mean=mean)

    def take(self, rows: Array) -> Self:
        """See `Sums.take`."""
        ends = np.cumsum(self._rows.lengths)
        places = np.split(rows, np.searchsorted(rows, ends[:-1]))
        starts = ends - self._rows.lengths
        parts = zip(self._rows.chunks, places, starts, strict=True)
        few = [dask.delayed(take)(chunk, at - start) for chunk, at, start in parts if len(at)]
        # The sample is small, and is kept: else each pass would take it from all chunks again.
        taken = dask.persist(*few)
        weights = [dask.delayed(lambda chunk: chunk.weights.sum())(chunk) for chunk in taken]
        total = sum(dask.compute(*weights))
        if total == 0.0:
            return self
        chunks = [dask.delayed(divide_weights)(chunk, total) for chunk in taken]
        return self._over(chunks, [len(place) for place in places if len(place)], self.n_features)

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

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """See `Subsampled.curvature`."""
        return self._sum("curvature", coef, intercept)

    def class_weights(self) -> Array:
        """See `Sums.class_weights`."""
        return self._sum("class_weights")

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        loss, gradient, sums = self._call(add, "loss_and_gradient", coef, intercept)
        return float(loss), gradient, sums

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """See `Sums.cross_entropy`."""
        return float(self._sum("cross_entropy", coef, intercept))

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
        return self._sum("squares", coef, intercept, frame)

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.shared_gram`."""
        return self._gram("shared_gram", coef, intercept, frame)

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.class_grams`."""
        return self._gram("class_grams", coef, intercept, frame)

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.full_gram`."""
        return self._gram("full_gram", coef, intercept, frame)

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """See `Sums.free_gram`."""
        return self._gram("free_gram", coef, intercept, frame, dofs)

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """See `Sums.gram_times`."""
        return self._sum("gram_times", vector, frame)

    def score_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.score_gram`."""
        return self._sum("score_gram", coef, intercept, frame)

    def group_scores(
        self, coef: Array, intercept: Array, frame: Frame, groups: Array, n_groups: int
    ) -> Array:
        """See `Sums.group_scores`; each chunk gets the groups of its own samples."""
        self.n_passes += 1
        of_chunk, shared = dask.delayed(call, pure=False), (self.n_outputs, self.dtype)
        of_chunks = np.split(groups, np.cumsum(self._rows.lengths)[:-1])
        parts = []
        for chunk, some in zip(self._rows.chunks, of_chunks, strict=True):
            arguments = dask.delayed((coef, intercept, frame, some, n_groups), traverse=False)
            parts.append(of_chunk(chunk, *shared, self._origin, None, "group_scores", arguments))
        (found,) = dask.compute(reduce_tree(add, parts), optimize_graph=False)
        return np.asarray(found[0])

    def separates(self, coef: Array, intercept: Array) -> bool:
        """See `Sums.separates`."""
        return bool(self._call(min, "separates", coef, intercept)[0])

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        found = self._call(concatenate, "leads", coef, intercept, n_samples)
        return first_few(n_samples, *found)

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """See `Sums.largest_difference`."""
        return float(self._call(max, "largest_difference", coef, intercept)[0])


def take(chunk: Chunk, rows: Array) -> Chunk:
    """Copy some rows of a chunk, given as indices."""
    X, y, weights = chunk
    return Chunk(X[rows], y[rows], weights[rows])


def take_columns(chunk: Chunk, features: Array) -> Chunk:
    """Copy some columns of a chunk, (n_features,) of bool."""
    return chunk._replace(X=chunk.X[:, np.flatnonzero(features)])


def divide_weights(chunk: Chunk, total: float) -> Chunk:
    """The chunk with its weights divided by a total."""
    return chunk._replace(weights=chunk.weights / total)
