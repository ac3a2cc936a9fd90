"""Paths over alpha: each fit is the one that would be had alone."""

import re
from itertools import islice

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import scale
from threadpoolctl import threadpool_limits

from skl_softmax import CoefPathDisplay, SoftmaxGDClassifier, SoftmaxPath, softmax_path
from skl_softmax._data.parameters import check_parameters
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.matrix_descent import matrix_descent
from skl_softmax._descent.steps import Newtonian, start
from skl_softmax._engines.protocol import Samples
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.path import _moved, prepare
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.task import Task
from skl_softmax._model import SoftmaxModel

X, y = load_iris(return_X_y=True)
DATA = {
    "iris": (X, y),
    "wine": load_wine(return_X_y=True),
    "breast cancer": load_breast_cancer(return_X_y=True),
}


@pytest.fixture
def wide(rng):
    """Wider than long; of 600 features five tell something."""
    X = rng.normal(size=(60, 600))
    return X, (X[:, :5] @ rng.normal(size=(5, 3))).argmax(axis=1)


def assert_same_as_alone(path, X, y, sample_weight=None, **params):
    for i in (0, 1, len(path.alphas) // 2, len(path.alphas) - 1):
        alone = SoftmaxGDClassifier(alpha=path.alphas[i], tol=1e-16, **params)
        alone.fit(X, y, sample_weight)
        assert path.losses[i] == pytest.approx(alone.loss_, abs=1e-10)
        model = SoftmaxModel(path.classes, path.coefs[i], path.intercepts[i])
        np.testing.assert_allclose(model.predict_proba(X), alone.predict_proba(X), atol=1e-5)
        if params.get("l1_ratio"):
            np.testing.assert_array_equal(path.coefs[i] != 0, alone.coef_ != 0)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", DATA)
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_every_fit_is_the_one_alone(name, l1_ratio, layout):
    X, y = DATA[name]
    path = softmax_path(layout(X), y, n_alphas=12, l1_ratio=l1_ratio, tol=1e-16)
    assert_same_as_alone(path, X, y, l1_ratio=l1_ratio)
    assert path.coefs.shape == (12, *SoftmaxGDClassifier(max_iter=1, tol=0).fit(X, y).coef_.shape)
    np.testing.assert_array_equal(path.alphas, np.sort(path.alphas)[::-1])
    last, scales = 1e-4, X.std(axis=0)
    scales = scales[scales > 0]
    if scales.min() < 1e-3 * scales.max():  # on to what matters for the least
        classes = np.eye(y.max() + 1)[y] - 1 / (y.max() + 1)
        slopes = np.abs(classes.T @ (X - X.mean(axis=0)) / len(y)).max(axis=0)[X.std(axis=0) > 0]
        power = min(1.0, scales.min()) if l1_ratio < 1.0 else 1.0
        last *= (slopes / scales).max() * scales.min() * power / slopes.max()
    np.testing.assert_allclose(np.diff(np.log(path.alphas)), np.log(last) / 11)
    assert np.all(np.diff(path.losses) < 0)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.8])
def test_wide_data(wide, l1_ratio):
    X, y = wide
    path = softmax_path(X, y, n_alphas=10, eps=1e-2, l1_ratio=l1_ratio, tol=1e-16)
    assert_same_as_alone(path, X, y, l1_ratio=l1_ratio)


def test_weights_classes_and_no_intercept(rng):
    weights = rng.integers(1, 4, len(y))
    params = {"fit_intercept": False, "class_weight": {0: 2.0, 1: 0.5}, "l1_ratio": 0.3}
    path = softmax_path(X, y, n_alphas=5, sample_weight=weights, tol=1e-16, **params)
    assert_same_as_alone(path, X, y, weights, **params)
    assert not path.intercepts.any()


@pytest.mark.parametrize("l1_ratio", [1.0, 0.25, 0.1])
@pytest.mark.parametrize("name", DATA)
def test_it_begins_where_all_weights_are_zero(name, l1_ratio):
    X, y = DATA[name]
    path = softmax_path(scale(X), y, n_alphas=2, eps=0.999, l1_ratio=l1_ratio, tol=1e-20)
    assert not path.coefs[0].any()
    assert path.coefs[1].any()
    assert path.alphas[1] == 0.999 * path.alphas[0]


