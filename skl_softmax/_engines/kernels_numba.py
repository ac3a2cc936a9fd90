"""Kernels compiled by Numba: the functions that fits spend their time in.

Numba compiles a function at its first call, and keeps it on disk. This module has two parts.

The first part has the kernels of the module `kernels`. On processors without AVX-512, NumPy
computes exponentials and logarithms of float64 one by one. Here both are written out, so that the
compiled code computes as many at once as the processor can, in one sweep over a block in place of a
dozen.

The second part has whole passes over a block of dense rows, in one call in place of a dozen. The
call does not hold the lock of the interpreter, so threads do not wait for the lock between small
calls of NumPy. The rows are still in the cache when they are multiplied for the second time.

All compiled functions are in one file: Numba does not notice a change of a called function in
another file. A compiled function that Python calls fills given arrays and returns none: to make an
array, Numba runs Python code, and Ctrl-C at that moment would be a SystemError.

This module knows a block: its rows, labels, weights and coordinates, but not the data it is a part
of. It needs Numba, so only the module `kernels` may import it.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Any, ClassVar, ParamSpec, TypeVar

import numpy as np
from numba import njit

from skl_softmax._arrays import Array

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

# The bits of a float64: a sign, an exponent e, and a fraction, for 2**(e - BIAS) (1 + fraction).
FRACTION_BITS, BIAS = 52, 1023
SQRT_HALF = int(np.float64(math.sqrt(0.5)).view(np.int64))  # the bits of the square root of 1/2
TO_INTEGER = 1.5 * 2.0**52  # a number added to it is rounded to an integer, in its last bits
ZERO = int(np.float64(TO_INTEGER).view(np.int64))  # the bits of TO_INTEGER + 0
LOG2_E = 1.0 / math.log(2.0)
# log(2) in two parts: the first has so few bits that an integer times it is exact.
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
LEAST = -708.0  # a smaller x has an exp(x) below the normal float64: inexact, and slow to multiply
EXP_TERMS = tuple(1.0 / math.factorial(k) for k in range(12, -1, -1))  # of Taylor, last one first
ATANH_TERMS = tuple(1.0 / (2 * k + 1) for k in range(9, -1, -1))  # of Taylor, last one first

# How many rows are multiplied at a time, as measured. Below 16 rows OpenBLAS is slow for any number
# of classes; above a hundred it is slower for few classes, with AVX-512. The rows must still be in
# the cache, of PRODUCT_BYTES bytes, for the second product.
PRODUCT_ROWS, PRODUCT_BYTES = (16, 96), 2**19
TWO_CLASS_ROWS = 1024  # by a vector OpenBLAS multiplies any number as fast: fewer calls are better


class _Cache:
    """Numba's cache of a compiled function, on disk. Without it, the function is compiled again.

    A file of the cache may be damaged or may not be readable, and the disk may be full.

    Parameters
    ----------
    cache : numba.core.caching.FunctionCache
    """

    has_warned: ClassVar[bool] = False

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cache, name)

    def load_overload(self, *signature: object) -> Any:
        """Return the compiled function, or None if the cache does not have it or is damaged."""
        try:
            return self._cache.load_overload(*signature)
        except Exception as error:
            self._warn(error)
            with suppress(Exception):
                self._cache.flush()  # else the damaged file would stay
            return None

    def save_overload(self, *compiled: object) -> None:
        """Store a compiled function, if that is possible."""
        try:
            self._cache.save_overload(*compiled)
        except Exception as error:
            self._warn(error)

    def _warn(self, error: Exception) -> None:
        """Warn once, not once for each function."""
        if not _Cache.has_warned:
            _Cache.has_warned = True
            warnings.warn(
                f"Numba's cache of compiled functions in {self._cache.cache_path} cannot be used"
                f" ({type(error).__name__}: {error}). The functions are compiled again, which takes"
                " some seconds.",
                RuntimeWarning,
                stacklevel=2,
            )


def compiled(function: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Compile a function at its first call; a product and a sum may be rounded as one."""
    options: dict[str, object] = {
        "nogil": True,
        "fastmath": {"contract"},
        "error_model": "numpy",  # "python" checks each division for zero, one number at a time
    }
    try:
        made = njit(cache=True, **options)(function)
    except RuntimeError:  # Numba may write to no folder
        made = njit(**options)(function)
    made._cache = _Cache(made._cache)
    found: Callable[Arguments, Result] = made
    return found


