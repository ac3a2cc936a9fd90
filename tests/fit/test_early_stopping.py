"""A validation set: its losses at every step, and the stop where they rise."""

import re

import numpy as np
import pytest
import sklearn
from scipy import sparse
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import DecisionRegionsDisplay, LossCurveDisplay, SoftmaxGDClassifier

X, y = load_digits(return_X_y=True)
LABELS = np.array([f"digit {k}" for k in range(10)])[y]
X_train, X_val, y_train, y_val = train_test_split(X, LABELS, test_size=0.9, random_state=0)


def overfitted(**params):
    """A fit that gets worse on other data: 179 images of 64 pixels, hardly any penalty."""
    return SoftmaxGDClassifier(**{"alpha": 1e-8, "tol": 1e-16, "max_iter": 100, **params})


@pytest.mark.parametrize("learning_rate", ["auto", 1e-3])
@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array, np.float32])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_validation_losses(learning_rate, convert, n_classes):
    train, val = (np.isin(labels, LABELS[:n_classes]) for labels in (y_train, y_val))
    weights = np.random.default_rng(0).uniform(0.0, 1.0, val.sum())
    model = SoftmaxGDClassifier(learning_rate=learning_rate, max_iter=8, tol=0)
    model.set_params(store_coef_history=True).fit(
        convert(X_train[train]),
        y_train[train],
        X_val=convert(X_val[val]),
        y_val=y_val[val],
        sample_weight_val=weights,
    )
    losses = [
        log_loss(y_val[val], proba.astype(float), sample_weight=weights, labels=model.classes_)
        for proba in model.staged_predict_proba(X_val[val])
    ]
    assert model.validation_loss_history_.shape == model.loss_history_.shape
    np.testing.assert_allclose(
        model.validation_loss_history_, losses, rtol=1e-4 if convert is np.float32 else 1e-10
    )