def test_without_an_l1_penalty_it_begins_where_a_tenth_of_it_would():
    ridge, tenth = (softmax_path(X, y, n_alphas=1, l1_ratio=r).alphas[0] for r in (0.0, 0.1))
    assert ridge == tenth


def test_the_first_alpha_of_wide_data_is_that_of_any(wide):
    """In the row space it is measured through combinations of rows."""
    X, y = wide
    by_rows, by_columns = (softmax_path(X, y, n_alphas=1, l1_ratio=r).alphas[0] for r in (0, 0.1))
    assert by_rows == pytest.approx(by_columns, rel=1e-9)


def test_given_alphas_are_sorted_and_may_end_at_zero():
    overlapping = X[:, 1:2]
    path = softmax_path(overlapping, y, alphas=[0.0, 0.1, 1e-3, 0.1], l1_ratio=0.5, tol=1e-16)
    np.testing.assert_array_equal(path.alphas, [0.1, 0.1, 1e-3, 0.0])
    np.testing.assert_array_equal(path.coefs[1], path.coefs[0])
    assert path.n_iters[1] == 0
    alone = SoftmaxGDClassifier(alpha=0, tol=1e-16).fit(overlapping, y)
    assert path.losses[-1] == pytest.approx(alone.loss_, abs=1e-10)


def test_names_and_labels():
    frame = load_wine(as_frame=True)
    path = softmax_path(frame.data, np.array(["a", "b", "c"])[frame.target], n_alphas=2)
    assert isinstance(path, SoftmaxPath)
    assert path.feature_names.tolist() == list(frame.data.columns)
    assert path.classes.tolist() == ["a", "b", "c"]
    assert softmax_path(X, y, n_alphas=1).feature_names is None


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_neighbours_share_what_they_know(l1_ratio, monkeypatch):
    """A path takes fewer passes than its fits alone; models are handed on."""
    X, y = load_digits(return_X_y=True)
    passes = []
    for name in ("sum", "reduce"):
        reduce = getattr(Rows, name)
        monkeypatch.setattr(
            Rows, name, lambda *args, f=reduce, **kw: passes.append(1) or f(*args, **kw)
        )
    path = softmax_path(X, y, n_alphas=30, l1_ratio=l1_ratio, tol=1e-4)
    together = len(passes)
    alone = [
        SoftmaxGDClassifier(alpha=alpha, l1_ratio=l1_ratio).fit(X, y).n_passes_
        for alpha in path.alphas
    ]
    assert together < 0.5 * sum(alone)


@pytest.mark.parametrize("l1_ratio", [0.0, 0.6])
def test_a_state_moves_to_another_alpha_without_a_pass(l1_ratio):
    samples = Samples(X, y, np.full(150, 1 / 150))
    model = SoftmaxGDClassifier(l1_ratio=l1_ratio)
    with Workers() as workers:
        problem, state = prepare(check_parameters(model), samples, 3, workers)
        after = problem.with_alpha(0.01)
        *_, state = auto_descent(
            problem.with_alpha(0.1).objective, _moved(state, problem, problem), target=1e-8
        )
        n_passes = problem.n_passes
        moved = _moved(state, problem.with_alpha(0.1), after)
        assert problem.n_passes == n_passes
        loss, gradient = after.objective.value_and_gradient(state.params)
    assert moved.loss == pytest.approx(loss, rel=1e-13)
    np.testing.assert_allclose(moved.gradient, gradient, atol=1e-15)
    assert moved.iteration == 0


def test_a_state_with_unknown_derivatives_is_looked_at_again():
    with Workers() as workers:
        model = SoftmaxGDClassifier(l1_ratio=1.0)
        model.classes_ = np.arange(3)
        samples = Samples(X, y, np.full(150, 1 / 150))
        problem, state = prepare(check_parameters(model), samples, 3, workers)
        unknown = state._replace(gradient=np.full_like(state.gradient, np.nan), n_passes=7)
        moved = _moved(unknown, problem, problem.with_alpha(0.1))
    np.testing.assert_allclose(moved.gradient, state.gradient, atol=1e-15)
    assert moved.n_passes == 7


