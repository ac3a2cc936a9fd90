"""The regions, by the data behind what is drawn."""

import pickle
import tracemalloc

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    OneHotEncoder,
    PolynomialFeatures,
    StandardScaler,
)

from skl_softmax import DecisionRegionsDisplay, SoftmaxGDClassifier
from skl_softmax._plot.style import class_colors, lighter

draw_regions = DecisionRegionsDisplay.from_estimator
STEPS = 1, 5, 20


@pytest.fixture(scope="module")
def course(lab):
    return SoftmaxGDClassifier(
        learning_rate=0.5, alpha=0, max_iter=20, tol=0, store_coef_history=True
    ).fit(*lab)


@pytest.fixture
def iris_plane():
    X, y = load_iris(return_X_y=True, as_frame=True)
    X = X.iloc[:, 2:]
    return X, y, SoftmaxGDClassifier(store_coef_history=True).fit(X, y)


def grid(display, resolution):
    left, right, bottom, top = display.limits
    x1, x2 = np.meshgrid(np.linspace(left, right, resolution), np.linspace(bottom, top, resolution))
    return np.column_stack([x1.ravel(), x2.ravel()])


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_tint_is_the_predicted_class(lab, n_classes):
    X, y = lab
    X, y = X[y < n_classes], y[y < n_classes]
    model = SoftmaxGDClassifier(alpha=1e-2, store_coef_history=True, max_iter=6, tol=0).fit(X, y)
    display = draw_regions(model, X, y, iterations=(1, 3), grid_resolution=30)
    tints = lighter(np.array(class_colors(n_classes)), 0.7)
    stages = list(model.staged_predict(grid(display, 30)))
    for image, step in zip(display.images_, (1, 3), strict=True):
        expected = tints[stages[step]].reshape(30, 30, 3)
        np.testing.assert_allclose(np.asarray(image.get_array()), expected)
        assert image.origin == "lower"
        left, right, bottom, top = image.get_extent()  # half a pixel around the grid
        np.testing.assert_allclose((left + (right - left) / 60), display.limits[0])
        np.testing.assert_allclose((top - (top - bottom) / 60), display.limits[3])


def test_panels_show_steps_and_samples(course, lab):
    X, y = lab
    display = draw_regions(course, X, y, iterations=STEPS)
    accuracies = [np.mean(labels == y) for labels in course.staged_predict(X)]
    assert [ax.get_title() for ax in display.axes_] == [
        f"step {step}: accuracy {accuracies[step]:.1%}" for step in STEPS
    ]
    for ax in display.axes_:
        for k, points in enumerate(ax.collections[-3:]):
            np.testing.assert_array_equal(points.get_offsets(), X[y == k])
        assert ax.get_xlim() == display.axes_[0].get_xlim() == display.limits[:2]
    left, right, bottom, top = display.limits
    assert left < X[:, 0].min() < X[:, 0].max() < right
    assert bottom < X[:, 1].min() < X[:, 1].max() < top
    (legend,) = display.figure_.legends
    assert [text.get_text() for text in legend.get_texts()] == ["0", "1", "2"]


def test_probabilities_mix_the_colors(course, lab):
    display = draw_regions(
        course, lab[0], iterations=None, response_method="predict_proba", grid_resolution=20
    )
    mixed = course.predict_proba(grid(display, 20)) @ np.array(class_colors(3))
    (image,) = display.images_
    expected = lighter(mixed, 0.55).reshape(20, 20, 3)
    np.testing.assert_allclose(np.asarray(image.get_array()), expected)
    assert [ax.get_title() for ax in display.axes_] == ["step 20"]
    assert len(display.axes_[0].collections) == 3  # the boundaries; no samples without y


def test_on_boundaries_two_classes_are_equally_probable(course, lab):
    display = draw_regions(course, *lab, iterations=(20,))
    pairs = []
    for contour in display.boundaries_[0]:
        points = np.concatenate([path.vertices for path in contour.get_paths()])
        logits = course.decision_function(points)
        differences = [
            np.abs(logits[:, j] - logits[:, k]).max() for j, k in ((0, 1), (0, 2), (1, 2))
        ]
        pairs.append(int(np.argmin(differences)))
        assert min(differences) < 1e-9
    assert sorted(pairs) == [0, 1, 2]


def test_of_many_classes_only_the_lines_between_the_leading_two_are_drawn(rng):
    angles = np.arange(8) * np.pi / 4
    y = np.arange(400) % 8
    X = 5.0 * np.column_stack([np.cos(angles[y]), np.sin(angles[y])]) + rng.normal(size=(400, 2))
    model = SoftmaxGDClassifier(alpha=1e-2).fit(X, y)
    display = draw_regions(model, X, y, iterations=None)
    step = (display.limits[1] - display.limits[0]) / 199
    for contour in display.boundaries_[0]:
        points = np.concatenate([path.vertices for path in contour.get_paths()])
        logits = np.sort(model.decision_function(points), axis=1)
        # Of those that lead, up to the grid: a class may overtake within a pixel or two.
        slack = 3 * step * np.abs(model.coef_).max() * 2
        assert (logits[:, -1] - logits[:, -2] < slack).all()
    assert 8 <= len(display.boundaries_[0]) < 28


