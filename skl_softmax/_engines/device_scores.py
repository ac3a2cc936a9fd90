"""The scores of samples on another device: their parts of the gradient, summed for standard errors.

This module knows nothing of penalties, steps or estimators, and validates nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import reduce
from typing import Any, Protocol

import numpy as np

from skl_softmax._arrays import Array, DeviceArray, Namespace
from skl_softmax._engines.kernels_device import linear, losses_and_residuals
from skl_softmax._engines.protocol import Frame, Subsampled, add_to_groups


class DeviceScores(Subsampled, Protocol):
    """The part of `DeviceSums` that sums over scores."""

    xp: Namespace
    put: Callable[..., DeviceArray]
    fetch: Callable[..., list[Array]]
    float_type: Any  # of the library

    def _blocks(
        self, n_copied: int = 0
    ) -> Iterator[tuple[DeviceArray, DeviceArray, DeviceArray]]: ...

    def _classes(self) -> DeviceArray: ...

    def _standardized(self, X: DeviceArray, frame: Frame) -> DeviceArray: ...

    def score_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """See `Sums.score_gram`."""
        grams = (scores.T @ scores for scores in self._scores(coef, intercept, frame))
        return self.fetch(reduce(operator.add, grams))[0]

    def group_scores(
        self, coef: Array, intercept: Array, frame: Frame, groups: Array, n_groups: int
    ) -> Array:
        """See `Sums.group_scores`. The host adds up scores: the standard has no sum by groups."""
        total, start = np.zeros((n_groups, max(1, self.n_outputs - 1) * frame.n_dof)), 0
        for there in self._scores(coef, intercept, frame):
            (scores,) = self.fetch(there)
            add_to_groups(total, scores, groups[start : start + len(scores)])
            start += len(scores)
        return total

    def _scores(self, coef: Array, intercept: Array, frame: Frame) -> Iterator[DeviceArray]:
        """Yield the scores (rows, n_free) of each block of rows, of the type of X."""
        xp, classes = self.xp, self._classes()
        there = self.put(coef, self.float_type), self.put(intercept, self.float_type)
        n_free_outputs = max(1, self.n_outputs - 1)
        for X, y, weights in self._blocks((2 + n_free_outputs) * frame.n_dof):
            _, residuals = losses_and_residuals(xp, linear(X, *there), y, weights, classes)
            rows = self._standardized(X, frame)
            scores = residuals[:, :n_free_outputs, None] * rows[:, None, :]
            yield xp.reshape(scores, (X.shape[0], n_free_outputs * frame.n_dof))
