"""The display of cross-validated scores over the strength of the penalty.

Like scikit-learn's displays: the constructor stores, `from_estimator` collects, `plot` draws.
Nothing is fitted again. pyplot does not manage the figures, except for axes of its own given as
`ax`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._plot.source import unwrap
from skl_softmax._plot.style import (
    Drawn,
    class_colors,
    draw_line,
    places_of_alphas,
    set_alpha_axis,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE_SIZE = 5.6, 3.6  # width and height of a new figure [inches]
EDGE_FACTOR = (
    1.1  # how far the axis of alpha goes beyond the alphas at both ends: points stay whole
)


@dataclass(kw_only=True, eq=False, repr=False)
class AlphaScoreDisplay(Drawn):
    """The mean score over the folds for every alpha, and one standard error above and below it.

    There is one line for each `l1_ratio`, and a vertical line at the alpha that was chosen. A zero
    among the alphas stands at the end of the logarithmic axis. Use `from_estimator` to make a
    display.

    Parameters
    ----------
    alphas : ndarray of shape (n_l1_ratios, n_alphas)
        The strengths of the penalty that were tried with each `l1_ratio`.
    scores : ndarray of shape (n_folds, n_l1_ratios, n_alphas)
        The score of each fold with each pair of parameters.
    l1_ratios : ndarray of shape (n_l1_ratios,)
        The ratios that were tried. If there are several, the legend names them.
    alpha : float
        The chosen alpha.
    l1_ratio : float, default=None
        The chosen ratio. If there are several ratios, the vertical line has the colour of this
        ratio's line.
    score_name : str, default="score"
        The label of the vertical axis.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        The mean scores, one line for each `l1_ratio`.
    errors_ : list of matplotlib PolyCollection
        The band of one standard error around each line; empty if there is a single fold.
    alpha_line_ : matplotlib Line2D
        The vertical line at the chosen alpha.

    See Also
    --------
    SoftmaxGDClassifierCV : Computes the scores.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import AlphaScoreDisplay, SoftmaxGDClassifierCV
    >>> classifier = SoftmaxGDClassifierCV().fit(*load_wine(return_X_y=True))
    >>> display = AlphaScoreDisplay.from_estimator(classifier)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('alpha', 'neg_log_loss')
    """

    alphas: Array
    scores: Array
    l1_ratios: Array
    alpha: float
    l1_ratio: float | None = None
    score_name: str = "score"

    @classmethod
    def from_estimator(
        cls, estimator: BaseEstimator, *, ax: Axes | None = None, **line_kw: object
    ) -> Self:
        """Draw the scores of a fitted estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifierCV`, or a Pipeline or search that ends in one.
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : AlphaScoreDisplay
            The display, drawn.

        Raises
        ------
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not a `SoftmaxGDClassifierCV` and does not end in one.
        ValueError
            If `ax` is not a matplotlib Axes.
        """
        inner, _ = unwrap(estimator, "SoftmaxGDClassifierCV", "alphas_", "scores_")
        unnamed = "accuracy" if inner.scoring is None else "score"
        display = cls(
            alphas=to_numpy(inner.alphas_),
            scores=to_numpy(inner.scores_),
            l1_ratios=to_numpy(inner.l1_ratios_),
            alpha=inner.alpha_,
            l1_ratio=inner.l1_ratio_,
            score_name=inner.scoring if isinstance(inner.scoring, str) else unnamed,
        )
        return display.plot(ax, **line_kw)

    def plot(self, ax: Axes | None = None, **line_kw: object) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : AlphaScoreDisplay
            This display.

        Raises
        ------
        ValueError
            If `ax` is not a matplotlib Axes.
        """
        ax = self._take_axes(ax, *FIGURE_SIZE)
        set_alpha_axis(ax, self.alphas)
        places = places_of_alphas(self.alphas)
        n_folds, n_ratios, _ = self.scores.shape
        self.lines_, self.errors_ = [], []
        for r, color in enumerate(class_colors(n_ratios)):
            mean = self.scores[:, r].mean(axis=0)
            options = {"color": color, "marker": ".", "label": f"l1_ratio={self.l1_ratios[r]:g}"}
            line = draw_line(ax, places[r], mean, **{**options, **line_kw})
            self.lines_.append(line)
            if n_folds > 1:
                error = self.scores[:, r].std(axis=0, ddof=1) / np.sqrt(n_folds)
                band = places[r], mean - error, mean + error
                color = line.get_color()
                self.errors_.append(ax.fill_between(*band, color=color, alpha=0.2, lw=0))
        # A chosen ratio that is the mean of several folds' ratios has no line.
        chosen = np.flatnonzero(self.l1_ratios == self.l1_ratio)
        line_color = self.lines_[chosen[0]].get_color() if len(chosen) and n_ratios > 1 else "0.4"
        place = self.alpha or places.min()
        self.alpha_line_ = ax.axvline(place, color=line_color, linestyle=":", lw=1.5)
        ax.set(ylabel=self.score_name)
        ax.set_xlim(places.max() * EDGE_FACTOR, places.min() / EDGE_FACTOR)
        if n_ratios > 1:
            ax.legend()
        return self
