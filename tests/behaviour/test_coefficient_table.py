"""`coefficient_table`: a dense reference, published figures, invariances, and what it refuses."""

import pickle

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, special
from scipy.special import expit
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import CoefficientTable, SoftmaxGDClassifier, coefficient_table

# L. C. Spector and M. Mazzeo, "Probit analysis and economic education", Journal of Economic
# Education 11, 1980: GPA, TUCE, PSI and whether the grade improved. W. H. Greene, Econometric
# Analysis, uses it as an example.
SPECTOR = np.fromstring(
    """2.66 20 0 0  2.89 22 0 0  3.28 24 0 0  2.92 12 0 0  4.00 21 0 1  2.86 17 0 0  2.76 17 0 0
    2.87 21 0 0  3.03 25 0 0  3.92 29 0 1  2.63 20 0 0  3.32 23 0 0  3.57 23 0 0  3.26 25 0 1
    3.53 26 0 0  2.74 19 0 0  2.75 25 0 0  2.83 19 0 0  3.12 23 1 0  3.16 25 1 1  2.06 22 1 0
    3.62 28 1 1  2.89 14 1 0  3.51 26 1 0  3.54 24 1 1  2.83 27 1 1  3.39 17 1 1  2.67 24 1 0
    3.65 21 1 1  4.00 23 1 1  3.10 21 1 0  2.39 19 1 1""",
    sep=" ",
).reshape(32, 4)
COVARIANCES = ["model", "robust", "cluster"]
NUMBERS = ["estimate", "std_error", "log_likelihood", "null_log_likelihood"]


def reference_fit(X, P, weights, fit_intercept=True):
    """Newton's method for the free weights (K - 1, n_terms) by dense matrices, and the Hessian.

    P : (n_samples, K), the classes as probabilities; the last class has weights of zero
    """
    X1 = np.column_stack([X, np.ones(len(X))]) if fit_intercept else X
    K, n_terms = P.shape[1], X1.shape[1]
    free = np.zeros((K - 1, n_terms))
    for _ in range(60):
        logits = np.column_stack([X1 @ free.T, np.zeros(len(X))])
        proba = np.exp(logits - logits.max(axis=1, keepdims=True))
        proba /= proba.sum(axis=1, keepdims=True)
        scores = weights[:, None, None] * (proba - P)[:, :-1, None] * X1[:, None]
        curvature = np.einsum("ij,jk->ijk", proba, np.eye(K)) - proba[:, :, None] * proba[:, None]
        hessian = np.einsum("i,ijk,ia,ib->jakb", weights, curvature[:, :-1, :-1], X1, X1)
        hessian = hessian.reshape(free.size, free.size)
        scores = scores.reshape(len(X), -1)
        free -= np.linalg.solve(hessian, scores.sum(axis=0)).reshape(free.shape)
    likelihood = weights @ np.sum(P * np.log(np.maximum(proba, 1e-300)), axis=1)
    return free, hessian, scores, likelihood


def reference_covariance(hessian, scores, covariance, groups=None):
    inverse = np.linalg.inv(hessian)
    if covariance == "model":
        return inverse
    factor = 1.0
    if covariance == "cluster":
        scores = np.array([scores[groups == g].sum(axis=0) for g in np.unique(groups)])
        factor = len(scores) / (len(scores) - 1)
    return factor * inverse @ scores.T @ scores @ inverse


