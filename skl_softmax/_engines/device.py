"""The sums over samples on another device, by the array API standard: PyTorch, CuPy and others.

The data never leave their device. If the model's weights are on the device, so are the loss and the
gradient. Otherwise, and for all curvature, weights are moved to the device and sums are moved back,
all sums of a call in one transfer.

Imports no array library: arrays bring their own namespace. Knows no steps, and validates nothing.

References
----------
The Python array API standard, 2024.12. https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from functools import reduce
from itertools import starmap
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import block_diag
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, DeviceArray
from skl_softmax._compat import namespace_and_device, to_host
from skl_softmax._engines.device_scores import DeviceScores
from skl_softmax._engines.kernels_device import leads, linear, losses_and_residuals, probabilities
from skl_softmax._engines.negligible_rows import NEGLIGIBLE
from skl_softmax._engines.protocol import LEAD_ROUNDING, Frame, at_equal_distances
from skl_softmax._engines.rows import Moments, Parts, add

DEVICE_BLOCK_BYTES = 2**28  # bytes beside X: few calls, and a small part of a device's memory
COPIES_OF_LOGITS = 4  # arrays like the logits that a softmax and its loss make
COLUMNS_BESIDE = 8  # arrays of one number for each row that a softmax and its loss make

DeviceType: TypeAlias = Any  # a dtype of the arrays' library: the standard gives it no class


class OnDevice:
    """A matrix on another device, with its library.

    Parameters
    ----------
    X : array (n_samples, n_features)
        Of float32 or float64.
    """

    def __init__(self, X: DeviceArray) -> None:
        self.X = X
        self.xp, self.device = namespace_and_device(X)
        self.shape: tuple[int, ...] = tuple(X.shape)
        self.dtype = np.dtype(np.float32 if X.dtype == self.xp.float32 else np.float64)
        floats = self.xp.__array_namespace_info__().dtypes(kind="real floating", device=self.device)
        self.widest = floats.get("float64", self.xp.float32)

    def put(self, array: Array, dtype: DeviceType | None = None) -> DeviceArray:
        """Move an array to the device; convert it to `dtype`, a type of the library, if given."""
        widest = self.widest if array.dtype == np.float64 else None
        moved = self.xp.asarray(np.ascontiguousarray(array), dtype=widest, device=self.device)
        return moved if dtype is None else self.xp.astype(moved, dtype)

    def fetch(self, *arrays: DeviceArray) -> list[Array]:
        """Move arrays of floats from the device, in one transfer, as arrays of float64."""
        flat = [self.xp.reshape(self.xp.astype(a, self.widest), (-1,)) for a in arrays]
        numbers = np.array(to_host(self.xp.concat(flat)), np.float64)
        ends = np.cumsum([int(np.prod(a.shape)) for a in arrays])
        parts = np.split(numbers, ends[:-1])
        return [part.reshape(tuple(a.shape)) for part, a in zip(parts, arrays, strict=True)]

    def linear(self, coef: Array, intercept: Array, X: DeviceArray = None) -> DeviceArray:
        """The logits (rows, n_outputs) of rows X, or all rows, in the wider type of X and coef."""
        X = self.X if X is None else X
        if coef.dtype.itemsize > self.dtype.itemsize:
            X = self.xp.astype(X, self.widest)
        return linear(X, self.put(coef, X.dtype), self.put(intercept, X.dtype))

    def row_products(self, weights: Array, *, fit_intercept: bool) -> tuple[Array, Array, Array]:
        """The means (n_features,), variances (n_features,) and Gram matrix of the centred rows.

        The Gram matrix is (n_samples, n_samples): rows must be few. Means are weighted; without an
        intercept they are zero.
        """
        rows = self.xp.astype(self.X, self.widest)
        weight = self.put(weights, self.widest)
        # Subtract a row first: the mean of a constant column is then exact, and its variance zero.
        center = rows[int(np.argmax(weights > 0.0)), :] * float(fit_intercept)
        rows = rows - center
        mean = weight @ rows * float(fit_intercept)
        rows -= mean
        found = self.fetch(center + mean, weight @ (rows * rows), rows @ rows.T)
        return found[0], found[1], found[2]

    def combine(self, of_rows: Array, center: Array) -> Array:
        """Multiply `of_rows` (n_outputs, n_samples) with X - center: (n_outputs, n_features)."""
        rows = self.xp.astype(self.X, self.widest) - self.put(center, self.widest)
        return self.fetch(self.put(of_rows, self.widest) @ rows)[0]

    def project(self, coef: Array) -> Array:
        """The logits (n_outputs, n_samples) of coef (n_outputs, n_features), intercept zero."""
        X = self.xp.astype(self.X, self.widest)
        return self.fetch(self.put(coef, self.widest) @ X.T)[0]

    def assert_finite(self, **names: str) -> None:
        """Raise a ValueError if a number of X is not finite."""
        assert_all_finite(self.X, **names)

    def __getitem__(self, rows: Array) -> OnDevice:
        """Copy the rows of these indices."""
        return OnDevice(self.xp.take(self.X, self.put(rows), axis=0))

    def sums(
        self,
        y: Array,
        weights: Array,
        n_outputs: int,
        dtype: DTypeLike | None = None,
        origin: Array | None = None,
    ) -> DeviceSums:
        """The sums over the rows less an origin (n_features,), computed in `dtype` at least.

        y : codes of the classes (n_samples,), or probabilities (n_samples, n_classes)
        """
        is_wider = dtype is not None and np.dtype(dtype) != self.dtype
        rows = OnDevice(self.xp.astype(self.X, self.widest)) if is_wider else self
        if origin is not None:
            rows = OnDevice(rows.X - self.put(origin, rows.X.dtype))
        targets = rows.put(y, self.xp.int64 if y.ndim == 1 else rows.X.dtype)
        if weights.strides == (0,):
            weight = float(weights[0])
            on_device = self.xp.full(len(y), weight, dtype=rows.X.dtype, device=self.device)
        else:
            on_device = rows.put(weights, rows.X.dtype)
        return DeviceSums(rows, targets, on_device, n_outputs)


class DeviceSums(DeviceScores):
    """The `Sums` over the rows of a matrix on another device.

    Parameters
    ----------
    rows : OnDevice
    y, weights, n_outputs
        As in `OnDevice.sums`.
    """

    is_sparse = False
    density = 1.0
    may_copy = True

    def __init__(
        self, rows: OnDevice, y: DeviceArray, weights: DeviceArray, n_outputs: int
    ) -> None:
        self._rows, self._y, self._weights = rows, y, weights
        self.xp, self.put, self.fetch = rows.xp, rows.put, rows.fetch
        self.n_samples, self.n_features = rows.shape
        self.n_outputs, self.dtype = n_outputs, rows.dtype
        self.float_type = rows.X.dtype
        self.n_passes = 0

    def _blocks(self, n_copied: int = 0) -> Iterator[tuple[DeviceArray, DeviceArray, DeviceArray]]:
        """Yield blocks of the rows: X (rows, n_features), y (rows, …) and weights (rows,).

        In `DEVICE_BLOCK_BYTES` a block has room for the arrays of a softmax, and for `n_copied`
        numbers of the widest type for each row.
        """
        self.n_passes += 1
        row_bytes = (
            COPIES_OF_LOGITS * self.n_outputs + COLUMNS_BESIDE
        ) * self.dtype.itemsize + 8 * n_copied
        n_rows = max(1, DEVICE_BLOCK_BYTES // row_bytes)
        for start in range(0, self.n_samples, n_rows):
            rows = slice(start, min(start + n_rows, self.n_samples))
            yield self._rows.X[rows, :], self._y[rows, ...], self._weights[rows]

    def take(self, rows: Array) -> Self:
        """See `Sums.take`."""
        places = self.put(rows)
        weights = self.xp.take(self._weights, places, axis=0)
        if not bool(self.xp.any(weights > 0.0)):
            return self
        part = self._over(self._rows[rows])
        part._y = self.xp.take(self._y, places, axis=0)
        part._weights = weights / self.xp.sum(weights)
        return part

    def columns(self, features: Array) -> Self:
        """See `Sums.columns`."""
        places = self.put(np.flatnonzero(features))
        return self._over(OnDevice(self.xp.take(self._rows.X, places, axis=1)))

    def _over(self, rows: OnDevice) -> Self:
        """The sums over some rows or columns."""
        part = copy(self)
        part._rows, part._few = rows, None
        part.n_samples, part.n_features = rows.shape
        return part

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """See `Sums.ordinary`."""
        xp, kept = self.xp, []
        for X, *_ in self._blocks(2 * frame.n_dof):
            is_kept = xp.all(xp.abs(self._standardized(X, frame)) <= limit, axis=1)
            kept.append(xp.astype(is_kept, X.dtype))
        found, weights = self.fetch(xp.concat(kept), self._weights)
        return found > 0.0, weights

    def class_weights(self) -> Array:
        """See `Sums.class_weights`."""
        xp, widest = self.xp, self._rows.widest
        weights = xp.astype(self._weights, widest)
        both = xp.stack([weights, weights * weights])
        n_classes = max(2, self.n_outputs)
        in_class = (self._y == k if self._y.ndim == 1 else self._y[:, k] for k in range(n_classes))
        totals = [both @ xp.astype(of_rows, widest) for of_rows in in_class]
        return self.fetch(xp.stack(totals, axis=1))[0]

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        there = self.put(coef, self.float_type), self.put(intercept, self.float_type)
        loss, gradient, sums = self.fetch(*self.loss_and_gradient_there(*there))
        return float(loss), gradient, sums

    def loss_and_gradient_there(
        self, coef: DeviceArray, intercept: DeviceArray
    ) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
        """The loss and its gradients, on the device and of the widest type.

        coef, intercept : on the device, of the type of X
        """
        xp, widest, classes = self.xp, self._rows.widest, self._classes()

        def block_pass(X: DeviceArray, y: DeviceArray, weights: DeviceArray) -> Parts:
            logits = linear(X, coef, intercept)
            losses, residuals = losses_and_residuals(xp, logits, y, weights, classes)
            return (
                xp.sum(losses, dtype=widest),
                xp.astype(residuals.T @ X, widest),
                xp.sum(residuals, axis=0, dtype=widest),
            )

        loss, gradient, sums = reduce(add, starmap(block_pass, self._blocks()))
        return loss, gradient, sums

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """See `Sums.cross_entropy`."""
        xp, widest, classes, sums = self.xp, self._rows.widest, self._classes(), []
        for X, y, weights in self._blocks(self.n_features):
            logits = self._rows.linear(coef, intercept, X)
            losses, _ = losses_and_residuals(xp, logits, y, weights, classes)
            sums.append(xp.sum(losses, dtype=widest))
        return float(sum(self.fetch(*sums)))

    def _classes(self) -> DeviceArray:
        """The codes of the classes 0 … n_classes - 1, (n_classes,), of the type of y."""
        n_classes = max(2, self.n_outputs)
        return self.xp.arange(n_classes, dtype=self._y.dtype, device=self._rows.device)

    def moments(self, together: bool) -> Moments:
        """See `Sums.moments`."""
        xp, widest = self.xp, self._rows.widest
        first = int(xp.argmax(xp.astype(self._weights > 0.0, xp.int8)))
        origin = xp.astype(self._rows.X[first, :], widest)
        parts = []
        for X, _, weights in self._blocks(2 * self.n_features):
            weights = xp.astype(weights, widest)
            shifted = xp.astype(X, widest)
            shifted -= origin
            total = float(xp.sum(weights))
            mean = weights @ shifted / (total or 1.0)
            shifted -= mean
            shifted *= xp.sqrt(weights)[:, None]
            scatter = shifted.T @ shifted if together else xp.sum(shifted * shifted, axis=0)
            parts.append(Moments(total, mean, scatter))
        total, mean, scatter = reduce(Moments.merge, parts)
        return Moments(total, *self.fetch(origin + mean, scatter))

    def few_rows(self) -> Array:
        """See `Sums.few_rows`."""
        return self.fetch(self._rows[at_equal_distances(self.n_samples)].X)[0]

    def _proba(
        self, coef: Array, intercept: Array, n_copied: int = 0
    ) -> Iterator[tuple[DeviceArray, DeviceArray, DeviceArray]]:
        """Yield blocks: X, weights and probabilities (rows, n_outputs), all of the widest type.

        One output has the probability of the second class. The caller makes `n_copied` numbers for
        each row.
        """
        xp, widest = self.xp, self._rows.widest
        there = self.put(coef, widest), self.put(intercept, widest)
        for X, _, weights in self._blocks(
            n_copied + self.n_features + COPIES_OF_LOGITS * self.n_outputs
        ):
            X = xp.astype(X, widest, copy=False)
            yield X, xp.astype(weights, widest), probabilities(xp, linear(X, *there))

    def _standardized(self, X: DeviceArray, frame: Frame) -> DeviceArray:
        """The rows of X in the coordinates x~ of a frame, (rows, n_dof)."""
        rows = X - self.put(frame.center, X.dtype)
        rows *= self.put(frame.inverse_scale, X.dtype)
        if not frame.fit_intercept:
            return rows
        ones = self.xp.ones((X.shape[0], 1), dtype=X.dtype, device=self._rows.device)
        return self.xp.concat([rows, ones], axis=1)

    def _sum(self, of_block: Callable[..., Parts], blocks: Iterable[Parts]) -> list[Array]:
        """Add up the tuples of arrays that a function returns for each block; fetch the sums."""
        return self.fetch(*reduce(add, starmap(of_block, blocks)))

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.squares`."""

        def block_squares(X: DeviceArray, weights: DeviceArray, proba: DeviceArray) -> Parts:
            curvature = proba * (1.0 - proba) * weights[:, None]
            return (curvature.T @ self._standardized(X, frame) ** 2,)

        return self._sum(block_squares, self._proba(coef, intercept, 2 * frame.n_dof))[0]

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """See `Subsampled.curvature`."""
        n_passes = self.n_passes

        def block_curvature(_: DeviceArray, weights: DeviceArray, proba: DeviceArray) -> Parts:
            return (weights @ (proba * (1.0 - proba)),)

        (found,) = self._sum(block_curvature, self._proba(coef, intercept))
        self.n_passes = n_passes
        return found

    def _essential(self, curvature: DeviceArray, weights: DeviceArray, mean: float) -> DeviceArray:
        """The weights (rows,), zero for the rows that `RowSums` leaves out: same steps."""
        return weights * self.xp.astype(curvature > NEGLIGIBLE * float(mean), weights.dtype)

    def _roots(self, curvature: DeviceArray, weights: DeviceArray, mean: float) -> DeviceArray:
        """The square roots (rows, 1) of weight times curvature, zero for negligible rows."""
        return self.xp.sqrt(curvature * self._essential(curvature, weights, mean))[:, None]

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.shared_gram`."""
        n_others = max(1, self.n_outputs - 1)
        mean = self.mean_curvature(coef, intercept, frame).sum() / n_others

        def block_gram(X: DeviceArray, weights: DeviceArray, proba: DeviceArray) -> Parts:
            if self.n_outputs == 1:
                curvature = (proba * (1.0 - proba))[:, 0]
            else:
                trace = 1.0 - self.xp.sum(proba * proba, axis=1)
                curvature = self.xp.clip(trace, min=0.0) / n_others
            rows = self._standardized(X, frame)
            rows *= self._roots(curvature, weights, mean)
            return (rows.T @ rows,)

        return self._sum(block_gram, self._proba(coef, intercept, frame.n_dof))[0]

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.class_grams`."""
        means = self.mean_curvature(coef, intercept, frame)

        def block_grams(X: DeviceArray, weights: DeviceArray, proba: DeviceArray) -> Parts:
            rows, curvature = self._standardized(X, frame), proba * (1.0 - proba)
            roots = (self._roots(curvature[:, k], weights, mean) for k, mean in enumerate(means))
            return tuple(weighted.T @ weighted for weighted in (rows * root for root in roots))

        return np.array(self._sum(block_grams, self._proba(coef, intercept, 2 * frame.n_dof)))

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.full_gram`."""
        every = np.arange(frame.n_dof)
        dofs = [every] * (self.n_outputs - 1) + [every[:0]]
        return self.free_gram(coef, intercept, frame, dofs)

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """See `Sums.free_gram`."""
        xp, mean = self.xp, self.mean_curvature(coef, intercept, frame).sum()
        places = [(k, self.put(of_class)) for k, of_class in enumerate(dofs) if len(of_class)]
        if not places:
            return np.empty((0, 0))

        def block_parts(X: DeviceArray, weights: DeviceArray, proba: DeviceArray) -> Parts:
            trace = 1.0 - xp.sum(proba * proba, axis=1)
            rows = self._standardized(X, frame)
            rows *= xp.sqrt(self._essential(trace, weights, mean))[:, None]
            of_class = [xp.take(rows, place, axis=1) for _, place in places]
            mixed = [
                part * proba[:, k : k + 1] for (k, _), part in zip(places, of_class, strict=True)
            ]
            together = xp.concat(mixed, axis=1)
            grams = [a.T @ b for a, b in zip(mixed, of_class, strict=True)]
            return (together.T @ together, *grams)

        n_copied = frame.n_dof + 3 * sum(map(len, dofs))
        products, *diagonal = self._sum(block_parts, self._proba(coef, intercept, n_copied))
        return np.asarray(block_diag(*diagonal) - products)

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """See `Sums.gram_times`."""
        there = self.put(vector, self._rows.widest)

        def block_product(X: DeviceArray, _: DeviceArray, weights: DeviceArray) -> Parts:
            rows = self._standardized(self.xp.astype(X, self._rows.widest), frame)
            return ((self.xp.astype(weights, rows.dtype) * (rows @ there)) @ rows,)

        return self._sum(block_product, self._blocks(2 * frame.n_dof))[0]

    def separates(self, coef: Array, intercept: Array) -> bool:
        """See `Sums.separates`."""
        if self._y.ndim == 2:
            return False
        xp, classes = self.xp, self._classes()
        # Two classes have logits z and -z: the lead is 2 z, so its rounding is twice that of z.
        eps = (
            LEAD_ROUNDING * float(np.finfo(coef.dtype).eps) * (2.0 if self.n_outputs == 1 else 1.0)
        )
        of_features = self.put(np.abs(coef).max(axis=0), self.float_type)
        of_intercept = float(np.abs(intercept).max())
        for X, y, weights in self._blocks(2 * self.n_features):
            lead, _ = leads(xp, self._rows.linear(coef, intercept, X), y, classes)
            rounding = eps * (xp.abs(X) @ of_features + of_intercept)
            if bool(xp.any((lead <= rounding) & (weights > 0.0))):
                return False
        return True

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        xp, classes, all_leads, owns = self.xp, self._classes(), [], []
        for X, y, weights in self._blocks(2 * self.n_features):
            lead, own = leads(xp, self._rows.linear(coef, intercept, X), y, classes)
            all_leads.append(xp.where(weights > 0.0, lead, xp.inf))
            owns.append(xp.astype(own, lead.dtype))
        lead, own = self.fetch(xp.concat(all_leads), xp.concat(owns))
        chosen = np.argsort(lead, kind="stable")[:n_samples]
        chosen = chosen[lead[chosen] < np.inf]
        return self.fetch(self._rows[chosen].X)[0], own[chosen] > 0.0

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """See `Sums.largest_difference`."""
        xp, found = self.xp, 0.0
        for X, *_ in self._blocks(self.n_features):
            logits = self._rows.linear(coef, intercept, X)
            if self.n_outputs == 1:
                difference = xp.max(xp.abs(logits))
            else:
                difference = xp.max(xp.max(logits, axis=1) - xp.min(logits, axis=1))
            found = max(found, float(difference))
        return found
