"""The pictures, by the data behind what is drawn."""

import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._model import SoftmaxModel
from skl_softmax._pictures import draw_loss, draw_regions, draw_samples, draw_weight_paths


@pytest.fixture
def ax():
    return Figure().subplots()


@pytest.fixture(scope="module")
def model(lab):
    return SoftmaxGDClassifier(
        learning_rate=0.5, alpha=0, max_iter=20, tol=0, store_coef_history=True
    ).fit(*lab)


def test_loss(ax, model):
    draw_loss(ax, model.loss_history_, label="lab")
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), np.arange(21))
    np.testing.assert_array_equal(line.get_ydata(), model.loss_history_)


def test_weight_paths(ax, model):
    draw_weight_paths(
        ax, model.coef_history_, model.intercept_history_, model.classes_, ["x1", "x2"]
    )
    lines = {line.get_label(): line for line in ax.lines}
    assert len(lines) == 9
    np.testing.assert_array_equal(lines["class 1, x2"].get_ydata(), model.coef_history_[:, 1, 1])
    np.testing.assert_array_equal(
        lines["class 2, intercept"].get_ydata(), model.intercept_history_[:, 2]
    )
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.lines}
    assert len(styles) == 9
    assert lines["class 1, x1"].get_color() == lines["class 1, x2"].get_color()
    assert lines["class 1, x1"].get_linestyle() == lines["class 2, x1"].get_linestyle()


def test_weight_paths_of_two_classes_are_the_second_ones(ax, lab):
    X, y = lab
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X[y < 2], y[y < 2])
    draw_weight_paths(
        ax, model.coef_history_, model.intercept_history_, model.classes_, ["x1", "x2"]
    )
    assert [line.get_label()[:7] for line in ax.lines] == ["class 1"] * 3


def test_samples(ax, lab):
    draw_samples(ax, *lab, np.arange(3))
    for k, points in enumerate(ax.collections):
        np.testing.assert_array_equal(points.get_offsets(), lab[0][lab[1] == k])
        assert points.get_label() == str(k)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_regions(ax, lab, n_classes):
    X, y = lab
    fitted = SoftmaxGDClassifier(alpha=1e-2).fit(X[y < n_classes], y[y < n_classes])
    model = SoftmaxModel(fitted.classes_, fitted.coef_, fitted.intercept_)
    draw_regions(ax, model, (-1.0, 2.0, -0.5, 1.5), resolution=50)
    (image,) = ax.images
    tints = image.get_array()
    assert image.get_extent() == [-1.0, 2.0, -0.5, 1.5]
    # The image's corners have the colours of the classes predicted there, and no two share one.
    corners = {
        (0, 0): (-1.0, -0.5),
        (0, -1): (2.0, -0.5),
        (-1, 0): (-1.0, 1.5),
        (-1, -1): (2.0, 1.5),
    }
    predicted = {at: fitted.predict([point])[0] for at, point in corners.items()}
    colors = {at: tuple(tints[at]) for at in corners}
    assert len(set(predicted.values())) == len(set(colors.values())) == n_classes
    assert len(set(zip(predicted.values(), colors.values(), strict=True))) == n_classes
    # On a boundary, two classes are equally probable.
    assert len(ax.lines) == n_classes * (n_classes - 1) // 2
    proba = fitted.predict_proba([line.get_xy1() for line in ax.lines])
    pairs = [(0, 1), (0, 2), (1, 2)][: len(ax.lines)]
    for row, (j, k) in zip(proba, pairs, strict=True):
        assert row[j] == pytest.approx(row[k], rel=1e-9)


def test_untrained_weights_have_no_boundary(ax):
    draw_regions(ax, SoftmaxModel(np.arange(3), np.zeros((3, 2)), np.zeros(3)), (0, 1, 0, 1))
    assert not ax.lines


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, skl_softmax.__main__; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