def test_a_validation_set_alone_changes_no_fit():
    plain = overfitted().fit(X_train, y_train)
    assert not hasattr(plain, "validation_loss_history_")
    seen = overfitted().fit(X_train, y_train, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(seen.coef_, plain.coef_)
    assert (seen.n_passes_, seen.best_iter_) == (plain.n_passes_, plain.n_iter_)
    seen.fit(X_train, y_train)
    assert not hasattr(seen, "validation_loss_history_")


def test_class_weights_of_the_training_set_count_in_validation_too():
    class_weight = {"digit 0": 0.0, "digit 1": 3.0}
    model = SoftmaxGDClassifier(class_weight=class_weight)
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    weights = [class_weight.get(label, 1.0) for label in y_val]
    loss = log_loss(y_val, model.predict_proba(X_val), sample_weight=weights)
    assert model.validation_loss_history_[-1] == pytest.approx(loss, rel=1e-10)


@pytest.mark.parametrize("patience", [1, 3])
def test_early_stopping_keeps_the_best_weights(patience):
    model = overfitted(early_stopping=True, n_iter_no_change=patience, store_coef_history=True)
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    losses = model.validation_loss_history_
    assert model.stop_reason_ == "early_stopping"
    assert not model.converged_
    assert model.best_iter_ == losses.argmin() == model.n_iter_ - patience
    assert model.loss_ == model.loss_history_[model.best_iter_] > model.loss_history_[-1]
    np.testing.assert_array_equal(model.coef_, model.coef_history_[model.best_iter_])
    np.testing.assert_array_equal(model.intercept_, model.intercept_history_[model.best_iter_])
    assert log_loss(y_val, model.predict_proba(X_val)) == pytest.approx(losses.min(), rel=1e-10)
    whole = overfitted().fit(X_train, y_train, X_val=X_val, y_val=y_val)
    np.testing.assert_array_equal(whole.validation_loss_history_[: len(losses)], losses)
    assert whole.validation_loss_history_[-1] > losses.min()


def test_without_a_reason_to_stop_early_the_best_weights_are_kept_all_the_same():
    model = overfitted(early_stopping=True, n_iter_no_change=1000, max_iter=30, tol=0)
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert model.stop_reason_ == "max_iter"
    assert model.best_iter_ == model.validation_loss_history_.argmin() < 30


def test_what_is_held_out():
    """A tenth of every class, and the same of it for the same random_state."""
    params = {"early_stopping": True, "validation_fraction": 0.2}
    model = overfitted(**params, random_state=3).fit(X, LABELS)
    chosen = train_test_split(X, LABELS, test_size=0.2, random_state=3, stratify=LABELS)
    by_hand = overfitted(**params).fit(chosen[0], chosen[2], X_val=chosen[1], y_val=chosen[3])
    np.testing.assert_array_equal(model.loss_history_, by_hand.loss_history_)
    np.testing.assert_array_equal(model.validation_loss_history_, by_hand.validation_loss_history_)
    other = overfitted(**params, random_state=4).fit(X, LABELS)
    assert other.loss_ != model.loss_


def test_weights_go_where_their_samples_go():
    """On either side."""
    params = {"early_stopping": True, "random_state": 0, "alpha": 1e-3}
    weights = np.random.default_rng(0).uniform(0.0, 1.0, len(y))
    model = overfitted(**params).fit(X, LABELS, weights)
    fitted, held_out = train_test_split(
        np.arange(len(y)), test_size=0.1, random_state=0, stratify=LABELS
    )
    by_hand = overfitted(**params).fit(
        X[fitted],
        LABELS[fitted],
        weights[fitted],
        X_val=X[held_out],
        y_val=LABELS[held_out],
        sample_weight_val=weights[held_out],
    )
    np.testing.assert_allclose(model.loss_history_, by_hand.loss_history_, rtol=1e-12)
    np.testing.assert_allclose(
        model.validation_loss_history_, by_hand.validation_loss_history_, rtol=1e-12
    )


BAD = [
    ({"X_val": X_val}, "needs both X_val and y_val: y_val is missing"),
    ({"y_val": y_val}, "needs both X_val and y_val: X_val is missing"),
    ({"sample_weight_val": np.ones(9)}, "needs both X_val and y_val: X_val is missing"),
    ({"X_val": X_val[:, :3], "y_val": y_val}, "X_val cannot be used: X has 3 features"),
    ({"X_val": X_val * np.nan, "y_val": y_val}, "X_val cannot be used: Input X_val contains NaN"),
    ({"X_val": X_val[:, 0], "y_val": y_val}, "X_val cannot be used: Expected 2D array"),
    ({"X_val": X_val, "y_val": y_val[:-1]}, "inconsistent numbers of samples: [1618, 1617]"),
    (
        {"X_val": X_val, "y_val": ["digit 11"] * 1618},
        "y_val has labels ['digit 11'] that were not fitted",
    ),
    ({"X_val": X_val, "y_val": np.zeros(1618)}, "y_val has labels [0.0] that were not fitted"),
    (
        {"X_val": X_val, "y_val": y_val, "sample_weight_val": -np.ones(1618)},
        "sample_weight_val must be a number or a 1D array of finite numbers >= 0",
    ),
    (
        {"X_val": X_val, "y_val": y_val, "sample_weight_val": np.zeros(1618)},
        "All weights are zero: sample_weight_val",
    ),
]


@pytest.mark.parametrize(("validation", "message"), BAD)
def test_bad_validation_sets(validation, message):
    model = SoftmaxGDClassifier()
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit(X_train, y_train, **validation)
    assert not hasattr(model, "classes_")


def test_a_class_too_small_to_hold_out():
    labels = LABELS.copy()
    labels[0] = "only one"
    with pytest.raises(ValueError, match=r"validation_fraction=0.1 .*needs a validation set"):
        SoftmaxGDClassifier(early_stopping=True).fit(X, labels)
    with pytest.raises(ValueError, match=r"early_stopping=True holds out .*=0.99"):
        SoftmaxGDClassifier(early_stopping=True, validation_fraction=0.99).fit(X[:99], LABELS[:99])


def test_one_of_each_class_is_held_out_at_least():
    rows = [np.flatnonzero(y == k)[i] for k in range(10) for i in range(3)]
    model = SoftmaxGDClassifier(early_stopping=True, random_state=0).fit(X[rows], y[rows])
    chosen = train_test_split(X[rows], y[rows], test_size=10, random_state=0, stratify=y[rows])
    loss = log_loss(chosen[3], model.predict_proba(chosen[1]))
    assert model.validation_loss_history_[model.best_iter_] == pytest.approx(loss, rel=1e-10)


def test_numbers_that_are_not_finite_are_seen_on_either_side():
    for i in range(0, 100, 7):
        bad = X[:100].copy()
        bad[i, 3] = np.inf
        with pytest.raises(ValueError, match="Input X contains infinity"):
            SoftmaxGDClassifier(early_stopping=True, random_state=0).fit(bad, y[:100])


@pytest.mark.parametrize("verbose", [0, 1])
def test_verbose_shows_both_losses(capsys, verbose):
    model = SoftmaxGDClassifier(verbose=verbose)
    model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    lines = capsys.readouterr().out.splitlines()
    steps = sorted({*range(11), *range(20, model.n_iter_, 10), model.n_iter_}) * verbose
    for line, step in zip(lines, steps, strict=True):
        loss, validation = model.loss_history_[step], model.validation_loss_history_[step]
        shown = f"step {step:5d}  loss {loss:.9g}  validation {validation:.9g}  gradient "
        assert line.startswith(shown)


def test_a_pipeline_transforms_the_validation_set():
    with sklearn.config_context(enable_metadata_routing=True):
        classifier = SoftmaxGDClassifier(max_iter=20, tol=0)
        classifier.set_fit_request(X_val=True, y_val=True)
        pipeline = Pipeline(
            [("scaler", StandardScaler()), ("classifier", classifier)], transform_input=["X_val"]
        )
        pipeline.fit(X_train, y_train, X_val=X_val, y_val=y_val)
        loss = log_loss(y_val, pipeline.predict_proba(X_val))
        assert pipeline[-1].validation_loss_history_[-1] == pytest.approx(loss, rel=1e-10)


def test_a_search_hands_on_the_validation_set():
    with sklearn.config_context(enable_metadata_routing=True):
        model = overfitted(early_stopping=True, n_iter_no_change=2)
        model.set_fit_request(X_val=True, y_val=True, sample_weight_val=True)
        weights = np.ones(len(y_val))
        search = GridSearchCV(model, {"alpha": [1e-8, 1e-1]}, cv=2).fit(
            X_train, y_train, X_val=X_val, y_val=y_val, sample_weight_val=weights
        )
    best = search.best_estimator_
    loss = log_loss(y_val, best.predict_proba(X_val))
    assert best.validation_loss_history_.min() == pytest.approx(loss, rel=1e-10)


def test_a_diverged_fit_says_which_weights_it_keeps():
    model = SoftmaxGDClassifier(learning_rate=1.0, alpha=3.0, early_stopping=True)
    model.set_params(n_iter_no_change=100_000, max_iter=100_000)
    with pytest.warns(
        ConvergenceWarning, match=r"Diverged: at step \d\d+ .* after step 0 are kept"
    ):
        model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert model.best_iter_ == 0
    assert not model.coef_.any()


def test_warm_starts_and_stopping_callbacks_keep_the_best_as_well():
    model = overfitted(early_stopping=True, n_iter_no_change=2, warm_start=True)
    data = {"X": X_train, "y": y_train, "X_val": X_val, "y_val": y_val}
    first = model.fit(**data).validation_loss_history_.min()
    model.fit(**data)
    assert model.validation_loss_history_[0] == pytest.approx(first, rel=1e-9)
    assert model.best_iter_ == model.validation_loss_history_.argmin()


def test_values_that_cannot_be_squared():
    far = X_val.copy()
    far[0] = 1e308
    for convert in (np.asarray, sparse.csr_array):
        with pytest.raises(ValueError, match=r"X_val cannot be used: .*too large to be squared"):
            SoftmaxGDClassifier().fit(X_train, y_train, X_val=convert(far), y_val=y_val)


def test_the_display_draws_both_losses():
    model = overfitted(early_stopping=True).fit(X_train, y_train, X_val=X_val, y_val=y_val)
    display = LossCurveDisplay.from_estimator(model)
    ((training,), (validation,)) = display.lines_, display.validation_lines_
    np.testing.assert_array_equal(training.get_ydata(), model.loss_history_)
    np.testing.assert_array_equal(validation.get_ydata(), model.validation_loss_history_)
    assert training.get_color() == validation.get_color()
    assert validation.get_linestyle() == "--" != training.get_linestyle()
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["training", "validation"]
    plain = overfitted().fit(X_train, y_train)
    display = LossCurveDisplay.from_estimators({"a": plain, "b": model}, x="passes")
    texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert texts == ["a", "b", "b, validation"]
    assert len({line.get_color() for line in display.lines_}) == 2
    assert LossCurveDisplay.from_estimator(model, what="excess").validation_lines_ == []


def test_regions_are_those_of_the_fitted_weights():
    plane, labels = load_iris(return_X_y=True)
    model = SoftmaxGDClassifier(early_stopping=True, n_iter_no_change=1, random_state=0, tol=1e-18)
    model.set_params(alpha=1e-9, store_coef_history=True).fit(plane[:, :2], labels)
    assert model.best_iter_ < model.n_iter_
    display = DecisionRegionsDisplay.from_estimator(
        model, plane[:, :2], labels, iterations=None, grid_resolution=20
    )
    assert display.axes_[0].get_title().startswith(f"step {model.best_iter_}: ")
    last = DecisionRegionsDisplay.from_estimator(
        model, plane[:, :2], labels, iterations=[model.n_iter_], grid_resolution=20
    )
    assert not np.allclose(last.logits[0], display.logits[0])
    x1, x2 = (np.linspace(*ends, 20) for ends in (display.limits[:2], display.limits[2:]))
    grid = np.column_stack([values.ravel() for values in np.meshgrid(x1, x2)])
    logits = model.decision_function(grid).T.reshape(3, 20, 20)
    np.testing.assert_allclose(display.logits[0], logits, atol=1e-8)


def test_ctrl_c_between_any_two_lines(monkeypatch):
    """The step whose losses are not there yet is not kept, however good it was."""
    from skl_softmax._fit import loop as _loop

    step, calls = _loop.Step, []

    def interrupted(*arguments):
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return step(*arguments)

    monkeypatch.setattr(_loop, "Step", interrupted)
    model = overfitted(early_stopping=True)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X_train, y_train, X_val=X_val, y_val=y_val)
    assert (model.n_iter_, model.best_iter_, model.stop_reason_) == (1, 1, "interrupted")
    assert len(model.validation_loss_history_) == 2
