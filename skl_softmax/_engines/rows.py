"""The rows of a dense or CSR matrix, in memory or on disk, cut into blocks that stay in cache.

This module is the only one that knows how X is stored. It adds up the results of runs of blocks in
a fixed order, so the bits of a sum depend on the shape of the data and not on the threads. It knows
nothing of labels, classes or losses.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce
from itertools import groupby
from math import isqrt
from typing import Any, Literal, NamedTuple, TypeAlias, TypeVar

import numpy as np
from numpy.typing import DTypeLike
from scipy import sparse

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.disk import OnDisk
from skl_softmax._engines.threads import Workers

# The numbers that name no other source come from timings of passes.
BLOCK_BYTES = 2**21  # bytes of a block of X with its logits: two L2 caches, for fewer NumPy calls
BLOCK_ROWS = 512, 16384  # rows of a block: with fewer BLAS idles, more do not fit in the cache
FEW_BYTES = 2**25  # bytes that a dense copy of columns, or the results of all runs, may take
SEARCHED_ROWS = 2**20  # rows to search for a positive weight at a time: 8 MiB of weights
SHORT_ROW_FEATURES = 16  # features: NumPy is slower along shorter rows than along a copy's columns
RUN_OPERATIONS = 2**21  # multiply-adds in a run: enough to pay for handing it to a thread
RUN_GRAM_OPERATIONS = 2**25  # multiply-adds in a run of matrix products, which are faster ones
RUN_ENTRIES_PER_COLUMN = 8  # entries of X in a run for each entry of its gradient, at least
LONG_RUN = 4  # times `RUN_OPERATIONS`: handing over such a run takes hardly any of its time
FEW_RUNS, MANY_RUNS = 8, 32  # runs, at most: enough for so many threads; more if they are long
RUN_ROWS = 1024  # rows in a run whose result is a matrix: enough to pay for merging the matrix
DENSE_GROWTH = 4  # times the bytes of CSR's entries that a dense copy of some columns may take

Parts: TypeAlias = tuple[Any, ...]  # arrays of NumPy or of a device, and floats, to be added up
Result = TypeVar("Result")


class Block(NamedTuple):
    """Some consecutive rows of X."""

    rows: slice
    X: Matrix  # (rows, n_features), a view; None if the rows are made when they are read


class Rows:
    """The rows of X as consecutive blocks, gathered into runs. A thread takes a run at a time.

    Parameters
    ----------
    X : ndarray (C- or F-ordered), `OnDisk` or CSR of shape (n_samples, n_features)
    n_outputs : int
        The number of logits of a row. It decides, with X, how many rows a block has.
    workers : Workers
    dtype : dtype, default=None
        The type to compute in, at least. None: the type of X.
    origin : ndarray of shape (n_features,), default=None
        It is subtracted from every row; blocks are dense then. None: subtract nothing.
    dense : bool, default=False
        Whether blocks of CSR are made dense when they are read.
    """

    def __init__(
        self,
        X: Matrix,
        n_outputs: int,
        workers: Workers,
        *,
        dtype: DTypeLike | None = None,
        origin: Array | None = None,
        dense: bool = False,
    ) -> None:
        self.X, self.n_outputs, self._origin = X, n_outputs, origin
        self.n_samples, self.n_features = X.shape
        self.is_on_disk = isinstance(X, OnDisk)
        self.is_sparse = sparse.issparse(X) and not dense and origin is None
        self._is_made = dense or origin is not None
        # Where rows are read or made, a block has its rows only while it is used.
        self._is_read = self.is_on_disk or self._is_made
        self.dtype = np.dtype(dtype or X.dtype)
        self.n_passes = 0  # over all rows
        self._workers = workers
        n_entries = X.nnz if self.is_sparse else self.n_samples * self.n_features
        # The sums of a run have n_outputs * n_features entries: on sparse data, short runs would
        # spend their time adding up these entries.
        least = max(RUN_OPERATIONS // n_outputs, RUN_ENTRIES_PER_COLUMN * self.n_features)
        n_runs = n_entries // least
        n_runs = max(min(n_runs, FEW_RUNS), min(n_runs // LONG_RUN, MANY_RUNS))
        n_runs = int(np.clip(n_runs, 1, self.n_samples))
        if self.is_sparse:
            block_rows = -(-self.n_samples // n_runs)
        else:
            row_bytes = (self.n_features + n_outputs) * self.dtype.itemsize
            block_rows = int(np.clip(BLOCK_BYTES // row_bytes, *BLOCK_ROWS))
            n_blocks = max(-(-self.n_samples // block_rows), n_runs)
            block_rows = -(-self.n_samples // n_blocks)
        self.block_rows = block_rows
        self.run_rows = block_rows * -(-self.n_samples // (block_rows * n_runs))
        self.runs = self._cut(self.block_rows, self.run_rows)

    def take(self, chosen: Array) -> Rows:
        """Return a copy of the chosen rows."""
        return self._over(self.X[chosen])

    def dense(self, chosen: Array | slice) -> Array:
        """Return the chosen rows (rows, n_features) as a dense array of float64, whatever X is."""
        X = self.X[chosen]
        X = np.asarray(X.toarray() if sparse.issparse(X) else X, np.float64)
        return X if self._origin is None else X - self._origin

    def made_dense(self) -> Rows:
        """Return these rows in blocks that are made dense when they are read."""
        return Rows(self.X, self.n_outputs, self._workers, dtype=self.dtype, dense=True)

    def _over(self, X: Matrix, columns: Array | slice = slice(None)) -> Rows:
        """Return `Rows` of X, some rows or columns of this X, made as these rows are."""
        origin = None if self._origin is None else self._origin[columns]
        dense = self._is_made
        return Rows(X, self.n_outputs, self._workers, dtype=self.dtype, origin=origin, dense=dense)

    def columns(self, chosen: Array) -> Rows:
        """Return a copy of the chosen columns, (n_features,) of bool; a small copy is dense."""
        chosen = np.flatnonzero(chosen)
        if sparse.issparse(self.X):
            X = self.X[:, chosen]
            n_bytes = self.n_samples * len(chosen) * X.dtype.itemsize
            if n_bytes <= max(FEW_BYTES, DENSE_GROWTH * X.data.nbytes):
                X = X.toarray()
        else:
            X = self.X.take(chosen, axis=1)  # X[:, chosen] would be in F order
        return self._over(X, chosen)

    def _cut(self, block_rows: int, run_rows: int) -> list[list[Block]]:
        """Cut the rows into runs of blocks; on disk, blocks also end where a stored chunk ends."""
        chunk_rows = run_rows
        if self.is_on_disk and self.X.chunk_rows > 1:
            chunk_rows = self.X.chunk_rows * max(1, block_rows // self.X.chunk_rows)
            run_rows = chunk_rows * -(-run_rows // chunk_rows)
        return [
            [
                Block(slice(i, end), None if self._is_read else self._view(i, end))
                for chunk in range(start, stop, chunk_rows)
                for i in range(chunk, min(chunk + chunk_rows, stop), block_rows)
                for end in [min(i + block_rows, chunk + chunk_rows, stop)]
            ]
            for start in range(0, self.n_samples, run_rows)
            for stop in [min(start + run_rows, self.n_samples)]
        ]

    def read(self, run: list[Block]) -> Iterator[Block]:
        """Yield the blocks of a run, with their rows."""
        if not self._is_read:
            yield from run
            return
        for block in self._read_from_disk(run) if self.is_on_disk else run:
            X = self._view(block.rows.start, block.rows.stop) if block.X is None else block.X
            X = X.toarray() if sparse.issparse(X) else X
            if self._origin is not None:
                X = np.subtract(X, self._origin, dtype=self.dtype)
            yield block._replace(X=X)

    def _read_from_disk(self, run: list[Block]) -> Iterator[Block]:
        """Yield the blocks of a run; the blocks of a stored chunk are read at once."""
        for _, group in groupby(run, lambda block: block.rows.start // self.X.chunk_rows):
            blocks = list(group)
            first = blocks[0].rows.start
            X = self.X[first : blocks[-1].rows.stop]
            for block in blocks:
                yield block._replace(X=X[block.rows.start - first : block.rows.stop - first])

    def _runs(self, size: int) -> list[list[Block]]:
        """The runs for results with `size` entries each; 0: a result is small.

        Either the results of all runs together are small, or the runs are so long that the results
        are smaller than the rows. Runs for a matrix may be shorter than for a pass over X, since
        computing the matrix takes longer.
        """
        if size == 0:
            return self.runs
        n_at_once = FEW_BYTES // (8 * size) or 1
        enough = max(RUN_ROWS, self.n_samples // n_at_once)
        run_rows = self.run_rows
        if size > self.n_features:
            n_runs = min(FEW_RUNS, self.n_samples * size // RUN_GRAM_OPERATIONS)
            run_rows = min(run_rows, -(-self.n_samples // max(1, n_runs)))
        run_rows = max(run_rows, min(size // self.n_features, enough))
        block_rows = max(self.block_rows, isqrt(size) // 2)
        if (block_rows, run_rows) == (self.block_rows, self.run_rows):
            return self.runs
        return self._cut(block_rows, run_rows)

    def _view(self, start: int, stop: int) -> Matrix:
        """The rows from start to stop, without a copy; SciPy's own slicing of CSR would copy."""
        if not sparse.issparse(self.X):
            return self.X[start:stop]
        first, last = self.X.indptr[start], self.X.indptr[stop]
        view = type(self.X)((stop - start, self.n_features), dtype=self.X.dtype)
        view.data, view.indices = self.X.data[first:last], self.X.indices[first:last]
        # Of one integer type: SciPy allows two types, scikit-learn does not.
        view.indptr = (self.X.indptr[start : stop + 1] - first).astype(view.indices.dtype)
        return view

    def map(self, function: Callable[[list[Block]], Result]) -> list[Result]:
        """Return ``function(run)`` for every run, in order."""
        self.n_passes += 1
        return list(self._workers.map(function, self.runs))

    def reduce(
        self,
        merge: Callable[[Result, Result], Result],
        function: Callable[[list[Block]], Result],
        *,
        size: int = 0,
    ) -> Result:
        """Merge the results ``function(run)`` of every run into one, in order.

        `size` is the number of entries of a result: large results need long runs, so that merging
        takes little time beside computing.
        """
        self.n_passes += 1
        return reduce(merge, self._workers.map(function, self._runs(size)))

    def sum(self, function: Callable[[list[Block]], Parts], *, size: int = 0) -> Parts:
        """Add up the tuples ``function(run)``, in order; `size` as in `reduce`."""
        self.n_passes += 1
        return reduce(add, self._workers.map(function, self._runs(size)))

    def linear(
        self, run: list[Block], coef: Array, intercept: Array
    ) -> Iterator[tuple[Block, Array]]:
        """Yield each block with ``coef @ block.X.T + intercept``, (n_outputs, rows).

        All logits are in one buffer: a caller may change them, until the next block is read.
        """
        n_outputs = len(coef)
        dtype = max(self.dtype, coef.dtype)
        if not self.is_sparse:
            coef = np.asfortranarray(coef)  # for few outputs BLAS is up to twice as fast
        longest = max(block.rows.stop - block.rows.start for block in run)
        buffer = np.empty(n_outputs * longest, dtype=dtype)
        for block in self.read(run):
            n = block.X.shape[0]
            logits = buffer[: n_outputs * n].reshape(n_outputs, n)
            if self.is_sparse:
                logits[...] = (block.X @ coef.T).T
            else:
                np.matmul(coef, block.X.T, out=logits)
            logits += intercept[:, np.newaxis]
            yield block, logits

    def column_moments(
        self,
        weights: Array,
        *,
        together: bool = False,
        of_block: Callable[..., tuple[float, Array, Array]] | None = None,
    ) -> Moments:
        """The weighted means of the columns, (n_features,), and their variances or covariances.

        The moments of blocks are merged by Chan's rule. A row of the data is subtracted from all
        rows first: offsets of any size then cancel exactly, so the variance of a constant column is
        zero and not a rounding error.

        Parameters
        ----------
        weights : ndarray of shape (n_samples,)
            Non-negative, summing to one.
        together : bool, default=False
            Whether to return covariances (n_features, n_features), of dense rows only, in place
            of variances (n_features,).
        of_block : callable, default=None
            Returns the total, mean and scatter (if together) of a dense block, from its X, its
            weights and an origin (n_features,). None: NumPy computes them.

        References
        ----------
        T. F. Chan, G. H. Golub and R. J. LeVeque, "Algorithms for computing the sample variance",
        The American Statistician 37, 1983. https://doi.org/10.1080/00031305.1983.10483115
        """
        n_features = self.n_features
        first = _first_positive(weights)
        origin = self.dense(slice(first, first + 1))[0]

        def block_moments(block: Block) -> Moments:
            weight = weights[block.rows]
            total = float(weight.sum())
            if total == 0.0:  # 0 times a number that is not finite is NaN
                return nothing._replace(mean=0.0 * np.asarray(block.X.sum(axis=0)).ravel())
            if self.is_sparse:
                return _sparse_moments(block.X, np.ascontiguousarray(weight), origin)
            if of_block is not None:
                return Moments(*of_block(block.X, weight, origin))
            order: Literal["C", "K"] = "C" if n_features < SHORT_ROW_FEATURES else "K"
            shifted = np.subtract(block.X.T, origin[:, np.newaxis], order=order)
            mean = shifted @ (weight / total)
            shifted -= mean[:, np.newaxis]
            shifted *= np.sqrt(weight)
            if together:
                return Moments(total, mean, shifted @ shifted.T)
            return Moments(total, mean, np.einsum("ij,ij->i", shifted, shifted))

        scatter = np.zeros((n_features, n_features) if together else n_features)
        nothing = Moments(0.0, np.zeros(n_features), scatter)
        merged = self.reduce(
            Moments.merge,
            lambda run: reduce(Moments.merge, map(block_moments, self.read(run))),
            size=scatter.size,
        )
        return Moments(merged.total, origin + merged.mean, merged.scatter)


