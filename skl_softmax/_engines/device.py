"""Samples on other devices: the same sums by the array API standard, for PyTorch, CuPy and others.

The data never leave their device. Losses and gradients stay there for those whose weights are there
too; for others, and all curvature, weights go there and sums come back, each in one piece.

Imports no array library: arrays bring their own namespace. Knows no steps; validates nothing.

References
----------
The Python array API standard, 2024.12. https://data-apis.org/array-api/2024.12/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import reduce
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike
from sklearn.utils import assert_all_finite

from skl_softmax._arrays import Array, DeviceArray
from skl_softmax._compat import move_to, namespace_and_device
from skl_softmax._engines.kernels_device import linear, losses_and_residuals, probabilities
from skl_softmax._engines.negligible_rows import NEGLIGIBLE, few_of
from skl_softmax._engines.protocol import NO_FLOOR, Frame, at_equal_distances, choose
from skl_softmax._engines.rows import Moments

BLOCK_BYTES = 2**28  # beside X: for few calls, and without using up the device's memory


class OnDevice:
    """A matrix on some device, with what it takes to compute there.

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

    def put(self, array: Any, dtype: Any = None) -> DeviceArray:
        """Bring an array to the device, and to that type of its library if one is given."""
        moved = move_to(np.ascontiguousarray(array), xp=self.xp, device=self.device)
        return moved if dtype is None else self.xp.astype(moved, dtype)

    def fetch(self, *arrays: DeviceArray) -> list[Array]:
        """Bring arrays of floats from the device, in one piece."""
        flat = [self.xp.reshape(self.xp.astype(a, self.widest), (-1,)) for a in arrays]
        numbers = np.array(move_to(self.xp.concat(flat), xp=np, device="cpu"), np.float64)
        ends = np.cumsum([int(np.prod(a.shape)) for a in arrays])
        parts = np.split(numbers, ends[:-1])
        return [part.reshape(tuple(a.shape)) for part, a in zip(parts, arrays, strict=True)]

    def linear(self, coef: Array, intercept: Array, X: DeviceArray = None) -> DeviceArray:
        """The logits (rows, n_outputs) of some rows, or of all; of the wider type."""
        X = self.X if X is None else X
        if coef.dtype.itemsize > self.dtype.itemsize:
            X = self.xp.astype(X, self.widest)
        return linear(X, self.put(coef, X.dtype), self.put(intercept, X.dtype))

    def row_products(self, weights: Array, *, fit_intercept: bool) -> tuple[Array, Array, Array]:
        """The weighted means of few rows, and variances and Gram matrix of the centred rows.

        (n_features,) twice, and (n_samples, n_samples); the mean is zero without an intercept.
        """
        rows = self.xp.astype(self.X, self.widest)
        weight = self.put(weights, self.widest)
        # One row off first: then a constant column's mean is exact, and its variance zero.
        center = rows[int(np.argmax(weights > 0.0)), :] * float(fit_intercept)
        rows = rows - center
        mean = weight @ rows * float(fit_intercept)
        rows -= mean
        found = self.fetch(center + mean, weight @ (rows * rows), rows @ rows.T)
        return found[0], found[1], found[2]

    def combine(self, of_rows: Array, center: Array) -> Array:
        """Combinations of the rows less their center, (n_outputs, n_samples) times X - center."""
        rows = self.xp.astype(self.X, self.widest) - self.put(center, self.widest)
        return self.fetch(self.put(of_rows, self.widest) @ rows)[0]

    def project(self, coef: Array) -> Array:
        """The logits (n_outputs, n_samples) of coefficients."""
        X = self.xp.astype(self.X, self.widest)
        return self.fetch(self.put(coef, self.widest) @ X.T)[0]

    def assert_finite(self, **names: Any) -> None:
        """Raise a ValueError if a number of it is not finite."""
        assert_all_finite(self.X, **names)

    def take(self, rows: Array) -> OnDevice:
        """Some of the rows, given as sorted indices, copied."""
        return OnDevice(self.xp.take(self.X, self.put(rows), axis=0))

    def sums(
        self,
        y: Array,
        weights: Array,
        n_outputs: int,
        dtype: DTypeLike | None = None,
        origin: Array | None = None,
    ) -> DeviceSums:
        """What is summed over these samples less an origin (n_features,), in that dtype at least.

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


class DeviceSums:
    """The `Sums` over the rows of such a matrix.

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
        self._few: DeviceSums | None = None
        self.n_passes = 0

    def _blocks(self, n_copied: int = 0) -> Iterator[tuple[DeviceArray, DeviceArray, DeviceArray]]:
        """Yield some rows of X, y and the weights, which are float, at a time.

        As many as leave room for what a softmax takes, and for so many numbers of the widest type.
        """
        self.n_passes += 1
        row_bytes = (4 * self.n_outputs + 8) * self.dtype.itemsize + 8 * n_copied
        n_rows = max(1, BLOCK_BYTES // row_bytes)
        for start in range(0, self.n_samples, n_rows):
            rows = slice(start, min(start + n_rows, self.n_samples))
            yield self._rows.X[rows, :], self._y[rows, ...], self._weights[rows]

    def sample(self, n_samples: int) -> Self:
        """See `Sums.sample`."""
        return self.take(choose(self.n_samples, n_samples))

    def take(self, chosen: Array) -> Self:
        """See `Sums.take`."""
        places = self._rows.put(chosen)
        weights = self.xp.take(self._weights, places, axis=0)
        if not bool(self.xp.any(weights > 0.0)):
            return self
        sample = copy(self)
        sample._few = None
        sample._rows, sample.n_samples = self._rows.take(chosen), len(chosen)
        sample._y = self.xp.take(self._y, places, axis=0)
        sample._weights = weights / self.xp.sum(weights)
        return sample

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """See `Sums.ordinary`."""
        xp, kept = self.xp, []
        for X, *_ in self._blocks(2 * frame.n_dof):
            is_kept = xp.all(xp.abs(self._standardized(X, frame)) <= limit, axis=1)
            kept.append(xp.astype(is_kept, X.dtype))
        found, weights = self._rows.fetch(xp.concat(kept), self._weights)
        return found > 0.0, weights

    def columns(self, features: Array) -> Self:
        """See `Sums.columns`."""
        part = copy(self)
        part._few = None
        places = self._rows.put(np.flatnonzero(features))
        part._rows = OnDevice(self.xp.take(self._rows.X, places, axis=1))
        part.n_features = part._rows.shape[1]
        return part

    def class_weights(self) -> Array:
        """See `Sums.class_weights`."""
        xp, widest = self.xp, self._rows.widest
        weights = xp.astype(self._weights, widest)
        both = xp.stack([weights, weights * weights])
        n_classes = max(2, self.n_outputs)
        totals = []
        for k in range(n_classes):
            of_class = self._y == k if self._y.ndim == 1 else self._y[:, k]
            totals.append(both @ xp.astype(of_class, widest))
        return self._rows.fetch(xp.stack(totals, axis=1))[0]

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        dtype = self._rows.X.dtype
        there = self._rows.put(coef, dtype), self._rows.put(intercept, dtype)
        loss, gradient, sums = self._rows.fetch(*self.loss_and_gradient_there(*there))
        return float(loss), gradient, sums

    def loss_and_gradient_there(
        self, coef: DeviceArray, intercept: DeviceArray
    ) -> tuple[DeviceArray, DeviceArray, DeviceArray]:
        """The loss and gradient of coef and intercept there, of X's type; sums of the widest."""
        xp, widest, classes = self.xp, self._rows.widest, self._classes()
        total: list[DeviceArray] = []
        for X, y, weights in self._blocks():
            losses, residuals = losses_and_residuals(
                xp, linear(X, coef, intercept), y, weights, classes
            )
            part = [
                xp.sum(losses, dtype=widest),
                xp.astype(residuals.T @ X, widest),
                xp.sum(residuals, axis=0, dtype=widest),
            ]
            total = [a + b for a, b in zip(total, part, strict=True)] if total else part
        loss, gradient, sums = total
        return loss, gradient, sums

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """See `Sums.cross_entropy`."""
        xp, widest, classes, sums = self.xp, self._rows.widest, self._classes(), []
        for X, y, weights in self._blocks(self.n_features):
            logits = self._rows.linear(coef, intercept, X)
            losses, _ = losses_and_residuals(xp, logits, y, weights, classes)
            sums.append(xp.sum(losses, dtype=widest))
        return float(sum(self._rows.fetch(*sums)))

    def _classes(self) -> DeviceArray:
        return self.xp.arange(self.n_outputs, dtype=self._y.dtype, device=self._rows.device)

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
        return Moments(total, *self._rows.fetch(origin + mean, scatter))

    def few_rows(self) -> Array:
        """See `Sums.few_rows`."""
        return self._rows.fetch(self._rows.take(at_equal_distances(self.n_samples)).X)[0]

    def _proba(
        self, coef: Array, intercept: Array, n_copied: int = 0
    ) -> Iterator[tuple[DeviceArray, DeviceArray, DeviceArray]]:
        """Yield rows of X, their weights and probabilities (rows, n_outputs); of two, the second's.

        All of the widest type. `n_copied` numbers are made of each row beside.
        """
        xp, widest = self.xp, self._rows.widest
        there = self.put(coef, widest), self.put(intercept, widest)
        for X, _, weights in self._blocks(n_copied + self.n_features + 4 * self.n_outputs):
            X = xp.astype(X, widest, copy=False)
            yield X, xp.astype(weights, widest), probabilities(xp, linear(X, *there))

    def _standardized(self, X: DeviceArray, frame: Frame) -> DeviceArray:
        """Rows of X in the coordinates of params, x~: (rows, n_dof)."""
        rows = X - self._rows.put(frame.center, X.dtype)
        rows *= self._rows.put(frame.inverse_scale, X.dtype)
        if not frame.fit_intercept:
            return rows
        ones = self.xp.ones((X.shape[0], 1), dtype=X.dtype, device=self._rows.device)
        return self.xp.concat([rows, ones], axis=1)

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.squares`."""
        total = 0.0
        for X, weights, proba in self._proba(coef, intercept, 2 * frame.n_dof):
            curvature = proba * (1.0 - proba) * weights[:, None]
            total = total + curvature.T @ self._standardized(X, frame) ** 2
        return self._rows.fetch(total)[0]

    def _mean(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The means of p (1 - p), (n_outputs,): of the samples that `RowSums` takes."""
        if frame.has_outliers:
            return np.full(self.n_outputs, NO_FLOOR)
        if self._few is None:
            chosen = few_of(self.n_samples)
            self._few = self if chosen is None else self.take(chosen)
        few, n_passes = self._few, self.n_passes
        total = 0.0
        for _, weights, proba in few._proba(coef, intercept):
            total = total + weights @ (proba * (1.0 - proba))
        self.n_passes = n_passes
        return self._rows.fetch(total)[0]

    def _essential(self, curvature: DeviceArray, weights: DeviceArray, mean: float) -> DeviceArray:
        """Weights of zero for the rows that `RowSums` leaves out: to take the same steps."""
        return weights * self.xp.astype(curvature > NEGLIGIBLE * float(mean), weights.dtype)

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.shared_gram`."""
        total, n_others = 0.0, max(1, self.n_outputs - 1)
        mean = self._mean(coef, intercept, frame).sum() / n_others
        for X, weights, proba in self._proba(coef, intercept, frame.n_dof):
            if self.n_outputs == 1:
                curvature = (proba * (1.0 - proba))[:, 0]
            else:
                trace = 1.0 - self.xp.sum(proba * proba, axis=1)
                curvature = self.xp.clip(trace, min=0.0) / (self.n_outputs - 1)
            rows = self._standardized(X, frame)
            weights = self._essential(curvature, weights, mean)
            rows *= self.xp.sqrt(curvature * weights)[:, None]
            total = total + rows.T @ rows
        return self._rows.fetch(total)[0]

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.class_grams`."""
        total: list[Any] = [0.0] * self.n_outputs
        means = self._mean(coef, intercept, frame)
        for X, weights, proba in self._proba(coef, intercept, 2 * frame.n_dof):
            rows, curvature = self._standardized(X, frame), proba * (1.0 - proba)
            for k in range(self.n_outputs):
                of_class = self._essential(curvature[:, k], weights, means[k])
                weighted = rows * self.xp.sqrt(curvature[:, k] * of_class)[:, None]
                total[k] = total[k] + weighted.T @ weighted
        return np.array(self._rows.fetch(*total))

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.full_gram`."""
        n_classes = self.n_outputs
        every = np.arange(frame.n_dof)
        return self.free_gram(coef, intercept, frame, [every] * (n_classes - 1) + [every[:0]])

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """See `Sums.free_gram`."""
        total: dict[Any, Any] = {}
        mean = self._mean(coef, intercept, frame).sum()
        places = [(k, self._rows.put(of_class)) for k, of_class in enumerate(dofs) if len(of_class)]
        if not places:
            return np.empty((0, 0))
        n_copied = frame.n_dof + 3 * sum(map(len, dofs))
        for X, weights, proba in self._proba(coef, intercept, n_copied):
            trace = 1.0 - self.xp.sum(proba * proba, axis=1)
            weights = self._essential(trace, weights, mean)
            rows = self._standardized(X, frame)
            rows *= self.xp.sqrt(weights)[:, None]
            of_class = [self.xp.take(rows, place, axis=1) for _, place in places]
            mixed = [
                some * proba[:, k : k + 1] for (k, _), some in zip(places, of_class, strict=True)
            ]
            together = self.xp.concat(mixed, axis=1)
            parts = [a.T @ b for a, b in zip(mixed, of_class, strict=True)]
            for i, part in enumerate([together.T @ together, *parts]):
                total[i] = total[i] + part if i in total else part
        products, *diagonal = self._rows.fetch(*total.values())
        np.negative(products, out=products)
        start = 0
        for block in diagonal:
            place = slice(start, start + len(block))
            products[place, place] += block
            start += len(block)
        return products

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """See `Sums.gram_times`."""
        total = 0.0
        for X, _, weights in self._blocks(2 * frame.n_dof):
            rows = self._standardized(self.xp.astype(X, self._rows.widest), frame)
            projection = rows @ self._rows.put(vector, rows.dtype)
            total = total + (self.xp.astype(weights, rows.dtype) * projection) @ rows
        return self._rows.fetch(total)[0]

    def separates(self, coef: Array, intercept: Array) -> bool:
        """See `Sums.separates`."""
        xp = self.xp
        if self._y.ndim == 2:
            return False
        eps = 8.0 * float(np.finfo(coef.dtype).eps)
        sizes = self._rows.put(np.abs(coef).max(axis=0), self._rows.X.dtype)
        largest = float(np.abs(intercept).max())
        for X, y, weights in self._blocks(2 * self.n_features):
            logits = self._rows.linear(coef, intercept, X)
            rounding = eps * (xp.abs(X) @ sizes + largest)
            if self.n_outputs == 1:
                lead = xp.where(y == 1, logits[:, 0], -logits[:, 0])
            else:
                own = y[:, None] == self._classes()
                lead = xp.min(xp.where(own, logits, xp.inf), axis=1)
                lead -= xp.max(xp.where(own, -xp.inf, logits), axis=1)
            if bool(xp.any((lead <= rounding) & (weights > 0.0))):
                return False
        return True

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        xp, leads, owns = self.xp, [], []
        for X, y, weights in self._blocks(2 * self.n_features):
            logits = self._rows.linear(coef, intercept, X)
            if self.n_outputs == 1:
                logits = xp.concat([-logits, logits], axis=1)
            classes = xp.arange(logits.shape[1], dtype=y.dtype, device=self._rows.device)
            own = y[:, None] == classes if y.ndim == 1 else y > 0.0
            others = xp.max(xp.where(own, -xp.inf, logits), axis=1)
            many = xp.sum(xp.astype(own, xp.int32), axis=1) > 1
            others = xp.where(many, xp.max(logits, axis=1), others)
            lead = xp.min(xp.where(own, logits, xp.inf), axis=1) - others
            lead = xp.where(weights > 0.0, lead, xp.inf)
            leads.append(lead)
            owns.append(xp.astype(own, lead.dtype))
        lead, own = self._rows.fetch(xp.concat(leads), xp.concat(owns))
        chosen = np.argsort(lead, kind="stable")[:n_samples]
        chosen = chosen[lead[chosen] < np.inf]
        places = self._rows.put(chosen)
        return self._rows.fetch(xp.take(self._rows.X, places, axis=0))[0], own[chosen] > 0.0

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
