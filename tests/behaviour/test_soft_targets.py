"""Probabilities in the place of labels: each sample stands for one of every class."""

import itertools
import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import log_softmax, softmax
from sklearn import config_context
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, StratifiedKFold, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV, softmax_path
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import RawProblem
from skl_softmax._fit.task import Task

X, y = load_iris(return_X_y=True)


def soft_targets(rng, n_samples, n_classes):
    """Some rows certain, some with classes that are impossible, all different."""
    P = softmax(3.0 * rng.standard_normal((n_samples, n_classes)), axis=1)
    P[P < 0.05] = 0.0
    P[::7] = np.eye(n_classes)[0]
    return P / P.sum(axis=1, keepdims=True)


def repeated(X, P, weights):
    """Every sample once for each class, weighted by its probability."""
    n_samples, n_classes = P.shape
    rows = np.repeat(np.arange(n_samples), n_classes)
    return X[rows], np.tile(np.arange(n_classes), n_samples), (P * weights[:, np.newaxis]).ravel()


@given(
    st.integers(2, 4),
    st.integers(0, 1000),
    st.sampled_from(["auto", 0.1]),
    st.sampled_from([None, "balanced", {0: 0.5, 1: 3.0}]),
    st.booleans(),
)
def test_probabilities_are_weighted_repetition(
    n_classes, seed, learning_rate, class_weight, is_sparse
):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((60, 3))
    P, weights = soft_targets(rng, 60, n_classes), rng.uniform(0.0, 1.0, 60)
    params = {"learning_rate": learning_rate, "class_weight": class_weight, "max_iter": 10}
    X_repeated, labels, weights_repeated = repeated(X, P, weights)
    if is_sparse:
        X, X_repeated = sparse.csr_array(X), sparse.csr_array(X_repeated)
    soft = SoftmaxGDClassifier(**params, tol=0).fit_proba(X, P, weights)
    hard = SoftmaxGDClassifier(**params, tol=0).fit(X_repeated, labels, weights_repeated)
    n = min(len(soft.loss_history_), len(hard.loss_history_))
    np.testing.assert_allclose(soft.loss_history_[:n], hard.loss_history_[:n], rtol=1e-9)
    np.testing.assert_allclose(soft.coef_, hard.coef_, atol=1e-6)
    np.testing.assert_array_equal(soft.classes_, np.arange(n_classes))


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_loss_and_gradient(rng, n_classes, dtype):
    """The formula, and its finite differences."""
    X = rng.standard_normal((50, 4))
    P, weights = soft_targets(rng, 50, n_classes), np.full(50, 1 / 50)
    n_outputs = 1 if n_classes == 2 else n_classes
    with Workers() as workers:
        task = Task(X.astype(dtype), P, weights, n_outputs, alpha=0.1, fit_intercept=True)
        objective = RawProblem(task, workers, measure_scale=False).objective
        params = rng.standard_normal(objective.shape)
        loss, gradient = objective.value_and_gradient(params)
        coef, intercept = params[:, :-1], params[:, -1]
        logits = X @ coef.T + intercept
        logits = np.hstack([np.zeros((50, 1)), logits]) if n_classes == 2 else logits
        cross_entropy = -(P * log_softmax(logits, axis=1)).sum(axis=1).mean()
        rtol = 1e-5 if dtype is np.float32 else 1e-12
        assert loss == pytest.approx(cross_entropy + 0.05 * (coef**2).sum(), rel=rtol)
        assert objective.sums.cross_entropy(coef, intercept) == pytest.approx(
            cross_entropy, rel=rtol
        )
        if dtype is np.float64:
            for i in np.ndindex(params.shape):
                step = np.zeros_like(params)
                step[i] = 1e-6
                ends = [objective.value_and_gradient(params + s * step)[0] for s in (1, -1)]
                assert gradient[i] == pytest.approx((ends[0] - ends[1]) / 2e-6, abs=1e-8)