def test_a_model_of_before_is_used_first():
    """Where a state has one, none is measured before the first step."""
    with Workers() as workers:
        task = Task(X, y, np.full(150, 1 / 150), 3, 0.1, True)
        problem = StandardizedProblem(task, workers)
        measured = []

        class Kind:
            is_hessian = False

            def measure(self, params):
                measured.append(params)
                return lambda gradient: gradient

            def cost(self, params):
                return 1.0

            def patience(self, params):
                return 100

        state = start(problem.objective, np.zeros(problem.objective.shape))
        list(islice(matrix_descent(problem.objective, [state], [Kind()], Newtonian()), 2))
        assert len(measured) == 1
        known = state._replace(model=lambda gradient: gradient)
        list(islice(matrix_descent(problem.objective, [known], [Kind()], Newtonian()), 2))
        assert len(measured) == 1


def test_one_warning_for_all():
    with pytest.warns(ConvergenceWarning) as seen:
        softmax_path(X, y, n_alphas=4, max_iter=1, tol=1e-20)
    assert len(seen) == 1
    assert re.match(
        r"4 of 4 fits did not end as they should, the first of them at alpha=[\d.]+\. Not"
        " converged: after max_iter=1 steps",
        str(seen[0].message),
    )
    assert seen[0].filename == __file__


def test_a_fit_that_ended_on_some_features_is_gone_on_from(wide):
    """Its derivatives for the others are not known: the next one looks at all."""
    X, y = wide
    with pytest.warns(ConvergenceWarning):
        path = softmax_path(X, y, n_alphas=3, l1_ratio=1.0, max_iter=2)
    assert np.isfinite(path.losses).all()
    assert np.all(np.diff(path.losses) < 0)


@pytest.mark.parametrize("l1_ratio", [0.0, 1.0])
def test_equal_bits_for_any_number_of_threads(rng, l1_ratio):
    X = rng.normal(size=(20_000, 20))
    y = (X[:, :3] + rng.gumbel(size=(20_000, 3))).argmax(axis=1)
    paths = []
    for n_threads in (1, 2):
        with threadpool_limits(n_threads):
            paths.append(softmax_path(X, y, n_alphas=5, l1_ratio=l1_ratio).coefs)
    np.testing.assert_array_equal(*paths)


BAD = [
    ({"alphas": []}, ValueError, "alphas must be None or a sequence of finite numbers >= 0, one"),
    ({"alphas": [[0.1]]}, ValueError, "alphas must be None or a sequence"),
    ({"alphas": 0.1}, ValueError, "alphas must be None or a sequence"),
    ({"alphas": [0.1, -1e-9]}, ValueError, "alphas must be None or a sequence of finite numbers"),
    ({"alphas": [np.nan]}, ValueError, "alphas must be None or a sequence of finite numbers"),
    ({"alphas": [1.0, np.inf]}, ValueError, "alphas must be None or a sequence of finite numbers"),
    ({"alphas": ["a"]}, ValueError, "alphas must be None or a sequence of finite numbers"),
    ({"alphas": object()}, TypeError, "alphas must be None or a sequence of finite numbers"),
    ({"n_alphas": 0}, ValueError, "n_alphas must be an integer >= 1, got 0"),
    ({"n_alphas": 2.0}, TypeError, "n_alphas must be an integer >= 1, got 2.0"),
    ({"eps": 0.0}, ValueError, "eps must be a number between 0 and 1, got 0.0"),
    ({"eps": 1.0}, ValueError, "eps must be a number between 0 and 1, got 1.0"),
    ({"l1_ratio": 1.1}, ValueError, "l1_ratio must be a number from 0 to 1, got 1.1"),
    ({"l1_ratio": -0.1}, ValueError, "l1_ratio must be a number from 0 to 1, got -0.1"),
    ({"tol": -1.0}, ValueError, "tol must be a finite number >= 0"),
    ({"max_iter": 0}, ValueError, "max_iter must be an integer >= 1"),
    ({"class_weight": "equal"}, ValueError, "class_weight must be"),
    ({"sample_weight": [1.0]}, ValueError, "sample_weight must be"),
]


@pytest.mark.parametrize(("params", "error", "message"), BAD)
def test_bad_input(params, error, message):
    with pytest.raises(error, match=re.escape(message)):
        softmax_path(X, y, **params)


