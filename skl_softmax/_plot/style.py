"""How the pictures look: colours, markers, lines, legends, and the figures to draw on.

Knows arrays and axes, no estimator. matplotlib is imported only when a figure is made.

References
----------
M. Okabe and K. Ito, "Color Universal Design", 2008, https://jfly.uni-koeln.de/color/.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from skl_softmax._arrays import Array

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure
    from matplotlib.lines import Line2D
    from matplotlib.typing import ColorType, LineStyleType

# Keyword arguments handed on to matplotlib, which checks them itself: each has another type.
Options: TypeAlias = dict[str, Any]

# Okabe and Ito's colours, in an order whose first ones also differ in grey print.
OKABE_ITO = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000"]
# Lighter and darker colours, 21 in all with the base colours; chosen by eye to look different.
LIGHTER_SHARE = 0.45  # share of white in a lighter colour
DARKER_FACTOR = 0.6  # brightness of a darker colour, relative to its base colour
DARK_GREY_SHARE = 0.75  # share of white in the grey that stands in for a darker black
MARKERS = ["s", "o", "^", "D", "v", "P", "X"]
LINE_STYLES: list[LineStyleType] = ["-", "--", ":", "-.", (0, (5, 2, 1, 2, 1, 2)), (0, (2, 5))]
# A sample's marker, area [points²] and edge [points]: 250 samples in a panel can be told apart.
SAMPLE: Options = {"s": 18, "edgecolors": "white", "linewidths": 0.4}
# Entries in a column of a legend: twelve small ones are about as high as a panel.
MAX_LEGEND_ROWS = 12
MAX_LEGEND_ENTRIES = 36  # three columns; more would leave too little room for the axes
LEGEND: Options = {"framealpha": 0.8}  # opacity of the frame: lines behind it are still seen
PNG_DPI = 150  # pixels per inch of a picture in a notebook: sharp on a screen of high resolution
CSS_DPI = 96  # pixels per inch that a browser lays out, by the definition of CSS


def class_colors(n_classes: int) -> list[ColorType]:
    """Return a colour for each class: seven, then lighter and darker ones, then repeated."""
    base = np.array([[int(hex_[i : i + 2], 16) / 255 for i in (1, 3, 5)] for hex_ in OKABE_ITO])
    black = base[-1:]
    darker = np.concatenate([DARKER_FACTOR * base[:-1], lighter(black, DARK_GREY_SHARE)])
    palette = np.concatenate([base, lighter(base, LIGHTER_SHARE), darker])
    return [tuple(palette[k % len(palette)]) for k in range(n_classes)]


def class_markers(n_classes: int) -> list[str]:
    """Return a marker for each class: where colours are repeated, the markers differ."""
    n = len(MARKERS)
    return [MARKERS[(k + k // n) % n] for k in range(n_classes)]


def class_marks(classes: Array) -> Iterator[tuple[object, Options]]:
    """Yield each class with its colour and its marker."""
    n_classes = len(classes)
    marks = zip(class_colors(n_classes), class_markers(n_classes), strict=True)
    for label, (color, marker) in zip(classes, marks, strict=True):
        yield label, {"color": color, "marker": marker}


def lighter(colors: Array, share: float) -> Array:
    """Mix colours (…, 3) with a share of white from 0 to 1."""
    return np.asarray((1.0 - share) * colors + share)


def draw_samples(ax: Axes, X: Array, y: Array, classes: Array) -> None:
    """Draw samples X (n_samples, 2) with the colour and the marker of their class y."""
    for label, mark in class_marks(classes):
        x1, x2 = X[y == label].T
        ax.scatter(x1, x2, label=str(label), **mark, **SAMPLE)


def draw_line(ax: Axes, x: Array, y: Array, **options: Any) -> Line2D:
    """Draw y over x as a line; a single point gets a marker, without which it is not visible."""
    if len(x) == 1:
        options = {"marker": "o", **options}
    (line,) = ax.plot(x, y, **options)
    return line


def class_legend(owner: Axes | Figure | SubFigure, classes: Array, **options: object) -> None:
    """Give a figure or axes a legend of the classes, drawn as their samples are."""
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], linestyle="none", **mark) for _, mark in class_marks(classes)]
    add_legend(owner, handles, [str(label) for label in classes], title="class", **options)


def add_legend(
    owner: Axes | Figure | SubFigure, handles: Sequence[Artist], texts: list[str], **options: Any
) -> None:
    """Give a figure or axes a legend in several columns if needed; very many entries are cut."""
    if len(handles) > MAX_LEGEND_ENTRIES:
        handles = handles[:MAX_LEGEND_ENTRIES]
        texts = [*texts[: MAX_LEGEND_ENTRIES - 1], "…"]
    size = "medium" if len(handles) <= MAX_LEGEND_ROWS // 2 else "small"
    shape: Options = {"ncols": legend_columns(len(handles)), "fontsize": size}
    owner.legend(handles, texts, **shape, **LEGEND, **options)


def legend_columns(n_entries: int) -> int:
    """Return how many columns a legend of so many entries has."""
    return -(-n_entries // MAX_LEGEND_ROWS)


def new_figure(width: float, height: float) -> Figure:
    """Return a figure of a size in inches that pyplot does not manage: its display owns it.

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