def test_boundaries_are_left_out_where_there_are_none_or_none_wanted(course, lab):
    untrained = draw_regions(course, *lab, iterations=(0,))
    assert untrained.boundaries_ == [[]]
    without = draw_regions(course, *lab, boundaries=False)
    assert without.boundaries_ == [[], [], []]


def test_without_weights_no_class_leads(course, lab):
    display = draw_regions(course, *lab, iterations=(0,))
    assert (np.asarray(display.images_[0].get_array()) == 1.0).all()


def test_columns_in_another_order_are_refused(iris_plane):
    X, y, model = iris_plane
    with pytest.raises(ValueError, match="feature names"):
        draw_regions(model, X[X.columns[::-1]], y)


def test_many_features_need_little_memory(rng):
    X, y = rng.normal(size=(30, 20_000)), np.arange(30) % 3
    model = SoftmaxGDClassifier().fit(X, y)
    tracemalloc.start()
    display = draw_regions(model, X, y, iterations=None, features=[3, 7], grid_resolution=50)
    added = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert added < 4 * X.nbytes  # the grid alone would have 2500 rows
    points = np.tile(X.mean(axis=0), (2, 1))
    points[:, [3, 7]] = grid(display, 50)[[0, -1]]
    np.testing.assert_allclose(
        display.logits[0].reshape(3, -1)[:, [0, -1]].T, model.decision_function(points), atol=1e-9
    )


def test_axes_left_over_are_switched_off(course, lab):
    axes = Figure().subplots(1, 4)
    display = draw_regions(course, *lab, ax=axes, legend=False)
    assert len(display.axes_) == 3  # steps 1, 5, 20
    assert not axes[3].axison
    assert axes[2].get_legend() is None


def test_units_are_as_long_on_both_axes_where_the_ranges_are_alike(course, lab):
    X, y = lab
    (ax,) = draw_regions(course, X, y, iterations=(1,)).axes_
    assert ax.get_aspect() == 1.0
    stretched = SoftmaxGDClassifier().fit(X * [1.0, 50.0], y)
    (ax,) = draw_regions(stretched, X * [1.0, 50.0], y, iterations=None).axes_
    assert ax.get_aspect() == "auto"


def test_steps_beyond_the_last_mean_the_last(course, lab):
    display = draw_regions(course, lab[0])  # 1, 5, 30, 300
    assert [ax.get_title() for ax in display.axes_] == ["step 1", "step 5", "step 20"]


def test_the_final_model_needs_no_history(lab):
    model = SoftmaxGDClassifier(alpha=1e-2).fit(*lab)
    display = draw_regions(model, *lab)
    assert draw_regions(model, *lab, iterations=None).titles == display.titles
    assert display.titles == [f"step {model.n_iter_}: accuracy {model.score(*lab):.1%}"]
    with pytest.raises(AttributeError, match="store_coef_history=True"):
        draw_regions(model, *lab, iterations=(1, 5))
    with pytest.raises(AttributeError, match="store_coef_history=True"):
        display.animate()


def test_other_features_are_held_at_their_mean():
    X, y = load_iris(return_X_y=True, as_frame=True)
    pipeline = make_pipeline(
        StandardScaler(), PolynomialFeatures(2), SoftmaxGDClassifier(store_coef_history=True)
    ).fit(X, y)
    display = draw_regions(
        pipeline, X, y, iterations=None, features=["petal width (cm)", 0], grid_resolution=15
    )
    points = np.tile(X.mean(), (225, 1))
    points[:, [3, 0]] = grid(display, 15)
    logits = pipeline.decision_function(pd.DataFrame(points, columns=X.columns))
    np.testing.assert_allclose(display.logits[0].reshape(3, -1).T, logits, atol=1e-9)
    assert display.labels == ("petal width (cm)", "sepal length (cm)")
    assert display.figure_.get_supxlabel() == "(the other features at their mean)"
    np.testing.assert_array_equal(display.X, X.iloc[:, [3, 0]])
    as_array = make_pipeline(SoftmaxGDClassifier()).fit(X.to_numpy(), y)
    named = draw_regions(
        as_array, X.to_numpy(), iterations=None, features=["b", "d"], feature_names=list("abcd")
    )
    assert named.labels[1] == "d"


