"""No penalty, and perhaps no minimum: proved where it can be, and never passed over in silence.

The judge is a linear program: whether some direction makes no sample's own class less likely, and
some sample's more (Albert and Anderson 1984; Konis 2007).
"""

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from scipy.optimize import linprog
from sklearn.datasets import load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning

from skl_softmax import SeparationWarning, SoftmaxGDClassifier


def margins_of(X, y, weights):
    """A row for each sample and each other class: its lead over that class, linear in params."""
    K = y.max() + 1
    X1 = np.column_stack([X, np.ones(len(X))])[weights > 0]
    rows = []
    for x, own in zip(X1, y[weights > 0], strict=True):
        for other in set(range(K)) - {own}:
            row = np.zeros((K, X1.shape[1]))
            row[own], row[other] = x, -x
            rows.append(row.ravel())
    return np.array(rows)


def kind_of(X, y, weights=None):
    """Separated, unbounded or bounded."""
    M = margins_of(X, y, np.ones(len(y)) if weights is None else weights)
    least = linprog(  # the largest margin that all can have
        np.append(np.zeros(M.shape[1]), -1.0),
        A_ub=np.column_stack([-M, np.ones(len(M))]),
        b_ub=np.zeros(len(M)),
        bounds=[(-1, 1)] * M.shape[1] + [(None, None)],
    )
    if -least.fun > 1e-8:
        return "separated"
    summed = linprog(-M.sum(axis=0), A_ub=-M, b_ub=np.zeros(len(M)), bounds=[(-1, 1)] * M.shape[1])
    return "unbounded" if -summed.fun > 1e-7 else "bounded"


def caught(X, y, weights=None, **params):
    """The fit, and the categories of its warnings."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model = SoftmaxGDClassifier(**{"alpha": 0, **params}).fit(X, y, weights)
    return model, [warning.category for warning in caught]


def draw(seed):
    """Few samples on a grid, so that ties, and all three kinds, are frequent."""
    rng = np.random.default_rng(seed)
    n, d, K = rng.integers(8, 40), rng.integers(1, 4), rng.integers(2, 4)
    X = np.rint(rng.standard_normal((n, d)) * 2.0)
    logits = X @ rng.standard_normal((d, K)) * rng.choice([0.5, 5.0])
    y = (logits + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    return X, y


@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
def test_every_kind_is_told(layout):
    counts = {"separated": 0, "unbounded": 0, "bounded": 0}
    for seed in range(150):
        X, y = draw(seed)
        kind = kind_of(X, y)
        counts[kind] += 1
        model, categories = caught(layout(X), y)
        _, of_loose = caught(layout(X), y, tol=1e-2)
        if kind == "separated":
            assert categories == [SeparationWarning], seed
            assert model.stop_reason_ == "separation"
            assert model.score(layout(X), y) == 1.0
            assert of_loose == [SeparationWarning], seed  # by weights that it never got to
        elif kind == "unbounded":
            assert categories == of_loose == [SeparationWarning], seed
        else:
            assert categories == [], seed
            assert model.converged_
    assert min(counts.values()) >= 10, counts


@pytest.mark.parametrize("part", [1e-9, 1e-7, 1e-5, 1e-3])
def test_a_small_difference_of_columns_can_tell_samples_apart(part):
    """As two clocks, or two scales, that differ in a few samples: a part of their spread."""
    for seed in range(8):
        rng = np.random.default_rng(seed)
        n, K = 200, 2 + seed % 2
        a, other, level = rng.normal(size=n), rng.normal(size=n), rng.integers(0, 4, n)
        X = np.column_stack([a, rng.choice([1.0, -3.0]) * a + part * (level == 1), other])
        y = (other[:, np.newaxis] * np.arange(K) + rng.gumbel(size=(n, K))).argmax(axis=1)
        assert caught(X, y)[1] == [], seed
        y[level == 1] = 0
        with pytest.warns(SeparationWarning, match="apart without an error by x0, x1, and"):
            SoftmaxGDClassifier(alpha=0).fit(X, y)


def test_a_constant_rate_tells_as_well():
    counts = {"separated": 0, "unbounded": 0, "bounded": 0}
    for seed in range(60):
        X, y = draw(seed)
        kind = kind_of(X, y)
        model, categories = caught(X, y, learning_rate=0.3, tol=1e-2, max_iter=20_000)
        if model.stop_reason_ == "max_iter":  # that is a warning too
            assert categories == [ConvergenceWarning]
            continue
        counts[kind] += 1
        expected = {"separated": [SeparationWarning], "unbounded": [SeparationWarning]}
        if kind != "bounded":  # where the minimum is far for so large a tol, there may be a word
            assert categories == expected[kind], seed
    assert min(counts.values()) >= 5, counts


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("params", [{}, {"tol": 1e-20}, {"learning_rate": 2.0}])
def test_separated_classes_stop_the_fit(lab, n_classes, layout, params):
    X, y = lab
    X, y = X[y < n_classes] * 0.1, y[y < n_classes]
    apart = layout(X + np.eye(3)[y][:, 1:])
    with pytest.warns(SeparationWarning, match=r"^No minimum: .*Set alpha > 0\.$") as found:
        model = SoftmaxGDClassifier(alpha=0, **params).fit(apart, y)
    assert found[0].filename == __file__
    assert not model.converged_
    assert model.score(apart, y) == 1.0
    # One sample on the wrong side, and there is a minimum; unless it does not count.
    wrong = y.copy()
    wrong[0] = 1 - y[0]
    weights = np.ones(len(y))
    if n_classes == 2:  # of three, two may be told apart still
        _, categories = caught(apart, wrong, weights, **params)
        assert SeparationWarning not in categories
    weights[0] = 0.0
    with pytest.warns(SeparationWarning):
        SoftmaxGDClassifier(alpha=0, **params).fit(apart, wrong, weights)


def test_no_more_passes_than_halvings():
    """To look for separation costs a pass; the loss must have halved since the last."""
    X, y = load_iris(return_X_y=True)
    with pytest.warns(ConvergenceWarning, match="No minimum"):
        plain = SoftmaxGDClassifier(alpha=0).fit(X, y)
    silent = SoftmaxGDClassifier(alpha=0, tol=0, max_iter=plain.n_iter_).fit(X, y)
    looks = plain.passes_history_[-1] - silent.passes_history_[-1]
    assert 1 <= looks <= np.log2(plain.loss_history_[0] / plain.loss_) + 1


@pytest.mark.parametrize("learning_rate", ["auto", 0.1])
def test_who_asks_for_every_step_gets_every_step(learning_rate):
    """The lab's way: tol=0, and no word."""
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    model, categories = caught(X, y, tol=0, max_iter=30, learning_rate=learning_rate)
    assert categories == []
    assert (model.n_iter_, model.stop_reason_) == (30, "max_iter")