def check_axes(ax: object, n_axes: int) -> Array:
    """Return the given axes as an array, if they are matplotlib Axes, at least `n_axes` of them."""
    axes = np.atleast_1d(np.asarray(ax, dtype=object)).ravel()
    if len(axes) < n_axes or not all(hasattr(each, "imshow") for each in axes):
        needed = "one matplotlib Axes" if n_axes == 1 else f"{n_axes} matplotlib Axes, one a panel"
        raise ValueError(f"ax must be {needed}, got {len(axes)}: {type(ax).__name__}.")
    return axes


def clear_spines(ax: Axes) -> None:
    """Keep the left and the lower edge of the axes only; label steps with whole numbers."""
    from matplotlib.ticker import MaxNLocator

    ax.spines[["top", "right"]].set_visible(False)
    if ax.get_xscale() == "linear":
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, steps=[1, 2, 5, 10]))


def places_of_alphas(alphas: Array) -> Array:
    """Where strengths of the penalty stand on a logarithmic axis, zero at its end.

    Zero stands half a decade below the power of ten that is next below the least other strength.
    """
    least = alphas[alphas > 0.0].min() if alphas.any() else 1.0
    return np.where(alphas > 0.0, alphas, 10.0 ** (np.floor(np.log10(least)) - 0.5))


def set_alpha_axis(ax: Axes, alphas: Array) -> None:
    """Make the horizontal axis a logarithmic one of alpha, labelled at powers of ten, if any.

    A zero among the alphas gets a label of its own, where `places_of_alphas` puts it.
    """
    from matplotlib.ticker import NullFormatter

    ax.set(xscale="log", xlabel="alpha")
    places = places_of_alphas(alphas)
    if not alphas.all():
        ax.set_xticks([places.min()], ["0"], minor=True)
    elif np.floor(np.log10(alphas.max())) > np.ceil(np.log10(alphas.min())) - 1:
        ax.xaxis.set_minor_formatter(NullFormatter())


class Drawn:
    """A display that keeps its figure, and that a notebook shows where a cell ends with it."""

    ax_: Axes  # where there is one only
    figure_: Figure  # or a SubFigure, if the given axes are in one

    def _take_axes(self, ax: object, width: float, height: float) -> Axes:
        """Return the given axes, or new ones in a figure of a size in inches; store both."""
        first = check_axes(new_figure(width, height).subplots() if ax is None else ax, 1)[0]
        self.ax_, self.figure_ = first, first.figure
        clear_spines(self.ax_)
        return self.ax_

    def _repr_html_(self) -> str | None:
        if not hasattr(self, "figure_"):
            return None
        png = BytesIO()
        figure = self.figure_.figure  # a subfigure cannot be saved alone
        figure.savefig(png, format="png", dpi=PNG_DPI)
        width = round(CSS_DPI * figure.get_figwidth())
        data = b64encode(png.getvalue()).decode()
        return f'<img src="data:image/png;base64,{data}" style="width: {width}px; max-width: 100%">'
