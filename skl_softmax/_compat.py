"""The differences between versions of scikit-learn. No other module asks for a version.

Before 1.9 there are no callbacks: the estimator then has no `set_callbacks`, and is otherwise the
same. Support for arrays on other devices is missing too: such arrays are then converted to NumPy,
or refused. From 1.9 on it is never missing without an error. It takes nothing from scikit-learn's
private modules, which move from version to version.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from importlib import import_module
from types import ModuleType
from typing import Any, ParamSpec, TypeVar

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn import get_config

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """A base class without callbacks, for versions of scikit-learn that have none."""

    def _with_callbacks(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
        """Wrap the method in one frame on the stack, as scikit-learn's own decorator does."""

        @wraps(method)
        def managed(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
            return method(*args, **kwargs)

        return managed


HAS_DEVICES = tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9)
# The package array-api-compat, whose functions are documented, or the copy in scikit-learn.
array_api_compat: Any = None
for _name in ("sklearn.externals.array_api_compat", "array_api_compat"):
    with suppress(ImportError):
        array_api_compat = array_api_compat or import_module(_name)

__all__ = [
    "HAS_DEVICES",
    "CallbackSupportMixin",
    "check_same_device",
    "has_callbacks",
    "is_library_array",
    "is_on_device",
    "namespace_and_device",
    "to_host",
    "with_callbacks",
]


def is_library_array(X: object) -> bool:
    """Whether X is an array of a library with the array API standard, NumPy included.

    Other arrays have ``__dlpack__`` too, those of pyarrow for instance: they are converted as any
    sequence is.
    """
    if not (HAS_DEVICES and hasattr(X, "__dlpack__")):
        return False
    if array_api_compat is None:
        raise ImportError(
            "Arrays of other libraries than NumPy need a package that this scikit-learn does not"
            " bring: python -m pip install array-api-compat"
        )
    return bool(array_api_compat.is_array_api_obj(X))


def is_on_device(X: object) -> bool:
    """Whether X is an array of another library than NumPy, and array API dispatch is on."""
    if not get_config()["array_api_dispatch"] or isinstance(X, np.ndarray):
        return False
    return is_library_array(X)


def namespace_and_device(X: object) -> tuple[ModuleType, object]:
    """The library of an array, by the array API standard, and the device of the array."""
    return array_api_compat.array_namespace(X), array_api_compat.device(X)


def to_host(array: Any) -> NDArray[Any]:
    """An array of another library as NumPy's; from another device, in one transfer."""
    xp, _ = namespace_and_device(array)
    if hasattr(array, "asnumpy"):  # dpnp
        array = array.asnumpy()
    elif array_api_compat.is_torch_array(array) or array_api_compat.is_cupy_array(array):
        array = array_api_compat.to_device(array, "cpu")
    elif array_api_compat.is_array_api_strict_namespace(xp):
        array = array.to_device(xp.Device("CPU_DEVICE"))
    return np.asarray(array)


def check_same_device(X: object, estimator: object, *, attribute: str, method: str) -> None:
    """Raise a ValueError unless X is where an attribute of a fitted estimator is."""
    arrays = X, getattr(estimator, attribute)
    here, there = (namespace_and_device(a) if is_on_device(a) else ("NumPy", "cpu") for a in arrays)
    if here != there:
        raise ValueError(
            f"Inputs passed to {type(estimator).__name__}.{method}() must use the same namespace"
            " and the same device as those passed to fit(). Move X there: got"
            f" {' on '.join(map(_named, here))}, fitted were {' on '.join(map(_named, there))}."
        )


def _named(part: object) -> str:
    return str(getattr(part, "__name__", part)).rpartition(".")[2]


def with_callbacks(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a method that calls callbacks: they are released at its end, even after an error."""
    managed: Callable[Arguments, Result] = _with_callbacks(method)
    return managed


def has_callbacks(estimator: object) -> bool:
    """Whether an estimator has callbacks."""
    return bool(getattr(estimator, "_skl_callbacks", ()))
