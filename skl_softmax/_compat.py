"""What differs between versions of scikit-learn: the only place that asks.

Before 1.9 there are no callbacks: the estimator then has no `set_callbacks`, and is otherwise the
same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

Method = TypeVar("Method", bound=Callable[..., Any])

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _with_callbacks
except ImportError:

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing."""

    def _with_callbacks(method: Any) -> Any:
        """Give the method a frame of its own on the stack, as where there are callbacks."""

        @wraps(method)
        def managed(*args: Any, **kwargs: Any) -> Any:
            return method(*args, **kwargs)

        return managed


__all__ = ["CallbackSupportMixin", "has_callbacks", "with_callbacks"]


def with_callbacks(method: Method) -> Method:
    """Let go of callbacks, whatever happens, after a method that has begun to tell them."""
    managed: Method = _with_callbacks(method)
    return managed


def has_callbacks(estimator: Any) -> bool:
    """Whether there is anyone to tell how a fit goes."""
    return bool(getattr(estimator, "_skl_callbacks", ()))
