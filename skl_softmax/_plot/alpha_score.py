"""The display of cross-validated scores over the strength of the penalty.

As scikit-learn's displays: `__init__` stores, `from_estimator` collects, `plot` draws. Nothing is
fitted again, and pyplot knows nothing of the figures: to have it, hand `ax` one of its axes.
"""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array
from skl_softmax._plot.source import check_axes
from skl_softmax._plot.style import Drawn, class_colors, clear_spines, new_figure, thin_log_labels


class AlphaScoreDisplay(Drawn):
    """The mean score over the folds for every alpha, and one standard error above and below it.

    A line for each `l1_ratio`; a vertical one where alpha was chosen. Use `from_estimator` to make
    one.

    Parameters
    ----------
    alphas : ndarray of shape (n_l1_ratios, n_alphas)
        The strengths tried with each `l1_ratio`.
    scores : ndarray of shape (n_folds, n_l1_ratios, n_alphas)
        Every fold's scores.
    l1_ratios : ndarray of shape (n_l1_ratios,)
        What the legend calls each line, if there are several.
    alpha : float
        The one chosen.
    l1_ratio : float, default=None
        The one chosen: with several, the vertical line has the colour of its line.
    score_name : str, default="score"
        What the vertical axis shows.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each `l1_ratio`.
    errors_ : list of matplotlib PolyCollection
        What is within one standard error of each; none for a single fold.
    alpha_line_ : matplotlib Line2D
        The one where alpha was chosen.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import AlphaScoreDisplay, SoftmaxGDClassifierCV
    >>> classifier = SoftmaxGDClassifierCV().fit(*load_wine(return_X_y=True))
    >>> display = AlphaScoreDisplay.from_estimator(classifier)
    >>> display.ax_.get_xlabel(), display.ax_.get_ylabel()
    ('alpha', 'neg_log_loss')
    """

    def __init__(
        self,
        *,
        alphas: Array,
        scores: Array,
        l1_ratios: Array,
        alpha: float,
        l1_ratio: float | None = None,
        score_name: str = "score",
    ) -> None:
        self.alphas = alphas
        self.scores = scores
        self.l1_ratios = l1_ratios
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.score_name = score_name

    @classmethod
    def from_estimator(cls, estimator: Any, *, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the scores of a fitted estimator.

        Parameters
        ----------
        estimator : SoftmaxGDClassifierCV
            Fitted, or a Pipeline or search that ends in one.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : AlphaScoreDisplay

        Raises
        ------
        NotFittedError
            If it is not fitted.
        TypeError
            If it is no `SoftmaxGDClassifierCV`.
        ValueError
            If an alpha is zero: the axis is logarithmic.
        """
        check_is_fitted(estimator)
        inner = estimator
        while hasattr(inner, "steps") or not hasattr(inner, "alphas_"):
            if not (hasattr(inner, "steps") or hasattr(inner, "best_estimator_")):
                break
            inner = inner[-1] if hasattr(inner, "steps") else inner.best_estimator_
        if not all(hasattr(inner, name) for name in ("alphas_", "scores_", "alpha_")):
            raise TypeError(
                "The display needs a fitted SoftmaxGDClassifierCV, or a Pipeline or search that"
                f" ends in one, got {type(inner).__name__}."
            )
        if not inner.alphas_.all():
            raise ValueError("Scores for alpha=0 cannot be drawn: the axis is logarithmic.")
        if isinstance(inner.scoring, str):
            name = inner.scoring
        else:
            name = "accuracy" if inner.scoring is None else "score"
        display = cls(
            alphas=inner.alphas_,
            scores=inner.scores_,
            l1_ratios=inner.l1_ratios_,
            alpha=inner.alpha_,
            l1_ratio=inner.l1_ratio_,
            score_name=name,
        )
        return display.plot(ax=ax, **line_kw)

    def plot(self, ax: Any = None, **line_kw: Any) -> Self:
        """Draw the scores.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : AlphaScoreDisplay
            The same.
        """
        self.ax_ = new_figure(5.6, 3.6).subplots() if ax is None else check_axes(ax, 1)[0]
        self.figure_ = self.ax_.figure
        n_folds, n_ratios, _ = self.scores.shape
        self.lines_, self.errors_ = [], []
        for r, color in enumerate(class_colors(n_ratios)):
            mean = self.scores[:, r].mean(axis=0)
            options = {"color": color, "marker": ".", "label": f"l1_ratio={self.l1_ratios[r]:g}"}
            self.lines_ += self.ax_.plot(self.alphas[r], mean, **(options | line_kw))
            if n_folds > 1:
                error = self.scores[:, r].std(axis=0, ddof=1) / np.sqrt(n_folds)
                band = mean - error, mean + error
                color = self.lines_[r].get_color()
                self.errors_.append(
                    self.ax_.fill_between(self.alphas[r], *band, color=color, alpha=0.2, lw=0)
                )
        chosen = np.flatnonzero(self.l1_ratios == self.l1_ratio)  # a mean of several is none
        line_color = self.lines_[chosen[0]].get_color() if len(chosen) and n_ratios > 1 else "0.4"
        self.alpha_line_ = self.ax_.axvline(self.alpha, color=line_color, linestyle=":", lw=1.5)
        self.ax_.set(xscale="log", xlabel="alpha", ylabel=self.score_name)
        self.ax_.set_xlim(self.alphas.max() * 1.1, self.alphas.min() / 1.1)
        thin_log_labels(self.ax_, self.alphas)
        clear_spines(self.ax_)
        if n_ratios > 1:
            self.ax_.legend()
        return self
