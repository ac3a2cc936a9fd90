"""The display of a table of coefficients: a forest plot.

Like scikit-learn's displays: the constructor stores, `from_table` collects, `plot` draws. Nothing
is fitted again. pyplot does not manage the figures, except for axes of its own given as `ax`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike

from skl_softmax._arrays import Array
from skl_softmax._plot.source import check_labels, indices_of
from skl_softmax._plot.style import Drawn, Options, class_legend, class_marks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from skl_softmax._plot.table import CoefficientTable

WIDTH = 6.4  # of a new figure, with a legend beside the axes [inches]
LEAST_HEIGHT, LINE_HEIGHT = 1.2, 0.18  # of a new figure, and of an interval in it [inches]
BAND = 0.7  # share of the height of a term that its intervals take
DECADES_OF_LOG = 0.6  # decades: ratios that differ by less have evenly spaced labels


@dataclass(kw_only=True, eq=False, repr=False)
class ForestDisplay(Drawn):
    """Estimates with their confidence intervals: a line for each feature, a colour for each class.

    A vertical line marks no difference. Use `from_table` to make a display, or the table's `plot`.

    Parameters
    ----------
    estimate, lower, upper : ndarray of shape (n_classes, n_features)
        The estimates and the bounds of their intervals, as log-odds.
    classes : sequence of shape (n_classes,)
        The labels of the classes.
    features : sequence of str of shape (n_features,)
        The names of the features, from the top down.
    odds_ratio : bool, default=True
        Whether to draw exp of the numbers, on a logarithmic axis.
    against : str, default=None
        What the classes are compared with, for the label of the axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of these axes.
    errorbars_ : list of matplotlib ErrorbarContainer
        The points and intervals of each class.
    zero_line_ : matplotlib Line2D
        The vertical line at no difference.

    See Also
    --------
    coefficient_table : Computes the estimates.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl_softmax import ForestDisplay, SoftmaxGDClassifier, coefficient_table
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> table = coefficient_table(SoftmaxGDClassifier(alpha=0).fit(X, y > 1), X, y > 1)
    >>> display = ForestDisplay.from_table(table, features=["petal length (cm)"])
    >>> display.ax_.get_xlabel()
    'odds ratio, against False'
    """

    estimate: Array
    lower: Array
    upper: Array
    classes: Sequence[object]
    features: Sequence[str]
    odds_ratio: bool = True
    against: str | None = None

    @classmethod
    def from_table(
        cls,
        table: CoefficientTable,
        *,
        classes: ArrayLike | None = None,
        features: Sequence[str | int] | None = None,
        odds_ratio: bool = True,
        ax: Axes | None = None,
        **errorbar_kw: object,
    ) -> Self:
        """Draw the estimates of a table.

        Parameters
        ----------
        table : CoefficientTable
            The result of `coefficient_table`.
        classes : sequence of labels, default=None
            The classes to draw. None: all rows of the table.
        features : sequence of str or int, default=None
            The terms to draw, by name or number, from the top down. None: all but the intercept.
        odds_ratio : bool, default=True
            Whether to draw odds ratios, on a logarithmic axis; False: the coefficients.
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **errorbar_kw
            Further keyword arguments of matplotlib's ``errorbar``, for every class.

        Returns
        -------
        display : ForestDisplay
            The display, drawn.

        Raises
        ------
        TypeError
            If `table` is not a table.
        ValueError
            If a class or feature does not exist or none is left, or `ax` is not a matplotlib Axes.
        """
        if not hasattr(table, "covariance_type"):
            raise TypeError(
                f"table must be what coefficient_table returned, got {type(table).__name__}."
            )
        rows, terms = list(range(len(table.classes))), table.terms
        if classes is not None:
            labels = table.classes.tolist()
            rows = [labels.index(label) for label in check_labels(classes, table.classes).tolist()]
        shown = [j for j, term in enumerate(terms) if term != "intercept"]
        shown = shown if features is None else indices_of(features, terms)
        if not rows or not shown:
            raise ValueError("There is no class or no feature to draw.")
        chosen = np.ix_(rows, shown)
        display = cls(
            estimate=table.estimate[chosen],
            lower=table.lower[chosen],
            upper=table.upper[chosen],
            classes=table.classes[rows].tolist(),
            features=[terms[j] for j in shown],
            odds_ratio=odds_ratio,
            against="the mean of all" if table.reference is None else str(table.reference),
        )
        return display.plot(ax, **errorbar_kw)

    def plot(self, ax: Axes | None = None, **errorbar_kw: object) -> Self:
        """Draw the estimates.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **errorbar_kw
            Further keyword arguments of matplotlib's ``errorbar``, for every class.

        Returns
        -------
        display : ForestDisplay
            This display.

        Raises
        ------
        ValueError
            If `ax` is not a matplotlib Axes.
        """
        is_new, (n_classes, n_features) = ax is None, self.estimate.shape
        height = LEAST_HEIGHT + LINE_HEIGHT * n_features * (n_classes + 1)
        ax = self._take_axes(ax, WIDTH, height)
        form = np.exp if self.odds_ratio else np.asarray
        center, lower, upper = form(self.estimate), form(self.lower), form(self.upper)
        places = np.arange(n_features, dtype=float)
        offsets = BAND * ((np.arange(n_classes) + 0.5) / n_classes - 0.5)
        self.errorbars_ = []
        for k, (label, mark) in enumerate(class_marks(np.asarray(self.classes))):
            reach = np.array([center[k] - lower[k], upper[k] - center[k]])
            options: Options = {"linestyle": "none", "markersize": 5, **mark, **errorbar_kw}
            options["label"] = str(label)
            bars = ax.errorbar(center[k], places + offsets[k], xerr=reach, **options)
            self.errorbars_.append(bars)
        zero = float(form(0.0))
        self.zero_line_ = ax.axvline(zero, color="0.4", linestyle=":", lw=1.5, zorder=0)
        ax.set_yticks(places, self.features)
        ax.set_ylim(n_features - 0.5, -0.5)  # the first feature at the top
        against = "" if self.against is None else f", against {self.against}"
        ax.set_xlabel(("odds ratio" if self.odds_ratio else "coefficient") + against)
        self._set_scale(ax, lower, upper)
        if n_classes > 1:
            place: Options = {"loc": "best"}
            if is_new:
                place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02), "frameon": False}
            class_legend(ax, np.asarray(self.classes), **place)
        return self

    def _set_scale(self, ax: Axes, lower: Array, upper: Array) -> None:
        """Make the axis of odds ratios a logarithmic one, with labels that can be read."""
        from matplotlib.ticker import AutoLocator, LogLocator, NullLocator

        if self.odds_ratio:
            ax.set_xscale("log")
            decades = np.log10(np.max(upper) / np.min(lower))
            few = LogLocator(subs=(1.0, 2.0, 5.0) if decades < 3.0 else (1.0,))
            ax.xaxis.set_major_locator(few if decades > DECADES_OF_LOG else AutoLocator())
            ax.xaxis.set_minor_locator(NullLocator())
            ax.xaxis.set_major_formatter("{x:g}")
        else:
            ax.xaxis.set_major_locator(AutoLocator())
