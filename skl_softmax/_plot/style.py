"""How the pictures look: colours, markers and lines that stay apart, and the figures to draw on.

Knows arrays and axes, no estimator. Colours are those of M. Okabe and K. Ito, "Color Universal
Design", 2008, https://jfly.uni-koeln.de/color/. matplotlib is imported when a figure is made.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import Any

import numpy as np

from skl_softmax._arrays import Array

# In an order whose first ones also differ in print.
OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
MARKERS = ["s", "o", "^", "D", "v", "P", "X"]
LINE_STYLES: list[Any] = ["-", "--", ":", "-.", (0, (5, 2, 1, 2, 1, 2)), (0, (2, 5))]
LONGEST_LEGEND = 12  # lines of a column
MOST_ENTRIES = 36


def class_colors(n_classes: int) -> list[tuple[float, float, float]]:
    """A colour for each class: after seven, lighter and darker ones; then the same again."""
    base = np.array([[int(hex_[i : i + 2], 16) / 255 for i in (1, 3, 5)] for hex_ in OKABE_ITO])
    darker = np.concatenate([0.6 * base[:-1], lighter(base[-1:], 0.75)])  # black gets no darker
    palette = np.concatenate([base, lighter(base, 0.45), darker])
    return [tuple(palette[k % len(palette)]) for k in range(n_classes)]


def class_markers(n_classes: int) -> list[str]:
    """A marker for each class: where colours come again, the markers are others."""
    n = len(MARKERS)
    return [MARKERS[(k + k // n) % n] for k in range(n_classes)]


def draw_samples(ax: Any, X: Array, y: Array, classes: Array) -> None:
    """Draw two features (n_samples, 2), a colour and a marker for each class."""
    for label, mark in class_marks(classes):
        ax.scatter(*X[y == label].T, s=18, edgecolors="white", linewidths=0.4, **mark)


def class_marks(classes: Array) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Each class with what makes it known: colour, marker and label."""
    n_classes = len(classes)
    for label, color, marker in zip(
        classes, class_colors(n_classes), class_markers(n_classes), strict=True
    ):
        yield label, {"color": color, "marker": marker, "label": str(label)}


def class_legend(owner: Any, classes: Array, **options: Any) -> None:
    """Give a figure or axes a legend of the classes."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="none", **mark) for _, mark in class_marks(classes)]
    add_legend(owner, handles, [str(label) for label in classes], title="class", **options)


def add_legend(owner: Any, handles: list[Any], texts: list[str], **options: Any) -> None:
    """Give a figure or axes a legend in as many columns as it takes; of very many, the first."""
    if len(handles) > MOST_ENTRIES:
        handles, texts = handles[:MOST_ENTRIES], [*texts[: MOST_ENTRIES - 1], "…"]
    n_columns = -(-len(handles) // LONGEST_LEGEND)
    size = "medium" if len(handles) <= LONGEST_LEGEND // 2 else "small"
    owner.legend(handles, texts, ncols=n_columns, fontsize=size, **options)


def lighter(colors: Array, share: float) -> Array:
    """Colours (…, 3) mixed with a share of white."""
    return np.asarray((1.0 - share) * colors + share)


def new_figure(width: float, height: float) -> Any:
    """A figure, in inches, that belongs to its display alone: pyplot does not know it.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError(
            'Displays need matplotlib: python -m pip install "skl_softmax[plot]"'
        ) from error
    return Figure(figsize=(width, height), layout="constrained")


def clear_spines(ax: Any) -> None:
    """Leave the axes' left and lower edges only, with whole numbers along the steps."""
    from matplotlib.ticker import MaxNLocator

    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def thin_log_labels(ax: Any, values: Array) -> None:
    """Label only powers of ten along a logarithmic axis of these values, if there are any."""
    from matplotlib.ticker import NullFormatter

    if np.floor(np.log10(values.max())) > np.ceil(np.log10(values.min())) - 1:
        ax.xaxis.set_minor_formatter(NullFormatter())


def point_marker(steps: Sequence[int] | Array) -> dict[str, Any]:
    """What makes a line of a single point visible."""
    return {"marker": "o"} if len(steps) == 1 else {}


class Drawn:
    """A display that a notebook shows, once it is drawn, where a cell ends with it."""

    figure_: Any

    def _repr_html_(self) -> str | None:
        if not hasattr(self, "figure_"):
            return None
        png = BytesIO()
        self.figure_.savefig(png, format="png", dpi=150)
        width = round(96 * self.figure_.get_figwidth())
        data = b64encode(png.getvalue()).decode()
        return f'<img src="data:image/png;base64,{data}" style="width: {width}px; max-width: 100%">'