def test_the_features_are_named():
    """A level of a category that never has the event: the commonest case of all."""
    rng = np.random.default_rng(1)
    level, age = rng.integers(0, 5, 200), rng.normal(size=200)
    y = (age + rng.logistic(size=200) > 0).astype(int)
    y[level == 3] = 0
    columns = {"age": age, **{f"level {j}": (level == j) * 1.0 for j in range(1, 5)}}
    for tol in (1e-2, 1e-4, 1e-8):
        with pytest.warns(SeparationWarning, match="without an error by level 3, and") as found:
            model = SoftmaxGDClassifier(alpha=0, tol=tol).fit(pd.DataFrame(columns), y)
        assert len(found) == 1
        assert (model.converged_, model.stop_reason_) == (False, "separation")


def test_what_would_take_too_long_is_not_decided(rng, monkeypatch):
    monkeypatch.setattr("skl_softmax._fit.recession.MOST_UNKNOWNS", 3)
    X = rng.normal(size=(90, 4))
    with pytest.warns(ConvergenceWarning, match="was not decided"):
        SoftmaxGDClassifier(alpha=0).fit(X, rng.integers(0, 2, 90))


def test_soft_targets_are_judged_as_samples_of_each_class():
    X = np.array([[-2.0], [-1.0], [1.0], [2.0]])
    P = np.array([[1, 0], [0.5, 0.5], [0.5, 0.5], [0, 1]])
    model = SoftmaxGDClassifier(alpha=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert model.fit_proba(X, P).converged_
    P[1:3] = [[1, 0], [0, 1]]
    with pytest.warns(SeparationWarning):
        model.fit_proba(X, P)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_extreme_weights_and_offsets_do_not_separate(n_classes):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        X = rng.normal(size=(200, 3)) + 10.0 ** rng.integers(0, 7)
        y = rng.integers(0, n_classes, 200)
        assert kind_of(X - X.mean(axis=0), y) == "bounded"
        _, categories = caught(X, y, 10.0 ** rng.uniform(-3, 3, 200))
        assert SeparationWarning not in categories, seed


@pytest.mark.parametrize(("dtype", "offset"), [(np.float32, 100), (np.float32, 3000), (float, 1e6)])
def test_offsets_hide_nothing(dtype, offset):
    """An integer grid far from zero, exact in its dtype: the judge sees it at zero."""
    n_unbounded = 0
    for seed in range(80):
        X, y = draw(seed)
        kind = kind_of(X, y)
        _, categories = caught((X + offset).astype(dtype), y)
        if kind == "unbounded":
            n_unbounded += 1
            assert categories == [SeparationWarning], seed
        elif kind == "separated":
            assert len(categories) == 1, seed
        else:
            assert SeparationWarning not in categories, seed
    assert n_unbounded > 5


def test_a_giant_separates_nothing():
    """A code for missing beside collinear columns: only the columns without a penalty are free."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        age = rng.integers(18, 90, 150).astype(float)
        y = (0.03 * (age - 50) + rng.logistic(size=150) > 0).astype(int)
        age[:3] = 99999999
        net = np.round(np.exp(rng.normal(6, 1.5, 150)), 2)
        tax = np.round(0.19 * net, 2)
        _, categories = caught(np.column_stack([age, tax, net + tax]), y)
        assert SeparationWarning not in categories, seed
        rare, sex = (rng.random(150) < 0.03).astype(float), rng.integers(0, 2, 150).astype(float)
        y[rare == 1] = 0
        if kind_of(sex[:, np.newaxis], y) == "bounded":
            X = np.column_stack([sex, age, rare])
            _, categories = caught(X, y, penalty_factor=[0, 1, 1], alpha=1e-4)
            assert SeparationWarning not in categories, seed


def test_float32_is_judged_in_float64():
    """Two samples of each class overlap, and a third column tells the others apart."""
    apart = np.column_stack([np.zeros((10, 2)), np.repeat([-1.0, 1.0], 5)])
    apart[::2, 0] = apart[::3, 1] = 1.0
    X = np.vstack([[[0, 0, 0], [1, 1, 0], [0, 1, 0], [1, 0, 0]], apart])
    y = np.array([0, 0, 1, 1, *[0] * 5, *[1] * 5])
    assert kind_of(X, y) == "unbounded"
    with pytest.warns(SeparationWarning, match=r"^No minimum"):
        SoftmaxGDClassifier(alpha=0).fit((X + 100.0).astype(np.float32), y)


def test_a_margin_that_is_rounding_is_no_proof():
    X = np.array([[0, 0], [1, 1], [-1, -3], [0, -2], [1, 0], [0, -2], [-1, -2]])
    X += np.array([9286323, 250742])
    y = np.array([0, 1, 0, 0, 0, 0, 0])
    model, categories = caught(X.astype(float), y)
    assert len(categories) == 1
    if categories == [SeparationWarning] and model.stop_reason_ == "separation":
        assert model.score(X, y) == 1.0


def test_ctrl_c_while_looking_for_a_minimum(monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("skl_softmax._fit.diagnosis._unbounded", interrupted)
    X, y = load_iris(return_X_y=True)
    model = SoftmaxGDClassifier(alpha=0)
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    assert model.stop_reason_ == "interrupted"
    assert model.score(X, y) > 0.95


def test_a_program_that_does_not_end_is_not_waited_for(monkeypatch):
    """Then nothing is known: neither that there is a minimum, nor that there is none."""
    given = {}

    def out_of_time(*_, options, **__):
        given.update(options)
        return SimpleNamespace(status=1, x=None)

    monkeypatch.setattr("skl_softmax._fit.recession.linprog", out_of_time)
    X = np.random.default_rng(0).normal(size=(60, 2))
    y = np.arange(60) % 2
    with pytest.warns(ConvergenceWarning, match="need not have a minimum; here that was not deci"):
        model = SoftmaxGDClassifier(alpha=0).fit(X, y)
    assert model.stop_reason_ != "separation"
    assert 0.0 < given["time_limit"] <= 60.0