def test_pipelines_in_pipelines_transform_in_turn(lab):
    X, y = lab
    inner = make_pipeline(PolynomialFeatures(2), SoftmaxGDClassifier())
    nested = make_pipeline(StandardScaler(), inner).fit(X, y)
    display = draw_regions(nested, X, y, iterations=None, grid_resolution=5)
    logits = nested.decision_function(grid(display, 5))
    np.testing.assert_allclose(display.logits[0].reshape(3, -1).T, logits, atol=1e-9)


def test_other_features_that_are_no_numbers_are_held_at_the_most_frequent(rng):
    X = pd.DataFrame({"a": rng.normal(size=60), "b": rng.normal(size=60)})
    X["town"] = pd.Series(["Ulm", "Bonn", "Bonn"] * 20)
    encode = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    pipeline = make_pipeline(encode, SoftmaxGDClassifier()).fit(X, np.arange(60) % 3)
    display = draw_regions(pipeline, X, iterations=None, features=["a", "b"], grid_resolution=4)
    points = pd.DataFrame(grid(display, 4), columns=["a", "b"]).assign(town="Bonn")
    logits = pipeline.decision_function(points)
    np.testing.assert_allclose(display.logits[0].reshape(3, -1).T, logits, atol=1e-9)


FRAMES = {
    "pandas": pd.DataFrame,
    "pandas, nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas, objects": lambda columns: pd.DataFrame(columns, dtype=object),
    "polars": pl.DataFrame,
    "array": lambda columns: np.array([*columns.values()], dtype=object).T,
}


def as_floats(X):
    values = np.asarray(X, dtype=object)
    return np.where(pd.isna(values), np.nan, values).astype(float)


def as_texts(X):
    values = np.asarray(X, dtype=object)
    return np.where(pd.isna(values), "", values)


@pytest.mark.parametrize("frame", FRAMES)
@pytest.mark.parametrize("is_missing", [False, True])
@pytest.mark.parametrize("label_shape", [(-1,), (-1, 1)])
def test_whatever_a_pipeline_takes_is_drawn(frame, is_missing, label_shape):
    """Integers, floats, truths and towns, some missing, in frames of all kinds."""
    X, y = load_iris(return_X_y=True)
    missing = np.arange(150) % 10 == 3 if is_missing else np.zeros(150, bool)

    def column(values):
        return [None if gone else value for value, gone in zip(values, missing, strict=True)]

    columns = {
        "a": column((10 * X[:, 0]).astype(int).tolist()),
        "b": column(X[:, 1].tolist()),
        "c": column((X[:, 2] > 4).tolist()),
        "town": column(np.array(["Ulm", "Bonn", "Bonn"])[np.arange(150) % 3].tolist()),
    }
    names = [0, 1, 2, 3] if frame == "array" else list(columns)
    numbers = make_pipeline(FunctionTransformer(as_floats), SimpleImputer())
    texts = make_pipeline(FunctionTransformer(as_texts), OneHotEncoder())
    prepare = make_column_transformer((numbers, names[:3]), (texts, names[3:]))
    samples = FRAMES[frame](columns)
    pipeline = make_pipeline(prepare, SoftmaxGDClassifier()).fit(samples, y)
    options = {"iterations": None, "grid_resolution": 6, "features": names[:2]}
    display = draw_regions(pipeline, samples, y.reshape(label_shape), **options)
    assert display.labels == (("x0", "x1") if frame == "array" else ("a", "b"))
    points, kept = pd.DataFrame(grid(display, 6), columns=["a", "b"]), ~missing
    held = np.mean((X[:, 2] > 4)[kept])
    if frame in ("pandas, objects", "array") or (frame == "pandas" and is_missing):
        held = held > 0.5  # in a column of objects, the most frequent
    points = points.assign(c=held, town="Bonn")
    points = points.to_numpy(dtype=object) if frame == "array" else points
    logits = pipeline.decision_function(points)
    np.testing.assert_allclose(display.logits[0].reshape(3, -1).T, logits, atol=1e-9)
    low, high = display.X[kept].min(axis=0), display.X[kept].max(axis=0)
    assert display.limits[0] < low[0] < high[0] < display.limits[1]
    assert np.isnan(display.X[missing]).all()
    assert f"{pipeline.score(samples, y):.1%}" in display.titles[0]
    display.figure_.canvas.draw()


def test_a_feature_without_any_number_is_not_drawn():
    X = np.column_stack([np.arange(6.0), np.full(6, np.nan), np.arange(6) % 4])
    pipeline = make_pipeline(SimpleImputer(keep_empty_features=True), SoftmaxGDClassifier())
    pipeline.fit(X, np.arange(6) % 2)
    with pytest.raises(ValueError, match="must have finite numbers"):
        draw_regions(pipeline, X, iterations=None, features=[0, 1])
    draw_regions(pipeline, X, iterations=None, features=[0, 2])


