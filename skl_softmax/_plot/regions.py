"""The display of decision regions: where each class is predicted, after some steps of a fit.

Asks the weights of each step for the logits on a grid. Nothing is fitted again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.ndimage import binary_dilation
from scipy.special import softmax
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array, MatrixLike, to_numpy
from skl_softmax._plot.feature_plane import Frames, Limits, Plane
from skl_softmax._plot.source import check_choice, check_count, check_labels, trained
from skl_softmax._plot.style import (
    Drawn,
    Options,
    check_axes,
    class_colors,
    class_legend,
    clear_spines,
    draw_samples,
    legend_columns,
    lighter,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

MAX_COLUMNS = 4  # panels side by side: four are about as wide as a page [10.4 inches]
PANEL_SIZE = 2.6  # width and height of a panel in a new figure [inches]
LEGEND_WIDTH = 0.9  # of a legend's column whose labels have about ten letters [inches]
TITLE_HEIGHT = 0.3  # added to the panels of a new figure for their titles [inches]
ANIMATION_SIZE = 8.8, 3.6  # width and height of the figure of an animation [inches]
REPEAT_DELAY = 1000  # pause after the last frame of an animation [milliseconds]
# Units are equally long on both axes if the ratio of the two ranges is below this one: a panel
# that is still longer would be too narrow.
MAX_EQUAL_RATIO = 1.5
# With up to so many classes all the lines between two of them are drawn, six at most; with more,
# only where the two classes lead.
MAX_CLASSES_ALL_BOUNDARIES = 4
# Share of white in the tints, by eye: samples on top stand out. A mixture is paler by itself.
WHITE_OF_PREDICTED = 0.7
WHITE_OF_MIXED = 0.55
BOUNDARY: Options = {"levels": [0.0], "colors": "0.35", "linewidths": 0.9, "linestyles": "--"}
IMAGE: Options = {"origin": "lower", "interpolation": "nearest", "aspect": "auto", "zorder": 0}
BESIDE: Options = {"loc": "outside right center", "frameon": False}  # place of a figure's legend


@dataclass(kw_only=True, eq=False, repr=False)
class DecisionRegionsDisplay(Drawn):
    """Decision regions after some of the steps of a fit, side by side, with the samples on top.

    Use `from_estimator` to make a display.

    Parameters
    ----------
    logits : list of ndarray of shape (n_classes, grid_resolution, grid_resolution)
        The logits of each panel over the grid. Rows go upwards, columns to the right.
    titles : list of str
        The title of each panel.
    limits : tuple of float
        Left, right, bottom and top of the grid.
    classes : ndarray of shape (n_classes,)
        The class labels.
    labels : tuple of str
        The labels of the horizontal and of the vertical axis.
    note : str
        A note below the panels; may be empty.
    X : ndarray of shape (n_samples, 2)
        The samples to draw, with the two features of the axes.
    y : ndarray of shape (n_samples,) or None
        The classes of these samples. None: the samples are not drawn.
    frames : Frames
        The logits and titles after any step, for `animate`.
    response_method : {"predict", "predict_proba"}, default="predict"
        Whether a point has the tint of its most probable class, or a mixture of the tints of all
        classes, weighted by their probabilities.
    boundaries : bool, default=True
        Whether to draw the lines on which two classes are equally probable.
    legend : bool, default=True
        Whether to draw a legend of the classes.

    Attributes
    ----------
    axes_ : ndarray of matplotlib Axes
        The panels.
    figure_ : matplotlib Figure
        The figure of these axes.
    images_ : list of matplotlib AxesImage
        The regions in each panel.
    boundaries_ : list of list of matplotlib ContourSet
        The lines in each panel on which two classes are equally probable.

    See Also
    --------
    SoftmaxGDClassifier : With ``store_coef_history=True``, keeps the weights after each step.

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

    logits: Sequence[Array]
    titles: Sequence[str]
    limits: Limits
    classes: Array
    labels: tuple[str, str]
    note: str
    X: Array
    y: Array | None
    frames: Frames
    response_method: str = "predict"
    boundaries: bool = True
    legend: bool = True

    @classmethod
    def from_estimator(
        cls,
        estimator: BaseEstimator,
        X: MatrixLike,
        y: ArrayLike | None = None,
        *,
        iterations: Sequence[int] | None = (1, 5, 30, 300),
        features: Sequence[str | int] | None = None,
        response_method: str = "predict",
        boundaries: bool = True,
        grid_resolution: int = 200,
        feature_names: Sequence[str] | None = None,
        legend: bool = True,
        ax: Axes | Sequence[Axes] | Array | None = None,
    ) -> Self:
        """Draw the decision regions of an estimator over two features.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one.
        X : array-like or DataFrame of shape (n_samples, n_features)
            The samples to draw, with all features that the estimator takes. Samples in which one
            of the two features is missing are not drawn; an imputer must come before a classifier.
        y : array-like of shape (n_samples,), default=None
            The classes of the samples. None: the samples are not drawn, and the titles tell no
            accuracy.
        iterations : sequence of int, default=(1, 5, 30, 300)
            Numbers of steps. There is one panel for each, with the weights after so many steps.
            Numbers beyond the last step mean the last step, which is shown once. They need
            ``store_coef_history=True``. None: one panel with the final weights, which does not.
        features : sequence of two str or int, default=None
            The two features of the axes, by name or number. All other features are held at their
            mean over X, or at their most frequent value if they are not numbers. None: the two
            features of X, if it has two. The accuracy in the titles is computed with all features.
        response_method : {"predict", "predict_proba"}, default="predict"
            Whether a point has the tint of its most probable class, or a mixture of the tints of
            all classes, weighted by their probabilities.
        boundaries : bool, default=True
            Whether to draw the lines on which two classes are equally probable. With more than
            four classes, they are drawn only where no other class is more probable.
        grid_resolution : int, default=200
            The number of grid points along each axis.
        feature_names : sequence of str, default=None
            The names of the features of X. None: the names of its columns, else x0, x1, …
        legend : bool, default=True
            Whether to draw a legend of the classes.
        ax : matplotlib Axes or array of Axes, default=None
            The axes to draw on, one for each panel; axes that are not needed are switched off.
            None: axes in a new figure.

        Returns
        -------
        display : DecisionRegionsDisplay
            The display, drawn.

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept, and `iterations` is not None.
        NotFittedError
            If the estimator is not fitted.
        TypeError
            If X is sparse, or the estimator is not a `SoftmaxGDClassifier` and does not end in one.
        ValueError
            If `features` are not two different features of X, `iterations` is empty or has negative
            numbers, `y` has another length than X or a class that was not fitted, or there are
            fewer axes than panels.
        """
        check_choice("response_method", response_method, ["predict", "predict_proba"])
        check_count("grid_resolution", grid_resolution, at_least=2)
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
        return display.plot(ax)

    def plot(self, ax: Axes | Sequence[Axes] | Array | None = None) -> Self:
        """Draw the panels.

        Parameters
        ----------
        ax : matplotlib Axes or array of Axes, default=None
            The axes to draw on, one for each panel. None: axes in a new figure.

        Returns
        -------
        display : DecisionRegionsDisplay
            This display.

        Raises
        ------
        ValueError
            If there are fewer axes than panels.
        """
        is_new, n_panels = ax is None, len(self.logits)
        axes = self._new_axes() if is_new else check_axes(ax, n_panels)
        self.axes_ = axes[:n_panels]
        for unused in axes[n_panels:]:
            unused.set_axis_off()
        self.figure_ = self.axes_[0].figure
        self.images_, self.boundaries_ = [], []
        for panel, logits, title in zip(self.axes_, self.logits, self.titles, strict=True):
            self.images_.append(self._draw_image(panel, logits))
            self.boundaries_.append(self._draw_boundaries(panel, logits))
            self._frame(panel)
            panel.set_title(title)
            if len(panel.get_shared_x_axes().get_siblings(panel)) > 1:
                panel.label_outer()
        if is_new:
            # The lowest panel of each column names the axis, also above a row that is not full.
            for panel in self.axes_[-axes[0].get_gridspec().ncols :]:
                panel.set_xlabel(self.labels[0])
                panel.tick_params(labelbottom=True)
            if self.note:
                self.figure_.supxlabel(f"({self.note})", fontsize="small")
        else:
            self._set_note(self.axes_[0])
        if self.legend and is_new:
            class_legend(self.figure_, self.classes, **BESIDE)
        elif self.legend:
            class_legend(self.axes_[-1], self.classes, loc="best")
        return self

    def _new_axes(self) -> Array:
        """Return axes in a new figure: one row or, of more than four, rows of equal length."""
        n_panels = len(self.logits)
        n_rows = -(-n_panels // MAX_COLUMNS)
        n_columns = -(-n_panels // n_rows)
        figure = new_figure(
            PANEL_SIZE * n_columns + LEGEND_WIDTH * legend_columns(len(self.classes)),
            PANEL_SIZE * n_rows + TITLE_HEIGHT,
        )
        axes = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False)
        return np.asarray(axes.ravel())

    def _set_note(self, ax: Axes) -> None:
        """Say below the label of the horizontal axis what the other features are held at."""
        if self.note:
            ax.set_xlabel(f"{self.labels[0]}\n({self.note})")

    def _frame(self, ax: Axes) -> None:
        """Draw the samples, label the axes and set their limits."""
        if self.y is not None:
            draw_samples(ax, self.X, self.y, self.classes)
        left, right, bottom, top = self.limits
        ax.set(xlim=(left, right), ylim=(bottom, top), xlabel=self.labels[0], ylabel=self.labels[1])
        if 1 / MAX_EQUAL_RATIO < (right - left) / (top - bottom) < MAX_EQUAL_RATIO:
            ax.set_aspect("equal", adjustable="box")

    def _draw_image(self, ax: Axes, logits: Array) -> AxesImage:
        """Draw the tints, a pixel around each grid point: half a pixel is outside the limits."""
        left, right, bottom, top = self.limits
        width = (right - left) / (logits.shape[2] - 1) / 2
        height = (top - bottom) / (logits.shape[1] - 1) / 2
        return ax.imshow(
            self._tints(logits),
            extent=(left - width, right + width, bottom - height, top + height),
            **IMAGE,
        )

    def _tints(self, logits: Array) -> Array:
        """Return a light colour for each grid point, (grid_resolution, grid_resolution, 3)."""
        colors = np.array(class_colors(len(logits)))
        if self.response_method == "predict":
            tints = lighter(colors[logits.argmax(axis=0)], WHITE_OF_PREDICTED)
            tints[(logits == logits[0]).all(axis=0)] = (
                1.0  # white where no class leads: zero weights
            )
            return tints
        proba = softmax(logits.reshape(len(logits), -1), axis=0)
        return lighter((proba.T @ colors).reshape(*logits.shape[1:], 3), WHITE_OF_MIXED)

    def _draw_boundaries(self, ax: Axes, logits: Array) -> list[Artist]:
        """Draw the lines where the logits of two classes are equal, if there are any in sight."""
        if not self.boundaries:
            return []
        second = np.sort(logits, axis=0)[-2]
        lines: list[Artist] = []
        for j, k in combinations(range(len(logits)), 2):
            difference = logits[j] - logits[k]
            if len(logits) > MAX_CLASSES_ALL_BOUNDARIES:
                leads = np.minimum(logits[j], logits[k]) >= second
                near = binary_dilation(leads, np.ones((3, 3)))  # no line is cut off at its edge
                difference = np.where(near, difference, np.nan)
            if np.nanmin(difference, initial=0.0) < 0.0 < np.nanmax(difference, initial=0.0):
                lines.append(ax.contour(difference, extent=self.limits, **BOUNDARY))
        return lines

    def animate(
        self, iterations: Sequence[int] | None = None, *, interval: float = 100
    ) -> FuncAnimation:
        """Return an animation of the regions over the steps, with the loss curve beside them.

        Parameters
        ----------
        iterations : sequence of int, default=None
            Numbers of steps, one for each frame. None: at most 60 steps from the first to the last,
            close together at first, where the regions change most.
        interval : float, default=100
            The time between frames, in milliseconds.

        Returns
        -------
        animation : matplotlib FuncAnimation
            A notebook shows it if a cell ends with it. ``animation.save("training.gif",
            writer="pillow")`` writes a file.

        Raises
        ------
        AttributeError
            If the weights of the steps were not kept.
        ValueError
            If `iterations` is empty or has negative numbers.

        Examples
        --------
        >>> from sklearn.datasets import make_blobs
        >>> from skl_softmax import DecisionRegionsDisplay, SoftmaxGDClassifier
        >>> X, y = make_blobs(random_state=0)
        >>> classifier = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
        >>> display = DecisionRegionsDisplay.from_estimator(classifier, X, y)
        >>> page = display.animate([0, 1, 2]).to_jshtml()
        >>> page.count("data:image/png")
        3
        """
        from matplotlib.animation import FuncAnimation

        class Training(FuncAnimation):
            def _repr_html_(self) -> str:
                return str(self.to_jshtml())

        steps = self.frames.some() if iterations is None else self.frames.chosen(iterations)
        losses = self.frames.found.classifier.loss_history_
        figure = new_figure(*ANIMATION_SIZE)
        regions, curve = figure.subplots(1, 2)
        image = self._draw_image(regions, self.frames.logits(steps[0]))
        self._frame(regions)
        if self.legend:
            class_legend(figure, self.classes, **BESIDE)
        self._set_note(regions)
        curve.plot(losses, color="0.8")
        (past,) = curve.plot([], [], color="0.2")
        (now,) = curve.plot([], [], "o", color="0.2")
        curve.set(xlabel="step", ylabel="loss [nats per sample]", title="loss")
        clear_spines(curve)
        lines: list[Artist] = []

        def show(step: int) -> list[Artist]:
            logits = self.frames.logits(step)
            image.set_data(self._tints(logits))
            while lines:
                lines.pop().remove()
            lines.extend(self._draw_boundaries(regions, logits))
            regions.set_title(self.frames.title(step))
            past.set_data(np.arange(step + 1), losses[: step + 1])
            now.set_data([step], [losses[step]])
            return [image, past, now]

        return Training(figure, show, frames=steps, interval=interval, repeat_delay=REPEAT_DELAY)
