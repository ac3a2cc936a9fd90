"""The forest plot, by the data behind the points and intervals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

from skl_softmax import ForestDisplay, SoftmaxGDClassifier, coefficient_table
from skl_softmax._plot.style import class_colors


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(400, 3)), columns=["age", "size", "mass"])
    logits = X.to_numpy() @ rng.normal(size=(3, 3)) + rng.gumbel(size=(400, 3))
    y = np.array(["ash", "birch", "cedar"])[logits.argmax(axis=1)]
    return coefficient_table(SoftmaxGDClassifier(alpha=0).fit(X, y), X, y, reference="birch")


def intervals(bars):
    """The points, and the ends of the intervals of a class."""
    (segments,) = (lines.get_segments() for lines in bars[2])
    return bars[0].get_xdata(), [segment[:, 0] for segment in segments]


@pytest.mark.parametrize("odds_ratio", [True, False])
def test_points_and_intervals(odds_ratio, table):
    display = table.plot(odds_ratio=odds_ratio)
    form = np.exp if odds_ratio else np.asarray
    assert isinstance(display, ForestDisplay)
    assert display.features == ["age", "size", "mass"]
    assert display.classes == ["ash", "cedar"]
    for k, bars in enumerate(display.errorbars_):
        points, ends = intervals(bars)
        np.testing.assert_allclose(points, form(table.estimate[k, :3]))
        bounds = np.stack([table.lower[k, :3], table.upper[k, :3]], axis=-1)
        np.testing.assert_allclose(ends, form(bounds))
        assert bars[0].get_color() == class_colors(2)[k]
    ax = display.ax_
    assert ax.get_xscale() == ("log" if odds_ratio else "linear")
    assert ax.get_xlabel().startswith("odds ratio" if odds_ratio else "coefficient")
    assert display.zero_line_.get_xdata()[0] == form(0.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["age", "size", "mass"]
    assert ax.yaxis_inverted()
    legend = [text.get_text() for text in ax.get_legend().get_texts()]
    assert legend == ["ash", "cedar"]
    display.figure_.canvas.draw()
    assert sum(bool(label.get_text()) for label in ax.get_xticklabels()) >= 2


def test_some_classes_and_features(table):
    display = ForestDisplay.from_table(
        table, classes=["cedar"], features=["intercept", 0], odds_ratio=False, capsize=3
    )
    assert (display.classes, display.features) == (["cedar"], ["intercept", "age"])
    points, _ = intervals(display.errorbars_[0])
    np.testing.assert_allclose(points, table.estimate[1, [3, 0]])
    assert display.ax_.get_legend() is None
    with pytest.raises(ValueError, match="There is no class 'oak' to draw"):
        table.plot(classes=["oak"])
    with pytest.raises(ValueError, match="There is no feature 'height'"):
        table.plot(features=["height"])
    with pytest.raises(ValueError, match="no class or no feature to draw"):
        table.plot(classes=[])
    with pytest.raises(TypeError, match="must be what coefficient_table returned, got int"):
        ForestDisplay.from_table(3)


def test_given_axes_and_narrow_or_wide_ratios(table):
    figure, axes = plt.subplots(1, 2)
    display = table.plot(ax=axes[0])
    assert display.figure_ is figure
    plt.close(figure)
    for factor, at_least in ((1e-3, 3), (3.0, 2)):
        display = ForestDisplay(
            estimate=factor * table.estimate[:, :3],
            lower=factor * table.lower[:, :3],
            upper=factor * table.upper[:, :3],
            classes=table.classes,
            features=table.terms[:3],
        ).plot()
        low, high = display.ax_.get_xlim()
        ticks = display.ax_.get_xticks()
        assert ((ticks >= low) & (ticks <= high)).sum() >= at_least
    with pytest.raises(ValueError, match="ax must be one matplotlib Axes"):
        table.plot(ax=3)
