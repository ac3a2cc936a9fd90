"""The curvature sums over rows in one process's reach: Gram matrices, weighted by probabilities.

Knows nothing of penalties, steps or estimators; validates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Self

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._engines.negligible_rows import curvature_of_softmax, essential, few_of, has_part
from skl_softmax._engines.protocol import NO_FLOOR, Frame
from skl_softmax._engines.rows import Block, Rows

FEW_FEATURES = 64  # whose rows cost little to copy, and to multiply without BLAS's symmetry


class RowCurvature:
    """The part of `RowSums` that curvature models are made of.

    Attributes
    ----------
    rows : Rows
    weights : ndarray (n_samples,)
    n_samples, n_features, n_outputs : int
    is_sparse : bool
    """

    rows: Rows
    weights: Array
    n_samples: int
    n_features: int
    n_outputs: int
    is_sparse: bool
    _few: RowCurvature | None  # some samples, which tell the mean curvature
    _fused: Any
    _to_proba: Any
    _dense_rows: Rows | None

    def take(self, chosen: Array) -> Self:
        """The sums over some rows, given as sorted indices."""
        raise NotImplementedError

    @property
    def _fused_grams(self) -> Any:
        """What is fused, where that is the faster for Gram matrices; of one feature it is not."""
        return self._fused if 1 < self.n_features <= FEW_FEATURES else None

    def _for_grams(self) -> Rows:
        """The rows in dense blocks, as products of features need them."""
        if self._dense_rows is None:
            self._dense_rows = self.rows.made_dense()
        return self._dense_rows

    def _proba(
        self, rows: Rows, run: list[Block], coef: Array, intercept: Array
    ) -> Iterator[tuple[Block, Array]]:
        """Yield each block and its probabilities (n_outputs, rows); of two, the second's.

        In float64: sums of float32 miss one by what a Hessian's smallest eigenvalues are.
        """
        for block, logits in rows.linear(run, coef, intercept):
            proba = logits.astype(np.float64, copy=False)
            self._to_proba(proba)
            yield block, proba

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """The sums of s p (1 - p), (n_outputs,); not counted as a pass."""
        total = np.zeros(self.n_outputs)
        for run in self.rows.runs:
            for block, proba in self._proba(self.rows, run, coef, intercept):
                proba *= 1.0 - proba
                total += proba @ self.weights[block.rows]
        return total

    def _mean(self, coef: Array, intercept: Array, frame: Frame) -> Array | None:
        """The mean curvature of all samples or, of many, of some; (n_outputs,).

        None where there is a single block: its own mean is the mean of all.
        """
        if frame.has_outliers:
            return np.full(self.n_outputs, NO_FLOOR)
        if len(self.rows.runs) == len(self.rows.runs[0]) == 1:
            return None
        if self._few is None:
            chosen = few_of(self.n_samples)
            self._few = self if chosen is None else self.take(chosen)
        return self._few.curvature(coef, intercept)

    def shared_gram(
        self, coef: Array, intercept: Array, frame: Frame, mean: Array | None = None
    ) -> Array:
        """See `Sums.shared_gram`; `mean` is that of `curvature`, if it is known."""
        n_dof = frame.n_dof
        of_samples = self._for_grams()
        mean = self._mean(coef, intercept, frame) if mean is None else mean
        floor = None if mean is None else mean.sum() / max(1, self.n_outputs - 1)

        def run_gram(run: list[Block]) -> tuple[Array]:
            gram = np.zeros((n_dof, n_dof))
            for block, proba in self._proba(of_samples, run, coef, intercept):
                if self.n_outputs == 1:
                    curvature = (proba * (1.0 - proba))[0]
                else:
                    curvature = curvature_of_softmax(proba) / (self.n_outputs - 1)
                gram += self._gram(block, curvature, floor, frame)
            return (gram,)

        (gram,) = of_samples.sum(run_gram, size=n_dof**2)
        return np.asarray(gram)

    def class_grams(
        self, coef: Array, intercept: Array, frame: Frame, mean: Array | None = None
    ) -> Array:
        """See `Sums.class_grams`; `mean` as of `shared_gram`."""
        n_dof = frame.n_dof
        of_samples = self._for_grams()
        mean = self._mean(coef, intercept, frame) if mean is None else mean
        floors = [None] * self.n_outputs if mean is None else list(mean)

        def run_grams(run: list[Block]) -> tuple[Array]:
            grams = np.zeros((self.n_outputs, n_dof, n_dof))
            for block, proba in self._proba(of_samples, run, coef, intercept):
                proba *= 1.0 - proba
                if self._fused_grams:
                    for gram, curvature, floor in zip(grams, proba, floors, strict=True):
                        gram += self._gram(block, curvature, floor, frame)
                else:
                    self._add_class_grams(grams, block, proba, floors, frame)
            return (grams,)

        (grams,) = of_samples.sum(run_grams, size=self.n_outputs * n_dof**2)
        return np.asarray(grams)

    def _gram(self, block: Block, curvature: Array, floor: float | None, frame: Frame) -> Array:
        """A block's part of a weighted sum of x~ x~ᵀ, (n_dof, n_dof), given curvature (rows,)."""
        weights = self.weights[block.rows]
        if self._fused_grams:
            weights = weights * curvature * has_part(curvature, weights, floor)
            gram = self._fused_grams.gram(
                block.X, weights, frame.center, frame.inverse_scale, frame.n_dof
            )
            return np.asarray(gram)
        kept, weights = essential(curvature, weights, floor)
        rows = standardized(block.X, kept, frame)
        rows *= np.sqrt(curvature.take(kept) * weights)
        return np.asarray(rows @ rows.T)

    def _add_class_grams(
        self,
        grams: Array,
        block: Block,
        curvatures: Array,
        floors: Sequence[float | None],
        frame: Frame,
    ) -> None:
        """Add such a sum for each class to grams (n_outputs, n_dof, n_dof)."""
        rows = standardized(block.X, np.arange(len(block.X)), frame)
        weights, buffer = self.weights[block.rows], np.empty(rows.size)
        for gram, curvature, floor in zip(grams, curvatures, floors, strict=True):
            kept, kept_weights = essential(curvature, weights, floor)
            weighted = buffer[: len(rows) * len(kept)].reshape(len(rows), -1)
            if len(kept) == len(weights):
                np.multiply(rows, np.sqrt(curvature * kept_weights), out=weighted)
            else:
                rows.take(kept, axis=1, out=weighted, mode="clip")
                weighted *= np.sqrt(curvature.take(kept) * kept_weights)
            gram += weighted @ weighted.T

    def full_gram(
        self, coef: Array, intercept: Array, frame: Frame, mean: Array | None = None
    ) -> Array:
        """See `Sums.full_gram`; `mean` as of `shared_gram`."""
        n_dof = frame.n_dof
        of_samples = self._for_grams()
        mean = self._mean(coef, intercept, frame) if mean is None else mean
        floor = None if mean is None else mean.sum()
        n_free = (self.n_outputs - 1) * n_dof

        def run_hessian(run: list[Block]) -> tuple[Array, Array]:
            diagonal, products = np.zeros((n_free, n_dof)), np.zeros((n_free, n_free))
            for block, proba in self._proba(of_samples, run, coef, intercept):
                weights = self.weights[block.rows]
                kept, weights = essential(curvature_of_softmax(proba), weights, floor)
                rows = standardized(block.X, kept, frame)
                rows *= np.sqrt(weights)
                mixed = proba[:-1].take(kept, axis=1)[:, np.newaxis] * rows
                mixed = mixed.reshape(n_free, -1)
                diagonal += mixed @ rows.T
                products += mixed @ mixed.T
            return diagonal, products

        diagonal, products = of_samples.sum(run_hessian, size=n_free**2)
        np.negative(products, out=products)
        for k, gram in enumerate(diagonal.reshape(-1, n_dof, n_dof)):
            of_class = slice(k * n_dof, (k + 1) * n_dof)
            products[of_class, of_class] += gram
        return np.asarray(products)

    def free_gram(
        self,
        coef: Array,
        intercept: Array,
        frame: Frame,
        dofs: Sequence[Array],
        mean: Array | None = None,
    ) -> Array:
        """See `Sums.free_gram`; `mean` as of `shared_gram`."""
        of_samples = self._for_grams()
        mean = self._mean(coef, intercept, frame) if mean is None else mean
        floor = None if mean is None else mean.sum()
        ends = np.cumsum([len(of_class) for of_class in dofs])
        places = [slice(end - len(of_class), end) for end, of_class in zip(ends, dofs, strict=True)]
        n_free = int(ends[-1])

        def run_hessian(run: list[Block]) -> tuple[Array]:
            hessian = np.zeros((n_free, n_free))
            for block, proba in self._proba(of_samples, run, coef, intercept):
                weights = self.weights[block.rows]
                kept, weights = essential(curvature_of_softmax(proba), weights, floor)
                rows = standardized(block.X, kept, frame)
                rows *= np.sqrt(weights)
                mixed = np.empty((n_free, len(kept)))
                for place, of_class, p in zip(places, dofs, proba.take(kept, axis=1), strict=True):
                    of_rows = rows.take(of_class, axis=0)
                    np.multiply(of_rows, p, out=mixed[place])
                    hessian[place, place] += mixed[place] @ of_rows.T
                hessian -= mixed @ mixed.T
            return (hessian,)

        (hessian,) = of_samples.sum(run_hessian, size=n_free**2)
        return np.asarray(hessian)

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.squares`."""
        n_features, center = self.n_features, frame.center
        is_full = self._is_full() if self.is_sparse else None

        def run_squares(run: list[Block]) -> tuple[Array]:
            squares = np.zeros((self.n_outputs, frame.n_dof))
            for block, proba in self._proba(self.rows, run, coef, intercept):
                curvature = proba * (1.0 - proba) * self.weights[block.rows]
                sums = curvature.sum(axis=1, keepdims=True)
                if self.is_sparse:
                    stored = block.X.astype(np.float64)
                    stored.data[:] = 1.0
                    of_zeros = np.maximum(sums - curvature @ stored, 0.0)
                    of_zeros[:, is_full] = 0.0  # and not what rounding leaves
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

    def _is_full(self) -> Array:
        """Which columns (n_features,) of CSR have no zero that is not stored."""
        counts = np.bincount(self.rows.X.indices, minlength=self.n_features)
        return np.asarray(counts == self.n_samples)

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
    """Some rows of X in the coordinates of params, x~, as columns: (n_dof, rows), float64.

    Then weights multiply along contiguous memory, also where features are few.
    """
    if len(kept) < len(X):
        X = X.take(kept, axis=0)
    n_features = len(frame.center)
    rows = np.empty((frame.n_dof, len(X)))
    np.subtract(X.T, frame.center[:, np.newaxis], out=rows[:n_features])
    rows[:n_features] *= frame.inverse_scale[:, np.newaxis]
    rows[n_features:] = 1.0
    return rows