@compiled
def _exp(x: float) -> float:
    """exp(x) for x <= 0, accurate to two units in the last place; zero below 1e-307.

    exp(x) = 2**k exp(r), where k is an integer and abs(r) <= log(2) / 2; exp(r) by Taylor's series.
    """
    is_zero = x < LEAST  # false if x is NaN: then the result is NaN
    x = LEAST if is_zero else x
    rounded = np.float64(x * LOG2_E + TO_INTEGER)
    k = rounded - TO_INTEGER
    r = (x - k * LN2_HIGH) - k * LN2_LOW
    power = np.float64(0.0)
    for term in EXP_TERMS:
        power = power * r + term
    exponent = rounded.view(np.int64) - ZERO + BIAS
    return 0.0 if is_zero else power * np.int64(exponent << FRACTION_BITS).view(np.float64)


@compiled
def _log1p(x: float) -> float:
    """log(1 + x) for x >= 0, accurate to a few units in the last place.

    u = 1 + x = 2**k m, where k is an integer and 1/2 <= m**2 <= 2; log(m) = 2 atanh(ratio).
    The last term of the result corrects the rounding error of u.
    """
    u = np.float64(1.0 + x)
    k = (u.view(np.int64) - SQRT_HALF) >> FRACTION_BITS
    m = np.int64(u.view(np.int64) - (k << FRACTION_BITS)).view(np.float64)
    ratio = (m - 1.0) / (m + 1.0)
    square, atanh = ratio * ratio, np.float64(0.0)
    for term in ATANH_TERMS:
        atanh = atanh * square + term
    k_float = np.int64(k + ZERO).view(np.float64) - TO_INTEGER
    log = k_float * LN2_HIGH + (k_float * LN2_LOW + 2.0 * ratio * atanh)
    return log + (x - (u - 1.0)) / u


@compiled
def sigmoid(z: float) -> float:
    """1 / (1 + exp(-z)), for any z, without overflow."""
    tail = _exp(-abs(z))
    return (1.0 if z > 0.0 else tail) / (1.0 + tail)


@compiled
def _exponentials(logits: Array) -> tuple[Array, Array]:
    """Turn logits (n_classes, rows) into exp(logits - largest); return largest and sums (rows,)."""
    n_classes, n = logits.shape
    largest, total = logits[0].astype(np.float64), np.zeros(n)
    for k in range(1, n_classes):
        for i in range(n):
            largest[i] = logits[k, i] if logits[k, i] > largest[i] else largest[i]
    for k in range(n_classes):
        for i in range(n):
            exponential = _exp(logits[k, i] - largest[i])
            logits[k, i] = exponential
            total[i] += exponential
    return largest, total


@compiled
def _scale(logits: Array, factors: Array) -> None:
    """Multiply logits (n_classes, rows) by factors (rows,), in place."""
    n_classes, n = logits.shape
    for k in range(n_classes):
        for i in range(n):
            logits[k, i] *= factors[i]


@compiled
def softmax_block(logits: Array) -> None:
    """See `kernels.softmax_block`."""
    _, total = _exponentials(logits)
    _scale(logits, 1.0 / total)


@compiled
def log_softmax_block(logits: Array) -> None:
    """See `kernels.log_softmax_block`."""
    largest, total = _exponentials(logits.copy())
    n_classes, n = logits.shape
    for i in range(n):
        total[i] = _log1p(total[i] - 1.0)
    for k in range(n_classes):
        for i in range(n):
            logits[k, i] = (logits[k, i] - largest[i]) - total[i]


@compiled
def sigmoid_block(logits: Array) -> None:
    """See `kernels.sigmoid_block`."""
    z = logits[0]
    for i in range(len(z)):
        z[i] = sigmoid(np.float64(z[i]))


