"""The display of a fit's weights over the steps.

As scikit-learn's displays: `__init__` stores, `from_estimator` collects, `plot` draws. Nothing is
fitted again, and pyplot knows nothing of the figures: to have it, hand `ax` one of its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skl_softmax._pictures import (
    LINE_STYLES,
    Drawn,
    add_legend,
    class_colors,
    clear_spines,
    new_figure,
    point_marker,
)
from skl_softmax._rows import Array
from skl_softmax._trained import check_axes, check_labels, index_of, names_of, trained


class CoefPathDisplay(Drawn):
    """Every weight over the steps of a fit: a colour for each class, a style for each feature.

    Use `from_estimator` to make one.

    Parameters
    ----------
    paths : ndarray of shape (n_iter + 1, n_classes, n_features)
        The weights after each step, of the classes and features to be drawn.
    classes : sequence of shape (n_classes,)
        Their labels.
    features : sequence of str of shape (n_features,)
        Their names.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : ndarray of matplotlib Line2D, of shape (n_classes, n_features)

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl_softmax import CoefPathDisplay, SoftmaxGDClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> classifier = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
    >>> display = CoefPathDisplay.from_estimator(classifier, top=2)
    >>> display.features
    ['intercept', 'petal width (cm)']
    """

    def __init__(self, *, paths: Array, classes: Sequence[Any], features: Sequence[str]) -> None:
        self.paths = paths
        self.classes = classes
        self.features = features

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        *,
        classes: Sequence[Any] | None = None,
        features: Sequence[str | int] | None = None,
        top: int | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the weights of an estimator over the steps of its fit.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one; the
            classifier's ``store_coef_history`` must be True.
        classes : sequence of labels, default=None
            The classes to draw. None: all; two classes have one row of weights, the second's.
        features : sequence of str or int, default=None
            The features to draw, by name or number, "intercept" among them. None: all.
        top : int, default=None
            How many features to draw: those that a weight of any class moved most for. None: all
            if a line style for each can be told apart, which is six, or those named in `features`;
            else the six.
        feature_names : sequence of str, default=None
            The names of the classifier's features. None: those it was fitted with, those that the
            pipeline before it gives, or x0, x1, …
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : CoefPathDisplay

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept.
        ValueError
            If a class or feature does not exist, or `top` is less than one.
        """
        found = trained(estimator)
        found.require_history("CoefPathDisplay")
        classifier = found.classifier
        names = names_of(found.feature_names(), classifier.n_features_in_, feature_names)
        paths = classifier.coef_history_
        if classifier.fit_intercept:
            intercepts = classifier.intercept_history_[:, :, np.newaxis]
            paths, names = np.concatenate([intercepts, paths], axis=2), ["intercept", *names]
        labels = classifier.classes_[-paths.shape[1] :]  # of two classes, the second
        if classes is not None:
            chosen = check_labels(classes, labels)
            paths = paths[:, [list(labels).index(label) for label in chosen]]
            labels = chosen
        shown = _chosen(features, names, int(classifier.fit_intercept))
        if not len(labels) or not shown:
            raise ValueError("There is no class or no feature to draw.")
        if top is None and features is None:
            top = len(LINE_STYLES)
        if top is not None:
            if not isinstance(top, int | np.integer) or top < 1:
                raise ValueError(f"top must be an int, 1 or more, got {top!r}.")
            moved = np.ptp(paths[:, :, shown], axis=0).max(axis=0)
            shown = [shown[j] for j in np.sort(np.argsort(-moved, kind="stable")[:top])]
        display = cls(
            paths=paths[:, :, shown], classes=list(labels), features=[names[j] for j in shown]
        )
        return display.plot(ax=ax, **line_kw)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : CoefPathDisplay
            The same.
        """
        is_new = ax is None
        self.ax_ = new_figure(6.8, 3.8).subplots() if is_new else check_axes(ax, 1)[0]
        self.figure_ = self.ax_.figure
        n_steps, n_classes, n_features = self.paths.shape
        colors = class_colors(n_classes)
        styles = [LINE_STYLES[j % len(LINE_STYLES)] for j in range(n_features)]
        self.lines_ = np.empty((n_classes, n_features), dtype=object)
        for k, j in np.ndindex(self.lines_.shape):
            options = {"color": colors[k], "linestyle": styles[j], **point_marker(range(n_steps))}
            options |= line_kw
            options["label"] = f"{self.classes[k]}, {self.features[j]}"
            (self.lines_[k, j],) = self.ax_.plot(self.paths[:, k, j], **options)
        self.ax_.set(xlabel="step", ylabel="weight")
        clear_spines(self.ax_)
        self._explain(colors, styles, outside=is_new)
        return self

    def _explain(self, colors: Sequence[Any], styles: Sequence[Any], *, outside: bool) -> None:
        """Add the legend: what the colours mean, and, as far as they differ, the styles."""
        from matplotlib.lines import Line2D

        nothing = Line2D([], [], linestyle="none")
        handles = [nothing, *(Line2D([], [], color=color) for color in colors)]
        texts = ["class", *map(str, self.classes)]
        if len(self.features) <= len(LINE_STYLES):
            handles += [nothing, *(Line2D([], [], color="0.3", linestyle=s) for s in styles)]
            texts += ["feature", *self.features]
        place: dict[str, Any] = {"loc": "best", "framealpha": 0.8}
        if outside:
            place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02), "frameon": False}
        add_legend(self.ax_, handles, texts, handlelength=3, **place)


def _chosen(
    features: Sequence[str | int] | None, names: Sequence[str], n_intercepts: int
) -> list[int]:
    """Which of the names, the first perhaps "intercept", the features are; None: all."""
    if features is None:
        return list(range(len(names)))
    if isinstance(features, str) or np.ndim(features) != 1:
        raise ValueError(f"features must be a sequence of names or numbers, got {features!r}.")
    return [
        0
        if n_intercepts and feature == "intercept"
        else n_intercepts + index_of(feature, names[n_intercepts:])
        for feature in features
    ]
