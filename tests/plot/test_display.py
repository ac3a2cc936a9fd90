"""The curves, by the data behind the lines."""

import subprocess
import sys

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import (
    CoefDisplay,
    CoefPathDisplay,
    DecisionRegionsDisplay,
    LossCurveDisplay,
    SoftmaxGDClassifier,
)
from skl_softmax._plot.style import LINE_STYLES, class_colors, class_markers

draw_losses = LossCurveDisplay.from_estimator
draw_weights = CoefPathDisplay.from_estimator
draw_bars = CoefDisplay.from_estimator


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(scope="module")
def course(lab):
    return SoftmaxGDClassifier(
        learning_rate=0.5, alpha=0, max_iter=20, tol=0, store_coef_history=True
    ).fit(*lab)


@pytest.fixture(scope="module")
def auto(lab):
    return SoftmaxGDClassifier(alpha=0).fit(*lab)


def curves(display):
    return [(line.get_xdata(), line.get_ydata()) for line in display.lines_]


def test_loss_after_each_step(course):
    display = draw_losses(course, name="lab")
    ((steps, losses),) = curves(display)
    np.testing.assert_array_equal(steps, np.arange(21))
    np.testing.assert_array_equal(losses, course.loss_history_)
    assert display.ax_.get_xlabel() == "step"
    assert display.ax_.get_ylabel() == "loss [nats per sample]"
    assert display.ax_.get_yscale() == "linear"
    assert display.figure_ is display.ax_.figure
    assert [text.get_text() for text in display.ax_.get_legend().get_texts()] == ["lab"]
    assert draw_losses(course).ax_.get_legend() is None


def test_passes_over_the_data(auto):
    display = draw_losses(auto, x="passes", log=True)
    ((passes, _),) = curves(display)
    np.testing.assert_array_equal(passes, auto.passes_history_)
    assert auto.passes_history_.shape == auto.loss_history_.shape
    assert auto.passes_history_[0] >= 1
    assert (np.diff(auto.passes_history_) >= 1).all()
    assert auto.passes_history_[-1] <= auto.n_passes_
    assert display.ax_.get_yscale() == "log"


def test_excess_is_over_the_least_of_all(course, auto):
    display = LossCurveDisplay.from_estimators(
        {"course": course, "auto": auto}, what="excess", linewidth=3
    )
    least = auto.loss_history_.min()
    (_, slow), (_, fast) = curves(display)
    np.testing.assert_allclose(slow, course.loss_history_ - least)
    np.testing.assert_allclose(fast[:-1], auto.loss_history_[:-1] - least)
    assert np.isnan(fast[-1])  # nothing is left of it, and a logarithm would have no place for it
    assert display.ax_.get_yscale() == "log"
    assert display.ax_.get_ylabel() == "excess loss [nats per sample]"
    assert [line.get_linewidth() for line in display.lines_] == [3, 3]
    given = draw_losses(course, what="excess", optimum=0.1, log=False)
    np.testing.assert_allclose(curves(given)[0][1], course.loss_history_ - 0.1)


def test_the_axis_of_another_display_gets_curves_of_other_colors(course, auto):
    first = draw_losses(course, name="course")
    second = draw_losses(auto, name="auto", ax=first.ax_)
    assert second.ax_ is first.ax_
    assert len(first.ax_.lines) == 2
    assert first.lines_[0].get_color() != second.lines_[0].get_color()


def test_folds_of_a_cross_validation(lab):
    model = make_pipeline(StandardScaler(), SoftmaxGDClassifier())
    results = cross_validate(model, *lab, cv=3, return_estimator=True)
    display = LossCurveDisplay.from_cv_results(results)
    assert [line.get_label() for line in display.lines_] == ["fold 0", "fold 1", "fold 2"]
    for (_, losses), fold in zip(curves(display), results["estimator"], strict=True):
        np.testing.assert_array_equal(losses, fold[-1].loss_history_)
    search = GridSearchCV(model, {"softmaxgdclassifier__alpha": [0.1]}).fit(*lab)
    ((_, losses),) = curves(draw_losses(search))
    np.testing.assert_array_equal(losses, search.best_estimator_[-1].loss_history_)


