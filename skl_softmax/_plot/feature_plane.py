"""What decision regions are drawn from: a plane of two features, and the weights of every step.

Knows what an estimator answers; draws nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
from scipy import sparse

from skl_softmax._arrays import Array, Matrix
from skl_softmax._model import require_history
from skl_softmax._plot.source import Trained, indices_of, names_of

Limits: TypeAlias = tuple[float, float, float, float]  # left, right, bottom, top

MARGIN = 0.06  # of the range of a feature, on both sides of the samples: no marker is cut off
CONSTANT_MARGIN = 1.0  # in units of the feature, where all its values are equal
MAX_FRAMES = 60  # of an animation by default: six seconds at ten frames a second


@dataclass(frozen=True)
class Plane:
    """The plane of two features of X, with all other features held at one value.

    Attributes
    ----------
    X : ndarray of shape (n_samples, 2)
        The values of the two features.
    limits : tuple of float
        Left, right, bottom and top of the part of the plane that is drawn.
    labels : tuple of str
        The names of the two features.
    note : str
        What the other features are held at; empty if there are none.
    pair : list of int
        The columns of the two features.
    """

    X: Array
    limits: Limits
    labels: tuple[str, str]
    note: str
    pair: list[int]
    _whole: Matrix  # X with all its features, an array or a DataFrame

    @staticmethod
    def of(
        X: Matrix, features: Sequence[str | int] | None, feature_names: Sequence[str] | None
    ) -> Plane:
        """Return the plane of two features, given by name or number, and check them."""
        if sparse.issparse(X):
            raise TypeError("Decision regions need a dense X: call X.toarray() first.")
        if not is_frame(X):
            X = np.asarray(X)
        if len(X.shape) != 2 or len(X) == 0:
            raise ValueError(f"X must be samples in rows, at least one, got shape {X.shape}.")
        names = names_of(getattr(X, "columns", None), X.shape[1], feature_names)
        if features is None:
            if len(names) != 2:
                raise ValueError(
                    f"X has {len(names)} features: name the two to show, features=[…, …]."
                )
            features = [0, 1]
        pair = indices_of(features, names)
        if len(pair) != 2 or pair[0] == pair[1]:
            raise ValueError(f"features must be two different ones, got {features!r}.")
        columns = columns_of(X)
        values = np.column_stack([numbers_of(columns[j], names[j]) for j in pair])
        values[~np.isfinite(values)] = np.nan  # not drawn: an imputer may be waiting for them
        if np.isnan(values).all(axis=0).any():
            raise ValueError(f"features must have finite numbers, which {features!r} have not.")
        low, high = np.nanmin(values, axis=0), np.nanmax(values, axis=0)
        margin = np.where(high > low, MARGIN * (high - low), CONSTANT_MARGIN)
        (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
        return Plane(
            X=values,
            limits=(left, right, bottom, top),
            labels=(names[pair[0]], names[pair[1]]),
            note="" if len(names) == 2 else "the other features at their mean",
            pair=pair,
            _whole=X,
        )

    def held(self) -> Array:
        """Return the mean of every feature, (n_features,), with zeros for the two of the plane."""
        means = np.asarray(self._whole, dtype=float).mean(axis=0)
        means[self.pair] = 0.0
        return np.asarray(means)

    def at(self, x1: Array, x2: Array) -> Matrix:
        """Return samples at points of the plane, of the type of X, (n_points, n_features).

        All other features are held at their mean, or at their most frequent value if they are not
        numbers.

        Parameters
        ----------
        x1, x2 : ndarray of shape (n_points,)
            The values of the two features.
        """
        X, points = self._whole, dict(zip(self.pair, (x1, x2), strict=True))
        columns = [
            points[j] if j in points else held_column(column, len(x1))
            for j, column in enumerate(columns_of(X))
        ]
        if is_frame(X):
            return type(X)(dict(zip(X.columns, columns, strict=True)))
        samples = np.empty((len(x1), len(columns)), object if X.dtype.kind == "O" else float)
        for j, column in enumerate(columns):
            samples[:, j] = column
        return samples


def is_frame(X: Matrix) -> bool:
    """Whether X is a data frame, of pandas or Polars."""
    return hasattr(X, "columns") and hasattr(X, "dtypes")


def columns_of(X: Matrix) -> list[Any]:
    """The columns of an array, or of a data frame as its library has them."""
    if is_frame(X):
        return [X.iloc[:, j] if hasattr(X, "iloc") else X[:, j] for j in range(X.shape[1])]
    return list(X.T)


def is_numeric(column: Any) -> bool:
    """Whether the type of a column says that it holds numbers."""
    dtype = column.dtype
    if hasattr(dtype, "is_numeric"):  # Polars
        return bool(dtype.is_numeric() or str(dtype) == "Boolean")
    return dtype.kind in "biuf"


def numbers_of(column: Any, name: str) -> Array:
    """A column as floats (n_samples,), NaN where a number is missing."""
    if not (
        is_numeric(column) or all(value is None or isinstance(value, Real) for value in column)
    ):
        raise ValueError(f"features must be numbers, which {name!r} is not.")
    if hasattr(column, "iloc"):
        return np.asarray(column.to_numpy(dtype=float, na_value=np.nan))
    return np.asarray(column).astype(float)


def held_column(column: Any, n_points: int) -> Any:
    """A column for points: the mean of its numbers, or what is most frequent in it."""
    if is_numeric(column):
        numbers = numbers_of(column, "")
        finite = numbers[np.isfinite(numbers)]
        return np.full(n_points, finite.mean() if len(finite) else np.nan)
    values = column.tolist() if hasattr(column, "tolist") else column.to_list()
    is_missing = column.isna() if hasattr(column, "isna") else [v is None or v != v for v in values]
    places: dict[Any, list[int]] = {}
    for i in np.flatnonzero(~np.asarray(is_missing)).tolist():
        places.setdefault(values[i], []).append(i)
    most = min(places.items(), key=lambda item: (-len(item[1]), str(item[0])), default=(None, [0]))
    rows = np.full(n_points, most[1][0])  # so that the column keeps its type
    return column.iloc[rows].array if hasattr(column, "iloc") else column[rows]


class Frames:
    """The logits over a plane and the accuracy after any step of a fit, computed when asked for.

    Parameters
    ----------
    found : Trained
        The classifier, and the transformers before it.
    plane : Plane
        The plane of two features of X.
    X : array-like or DataFrame of shape (n_samples, n_features)
        The samples whose accuracy the titles tell.
    y : ndarray of shape (n_samples,) or None
        Their labels. None: the titles tell no accuracy.
    resolution : int
        Points of the grid along each axis of the plane.
    """

    def __init__(
        self, found: Trained, plane: Plane, X: Matrix, y: Array | None, resolution: int
    ) -> None:
        self.found, self.y, self._pair = found, y, plane.pair
        samples = found.transform(X)  # without y as well: it checks the features of X
        self._samples = None if y is None else samples
        left, right, bottom, top = plane.limits
        x1, x2 = np.meshgrid(
            np.linspace(left, right, resolution), np.linspace(bottom, top, resolution)
        )
        self._shape, self._points = x1.shape, np.stack([x1.ravel(), x2.ravel()])
        # Without transformers the logits are linear in both features: a grid with all features,
        # which could be large, is not needed.
        self._grid = found.transform(plane.at(*self._points)) if found.before else None
        self._held = None if found.before else plane.held()

    def logits(self, step: int) -> Array:
        """Return the logits over the grid after a step, (n_classes, resolution, resolution)."""
        model = self.found.model(step)
        if self._held is None:
            logits = model.decision_function(self._grid).T
        else:
            at_held = model.coef @ self._held + model.intercept
            logits = model.coef[:, self._pair] @ self._points + at_held[:, np.newaxis]
        return np.asarray(logits.reshape(-1, *self._shape))

    def title(self, step: int) -> str:
        """Return a title: the step, and its accuracy on the samples with all their features."""
        if self.y is None:
            return f"step {step}"
        accuracy = np.mean(self.found.model(step).predict(self._samples) == self.y)
        return f"step {step}: accuracy {accuracy:.1%}"

    def some(self) -> list[int]:
        """Return at most 60 steps from the first to the last, close together at first."""
        last = self.found.classifier.n_iter_
        later = np.geomspace(1, max(last, 1), MAX_FRAMES - 1).round().astype(int)
        return self.chosen([0, *later.tolist()])

    def chosen(self, iterations: Sequence[int] | None) -> list[int]:
        """Return the given steps, each once; None is the step of the fitted weights.

        Numbers beyond the last step mean the last step.

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept, and `iterations` is not None.
        ValueError
            If `iterations` is not a sequence of ints that are 0 or more.
        """
        if iterations is None:
            return [int(self.found.classifier.best_iter_)]
        final = ", or draw the final weights with from_estimator(…, iterations=None)"
        require_history(self.found.classifier, "DecisionRegionsDisplay", final)
        steps = np.asarray(iterations)
        if steps.ndim != 1 or steps.dtype.kind not in "iu" or not len(steps) or steps.min() < 0:
            raise ValueError(
                f"iterations must be a sequence of numbers of steps, 0 or more, got {iterations!r}."
            )
        last = self.found.classifier.n_iter_
        return list(dict.fromkeys(np.minimum(steps, last).tolist()))