def softmax_loss(logits: Array, y: Array, weights: Array) -> float:
    """See `kernels.softmax_loss`."""
    losses, labels = np.empty(len(y)), y.astype(np.intp, copy=False)
    _softmax_losses(logits, labels, np.ascontiguousarray(weights), losses)
    return float(losses.sum())


@compiled
def _softmax_losses(logits: Array, y: Array, weights: Array, losses: Array) -> None:
    """Write the losses (rows,) for labels y (rows,); logits (n_classes, rows) become residuals."""
    n = len(y)
    for i in range(n):
        losses[i] = -logits[y[i], i]
    largest, total = _exponentials(logits)
    for i in range(n):
        losses[i] = weights[i] * ((losses[i] + largest[i]) + _log1p(total[i] - 1.0))
        total[i] = weights[i] / total[i]
    _scale(logits, total)
    for i in range(n):
        logits[y[i], i] -= weights[i]


def two_class_loss(logits: Array, signs: Array, weights: Array) -> float:
    """See `kernels.two_class_loss`."""
    losses = np.empty(len(signs))
    _two_class_losses(logits, signs, np.ascontiguousarray(weights), losses)
    return float(losses.sum())


@compiled
def _two_class_losses(logits: Array, signs: Array, weights: Array, losses: Array) -> None:
    """Write the losses (rows,) for signs (rows,); logits (1, rows) become residuals."""
    z = logits[0]
    for i in range(len(signs)):
        m = np.float64(z[i] * signs[i])
        losses[i] = weights[i] * ((m if m > 0.0 else 0.0) + _log1p(_exp(-abs(m))))
        z[i] = weights[i] * signs[i] * sigmoid(m)


def softmax_pass(
    X: Array, y: Array, weights: Array, coef: Array, intercept: Array
) -> tuple[float, Array, Array]:
    """The loss of rows, its gradient for coef and its gradient for intercept, in one call.

    With the residuals R = s (p - y), the gradients are R X and the sums of R over the rows.

    X : ndarray (rows, n_features), in any order, of the dtype of coef and intercept
    y : ndarray of int (rows,)
    weights : ndarray of float64 (rows,)
    coef : ndarray (n_classes, n_features)
    intercept : ndarray (n_classes,)
    """
    labels, weights = y.astype(np.intp, copy=False), np.ascontiguousarray(weights)
    gradient, sums = np.zeros(coef.shape), np.zeros(len(coef))
    coef = np.asfortranarray(coef)
    loss = _softmax_pass(X, labels, weights, coef, intercept, gradient, sums)
    return loss, gradient, sums