def test_weights_after_each_step(course):
    display = draw_weights(course, feature_names=["x1", "x2"])
    assert display.lines_.shape == (3, 3)
    for k, j in np.ndindex(3, 3):
        path = course.coef_history_[:, k, j - 1] if j else course.intercept_history_[:, k]
        line = display.lines_[k, j]
        np.testing.assert_array_equal(line.get_ydata(), path)
        assert line.get_label() == f"{k}, {['intercept', 'x1', 'x2'][j]}"
        assert line.get_color() == display.lines_[k, 0].get_color()
        assert line.get_linestyle() == display.lines_[0, j].get_linestyle()
    assert len({line.get_color() for line in display.lines_[:, 0]}) == 3
    assert len({line.get_linestyle() for line in display.lines_[0]}) == 3
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["class", "0", "1", "2", "feature", "intercept", "x1", "x2"]


def test_weights_of_some_classes_and_features(iris):
    X, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X, names[y])
    display = draw_weights(
        make_pipeline(model).fit(X, names[y]),
        classes=["virginica", "setosa"],
        features=["petal width (cm)", 0, "intercept"],
    )
    assert list(display.classes) == ["virginica", "setosa"]
    assert display.features == ["petal width (cm)", "sepal length (cm)", "intercept"]
    np.testing.assert_array_equal(display.paths[:, 0, 0], model.coef_history_[:, 2, 3])
    np.testing.assert_array_equal(display.paths[:, 1, 1], model.coef_history_[:, 0, 0])
    np.testing.assert_array_equal(display.paths[:, 1, 2], model.intercept_history_[:, 0])


def test_the_weights_that_moved_most(rng):
    """Weights go up and come back: what counts is how far they went."""
    model = SoftmaxGDClassifier(store_coef_history=True).fit(rng.normal(size=(20, 6)), [0, 1] * 10)
    history = np.zeros((3, 1, 6))
    history[1, 0, 4], history[2, 0, 1], history[2, 0, 5] = -3.0, 1.0, 2.0
    model.coef_history_, model.intercept_history_ = history, np.zeros((3, 1))
    assert draw_weights(model, top=2).features == ["x4", "x5"]
    assert draw_weights(model, top=3).features == ["x1", "x4", "x5"]
    assert len(draw_weights(model, top=99).features) == 7


def test_weights_of_two_classes_are_the_second_ones(lab):
    X, y = lab
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X[y < 2], y[y < 2])
    display = draw_weights(model)
    assert display.classes == [1]
    np.testing.assert_array_equal(display.paths[:, 0, 1:], model.coef_history_[:, 0])


def test_no_intercept_has_no_path(lab):
    model = SoftmaxGDClassifier(fit_intercept=False, store_coef_history=True).fit(*lab)
    assert draw_weights(model).features == ["x0", "x1"]
    assert draw_weights(model, features=[1]).features == ["x1"]


def test_of_many_features_those_that_moved_most_are_drawn(rng):
    X, y = rng.normal(size=(40, 20)), np.arange(40) % 3
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
    some = draw_weights(model)
    assert some.features == draw_weights(model, top=6).features
    every = draw_weights(model, top=21)
    assert every.lines_.shape == (3, 21)
    texts = every.ax_.get_legend().get_texts()  # more features than line styles
    assert [text.get_text() for text in texts] == ["class", "0", "1", "2"]


def test_a_pipeline_names_the_features(iris):
    X, y = iris
    classifier = SoftmaxGDClassifier(store_coef_history=True)
    pipeline = make_pipeline(StandardScaler(), classifier).fit(X, y)
    assert draw_weights(pipeline).features == ["intercept", *X.columns]


