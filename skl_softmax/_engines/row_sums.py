"""The sums over rows in memory or on disk: block by block, in threads of this process.

This module knows nothing of penalties, steps or estimators, and validates nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from math import prod
from typing import Self, TypeAlias

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._engines.disk import stretches
from skl_softmax._engines.kernels import block_loss, fused_kernels, kernels
from skl_softmax._engines.protocol import (
    LEAD_ROUNDING,
    Frame,
    add_to_groups,
    at_equal_distances,
    first_few,
)
from skl_softmax._engines.row_curvature import FUSED_FEATURES, RowCurvature, standardized
from skl_softmax._engines.rows import Block, Moments, Rows

# (X, targets, weights, coef, intercept) -> a block's loss, and its gradients for coef and intercept
FusedPass: TypeAlias = Callable[[Array, Array, Array, Array, Array], tuple[float, Array, Array]]
FUSED_COEF_ENTRIES = 2**14  # entries of coef: with more, a fused pass mostly adds up gradients


class RowSums(RowCurvature):
    """The `Sums` over rows of X with their labels and weights.

    Parameters
    ----------
    rows : Rows
    y : ndarray, (n_samples,) or (n_samples, n_classes)
        Codes 0 … n_classes - 1, or the probabilities of the classes for each sample: the
        cross-entropy of a sample is then the mean over the classes, weighted by them.
    weights : ndarray of float64, (n_samples,)
        Non-negative, summing to one; may be a broadcast scalar.
    """

    def __init__(self, rows: Rows, y: Array, weights: Array) -> None:
        self.rows, self.weights, self._y = rows, weights, y
        self.n_samples, self.n_features = rows.n_samples, rows.n_features
        self.n_outputs, self.dtype = rows.n_outputs, rows.dtype
        self.is_sparse, self.may_copy = rows.is_sparse, not rows.is_on_disk
        self._block_loss, self._targets = block_loss(y, rows.n_outputs, rows.dtype)
        n_logits = rows.n_samples * rows.n_outputs
        self._fused = None if rows.is_sparse else fused_kernels(n_logits)
        fastest = kernels(n_logits)
        self._to_proba = fastest.sigmoid_block if self.n_outputs == 1 else fastest.softmax_block

    def _fused_pass(self, coef: Array) -> FusedPass | None:
        """The function that computes the pass over a block in one call; None: use NumPy."""
        X = self.rows.X
        is_copied = isinstance(X, np.ndarray) and not X.flags.c_contiguous
        if (
            self._fused is None
            or self._y.ndim == 2
            or coef.dtype != X.dtype
            or coef.size > FUSED_COEF_ENTRIES
            or (is_copied and self.n_features > FUSED_FEATURES)
        ):
            return None
        of_two, of_more = self._fused.two_class_pass, self._fused.softmax_pass
        fused: FusedPass = of_two if len(coef) == 1 else of_more
        return fused

    @property
    def n_passes(self) -> int:
        """See `Sums.n_passes`."""
        return self.rows.n_passes + (self._dense_rows.n_passes if self._dense_rows else 0)

    @property
    def density(self) -> float:
        """See `Sums.density`."""
        X = self.rows.X
        return X.nnz / max(1, X.shape[0] * X.shape[1]) if self.is_sparse else 1.0

    def take(self, rows: Array) -> Self:
        """See `Sums.take`."""
        weights = self.weights[rows]
        if not weights.any():
            return self
        part = self._over(self.rows.take(rows))
        part.weights, part._y = weights / weights.sum(), self._y[rows]
        part._targets = self._targets[..., rows]
        return part

    def columns(self, features: Array) -> Self:
        """See `Sums.columns`."""
        return self._over(self.rows.columns(features))

    def _over(self, rows: Rows) -> Self:
        """The sums over some rows or columns, by the same kernels as the sums over all."""
        part = copy(self)
        part.rows, part._few, part._dense_rows = rows, None, None
        part.n_samples, part.n_features = rows.n_samples, rows.n_features
        part.is_sparse = rows.is_sparse
        return part

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """See `Sums.ordinary`."""

        def run_kept(run: list[Block]) -> Array:
            distances = (np.abs(X - frame.center) for _, X in self.rows.read(run))
            kept = [(each * frame.inverse_scale <= limit).all(axis=1) for each in distances]
            return np.concatenate(kept)

        return np.concatenate(self.rows.map(run_kept)), self.weights

    def class_weights(self) -> Array:
        """See `Sums.class_weights`. They do not count as a pass: X is not read."""
        n_classes = max(2, self.n_outputs)
        totals = np.zeros((2, n_classes))
        for rows in stretches(self.n_samples, 8 * n_classes):
            y, weights = self._y[rows], np.array(self.weights[rows])
            for total, each in zip(totals, (weights, weights**2), strict=True):
                total += np.bincount(y, each, n_classes) if y.ndim == 1 else each @ y
        return totals

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        fused = self._fused_pass(coef)

        def run_pass(run: list[Block]) -> tuple[float, Array, Array]:
            loss, gradient, sums = 0.0, np.zeros(coef.shape), np.zeros(len(coef))
            if fused is not None:
                for block in self.rows.read(run):
                    targets, weights = self._targets[block.rows], self.weights[block.rows]
                    part = fused(block.X, targets, weights, coef, intercept)
                    loss += part[0]
                    gradient += part[1]
                    sums += part[2]
                return loss, gradient, sums
            for block, logits in self.rows.linear(run, coef, intercept):
                targets, weights = self._targets[..., block.rows], self.weights[block.rows]
                loss += self._block_loss(logits, targets, weights)  # logits now hold residuals
                gradient += logits @ block.X
                sums += logits.sum(axis=1, dtype=np.float64)
            return loss, gradient, sums

        loss, gradient, sums = self.rows.sum(run_pass)
        return loss, gradient, sums

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """See `Sums.cross_entropy`."""

        def run_loss(run: list[Block]) -> tuple[float]:
            loss = 0.0
            for block, logits in self.rows.linear(run, coef, intercept):
                targets, weights = self._targets[..., block.rows], self.weights[block.rows]
                loss += self._block_loss(logits, targets, weights)
            return (loss,)

        return float(self.rows.sum(run_loss)[0])

    def score_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.score_gram`."""

        def add(total: Array, scores: Array, _: slice) -> None:
            total += scores @ scores.T

        n_free = max(1, self.n_outputs - 1) * frame.n_dof
        return self._sum_scores(add, coef, intercept, frame, (n_free, n_free))

    def group_scores(
        self, coef: Array, intercept: Array, frame: Frame, groups: Array, n_groups: int
    ) -> Array:
        """See `Sums.group_scores`."""

        def add(total: Array, scores: Array, rows: slice) -> None:
            add_to_groups(total, scores.T, groups[rows])

        n_free = max(1, self.n_outputs - 1) * frame.n_dof
        return self._sum_scores(add, coef, intercept, frame, (n_groups, n_free))

    def _sum_scores(
        self,
        add: Callable[[Array, Array, slice], None],
        coef: Array,
        intercept: Array,
        frame: Frame,
        shape: tuple[int, int],
    ) -> Array:
        """Sum over dense blocks: ``add(total, scores, rows)`` adds scores (n_free, rows)."""
        rows, n_free_outputs = self._in_dense_blocks(), max(1, self.n_outputs - 1)

        def run_scores(run: list[Block]) -> tuple[Array]:
            total = np.zeros(shape)
            for block, logits in rows.linear(run, coef, intercept):
                targets, weights = self._targets[..., block.rows], self.weights[block.rows]
                self._block_loss(logits, targets, weights)  # logits now hold residuals
                features = standardized(block.X, np.arange(len(block.X)), frame)
                scores = logits[:n_free_outputs, np.newaxis] * features
                add(total, scores.reshape(-1, len(block.X)), block.rows)
            return (total,)

        return np.asarray(rows.sum(run_scores, size=prod(shape))[0])

    def moments(self, together: bool) -> Moments:
        """See `Sums.moments`."""
        of_block = self._fused_grams.moments if self._fused_grams and together else None
        return self.rows.column_moments(self.weights, together=together, of_block=of_block)

    def few_rows(self) -> Array | None:
        """See `Sums.few_rows`."""
        if self.is_sparse:
            return None
        return self.rows.dense(at_equal_distances(self.n_samples))

    def separates(self, coef: Array, intercept: Array) -> bool:
        """See `Sums.separates`."""
        if self._y.ndim == 2:
            return False
        # Two classes have logits z and -z: the lead is 2 z, so its rounding is twice that of z.
        eps = LEAD_ROUNDING * np.finfo(coef.dtype).eps * (2.0 if self.n_outputs == 1 else 1.0)
        of_features, of_intercept = np.abs(coef).max(axis=0), float(np.abs(intercept).max())

        def run_separates(run: list[Block]) -> bool:
            for block, logits in self.rows.linear(run, coef, intercept):
                rounding = eps * (abs(block.X) @ of_features + of_intercept)
                lead, _ = self._lead(block, logits)
                if np.any((lead <= rounding) & (self.weights[block.rows] > 0.0)):
                    return False
            return True

        return all(self.rows.map(run_separates))

    def _lead(self, block: Block, logits: Array) -> tuple[Array, Array]:
        """How far the logit of each row's own class is above all other logits; the own classes.

        Returns the leads (rows,), negative if another class has a larger logit, and the own classes
        (n_classes, rows) of bool. A row with positive probabilities of several classes has all of
        them as its own: the lead is then the smallest of their logits less the largest of all.
        """
        y = self._y[block.rows]
        if self.n_outputs == 1:
            logits = np.vstack([-logits, logits])
        own = np.arange(len(logits))[:, np.newaxis] == y if y.ndim == 1 else y.T > 0.0
        others = np.where(own, -np.inf, logits).max(axis=0)
        if y.ndim == 2:
            others = np.where(own.sum(axis=0) > 1, logits.max(axis=0), others)
        return np.where(own, logits, np.inf).min(axis=0) - others, own

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        return first_few(n_samples, *self.leads(coef, intercept, n_samples))

    def leads(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array, Array]:
        """The smallest leads of each run, (samples,), with the rows and classes of `least_sure`."""

        def run_leads(run: list[Block]) -> tuple[Array, Array, Array]:
            found = []
            for block, logits in self.rows.linear(run, coef, intercept):
                lead, own = self._lead(block, logits)
                lead = np.where(self.weights[block.rows] > 0.0, lead, np.inf)
                few = np.argsort(lead, kind="stable")[:n_samples]
                few = few[lead[few] < np.inf]
                found.append((lead[few], few + block.rows.start, own.T[few]))
            leads, *places_and_own = map(np.concatenate, zip(*found, strict=True))
            few = np.argsort(leads, kind="stable")[:n_samples]
            places, own = (each[few] for each in places_and_own)
            return leads[few], self.rows.dense(places), own

        leads, X, own = map(np.concatenate, zip(*self.rows.map(run_leads), strict=True))
        return leads, X, own

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """See `Sums.largest_difference`."""

        def run_largest(run: list[Block]) -> float:
            blocks = self.rows.linear(run, coef, intercept)
            if self.n_outputs == 1:
                return max(float(np.abs(logits).max()) for _, logits in blocks)
            return max(float(np.ptp(logits, axis=0).max()) for _, logits in blocks)

        return float(max(self.rows.map(run_largest)))