def test_without_a_history_the_final_weights_are_offered(lab):
    model = SoftmaxGDClassifier().fit(*lab)
    with pytest.raises(AttributeError, match=r"store_coef_history=True, or .*iterations=None\)"):
        draw_regions(model, *lab, iterations=(1, 2))
    assert len(draw_regions(model, *lab).axes_) == 1


def test_given_axes_are_drawn_on(course, lab):
    figure = Figure()
    axes = figure.subplots(1, 3)
    display = draw_regions(course, *lab, iterations=STEPS, ax=axes)
    assert list(display.axes_) == list(axes)
    assert display.figure_ is figure
    assert axes[2].get_legend() is not None
    single = draw_regions(course, *lab, iterations=None, ax=Figure().subplots())
    assert len(single.axes_) == 1


def test_the_animation_shows_every_frame(course, lab):
    display = draw_regions(course, *lab, grid_resolution=20)
    animation = display.animate((0, 7, 20), interval=50)
    regions, curve = animation._fig.axes
    for step in (0, 7, 20):
        animation._func(step)
        assert regions.get_title().startswith(f"step {step}: accuracy")
        expected = display._tints(display.frames.logits(step))
        np.testing.assert_allclose(np.asarray(regions.images[0].get_array()), expected)
        past = curve.lines[1]
        np.testing.assert_array_equal(past.get_ydata(), course.loss_history_[: step + 1])
        assert len(regions.collections) == 3 + 3 * (step > 0)  # samples, and lines of this frame
    assert animation._fig.number in plt.get_fignums()
    assert animation._repr_html_().count("data:image/png") == 3
    assert animation._fig.number not in plt.get_fignums()  # a notebook shows it once


def test_the_animation_is_saved(course, lab, tmp_path):
    animation = draw_regions(course, *lab, grid_resolution=20).animate()
    animation.save(tmp_path / "training.gif", writer="pillow", dpi=30)
    assert (tmp_path / "training.gif").read_bytes().startswith(b"GIF8")
    steps = list(animation.new_frame_seq())
    assert steps[0] == 0
    assert steps[-1] == 20
    assert steps == sorted(set(steps))


def test_a_display_is_pickled(course, lab):
    display = draw_regions(course, *lab, grid_resolution=5)
    again = pickle.loads(pickle.dumps(display))
    np.testing.assert_array_equal(again.logits, display.logits)
    np.testing.assert_array_equal(again.frames.logits(3), display.frames.logits(3))


def test_nothing_is_fitted_again(course, lab, monkeypatch):
    monkeypatch.setattr(SoftmaxGDClassifier, "fit", None)
    draw_regions(course, *lab, grid_resolution=5)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"iterations": ()}, ValueError, "numbers of steps, 0 or more, 'auto' or None"),
        ({"iterations": (-1,)}, ValueError, r"got \(-1,\)"),
        ({"iterations": "all"}, ValueError, "'auto' or None, got 'all'"),
        ({"iterations": 5}, ValueError, "a sequence of numbers of steps"),
        ({"iterations": [1.5]}, ValueError, "a sequence of numbers of steps"),
        ({"features": "x0"}, ValueError, "sequence of names or numbers, got 'x0'"),
        ({"X": np.zeros((0, 2))}, ValueError, "at least one, got shape"),
        ({"X": np.zeros((9, 3)), "features": [0, 1]}, ValueError, "2 features"),
        ({"y": ["0"] * 250}, ValueError, "no class '0' to draw"),
        ({"y": np.zeros((250, 2))}, ValueError, "one dimension, got 2"),
        ({"features": [0]}, ValueError, "two different ones, got"),
        ({"features": [1, 1]}, ValueError, "two different ones, got"),
        ({"features": ["x0", "x7"]}, ValueError, "no feature 'x7'"),
        ({"response_method": "score"}, ValueError, "'predict' or 'predict_proba', got 'score'"),
        ({"grid_resolution": 1}, ValueError, "an int, 2 or more, got 1"),
        ({"ax": Figure().subplots()}, ValueError, "3 matplotlib Axes, one a panel, got 1"),
        ({"y": [0, 1]}, ValueError, "2 labels for 250 samples"),
        ({"y": [7] * 250}, ValueError, "no class 7 to draw"),
        ({"X": np.zeros(3)}, ValueError, "samples in rows"),
        ({"X": np.zeros((3, 4))}, ValueError, "4 features: name the two"),
        ({"X": sparse.csr_array(np.eye(2))}, TypeError, "dense X"),
    ],
)
def test_what_cannot_be_drawn_is_said(course, lab, options, error, message):
    arguments = {"X": lab[0], "y": lab[1]} | options
    if "X" in options:
        arguments["y"] = None
    with pytest.raises(error, match=message):
        draw_regions(course, **arguments)