def draw(rng, n_classes, n_samples=300, n_features=3):
    """Features of several scales, off zero, and labels as noisy as they are predictable."""
    Z = rng.normal(size=(n_samples, n_features))
    logits = Z @ rng.normal(size=(n_features, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return Z * np.logspace(-2, 2, n_features) + 3.0, y


def fitted(X, y, weights=None, **params):
    return SoftmaxGDClassifier(alpha=0, **params).fit(X, y, weights)


def table_of(X, y, weights=None, *, params=None, **options):
    return coefficient_table(fitted(X, y, weights, **(params or {})), X, y, weights, **options)


def assert_printed(value, text):
    """Whether a number is what was printed, to its last digit."""
    assert abs(value - float(text)) <= 0.5000001 * 10.0 ** -len(text.partition(".")[2]), text


def test_spector_as_published():
    """In Econometric Analysis (5th ed., 2003, table 21.1), and by Stata's `logit`."""
    X, y = pd.DataFrame(SPECTOR[:, :3], columns=["GPA", "TUCE", "PSI"]), SPECTOR[:, 3] == 1
    table = table_of(X, y)
    rows = {
        "GPA": "2.826 1.263 2.238 0.025",
        "TUCE": "0.095 0.142 0.672 0.501",
        "PSI": "2.379 1.065 2.234 0.025",
        "intercept": "-13.021 4.931 -2.641 0.008",
    }
    for printed, numbers in zip(rows.values(), table.to_pandas().to_numpy(), strict=True):
        for text, number in zip(printed.split(), numbers, strict=False):
            assert_printed(number, text)
    assert table.terms == list(rows)
    assert_printed(table.log_likelihood, "-12.890")
    assert_printed(table.null_log_likelihood, "-20.592")
    assert_printed(table.null_test.statistic, "15.40")
    assert_printed(table.null_test.p_value, "0.0015")
    assert_printed(table.mcfadden_r2, "0.3740")
    assert_printed(table.aic, "33.779")
    assert_printed(table.bic, "39.642")


@pytest.mark.parametrize("covariance", COVARIANCES)
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_beside_a_dense_reference(n_classes, fit_intercept, covariance, rng):
    X, y = draw(rng, n_classes)
    weights = rng.integers(0, 4, len(y)).astype(float)
    groups = np.array(list("abcdefghijklmnopqrstuvwxyz"))[rng.integers(0, 26, len(y))]
    free, hessian, scores, likelihood = reference_fit(
        X, np.eye(n_classes)[y], weights, fit_intercept
    )
    expected = reference_covariance(hessian, scores, covariance, groups)
    table = table_of(
        X,
        y,
        weights,
        params={"fit_intercept": fit_intercept},
        covariance=covariance,
        groups=groups if covariance == "cluster" else None,
        reference=n_classes - 1,
    )
    np.testing.assert_allclose(table.estimate, free, rtol=1e-8)
    size = np.sqrt(np.outer(expected.diagonal(), expected.diagonal()))
    np.testing.assert_allclose(table.covariance / size, expected / size, atol=1e-8)
    assert table.log_likelihood == pytest.approx(likelihood, rel=1e-12)
    assert table.n_samples == weights.sum()
    counts = np.bincount(y, weights)
    null = counts @ np.log(counts / counts.sum())
    if not fit_intercept:
        null = -weights.sum() * np.log(n_classes)
    assert table.null_log_likelihood == pytest.approx(null, rel=1e-12)
    df = (n_classes - 1) * 3
    assert (table.null_test.df, table.n_parameters) == (df, df + fit_intercept * (n_classes - 1))
    if covariance == "model":
        assert table.null_test.statistic == pytest.approx(2 * (likelihood - null), rel=1e-9)
    else:
        tested = np.tile(np.arange(table.estimate.shape[1]) < 3, n_classes - 1)
        theta = free.ravel()[tested]
        statistic = theta @ np.linalg.solve(expected[np.ix_(tested, tested)], theta)
        assert table.null_test.statistic == pytest.approx(statistic, rel=1e-6)
    assert 0.0 <= table.null_test.p_value <= 1.0


@pytest.mark.parametrize("covariance", ["model", "robust"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_references_are_contrasts_of_each_other(n_classes, covariance, rng):
    X, y = draw(rng, n_classes)
    labels = np.array(["ash", "birch", "cedar", "fir"])[y]
    options = {"covariance": covariance}
    classifier = fitted(X, labels)
    free = coefficient_table(classifier, X, labels, **options)
    if n_classes == 2:
        assert (free.classes.tolist(), free.reference) == (["birch"], "ash")
        turned = coefficient_table(classifier, X, labels, reference="birch", **options)
        assert (turned.classes.tolist(), turned.reference) == (["ash"], "birch")
        np.testing.assert_allclose(turned.estimate, -free.estimate, rtol=1e-15)
        np.testing.assert_allclose(turned.covariance, free.covariance, rtol=1e-15)
        return
    np.testing.assert_allclose(free.estimate.sum(axis=0), 0.0, atol=1e-12)
    blocks = free.covariance.reshape(4, 4, 4, 4)
    np.testing.assert_allclose(blocks.sum(axis=0), 0.0, atol=1e-10 * blocks.max())
    for place, reference in enumerate(["ash", "birch", "cedar", "fir"]):
        table = coefficient_table(classifier, X, labels, reference=reference, **options)
        rows = [k for k in range(4) if k != place]
        assert table.classes.tolist() == [["ash", "birch", "cedar", "fir"][k] for k in rows]
        np.testing.assert_allclose(table.estimate, (free.estimate - free.estimate[place])[rows])
        contrast = np.kron((np.eye(4) - np.eye(4)[place])[rows], np.eye(4))
        expected = contrast @ free.covariance @ contrast.T
        np.testing.assert_allclose(table.std_error.ravel(), np.sqrt(expected.diagonal()))
        assert table.log_likelihood == free.log_likelihood


@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_weight_of_two_is_a_row_twice(n_classes, rng):
    X, y = draw(rng, n_classes)
    twice = rng.random(len(y)) < 0.4
    weighted = table_of(X, y, 1.0 + twice)
    repeated = table_of(np.concatenate([X, X[twice]]), np.concatenate([y, y[twice]]))
    for name in [*NUMBERS, "covariance", "n_samples", "aic", "bic"]:
        pair = (getattr(table, name) for table in (weighted, repeated))
        np.testing.assert_allclose(*pair, rtol=1e-10, err_msg=name)


def test_the_scale_of_weights(rng):
    """A hundred times the weights: a hundred times the samples, or nothing in a sandwich."""
    X, y = draw(rng, 3)
    weights, groups = rng.random(len(y)), np.arange(len(y)) // 10
    once, more = (table_of(X, y, scale * weights) for scale in (1.0, 100.0))
    np.testing.assert_allclose(more.std_error, once.std_error / 10.0, rtol=1e-9)
    for options in ({"covariance": "robust"}, {"covariance": "cluster", "groups": groups}):
        once, more = (table_of(X, y, scale * weights, **options) for scale in (1.0, 100.0))
        np.testing.assert_allclose(more.std_error, once.std_error, rtol=1e-9)
        assert more.null_test.statistic == pytest.approx(once.null_test.statistic, rel=1e-8)


def test_groups_of_one_sample_and_of_copies(rng):
    X, y = draw(rng, 3)
    n = len(y)
    robust = table_of(X, y, covariance="robust")
    alone = table_of(X, y, covariance="cluster", groups=rng.permutation(n))
    np.testing.assert_allclose(alone.covariance, robust.covariance * n / (n - 1), rtol=1e-9)
    copies = table_of(
        np.repeat(X, 3, axis=0), np.repeat(y, 3), covariance="cluster", groups=np.arange(3 * n) // 3
    )
    np.testing.assert_allclose(copies.covariance, alone.covariance, rtol=1e-9)
    # A group without weight does not count.
    weights, groups = np.ones(n), np.arange(n) // 5
    weights[-10:] = 0.0
    some = table_of(X, y, weights, covariance="cluster", groups=groups)
    left = table_of(X[:-10], y[:-10], covariance="cluster", groups=groups[:-10])
    np.testing.assert_allclose(some.covariance, left.covariance, rtol=1e-9)


def test_units_and_offsets(rng):
    X, y = draw(rng, 3)
    units, offset = np.array([1e-5, 3.0, 1e4]), np.array([1e3, -7.0, 1e6])
    table, other = table_of(X, y), table_of(X * units + offset * units, y)
    np.testing.assert_allclose(other.estimate[:, :3] * units, table.estimate[:, :3], rtol=1e-6)
    np.testing.assert_allclose(other.std_error[:, :3] * units, table.std_error[:, :3], rtol=1e-7)
    np.testing.assert_allclose(other.z[:, :3], table.z[:, :3], rtol=1e-6)
    assert other.log_likelihood == pytest.approx(table.log_likelihood, rel=1e-10)
    # The intercept takes up the offsets.
    back = np.diag(np.append(units, 1.0))
    back[3, :3] = offset * units
    np.testing.assert_allclose(other.estimate @ back.T, table.estimate, rtol=1e-5, atol=1e-6)
    back = np.kron(np.eye(3), back)
    covariance = back @ other.covariance @ back.T
    errors = np.sqrt(covariance.diagonal()).reshape(3, 4)
    np.testing.assert_allclose(errors, table.std_error, rtol=1e-3)
    intervals = table.predict_interval(X), other.predict_interval(X * units + offset * units)
    for mine, others in zip(*intervals, strict=True):
        np.testing.assert_allclose(mine, others, rtol=1e-6)


@pytest.mark.parametrize("covariance", ["model", "robust"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_no_row_is_left_out(n_classes, covariance, rng):
    """Rows of next to no curvature, which the models of a descent do without, count here."""
    X = rng.normal(size=(5000, 2)) * [30.0, 1.0]
    logits = X @ rng.normal(size=(2, n_classes))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    free, hessian, scores, _ = reference_fit(X, np.eye(n_classes)[y], np.ones(len(y)))
    expected = reference_covariance(hessian, scores, covariance)
    table = table_of(X, y, covariance=covariance, reference=n_classes - 1)
    np.testing.assert_allclose(table.estimate, free, rtol=1e-8)
    np.testing.assert_allclose(table.std_error.ravel(), np.sqrt(expected.diagonal()), rtol=1e-8)


@pytest.mark.parametrize("n_rare", [3, 800])
def test_a_first_hessian_of_a_sample(n_rare, rng, monkeypatch):
    """Of very many rows; where the sample lacks a class, all rows are taken at once."""
    X, y = draw(rng, 3, n_samples=4000)
    rare = np.flatnonzero(y == 2)[n_rare:]
    X, y = np.delete(X, rare, axis=0), np.delete(y, rare)
    expected = table_of(X, y, covariance="robust")
    monkeypatch.setattr("skl_softmax._fit.inference.FIRST_ROWS", 300)
    table = table_of(X, y, covariance="robust")
    for name in NUMBERS:
        np.testing.assert_allclose(getattr(table, name), getattr(expected, name), rtol=1e-9)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("n_classes", [2, 3])
def test_giant_numbers_and_rare_classes(n_classes, rng):
    """Where coordinates go by the median, and one class is a hundredth of the samples."""
    X, y = draw(rng, n_classes, n_samples=1000)
    y = np.where(y == 0, np.where(rng.random(1000) < 0.05, 0, 1), y)
    X[::200, 1] *= 1e4
    free, hessian, scores, _ = reference_fit(
        X / X.std(axis=0), np.eye(n_classes)[y], np.ones(len(y))
    )
    units = np.append(X.std(axis=0), 1.0)
    for covariance in ("model", "robust"):
        expected = reference_covariance(hessian, scores, covariance)
        table = table_of(
            X, y, params={"tol": 1e-12}, covariance=covariance, reference=n_classes - 1
        )
        np.testing.assert_allclose(table.estimate * units, free, rtol=1e-6)
        errors = np.sqrt(expected.diagonal()).reshape(free.shape)
        np.testing.assert_allclose(table.std_error * units, errors, rtol=1e-6)


@pytest.mark.parametrize(
    "params",
    [
        {"tol": 1e-2},
        {"tol": 1e-12},
        {"learning_rate": 0.5, "max_iter": 20_000},
        {"learning_rate": 0.5, "max_iter": 300, "tol": 0},
        {"warm_start": True},
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_whatever_the_fit_left_over(params, rng):
    """The table is of the maximum, not of where the fit stopped."""
    X, y = draw(rng, 3)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    expected, table = table_of(X, y, params={"tol": 1e-15}), table_of(X, y, params=params)
    for name in NUMBERS:
        np.testing.assert_allclose(getattr(table, name), getattr(expected, name), rtol=1e-9)


def test_layouts_and_types(rng):
    X, y = draw(rng, 3)
    X[rng.random(X.shape) < 0.5] = 0.0
    expected, single = table_of(X, y), X.astype(np.float32)
    for form in (np.asfortranarray, sparse.csr_array, sparse.csc_matrix, pd.DataFrame):
        table = table_of(form(X), y)
        np.testing.assert_allclose(table.covariance, expected.covariance, rtol=1e-8, atol=1e-12)
    expected = table_of(single.astype(np.float64), y)
    for form in (np.asarray, sparse.csr_array):
        table = table_of(form(single), y)
        assert table.estimate.dtype == np.float64
        for name in NUMBERS:
            np.testing.assert_allclose(getattr(table, name), getattr(expected, name), rtol=1e-9)


def test_sparse_data_that_stay_sparse(rng, monkeypatch):
    monkeypatch.setattr("skl_softmax._data.check.dense_if_small", lambda X: X)
    X, y = draw(rng, 3)
    X[rng.random(X.shape) < 0.5] = 0.0
    expected, table = (
        table_of(X, y, covariance="robust"),
        table_of(sparse.csr_array(X), y, covariance="robust"),
    )
    np.testing.assert_allclose(table.covariance, expected.covariance, rtol=1e-8, atol=1e-12)


def test_counts_of_classes_as_probabilities(rng):
    """Rows that stand for many samples: shares of the classes, and the number as the weight."""
    X, y = rng.integers(0, 3, (900, 2)).astype(float), None
    logits = X @ rng.normal(size=(2, 3))
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    rows, place = np.unique(X, axis=0, return_inverse=True)
    counts = np.zeros((len(rows), 3))
    np.add.at(counts, (place.ravel(), y), 1.0)
    total = counts.sum(axis=1)
    classifier = SoftmaxGDClassifier(alpha=0).fit_proba(rows, counts / total[:, None], total)
    grouped = coefficient_table(classifier, rows, counts / total[:, None], total)
    single = table_of(X, y)
    for name in ("estimate", "std_error", "log_likelihood", "class_weights", "aic"):
        np.testing.assert_allclose(getattr(grouped, name), getattr(single, name), rtol=1e-9)
    # With a sandwich, a row is a group of the samples that it stands for.
    n = len(rows)
    robust = coefficient_table(
        classifier, rows, counts / total[:, None], total, covariance="robust"
    )
    groups = table_of(X, y, covariance="cluster", groups=place.ravel())
    np.testing.assert_allclose(robust.covariance * n / (n - 1), groups.covariance, rtol=1e-8)


def test_class_weights_are_weights_in_a_sandwich(rng):
    X, y = draw(rng, 3)
    params = {"class_weight": {0: 3.0, 2: 0.5}}
    table = table_of(X, y, params=params, covariance="robust")
    expected = table_of(X, y, np.array([3.0, 1.0, 0.5])[y], covariance="robust")
    np.testing.assert_allclose(table.covariance, expected.covariance, rtol=1e-9)
    with pytest.raises(ValueError, match="With class_weight the loss is no likelihood"):
        table_of(X, y, params=params)


def kinds(rng):
    """Few samples on a grid, so that every kind of separation is frequent."""
    n, d, K = rng.integers(8, 60), rng.integers(1, 4), rng.integers(2, 4)
    X = np.rint(rng.standard_normal((n, d)) * 2.0)
    logits = X @ rng.standard_normal((d, K)) * rng.choice([0.5, 5.0])
    y = (logits + rng.gumbel(size=(n, K))).argmax(axis=1)
    y[:K] = np.arange(K)
    return np.column_stack([X, X.sum(axis=1)]) if rng.random() < 0.1 else X, y


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_an_estimate_or_the_features_that_separate():
    """Of small random problems, each has a table as the reference has it, or is refused."""
    counts = {"estimate": 0, "separated": 0, "collinear": 0}
    for seed in range(120):
        X, y = kinds(np.random.default_rng(seed))
        classifier = fitted(X, y, tol=1e-10)
        X1 = np.column_stack([X, np.ones(len(X))])
        if np.linalg.matrix_rank(X1) < X1.shape[1]:
            counts["collinear"] += 1
            with pytest.raises(ValueError, match="are collinear"):
                coefficient_table(classifier, X, y)
        elif classifier.stop_reason_ == "separation":  # which has an oracle of its own
            counts["separated"] += 1
            with pytest.raises(ValueError, match=r"No estimate exists: .* by (x|the intercept)"):
                coefficient_table(classifier, X, y)
        else:
            counts["estimate"] += 1
            table = coefficient_table(classifier, X, y, reference=y.max())
            free, hessian, *_ = reference_fit(X, np.eye(y.max() + 1)[y], np.ones(len(y)))
            np.testing.assert_allclose(table.estimate, free, rtol=1e-5, err_msg=str(seed))
            expected = np.sqrt(np.linalg.inv(hessian).diagonal()).reshape(free.shape)
            np.testing.assert_allclose(table.std_error, expected, rtol=1e-5, err_msg=str(seed))
    assert min(counts.values()) >= 3, counts


IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
VIRGINICA, ALL = SPECIES == 2, np.arange(150)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
class TestRefusals:
    def test_a_penalty(self):
        model = SoftmaxGDClassifier().fit(IRIS, VIRGINICA)
        with pytest.raises(ValueError, match=r"fit with alpha=0 \(now 0.0001\)"):
            coefficient_table(model, IRIS, VIRGINICA)

    def test_separated_classes(self):
        with pytest.raises(ValueError, match=r"No estimate exists: .* by .*petal .* merge classes"):
            table_of(IRIS, SPECIES)

    @pytest.mark.parametrize("n_classes", [2, 3])
    def test_a_level_without_an_event(self, n_classes, rng):
        level, age = rng.integers(0, 5, 300), rng.normal(size=300)
        logits = np.outer(age, np.arange(n_classes)) + rng.gumbel(size=(300, n_classes))
        event = np.where(level == 3, 0, logits.argmax(axis=1))
        X = pd.DataFrame(
            {"age": age, **{f"level {j}": level == j for j in range(1, 5)}}, dtype=float
        )
        with pytest.raises(ValueError, match="without an error by level 3, and the loss"):
            table_of(X, event)

    def test_collinear_columns(self):
        X = IRIS.assign(sum=IRIS.iloc[:, 0] - 2.0 * IRIS.iloc[:, 2], one=3.0)
        X = X.iloc[:, [3, 0, 4, 2, 5]]
        names = r"sepal length \(cm\), sum, petal length \(cm\), one are collinear"
        for form in (pd.DataFrame, lambda X: X.astype(np.float32)):
            with pytest.raises(ValueError, match=names):
                table_of(form(X), VIRGINICA)
        with pytest.raises(ValueError, match="columns x1, x2, x3, x4 are collinear"):
            table_of(sparse.csr_array(X.to_numpy()), VIRGINICA)

    def test_levels_that_sum_to_one(self, rng):
        level = rng.integers(0, 3, 200)
        X = np.column_stack([rng.normal(size=200), np.eye(3)[level]])
        y = rng.integers(0, 3, 200)
        with pytest.raises(ValueError, match="columns x1, x2, x3 are collinear"):
            table_of(X, y)
        assert table_of(X, y, params={"fit_intercept": False}).terms == ["x0", "x1", "x2", "x3"]

    def test_a_constant_column_without_an_intercept(self, rng):
        X = np.column_stack([rng.normal(size=200), np.ones(200)])
        y = rng.integers(0, 3, 200)
        table, other = table_of(X, y, params={"fit_intercept": False}), table_of(X[:, :1], y)
        np.testing.assert_allclose(table.estimate, other.estimate, rtol=1e-8)
        np.testing.assert_allclose(table.std_error, other.std_error, rtol=1e-8)

    def test_a_class_without_weight(self, rng):
        X, y = draw(rng, 3)
        with pytest.raises(ValueError, match=r"No sample has weight in the classes \[1\]"):
            table_of(X, y, (y != 1).astype(float))

    @pytest.mark.parametrize(
        "params",
        [
            {"max_iter": 1},
            {"learning_rate": 1e-9, "max_iter": 5, "tol": 0},
            {"early_stopping": True, "n_iter_no_change": 1, "learning_rate": 1e-3, "max_iter": 3},
        ],
        ids=str,
    )
    def test_a_fit_that_is_far_from_the_maximum(self, params, rng):
        X, y = draw(rng, 4, n_features=6)
        with pytest.raises(ValueError, match=r"not near the minimum .* until converged_ is True"):
            table_of(X, y, params=params)

    def test_other_samples(self, rng):
        X, y = draw(rng, 3)
        with pytest.raises(ValueError, match="Pass the samples and weights that were fitted"):
            coefficient_table(fitted(X, y), X, rng.permutation(y))

    def test_too_many_parameters(self, rng, monkeypatch):
        monkeypatch.setattr("skl_softmax._fit.inference.MOST_PARAMETERS", 7)
        X, y = draw(rng, 3)
        with pytest.raises(ValueError, match="There are 8 parameters, and at most 7 are allowed"):
            table_of(X, y)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"covariance": "hc3"}, ValueError, "must be 'model' or 'robust' or 'cluster', got"),
            ({"covariance": "cluster"}, TypeError, "needs groups, .* 'cluster' without groups"),
            ({"groups": np.zeros(150)}, TypeError, "no other takes them: got 'model' with groups"),
            ({"reference": "rose"}, ValueError, "reference must be None or False or True"),
            ({"level": 95}, ValueError, "level must be a number between 0 and 1, got 95"),
            ({"level": 1.0}, ValueError, "level must be a number between 0 and 1"),
            ({"level": "0.9"}, ValueError, "level must be a number between 0 and 1, got '0.9'"),
        ],
    )
    def test_options(self, options, error, message):
        with pytest.raises(error, match=message):
            table_of(IRIS, VIRGINICA, **options)

    @pytest.mark.parametrize(
        ("groups", "message"),
        [
            (np.arange(149), r"one label for each of the 150 samples, got shape \(149,\)"),
            (np.zeros((150, 1)), r"got shape \(150, 1\)"),
            (np.zeros(150), "at least two groups, got one"),
            (np.where(np.arange(150) < 3, np.nan, 1.0), "none of them missing"),
            (pd.Series(["a", None] * 75), "none of them missing"),
        ],
    )
    def test_groups(self, groups, message):
        with pytest.raises(ValueError, match=message):
            table_of(IRIS, VIRGINICA, covariance="cluster", groups=groups)

    def test_what_is_no_fitted_classifier(self):
        with pytest.raises(NotFittedError):
            coefficient_table(SoftmaxGDClassifier(alpha=0), IRIS, VIRGINICA)
        other = LogisticRegression().fit(IRIS, VIRGINICA)
        with pytest.raises(
            TypeError, match=r"a fitted SoftmaxGDClassifier.* got LogisticRegression"
        ):
            coefficient_table(other, IRIS, VIRGINICA)

    def test_inputs(self):
        model = fitted(IRIS, VIRGINICA)
        with pytest.raises(ValueError, match="Input X contains NaN"):
            coefficient_table(model, IRIS.where(IRIS > 1), VIRGINICA)
        with pytest.raises(ValueError, match="feature names should match"):
            coefficient_table(model, IRIS.rename(columns=str.upper), VIRGINICA)
        with pytest.raises(ValueError, match=r"y has labels \[2\] that were not fitted"):
            coefficient_table(model, IRIS, SPECIES)
        with pytest.raises(ValueError, match="sample_weight must be"):
            coefficient_table(model, IRIS, VIRGINICA, -np.ones(150))
        dask = pytest.importorskip("dask.array")
        with pytest.raises(TypeError, match="X is a Dask collection"):
            coefficient_table(model, dask.from_array(IRIS.to_numpy()), VIRGINICA)


def test_inside_pipelines_and_searches():
    scaler = StandardScaler()
    pipeline = make_pipeline(scaler, SoftmaxGDClassifier(alpha=0)).fit(IRIS, VIRGINICA)
    search = GridSearchCV(pipeline, {"softmaxgdclassifier__max_iter": [500]}, cv=[(ALL, ALL)])
    plain, deviations = table_of(IRIS, VIRGINICA), IRIS.std(ddof=0).to_numpy()
    for estimator in (pipeline, search.fit(IRIS, VIRGINICA)):
        table = coefficient_table(estimator, IRIS, VIRGINICA)
        assert table.terms == [*IRIS.columns, "intercept"]
        np.testing.assert_allclose(table.estimate[:, :4], plain.estimate[:, :4] * deviations)
        np.testing.assert_allclose(table.z[:, :4], plain.z[:, :4], rtol=1e-8)
        for mine, others in zip(
            table.predict_interval(IRIS), plain.predict_interval(IRIS), strict=True
        ):
            np.testing.assert_allclose(mine, others, rtol=1e-7)


def test_messages_name_the_features_of_a_pipeline():
    X = IRIS.assign(sum=IRIS.iloc[:, 0] + IRIS.iloc[:, 1]).iloc[:, [3, 0, 1, 4]]
    pipeline = make_pipeline(StandardScaler(), SoftmaxGDClassifier(alpha=0)).fit(X, VIRGINICA)
    with pytest.raises(
        ValueError, match=r"columns sepal length \(cm\), sepal width \(cm\), sum are"
    ):
        coefficient_table(pipeline, X, VIRGINICA)


def test_a_later_fit_does_not_change_a_table(rng):
    classifier = fitted(IRIS, VIRGINICA)
    table = coefficient_table(classifier, IRIS, VIRGINICA)
    expected = table.predict_interval(IRIS)
    X, y = draw(rng, 3)
    classifier.fit(X, y)
    for mine, before in zip(table.predict_interval(IRIS), expected, strict=True):
        np.testing.assert_array_equal(mine, before)
    copy = pickle.loads(pickle.dumps(table))
    assert type(copy) is CoefficientTable
    np.testing.assert_array_equal(copy.predict_interval(IRIS).lower, expected.lower)


def test_inputs_are_left_as_they_are(rng):
    X, y = draw(rng, 3)
    classifier, weights, groups = fitted(X, y), np.ones(len(y)), np.arange(len(y)) % 30
    state = pickle.dumps(classifier)
    copies = [array.copy() for array in (X, y, weights, groups)]
    for array in (X, y, weights, groups):
        array.flags.writeable = False
    coefficient_table(classifier, X, y, weights, covariance="cluster", groups=groups)
    assert pickle.dumps(classifier) == state
    for array, copy in zip((X, y, weights, groups), copies, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("covariance", ["model", "robust"])
@pytest.mark.parametrize("n_classes", [2, 4])
def test_errors_of_probabilities(n_classes, covariance, rng):
    """The delta method, with derivatives by finite differences."""
    X, y = draw(rng, n_classes)
    table = table_of(X, y, covariance=covariance, reference=n_classes - 1)
    interval = table.predict_interval(X)
    X1 = np.column_stack([X, np.ones(len(X))])

    def proba(free):
        logits = np.column_stack([X1 @ free.reshape(table.estimate.shape).T, np.zeros(len(X))])
        found = np.exp(logits - logits.max(axis=1, keepdims=True))
        return found / found.sum(axis=1, keepdims=True)

    free = table.estimate.ravel()
    steps = 1e-5 * table.std_error.ravel()
    jacobian = np.stack(
        [
            (proba(free + step) - proba(free - step)) / (2.0 * size)
            for step, size in zip(np.diag(steps), steps, strict=True)
        ],
        axis=-1,
    )
    variances = np.einsum("ika,ab,ikb->ik", jacobian, table.covariance, jacobian)
    np.testing.assert_allclose(interval.proba, proba(free), rtol=1e-8)
    np.testing.assert_allclose(interval.std_error, np.sqrt(variances), rtol=1e-5)
    center = np.log(interval.proba / (1.0 - interval.proba))
    reach = 1.959963984540054 * interval.std_error / (interval.proba * (1.0 - interval.proba))
    np.testing.assert_allclose(interval.lower, 1 / (1 + np.exp(reach - center)), rtol=1e-8)
    np.testing.assert_allclose(interval.upper, 1 / (1 + np.exp(-reach - center)), rtol=1e-8)
    narrow = table.predict_interval(X, level=0.5)
    assert (narrow.upper - narrow.lower < interval.upper - interval.lower).all()


def test_errors_of_probabilities_of_any_matrix(rng, monkeypatch):
    X, y = draw(rng, 3)
    X[rng.random(X.shape) < 0.5] = 0.0
    table = table_of(X, y)
    expected = table.predict_interval(X)
    monkeypatch.setattr("skl_softmax._engines.rows.BLOCK_ROWS", (70, 70))
    for form in (np.asarray, np.asfortranarray, sparse.csr_array, pd.DataFrame):
        for mine, others in zip(table.predict_interval(form(X)), expected, strict=True):
            np.testing.assert_allclose(mine, others, rtol=1e-12)
    far = table.predict_interval(X * 1e6)  # every probability is zero or one
    assert np.isfinite(far).all()
    with pytest.raises(ValueError, match="Input X contains NaN"):
        table.predict_interval(np.where(X == 0.0, np.nan, X))
    with pytest.raises(ValueError, match="3 features"):
        table.predict_interval(X[:, :2])
    with pytest.raises(ValueError, match="level must be"):
        table.predict_interval(X, level=2.0)


class TestCompare:
    def test_nested_models(self):
        large, small = table_of(IRIS, VIRGINICA), table_of(IRIS.iloc[:, 2:], VIRGINICA)
        test = large.compare(small)
        assert test == small.compare(large)
        assert test.statistic == pytest.approx(2 * (large.log_likelihood - small.log_likelihood))
        assert (test.df, test.kind) == (2, "likelihood ratio")
        assert test.p_value == pytest.approx(np.exp(-test.statistic / 2))  # of two degrees
        assert large.null_test.statistic - small.null_test.statistic == pytest.approx(
            test.statistic
        )

    def test_others_are_refused(self):
        large, small = table_of(IRIS, VIRGINICA), table_of(IRIS.iloc[:, 2:], VIRGINICA)
        with pytest.raises(TypeError, match="must be a CoefficientTable, got int"):
            large.compare(3)
        with pytest.raises(ValueError, match="needs tables with covariance='model'"):
            large.compare(table_of(IRIS.iloc[:, 2:], VIRGINICA, covariance="robust"))
        with pytest.raises(ValueError, match="of different samples"):
            large.compare(table_of(IRIS.iloc[1:, 2:], VIRGINICA[1:]))
        with pytest.raises(ValueError, match="both have 5 parameters"):
            large.compare(large)
        renamed = table_of(IRIS.iloc[:, 2:].rename(columns={"petal width (cm)": "w"}), VIRGINICA)
        with pytest.raises(ValueError, match=r"alone has the terms \['w'\]"):
            large.compare(renamed)
        worse = table_of(IRIS.iloc[:, :2].to_numpy(), VIRGINICA)
        with pytest.raises(ValueError, match="alone has the larger likelihood"):
            worse.compare(table_of(IRIS.iloc[:, [2]].to_numpy(), VIRGINICA))
        assert small.n_parameters == 3


def test_as_text_and_html(rng):
    X, y = draw(rng, 3)
    X = pd.DataFrame(X, columns=["a<b", "x", "y & z"])
    table = table_of(X, np.array(["low", "mid", "<top>"])[y], level=0.9)
    text = str(table)
    assert repr(table) == text
    lines = text.splitlines()
    assert lines[0].startswith("Softmax regression of 300 samples in 3 classes, against the mean")
    heads = "class term estimate std_error z p_value 90% lower 90% upper odds_ratio"
    assert " ".join(lines[4].split()) == heads
    assert len(lines) == 5 + 12
    assert lines[5].split()[:2] == ["<top>", "a<b"]
    assert float(lines[5].split()[2]) == pytest.approx(table.estimate[0, 0], rel=1e-3)
    html = table._repr_html_()
    assert "&lt;top&gt;" in html
    assert "a&lt;b" in html
    assert "<top>" not in html
    assert html.count("<tr>") == 13
    robust = str(table_of(X, y, covariance="robust", reference=2))
    assert "against class 2; covariance: robust" in robust
    assert "log pseudo-likelihood" in robust
    assert "Wald test of all features" in robust


def test_long_tables_are_cut(rng):
    X, y = rng.normal(size=(500, 30)), rng.integers(0, 3, 500)
    table = table_of(X, y)
    assert str(table).endswith("… and 33 more lines: to_pandas() has all.")
    assert "… and 33 more lines" in table._repr_html_()
    assert len(table.to_pandas()) == 93


def test_as_a_data_frame(rng, monkeypatch):
    X, y = draw(rng, 3)
    table = table_of(X, y, reference=1)
    frame = table.to_pandas()
    assert frame.index.names == ["class", "term"]
    assert frame.loc[(2, "x1"), "std_error"] == table.std_error[1, 1]
    np.testing.assert_allclose(frame["odds_ratio"], np.exp(frame["estimate"]))
    np.testing.assert_allclose(frame["z"], frame["estimate"] / frame["std_error"])
    for name, sign in (("lower", -1.0), ("upper", 1.0)):
        bound = frame["estimate"] + sign * 1.959963984540054 * frame["std_error"]
        np.testing.assert_allclose(frame[name], bound)
    np.testing.assert_allclose(
        frame["p_value"], 2.0 * special.erfc(frame["z"].abs() / 2**0.5) / 2.0, rtol=1e-10
    )
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="to_pandas needs pandas"):
        table.to_pandas()


def test_few_groups_have_no_wald_test(rng):
    X, y = draw(rng, 3, n_features=5)
    table = table_of(X, y, covariance="cluster", groups=np.arange(len(y)) % 4)
    assert np.isnan(table.null_test.statistic)
    assert np.isnan(table.null_test.p_value)


def test_clones_and_other_attributes_are_not_needed():
    classifier = clone(fitted(IRIS, VIRGINICA)).fit(IRIS, VIRGINICA)
    classifier.sparsify()
    table = coefficient_table(classifier, IRIS, VIRGINICA)
    np.testing.assert_allclose(table.estimate, table_of(IRIS, VIRGINICA).estimate, rtol=1e-10)


@pytest.mark.parametrize("x", [0.1, 10.0, 20.0, 300.0, -300.0])
def test_intervals_where_a_probability_is_nearly_one(x):
    """Of two classes: from the logit and its variance; 1 - p has lost its digits there."""
    X = np.array([-2, -1.5, -1, -0.2, 0.1, 0.3, -0.1, 1, 1.5, 2])[:, np.newaxis]
    y = np.array([0, 0, 0, 1, 0, 1, 0, 1, 1, 1])
    table = coefficient_table(SoftmaxGDClassifier(alpha=0).fit(X, y), X, y)
    row = np.array([x, 1.0])
    logit, error = table.estimate[0] @ row, np.sqrt(row @ table.covariance @ row)
    ends = logit + np.array([-1.0, 1.0]) * 1.959963984540054 * error
    found = table.predict_interval([[x]])
    np.testing.assert_allclose(found.proba[0], expit([-logit, logit]), rtol=1e-9)
    slope = expit(logit) * expit(-logit)
    np.testing.assert_allclose(found.std_error[0], slope * error, rtol=1e-9)
    np.testing.assert_allclose([found.lower[0, 1], found.upper[0, 1]], expit(ends), rtol=1e-7)
    np.testing.assert_allclose([found.upper[0, 0], found.lower[0, 0]], expit(-ends), rtol=1e-7)


def test_groups_without_weight_do_not_count():
    """One group with weight tells nothing of how groups differ."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, 2)), np.arange(100) % 2
    groups, weights = np.repeat(np.arange(5), 20), np.repeat([1.0, 0.0], [40, 60])
    model = SoftmaxGDClassifier(alpha=0).fit(X, y, weights)
    coefficient_table(model, X, y, weights, covariance="cluster", groups=groups)
    groups[:40] = 7
    with pytest.raises(ValueError, match="a weight > 0 in at least two groups, got one"):
        coefficient_table(model, X, y, weights, covariance="cluster", groups=groups)