@pytest.mark.parametrize(
    ("coef", "losses"),
    [
        ([[1.0]], [0.0, 0.0, 5e3]),
        ([[0.0], [1.0], [-2.0]], [2e4, 0.0, 5e3]),  # where x < 0, the third class is the likeliest
    ],
)
def test_large_logits_lose_what_they_should(coef, losses):
    X, P = np.array([[-1e4], [1e4], [1e4]]), np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    n_outputs = len(coef)
    P = np.hstack([P, np.zeros((3, max(n_outputs - 2, 0)))])
    with Workers() as workers:
        task = Task(X, P, np.full(3, 1 / 3), n_outputs, alpha=0.0, fit_intercept=False)
        objective = RawProblem(task, workers, measure_scale=False).objective
        loss = objective.sums.cross_entropy(np.array(coef), np.zeros(n_outputs))
    assert loss == pytest.approx(np.mean(losses), rel=1e-12)


def test_certain_rows_are_labels():
    by_label = SoftmaxGDClassifier().fit(X, y)
    by_proba = SoftmaxGDClassifier().fit_proba(X, np.eye(3)[y])
    np.testing.assert_array_equal(by_proba.coef_, by_label.coef_)
    separable = SoftmaxGDClassifier(alpha=0, tol=1e-3)
    with pytest.warns(match="No minimum"):
        separable.fit_proba(X[:100], np.eye(2)[y[:100]])
    uncertain = np.eye(2)[y[:100]] * 0.8 + 0.1
    assert separable.fit_proba(X[:100], uncertain).converged_  # there is a minimum now


def test_distillation_finds_the_teacher():
    """The probabilities of a softmax model are matched by no other weights."""
    teacher = SoftmaxGDClassifier(alpha=0.01, tol=1e-18).fit(X, y)
    student = SoftmaxGDClassifier(alpha=0, tol=1e-20).fit_proba(X, teacher.predict_proba(X))
    np.testing.assert_allclose(student.coef_, teacher.coef_, atol=1e-6)


def test_probabilities_as_exact_as_their_dtype():
    rng = np.random.default_rng(0)
    P = softmax(rng.standard_normal((150, 3)), axis=1)
    exact = SoftmaxGDClassifier().fit_proba(X, P)
    for rounded in (P.astype(np.float32), P.astype(np.float16), P.round(5)):
        model = SoftmaxGDClassifier().fit_proba(X, rounded)
        np.testing.assert_allclose(model.coef_, exact.coef_, atol=0.02)
    SoftmaxGDClassifier().fit_proba(X, np.column_stack([P, np.full(150, -1e-17)]))


def test_classes_label_the_columns():
    P = np.eye(3)[y] * 0.7 + 0.1
    names = np.array(["setosa", "versicolor", "virginica"])
    plain = SoftmaxGDClassifier().fit_proba(X, P)
    named = SoftmaxGDClassifier().fit_proba(X, P[:, [2, 0, 1]], classes=names[[2, 0, 1]])
    np.testing.assert_array_equal(named.classes_, names)
    np.testing.assert_allclose(named.coef_, plain.coef_, atol=1e-12)


NAMES = ["setosa", "versicolor", "virginica"]
ORDERS = [[0, 1, 2], [2, 0, 1], [1, 2, 0]]


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame])
def test_the_names_of_a_frame_are_the_classes(rng, frame):
    """In whatever order the columns stand, wherever probabilities enter."""
    P = soft_targets(rng, len(X), 3)
    options = {"early_stopping": True, "n_iter_no_change": 2}
    plain = SoftmaxGDClassifier(**options).fit_proba(X[::2], P[::2], X_val=X[1::2], P_val=P[1::2])
    gap = plain.duality_gap(X, P)
    for order, other in itertools.product(ORDERS, ORDERS):
        names = [NAMES[k] for k in order]
        fitted = frame(dict(zip(names, P[::2, order].T, strict=True)))
        held_out = frame({NAMES[k]: P[1::2, k] for k in other})
        for classes in (None, names, NAMES):
            model = SoftmaxGDClassifier(**options)
            model.fit_proba(X[::2], fitted, classes=classes, X_val=X[1::2], P_val=held_out)
            assert model.classes_.tolist() == NAMES
            np.testing.assert_allclose(model.coef_, plain.coef_, atol=1e-10)
            losses = model.validation_loss_history_
            np.testing.assert_allclose(losses, plain.validation_loss_history_, rtol=1e-12)
        model.fit_proba(X[::2], fitted, X_val=X[1::2], P_val=P[1::2, order])  # in the order of P
        np.testing.assert_allclose(model.validation_loss_history_, losses, rtol=1e-12)
        whole = frame({NAMES[k]: P[:, k] for k in order})
        assert model.duality_gap(X, whole) == pytest.approx(gap, rel=1e-6)
    given = SoftmaxGDClassifier().fit_proba(
        X, frame(dict(zip("abc", P.T, strict=True))), classes=NAMES
    )
    assert given.classes_.tolist() == NAMES  # what is given counts
    assert SoftmaxGDClassifier().fit_proba(X, pd.DataFrame(P)).classes_.tolist() == [0, 1, 2]


