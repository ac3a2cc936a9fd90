"""The types of arrays, and the linear algebra of a descent, for arrays of any library.

NumPy's own functions, and its quicker ones, for NumPy's arrays: small fits are full of them.
Scalars on other devices stay there, as arrays without dimensions, until `numbers` reads them.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from types import ModuleType
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from sklearn import config_context

from skl_softmax._compat import is_library_array, move_to, namespace_and_device

Array: TypeAlias = NDArray[Any]
# NumPy and SciPy share no type for "a matrix"; both multiply with @ on either side.
Matrix: TypeAlias = Any
DeviceArray: TypeAlias = Any  # of any library with the array API standard, which has no type yet
Scalar: TypeAlias = Any  # a float, or a `DeviceArray` without dimensions
Namespace: TypeAlias = ModuleType  # a library of arrays: NumPy, or one with the standard
Estimator = TypeVar("Estimator")
KNOWN = float, type(None)  # what needs no reading from a device


def library(array: DeviceArray) -> Namespace:
    """The array's library: NumPy has the functions of the standard too."""
    return np if isinstance(array, np.ndarray) else namespace_and_device(array)[0]


def to_numpy(array: DeviceArray) -> DeviceArray:
    """An array of another library as NumPy's; anything else as it is."""
    if isinstance(array, np.ndarray) or not is_library_array(array):
        return array
    with config_context(array_api_dispatch=True):  # models outlive the setting
        return move_to(array, xp=np, device="cpu")


def on_host(estimator: Estimator) -> Estimator:
    """A fitted estimator with NumPy's arrays alone: itself, if it has no others."""
    arrays = {name: to_numpy(value) for name, value in vars(estimator).items()}
    if all(arrays[name] is value for name, value in vars(estimator).items()):
        return estimator
    host = copy(estimator)
    vars(host).update(arrays)
    return host


def dot(a: DeviceArray, b: DeviceArray) -> Scalar:
    """The sum of the products of all entries."""
    if isinstance(a, np.ndarray):
        return np.vdot(a, b)  # a float of NumPy's: divided by zero, it is infinite
    return library(a).sum(a * b)


def stack(a: DeviceArray, b: DeviceArray) -> DeviceArray:
    """Both, one after the other along a new first axis."""
    if isinstance(a, np.ndarray):
        return np.array([a, b])  # several times as fast as np.stack
    return library(a).stack([a, b])


def centered(step: DeviceArray) -> DeviceArray:
    """Steps (…, n_outputs, n_dof) without what is common to more than two classes.

    Even where that is rounding alone: the next models could blow it up.
    """
    if step.shape[-2] == 1:
        return step
    if isinstance(step, np.ndarray):
        # What step.mean does, in a third of its time where arrays are small.
        return step - np.add.reduce(step, axis=-2, keepdims=True) / step.shape[-2]
    return step - library(step).mean(step, axis=-2, keepdims=True)


def numbers(*scalars: Scalar) -> Sequence[Any]:
    """Scalars of one device as numbers, read in one go; a None stays None."""
    if isinstance(scalars[0], float):
        return scalars
    there = [scalar for scalar in scalars if not isinstance(scalar, KNOWN)]
    read = iter(move_to(library(there[0]).stack(there), xp=np, device="cpu").tolist())
    return [scalar if isinstance(scalar, KNOWN) else next(read) for scalar in scalars]