def test_bad_samples():
    with pytest.raises(ValueError, match="No feature has a part in telling the classes apart"):
        softmax_path(np.ones((6, 2)), [0, 1, 2] * 2)
    with pytest.raises(ValueError, match="one class"):
        softmax_path(X, np.zeros(150))
    with pytest.raises(ValueError, match="NaN"):
        softmax_path(np.where(X > 7, np.nan, X), y)


class TestPicture:
    path = softmax_path(*load_wine(return_X_y=True), n_alphas=8, l1_ratio=1.0)

    def test_what_is_drawn(self):
        display = CoefPathDisplay.from_path(self.path)
        used = self.path.coefs.any(axis=(0, 1))
        assert display.lines_.shape == (3, np.count_nonzero(used))
        for k, j in np.ndindex(display.lines_.shape):
            drawn = display.lines_[k, j].get_xydata()
            expected = self.path.coefs[:, k, np.flatnonzero(used)[j]]
            np.testing.assert_array_equal(drawn, np.column_stack([self.path.alphas, expected]))
        assert display.ax_.get_xscale() == "log"
        assert display.ax_.get_xlim() == (self.path.alphas[-1], self.path.alphas[0])
        np.testing.assert_array_equal(
            display.n_used, [np.count_nonzero(coef.any(axis=0)) for coef in self.path.coefs]
        )
        (upper,) = display.ax_.child_axes
        display.figure_.canvas.draw()
        texts = [label.get_text() for label in upper.get_xticklabels()]
        assert texts[0] == "0"
        assert texts[-1] == str(display.n_used[-1])

    def test_chosen(self):
        display = CoefPathDisplay.from_path(
            self.path, classes=[2], features=["x12", "x0"], color="red"
        )
        assert display.classes == [2]
        assert display.features == ["x12", "x0"]
        assert display.lines_[0, 0].get_color() == "red"
        moved = np.ptp(self.path.coefs, axis=0).max(axis=0)
        top = CoefPathDisplay.from_path(self.path, top=2).features
        assert top == [f"x{j}" for j in np.sort(np.argsort(-moved)[:2])]

    def test_of_many_features_a_hundred(self, rng):
        X = rng.normal(size=(30, 300))
        path = softmax_path(X, np.arange(30) % 3, n_alphas=3)
        assert len(CoefPathDisplay.from_path(path).features) == 100
        assert len(CoefPathDisplay.from_path(path, top=120).features) == 120

    def test_two_classes_names_axes_and_a_single_alpha(self):
        import matplotlib.pyplot as plt

        frame = load_breast_cancer(as_frame=True)
        path = softmax_path(frame.data, frame.target, alphas=[0.1], l1_ratio=0.5)
        _, ax = plt.subplots()
        display = CoefPathDisplay.from_path(path, ax=ax)
        assert display.ax_ is ax
        assert display.classes == [1]
        assert set(display.features) <= set(frame.data.columns)
        plt.close("all")

    def test_none_in_use(self):
        path = softmax_path(X, y, n_alphas=1, l1_ratio=1.0)
        assert len(CoefPathDisplay.from_path(path).features) == 1

    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"classes": [7]}, "There is no class 7"),
            ({"features": ["x99"]}, "x99"),
            ({"features": ["intercept"]}, "intercept"),
            ({"features": []}, "no feature"),
            ({"top": 0}, "top must be"),
            ({"feature_names": ["a"]}, "feature_names"),
        ],
    )
    def test_errors(self, params, message):
        with pytest.raises(ValueError, match=message):
            CoefPathDisplay.from_path(self.path, **params)

    def test_what_is_no_path(self):
        with pytest.raises(TypeError, match="must be what softmax_path returned, got DataFrame"):
            CoefPathDisplay.from_path(pd.DataFrame())

    def test_zero_stands_at_the_end(self):
        path = softmax_path(X, y, alphas=[0.1, 0.01, 0.0], max_iter=20, tol=0)
        display = CoefPathDisplay.from_path(path)
        for line in display.lines_.ravel():
            np.testing.assert_allclose(line.get_xdata(), [0.1, 0.01, 10**-2.5])
        assert display.ax_.get_xlim() == pytest.approx((10**-2.5, 0.1))
        assert [text.get_text() for text in display.ax_.get_xticklabels(minor=True)] == ["0"]
        display.figure_.canvas.draw()
