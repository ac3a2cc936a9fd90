"""The estimator's own behaviour: histories, when it stops and what it says, warm starts, labels."""

import math
import pickle
import re
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.dtypes import StringDType
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs
from sklearn.exceptions import ConvergenceWarning

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, __all__, textbook
from skl_softmax._data.labels import encode_labels
from skl_softmax._engines import rows as _rows

BELOW = r"With a learning rate below (\S+) "


def rate_below(caught):
    """The learning rate that the only warning guarantees."""
    (warning,) = caught
    return float(re.search(BELOW, str(warning.message))[1])


def draw(rng):
    """Samples (30, 3) and labels of two classes or three, hard to tell apart."""
    y = np.arange(30) % rng.integers(2, 4)
    return rng.normal(size=(30, 3)) * rng.uniform(0.5, 5.0, 3) + 0.2 * y[:, np.newaxis], y


def does_not_warn(*_, **__):
    return nullcontext()


@pytest.fixture(scope="module")
def wine():
    return load_wine(return_X_y=True)


def test_public_names():
    assert __all__ == sorted(__all__)


class TestHistories:
    @pytest.mark.parametrize("learning_rate", ["auto", 0.1])
    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_shapes_and_ends(self, lab, learning_rate, n_classes):
        X, y = lab
        X, y = X[y < n_classes], y[y < n_classes]
        model = SoftmaxGDClassifier(
            learning_rate=learning_rate, max_iter=7, tol=0, store_coef_history=True
        ).fit(X, y)
        n_outputs = 1 if n_classes == 2 else n_classes
        assert model.n_iter_ == 7
        assert model.loss_history_.shape == (8,)
        assert model.coef_history_.shape == (8, n_outputs, 2)
        assert model.intercept_history_.shape == (8, n_outputs)
        np.testing.assert_array_equal(model.coef_history_[0], 0.0)
        np.testing.assert_array_equal(model.coef_history_[-1], model.coef_)
        np.testing.assert_array_equal(model.intercept_history_[-1], model.intercept_)
        assert model.loss_ == model.loss_history_[-1]
        assert model.loss_history_[0] == pytest.approx(math.log(n_classes))
        for method in ("predict", "predict_proba", "decision_function"):
            stages = list(getattr(model, f"staged_{method}")(X))
            assert len(stages) == 8
            np.testing.assert_array_equal(stages[-1], getattr(model, method)(X))

    def test_the_loss_is_the_objective(self, wine):
        X, y = wine
        model = SoftmaxGDClassifier(alpha=0.1).fit(X, y)
        X1 = np.column_stack([np.ones(len(X)), X])
        W = np.column_stack([model.intercept_, model.coef_]).T
        expected = textbook.cross_entropy(X1, np.eye(3)[y], W) + 0.05 * (model.coef_**2).sum()
        assert model.loss_ == pytest.approx(expected, abs=1e-12)

    def test_only_the_last_fit_counts(self, lab):
        model = SoftmaxGDClassifier(store_coef_history=True).fit(*lab)
        model.set_params(store_coef_history=False).fit(*lab)
        assert not hasattr(model, "coef_history_")
        with pytest.raises(AttributeError, match="store_coef_history=True"):
            model.staged_predict(lab[0])

    def test_wide_data(self, rng):
        X, y = rng.normal(size=(20, 300)), np.arange(20) % 3
        model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
        assert model.coef_history_.shape == (model.n_iter_ + 1, 3, 300)
        np.testing.assert_array_equal(model.coef_history_[-1], model.coef_)
        np.testing.assert_array_equal(next(model.staged_predict_proba(X)), np.full((20, 3), 1 / 3))


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("coef_history_", "store_coef_history=True"),
        ("intercept_history_", "store_coef_history=True"),
        ("validation_loss_history_", "early_stopping=True"),
        ("gap_", "gap_tol"),
    ],
)
def test_what_only_some_fits_have(lab, name, condition):
    for model in (SoftmaxGDClassifier(), SoftmaxGDClassifier().fit(*lab)):
        assert not hasattr(model, name)
        with pytest.raises(
            AttributeError, match=f"SoftmaxGDClassifier has {name} only.*{condition}"
        ):
            getattr(model, name)
        assert pickle.loads(pickle.dumps(clone(model))).get_params() == model.get_params()
    parameters = {"early_stopping": True, "store_coef_history": True, "gap_tol": 0.1}
    model = SoftmaxGDClassifier(random_state=0, **parameters).fit(*lab)
    assert getattr(model, name) is vars(model)[name]
    mean = SoftmaxGDClassifierCV(alphas=[0.1], refit=False).fit(*lab)
    with pytest.raises(AttributeError, match=r"has best_estimator_ only if .* refit=True"):
        _ = mean.best_estimator_


