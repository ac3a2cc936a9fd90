"""The differences between versions of scikit-learn. No other module asks for a version.

Before 1.9 there are no callbacks: the estimator then has no `set_callbacks`, and is otherwise the
same. Support for arrays on other devices is missing too: such arrays are then converted to NumPy,
or refused.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import ParamSpec, TypeVar

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


try:
    from sklearn.externals.array_api_compat import is_array_api_obj
    from sklearn.utils._array_api import (
        check_same_namespace,
        get_namespace,
        get_namespace_and_device,
        move_to,
    )

    HAS_DEVICES = True
except ImportError:
    HAS_DEVICES = False
    check_same_namespace = get_namespace = get_namespace_and_device = move_to = None
    is_array_api_obj = None

__all__ = [
    "HAS_DEVICES",
    "CallbackSupportMixin",
    "check_same_namespace",
    "has_callbacks",
    "is_library_array",
    "is_on_device",
    "move_to",
    "namespace_and_device",
    "with_callbacks",
]


def is_library_array(X: object) -> bool:
    """Whether X is an array of a library with the array API standard, NumPy included.

    Other arrays have ``__dlpack__`` too, those of pyarrow for instance: they are converted as any
    sequence is.
    """
    return HAS_DEVICES and hasattr(X, "__dlpack__") and bool(is_array_api_obj(X))


def is_on_device(X: object) -> bool:
    """Whether X is an array of another library than NumPy, and array API dispatch is on."""
    if not (HAS_DEVICES and get_config()["array_api_dispatch"]):
        return False
    if not is_library_array(X):
        return False
    xp, is_array = get_namespace(X)
    return is_array and not xp.__name__.endswith("numpy")


def namespace_and_device(X: object) -> tuple[ModuleType, object]:
    """The library of an array, by the array API standard, and the device of the array."""
    xp, _, device = get_namespace_and_device(X)
    return xp, device


def with_callbacks(method: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Decorate a method that calls callbacks: they are released at its end, even after an error."""
    managed: Callable[Arguments, Result] = _with_callbacks(method)
    return managed


def has_callbacks(estimator: object) -> bool:
    """Whether an estimator has callbacks."""
    return bool(getattr(estimator, "_skl_callbacks", ()))
