"""The sums over rows in one process's reach, in memory or on disk: block by block, in threads.

Knows nothing of penalties, steps or estimators; validates nothing.
"""

from __future__ import annotations

from copy import copy
from typing import Any, Self

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._engines.disk import stretches
from skl_softmax._engines.kernels import block_loss, fused_kernels, kernels
from skl_softmax._engines.protocol import Frame, at_equal_distances, choose
from skl_softmax._engines.row_curvature import FEW_FEATURES, RowCurvature
from skl_softmax._engines.rows import Block, Moments, Rows

FUSED_ENTRIES = 2**14  # of coef, beyond which adding up gradients is too much of a fused pass


class RowSums(RowCurvature):
    """The `Sums` over rows of X, and what is known of them.

    Parameters
    ----------
    rows : Rows
    y : ndarray, (n_samples,) or (n_samples, n_classes)
        Codes 0 … n_classes - 1, or each sample's probabilities of the classes: its cross-entropy is
        then the mean over the classes, with those as weights.
    weights : ndarray of float64, (n_samples,)
        Non-negative, summing to one; may be a broadcast scalar.
    """

    def __init__(self, rows: Rows, y: Array, weights: Array) -> None:
        self.rows, self.weights, self._y = rows, weights, y
        self.n_samples, self.n_features = rows.n_samples, rows.n_features
        self.n_outputs, self.dtype = rows.n_outputs, rows.dtype
        self.is_sparse, self.may_copy = rows.is_sparse, not rows.is_on_disk
        self._has_labels = y.ndim == 1
        self._few = None
        self._block_loss, self._targets = block_loss(y, rows.n_outputs, rows.dtype)
        n_logits = rows.n_samples * rows.n_outputs
        self._fused: Any = None if rows.is_sparse else fused_kernels(n_logits)
        self._dense_rows: Rows | None = None if rows.is_sparse else rows
        fastest = kernels(n_logits)
        self._to_proba = fastest.sigmoid_block if self.n_outputs == 1 else fastest.softmax_block

    def _fuses_passes(self, coef: Array) -> bool:
        """Whether a block's pass is one call: it can be, and is the faster."""
        X = self.rows.X
        is_copied = isinstance(X, np.ndarray) and not X.flags.c_contiguous
        return bool(
            self._fused
            and self._has_labels
            and coef.dtype == X.dtype
            and coef.size <= FUSED_ENTRIES
            and not (is_copied and self.n_features > FEW_FEATURES)
        )

    @property
    def n_passes(self) -> int:
        """Passes over all rows so far."""
        of_dense = self._dense_rows.n_passes if self.is_sparse and self._dense_rows else 0
        return self.rows.n_passes + of_dense

    @property
    def density(self) -> float:
        """The share of X's entries that are stored, and take time in a pass."""
        X = self.rows.X
        return X.nnz / max(1, X.shape[0] * X.shape[1]) if self.is_sparse else 1.0

    def sample(self, n_samples: int) -> Self:
        """See `Sums.sample`; itself, if the rows chosen have no weight."""
        return self.take(choose(self.n_samples, n_samples))

    def take(self, chosen: Array) -> Self:
        """See `Sums.take`."""
        weights = self.weights[chosen]
        if not weights.any():
            return self
        sample = copy(self)
        sample._few = None
        sample.rows, sample.n_samples = self.rows.take(chosen), len(chosen)
        sample._dense_rows = None if sample.is_sparse else sample.rows
        sample._y = self._y[chosen]
        sample.weights, sample._targets = weights / weights.sum(), self._targets[..., chosen]
        return sample

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """See `Sums.ordinary`."""

        def run_kept(run: list[Block]) -> list[Array]:
            blocks = (block.X for block in self.rows.read(run))
            return [
                (np.abs(X - frame.center) * frame.inverse_scale <= limit).all(axis=1)
                for X in blocks
            ]

        kept = [mask for of_run in self.rows.map(run_kept) for mask in of_run]
        return np.concatenate(kept), self.weights

    def columns(self, features: Array) -> Self:
        """See `Sums.columns`."""
        part = copy(self)
        part._few = None
        part.rows = self.rows.columns(features)
        part.n_features, part.is_sparse = part.rows.n_features, part.rows.is_sparse
        part._dense_rows = None if part.is_sparse else part.rows
        return part

    def class_weights(self) -> Array:
        """See `Sums.class_weights`; not counted as a pass, since X is not read."""
        n_classes = max(2, self.n_outputs)
        totals = np.zeros((2, n_classes))
        for rows in stretches(self.n_samples, 8 * n_classes):
            y, weights = self._y[rows], np.array(self.weights[rows])
            for total, each in zip(totals, (weights, weights**2), strict=True):
                total += np.bincount(y, each, n_classes) if y.ndim == 1 else each @ y
        return totals

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """See `Sums.loss_and_gradient`."""
        is_fused = self._fuses_passes(coef)
        if is_fused:
            fused = self._fused.two_class_pass if len(coef) == 1 else self._fused.softmax_pass

        def run_pass(run: list[Block]) -> tuple[float, Array, Array]:
            loss, gradient, sums = 0.0, np.zeros(coef.shape), np.zeros(len(coef))
            if is_fused:
                for block in self.rows.read(run):
                    targets, weights = self._targets[block.rows], self.weights[block.rows]
                    part = fused(block.X, targets, weights, coef, intercept)
                    loss += part[0]
                    gradient += part[1]
                    sums += part[2]
                return loss, gradient, sums
            for block, logits in self.rows.linear(run, coef, intercept):
                targets, weights = self._targets[..., block.rows], self.weights[block.rows]
                loss += self._block_loss(logits, targets, weights)  # logits: now residuals
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
        if not self._has_labels:
            return False
        sizes = np.abs(coef).max(axis=0), float(np.abs(intercept).max())
        eps = 8.0 * np.finfo(coef.dtype).eps

        def run_separates(run: list[Block]) -> bool:
            for block, logits in self.rows.linear(run, coef, intercept):
                labels = self._targets[block.rows]
                rounding = eps * (abs(block.X) @ sizes[0] + sizes[1])
                if self.n_outputs == 1:
                    lead = -labels * logits[0]
                else:
                    own = np.arange(self.n_outputs)[:, np.newaxis] == labels
                    lead = np.where(own, logits, np.inf).min(axis=0)
                    lead -= np.where(own, -np.inf, logits).max(axis=0)
                if np.any((lead <= rounding) & (self.weights[block.rows] > 0.0)):
                    return False
            return True

        return all(self.rows.map(run_separates))

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """See `Sums.least_sure`."""
        leads, X, own = self.leads(coef, intercept, n_samples)
        chosen = np.argsort(leads, kind="stable")[:n_samples]
        return X[chosen], own[chosen]

    def leads(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array, Array]:
        """The least leads of every run, (samples,), and what `least_sure` returns of them."""
        every = np.arange(max(2, self.n_outputs))[:, np.newaxis]

        def run_leads(run: list[Block]) -> tuple[Array, Array, Array]:
            leads, places, owns = [], [], []
            for block, logits in self.rows.linear(run, coef, intercept):
                y, counts = self._y[block.rows], self.weights[block.rows] > 0.0
                own = every == y if y.ndim == 1 else y.T > 0.0
                logits = np.vstack([-logits, logits]) if self.n_outputs == 1 else logits
                lead = np.where(own, logits, np.inf).min(axis=0)
                others = np.where(own, -np.inf, logits).max(axis=0)
                others = np.where(own.sum(axis=0) > 1, logits.max(axis=0), others)
                lead = np.where(counts, lead - others, np.inf)
                few = np.argsort(lead, kind="stable")[:n_samples]
                few = few[lead[few] < np.inf]
                leads.append(lead[few])
                places.append(few + block.rows.start)
                owns.append(own.T[few])
            found = np.concatenate(leads), np.concatenate(places), np.concatenate(owns)
            few = np.argsort(found[0], kind="stable")[:n_samples]
            return found[0][few], self.rows.dense(found[1][few]), found[2][few]

        parts = zip(*self.rows.map(run_leads), strict=True)
        leads, X, own = (np.concatenate(part) for part in parts)
        return leads, X, own

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """See `Sums.largest_difference`."""

        def run_largest(run: list[Block]) -> float:
            blocks = self.rows.linear(run, coef, intercept)
            if self.n_outputs == 1:
                return max(float(np.abs(logits).max()) for _, logits in blocks)
            return max(float(np.ptp(logits, axis=0).max()) for _, logits in blocks)

        return float(max(self.rows.map(run_largest)))
