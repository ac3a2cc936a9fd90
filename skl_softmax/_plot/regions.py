"""Where each class is predicted, as it evolves over the steps of a fit.

Asks the fitted weights of every step about a grid; fits nothing and knows no formula of the fit.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any, Self

import numpy as np
from scipy.special import softmax

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._plot.feature_plane import Frames, Plane
from skl_softmax._plot.source import check_axes, check_choice, check_labels, trained
from skl_softmax._plot.style import (
    LONGEST_LEGEND,
    Drawn,
    class_colors,
    class_legend,
    clear_spines,
    draw_samples,
    lighter,
    new_figure,
)

LIKE_SCALES = 1.5  # of the features' ranges: then a unit is as long on one axis as on the other
ALL_BOUNDARIES = 4  # classes: of more, the lines are drawn only where their two classes lead


class DecisionRegionsDisplay(Drawn):
    """Decision regions after some of the steps of a fit, side by side, with the data on top.

    Use `from_estimator` to make one.

    Parameters
    ----------
    logits : list of ndarray of shape (n_classes, grid_resolution, grid_resolution)
        Each panel's, over the grid, upwards and to the right.
    titles : list of str
        Each panel's.
    limits : tuple of float
        Left, right, bottom and top of the grid.
    classes : ndarray of shape (n_classes,)
        Labels.
    labels : tuple of str
        Of both axes.
    note : str
        What is said below them, if anything.
    X : ndarray of shape (n_samples, 2)
        The samples to draw.
    y : ndarray of shape (n_samples,) or None
        Their classes.
    frames : Frames
        What `animate` draws.
    response_method : {"predict", "predict_proba"}, default="predict"
        Whether the tint is the most probable class's, or every class's in proportion to its
        probability.
    boundaries : bool, default=True
        Whether to draw the lines on which two classes are equally probable.
    legend : bool, default=True
        Whether to say which class is which.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
    images_ : list of matplotlib AxesImage
        The regions, of each panel.
    boundaries_ : list of list of matplotlib ContourSet
        The lines, of each panel, on which two classes are equally probable.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skl_softmax import DecisionRegionsDisplay, SoftmaxGDClassifier
    >>> X, y = make_blobs(random_state=0)
    >>> course = SoftmaxGDClassifier(
    ...     learning_rate=0.1, alpha=0, max_iter=50, tol=0, store_coef_history=True
    ... )
    >>> display = DecisionRegionsDisplay.from_estimator(course.fit(X, y), X, y, iterations=(1, 50))
    >>> [ax.get_title() for ax in display.axes_]
    ['step 1: accuracy 63.0%', 'step 50: accuracy 88.0%']
    """

    def __init__(
        self,
        *,
        logits: Sequence[Array],
        titles: Sequence[str],
        limits: tuple[float, float, float, float],
        classes: Array,
        labels: tuple[str, str],
        note: str,
        X: Array,
        y: Array | None,
        frames: Frames,
        response_method: str = "predict",
        boundaries: bool = True,
        legend: bool = True,
    ) -> None:
        self.logits = logits
        self.titles = titles
        self.limits = limits
        self.classes = classes
        self.labels = labels
        self.note = note
        self.X = X
        self.y = y
        self.frames = frames
        self.response_method = response_method
        self.boundaries = boundaries
        self.legend = legend

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: Any,
        y: Any = None,
        *,
        iterations: Sequence[int] | None = (1, 5, 30, 300),
        features: Sequence[str | int] | None = None,
        response_method: str = "predict",
        boundaries: bool = True,
        grid_resolution: int = 200,
        feature_names: Sequence[str] | None = None,
        legend: bool = True,
        ax: Any = None,
    ) -> Self:
        """Draw the regions of an estimator.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one.
        X : array-like or DataFrame of shape (n_samples, n_features)
            The samples to draw, as the estimator takes them.
        y : array-like of shape (n_samples,), default=None
            Their classes. None: the samples are left out, and so is the accuracy.
        iterations : sequence of int, default=(1, 5, 30, 300)
            After how many steps: a panel for each. Numbers beyond the last step mean the last, and
            none is shown twice. Needs ``store_coef_history=True``; None, the final weights alone,
            does not.
        features : two of str or int, default=None
            Which features the axes show, by name or number; every other one is held at its mean
            over X, or at its most frequent value if it is not a number. May be left out if there
            are two. The accuracy in the titles is that on the samples as they are.
        response_method : {"predict", "predict_proba"}, default="predict"
            Whether the tint is the most probable class's, or every class's in proportion to its
            probability.
        boundaries : bool, default=True
            Whether to draw the lines on which two classes are equally probable; of more than four
            classes, only where no other one is more probable.
        grid_resolution : int, default=200
            Points along each axis.
        feature_names : sequence of str, default=None
            The names of the features of X. None: its columns', or x0, x1, …
        legend : bool, default=True
            Whether to say which class is which.
        ax : matplotlib Axes or array of them, default=None
            Where to draw, one for each panel; those that are left over are switched off. None: in
            a new figure.

        Returns
        -------
        display : DecisionRegionsDisplay

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept, and `iterations` is not None.
        ValueError
            If `features` are not two different ones of X, `iterations` is empty or has negative
            numbers, `y` has another length than X or a class that was not fitted, or there are
            fewer axes than panels.
        TypeError
            If X is sparse.
        """
        check_choice("response_method", response_method, ["predict", "predict_proba"])
        if not isinstance(grid_resolution, int | np.integer) or grid_resolution < 2:
            raise ValueError(f"grid_resolution must be an int, 2 or more, got {grid_resolution!r}.")
        found, X, y = trained(estimator), to_numpy(X), to_numpy(y)
        plane = Plane.of(X, features, feature_names)
        labels = None if y is None else check_labels(y, found.classifier.classes_)
        if labels is not None and len(labels) != len(plane.X):
            raise ValueError(f"y has {len(labels)} labels for {len(plane.X)} samples.")
        frames = Frames(found, plane, X, labels, grid_resolution)
        steps = frames.chosen(iterations)
        display = cls(
            logits=[frames.logits(step) for step in steps],
            titles=[frames.title(step) for step in steps],
            limits=plane.limits,
            classes=found.classifier.classes_,
            labels=plane.labels,
            note=plane.note,
            X=plane.X,
            y=frames.y,
            frames=frames,
            response_method=response_method,
            boundaries=boundaries,
            legend=legend,
        )
        return display.plot(ax=ax)

    def plot(self, ax: Any = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of them, default=None
            Where to draw, one for each panel. None: in a new figure.

        Returns
        -------
        display : DecisionRegionsDisplay
            The same.
        """
        is_new = ax is None
        axes = self._new_axes() if is_new else check_axes(ax, len(self.logits))
        self.axes_ = axes[: len(self.logits)]
        for unused in axes[len(self.logits) :]:
            unused.set_axis_off()
        self.figure_ = self.axes_[0].figure
        self.images_, self.boundaries_ = [], []
        for panel, logits, title in zip(self.axes_, self.logits, self.titles, strict=True):
            self.images_.append(self._draw_image(panel, logits))
            self.boundaries_.append(self._draw_boundaries(panel, logits))
            self._frame(panel)
            panel.set_title(title)
        for panel in self.axes_:
            if len(panel.get_shared_x_axes().get_siblings(panel)) > 1:
                panel.label_outer()
        if is_new:  # the lowest of each column, where the last row is not full
            n_columns = axes[0].get_gridspec().ncols
            for panel in self.axes_[-n_columns:]:
                panel.set_xlabel(self.labels[0])
                panel.tick_params(labelbottom=True)
        if is_new and self.note:
            self.figure_.supxlabel(f"({self.note})", fontsize="small")
        elif self.note:
            self.axes_[0].set_xlabel(f"{self.labels[0]}\n({self.note})")
        if self.legend and is_new:
            place = {"loc": "outside right center", "frameon": False}
            class_legend(self.figure_, self.classes, **place)
        elif self.legend:
            class_legend(self.axes_[-1], self.classes, loc="best", framealpha=0.8)
        return self

    def _new_axes(self) -> Array:
        """Axes in a new figure, in one row or, of more than four, in rows of equal length."""
        n_panels = len(self.logits)
        n_rows = -(-n_panels // 4)
        n_columns = -(-n_panels // n_rows)
        n_legend_columns = -(-len(self.classes) // LONGEST_LEGEND)
        figure = new_figure(2.6 * n_columns + 0.9 * n_legend_columns, 2.6 * n_rows + 0.3)
        axes = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        return np.asarray(axes.ravel())

    def _frame(self, ax: Any) -> None:
        """Draw the samples, name the axes and set their limits."""
        if self.y is not None:
            draw_samples(ax, self.X, self.y, self.classes)
        left, right, bottom, top = self.limits
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=self.labels[0], ylabel=self.labels[1])
        if 1 / LIKE_SCALES < (right - left) / (top - bottom) < LIKE_SCALES:
            ax.set_aspect("equal", adjustable="box")

    def _draw_image(self, ax: Any, logits: Array) -> Any:
        """Draw the tints: a pixel around each point of the grid."""
        left, right, bottom, top = self.limits
        width = (right - left) / (logits.shape[2] - 1) / 2
        height = (top - bottom) / (logits.shape[1] - 1) / 2
        return ax.imshow(
            self._tints(logits),
            extent=(left - width, right + width, bottom - height, top + height),
            origin="lower",
            interpolation="nearest",
            aspect="auto",
            zorder=0,
        )

    def _tints(self, logits: Array) -> Array:
        """Colours (grid_resolution, grid_resolution, 3), light enough for the data on top."""
        colors = np.array(class_colors(len(logits)))
        if self.response_method == "predict":
            tints = lighter(colors[logits.argmax(axis=0)], 0.7)
            tints[(logits == logits[0]).all(axis=0)] = 1.0  # no class leads: the zero weights
            return tints
        proba = softmax(logits.reshape(len(logits), -1), axis=0)
        return lighter((proba.T @ colors).reshape(*logits.shape[1:], 3), 0.55)

    def _draw_boundaries(self, ax: Any, logits: Array) -> list[Any]:
        """Draw where two classes' logits are equal, if they are anywhere in sight."""
        if not self.boundaries:
            return []
        left, right, bottom, top = self.limits
        x1 = np.linspace(left, right, logits.shape[2])
        x2 = np.linspace(bottom, top, logits.shape[1])
        second = np.sort(logits, axis=0)[-2]
        lines = []
        for j, k in combinations(range(len(logits)), 2):
            difference = logits[j] - logits[k]
            if len(logits) > ALL_BOUNDARIES:
                leads = np.minimum(logits[j], logits[k]) >= second
                difference = np.where(_grown(leads), difference, np.nan)
            if np.nanmin(difference, initial=0.0) < 0.0 < np.nanmax(difference, initial=0.0):
                lines.append(
                    ax.contour(
                        x1,
                        x2,
                        difference,
                        levels=[0.0],
                        colors="0.35",
                        linewidths=0.9,
                        linestyles="--",
                    )
                )
        return lines

    def animate(self, iterations: Sequence[int] | None = None, *, interval: float = 100) -> Any:
        """Show the regions evolve, with the loss curve beside them.

        Parameters
        ----------
        iterations : sequence of int, default=None
            After how many steps: a frame for each. None: from the start to the end, at most 60,
            close together at first, where most happens.
        interval : float, default=100
            Milliseconds between frames.

        Returns
        -------
        animation : matplotlib FuncAnimation
            A notebook shows it where a cell ends with it; ``animation.save("training.gif",
            writer="pillow")`` writes a file.

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept.
        ValueError
            If `iterations` is empty or has negative numbers.
        """
        from matplotlib.animation import FuncAnimation

        class Training(FuncAnimation):
            def _repr_html_(self) -> str:
                return str(self.to_jshtml())

        steps = self.frames.some() if iterations is None else self.frames.chosen(iterations)
        losses = self.frames.found.classifier.loss_history_
        figure = new_figure(8.8, 3.6)
        regions, curve = figure.subplots(1, 2)
        image = self._draw_image(regions, self.frames.logits(steps[0]))
        self._frame(regions)
        if self.legend:
            class_legend(figure, self.classes, loc="outside right center", frameon=False)
        if self.note:
            regions.set_xlabel(f"{self.labels[0]}\n({self.note})")
        curve.plot(losses, color="0.8")
        (past,) = curve.plot([], [], color="0.2")
        (now,) = curve.plot([], [], "o", color="0.2")
        curve.set(xlabel="step", ylabel="loss [nats per sample]", title="loss")
        clear_spines(curve)
        lines: list[Any] = []

        def show(step: int) -> list[Any]:
            logits = self.frames.logits(step)
            image.set_data(self._tints(logits))
            while lines:
                lines.pop().remove()
            lines.extend(self._draw_boundaries(regions, logits))
            regions.set_title(self.frames.title(step))
            past.set_data(np.arange(step + 1), losses[: step + 1])
            now.set_data([step], [losses[step]])
            return [image, past, now]

        return Training(figure, show, frames=steps, interval=interval, repeat_delay=1000)


def _grown(mask: Array) -> Array:
    """The mask and its neighbours, so that a line along its edge is not cut off."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= grown[:, :-1].copy()
    grown[:, :-1] |= grown[:, 1:].copy()
    return grown
