"""What decision regions are drawn from: a plane of two features, and the weights of every step.

Knows the estimator's answers, no picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from skl_softmax._model import row_per_class
from skl_softmax._rows import Array
from skl_softmax._trained import Trained, index_of, names_of

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
    """

    X: Array
    limits: tuple[float, float, float, float]
    labels: tuple[str, str]
    _whole: Any  # X with all its features
    _pair: list[int]  # which two

    @staticmethod
    def of(
        X: Any, features: Sequence[str | int] | None, feature_names: Sequence[str] | None
    ) -> Plane:
        """The plane of two features by name or number."""
        if sparse.issparse(X):
            raise TypeError("Decision regions need a dense X: call X.toarray() first.")
        if not hasattr(X, "iloc"):
            X = np.asarray(X)
        if X.ndim != 2:
            raise ValueError(f"X must have two dimensions, got {X.ndim}.")
        names = names_of(getattr(X, "columns", None), X.shape[1], feature_names)
        if features is None and len(names) != 2:
            raise ValueError(f"X has {len(names)} features: name the two to show, features=[…, …].")
        pair = [index_of(f, names) for f in ([0, 1] if features is None else features)]
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"features must be two different ones, got {features}.")
        columns = X.iloc[:, pair] if hasattr(X, "iloc") else X[:, pair]
        values = np.asarray(columns, dtype=float)
        low, high = values.min(axis=0), values.max(axis=0)
        margin = np.where(high > low, MARGIN * (high - low), 1.0)
        (left, bottom), (right, top) = low - margin, high + margin
        held = "" if len(names) == 2 else "\n(the other features at their mean)"
        return Plane(
            X=values,
            limits=(float(left), float(right), float(bottom), float(top)),
            labels=(names[pair[0]] + held, names[pair[1]]),
            _whole=X,
            _pair=pair,
        )

    def at(self, x1: Array, x2: Array) -> Any:
        """Samples with these values of the two features, the others held, of the type of X."""
        X = self._whole
        values = dict(zip(self._pair, (x1, x2), strict=True))
        if not hasattr(X, "iloc"):
            samples = np.tile(X.mean(axis=0), (len(x1), 1))
            samples[:, self._pair] = np.column_stack([x1, x2])
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
        self.found, self.y = found, y
        left, right, bottom, top = plane.limits
        x1, x2 = np.meshgrid(
            np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
        )
        self._grid = self._features(plane.at(x1.ravel(), x2.ravel()))
        self._samples = None if y is None else self._features(X)
        self._shape = x1.shape

    def _features(self, X: Any) -> Array:
        """X as the classifier's weights take it."""
        transformed = self.found.transform(X)
        if sparse.issparse(transformed):
            transformed = transformed.toarray()
        return np.asarray(transformed, dtype=float)

    def logits(self, step: int) -> Array:
        """Over the grid, (n_classes, resolution, resolution)."""
        model = self.found.model(step)
        coef, intercept = row_per_class(model.coef, model.intercept)
        logits = coef @ self._grid.T + intercept[:, np.newaxis]
        return np.asarray(logits.reshape(len(coef), *self._shape))

    def title(self, step: int) -> str:
        """Which step it is, and how accurate."""
        last = self.found.classifier.n_iter_
        title = (
            f"step {step}" if hasattr(self.found.classifier, "coef_history_") else f"{last} steps"
        )
        if self.y is None:
            return title
        accuracy = np.mean(self.found.model(step).predict(self._samples) == self.y)
        return f"{title}: accuracy {accuracy:.1%}"

    def some(self) -> list[int]:
        """At most 60 of the steps from the start to the end, close together at first."""
        last = self.found.classifier.n_iter_
        later = np.geomspace(1, max(last, 1), MOST_FRAMES - 1).round().astype(int).tolist()
        return self.chosen([0, *later])

    def chosen(self, iterations: Sequence[int] | None) -> list[int]:
        """The given steps, each once, those beyond the last as the last; None: the last."""
        last = self.found.classifier.n_iter_
        if iterations is None:
            return [last]
        self.found.require_history("DecisionRegionsDisplay")
        if len(iterations) == 0 or min(iterations) < 0:
            raise ValueError(f"iterations must be numbers of steps, 0 or more, got {iterations}.")
        return sorted({min(int(iteration), last) for iteration in iterations})
