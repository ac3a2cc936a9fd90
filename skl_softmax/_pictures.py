"""What training looks like: loss, weights and decision regions, drawn on given axes.

Draws from arrays, so it knows no estimator; and imports no matplotlib, whose axes it is handed.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from skl_softmax._model import SoftmaxModel, row_per_class
from skl_softmax._rows import Array

# M. Okabe and K. Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/, in an order
# whose first ones also differ in print.
COLORS = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
MARKERS = ["s", "o", "^", "D", "v", "P", "X"]
LINE_STYLES = ["-", "--", ":", "-."]


def draw_samples(ax: Any, X: Array, y: Array, classes: Array) -> None:
    """Draw two features (n_samples, 2), a colour and a marker for each class."""
    for k, label in enumerate(classes):
        ax.scatter(
            *X[y == label].T,
            s=14,
            color=COLORS[k % len(COLORS)],
            marker=MARKERS[k % len(MARKERS)],
            edgecolors="white",
            linewidths=0.4,
            label=str(label),
        )


def draw_loss(ax: Any, losses: Array, *, label: str | None = None, color: str = COLORS[0]) -> None:
    """Draw the loss after each step (n_iter + 1,)."""
    ax.plot(losses, color=color, label=label)
    ax.set(xlabel="step", ylabel="loss [nats per sample]")
    ax.xaxis.get_major_locator().set_params(integer=True)
    ax.spines[["top", "right"]].set_visible(False)


def draw_weight_paths(
    ax: Any, coefs: Array, intercepts: Array, classes: Array, features: Sequence[str]
) -> None:
    """Draw every weight over the steps: a colour for each class, a line style for each feature.

    `coefs` is (n_iter + 1, n_outputs, n_features), `intercepts` (n_iter + 1, n_outputs).
    """
    paths = np.concatenate([intercepts[:, :, np.newaxis], coefs], axis=2)
    for k, label in enumerate(classes[-paths.shape[1] :]):
        for j, feature in enumerate(["intercept", *features]):
            ax.plot(
                paths[:, k, j],
                color=COLORS[k % len(COLORS)],
                linestyle=LINE_STYLES[j % len(LINE_STYLES)],
                label=f"class {label}, {feature}",
            )
    ax.set(xlabel="step", ylabel="weight")
    ax.spines[["top", "right"]].set_visible(False)


def draw_regions(
    ax: Any,
    model: SoftmaxModel,
    limits: tuple[float, float, float, float],
    *,
    resolution: int = 300,
) -> None:
    """Tint where each class of a model of two features is the most probable.

    With the lines (w_j - w_k) @ x + (b_j - b_k) = 0 on which two classes are equally probable;
    `limits` is (left, right, bottom, top).
    """
    left, right, bottom, top = limits
    x1, x2 = np.meshgrid(np.linspace(left, right, resolution), np.linspace(bottom, top, resolution))
    coef, intercept = row_per_class(model.coef, model.intercept)
    codes = SoftmaxModel(np.arange(len(coef)), coef, intercept).predict(
        np.column_stack([x1.ravel(), x2.ravel()])
    )
    tints = np.array(
        [[int(color[i : i + 2], 16) for i in (1, 3, 5)] for color in COLORS], dtype=float
    )
    tints = (0.3 * tints + 0.7 * 255).astype(np.uint8)
    ax.imshow(
        tints[codes.reshape(x1.shape) % len(tints)],
        extent=limits,
        origin="lower",
        interpolation="nearest",
    )
    for j, k in combinations(range(len(coef)), 2):
        normal, offset = coef[j] - coef[k], intercept[j] - intercept[k]
        if np.any(normal):
            x, y = -offset * normal / (normal @ normal)
            ax.axline(
                (x, y),
                (x - normal[1], y + normal[0]),
                color="0.35",
                linewidth=0.8,
                linestyle="--",
            )
    ax.set(xlim=(left, right), ylim=(bottom, top))