@pytest.mark.parametrize("is_routed", [True, False])
@pytest.mark.parametrize("as_frame", [True, False])
def test_through_pipelines_and_searches(rng, is_routed, as_frame):
    """Probabilities follow their samples; labels serve splits and scores."""
    P = soft_targets(rng, len(X), 3)
    labels = np.array(NAMES)[P.argmax(axis=1)] if as_frame else P.argmax(axis=1)
    votes = pd.DataFrame(P, columns=NAMES) if as_frame else P
    alphas = [0.1, 0.001]
    with config_context(enable_metadata_routing=is_routed):
        model = SoftmaxGDClassifier(tol=1e-10)
        if is_routed:
            model.set_fit_request(P=True)
        pipeline = make_pipeline(StandardScaler(), model)
        prefix = "" if is_routed else "softmaxgdclassifier__"
        pipeline.fit(X, labels, **{f"{prefix}P": votes})
        search = GridSearchCV(pipeline, {"softmaxgdclassifier__alpha": alphas}, cv=3)
        search.fit(X, labels, **{f"{prefix}P": votes})
        assert pipeline.score(X, labels) == np.mean(pipeline.predict(X) == labels)
    by_hand = SoftmaxGDClassifier(tol=1e-10).fit_proba(StandardScaler().fit_transform(X), votes)
    np.testing.assert_array_equal(pipeline[-1].coef_, by_hand.coef_)
    for k, alpha in enumerate(alphas):
        for fold, (train, test) in enumerate(StratifiedKFold(3).split(X, labels)):
            scaler = StandardScaler().fit(X[train])
            model = SoftmaxGDClassifier(alpha=alpha, tol=1e-10)
            model.fit_proba(
                scaler.transform(X[train]), votes[train] if not as_frame else votes.iloc[train]
            )
            score = np.mean(model.predict(scaler.transform(X[test])) == labels[test])
            assert search.cv_results_[f"split{fold}_test_score"][k] == pytest.approx(score)


def test_probabilities_beside_labels_in_fit(rng):
    P = soft_targets(rng, len(X), 3)
    expected = SoftmaxGDClassifier().fit_proba(X[::2], P[::2], X_val=X[1::2], P_val=P[1::2])
    for y_val in (P[1::2], pd.DataFrame(P[1::2])):
        model = SoftmaxGDClassifier().fit(X[::2], None, P=P[::2], X_val=X[1::2], y_val=y_val)
        np.testing.assert_array_equal(
            model.validation_loss_history_, expected.validation_loss_history_
        )
    model.fit(X[::2], y[::2], P=P[::2], X_val=X[1::2], y_val=y[1::2])
    loss = -model.predict_log_proba(X[1::2])[np.arange(75), y[1::2]].mean()
    assert model.validation_loss_history_[-1] == pytest.approx(loss, rel=1e-9)
    with pytest.raises(ValueError, match=r"y has labels \['setosa'.*the classes are \[0, 1, 2\]"):
        model.fit(X, np.array(NAMES)[y], P=P)