class TestStopping:
    def test_tol_is_what_is_left_of_the_null_loss(self, wine):
        """In whatever units, and whatever the number of classes."""
        X, y = wine
        y = np.where(np.arange(len(y)) % 3, y, np.arange(len(y)) // 3 % 3)  # with a minimum
        exact = SoftmaxGDClassifier(alpha=0, tol=1e-14).fit(X, y)
        n_iters = []
        for tol in (1e-1, 1e-2, 1e-3, 1e-5):
            for scaled in (X, 1e-6 * X + 1.0):
                model = SoftmaxGDClassifier(alpha=0, tol=tol).fit(scaled, y)
                assert (model.converged_, model.stop_reason_) == (True, "tol")
                assert model.loss_ - exact.loss_ <= tol * np.log(3)
                n_iters.append(model.n_iter_)
        assert n_iters == sorted(n_iters)
        assert n_iters[0] < n_iters[-1]

    @pytest.mark.parametrize("fit_intercept", [True, False])
    def test_a_constant_step_stops_by_the_same_tol(self, lab, fit_intercept):
        X, y = lab[0] * [1.0, 3.0] + 1.0, lab[1]
        params = {"alpha": 1e-3, "fit_intercept": fit_intercept}
        exact = SoftmaxGDClassifier(tol=1e-14, **params).fit(X, y)
        for tol in (1e-1, 1e-2, 1e-3):
            model = SoftmaxGDClassifier(learning_rate=0.1, tol=tol, max_iter=50_000, **params)
            model.fit(X, y)
            assert (model.converged_, model.stop_reason_) == (True, "tol")
            left = (model.loss_history_ - exact.loss_) / np.log(3)
            assert left[-1] <= 1.01 * tol
            assert left[-2] > 0.99 * tol  # and not before

    def test_tol_zero_takes_every_step_without_a_warning(self, lab):
        model = SoftmaxGDClassifier(learning_rate=0.5, max_iter=40, tol=0).fit(*lab)
        assert model.n_iter_ == 40
        assert (model.converged_, model.stop_reason_) == (False, "max_iter")

    @given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 1e-4]), st.sampled_from([0.0, 0.5]))
    @settings(max_examples=20)
    def test_a_constant_rate_says_once_whether_the_loss_rose(self, seed, tol, l1_ratio):
        """Below the rate that is named it never rises, from any weights; data are drawn."""
        rng = np.random.default_rng(seed)
        X, y = draw(rng)
        params = {"alpha": 0.01, "l1_ratio": l1_ratio, "tol": tol, "max_iter": 20}
        model = SoftmaxGDClassifier(learning_rate=1e3, **params)
        with pytest.warns(ConvergenceWarning) as caught:
            model.fit(X, y)
        safe = rate_below(caught)
        rises = np.diff(model.loss_history_)
        most = f"at {(rises > 0).sum()} of 20 steps, most at step {rises.argmax() + 1}, by"
        assert str(caught[0].message).startswith(f"The loss rose {most} {rises.max():.3g} to ")
        assert "lower the learning rate. With" in str(caught[0].message)  # and no "Raise max_iter"
        model.set_params(learning_rate=safe, tol=0, warm_start=True)
        for size in (1e-3, 1.0, 100.0):
            model.coef_ = size * rng.normal(size=model.coef_.shape)
            model.fit(X, y)  # warnings are errors
            assert np.diff(model.loss_history_).max() <= 1e-12 * model.loss_history_[0]

    def test_a_rise_beside_other_news(self, lab):
        """After a rise the loss fell as far as ever; there is no minimum; early stopping."""
        iris = load_iris(return_X_y=True)
        for data, params, message in (
            (lab, {"learning_rate": 10.0}, "rose at 1 of 50 .*Raise max_iter or tol"),
            (iris, {"alpha": 0}, "rose at 1 of 1 .*No minimum"),
            (
                iris,
                {"early_stopping": True, "random_state": 0},
                "rose at 5 of 10 steps.*rate. With",
            ),
            (lab, {"learning_rate": 10.0, "gap_tol": 1e-9}, "rose at 1 of 50 .*Raise max_iter or"),
        ):
            with pytest.warns(ConvergenceWarning, match=message):
                SoftmaxGDClassifier(**{"learning_rate": 1e3, "max_iter": 50, **params}).fit(*data)
        SoftmaxGDClassifier(learning_rate=20, max_iter=500).fit(*lab)  # it rose, and converged
        with pytest.warns(ConvergenceWarning) as caught:
            SoftmaxGDClassifier(learning_rate=5.0, max_iter=50).fit(*lab)
        assert "rose" not in str(caught[0].message)  # above the rate that is safe
        assert rate_below(caught) == 3.15

    def test_auto_ends_where_the_loss_can_fall_no_further(self, lab):
        model = SoftmaxGDClassifier(alpha=1e-2, tol=0, max_iter=10_000).fit(*lab)
        assert model.n_iter_ < 100
        assert (model.converged_, model.stop_reason_) == (True, "precision")

    def test_max_iter_warns_with_numbers(self, wine):
        with pytest.warns(ConvergenceWarning) as caught:
            model = SoftmaxGDClassifier(max_iter=2).fit(*wine)
        (warning,) = caught
        assert "max_iter=2" in str(warning.message)
        assert "tol=0.0001" in str(warning.message)
        assert warning.filename == __file__
        assert (model.converged_, model.n_iter_) == (False, 2)

    @pytest.mark.parametrize("n_classes", [2, 3])
    @pytest.mark.parametrize("fit_intercept", [True, False])
    @pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
    def test_the_largest_safe_learning_rate(self, wine, n_classes, fit_intercept, layout):
        """2/L, rounded down, against the eigenvalues of a dense matrix."""
        X, y = wine
        X, y = X[y < n_classes], y[y < n_classes]
        X1 = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
        largest = np.linalg.eigvalsh(X1.T @ X1 / len(X))[-1]
        safe = 2 / ((0.25 if n_classes == 2 else 0.5) * largest + 0.1)
        with pytest.warns(ConvergenceWarning, match=BELOW) as caught:
            SoftmaxGDClassifier(
                learning_rate=1e-12, max_iter=1, alpha=0.1, fit_intercept=fit_intercept
            ).fit(layout(X), y)
        assert 0.99 * safe < rate_below(caught) <= safe

    def test_one_feature_without_an_intercept(self):
        X = np.array([[1.0], [-2.0], [3.0]])
        with pytest.warns(ConvergenceWarning, match=f"below {1.71} "):  # 8 / (14 / 3)
            SoftmaxGDClassifier(learning_rate=1e-9, max_iter=1, alpha=0, fit_intercept=False).fit(
                X, [0, 0, 1]
            )

    def test_above_the_largest_safe_rate_the_loss_can_rise(self):
        """Below, it falls from everywhere; here the Hessian at the start is the bound itself."""
        X, y = [[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1]  # nothing to learn: zero is optimal
        safe = 2 / (0.25 + 1.0)
        for factor, rises in ((0.99, False), (1.01, True)):
            model = SoftmaxGDClassifier(
                alpha=1.0, learning_rate=factor * safe, max_iter=50, tol=0, warm_start=True
            ).fit(X, y)
            model.coef_ += 1e-3
            with (pytest.warns if rises else does_not_warn)(ConvergenceWarning, match="rose at 50"):
                model.fit(X, y)
            assert (np.diff(model.loss_history_) > 0).all() == rises

    def test_rounding_that_hides_the_optimum_is_no_convergence(self, wine):
        X, y = wine
        with pytest.warns(ConvergenceWarning, match="falls no further.*float64"):
            model = SoftmaxGDClassifier().fit((X + 1e8).astype(np.float32), y)
        assert (model.converged_, model.stop_reason_) == (False, "precision")
        model.set_params(tol=0).fit((X + 1e8).astype(np.float32), y)  # without a warning
        assert (model.converged_, model.stop_reason_) == (False, "precision")

    def test_the_safe_rate_of_no_data(self):
        params = {"alpha": 1.0, "tol": 0, "fit_intercept": False, "warm_start": True}
        model = SoftmaxGDClassifier(learning_rate=0.1, **params).fit(np.eye(4), [0, 1, 0, 1])
        model.set_params(learning_rate=1e3)
        with pytest.warns(ConvergenceWarning, match="Diverged.*rate below 2 "):
            model.fit(np.zeros((4, 4)), [0, 1, 0, 1])

    def test_divergence_keeps_the_last_finite_weights(self, wine):
        X, y = wine
        with pytest.warns(ConvergenceWarning, match="Diverged: at step 3 .*Lower.*below.*'auto'"):
            model = SoftmaxGDClassifier(learning_rate=1e60, alpha=1.0).fit(X, y)
        assert model.stop_reason_ == "diverged"
        assert not model.converged_
        assert model.n_iter_ == 2
        assert np.isfinite(model.loss_history_).all()
        assert np.isfinite(model.coef_).all()
        assert np.isfinite(model.predict_log_proba(X / 1e300)).all()


@pytest.mark.parametrize("fit_intercept", [True, False])
def test_in_the_row_space_tol_bounds_every_derivative(fit_intercept, rng):
    X, y = rng.normal(size=(30, 400)) * rng.uniform(0.5, 2.0, 400), np.arange(30) % 3
    model = SoftmaxGDClassifier(alpha=1e-3, tol=1e-10, fit_intercept=fit_intercept).fit(X, y)
    center = X.mean(axis=0) * fit_intercept
    scale = np.sqrt(((X - center) ** 2).mean(axis=0))
    residuals = model.predict_proba(X) - np.eye(3)[y]
    derivatives = (residuals.T @ (X - center) / 30 + 1e-3 * model.coef_) / scale
    assert 0.0 < np.abs(derivatives).max() <= 1e-5


class TestLabels:
    @pytest.mark.parametrize("dtype", "bBhHiIqQ")
    def test_integers_of_any_type_and_range(self, dtype, rng):
        lowest, highest = np.iinfo(dtype).min, np.iinfo(dtype).max
        for y in (
            [lowest, highest],
            [highest - 5, highest, highest - 1],
            [lowest + 5, lowest, lowest + 9],
            rng.integers(100, size=50),
        ):
            y = np.tile(np.array(y, dtype), 150)  # as many as a byte has values
            classes, codes = encode_labels(y)
            expected, places = np.unique(y, return_inverse=True)
            np.testing.assert_array_equal(classes, expected)
            np.testing.assert_array_equal(codes, places)
            assert classes.dtype == y.dtype
            assert codes.dtype == np.uint8

    def test_more_classes_than_a_byte_holds(self):
        classes, codes = encode_labels(np.tile(np.arange(300), 2))
        np.testing.assert_array_equal(classes[codes], np.tile(np.arange(300), 2))


@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
@pytest.mark.parametrize(
    ("n_samples", "n_features", "n_classes", "dtype"),
    [
        (400_000, 30, 2, np.float64),
        (400_000, 30, 40, np.float64),
        (400_000, 30, 40, np.float32),
        (30_000, 600, 3, np.float64),
    ],
)
def test_a_fit_needs_little_memory_beside_the_data(
    learning_rate, n_samples, n_features, n_classes, dtype, rng
):
    """No copy of X, and no array of n_samples × n_classes."""
    X = rng.normal(size=(n_samples, n_features)).astype(dtype)
    y = rng.integers(n_classes, size=n_samples)
    model = SoftmaxGDClassifier(learning_rate=learning_rate, max_iter=12, tol=0)
    model.fit(X[:5000], y[:5000])  # what a first fit loads, and compiles
    tracemalloc.start()
    try:
        model.fit(X, y)
        model.predict(X)
        added = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert added < 0.4 * X.nbytes
    if n_classes == 40:
        assert added < 0.4 * n_samples * n_classes * X.itemsize


class TestVerbose:
    def test_prints_steps_losses_and_gradients(self, lab, capsys):
        model = SoftmaxGDClassifier(learning_rate=0.5, max_iter=123, tol=0, verbose=1).fit(*lab)
        lines = capsys.readouterr().out.splitlines()
        steps = [*range(10), *range(10, 100, 10), 100, 123]
        assert [int(line.split()[1]) for line in lines] == steps
        for line, step in zip(lines, steps, strict=True):
            assert f"loss {model.loss_history_[step]:.9g}" in line
            assert "gradient" in line

    def test_two_prints_every_step(self, lab, capsys):
        SoftmaxGDClassifier(learning_rate=0.5, max_iter=25, tol=0, verbose=2).fit(*lab)
        assert len(capsys.readouterr().out.splitlines()) == 26

    def test_the_last_step_whatever_ends_the_fit(self, lab, capsys):
        model = SoftmaxGDClassifier(tol=0, alpha=1e-2, verbose=1).fit(*lab)
        assert model.stop_reason_ == "precision"
        steps = [int(line.split()[1]) for line in capsys.readouterr().out.splitlines()]
        printed = [step for step in range(model.n_iter_) if step <= 10 or step % 10 == 0]
        assert steps == [*printed, model.n_iter_]

    def test_silent_by_default(self, lab, capsys):
        SoftmaxGDClassifier().fit(*lab)
        assert capsys.readouterr() == ("", "")


class TestWarmStart:
    def test_goes_on_where_it_was(self, lab):
        whole = SoftmaxGDClassifier(learning_rate=0.5, max_iter=30, tol=0).fit(*lab)
        parts = SoftmaxGDClassifier(learning_rate=0.5, max_iter=10, tol=0, warm_start=True)
        losses = np.concatenate([parts.fit(*lab).loss_history_[:-1] for _ in range(3)])
        np.testing.assert_array_equal(losses, whole.loss_history_[:-1])
        np.testing.assert_array_equal(parts.coef_, whole.coef_)

    @pytest.mark.parametrize("shape", ["tall", "wide", "sparse"])
    def test_a_converged_fit_needs_no_step(self, shape, rng):
        X = rng.normal(size=(30, 300 if shape == "wide" else 5)) + 1.0
        X = sparse.csr_array(X) if shape == "sparse" else X
        model = SoftmaxGDClassifier(warm_start=True, alpha=1e-2).fit(X, np.arange(30) % 3)
        before = model.predict_proba(X)
        assert model.fit(X, np.arange(30) % 3).n_iter_ == 0
        np.testing.assert_allclose(model.predict_proba(X), before, atol=1e-12)

    def starts(self, lab, labels):
        """The logits of 10 points before the first step of a fit to other labels, by class."""
        X, y = lab
        model = SoftmaxGDClassifier(warm_start=True, alpha=1e-2).fit(
            X, np.array(["a", "b", "c"])[y]
        )
        old = dict(zip("abc", model.decision_function(X[:10]).T, strict=True))
        keep = y < len(labels)
        model.set_params(learning_rate=0.1, max_iter=1, tol=0, store_coef_history=True)
        model.fit(X[keep], np.array(labels)[y[keep]])
        start = next(model.staged_predict_proba(X[:10]))
        logits = [old.get(label, np.zeros(10)) for label in model.classes_]
        return start, textbook.softmax(np.transpose(logits))

    @pytest.mark.parametrize(
        "labels",
        [
            ["a", "b", "c"],
            ["c", "a", "b"],  # the same classes, other samples
            ["b", "c"],  # fewer: matched by label, not by place
            ["b", "c", "d"],  # one gone, one new
            ["d", "e", "f"],  # all new
            ["0", "c"],
        ],
    )
    def test_classes_are_matched_by_label(self, lab, labels):
        start, expected = self.starts(lab, labels)
        np.testing.assert_allclose(start, expected, atol=1e-12)

    def test_what_is_common_to_all_classes_is_left_out(self, lab):
        X, y = lab
        model = SoftmaxGDClassifier(warm_start=True).fit(X, y)
        model.set_params(max_iter=1, tol=0).fit(X, y + 1)  # the row of class 0 is gone
        np.testing.assert_allclose(model.coef_.sum(axis=0), 0.0, atol=1e-12)
        np.testing.assert_allclose(model.intercept_.sum(), 0.0, atol=1e-12)

    def test_from_two_classes_to_three_and_back(self, lab):
        X, y = lab
        model = SoftmaxGDClassifier(warm_start=True, store_coef_history=True, alpha=1e-2)
        odds = model.fit(X[y < 2], y[y < 2]).decision_function(X)
        model.fit(X, y)
        start = next(model.staged_predict_proba(X))
        np.testing.assert_allclose(np.log(start[:, 1] / start[:, 0]), odds, atol=1e-12)
        logits = model.decision_function(X)
        model.fit(X[y > 0], y[y > 0])
        start = next(model.staged_decision_function(X))
        np.testing.assert_allclose(start, logits[:, 2] - logits[:, 1], atol=1e-12)

    @pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
    def test_weights_worse_than_none_are_not_used(self, lab, layout):
        X, y = lab
        model = SoftmaxGDClassifier(warm_start=True).fit(layout(X), y)
        cold = SoftmaxGDClassifier().fit(layout(1e4 * X), y)
        model.fit(layout(1e4 * X), y)
        np.testing.assert_array_equal(model.coef_, cold.coef_)

    def test_other_features_are_an_error_and_the_fit_stays(self, lab):
        X, y = lab
        model = SoftmaxGDClassifier(warm_start=True).fit(X, y)
        before = model.coef_.copy()
        with pytest.raises(ValueError, match="2 features of the previous fit, got X with 1"):
            model.fit(X[:, :1], y)
        np.testing.assert_array_equal(model.coef_, before)
        assert model.n_features_in_ == 2


@pytest.mark.parametrize(
    "labels",
    [
        np.array([-1, 7, 3]),
        np.array([0.5, 1.5, 2.5]).astype(str),
        np.array(["ham", "spam", "eggs"], dtype=object),
        np.array([3, 1, 2], dtype=np.uint8),
        np.array(["ä", "ö", "ü"], dtype=StringDType()),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_any_type(lab, labels):
    X, codes = lab
    y = labels[codes]
    model = SoftmaxGDClassifier().fit(X, y)
    np.testing.assert_array_equal(model.classes_, np.unique(y))
    expected = SoftmaxGDClassifier().fit(X, np.unique(y, return_inverse=True)[1])
    np.testing.assert_array_equal(model.predict(X), model.classes_[expected.predict(X)])
    assert model.predict(X).dtype == model.classes_.dtype
    assert np.mean(model.predict(X) == y) > 0.9


def test_booleans_and_one_sample_per_class():
    model = SoftmaxGDClassifier().fit([[0.0], [1.0]], [False, True])
    np.testing.assert_array_equal(model.predict([[0.0], [1.0]]), [False, True])
    model = SoftmaxGDClassifier().fit(np.eye(5), list("abcde"))
    np.testing.assert_array_equal(model.predict(np.eye(5)), list("abcde"))


def test_passes_count_gradients_curvature_and_scale(wine, monkeypatch):
    """Every pass over the data reads every row once."""
    rows_read = []

    def counting(method):
        def count(self, *functions, **size):
            rows_read.append(self.n_samples)
            return method(self, *functions, **size)

        return count

    for method in ("map", "reduce", "sum"):
        monkeypatch.setattr(_rows.Rows, method, counting(getattr(_rows.Rows, method)))
    for params in (
        {},
        {"alpha": 0, "tol": 0},
        {"learning_rate": 1e-7, "tol": 0},
        {"learning_rate": 3e-6, "tol": 0.9},
    ):
        rows_read.clear()
        model = SoftmaxGDClassifier(max_iter=200, **params).fit(*wine)
        assert len(rows_read) == model.n_passes_, params


def gaussian(n_samples, n_features, n_classes, condition):
    """Raw columns of very different scales, and classes that overlap."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    logits = X @ rng.normal(size=(n_features, n_classes))
    X *= np.geomspace(1.0, 1.0 / condition, n_features)
    mixed = X @ np.linalg.qr(rng.normal(size=(n_features, n_features)))[0]
    return mixed, (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@pytest.mark.parametrize(
    ("data", "most"),
    [
        (load_iris(return_X_y=True), 17),
        (load_wine(return_X_y=True), 20),
        (load_digits(return_X_y=True), 38),
        (load_breast_cancer(return_X_y=True), 18),
        (gaussian(5000, 20, 5, condition=1e4), 8),
        (gaussian(60_000, 5, 3, condition=1e2), 6),
    ],
    ids=["iris", "wine", "digits", "breast cancer", "ill-conditioned", "tall"],
)
def test_few_passes_lead_within_a_millionth_of_the_optimum(data, most):
    least = SoftmaxGDClassifier(alpha=1e-4, tol=1e-18).fit(*data).loss_
    model = SoftmaxGDClassifier(alpha=1e-4, tol=1e-14).fit(*data)
    passes = model.passes_history_[np.argmax(model.loss_history_ <= least + 1e-6)]
    assert 0 < passes <= most


def test_fitting_forgets_the_data(wine):
    X, y = wine
    model = SoftmaxGDClassifier().fit(X, y)
    for value in vars(model).values():
        assert not (isinstance(value, np.ndarray) and np.shares_memory(value, X))
        assert np.size(value) < len(X)


def test_predictions_in_blocks_equal_predictions_at_once(monkeypatch):
    X, y = make_blobs(n_samples=500, centers=4, n_features=3, random_state=0)
    model = SoftmaxGDClassifier().fit(X, y)
    methods = ("predict", "predict_proba", "predict_log_proba", "decision_function")
    whole = {method: getattr(model, method)(X) for method in methods}
    monkeypatch.setattr(_rows, "BLOCK_ROWS", (7, 7))
    for method in methods:
        for layout in (X, sparse.csr_array(X)):
            np.testing.assert_allclose(
                getattr(model, method)(layout), whole[method], rtol=1e-12, atol=1e-13
            )