def test_nested_estimators(lab):
    inner = GridSearchCV(SoftmaxGDClassifier(), {"alpha": [0.1]})
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), inner)).fit(*lab)
    ((_, losses),) = curves(draw_losses(nested))
    np.testing.assert_array_equal(losses, nested[-1][-1].best_estimator_.loss_history_)


def test_the_excess_of_a_fold_is_over_its_own_least(lab):
    model = SoftmaxGDClassifier()
    results = cross_validate(model, *lab, cv=3, return_estimator=True)
    display = LossCurveDisplay.from_cv_results(results, what="excess", log=False)
    for (_, excess), fold in zip(curves(display), results["estimator"], strict=True):
        np.testing.assert_allclose(excess, fold.loss_history_ - fold.loss_history_.min())


def test_a_fit_without_steps_is_a_point(lab):
    model = SoftmaxGDClassifier(warm_start=True, store_coef_history=True)
    assert model.fit(*lab).fit(*lab).n_iter_ == 0
    (line,) = draw_losses(model).lines_
    assert line.get_marker() == "o"
    for path in draw_weights(model).lines_.flat:
        assert path.get_marker() == "o"


def test_every_labelled_curve_is_in_the_legend(course, auto):
    first = draw_losses(course, name="course")
    draw_losses(auto, label="auto", ax=first.ax_)
    texts = [text.get_text() for text in first.ax_.get_legend().get_texts()]
    assert texts == ["course", "auto"]


@pytest.mark.parametrize(("n_classes", "n_shown"), [(30, 30), (60, 36)])
def test_a_long_legend_has_columns_and_an_end(rng, n_classes, n_shown):
    X, y = rng.normal(size=(240, 2)), np.arange(240) % n_classes
    model = SoftmaxGDClassifier(store_coef_history=True, max_iter=2, tol=0).fit(X, y)
    display = DecisionRegionsDisplay.from_estimator(model, X, y, iterations=(2,))
    texts = [text.get_text() for text in display.figure_.legends[0].get_texts()]
    assert len(texts) == n_shown
    assert texts[-1] == (str(n_classes - 1) if n_shown == n_classes else "…")
    assert display.figure_.legends[0]._ncols == -(-n_shown // 12)


def test_displays_draw_on_given_axes_without_touching_the_current_ones(course):
    figure, (left, right) = plt.subplots(1, 2)
    plt.sca(right)
    assert draw_losses(course, ax=left).ax_ is left
    assert draw_weights(course, ax=left).figure_ is figure
    assert plt.gca() is right
    plt.close(figure)


def test_pyplot_shows_what_was_drawn_once(course, lab):
    for draw in (draw_losses, draw_weights, DecisionRegionsDisplay.from_estimator, draw_bars):
        plt.close("all")
        display = draw(course, *(lab if "Regions" in str(draw) else ()))
        assert [plt.figure(number) for number in plt.get_fignums()] == [display.figure_]
        assert not hasattr(display, "_repr_html_")  # or a notebook would show it twice
    part, _ = Figure().subfigures(1, 2)
    plt.close("all")
    assert draw_losses(course, ax=part.subplots()).figure_ is part
    assert plt.get_fignums() == []


def test_the_largest_weights_of_each_class(iris):
    X, y = iris
    model = make_pipeline(StandardScaler(), SoftmaxGDClassifier()).fit(X, y)
    display = draw_bars(model, top=3, hatch="/")
    for panel, bars, label, weights in zip(
        display.axes_, display.bars_, range(3), model[-1].coef_, strict=True
    ):
        largest = np.sort(weights[np.abs(weights) >= np.sort(np.abs(weights))[-3]])
        np.testing.assert_array_equal([bar.get_width() for bar in bars], largest)
        names = [text.get_text() for text in panel.get_yticklabels()]
        assert names == [X.columns[list(weights).index(weight)] for weight in largest]
        assert panel.get_title() == f"class {label}"
        assert bars[0].get_hatch() == "/"
    two = draw_bars(SoftmaxGDClassifier().fit(X[y < 2], y[y < 2]))
    assert two.axes_[0].get_title() == "class 1"
    given = plt.figure().subplots()
    assert draw_bars(model, classes=[2], ax=given).axes_.tolist() == [given]


def test_weights_of_zero_have_no_bar(lab):
    display = draw_bars(SoftmaxGDClassifier(alpha=10.0, l1_ratio=1.0).fit(*lab))
    assert [len(bars) for bars in display.bars_] == [0, 0, 0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"top": 0}, "top must be an int, 1 or more, got 0"),
        ({"classes": [7]}, "no class 7 to draw"),
        ({"classes": []}, "no class to draw"),
        ({"feature_names": ["x1"]}, "1 names for 2 features"),
        ({"ax": Figure().subplots()}, "3 matplotlib Axes, one a panel, got 1"),
    ],
)
def test_bars_that_cannot_be_drawn(course, options, message):
    with pytest.raises(ValueError, match=message):
        draw_bars(course, **options)
    assert plt.get_fignums() == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"x": "time"}, "x must be 'iteration' or 'passes', got 'time'"),
        ({"what": "gap"}, "what must be 'loss' or 'excess', got 'gap'"),
        ({"what": "excess", "optimum": 9.0}, "no more than the least loss"),
        ({"ax": "left"}, "one matplotlib Axes, got 1: str"),
    ],
)
def test_losses_that_cannot_be_drawn(course, options, message):
    with pytest.raises(ValueError, match=message):
        draw_losses(course, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": [3]}, r"no class 3 to draw: \[0, 1, 2\]"),
        ({"classes": 1}, "one dimension"),
        ({"features": ["x9"]}, "x0, x1"),
        ({"features": [2]}, "from 0 to 1"),
        ({"features": [-1]}, "no feature -1"),
        ({"features": []}, "no feature to"),
        ({"features": "x0"}, "a sequence"),
        ({"top": 0}, "1 or more, got 0"),
        ({"top": 1.5}, "an int, 1 or more"),
        ({"feature_names": ["a"]}, "1 names for 2 features"),
        ({"feature_names": ["a", "a"]}, "the same name"),
        ({"ax": [1]}, "one matplotlib Axes"),
    ],
)
def test_weights_that_cannot_be_drawn(course, options, message):
    with pytest.raises(ValueError, match=message):
        draw_weights(course, **options)


