"""Kernels for arrays of any library with the array API standard: logits, softmax and losses.

This module imports no array library: `xp` is the library of the arrays. It knows nothing of blocks,
sums or steps.
"""

from __future__ import annotations

from skl_softmax._arrays import DeviceArray, Namespace


def linear(X: DeviceArray, coef: DeviceArray, intercept: DeviceArray) -> DeviceArray:
    """The logits (rows, n_outputs) of rows X (rows, n_features)."""
    logits = X @ coef.T
    logits += intercept
    return logits


def probabilities(xp: Namespace, logits: DeviceArray) -> DeviceArray:
    """The probabilities (rows, n_outputs) for logits (rows, n_outputs), which are overwritten.

    One output has the probability of the second class.
    """
    if logits.shape[1] == 1:
        return 0.5 * xp.tanh(0.5 * logits) + 0.5
    logits -= xp.max(logits, axis=1, keepdims=True)
    proba = xp.exp(logits)
    proba /= xp.sum(proba, axis=1, keepdims=True)
    return proba


def losses_and_residuals(
    xp: Namespace, logits: DeviceArray, y: DeviceArray, weights: DeviceArray, classes: DeviceArray
) -> tuple[DeviceArray, DeviceArray]:
    """Weighted losses (rows,) and residuals s (p - y) (rows, n_outputs); logits are overwritten.

    y : codes of the classes (rows,), or probabilities (rows, n_classes)
    classes : the codes 0 … n_classes - 1, (n_classes,)
    """
    if logits.shape[1] == 1:
        z = logits[:, 0]
        target = xp.astype(y, z.dtype) if y.ndim == 1 else y[:, 1]
        tail = xp.exp(-xp.abs(z))
        losses = xp.log1p(tail) + xp.clip(z, min=0.0) - target * z
        # 1 - p is computed from the tail, as p is: a difference would lose digits.
        lower, upper = tail / (1.0 + tail), 1.0 / (1.0 + tail)
        p, not_p = xp.where(z > 0.0, upper, lower), xp.where(z > 0.0, lower, upper)
        residuals = (1.0 - target) * p - target * not_p
        return weights * losses, (weights * residuals)[:, None]
    logits -= xp.max(logits, axis=1, keepdims=True)
    if y.ndim == 1:
        own = xp.take_along_axis(logits, y[:, None], axis=1)[:, 0]
    else:
        own = xp.sum(y * logits, axis=1)
    proba = xp.exp(logits)
    total = xp.sum(proba, axis=1)
    losses = weights * (xp.log(total) - own)
    proba *= (weights / total)[:, None]
    if y.ndim == 1:
        is_own = y[:, None] == classes
        return losses, xp.where(is_own, proba - weights[:, None], proba)
    return losses, proba - y * weights[:, None]


def leads(
    xp: Namespace, logits: DeviceArray, y: DeviceArray, classes: DeviceArray
) -> tuple[DeviceArray, DeviceArray]:
    """How far the logit of each row's own class is above all other logits; the own classes.

    Returns the leads (rows,), negative if another class has a larger logit, and the own classes
    (rows, n_classes) of bool. A row with positive probabilities of several classes has all of them
    as its own: the lead is then the smallest of their logits less the largest logit of all.

    logits : (rows, n_outputs)
    y : codes of the classes (rows,), or probabilities (rows, n_classes)
    classes : the codes 0 … n_classes - 1, (n_classes,)
    """
    if logits.shape[1] == 1:
        logits = xp.concat([-logits, logits], axis=1)
    own = y[:, None] == classes if y.ndim == 1 else y > 0.0
    others = xp.max(xp.where(own, -xp.inf, logits), axis=1)
    if y.ndim == 2:
        is_several = xp.sum(xp.astype(own, xp.int32), axis=1) > 1
        others = xp.where(is_several, xp.max(logits, axis=1), others)
    return xp.min(xp.where(own, logits, xp.inf), axis=1) - others, own
