"""Arrays that are not in memory, and what is computed from them, a few rows at a time.

Anything with a shape, a NumPy dtype and rows to be sliced will do: `numpy.memmap`, datasets of Zarr
or HDF5. Nothing here holds more than the rows it is asked for.

Knows nothing of samples, classes or models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray
from scipy.sparse import issparse
from sklearn.utils import assert_all_finite

IN_MEMORY_BYTES = 2**26  # a memory-mapped array up to that size may as well be in memory
STRETCH_BYTES = 2**22  # to be read at a time


def is_on_disk(X: Any) -> bool:
    """Whether X is a matrix whose rows are to be had, but that is not in memory."""
    if isinstance(X, np.ndarray):
        return X.ndim == 2 and X.nbytes > IN_MEMORY_BYTES and _is_mapped(X)
    protocols = ("__array_interface__", "__array_namespace__", "__cuda_array_interface__")
    if any(hasattr(X, name) for name in (*protocols, "__dask_graph__", "iloc", "tocsr")):
        return False  # memory, of one kind or another, or what is no array
    is_array = isinstance(getattr(X, "dtype", None), np.dtype) and hasattr(X, "__getitem__")
    return is_array and len(getattr(X, "shape", ())) == 2


def _is_mapped(X: Any) -> bool:
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap):
            return True
        X = X.base
    return False


class OnDisk:
    """An array of which rows are read when they are asked for.

    Parameters
    ----------
    source : array with `shape`, `dtype` and ``source[start:stop]``; if wide, ``[:, start:stop]``
        Stored in chunks of ``source.chunks[0]`` rows, if it has such an attribute.
    dtype : dtype, default=None
        What rows are converted to. None: the source's.
    """

    def __init__(self, source: Any, dtype: DTypeLike | None = None) -> None:
        self._source = source
        self.shape: tuple[int, ...] = tuple(source.shape)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        self.dtype = np.dtype(source.dtype if dtype is None else dtype)
        chunks = getattr(source, "chunks", None)
        self.chunk_rows = int(chunks[0]) if chunks else 1

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> NDArray[Any]:
        """Some rows, (rows, …): consecutive ones, or sorted indices; or of all, some columns."""
        if isinstance(rows, slice | tuple) or isinstance(self._source, np.ndarray):
            return np.asarray(self._source[rows], dtype=self.dtype)
        found = [
            self[stretch][rows[first:last] - stretch.start]
            for stretch in self.stretches()
            for first, last in [np.searchsorted(rows, [stretch.start, stretch.stop])]
            if first < last
        ]
        return np.concatenate(found)

    def assert_finite(self, **names: Any) -> None:
        """Raise a ValueError if a number of it is not finite."""
        for rows in self.stretches():
            assert_all_finite(self[rows], **names)

    def stretches(self) -> Iterator[slice]:
        """Consecutive rows that make up the whole, of whole chunks, to be read one by one."""
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        return stretches(len(self), row_bytes, self.chunk_rows)


class Derived:
    """What a function makes of some rows of other arrays, when they are asked for.

    Parameters
    ----------
    function : callable
        Of the same rows of all sources; its result has them along the last axis.
    *sources : arrays with ``source[rows]`` of the same length
    """

    ndim = 1

    def __init__(self, function: Callable[..., NDArray[Any]], *sources: Any) -> None:
        self._function, self._sources = function, sources

    def __len__(self) -> int:
        return len(self._sources[0])

    def __getitem__(self, index: Any) -> NDArray[Any]:
        """Some rows: of ``[rows]``, or of ``[..., rows]`` if they are along the last axis."""
        rows = index[-1] if isinstance(index, tuple) else index
        return self._function(*(source[rows] for source in self._sources))


def parts_of(X: Any) -> Iterator[NDArray[Any]]:
    """The values of a matrix, sparse ones too; a stretch at a time if it is on disk.

    None of one on another device, where they are seen to when it is opened.
    """
    if isinstance(X, OnDisk):
        yield from (X[rows] for rows in X.stretches())
    elif issparse(X) or isinstance(X, np.ndarray):
        yield X.data if issparse(X) else X


def derived(function: Callable[..., NDArray[Any]], *arrays: Any) -> Any:
    """What a function makes of arrays: at once if they are in memory, else when it is read."""
    if any(isinstance(array, Derived) for array in arrays):
        return Derived(function, *arrays)
    return function(*arrays)


def stretches(n_rows: int, row_bytes: int = 8, chunk_rows: int = 1) -> Iterator[slice]:
    """Cut rows of that size into stretches to be read one by one."""
    step = chunk_rows * max(1, STRETCH_BYTES // max(1, row_bytes * chunk_rows))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
