"""What decision regions are drawn from: a plane of two features, and the weights of every step.

Knows the estimator's answers, no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skl_softmax._arrays import Array
from skl_softmax._plot.source import Trained, index_of, names_of

MARGIN = 0.06  # of the data's range, around them
MOST_FRAMES = 60


@dataclass(frozen=True)
class Plane:
    """Two features of X, and what the others are held at.

    Attributes
    ----------
    X : ndarray (n_samples, 2)
    limits : left, right, bottom, top
    labels : of both axes
    note : what the others are held at, if there are any
    pair : which two
    """

    X: Array
    limits: tuple[float, float, float, float]
    labels: tuple[str, str]
    note: str
    pair: list[int]
    _whole: Any  # X with all its features

    @staticmethod
    def of(X: Any, features: Any, feature_names: Sequence[str] | None) -> Plane:
        """The plane of two features by name or number."""
        if sparse.issparse(X):
            raise TypeError("Decision regions need a dense X: call X.toarray() first.")
        if not hasattr(X, "iloc"):
            X = np.asarray(X)
        if X.ndim != 2 or len(X) == 0:
            raise ValueError(f"X must be samples in rows, at least one, got shape {X.shape}.")
        names = names_of(getattr(X, "columns", None), X.shape[1], feature_names)
        if features is None and len(names) != 2:
            raise ValueError(f"X has {len(names)} features: name the two to show, features=[…, …].")
        if features is None:
            features = [0, 1]
        if isinstance(features, str) or np.ndim(features) != 1 or len(features) != 2:
            raise ValueError(f"features must be two different ones, got {features!r}.")
        pair = [index_of(feature, names) for feature in features]
        if pair[0] == pair[1]:
            raise ValueError(f"features must be two different ones, got {features!r}.")
        values = np.asarray(X.iloc[:, pair] if hasattr(X, "iloc") else X[:, pair])
        if values.dtype.kind not in "biuf":
            raise ValueError(f"features must be numbers, which {features!r} are not.")
        values = values.astype(float)
        low, high = values.min(axis=0), values.max(axis=0)
        margin = np.where(high > low, MARGIN * (high - low), 1.0)
        (left, bottom), (right, top) = low - margin, high + margin
        return Plane(
            X=values,
            limits=(float(left), float(right), float(bottom), float(top)),
            labels=(names[pair[0]], names[pair[1]]),
            note="" if len(names) == 2 else "the other features at their mean",
            pair=pair,
            _whole=X,
        )

    def held(self) -> Array:
        """What every feature is held at, (n_features,), zero for the two of the plane."""
        means = np.asarray(self._whole, dtype=float).mean(axis=0)
        means[self.pair] = 0.0
        return np.asarray(means)

    def at(self, x1: Array, x2: Array) -> Any:
        """Samples with these values of the two features, the others held, of the type of X.

        What is not a number is held at its most frequent value.
        """
        X = self._whole
        values = dict(zip(self.pair, (x1, x2), strict=True))
        if not hasattr(X, "iloc"):
            samples = np.tile(X.mean(axis=0), (len(x1), 1))
            samples[:, self.pair] = np.column_stack([x1, x2])
            return samples
        samples = X.iloc[np.zeros(len(x1), dtype=int)].reset_index(drop=True)
        for j, name in enumerate(X.columns):
            column = X.iloc[:, j]
            if j in values:
                samples[name] = values[j]
            elif column.dtype.kind in "iufb":
                samples[name] = column.mean()
            else:
                samples[name] = column.mode().iloc[0]
        return samples


class Frames:
    """What there is to see after any of the steps.

    Parameters
    ----------
    found : Trained
    plane : Plane
    X : array-like (n_samples, n_features), y : ndarray (n_samples,) or None
        Whose accuracy the titles tell.
    resolution : int
        Of the grid.
    """

    def __init__(
        self, found: Trained, plane: Plane, X: Any, y: Array | None, resolution: int
    ) -> None:
        self.found, self.y, self._pair = found, y, plane.pair
        samples = found.transform(X)
        self._samples = None if y is None else samples
        left, right, bottom, top = plane.limits
        x1, x2 = np.meshgrid(
            np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
        )
        self._shape, self._points = x1.shape, np.stack([x1.ravel(), x2.ravel()])
        # Without a pipeline the logits are linear in both features: no grid of all is needed.
        self._grid, self._held = None, None
        if found.before:
            self._grid = found.transform(plane.at(*self._points))
        else:
            self._held = plane.held()

    def logits(self, step: int) -> Array:
        """Over the grid, (n_classes, resolution, resolution)."""
        model = self.found.model(step)
        if self._held is None:
            logits = model.decision_function(self._grid).T
        else:
            at_held = model.coef @ self._held + model.intercept
            logits = model.coef[:, self._pair] @ self._points + at_held[:, np.newaxis]
        return np.asarray(logits.reshape(-1, *self._shape))

    def title(self, step: int) -> str:
        """Which step it is, and how accurate on the samples, all their features considered."""
        if self.y is None:
            return f"step {step}"
        accuracy = np.mean(self.found.model(step).predict(self._samples) == self.y)
        return f"step {step}: accuracy {accuracy:.1%}"

    def some(self) -> list[int]:
        """At most 60 of the steps from the start to the end, close together at first."""
        last = self.found.classifier.n_iter_
        later = np.geomspace(1, max(last, 1), MOST_FRAMES - 1).round().astype(int)
        return self.chosen([0, *later.tolist()])

    def chosen(self, iterations: Any) -> list[int]:
        """The given steps, each once, those beyond the last as the last; None: the fitted one."""
        if iterations is None:
            return [int(self.found.classifier.best_iter_)]
        self.found.require_history("DecisionRegionsDisplay")
        steps = np.asarray(iterations)
        if steps.ndim != 1 or steps.dtype.kind not in "iu" or not len(steps) or steps.min() < 0:
            raise ValueError(
                f"iterations must be a sequence of numbers of steps, 0 or more, got {iterations!r}."
            )
        last = self.found.classifier.n_iter_
        return list(dict.fromkeys(np.minimum(steps, last).tolist()))
