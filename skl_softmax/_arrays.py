"""The types of arrays, and the linear algebra of a descent for arrays of any library.

For arrays of NumPy the fastest functions of NumPy are used: small fits spend their time in them.
A scalar on another device stays there, as an array without dimensions, until `numbers` reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from types import ModuleType
from typing import Any, Protocol, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skl_softmax._compat import is_library_array, namespace_and_device, to_host

Array: TypeAlias = NDArray[Any]
FloatArray: TypeAlias = NDArray[np.floating]
IntArray: TypeAlias = NDArray[np.integer]
# NumPy and SciPy share no type for "a matrix"; both multiply with @ on either side.
Matrix: TypeAlias = Any
DeviceArray: TypeAlias = Any  # of any library with the array API standard, which defines no type
Scalar: TypeAlias = Any  # a float, or a `DeviceArray` without dimensions
Namespace: TypeAlias = ModuleType  # a library of arrays: NumPy, or one with the standard
Estimator = TypeVar("Estimator")
KNOWN = float, type(None)  # types of scalars that are not on a device


class HasShape(Protocol):
    """What arrays of all libraries, sparse matrices and data frames have in common."""

    @property
    def shape(self) -> object:
        """The numbers of rows and of columns; SciPy's matrices say no type."""


MatrixLike: TypeAlias = ArrayLike | HasShape  # samples as a user passes them


def library(array: DeviceArray) -> Namespace:
    """The library of an array; NumPy has the functions of the array API standard too."""
    return np if isinstance(array, np.ndarray) else namespace_and_device(array)[0]


def to_numpy(array: DeviceArray) -> DeviceArray:
    """Convert an array of another library to NumPy; return anything else as it is."""
    if isinstance(array, np.ndarray) or not is_library_array(array):
        return array
    return to_host(array)


def put_beside(array: Array, other: DeviceArray) -> DeviceArray:
    """Return an array of NumPy's where another array is: on the device, and of the library."""
    if isinstance(other, np.ndarray) or not is_library_array(other):
        return array
    xp, device = namespace_and_device(other)
    return xp.asarray(array, dtype=other.dtype, device=device)


def on_host(estimator: Estimator) -> Estimator:
    """A copy of a fitted estimator with NumPy arrays only; itself if it has no other arrays."""
    arrays = {name: to_numpy(value) for name, value in vars(estimator).items()}
    if all(arrays[name] is value for name, value in vars(estimator).items()):
        return estimator
    host = copy(estimator)
    vars(host).update(arrays)
    return host


def dot(a: DeviceArray, b: DeviceArray) -> Scalar:
    """The sum of the products of the entries of two arrays of the same shape."""
    if isinstance(a, np.ndarray):
        return np.vdot(a, b)  # a NumPy float: dividing it by zero gives inf
    return library(a).sum(a * b)


def stack(a: DeviceArray, b: DeviceArray) -> DeviceArray:
    """Stack two arrays of the same shape along a new first axis."""
    if isinstance(a, np.ndarray):
        return np.array([a, b])  # several times as fast as np.stack
    return library(a).stack([a, b])


def centered(step: DeviceArray) -> DeviceArray:
    """Steps (…, n_outputs, n_dof) less their mean over the classes; two classes have one output.

    The mean is removed even if it is a rounding error: the next curvature models could amplify it.
    """
    if step.shape[-2] == 1:
        return step
    if isinstance(step, np.ndarray):
        # The same as step.mean, in a third of the time if arrays are small.
        return step - np.add.reduce(step, axis=-2, keepdims=True) / step.shape[-2]
    return step - library(step).mean(step, axis=-2, keepdims=True)


def numbers(*scalars: Scalar) -> Sequence[Any]:
    """Scalars of one device as floats, read in one transfer; None stays None."""
    if isinstance(scalars[0], float):
        return scalars
    there = [scalar for scalar in scalars if not isinstance(scalar, KNOWN)]
    read = iter(to_host(library(there[0]).stack(there)).tolist())
    return [scalar if isinstance(scalar, KNOWN) else next(read) for scalar in scalars]
