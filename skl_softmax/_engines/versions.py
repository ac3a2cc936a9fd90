"""`show_versions`: what a fit runs on, for reports of bugs."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from sklearn import get_config
from threadpoolctl import threadpool_info

from skl_softmax._compat import HAS_DEVICES
from skl_softmax._engines.kernels import WORTH_COMPILING, fused_kernels
from skl_softmax._engines.threads import Workers

NEEDED = "numpy", "scipy", "scikit-learn", "threadpoolctl", "joblib"
OPTIONAL = "matplotlib", "numba", "dask", "torch", "zarr", "h5py", "pandas", "polars"


def show_versions() -> None:
    """Print the versions of Python and of the libraries, BLAS and its threads, and the engines.

    For reports of bugs: copy all of it.

    Examples
    --------
    >>> import skl_softmax
    >>> skl_softmax.show_versions()
    System
      python: 3...
      platform: ...
    Libraries
      skl_softmax: ...
    """
    for title, entries in _found().items():
        print(title)
        for name, value in entries.items():
            print(f"  {name}: {value}")


def _found() -> dict[str, dict[str, object]]:
    """What is printed: the entries below each title."""
    gil = getattr(sys, "_is_gil_enabled", lambda: True)()
    compiled = fused_kernels(WORTH_COMPILING) is not None
    with Workers() as workers:
        n_threads = workers.n_threads
    return {
        "System": {
            "python": f"{platform.python_version()}{'' if gil else ', free-threaded'}",
            "platform": platform.platform(),
        },
        "Libraries": {name: _version(name) for name in ("skl_softmax", *NEEDED, *OPTIONAL)},
        "Thread pools": {
            f"{pool['prefix']} {pool['version']}": f"{pool['num_threads']} threads"
            f" ({pool.get('architecture', pool['user_api'])})"
            for pool in threadpool_info()
        },
        "Engines": {
            "threads of a fit": n_threads,
            "kernels": "compiled by Numba" if compiled else "NumPy",
            "arrays on other devices": HAS_DEVICES and get_config()["array_api_dispatch"],
        },
    }


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"
