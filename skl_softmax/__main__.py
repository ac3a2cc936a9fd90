"""A quick tour: ``python -m skl_softmax [--output FOLDER]``.

The tour fits real data in a pipeline and a grid search, compares a fit with LogisticRegression's,
and runs the course's lab step by step. With matplotlib it also draws pictures of both.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
import warnings
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import numpy as np
from sklearn.datasets import load_digits, make_blobs
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_selection import VarianceThreshold
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import classification_report, log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from threadpoolctl import threadpool_limits

from skl_softmax import (
    CoefPathDisplay,
    DecisionRegionsDisplay,
    LossCurveDisplay,
    SoftmaxGDClassifier,
)
from skl_softmax._arrays import Array
from skl_softmax._plot.style import draw_samples, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LEARNING_RATE = 0.5  # of the lab, as its sheet says
STEPS_SHOWN = 1, 5, 30, 300  # the lab's fit ends after 300 steps
# Frames of the moving picture: every step at first, then about 1.4 times as many each time.
STEPS_MOVING = 0, 1, 2, 3, 4, 5, 7, 10, 14, 20, 28, 40, 57, 80, 113, 160, 226, 300
N_FITS = 3  # per model: the median of three ignores one that the machine disturbed
PNG_DPI = 150  # pixels per inch of the pictures written
GIF_DPI = 80  # pixels per inch of the moving picture: 170 kB in all


def main() -> None:
    """Run the tour."""
    parser = argparse.ArgumentParser(prog="python -m skl_softmax", description=__doc__)
    parser.add_argument(
        "--output",
        type=Path,
        default=Path("softmax_tour"),
        metavar="FOLDER",
        help="folder for the pictures (default: ./%(default)s)",
    )
    output = parser.parse_args().output
    digits = tour_digits()
    lab = tour_lab()
    if importlib.util.find_spec("matplotlib") is None:
        print('\nFor the pictures: python -m pip install "skl_softmax[plot]"')
        return
    import matplotlib

    matplotlib.use("agg")  # pictures are written, not shown
    output.mkdir(parents=True, exist_ok=True)
    for path in (draw_digits(digits, output), *draw_lab(*lab, output)):
        print(f"wrote {path}")


def tour_digits() -> SoftmaxGDClassifier:
    """Choose alpha for 1797 images of digits, 8 × 8 pixels each, and return a fit with it."""
    print("== Handwritten digits, raw pixels: a pipeline and a grid search over alpha\n")
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
    pipeline = make_pipeline(VarianceThreshold(), SoftmaxGDClassifier())
    alphas = [1e-4, 1e-3, 1e-2, 1e-1]
    search = GridSearchCV(pipeline, {"softmaxgdclassifier__alpha": alphas}).fit(X_train, y_train)
    alpha = search.best_params_["softmaxgdclassifier__alpha"]
    for candidate, accuracy in zip(alphas, search.cv_results_["mean_test_score"], strict=True):
        print(f"alpha {candidate:<7g} cross-validated accuracy {accuracy:.4f}")
    print(f"\nalpha = {alpha:g}: test accuracy {search.score(X_test, y_test):.4f}\n")
    print(classification_report(y_test, search.predict(X_test), digits=3))
    compare(X_train, y_train, alpha)
    return SoftmaxGDClassifier(alpha=alpha).fit(X_train, y_train)


def compare(X: Array, y: Array, alpha: float) -> None:
    """Print the time and the loss of a fit and of LogisticRegression's, with the same objective.

    All fits run in one thread: on data as small as these, LogisticRegression's BLAS and OpenMP
    threads spend most of the time waiting for each other.

    Parameters
    ----------
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
    alpha : float
        Strength of the penalty. LogisticRegression's C is 1 / (alpha * n_samples).
    """
    C = 1 / (alpha * len(y))
    candidates = {
        "SoftmaxGDClassifier()": SoftmaxGDClassifier(alpha=alpha),
        "LogisticRegression()": LogisticRegression(C=C),
        "LogisticRegression(max_iter=10000)": LogisticRegression(C=C, max_iter=10_000),
    }
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(N_FITS):  # in turn, so that a disturbance of the machine meets all models
        for name, model in candidates.items():
            start = time.perf_counter()
            with warnings.catch_warnings(), threadpool_limits(1):
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X, y)
            seconds[name].append(time.perf_counter() - start)
    print(
        f"Same objective (alpha = {alpha:g}, C = {C:.4g}), one thread, median of {N_FITS} fits:\n"
    )
    print(f"{'':34s} {'steps':>6s} {'time':>9s} {'loss':>11s}")
    for name, model in candidates.items():
        n_iter, time_ = int(np.max(model.n_iter_)), median(seconds[name])
        loss = log_loss(y, model.predict_proba(X)) + alpha / 2 * np.sum(model.coef_**2)
        print(f"{name:34s} {n_iter:6d} {time_:8.3f}s {loss:11.7f}")


def tour_lab() -> tuple[SoftmaxGDClassifier, Array, Array]:
    """Run the lab: 300 steps of the textbook's loop with learning rate 0.5, on three blobs.

    Returns
    -------
    model : SoftmaxGDClassifier
        Fitted; it kept the weights after each step.
    X : ndarray of shape (250, 2)
    y : ndarray of shape (250,)
    """
    print(f"\n== The lab: the textbook's loop, 300 steps with learning rate {LEARNING_RATE}")
    print("(Byungkook Oh, Lab2-4. Softmax Regression via Gradient Descent, 2026)\n")
    X, y = make_blobs(
        n_samples=250,
        centers=[(0, 0), (1.0, 0.0), (0.0, 1.0)],
        cluster_std=[0.3, 0.3, 0.3],
        random_state=42,
    )
    model = SoftmaxGDClassifier(
        learning_rate=LEARNING_RATE, alpha=0, max_iter=300, tol=0, store_coef_history=True
    ).fit(X, y)
    accuracies = [float(np.mean(labels == y)) for labels in model.staged_predict(X)]
    # The first step goes from zero weights along the negative gradient.
    gradient = np.vstack([model.intercept_history_[1], model.coef_history_[1].T]) / -LEARNING_RATE
    print("gradient at zero weights, a column for each class")
    print_weights(gradient)
    print(f"\n{len(model.loss_history_)} losses and as many sets of weights were kept:\n")
    print(f"{'step':>5s} {'loss':>9s} {'accuracy':>9s}")
    for step in (0, *STEPS_SHOWN):
        print(f"{step:5d} {model.loss_history_[step]:9.6f} {accuracies[step]:9.1%}")
    print("\nweights after 300 steps, a column for each class")
    print_weights(np.vstack([model.intercept_, model.coef_.T]))
    print()
    return model, X, y


def print_weights(rows: Array) -> None:
    """Print weights (3, n_classes): a row for the bias, and one for each of two features."""
    for name, row in zip(("bias", "x1", "x2"), rows, strict=True):
        print(f"{name:>5s} " + " ".join(f"{weight:8.4f}" for weight in row))


def draw_digits(model: SoftmaxGDClassifier, output: Path) -> Path:
    """Draw the loss over the steps, and the weights of each digit as an image of 8 × 8 pixels."""
    figure = new_figure(9, 3.2)
    grid = figure.add_gridspec(1, 2, width_ratios=[1, 1.7])
    left, right = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
    LossCurveDisplay.from_estimator(model, ax=left.subplots()).ax_.set(ylim=(0, None), title="loss")
    size = np.abs(model.coef_).max()
    for digit, (ax, coef) in enumerate(zip(right.subplots(2, 5).flat, model.coef_, strict=True)):
        image = ax.imshow(coef.reshape(8, 8), cmap="PuOr_r", vmin=-size, vmax=size)
        ax.set(title=str(digit), xticks=[], yticks=[])
    right.suptitle("weight of each pixel, for each digit")
    right.colorbar(image, ax=right.axes, shrink=0.8)
    return save(figure, output / "digits.png")


def draw_lab(model: SoftmaxGDClassifier, X: Array, y: Array, output: Path) -> list[Path]:
    """Draw the lab's data, loss and weights; draw its decision regions as panels and animated."""
    names = ["x1", "x2"]
    training = new_figure(11, 3.4)
    data, loss, weights = training.subplots(1, 3, width_ratios=[1, 1, 1.3])
    draw_samples(data, X, y, model.classes_)
    data.set(title="data", xlabel="x1", ylabel="x2", aspect="equal")
    data.legend(title="class", frameon=False, fontsize=8)
    LossCurveDisplay.from_estimator(model, ax=loss).ax_.set(ylim=(0, None), title="loss")
    CoefPathDisplay.from_estimator(model, ax=weights, feature_names=names)
    weights.set_title("weights")
    weights.get_legend().set_loc("upper left")
    weights.get_legend().set_bbox_to_anchor((1.0, 1.0))
    regions = DecisionRegionsDisplay.from_estimator(
        model, X, y, iterations=STEPS_SHOWN, feature_names=names
    )
    moving = output / "lab_regions.gif"
    regions.animate(STEPS_MOVING).save(moving, writer="pillow", dpi=GIF_DPI)
    return [
        save(training, output / "lab_training.png"),
        save(regions.figure_, output / "lab_regions.png"),
        moving,
    ]


def save(figure: Figure, path: Path) -> Path:
    """Write the figure to a file and return its path."""
    figure.savefig(path, dpi=PNG_DPI)
    return path


if __name__ == "__main__":
    main()