@pytest.mark.parametrize("convert", [np.asarray, np.ndarray.tolist, pd.DataFrame, pl.DataFrame])
def test_one_hot_labels_are_told_where_to_go(convert, tmp_path):
    one_hot = convert(np.eye(3)[y])
    on_disk = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    on_disk[:] = X
    for fit in (
        lambda: SoftmaxGDClassifier().fit(X, one_hot),
        lambda: SoftmaxGDClassifier().fit(sparse.csr_array(X), one_hot),
        lambda: SoftmaxGDClassifier().fit(on_disk, one_hot),
        lambda: SoftmaxGDClassifier().fit(X, y, X_val=X, y_val=one_hot),
        lambda: SoftmaxGDClassifierCV().fit(X, one_hot),
        lambda: softmax_path(X, one_hot),
    ):
        with pytest.raises(ValueError, match=r"y should be a 1d array.*fit_proba.* as P"):
            fit()


def test_a_validation_set_of_probabilities():
    P = soft_targets(np.random.default_rng(0), len(X), 3)
    model = SoftmaxGDClassifier(early_stopping=True, n_iter_no_change=2)
    model.fit_proba(X[::2], P[::2], X_val=X[1::2], P_val=P[1::2])
    loss = -(P[1::2] * model.predict_log_proba(X[1::2])).sum(axis=1).mean()
    assert model.validation_loss_history_[model.best_iter_] == pytest.approx(loss, rel=1e-12)
    # Held out at random, whatever the rows: one-hot or not.
    model.set_params(random_state=0).fit_proba(X, P)
    fitted, held_out = train_test_split(np.arange(150), test_size=0.1, random_state=0)
    by_hand = SoftmaxGDClassifier(early_stopping=True, n_iter_no_change=2)
    by_hand.fit_proba(X[fitted], P[fitted], X_val=X[held_out], P_val=P[held_out])
    np.testing.assert_array_equal(model.validation_loss_history_, by_hand.validation_loss_history_)
    lonely = np.eye(3)[np.where(np.arange(150) == 0, 2, y % 2)]
    model.fit_proba(X, lonely)


P = np.full((150, 3), 1 / 3)
BAD = [
    ((X, P[:, 0]), {}, "Expected 2D array, got 1D array"),
    ((X, P[:, :1]), {}, "P must have a column for each of two classes or more, got one"),
    ((X, P[:-1]), {}, "inconsistent numbers of samples: [150, 149]"),
    ((X, P * np.nan), {}, "Input P contains NaN"),
    ((X, P * [-1, 2, 2]), {}, "P must hold numbers >= 0 whose sum over each row is one, got -0.3"),
    ((X, P * 2), {}, "whose sum over each row is one, got a sum of 2 in row 0"),
    ((X, P), {"classes": ["a", "b"]}, "a different label for each of the 3 columns of P"),
    ((X, P), {"classes": ["a", "b", "a"]}, "a different label for each of the 3 columns of P"),
    ((X * np.nan, P), {}, "Input X contains NaN"),
    ((X, P, np.zeros(150)), {}, "weights are zero"),
    ((X, P), {"X_val": X, "P_val": P[:, :2] * 1.5}, "each of the 2 columns of P_val"),
    ((X, P), {"X_val": X}, "P_val is missing"),
    ((X, np.ma.masked_less(P, 1.0)), {}, "P holds masked numbers"),
    ((X, P), {"X_val": X, "P_val": np.ma.masked_less(P, 1.0)}, "P_val holds masked numbers"),
    ((X, np.eye(3)[y].astype("m8[s]")), {}, "P holds times"),
    ((X, [[10**400, 0, 0]] * 150), {}, "P holds numbers out of the range of float64"),
    *(
        ((X, P), {"classes": classes}, "classes must be a sequence of labels of one type")
        for classes in [
            "abc",
            3,
            [["a", "b", "c"]],
            [["a"], "b", ["c", "d"]],
            ["1", 1, 2],
            [True, 1, 2],
            np.ma.masked_equal([1, 2, 3], 2),
        ]
    ),
]


def test_classes_that_look_alike():
    with pytest.warns(UserWarning, match="'setosa' and 'setosa ' look alike"):
        SoftmaxGDClassifier().fit_proba(X, P, classes=["setosa ", "setosa", "virginica"])


@pytest.mark.parametrize(("arguments", "options", "message"), BAD)
def test_bad_input(arguments, options, message):
    model = SoftmaxGDClassifier().fit(X, y)
    before = dict(vars(model))
    with pytest.raises(ValueError, match=re.escape(message)):
        model.fit_proba(*arguments, **options)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())