def _sparse_moments(X: Matrix, weights: Array, origin: Array) -> Moments:
    """The moments of CSR rows (rows, n_features), their means less an origin (n_features,).

    The zeros of a column that are not stored have the weight that its stored numbers leave. For a
    full column this weight is exactly 0, so the column's offset cancels as it does in dense rows.
    """
    n_features = X.shape[1]
    total = float(weights.sum())
    of_entries = np.repeat(weights, np.diff(X.indptr))
    columns, deviations = X.indices, X.data - origin[X.indices]

    def sums(values: Array) -> Array:
        return np.bincount(columns, values, n_features)

    is_full = np.bincount(columns[of_entries > 0.0], minlength=n_features) == np.count_nonzero(
        weights
    )
    of_zeros = np.where(is_full, 0.0, np.maximum(total - sums(of_entries), 0.0))
    mean = (sums(of_entries * deviations) - of_zeros * origin) / total
    scatter = sums(of_entries * (deviations - mean[columns]) ** 2)
    return Moments(total, mean, scatter + of_zeros * (origin + mean) ** 2)


def _first_positive(weights: Array) -> int:
    """The index of the first row with a positive weight; 0 if there is none."""
    for start in range(0, len(weights), SEARCHED_ROWS):
        positive = weights[start : start + SEARCHED_ROWS] > 0.0
        if positive.any():
            return start + int(positive.argmax())
    return 0


def add(a: Parts, b: Parts) -> Parts:
    """Add up two tuples, entry by entry."""
    return tuple(x + y for x, y in zip(a, b, strict=True))


class Moments(NamedTuple):
    """The weight, the means and the scatter of the columns of some rows.

    Attributes
    ----------
    total : float
        The weight of the rows.
    mean : ndarray (n_features,)
    scatter : ndarray (n_features, n_features) or (n_features,)
        The weighted sums of products of deviations from the means, or of squared deviations only.
    """

    total: float
    mean: Array
    scatter: Array

    def merge(self, other: Moments) -> Moments:
        """Return the moments of both sets of rows."""
        total = self.total + other.total
        share = other.total / total if total > 0.0 else 0.0
        difference = other.mean - self.mean
        scatter = self.total * share * difference
        scatter = scatter * (difference if self.scatter.ndim == 1 else difference[:, np.newaxis])
        scatter += self.scatter
        scatter += other.scatter
        return Moments(total, self.mean + share * difference, scatter)
