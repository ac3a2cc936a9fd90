"""The display of weights: which features speak for a class, and which against it.

Like scikit-learn's displays: the constructor stores, `from_estimator` collects, `plot` draws.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array
from skl_softmax._model import dense
from skl_softmax._plot.source import check_count, check_labels, names_of, trained
from skl_softmax._plot.style import Drawn, check_axes, class_colors, clear_spines, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PANEL_WIDTH = 3.0  # of a panel in a new figure [inches]
BAR_HEIGHT = 0.25  # of a bar with its name [inches]
EDGES_HEIGHT = 0.9  # of the title and the label of the axis [inches]


@dataclass(kw_only=True, eq=False, repr=False)
class CoefDisplay(Drawn):
    """The largest weights of each class, as bars: one panel for each class.

    A bar to the right speaks for the class: a larger value of the feature raises the logit of the
    class. A bar to the left speaks against the class. The lengths depend on the units of the
    features: scale the features before the fit, if their weights are to be compared. Use
    `from_estimator` to make a display.

    Parameters
    ----------
    coef : ndarray of shape (n_classes, n_features)
        The weights of the classes to draw.
    classes : sequence of shape (n_classes,)
        The labels of these classes.
    features : sequence of str of shape (n_features,)
        The names of the features.
    top : int, default=10
        How many features to draw for each class: those whose weights are the largest, whatever
        their signs. Weights of zero are not drawn.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        The figure of these axes.
    bars_ : list of matplotlib BarContainer
        The bars of each panel, the largest weight at the top.

    See Also
    --------
    CoefPathDisplay : The weights after each step of the fit.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skl_softmax import CoefDisplay, SoftmaxGDClassifier
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> model = make_pipeline(StandardScaler(), SoftmaxGDClassifier(alpha=0.01)).fit(X, y)
    >>> display = CoefDisplay.from_estimator(model, top=2)
    >>> [label.get_text() for label in display.axes_[2].get_yticklabels()]
    ['petal length (cm)', 'petal width (cm)']
    """

    coef: Array
    classes: Sequence[object]
    features: Sequence[str]
    top: int = 10

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        classes: ArrayLike | None = None,
        top: int = 10,
        feature_names: Sequence[str] | None = None,
        ax: Axes | Sequence[Axes] | Array | None = None,
        **bar_kw: object,
    ) -> Self:
        """Draw the largest weights of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one.
        classes : sequence of labels, default=None
            The classes to draw. None: all; two classes have one row of weights, of the second
            class.
        top : int, default=10
            How many features to draw for each class.
        feature_names : sequence of str, default=None
            The names of the classifier's features. None: the names it was fitted with, else the
            names that the pipeline before it returns, else x0, x1, …
        ax : matplotlib Axes or array of Axes, default=None
            The axes to draw on, one for each class. None: axes in a new figure.
        **bar_kw
            Further keyword arguments of matplotlib's ``barh``.

        Returns
        -------
        display : CoefDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not a `SoftmaxGDClassifier` and does not end in one.
        ValueError
            If a class does not exist, `top` is less than one, or there are fewer axes than classes.
        """
        check_count("top", top, at_least=1)
        found = trained(estimator)
        coef = dense(found.classifier.coef_)
        names = names_of(found.feature_names(), coef.shape[1], feature_names)
        labels = found.classifier.classes_[-len(coef) :]  # two classes have one row, the second's
        chosen = labels if classes is None else check_labels(classes, labels)
        coef = coef[np.searchsorted(labels, chosen)]
        return cls(coef=coef, classes=list(chosen), features=names, top=top).plot(ax, **bar_kw)

    def plot(self, ax: Axes | Sequence[Axes] | Array | None = None, **bar_kw: object) -> Self:
        """Draw the bars.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            The axes to draw on, one for each class. None: axes in a new figure.
        **bar_kw
            Further keyword arguments of matplotlib's ``barh``.

        Returns
        -------
        display : CoefDisplay
            This display.

        Raises
        ------
        ValueError
            If there is no class, or there are fewer axes than classes.
        """
        n_classes, n_features = self.coef.shape
        if not n_classes:
            raise ValueError("There is no class to draw.")
        if ax is None:
            height = BAR_HEIGHT * min(self.top, n_features) + EDGES_HEIGHT
            ax = new_figure(PANEL_WIDTH * n_classes, height).subplots(1, n_classes, sharex=True)
        self.axes_ = check_axes(ax, n_classes)[:n_classes]
        self.figure_ = self.axes_[0].figure
        self.bars_ = []
        colors = class_colors(n_classes)
        for panel, weights, label, color in zip(
            self.axes_, self.coef, self.classes, colors, strict=True
        ):
            largest = np.argsort(-np.abs(weights), kind="stable")[: self.top]
            shown = sorted(largest[weights[largest] != 0.0], key=weights.__getitem__)
            names = [self.features[j] for j in shown]
            clear_spines(panel)
            self.bars_.append(panel.barh(names, weights[shown], **{"color": color, **bar_kw}))
            panel.axvline(0.0, color="0.6", linewidth=0.8)
            panel.set(title=f"class {label}", xlabel="weight")
        return self
