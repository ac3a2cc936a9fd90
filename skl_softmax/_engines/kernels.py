"""Kernels: the softmax and the cross-entropy of a block of logits, computed in place by NumPy.

Logits are (n_outputs, rows); two classes have one output. NumPy adds up along the first axis with
SIMD instructions: sums along the short rows of a (rows, n_outputs) array take two to three times as
long.

The module `kernels_numba` has the same kernels compiled by Numba, if Numba is installed; `kernels`
returns the module to use. Both agree up to rounding. `kernels_numba` also computes whole passes
over a block in one call (`fused_kernels`), which this module does not.

This module knows nothing of X, of coefficients or of the data that a block is a part of.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from threading import Thread
from types import ModuleType
from typing import TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from skl_softmax._arrays import Array
from skl_softmax._engines.disk import Derived

KEPT_SAMPLES = 2**22  # samples: above so many, do not keep one float for each (32 MiB)
WORTH_COMPILING = 2**12  # logits: to load Numba takes as long as hundreds of fits with fewer

# (logits, targets, weights) -> the loss of a block; afterwards logits hold residuals s (p - y).
BlockLoss: TypeAlias = Callable[[Array, Array, Array], float]
Targets: TypeAlias = Array | Derived  # samples are along the last axis


def kernels(n_logits: int) -> ModuleType:
    """The module of kernels for data that have so many logits: this one or `kernels_numba`.

    The logits of all data count, not of a block: the choice, and so the bits of a result, must not
    depend on the number of threads or on earlier fits.
    """
    return fused_kernels(n_logits) or sys.modules[__name__]


@cache
def _compiled() -> ModuleType | None:
    """The module `kernels_numba`; None without Numba, if it fails, or if it is switched off.

    Another thread loads Numba, because Ctrl-C interrupts the main thread only. An interrupted
    import would leave a part of Numba in memory, and every later import would fail.
    """
    is_off = os.environ.get("NUMBA_DISABLE_JIT", "0") not in ("", "0")
    if is_off or find_spec("numba") is None:  # both are known without loading Numba
        return None
    found: list[ModuleType | Exception | None] = []
    thread = Thread(target=lambda: found.append(_load_compiled()), name="skl_softmax")
    thread.start()
    thread.join()
    (loaded,) = found
    if not isinstance(loaded, Exception):
        return loaded
    warnings.warn(
        f"Numba cannot be used ({type(loaded).__name__}: {loaded}). Fits use NumPy instead, which"
        " takes longer. NUMBA_DISABLE_JIT=1 in the environment avoids this warning.",
        RuntimeWarning,
        stacklevel=2,
    )
    return None


def _load_compiled() -> ModuleType | Exception | None:
    """Load Numba and compile a small function; return the error if there is one.

    The first function that Numba compiles imports more of Numba.
    """
    try:
        if import_module("numba").config.DISABLE_JIT:
            return None
        module = import_module("skl_softmax._engines.kernels_numba")
        module.sigmoid(0.0)
    except Exception as error:
        return error
    return module


def fused_kernels(n_logits: int) -> ModuleType | None:
    """The module that computes a pass over a block of dense rows in one call; None: use NumPy."""
    return _compiled() if n_logits >= WORTH_COMPILING else None


def softmax_block(logits: Array) -> None:
    """Turn logits (n_classes, rows) into probabilities."""
    logits -= logits.max(axis=0)
    np.exp(logits, out=logits)
    logits /= logits.sum(axis=0)


def log_softmax_block(logits: Array) -> None:
    """Turn logits (n_classes, rows) into log-probabilities."""
    logits -= logits.max(axis=0)
    logits -= np.log(np.exp(logits).sum(axis=0))


def sigmoid_block(logits: Array) -> None:
    """Turn logits (1, rows) into the probability of the second class."""
    logits *= 0.5
    np.tanh(logits, out=logits)  # several times as fast as scipy.special.expit
    logits *= 0.5
    logits += 0.5


def block_loss(y: Array, n_outputs: int, dtype: DTypeLike) -> tuple[BlockLoss, Targets]:
    """Return the function for the loss of a block, and its targets (…, n_samples).

    y : codes of the classes (n_samples,), or their probabilities (n_samples, n_classes)
    """
    signs = np.array([1, -1], dtype)
    fastest = kernels(len(y) * n_outputs)
    loss, form = {
        (1, True): (fastest.two_class_loss, signs.take),
        (1, False): (fastest.softmax_loss, None),
        (2, True): (_soft_two_class_loss, lambda proba: proba[:, 1]),
        (2, False): (_soft_softmax_loss, np.transpose),
    }[y.ndim, n_outputs == 1]
    if form is None:
        return loss, y
    return loss, Derived(form, y) if isinstance(y, Derived) or len(y) > KEPT_SAMPLES else form(y)


def softmax_loss(logits: Array, y: Array, weights: Array) -> float:
    """The loss of rows with labels y (rows,); logits (n_classes, rows) become residuals."""
    n = len(y)
    flat = logits.reshape(-1)
    labelled = np.multiply(y, n, dtype=np.intp)
    labelled += np.arange(n)  # the position in `flat` of the class of each row
    logits -= logits.max(axis=0)
    own = flat.take(labelled)
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    logits *= (weights / total).astype(logits.dtype, copy=False)
    flat[labelled] -= weights
    return float(weights @ (np.log(total) - own))


def two_class_loss(logits: Array, signs: Array, weights: Array) -> float:
    """The loss of rows of two classes; logits (1, rows) become residuals.

    The loss of a sample is log(1 + exp(m)), where m is the logit times the sign.

    signs : (rows,), 1 for the first class and -1 for the second
    """
    m = logits[0]
    m *= signs
    tail = np.exp(-np.abs(m))
    loss = np.log1p(tail)
    loss += np.maximum(m, 0.0)
    np.divide(np.where(m > 0.0, 1.0, tail), 1.0 + tail, out=m)
    m *= signs
    m *= weights
    return float(weights @ loss)


def _soft_softmax_loss(logits: Array, proba: Array, weights: Array) -> float:
    """The loss of rows with a probability for each class; logits become residuals.

    logits, proba : (n_classes, rows)
    """
    logits -= logits.max(axis=0)
    own = np.einsum("ki,ki->i", proba, logits)
    np.exp(logits, out=logits)
    total = logits.sum(axis=0)
    logits *= (weights / total).astype(logits.dtype, copy=False)
    logits -= proba * weights
    return float(weights @ (np.log(total) - own))


def _soft_two_class_loss(logits: Array, proba: Array, weights: Array) -> float:
    """The loss of rows with a probability of the second class; logits (1, rows) become residuals.

    The loss of a sample is log(1 + exp(z)) - p z, where z is the logit and p the probability.

    proba : (rows,)
    """
    z = logits[0]
    tail = np.exp(-np.abs(z))
    loss = np.log1p(tail) + np.maximum(z, 0.0) - proba * z
    np.divide(np.where(z > 0.0, 1.0, tail), 1.0 + tail, out=z)
    z -= proba
    z *= weights
    return float(weights @ loss)