def test_what_is_no_fitted_estimator_cannot_be_drawn():
    with pytest.raises(ValueError, match="no estimator"):
        LossCurveDisplay.from_estimators([])
    with pytest.raises(ValueError, match="return_estimator=True"):
        LossCurveDisplay.from_cv_results({})
    with pytest.raises(NotFittedError, match="not fitted"):
        draw_losses(SoftmaxGDClassifier())
    with pytest.raises(TypeError, match="got LogisticRegression"):
        draw_losses(LogisticRegression().fit([[0], [1]], [0, 1]))


def test_weights_that_were_not_kept_cannot_be_drawn(auto):
    with pytest.raises(AttributeError, match="store_coef_history=True"):
        draw_weights(auto)


def test_classes_stay_apart():
    """By colour and marker, and the first seven by colour alone, also in print."""
    marks = list(zip(class_colors(90), class_markers(90), strict=True))
    assert len(set(marks)) == 90
    assert len(set(class_colors(21))) == 21
    assert len(set(map(str, LINE_STYLES))) == len(LINE_STYLES)
    grey = sorted(np.dot(to_rgb(color), [0.299, 0.587, 0.114]) for color in class_colors(3))
    assert np.diff(grey).min() > 0.05


def test_matplotlib_is_imported_only_to_draw():
    code = "import sys, skl_softmax.__main__; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_matplotlib_the_extra_is_named(course, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"skl_softmax\[plot\]"):
        draw_losses(course)