@compiled
def _softmax_pass(
    X: Array, y: Array, weights: Array, coef: Array, intercept: Array, gradient: Array, sums: Array
) -> float:
    """See `softmax_pass`. y and weights are contiguous; adds to gradient and sums."""
    n_classes, n_features = coef.shape
    step = max(PRODUCT_ROWS[0], min(PRODUCT_BYTES // (n_features * X.itemsize), PRODUCT_ROWS[1]))
    part, buffer = np.empty(coef.shape, X.dtype), np.empty(n_classes * step, X.dtype)
    loss, losses = 0.0, np.empty(step)
    for start in range(0, len(X), step):
        few = slice(start, start + step)
        rows = np.ascontiguousarray(X[few])  # copies only rows in another order
        n = len(rows)
        logits = buffer[: n_classes * n].reshape(n_classes, n)
        np.dot(coef, rows.T, logits)
        for k in range(n_classes):
            logits[k] += intercept[k]
        _softmax_losses(logits, y[few], weights[few], losses)  # logits now hold residuals
        loss += losses[:n].sum()
        np.dot(logits, rows, part)
        gradient += part
        for k in range(n_classes):
            for i in range(n):
                sums[k] += logits[k, i]
    return loss


def two_class_pass(
    X: Array, signs: Array, weights: Array, coef: Array, intercept: Array
) -> tuple[float, Array, Array]:
    """The loss of rows of two classes and its two gradients, in one call. See `softmax_pass`.

    signs : (rows,), 1 for the first class and -1 for the second
    coef : (1, n_features)
    """
    weights, coef = np.ascontiguousarray(weights), np.ascontiguousarray(coef)
    gradient, sums = np.zeros(coef.shape), np.zeros(1)
    loss = _two_class_pass(X, signs, weights, coef, intercept, gradient, sums)
    return loss, gradient, sums


@compiled
def _two_class_pass(
    X: Array,
    signs: Array,
    weights: Array,
    coef: Array,
    intercept: Array,
    gradient: Array,
    sums: Array,
) -> float:
    """See `two_class_pass`. weights and coef are contiguous; adds to gradient and sums."""
    part, buffer = np.empty(coef.shape[1], X.dtype), np.empty(TWO_CLASS_ROWS, X.dtype)
    loss, losses = 0.0, np.empty(TWO_CLASS_ROWS)
    for start in range(0, len(X), TWO_CLASS_ROWS):
        few = slice(start, start + TWO_CLASS_ROWS)
        rows = np.ascontiguousarray(X[few])
        n = len(rows)
        z = buffer[:n]
        np.dot(rows, coef[0], z)
        z += intercept[0]
        _two_class_losses(z.reshape(1, n), signs[few], weights[few], losses)  # z: now residuals
        loss += losses[:n].sum()
        np.dot(z, rows, part)
        gradient[0] += part
        for i in range(n):
            sums[0] += z[i]
    return loss


def moments(X: Array, weights: Array, origin: Array) -> tuple[float, Array, Array]:
    """The total weight of rows, their mean less an origin, and their scatter about the mean.

    X : ndarray (rows, n_features), in any order
    weights : ndarray of float64 (rows,)
        Non-negative; one is positive.
    origin : ndarray of float64 (n_features,)
    """
    weights, n_features = np.ascontiguousarray(weights), X.shape[1]
    mean, scatter = np.zeros(n_features), np.zeros((n_features, n_features))
    total = float(weights.sum())
    _add_to_mean(X, weights / total, origin, mean)
    _add_to_gram(X, np.sqrt(weights), origin, mean, np.ones(n_features), scatter)
    return total, mean, scatter


def gram(X: Array, weights: Array, center: Array, inverse_scale: Array, n_dof: int) -> Array:
    """The weighted sum of x~ x~ᵀ over rows, (n_dof, n_dof).

    X : ndarray (rows, n_features), in any order
    weights : ndarray of float64 (rows,)
        Non-negative. Rows with weight zero cost nothing.
    center, inverse_scale : ndarray of float64 (n_features,)
        x~ = (x - center) * inverse_scale; a 1 is appended if n_dof is larger than n_features.
    """
    total = np.zeros((n_dof, n_dof))
    _add_to_gram(X, np.sqrt(weights), center, np.zeros_like(center), inverse_scale, total)
    return total


@compiled
def _add_to_mean(X: Array, weights: Array, origin: Array, mean: Array) -> None:
    """Add the weighted sum of the rows less an origin (n_features,) to mean (n_features,)."""
    n_rows, n_features = X.shape
    for i in range(n_rows):
        for j in range(n_features):
            mean[j] += weights[i] * (X[i, j] - origin[j])


@compiled
def _add_to_gram(
    X: Array, roots: Array, origin: Array, mean: Array, inverse_scale: Array, total: Array
) -> None:
    """Add the Gram matrix of `gram` to a total (n_dof, n_dof).

    roots : ndarray (rows,), the square roots of the weights
    origin, mean : ndarray (n_features,)
        The two parts of the center. They are subtracted one after the other: then a constant
        column is exactly zero.
    """
    n_rows, n_features = X.shape
    n_dof = len(total)
    part, buffer, n = np.empty((n_dof, n_dof)), np.empty((PRODUCT_ROWS[1], n_dof)), 0
    for i in range(n_rows):
        if roots[i] != 0.0:
            for j in range(n_features):
                deviation = (X[i, j] - origin[j]) - mean[j]
                buffer[n, j] = deviation * inverse_scale[j] * roots[i]
            for j in range(n_features, n_dof):
                buffer[n, j] = roots[i]
            n += 1
        if n == len(buffer) or (i == n_rows - 1 and n > 0):
            rows = buffer[:n]
            np.dot(rows.T, rows, part)
            total += part
            n = 0
