"""The kernels for arrays of any library, by the array API standard: logits, softmax and losses.

Imports no array library: `xp` is the arrays' own. Knows nothing of blocks, sums or steps.
"""

from __future__ import annotations

from skl_softmax._arrays import DeviceArray, Namespace


def linear(X: DeviceArray, coef: DeviceArray, intercept: DeviceArray) -> DeviceArray:
    """The logits (rows, n_outputs)."""
    logits = X @ coef.T
    logits += intercept
    return logits


def probabilities(xp: Namespace, logits: DeviceArray) -> DeviceArray:
    """The softmax of logits (rows, n_outputs), which are lost; of one, the second class's."""
    if logits.shape[1] == 1:
        return 0.5 * xp.tanh(0.5 * logits) + 0.5
    logits -= xp.max(logits, axis=1, keepdims=True)
    proba = xp.exp(logits)
    proba /= xp.sum(proba, axis=1, keepdims=True)
    return proba


def losses_and_residuals(
    xp: Namespace, logits: DeviceArray, y: DeviceArray, weights: DeviceArray, classes: DeviceArray
) -> tuple[DeviceArray, DeviceArray]:
    """Weighted losses (rows,), and residuals s (p - y) (rows, n_outputs); logits are lost.

    classes : the codes 0 … n_classes - 1, (n_classes,), which y may hold
    """
    if logits.shape[1] == 1:
        z = logits[:, 0]
        target = xp.astype(y, z.dtype) if y.ndim == 1 else y[:, 1]
        tail = xp.exp(-xp.abs(z))
        losses = xp.log1p(tail) + xp.clip(z, min=0.0) - target * z
        # For a sample of one class, 1 - p is had from the tail too: nothing cancels.
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


def own_lead(
    xp: Namespace, logits: DeviceArray, y: DeviceArray, classes: DeviceArray
) -> tuple[DeviceArray, DeviceArray]:
    """By how much each row's own class leads the others, and which class that is.

    (rows,), negative where it trails, and (rows, n_classes) of bool. A row with probabilities of
    several classes has them all: then the last one of them is compared to the first of all.

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
