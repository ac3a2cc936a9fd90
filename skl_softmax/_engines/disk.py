"""Arrays that are not in memory, and arrays computed from them, a few rows at a time.

Any object with a shape, a NumPy dtype and rows that can be sliced will do: `numpy.memmap`, datasets
of Zarr or HDF5. Nothing here holds more rows than are asked for.

Knows nothing of samples, classes or models.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from mmap import mmap
from types import EllipsisType
from typing import Any

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, Matrix

# A memory-mapped array that takes at most 256 MiB as floats is used as an array in memory: any
# machine holds it, even with a copy of some rows. The limit is a constant, so that the steps of a
# fit do not depend on the machine.
IN_MEMORY_BYTES = 2**28
# joblib maps large arrays for its workers, in a folder with this name. Each was an array in memory,
# and is fitted as one: `n_jobs` must not matter.
JOBLIB_FOLDER = "joblib_memmapping_folder_"
# 4 MiB are read at a time: large enough that Python's calls do not count, and small in memory.
STRETCH_BYTES = 2**22
Rows = slice | tuple[slice, ...] | Array


def is_on_disk(X: Matrix) -> bool:
    """Whether X is a matrix with rows to be sliced that is not in memory."""
    if isinstance(X, np.ndarray):
        itemsize = X.dtype.itemsize if X.dtype in (np.float32, np.float64) else 8
        return X.ndim == 2 and X.size * itemsize > IN_MEMORY_BYTES and _is_mapped(X)
    protocols = ("__array_interface__", "__array_namespace__", "__cuda_array_interface__")
    if any(hasattr(X, name) for name in (*protocols, "__dask_graph__", "iloc", "tocsr")):
        return False  # in the memory of some device, a collection of Dask, a frame or sparse
    is_array = isinstance(getattr(X, "dtype", None), np.dtype) and hasattr(X, "__getitem__")
    return is_array and len(getattr(X, "shape", ())) == 2


def _is_mapped(X: Any) -> bool:
    """Whether an array shows the bytes of a file of the user's.

    The type does not tell: the copy of a `numpy.memmap` is one too, but in memory.
    """
    while X is not None and not isinstance(X, mmap):
        if isinstance(X, np.memmap) and JOBLIB_FOLDER in str(X.filename):
            return False
        X = X.obj if isinstance(X, memoryview) else getattr(X, "base", None)
    return X is not None


class OnDisk:
    """An array whose rows are read when they are asked for.

    Parameters
    ----------
    source : array with `shape`, `dtype` and ``source[start:stop]``; if wide, ``[:, start:stop]``
        Stored in chunks of ``source.chunks[0]`` rows, if it has such an attribute.
    dtype : dtype, default=None
        The dtype that rows are converted to. None: the dtype of the source.
    """

    def __init__(self, source: Matrix, dtype: DTypeLike | None = None) -> None:
        self._source = source
        self.shape: tuple[int, ...] = tuple(source.shape)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))
        self.dtype = np.dtype(source.dtype if dtype is None else dtype)
        chunks = getattr(source, "chunks", None)
        self.chunk_rows = int(chunks[0]) if chunks else 1

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Rows) -> Array:
        """Read rows: a slice, or indices; or some columns of all rows, ``[:, columns]``."""
        if isinstance(rows, slice | tuple) or isinstance(self._source, np.ndarray):
            return np.asarray(self._source[rows], dtype=self.dtype)
        found = np.empty((len(rows), *self.shape[1:]), self.dtype)
        for stretch in self.stretches():
            (wanted,) = np.nonzero((rows >= stretch.start) & (rows < stretch.stop))
            if len(wanted):
                found[wanted] = self[stretch][rows[wanted] - stretch.start]
        return found

    def assert_finite(self, **names: str) -> None:
        """Raise a ValueError if the array contains a number that is not finite."""
        for part in self.parts():
            assert_all_finite(part, **names)

    def parts(self) -> Iterator[Array]:
        """Read the whole array, a stretch of rows at a time."""
        return (self[rows] for rows in self.stretches())

    def stretches(self) -> Iterator[slice]:
        """Cut all rows into stretches of whole chunks, to be read one by one."""
        row_bytes = self.dtype.itemsize * int(np.prod(self.shape[1:]))
        return stretches(len(self), row_bytes, self.chunk_rows)


class Derived:
    """An array computed from some rows of other arrays, when these rows are asked for.

    Parameters
    ----------
    function : callable
        Receives the same rows of all sources; its result has these rows along the last axis.
    *sources : arrays of the same length with ``source[rows]``
    """

    ndim = 1

    def __init__(self, function: Callable[..., Array], *sources: Array | OnDisk | Derived) -> None:
        self._function, self._sources = function, sources

    def __len__(self) -> int:
        return len(self._sources[0])

    def __getitem__(self, index: slice | Array | tuple[EllipsisType, slice | Array]) -> Array:
        """Compute ``[rows]``, or ``[..., rows]`` if the rows are along the last axis."""
        rows = index[-1] if isinstance(index, tuple) else index
        return self._function(*(source[rows] for source in self._sources))

    def sum(self) -> float:
        """The sum of all numbers, a stretch of rows at a time."""
        return sum(float(self[rows].sum()) for rows in stretches(len(self)))


def derived(function: Callable[..., Array], *arrays: Array | Derived) -> Array | Derived:
    """Apply a function to arrays: at once if all are in memory, else when rows are read."""
    if any(isinstance(array, Derived) for array in arrays):
        return Derived(function, *arrays)
    return function(*arrays)


def stretches(n_rows: int, row_bytes: int = 8, chunk_rows: int = 1) -> Iterator[slice]:
    """Cut rows of that many bytes into stretches of whole chunks, to be read one by one."""
    step = chunk_rows * max(1, STRETCH_BYTES // max(1, row_bytes * chunk_rows))
    for start in range(0, n_rows, step):
        yield slice(start, min(start + step, n_rows))
