"""The curvature sums over rows in memory or on disk: Gram matrices, weighted by probabilities.

This module knows nothing of penalties, steps or estimators, and validates nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import prod
from types import ModuleType

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._engines.negligible_rows import (
    SPARED_SAMPLES,
    curvature_of_softmax,
    essential,
    has_part,
)
from skl_softmax._engines.protocol import Frame, Subsampled
from skl_softmax._engines.rows import Block, Rows

FUSED_FEATURES = 64  # features: such short rows are quick to copy, and quick to multiply twice


class RowCurvature(Subsampled):
    """The part of `RowSums` that computes the sums of curvature models.

    Attributes
    ----------
    rows : Rows
    weights : ndarray (n_samples,)
    n_samples, n_features, n_outputs : int
    is_sparse : bool
    known_mean : ndarray (n_outputs,) or None
        The mean curvature of all samples, where the rows are one chunk of them on a cluster.
    """

    rows: Rows
    weights: Array
    n_features: int
    is_sparse: bool
    known_mean: Array | None = None
    _dense_rows: Rows | None = None  # the rows of CSR in dense blocks, made at first use
    _fused: ModuleType | None
    _to_proba: Callable[[Array], None]

    @property
    def _fused_grams(self) -> ModuleType | None:
        """The module that computes the Gram matrix of a block in one call; None: use NumPy."""
        return self._fused if 1 < self.n_features <= FUSED_FEATURES else None

    def _proba(
        self, rows: Rows, run: list[Block], coef: Array, intercept: Array
    ) -> Iterator[tuple[Block, Array]]:
        """Yield each block with its probabilities (n_outputs, rows); one: of the second class.

        The probabilities are float64: where they are computed in float32, their sums differ from
        one by more than the smallest eigenvalues of a Hessian.
        """
        for block, logits in rows.linear(run, coef, intercept):
            proba = logits.astype(np.float64, copy=False)
            self._to_proba(proba)
            yield block, proba

    def _in_dense_blocks(self) -> Rows:
        """The rows in blocks that are dense, whatever X is."""
        if self.is_sparse and self._dense_rows is None:
            self._dense_rows = self.rows.made_dense()
        return self._dense_rows or self.rows

    def _sum_dense(
        self, add: Callable[..., None], coef: Array, intercept: Array, *shapes: tuple[int, ...]
    ) -> list[Array]:
        """Sum over dense blocks: ``add(block, proba, *totals)`` adds to totals of these shapes."""
        rows = self._in_dense_blocks()

        def run_totals(run: list[Block]) -> tuple[Array, ...]:
            totals = tuple(map(np.zeros, shapes))
            for block, proba in self._proba(rows, run, coef, intercept):
                add(block, proba, *totals)
            return totals

        return list(map(np.asarray, rows.sum(run_totals, size=prod(shapes[-1]))))

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """See `Subsampled.curvature`."""
        total = np.zeros(self.n_outputs)
        for run in self.rows.runs:
            for block, proba in self._proba(self.rows, run, coef, intercept):
                proba *= 1.0 - proba
                total += proba @ self.weights[block.rows]
        return total

    def _mean(self, coef: Array, intercept: Array, frame: Frame) -> Array | None:
        """The mean curvature (n_outputs,); None if there is one block: it computes its own mean."""
        if self.known_mean is not None:
            return self.known_mean
        is_one_block = len(self.rows.runs) == len(self.rows.runs[0]) == 1
        if is_one_block and not frame.has_outliers and self.n_samples > SPARED_SAMPLES:
            return None
        return self.mean_curvature(coef, intercept, frame)

    def _mean_trace(self, coef: Array, intercept: Array, frame: Frame) -> float | None:
        """The mean trace of diag(p) - p pᵀ; None if there is one block, see `_mean`."""
        mean = self._mean(coef, intercept, frame)
        return None if mean is None else mean.sum()

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.shared_gram`."""
        n_others = max(1, self.n_outputs - 1)
        mean = self._mean_trace(coef, intercept, frame)
        mean = None if mean is None else mean / n_others

        def add(block: Block, proba: Array, gram: Array) -> None:
            if self.n_outputs == 1:
                curvature = (proba * (1.0 - proba))[0]
            else:
                curvature = curvature_of_softmax(proba) / n_others
            gram += self._gram(block, curvature, mean, frame)

        return self._sum_dense(add, coef, intercept, (frame.n_dof, frame.n_dof))[0]

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.class_grams`."""
        mean = self._mean(coef, intercept, frame)
        means = [None] * self.n_outputs if mean is None else list(mean)

        def add(block: Block, proba: Array, grams: Array) -> None:
            proba *= 1.0 - proba
            if self._fused_grams:
                for gram, curvature, mean in zip(grams, proba, means, strict=True):
                    gram += self._gram(block, curvature, mean, frame)
                return
            rows = standardized(block.X, np.arange(len(block.X)), frame)
            weights, buffer = self.weights[block.rows], np.empty(rows.size)
            for gram, curvature, mean in zip(grams, proba, means, strict=True):
                kept, kept_weights = essential(curvature, weights, mean)
                weighted = buffer[: len(rows) * len(kept)].reshape(len(rows), -1)
                if len(kept) == len(weights):
                    np.multiply(rows, np.sqrt(curvature * kept_weights), out=weighted)
                else:
                    rows.take(kept, axis=1, out=weighted, mode="clip")
                    weighted *= np.sqrt(curvature.take(kept) * kept_weights)
                gram += weighted @ weighted.T

        shape = self.n_outputs, frame.n_dof, frame.n_dof
        return self._sum_dense(add, coef, intercept, shape)[0]

    def _gram(self, block: Block, curvature: Array, mean: float | None, frame: Frame) -> Array:
        """The sum of s c x~ x~ᵀ over a block, (n_dof, n_dof), with curvature c (rows,)."""
        weights = self.weights[block.rows]
        if self._fused_grams:
            weights = weights * curvature * has_part(curvature, weights, mean)
            gram = self._fused_grams.gram(
                block.X, weights, frame.center, frame.inverse_scale, frame.n_dof
            )
            return np.asarray(gram)
        kept, weights = essential(curvature, weights, mean)
        rows = standardized(block.X, kept, frame)
        rows *= np.sqrt(curvature.take(kept) * weights)
        return np.asarray(rows @ rows.T)

    def _essential_rows(
        self, block: Block, proba: Array, mean: float | None, frame: Frame
    ) -> tuple[Array, Array]:
        """The essential rows of a block: sqrt(s) x~ (n_dof, rows), and p (n_outputs, rows)."""
        kept, weights = essential(curvature_of_softmax(proba), self.weights[block.rows], mean)
        rows = standardized(block.X, kept, frame)
        rows *= np.sqrt(weights)
        return rows, proba.take(kept, axis=1)

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.full_gram`."""
        mean, n_dof = self._mean_trace(coef, intercept, frame), frame.n_dof
        n_free = (self.n_outputs - 1) * n_dof

        def add(block: Block, proba: Array, diagonal: Array, products: Array) -> None:
            rows, proba = self._essential_rows(block, proba, mean, frame)
            mixed = (proba[:-1, np.newaxis] * rows).reshape(n_free, -1)
            diagonal += mixed @ rows.T
            products += mixed @ mixed.T

        shapes = (n_free, n_dof), (n_free, n_free)
        diagonal, products = self._sum_dense(add, coef, intercept, *shapes)
        np.negative(products, out=products)
        for k, gram in enumerate(diagonal.reshape(-1, n_dof, n_dof)):
            of_class = slice(k * n_dof, (k + 1) * n_dof)
            products[of_class, of_class] += gram
        return products

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """See `Sums.free_gram`."""
        mean = self._mean_trace(coef, intercept, frame)
        ends = np.cumsum([len(of_class) for of_class in dofs])
        places = [slice(end - len(of_class), end) for end, of_class in zip(ends, dofs, strict=True)]
        n_free = int(ends[-1])

        def add(block: Block, proba: Array, hessian: Array) -> None:
            rows, proba = self._essential_rows(block, proba, mean, frame)
            mixed = np.empty((n_free, rows.shape[1]))
            for place, of_class, p in zip(places, dofs, proba, strict=True):
                of_rows = rows.take(of_class, axis=0)
                np.multiply(of_rows, p, out=mixed[place])
                hessian[place, place] += mixed[place] @ of_rows.T
            hessian -= mixed @ mixed.T

        return self._sum_dense(add, coef, intercept, (n_free, n_free))[0]

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.squares`."""
        n_features, center = self.n_features, frame.center
        if self.is_sparse:
            counts = np.bincount(self.rows.X.indices, minlength=n_features)
            is_full = counts == self.n_samples  # columns whose numbers are all stored

        def run_squares(run: list[Block]) -> tuple[Array]:
            squares = np.zeros((self.n_outputs, frame.n_dof))
            for block, proba in self._proba(self.rows, run, coef, intercept):
                curvature = proba * (1.0 - proba) * self.weights[block.rows]
                sums = curvature.sum(axis=1, keepdims=True)
                if self.is_sparse:
                    stored = block.X.astype(np.float64)
                    stored.data[:] = 1.0
                    of_zeros = np.maximum(sums - curvature @ stored, 0.0)
                    of_zeros[:, is_full] = 0.0  # exactly, in spite of rounding
                    stored.data[:] = (block.X.data - center[stored.indices]) ** 2
                    centered = curvature @ stored + of_zeros * center**2
                else:
                    centered = curvature @ (block.X - center) ** 2
                squares[:, :n_features] += centered
                squares[:, n_features:] += sums
            return (squares,)

        (squares,) = self.rows.sum(run_squares)
        squares[:, :n_features] *= frame.inverse_scale**2
        return np.asarray(squares)

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """See `Sums.gram_times`."""
        n_features = self.n_features
        coef = (vector[:n_features] * frame.inverse_scale)[np.newaxis]
        intercept = vector[n_features:].sum(keepdims=True) - coef @ frame.center

        def run_product(run: list[Block]) -> tuple[Array, Array]:
            product, total = np.zeros(n_features), np.zeros(1)
            for block, projection in self.rows.linear(run, coef, intercept):
                weighted = projection[0] * self.weights[block.rows]
                product += weighted @ block.X
                total += weighted.sum()
            return product, total

        product, total = self.rows.sum(run_product)
        product = (product - total * frame.center) * frame.inverse_scale
        return np.concatenate([product, total])[: frame.n_dof]


def standardized(X: Array, kept: Array, frame: Frame) -> Array:
    """The kept rows of X in the coordinates x~ of a frame, as columns: (n_dof, rows), float64.

    As columns, rows are multiplied with their weights along contiguous memory, also if features are
    few.
    """
    if len(kept) < len(X):
        X = X.take(kept, axis=0)
    n_features = len(frame.center)
    rows = np.empty((frame.n_dof, len(X)))
    np.subtract(X.T, frame.center[:, np.newaxis], out=rows[:n_features])
    rows[:n_features] *= frame.inverse_scale[:, np.newaxis]
    rows[n_features:] = 1.0
    return rows
