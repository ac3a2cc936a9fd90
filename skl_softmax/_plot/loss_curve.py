"""The display of a fit's loss over the steps.

Like scikit-learn's displays: the constructor stores, `from_estimator` collects, `plot` draws.
Nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array
from skl_softmax._plot.source import check_choice, trained
from skl_softmax._plot.style import Drawn, add_legend, class_colors, draw_line

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FIGURE_SIZE = 5.0, 3.4  # width and height of a new figure [inches]
CURVE = "loss curve"  # gid of the curves: of these lines, each has taken one of the colours


@dataclass(kw_only=True, eq=False, repr=False)
class LossCurveDisplay(Drawn):
    """The loss after each step of one or more fits.

    Use `from_estimator`, `from_estimators` or `from_cv_results` to make a display.

    Parameters
    ----------
    steps : list of ndarray of shape (n_iter + 1,)
        The horizontal position of each loss of each curve: a number of steps, or of passes over
        the data.
    losses : list of ndarray of shape (n_iter + 1,)
        The losses of each curve, in nats per sample.
    names : list of str or None
        The name of each curve in the legend; None leaves the curve out of it.
    x : {"iteration", "passes"}, default="iteration"
        What `steps` counts: steps, or passes over the data.
    what : {"loss", "excess"}, default="loss"
        Whether to draw the losses, or the difference between each loss and the optimum.
    optima : list of float
        The least loss that is possible, for each curve, in nats per sample.
    validation_losses : list of (ndarray of shape (n_iter + 1,) or None), default=None
        The losses of each fit on the samples held out for validation, or None for a fit without
        any. They are drawn as a dashed line in the colour of the fit, but not with
        ``what="excess"``, since they have another optimum.

    Attributes
    ----------
    ax_ : matplotlib Axes
        The axes drawn on.
    figure_ : matplotlib Figure
        The figure of these axes.
    lines_ : list of matplotlib Line2D
        The curves.
    validation_lines_ : list of matplotlib Line2D
        The dashed lines of the validation losses.

    See Also
    --------
    SoftmaxGDClassifier : Keeps the loss after each step in `loss_history_`.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier
    >>> classifier = SoftmaxGDClassifier().fit(*load_wine(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(classifier, what="excess")
    >>> display.ax_.get_yscale()
    'log'
    """

    steps: Sequence[Array]
    losses: Sequence[Array]
    names: Sequence[str | None]
    x: str = "iteration"
    what: str = "loss"
    optima: Sequence[float]
    validation_losses: Sequence[Array | None] | None = None

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        *,
        ax: Axes | None = None,
        name: str | None = None,
        x: str = "iteration",
        what: str = "loss",
        optimum: float | None = None,
        log: bool | None = None,
        **line_kw: object,
    ) -> Self:
        """Draw the losses of one estimator.

        Given the ``ax_`` of another display as `ax`, the curve is drawn in another colour beside
        the curves that are there.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one.
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        name : str, default=None
            The name of the curve in the legend. None: the curve is not in the legend, unless there
            are validation losses; the two curves are then "training" and "validation".
        x : {"iteration", "passes"}, default="iteration"
            Whether to count steps, or passes over the data. A step takes one pass or more, and
            some passes measure the data or the curvature between steps.
        what : {"loss", "excess"}, default="loss"
            Whether to draw the losses, or the difference between each loss and the `optimum`.
        optimum : float, default=None
            The least loss that is possible, in nats per sample. None: the least loss of the curve.
            Then the excess is zero at its end even if the fit has not converged; the loss that a
            fit with a smaller `tol` reached is a better choice.
        log : bool, default=None
            Whether the axis of the loss is logarithmic; values that are not positive are then left
            out. None: logarithmic for ``what="excess"`` only.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for the line.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            If `x` or `what` is none of the above, `optimum` is more than some loss, or `ax` is not
            a matplotlib Axes.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If the estimator is not a `SoftmaxGDClassifier` and does not end in one.
        """
        display = cls._collect([estimator], [name], x, what, optimum)
        return display.plot(ax, log=log, **line_kw)

    @classmethod
    def from_estimators(
        cls,
        estimators: Mapping[str, BaseEstimator] | Sequence[BaseEstimator],
        *,
        ax: Axes | None = None,
        x: str = "iteration",
        what: str = "loss",
        optimum: float | None = None,
        log: bool | None = None,
        **line_kw: object,
    ) -> Self:
        """Draw the losses of several estimators on the same axes.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            Fitted estimators, each as in `from_estimator`. The legend shows the keys of a dict; the
            estimators of a list are numbered.
        ax, x, what, log, **line_kw
            See `from_estimator`.
        optimum : float, default=None
            The least loss that is possible, in nats per sample. None: the least loss that any of
            these estimators reached; they should have the same objective.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            See `from_estimator`; also if there is no estimator.
        """
        if not isinstance(estimators, Mapping):
            estimators = {f"estimator {i}": each for i, each in enumerate(estimators)}
        display = cls._collect(list(estimators.values()), list(estimators), x, what, optimum)
        return display.plot(ax, log=log, **line_kw)

    @classmethod
    def from_cv_results(
        cls,
        cv_results: Mapping[str, Sequence[BaseEstimator]],
        *,
        ax: Axes | None = None,
        x: str = "iteration",
        what: str = "loss",
        log: bool | None = None,
        **line_kw: object,
    ) -> Self:
        """Draw the losses of a cross-validation, one curve for each fold.

        Parameters
        ----------
        cv_results : dict
            The result of ``cross_validate(…, return_estimator=True)``.
        ax, x, log, **line_kw
            See `from_estimator`.
        what : {"loss", "excess"}, default="loss"
            Whether to draw the losses, or the difference between each loss and the least loss of
            its fold. Each fold has an optimum of its own, since its objective has other samples.

        Returns
        -------
        display : LossCurveDisplay
            The display, drawn.

        Raises
        ------
        ValueError
            See `from_estimator`; also if `cv_results` has no estimators.
        """
        if "estimator" not in cv_results:
            raise ValueError(
                "cv_results has no fitted estimators: cross-validate with return_estimator=True."
            )
        folds = list(cv_results["estimator"])
        names = [f"fold {i}" for i in range(len(folds))]
        display = cls._collect(folds, names, x, what, share_optimum=False)
        return display.plot(ax, log=log, **line_kw)

    @classmethod
    def _collect(
        cls,
        estimators: Sequence[BaseEstimator],
        names: Sequence[str | None],
        x: str,
        what: str,
        optimum: float | None = None,
        *,
        share_optimum: bool = True,
    ) -> Self:
        """Return a display of fitted estimators, one curve each, not drawn yet.

        Without `share_optimum`, the optimum of each curve is its own least loss.
        """
        check_choice("x", x, ["iteration", "passes"])
        check_choice("what", what, ["loss", "excess"])
        if not estimators:
            raise ValueError("There is no estimator to draw.")
        classifiers = [trained(estimator).classifier for estimator in estimators]
        losses = [each.loss_history_ for each in classifiers]
        least = [float(np.min(loss)) for loss in losses]
        if optimum is not None and optimum > min(least):
            raise ValueError(f"optimum must be no more than the least loss, {min(least):.6g}.")
        shared = min(least) if optimum is None else optimum
        numbers = [np.arange(len(loss)) for loss in losses]
        return cls(
            steps=numbers if x == "iteration" else [each.passes_history_ for each in classifiers],
            losses=losses,
            names=names,
            x=x,
            what=what,
            optima=[shared] * len(losses) if share_optimum else least,
            validation_losses=[
                getattr(each, "validation_loss_history_", None) for each in classifiers
            ],
        )

    def plot(self, ax: Axes | None = None, *, log: bool | None = None, **line_kw: object) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            The axes to draw on. None: axes in a new figure.
        log : bool, default=None
            Whether the axis of the loss is logarithmic. None: for ``what="excess"`` only.
        **line_kw
            Further keyword arguments of matplotlib's ``plot``, for every line.

        Returns
        -------
        display : LossCurveDisplay
            This display.

        Raises
        ------
        ValueError
            If `ax` is not a matplotlib Axes.
        """
        ax = self._take_axes(ax, *FIGURE_SIZE)
        is_excess = self.what == "excess"
        if is_excess if log is None else log:
            ax.set_yscale("log")
        n_before = sum(line.get_gid() == CURVE for line in ax.lines)
        colors = class_colors(n_before + len(self.losses))[n_before:]
        self.lines_, self.validation_lines_ = [], []
        validation_losses = self.validation_losses or [None] * len(self.losses)
        for steps, losses, validation, optimum, name, color in zip(
            self.steps, self.losses, validation_losses, self.optima, self.names, colors, strict=True
        ):
            values = losses - optimum if is_excess else losses
            if ax.get_yscale() == "log":
                values = np.where(values > 0.0, values, np.nan)
            has_both = validation is not None and not is_excess
            label = "training" if has_both and name is None else name
            options = {"color": color, "label": label, **line_kw}
            self.lines_.append(draw_line(ax, steps, values, gid=CURVE, **options))
            if has_both:
                label = "validation" if name is None else f"{name}, validation"
                options |= {"label": label, "linestyle": "--"}
                self.validation_lines_.append(draw_line(ax, steps, validation, **options))
        ax.set(
            xlabel="step" if self.x == "iteration" else "passes over the data",
            ylabel=f"{'excess ' if is_excess else ''}loss [nats per sample]",
        )
        handles, texts = ax.get_legend_handles_labels()
        if handles:
            add_legend(ax, handles, texts)
        return self
