"""The engines: where samples can be, how they get there, and how results come back.

Each engine has the fields and the methods of `Memory`, which is the first of them.
"""

from functools import partial
from typing import ClassVar

import numpy as np
import pytest
from scipy import sparse

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import disk as _disk
from skl_softmax._engines import kernels as _kernels


def draw_problem(rng, n_samples, n_classes, decades=3.0, offset=5.0):
    """Five features with scales from 10^-decades to 10^decades, off zero, and noisy labels."""
    Z = rng.normal(size=(n_samples, 5))
    logits = Z @ rng.normal(size=(5, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return Z * np.logspace(-decades, decades, 5) + offset, y


class Memory:
    """Arrays in this process, in some layout.

    Attributes
    ----------
    classifier : type
        The estimator that fits samples there.
    refuses : dict
        What cannot be done there, and the error that says why.
    messages : dict
        Where an error says something else than it does for arrays in memory: what it says.
    has_same_steps : bool
        Whether each step is that of the reference, which has every curvature model.
    has_row_space : bool
        Whether few rows are described by as many numbers as there are rows.
    has_head_start : bool
        Whether a descent over a few rows comes first.
    exactly : dict
        Parameters without which two fits would stop at different places.
    tolerance, loss_tolerance, gap_tolerance, prediction_tolerance : dict
        Of the weights, of losses, of a duality gap, and of predictions.
    """

    classifier = SoftmaxGDClassifier
    refuses: ClassVar = {}
    messages: ClassVar = {}
    exactly: ClassVar = {}
    has_same_steps = has_row_space = has_head_start = True
    tolerance: ClassVar = {"rtol": 1e-9}
    loss_tolerance: ClassVar = {"rtol": 1e-12}
    gap_tolerance: ClassVar = {"rel": 1e-4, "abs": 1e-12}
    prediction_tolerance: ClassVar = {"rtol": 1e-8, "atol": 1e-9}

    def __init__(self, request, layout=np.ascontiguousarray):
        self._layout = layout

    def put(self, array):
        """Samples, or one number for each of them."""
        return self._layout(array) if array.ndim == 2 else array

    def put_labels(self, y):
        return y

    def fetch(self, result):
        """An attribute of a fit or a prediction as an array of NumPy."""
        return result


class SmallCsr(Memory):
    """CSR matrices that are made dense to be fitted, but not to be certified."""

    gap_tolerance: ClassVar = {"rel": 0.5, "abs": 1e-9}

    def __init__(self, request):
        super().__init__(request, sparse.csr_array)


class Csr(SmallCsr):
    """CSR matrices, that are not made dense where they are small.

    They have no full Hessian: other steps lead to the same minimum.
    """

    exactly: ClassVar = {"tol": 1e-15}
    has_same_steps = has_row_space = has_head_start = False
    tolerance: ClassVar = {"rtol": 1e-4}
    prediction_tolerance: ClassVar = {"rtol": 1e-4, "atol": 1e-6}

    def __init__(self, request):
        super().__init__(request)
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr("skl_softmax._data.check.dense_if_small", lambda X: X)


class Compiled(Memory):
    """Arrays in memory, however small, by Numba's kernels."""

    def __init__(self, request, layout):
        pytest.importorskip("numba", reason="the extra 'fast' is not installed")
        super().__init__(request, layout)
        request.getfixturevalue("monkeypatch").setattr(_kernels, "WORTH_COMPILING", 0)


class Stored:
    """What Zarr and HDF5 have in common: a shape, a dtype, chunks, and rows to be sliced."""

    def __init__(self, array, chunk_rows=None):
        self._array, self.shape, self.dtype = array, array.shape, array.dtype
        if chunk_rows is not None:
            self.chunks = (chunk_rows, *array.shape[1:])
        self.read = []

    def __getitem__(self, rows):
        if isinstance(rows, slice):
            self.read.append((rows.start, rows.stop))
        else:  # columns, of wide data
            assert len(rows) == 2
            assert isinstance(rows[1], slice)
        return self._array[rows].copy()

    def __array__(self, *args, **kwargs):
        raise AssertionError("all of it is read at once")


class Disk(Memory):
    """Arrays in files, or behind their interface."""

    refuses: ClassVar = {"hold out": "pass a validation set, X_val and y_val"}
    has_head_start = False  # to read a few rows takes as long as to read all
    messages: ClassVar = {
        "no samples": r"must have samples and features, got shape \(0, 5\)",
        "complex": "X must hold real numbers, got an array of complex128",
    }

    def __init__(self, request, kind):
        if kind in ("zarr", "h5py"):
            pytest.importorskip(kind, minversion="3")
        patch = request.getfixturevalue("monkeypatch")
        patch.setattr(_disk, "IN_MEMORY_BYTES", 0)
        patch.setattr(_disk, "STRETCH_BYTES", 2**13)
        self._kind, self._folder = kind, request.getfixturevalue("tmp_path")
        self._n_arrays = 0

    def put(self, array):
        self._n_arrays += 1
        path = self._folder / f"{self._n_arrays}.npy"
        if self._kind == "memory map" and array.size:
            np.save(path, array)
            return np.load(path, mmap_mode="r")
        if self._kind == "zarr" and array.size:
            import zarr

            chunks = (700, *(2,) * (array.ndim - 1))
            stored = zarr.create_array(
                store=str(path), shape=array.shape, chunks=chunks, dtype=array.dtype
            )
            stored[:] = array
            return stored
        if self._kind == "h5py" and array.size:
            import h5py

            return h5py.File(path, "w").create_dataset("array", data=array, chunks=True)
        return Stored(array, {"short chunks": 7, "long chunks": 700}.get(self._kind))


class Cluster(Memory):
    """Dask's collections; what is predicted is one of them, what is fitted is not."""

    refuses: ClassVar = {
        "hold out": "needs a validation set on a cluster",
        "probabilities": "fit_proba takes arrays in memory",
        "stages": "X is a Dask collection",
    }
    has_row_space = False
    messages: ClassVar = {
        "lengths": r"y has 1202 entries for 1203 samples",
        "no samples": "X must have samples, got none",
        "weights' length": "sample_weight has 1202 entries for 1203 samples",
        "a weight below zero": r"sample_weight in chunk \d+ must be .* got -",
    }

    def __init__(self, request, cut):
        pytest.importorskip("dask", reason="the extra dask is not installed")
        from skl_softmax.dask import DaskSoftmaxGDClassifier

        self.classifier, self._cut = DaskSoftmaxGDClassifier, cut

    def put(self, array):
        import dask.array

        chunks = self._cut(len(array))
        return dask.array.from_array(array, chunks=(chunks, *array.shape[1:]))

    put_labels = put

    def fetch(self, result):
        return result if isinstance(result, np.ndarray) else result.compute()


def uneven(n):
    """Lengths of chunks: one of a single row, an empty one, a long one and a short one."""
    return (1, n // 2 - 1, 0, n - n // 2 - n // 12, n // 12)


class Device(Memory):
    """Arrays of another library, on the device where it has them."""

    tolerance: ClassVar = {"rtol": 1e-8}
    loss_tolerance: ClassVar = {"rtol": 1e-10}
    prediction_tolerance: ClassVar = {"rtol": 1e-7, "atol": 1e-8}

    def __init__(self, request, library):
        request.getfixturevalue("dispatch")
        if library == "cupy":
            cupy = pytest.importorskip("cupy")
            if not cupy.cuda.is_available():
                pytest.skip("there is no CUDA device")
            self._put, self._bring = cupy.asarray, cupy.ndarray.get
        elif library == "array_api_strict":
            strict = pytest.importorskip("array_api_strict")
            there, host = strict.Device("device1"), strict.Device("CPU_DEVICE")
            self._put = partial(strict.asarray, device=there)
            self._bring = lambda array: strict.asarray(array, device=host)
        else:
            torch = pytest.importorskip("torch")
            there = torch.device("cuda:0" if "cuda" in library else "cpu")
            if there.type == "cuda" and not torch.cuda.is_available():
                pytest.skip("there is no CUDA device")
            torch.set_num_threads(1)  # several take many times as long on a busy machine
            self._put, self._bring = partial(torch.asarray, device=there), torch.Tensor.cpu

    def put(self, array):
        return self._put(array if array.flags.writeable else array.copy())  # torch wants to write

    def put_labels(self, y):
        return y if y.dtype.kind == "U" else self.put(y)  # text cannot be there

    def fetch(self, array):
        assert array.device == self._put(np.zeros(1)).device
        return np.asarray(self._bring(array))


DEVICES = {
    name: partial(Device, library=name)
    for name in ("array_api_strict", "torch", "torch on cuda", "cupy")
}
DISKS = {
    "memory map": partial(Disk, kind="memory map"),
    **{
        name: partial(Disk, kind=name)
        for name in ("rows", "short chunks", "long chunks", "zarr", "h5py")
    },
}
CLUSTERS = {
    "one Dask chunk": partial(Cluster, cut=lambda n: n),
    "even Dask chunks": partial(Cluster, cut=lambda n: -(-n // 12)),
    "uneven Dask chunks": partial(Cluster, cut=uneven),
}
ENGINES = {
    "C order": Memory,
    "F order": partial(Memory, layout=np.asfortranarray),
    "small CSR": SmallCsr,
    "CSR": Csr,
    "compiled": partial(Compiled, layout=np.ascontiguousarray),
    "compiled, F order": partial(Compiled, layout=np.asfortranarray),
    **DISKS,
    **CLUSTERS,
    **DEVICES,
}
