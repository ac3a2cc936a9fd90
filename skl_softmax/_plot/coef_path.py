"""The display of weights over the steps of a fit, or over the strengths of the penalty.

As scikit-learn's displays: `__init__` stores, `from_estimator` collects, `plot` draws. Nothing is
fitted again, and pyplot knows nothing of the figures: to have it, hand `ax` one of its axes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._model import SoftmaxPath
from skl_softmax._plot.source import check_axes, check_labels, index_of, names_of, trained
from skl_softmax._plot.style import (
    LINE_STYLES,
    Drawn,
    add_legend,
    class_colors,
    clear_spines,
    new_figure,
    point_marker,
    thin_log_labels,
)

MOST_FEATURES = 100  # of a path


class CoefPathDisplay(Drawn):
    """Every weight over the steps of a fit, or over alpha: a colour for each class.

    And a style for each feature, if they are few. Use `from_estimator` or `from_path` to make one.

    Parameters
    ----------
    paths : ndarray of shape (n_iter + 1, n_classes, n_features)
        The weights after each step, of the classes and features to be drawn.
    classes : sequence of shape (n_classes,)
        Their labels.
    features : sequence of str of shape (n_features,)
        Their names.
    alphas : ndarray of shape (n_alphas,), default=None
        The strengths of the penalty, if `paths` goes over those and not over steps.
    n_used : ndarray of int of shape (n_alphas,), default=None
        How many features have a weight that is not zero, for each alpha; along the upper edge.

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

    def __init__(
        self,
        *,
        paths: Array,
        classes: Sequence[Any],
        features: Sequence[str],
        alphas: Array | None = None,
        n_used: Array | None = None,
    ) -> None:
        self.paths = paths
        self.classes = classes
        self.features = features
        self.alphas = alphas
        self.n_used = n_used

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
        if top is None and features is None:
            top = len(LINE_STYLES)
        shown = _chosen(features, names, int(classifier.fit_intercept))
        drawn = _drawn(paths, classifier.classes_, names, classes, shown, top)
        return cls(**drawn).plot(ax=ax, **line_kw)

    @classmethod
    def from_path(
        cls,
        path: SoftmaxPath,
        *,
        classes: Sequence[Any] | None = None,
        features: Sequence[str | int] | None = None,
        top: int | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Any = None,
        **line_kw: Any,
    ) -> Self:
        """Draw the weights of a path over alpha, the largest at the left.

        Along the upper edge stands how many features have a weight that is not zero. Intercepts are
        not drawn.

        Parameters
        ----------
        path : SoftmaxPath
            What `softmax_path` returned.
        classes, features, feature_names
            As in `from_estimator`; the names are those of the path by default.
        top : int, default=None
            How many features to draw: those that a weight of any class moved most for. None: those
            with a weight that is not zero, up to a hundred, or those named in `features`.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : CoefPathDisplay

        Raises
        ------
        TypeError
            If it is not a path.
        ValueError
            If a class or feature does not exist, `top` is less than one, or an alpha is zero.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from skl_softmax import CoefPathDisplay, softmax_path
        >>> X, y = load_wine(return_X_y=True, as_frame=True)
        >>> path = softmax_path((X - X.mean()) / X.std(), y, l1_ratio=1.0, n_alphas=20)
        >>> display = CoefPathDisplay.from_path(path, top=3)
        >>> display.features
        ['alcohol', 'flavanoids', 'proline']
        """
        if not hasattr(path, "alphas") or not hasattr(path, "coefs"):
            raise TypeError(f"path must be what softmax_path returned, got {type(path).__name__}.")
        if not path.alphas.all():
            raise ValueError("A path with alpha=0 cannot be drawn: the axis is logarithmic.")
        names = names_of(path.feature_names, path.coefs.shape[2], feature_names)
        used = (path.coefs != 0).any(axis=1)
        shown = _chosen(features, names, 0)
        if features is None:
            shown = np.flatnonzero(used.any(axis=0)).tolist() or shown[:1]
            top = MOST_FEATURES if top is None else top
        drawn = _drawn(path.coefs, path.classes, names, classes, shown, top)
        display = cls(**drawn, alphas=path.alphas, n_used=used.sum(axis=1))
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
        steps = range(n_steps) if self.alphas is None else self.alphas
        if self.alphas is not None and n_features > len(LINE_STYLES):
            styles = ["-"] * n_features
        self.lines_ = np.empty((n_classes, n_features), dtype=object)
        for k, j in np.ndindex(self.lines_.shape):
            options = {"color": colors[k], "linestyle": styles[j], **point_marker(steps)}
            options |= line_kw
            options["label"] = f"{self.classes[k]}, {self.features[j]}"
            (self.lines_[k, j],) = self.ax_.plot(steps, self.paths[:, k, j], **options)
        self.ax_.set(xlabel="step" if self.alphas is None else "alpha", ylabel="weight")
        if self.alphas is not None:
            self.ax_.set_xscale("log")
            if n_steps > 1 and self.alphas[0] > self.alphas[-1]:
                self.ax_.set_xlim(self.alphas[0], self.alphas[-1])
            thin_log_labels(self.ax_, self.alphas)
        clear_spines(self.ax_)
        if self.alphas is not None and self.n_used is not None:
            self._count(self.alphas, self.n_used)
        self._explain(colors, styles, outside=is_new)
        return self

    def _count(self, alphas: Array, n_used: Array) -> None:
        """Say along the upper edge how many features are in use."""
        places = np.geomspace(alphas[0], alphas[-1], 7)
        at = np.unique(np.abs(np.log(alphas / places[:, np.newaxis])).argmin(axis=1))
        upper = self.ax_.secondary_xaxis("top")
        upper.set_xticks(alphas[at], [str(n_used[i]) for i in at])
        upper.tick_params(which="both", length=0)
        upper.set_xticks([], minor=True)
        upper.spines["top"].set_visible(False)
        upper.set_xlabel("features in use")

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


def _drawn(
    paths: Array,
    all_classes: Array,
    names: Sequence[str],
    classes: Sequence[Any] | None,
    shown: list[int],
    top: int | None,
) -> dict[str, Any]:
    """What is to be drawn of paths (n, n_classes, n_features): the display's first parameters."""
    labels = all_classes[-paths.shape[1] :]  # of two classes, the second
    if classes is not None:
        chosen = check_labels(classes, labels)
        paths = paths[:, [list(labels).index(label) for label in chosen]]
        labels = chosen
    if not len(labels) or not shown:
        raise ValueError("There is no class or no feature to draw.")
    if top is not None:
        if not isinstance(top, int | np.integer) or top < 1:
            raise ValueError(f"top must be an int, 1 or more, got {top!r}.")
        moved = np.ptp(paths[:, :, shown], axis=0).max(axis=0)
        shown = [shown[j] for j in np.sort(np.argsort(-moved, kind="stable")[:top])]
    features = [names[j] for j in shown]
    return {"paths": paths[:, :, shown], "classes": list(labels), "features": features}


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
