"""The display of weights over the steps of a fit, or over the strengths of the penalty.

Like scikit-learn's displays: the constructor stores, `from_estimator` collects, `plot` draws.
Nothing is fitted again. pyplot does not manage the figures, except for axes of its own given as
`ax`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array
from skl_softmax._model import SoftmaxPath, require_history
from skl_softmax._plot.source import check_count, check_labels, indices_of, names_of, trained
from skl_softmax._plot.style import (
    LINE_STYLES,
    Drawn,
    Options,
    add_legend,
    class_colors,
    draw_line,
    places_of_alphas,
    set_alpha_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.typing import ColorType, LineStyleType

FIGURE_SIZE = 6.8, 3.8  # width and height of a new figure, with a legend beside the axes [inches]
MAX_PATH_FEATURES = 100  # drawn of a path by default: a picture of more lines cannot be read
MAX_COUNTS = 7  # numbers of features along the upper edge: of five digits, so many have room


@dataclass(kw_only=True, eq=False, repr=False)
class CoefPathDisplay(Drawn):
    """Every weight over the steps of a fit, or over alpha, the strength of the penalty.

    Each class has a colour, and each feature has a line style if there are few features. Use
    `from_estimator` or `from_path` to make a display.

    Parameters
    ----------
    paths : ndarray of shape (n_iter + 1 or n_alphas, n_classes, n_features)
        The weights after each step, or for each alpha, of the classes and features to draw. The
        intercept counts as a feature.
    classes : sequence of shape (n_classes,)
        The labels of these classes.
    features : sequence of str of shape (n_features,)
        The names of these features.
    alphas : ndarray of shape (n_alphas,), default=None
        The strengths of the penalty. None: the weights are over steps.
    n_used : ndarray of int of shape (n_alphas,), default=None
        The number of features with a weight that is not zero, for each alpha. None: the numbers
        are not written along the upper edge.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : ndarray of matplotlib Line2D, of shape (n_classes, n_features)
        The line of each weight.

    See Also
    --------
    softmax_path : Computes the weights for each strength of the penalty.

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

    paths: Array
    classes: Sequence[object]
    features: Sequence[str]
    alphas: Array | None = None
    n_used: Array | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        classes: ArrayLike | None = None,
        features: Sequence[str | int] | None = None,
        top: int | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **line_kw: object,
    ) -> Self:
        """Draw the weights of an estimator over the steps of its fit.

        Parameters
        ----------
        estimator : estimator
            A `SoftmaxGDClassifier` fitted with ``store_coef_history=True``, or a Pipeline or search
            that ends in one.
        classes : sequence of labels, default=None
            The classes to draw. None: all; two classes have one row of weights, of the second
            class.
        features : sequence of str or int, default=None
            The features to draw, by name or number; "intercept" is the intercept. None: all.
        top : int, default=None
            How many of these features to draw: those whose weights moved most, for any class.
            None: all that `features` names; without `features`, six, the number of line styles.
        feature_names : sequence of str, default=None
            The names of the classifier's features. None: the names it was fitted with, else the
            names that the pipeline before it returns, else x0, x1, …
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : CoefPathDisplay
            The display, drawn.

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not a `SoftmaxGDClassifier` and does not end in one.
        ValueError
            If a class or feature does not exist, `top` is less than one, or `ax` is not a
            matplotlib Axes.
        """
        found = trained(estimator)
        classifier = found.classifier
        require_history(classifier, "CoefPathDisplay")
        names = names_of(found.feature_names(), classifier.n_features_in_, feature_names)
        paths, n_intercepts = classifier.coef_history_, int(classifier.fit_intercept)
        if features is not None:
            shown = indices_of(features, names, n_intercepts)
        else:
            shown = list(range(n_intercepts + len(names)))
            top = len(LINE_STYLES) if top is None else top
        if n_intercepts:
            intercepts = classifier.intercept_history_[:, :, np.newaxis]
            paths, names = np.concatenate([intercepts, paths], axis=2), ["intercept", *names]
        display = cls._collect(paths, classifier.classes_, names, classes, shown, top)
        return display.plot(ax, **line_kw)

    @classmethod
    def from_path(
        cls,
        path: SoftmaxPath,
        *,
        classes: ArrayLike | None = None,
        features: Sequence[str | int] | None = None,
        top: int | None = None,
        feature_names: Sequence[str] | None = None,
        ax: Axes | None = None,
        **line_kw: object,
    ) -> Self:
        """Draw the weights of a path over alpha, with the largest alpha at the left.

        A zero among the alphas stands at the end of the logarithmic axis. The numbers along the
        upper edge tell how many features have a weight that is not zero. Intercepts are not drawn.

        Parameters
        ----------
        path : SoftmaxPath
            The result of `softmax_path`.
        classes : sequence of labels, default=None
            The classes to draw. None: all; two classes have one row of weights, of the second
            class.
        features : sequence of str or int, default=None
            The features to draw, by name or number. None: all with a weight that is not zero.
        top : int, default=None
            How many of these features to draw: those whose weights moved most, for any class.
            None: all that `features` names; without `features`, a hundred.
        feature_names : sequence of str, default=None
            The names of the features. None: the names in the path, else x0, x1, …
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : CoefPathDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `path` is not a path.
        ValueError
            If a class or feature does not exist, `top` is less than one, or `ax` is not a
            matplotlib Axes.

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
        names = names_of(path.feature_names, path.coefs.shape[2], feature_names)
        used = (path.coefs != 0).any(axis=1)  # (n_alphas, n_features)
        if features is not None:
            shown = indices_of(features, names)
        else:
            shown = np.flatnonzero(used.any(axis=0)).tolist() or [0]
            top = MAX_PATH_FEATURES if top is None else top
        display = cls._collect(path.coefs, path.classes, names, classes, shown, top)
        display.alphas, display.n_used = path.alphas, used.sum(axis=1)
        return display.plot(ax, **line_kw)

    @classmethod
    def _collect(
        cls,
        paths: Array,
        labels: Array,
        names: Sequence[str],
        classes: ArrayLike | None,
        shown: list[int],
        top: int | None,
    ) -> Self:
        """Return a display of some of the paths (n_steps, n_classes, n_weights), not drawn yet.

        Parameters
        ----------
        paths : ndarray of shape (n_steps, n_classes, n_weights)
        labels : ndarray
            The labels of all classes.
        names : list of str
            The names of all weights.
        classes : sequence of labels or None
            The classes to draw. None: all.
        shown : list of int
            The weights to draw.
        top : int or None
            How many of these weights to draw: those that moved most. None: all.
        """
        labels = labels[-paths.shape[1] :]  # two classes have one row, the second's
        if classes is not None:
            chosen = check_labels(classes, labels)
            paths = paths[:, [list(labels).index(label) for label in chosen]]
            labels = chosen
        if not len(labels) or not shown:
            raise ValueError("There is no class or no feature to draw.")
        if top is not None:
            check_count("top", top, at_least=1)
            moved = np.ptp(paths[:, :, shown], axis=0).max(axis=0)
            shown = [shown[j] for j in np.sort(np.argsort(-moved, kind="stable")[:top])]
        features = [names[j] for j in shown]
        return cls(paths=paths[:, :, shown], classes=list(labels), features=features)

    def plot(self, ax: Axes | None = None, **line_kw: object) -> Self:
        """Draw the paths.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : CoefPathDisplay
            This display.

        Raises
        ------
        ValueError
            If `ax` is not a matplotlib Axes.
        """
        is_new, ax = ax is None, self._take_axes(ax, *FIGURE_SIZE)
        ax.set(xlabel="step", ylabel="weight")
        n_steps, n_classes, n_features = self.paths.shape
        colors = class_colors(n_classes)
        styles = [LINE_STYLES[j % len(LINE_STYLES)] for j in range(n_features)]
        steps = np.arange(n_steps)
        if self.alphas is not None:
            steps = places_of_alphas(self.alphas)
            set_alpha_axis(ax, self.alphas)
            if n_features > len(LINE_STYLES):
                styles = ["-"] * n_features
        self.lines_ = np.empty((n_classes, n_features), dtype=object)
        for k, j in np.ndindex(n_classes, n_features):
            options = {"color": colors[k], "linestyle": styles[j], **line_kw}
            options["label"] = f"{self.classes[k]}, {self.features[j]}"
            self.lines_[k, j] = draw_line(ax, steps, self.paths[:, k, j], **options)
        if self.alphas is not None and n_steps > 1 and steps[0] > steps[-1]:
            ax.set_xlim(steps[0], steps[-1])
        if self.alphas is not None and self.n_used is not None:
            self._count(ax, steps, self.n_used)
        self._explain(ax, colors, styles, outside=is_new)
        return self

    def _count(self, ax: Axes, places: Array, n_used: Array) -> None:
        """Write along the upper edge how many features are in use, at some places of the axis."""
        evenly = np.geomspace(places[0], places[-1], MAX_COUNTS)
        at = np.unique(np.abs(np.log(places / evenly[:, np.newaxis])).argmin(axis=1))
        upper = ax.secondary_xaxis("top")
        upper.set_xticks(places[at], [str(n_used[i]) for i in at])
        upper.tick_params(which="both", length=0)
        upper.set_xticks([], minor=True)
        upper.spines["top"].set_visible(False)
        upper.set_xlabel("features in use")

    def _explain(
        self, ax: Axes, colors: Sequence[ColorType], styles: Sequence[LineStyleType], outside: bool
    ) -> None:
        """Add a legend of the colours and, if no style is used twice, of the styles.

        It stands outside, beside the axes, or at the best place inside.
        """
        from matplotlib.lines import Line2D

        nothing = Line2D([], [], linestyle="none")
        handles = [nothing, *(Line2D([], [], color=color) for color in colors)]
        texts = ["class", *map(str, self.classes)]
        if len(self.features) <= len(LINE_STYLES):
            handles += [nothing, *(Line2D([], [], color="0.3", linestyle=s) for s in styles)]
            texts += ["feature", *self.features]
        place: Options = {"loc": "best"}
        if outside:
            place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02), "frameon": False}
        add_legend(ax, handles, texts, handlelength=3, **place)
