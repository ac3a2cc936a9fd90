"""Displays of a fit's history: its loss, and its weights, over the steps.

As scikit-learn's displays: `__init__` stores, `from_estimator` collects, `plot` draws. Nothing is
fitted again, and pyplot knows nothing of the figures: to have it, hand `ax` one of its axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np

from skl_softmax._pictures import (
    LINE_STYLES,
    Drawn,
    class_colors,
    clear_spines,
    new_figure,
)
from skl_softmax._rows import Array
from skl_softmax._trained import check_choice, check_labels, index_of, names_of, trained


class LossCurveDisplay(Drawn):
    """The loss after each step of one or more fits.

    Use `from_estimator`, `from_estimators` or `from_cv_results` to make one.

    Parameters
    ----------
    steps : list of ndarray of shape (n_iter + 1,)
        Where each curve's losses stand: numbers of steps, or of passes over the data.
    losses : list of ndarray of shape (n_iter + 1,)
        Each curve's losses, in nats per sample.
    names : list of str or None
        What the legend calls each curve; None leaves it out.
    x : {"iteration", "passes"}, default="iteration"
        What `steps` counts.
    what : {"loss", "excess"}, default="loss"
        Whether to draw the losses or what they exceed the `optimum` by.
    optimum : float, default=None
        The least loss there is. None: the least of all curves.

    Attributes
    ----------
    ax_ : matplotlib Axes
    figure_ : matplotlib Figure
    lines_ : list of matplotlib Line2D
        One for each curve.

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier
    >>> classifier = SoftmaxGDClassifier().fit(*load_wine(return_X_y=True))
    >>> display = LossCurveDisplay.from_estimator(classifier, what="excess")
    >>> display.ax_.get_yscale()
    'log'
    """

    def __init__(
        self,
        *,
        steps: Sequence[Array],
        losses: Sequence[Array],
        names: Sequence[str | None],
        x: str = "iteration",
        what: str = "loss",
        optimum: float | None = None,
    ) -> None:
        self.steps = steps
        self.losses = losses
        self.names = names
        self.x = x
        self.what = what
        self.optimum = optimum

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, ax: Any = None, name: str | None = None, **options: Any
    ) -> Self:
        """Draw one estimator's losses; with the `ax` of another display, beside its curves.

        Parameters
        ----------
        estimator : estimator
            A fitted `SoftmaxGDClassifier`, or a Pipeline or search that ends in one.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        name : str, default=None
            What the legend calls the curve.
        **options
            As in `from_estimators`.

        Returns
        -------
        display : LossCurveDisplay
        """
        return cls._from([estimator], [name], ax, **options)

    @classmethod
    def from_estimators(
        cls, estimators: Mapping[str, Any] | Sequence[Any], *, ax: Any = None, **options: Any
    ) -> Self:
        """Draw the losses of several estimators on one axis.

        Parameters
        ----------
        estimators : dict of str to estimator, or list of estimators
            Fitted ones, as in `from_estimator`; a list is numbered.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        x : {"iteration", "passes"}, default="iteration"
            Whether to count steps, or passes over the data: a step takes one or more, and what a
            fit measures beside takes some.
        what : {"loss", "excess"}, default="loss"
            Whether to draw the losses or what they exceed the `optimum` by.
        optimum : float, default=None
            The least loss there is. None: the least that these estimators reached.
        log : bool, default=None
            Whether the axis of the loss is logarithmic; where there is no excess, nothing is
            drawn. None: it is for ``what="excess"``.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ValueError
            If `x` or `what` is none of the above, or if there is no estimator.
        """
        if not isinstance(estimators, Mapping):
            estimators = {f"estimator {i}": each for i, each in enumerate(estimators)}
        return cls._from(list(estimators.values()), list(estimators), ax, **options)

    @classmethod
    def from_cv_results(
        cls, cv_results: Mapping[str, Any], *, ax: Any = None, **options: Any
    ) -> Self:
        """Draw the losses of a cross-validation, a curve for each fold.

        Parameters
        ----------
        cv_results : dict
            From ``cross_validate(…, return_estimator=True)``.
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        **options
            As in `from_estimators`.

        Returns
        -------
        display : LossCurveDisplay

        Raises
        ------
        ValueError
            If the estimators were not kept.
        """
        if "estimator" not in cv_results:
            raise ValueError(
                "cv_results has no fitted estimators: cross-validate with return_estimator=True."
            )
        folds = {f"fold {i}": fold for i, fold in enumerate(cv_results["estimator"])}
        return cls._from(list(folds.values()), list(folds), ax, **options)

    @classmethod
    def _from(
        cls,
        estimators: Sequence[Any],
        names: Sequence[str | None],
        ax: Any,
        *,
        x: str = "iteration",
        what: str = "loss",
        optimum: float | None = None,
        log: bool | None = None,
        **line_kw: Any,
    ) -> Self:
        check_choice("x", x, ["iteration", "passes"])
        check_choice("what", what, ["loss", "excess"])
        if not estimators:
            raise ValueError("There is no estimator to draw.")
        classifiers = [trained(estimator).classifier for estimator in estimators]
        losses = [classifier.loss_history_ for classifier in classifiers]
        steps = [
            classifier.passes_history_ if x == "passes" else np.arange(len(loss))
            for classifier, loss in zip(classifiers, losses, strict=True)
        ]
        display = cls(steps=steps, losses=losses, names=names, x=x, what=what, optimum=optimum)
        return display.plot(ax=ax, log=log, **line_kw)

    def plot(self, ax: Any = None, *, log: bool | None = None, **line_kw: Any) -> Self:
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes, default=None
            Where to draw. None: in a new figure.
        log : bool, default=None
            Whether the axis of the loss is logarithmic. None: it is for ``what="excess"``.
        **line_kw
            What else to give every line.

        Returns
        -------
        display : LossCurveDisplay
            The same.
        """
        self.ax_ = new_figure(5.0, 3.4).subplots() if ax is None else ax
        self.figure_ = self.ax_.figure
        is_excess = self.what == "excess"
        if log if log is not None else is_excess:
            self.ax_.set_yscale("log")
        optimum = min(map(np.min, self.losses)) if self.optimum is None else self.optimum
        colors = class_colors(len(self.ax_.lines) + len(self.losses))[len(self.ax_.lines) :]
        self.lines_ = []
        for steps, losses, name, color in zip(
            self.steps, self.losses, self.names, colors, strict=True
        ):
            values = losses - optimum if is_excess else losses
            if self.ax_.get_yscale() == "log":
                values = np.where(values > 0.0, values, np.nan)
            options = {"color": color, "label": name} | line_kw
            self.lines_ += self.ax_.plot(steps, values, **options)
        self.ax_.set(
            xlabel="step" if self.x == "iteration" else "passes over the data",
            ylabel=f"{'excess ' if is_excess else ''}loss [nats per sample]",
        )
        clear_spines(self.ax_)
        if any(name is not None for name in self.names):
            self.ax_.legend(frameon=False)
        return self


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
            How many of them to draw: those that a weight moved most for. None: all.
        feature_names : sequence of str, default=None
            The names of the classifier's features. None: those it was fitted with, or x0, x1, …
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
        columns = getattr(classifier, "feature_names_in_", None)
        names = names_of(columns, classifier.n_features_in_, feature_names)
        paths = classifier.coef_history_
        if classifier.fit_intercept:
            intercepts = classifier.intercept_history_[:, :, np.newaxis]
            paths, names = np.concatenate([intercepts, paths], axis=2), ["intercept", *names]
        labels = classifier.classes_[-paths.shape[1] :]
        if classes is not None:
            chosen = check_labels(classes, labels)
            paths = paths[:, [list(labels).index(label) for label in chosen]]
            labels = chosen
        offset = int(classifier.fit_intercept)  # features are numbered without the intercept
        shown = list(range(len(names)))
        if features is not None:
            shown = [
                names.index(f) if f == "intercept" else offset + index_of(f, names[offset:])
                for f in features
            ]
        if top is not None:
            if top < 1:
                raise ValueError(f"top must be at least 1, got {top}.")
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
        self.ax_ = new_figure(6.4, 3.8).subplots() if is_new else ax
        self.figure_ = self.ax_.figure
        _, n_classes, n_features = self.paths.shape
        colors = class_colors(n_classes)
        styles = [LINE_STYLES[j % len(LINE_STYLES)] for j in range(n_features)]
        self.lines_ = np.empty((n_classes, n_features), dtype=object)
        for k, j in np.ndindex(self.lines_.shape):
            options = {"color": colors[k], "linestyle": styles[j]} | line_kw
            options["label"] = f"{self.classes[k]}, {self.features[j]}"
            (self.lines_[k, j],) = self.ax_.plot(self.paths[:, k, j], **options)
        self.ax_.set(xlabel="step", ylabel="weight")
        clear_spines(self.ax_)
        self._explain(colors, styles, outside=is_new)
        return self

    def _explain(self, colors: Sequence[Any], styles: Sequence[Any], *, outside: bool) -> None:
        """Add the legend: what the colours mean, and, unless there are too many, the styles."""
        from matplotlib.lines import Line2D

        nothing = Line2D([], [], linestyle="none")
        handles = [nothing, *(Line2D([], [], color=color) for color in colors)]
        texts = ["class", *map(str, self.classes)]
        if len(self.features) <= len(LINE_STYLES):
            handles += [nothing, *(Line2D([], [], color="0.3", linestyle=s) for s in styles)]
            texts += ["feature", *self.features]
        place = {"loc": "upper left", "bbox_to_anchor": (1.02, 1.02)} if outside else {"loc": 0}
        self.ax_.legend(handles, texts, frameon=False, fontsize="small", handlelength=3, **place)
