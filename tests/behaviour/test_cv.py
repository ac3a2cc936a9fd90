"""The cross-validated classifier: its scores, its choice, and scikit-learn's conventions."""

import re
import warnings
from pathlib import Path
from types import SimpleNamespace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import (
    GridSearchCV,
    GroupKFold,
    KFold,
    LeaveOneOut,
    StratifiedKFold,
    cross_val_score,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler, scale
from threadpoolctl import threadpool_limits

from skl_softmax import (
    AlphaScoreDisplay,
    LossCurveDisplay,
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    softmax_path,
)
from skl_softmax._cv import _choice

X, y = load_iris(return_X_y=True)
ALPHAS = [1.0, 0.1, 0.01, 1e-3]


def by_hand(X, y, alphas, l1_ratios, cv, score, weights=None, **params):
    """Scores (n_folds, n_l1_ratios, n_alphas), from a fit for each."""
    weights = np.ones(len(y)) if weights is None else weights
    scores = []
    for train, test in cv.split(X, y):
        of_fold = []
        for ratio in l1_ratios:
            for alpha in alphas:
                model = SoftmaxGDClassifier(alpha=alpha, l1_ratio=ratio, tol=1e-16, **params)
                model.fit(X[train], y[train], weights[train])
                of_fold.append(score(model, X[test], y[test], weights[test]))
        scores.append(np.reshape(of_fold, (len(l1_ratios), len(alphas))))
    return np.array(scores)


def neg_log_loss(model, X, y, weights):
    return -log_loss(y, model.predict_proba(X), sample_weight=weights, labels=model.classes_)


def accuracy(model, X, y, weights):
    return model.score(X, y, weights)


# Grids of few alphas, on data that are nearly separable: the best is the last.
pytestmark = pytest.mark.filterwarnings("ignore:The best score is at an end:UserWarning")

SCORES = {"neg_log_loss": neg_log_loss, "accuracy": accuracy, None: accuracy}


@pytest.mark.parametrize("scoring", SCORES)
@pytest.mark.parametrize("layout", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("data", [load_iris, load_breast_cancer])
def test_scores_are_those_of_fits_alone(scoring, layout, data):
    X, y = data(return_X_y=True)
    ratios, cv = [0.0, 0.5], StratifiedKFold(3)
    model = SoftmaxGDClassifierCV(
        alphas=ALPHAS, l1_ratios=ratios, cv=cv, scoring=scoring, tol=1e-16
    ).fit(layout(X), y)
    expected = by_hand(X, y, ALPHAS, ratios, cv, SCORES[scoring])
    np.testing.assert_allclose(model.scores_, expected, atol=1e-5)
    assert model.scores_.shape == model.n_iter_.shape == (3, 2, 4)
    best = np.unravel_index(expected.mean(axis=0).argmax(), (2, 4))
    assert (model.l1_ratio_, model.alpha_) == (ratios[best[0]], ALPHAS[best[1]])
    alone = SoftmaxGDClassifier(alpha=model.alpha_, l1_ratio=model.l1_ratio_, tol=1e-16)
    np.testing.assert_array_equal(model.coef_, alone.fit(layout(X), y).coef_)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    assert model.score(X, y) == alone.score(X, y)


def test_weights_count_in_fits_and_scores(rng):
    weights = rng.integers(1, 5, len(y)).astype(float)
    cv = StratifiedKFold(4)
    for scoring, score in SCORES.items():
        model = SoftmaxGDClassifierCV(alphas=ALPHAS, cv=cv, scoring=scoring, tol=1e-16)
        model.fit(X, y, weights)
        expected = by_hand(X, y, ALPHAS, [0.0], cv, score, weights)
        np.testing.assert_allclose(model.scores_, expected, atol=1e-5)
    number = SoftmaxGDClassifierCV(alphas=ALPHAS, cv=cv, scoring=None).fit(X, y, 2.0)
    without = SoftmaxGDClassifierCV(alphas=ALPHAS, cv=cv, scoring=None).fit(X, y)
    np.testing.assert_array_equal(number.scores_, without.scores_)


def test_the_same_choice_as_logistic_regression_cv():
    """Its C is 1 / (alpha * the number of samples of a fold)."""
    X, y = load_wine(return_X_y=True)
    X = scale(X)
    alphas = np.geomspace(1.0, 1e-4, 6)
    cv = StratifiedKFold(2)  # both folds have 89 samples
    ours = SoftmaxGDClassifierCV(alphas=alphas, cv=cv, tol=1e-18, refit=False).fit(X, y)
    options = {"l1_ratios": (0,), "use_legacy_attributes": False}
    known = LogisticRegressionCV().get_params()
    options = {name: value for name, value in options.items() if name in known}
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = LogisticRegressionCV(
            Cs=1 / (89 * alphas), cv=cv, scoring="neg_log_loss", tol=1e-10, max_iter=10_000,
            refit=False, **options,
        ).fit(X, y)  # fmt: skip
    scores = peer.scores_
    scores = np.reshape(scores[1] if isinstance(scores, dict) else scores, (2, 6))
    np.testing.assert_allclose(ours.scores_[:, 0], scores, atol=1e-5)
    np.testing.assert_allclose(ours.predict_proba(X), peer.predict_proba(X), atol=1e-5)


def test_a_count_of_alphas_is_the_paths():
    X, y = load_wine(return_X_y=True)
    model = SoftmaxGDClassifierCV(alphas=4, l1_ratios=[0.0, 0.2, 1.0], eps=1e-2, cv=3).fit(X, y)
    for ratio, alphas in zip(model.l1_ratios_, model.alphas_, strict=True):
        path = softmax_path(X, y, n_alphas=4, l1_ratio=ratio, eps=1e-2)
        np.testing.assert_allclose(alphas, path.alphas, rtol=1e-12)
    assert model.alphas_.shape == (3, 4)
    unsorted = SoftmaxGDClassifierCV(alphas=ALPHAS[::-1], cv=3).fit(X, y)
    np.testing.assert_array_equal(unsorted.alphas_, [ALPHAS])


def test_one_standard_error():
    X, y = load_digits(return_X_y=True)
    params = {"alphas": 15, "cv": 4, "scoring": "accuracy"}
    best = SoftmaxGDClassifierCV(**params).fit(X, y)
    simple = SoftmaxGDClassifierCV(select="one_standard_error", **params).fit(X, y)
    np.testing.assert_array_equal(simple.scores_, best.scores_)
    scores, (alphas,) = best.scores_[:, 0], best.alphas_
    mean, error = scores.mean(axis=0), scores.std(axis=0, ddof=1) / 2
    i = mean.argmax()
    assert best.alpha_ == alphas[i]
    within = [alpha for alpha, m in zip(alphas, mean, strict=True) if m >= mean[i] - error[i]]
    assert simple.alpha_ == max(within) > best.alpha_


def test_the_standard_error_is_that_of_a_mean():
    """Of four folds with scores 0.5 ± 0.1: the deviation is 0.1155, the error 0.0577."""
    best = [0.4, 0.6, 0.4, 0.6]
    for shift, chosen in [(0.057, 0), (0.058, 1)]:
        scores = np.array([[[0.5 - shift, s]] for s in best])
        assert _choice(scores, "one_standard_error") == (0, chosen)
        assert _choice(scores, "best") == (0, 1)


def test_without_refit_weights_and_parameters_are_means_of_the_folds():
    X, y = load_wine(return_X_y=True)
    cv = KFold(3, shuffle=True, random_state=0)
    params = {"alphas": ALPHAS, "l1_ratios": [0.0, 1.0], "tol": 1e-16}
    model = SoftmaxGDClassifierCV(cv=cv, refit=False, **params).fit(X, y)
    chosen = []
    for (train, _), scores in zip(cv.split(X), model.scores_, strict=True):
        ratio, alpha = np.unravel_index(scores.argmax(), scores.shape)
        alone = SoftmaxGDClassifier(alpha=ALPHAS[alpha], l1_ratio=float(ratio), tol=1e-16)
        chosen.append(alone.fit(X[train], y[train]))
    assert model.alpha_ == pytest.approx(np.mean([each.alpha for each in chosen]))
    assert model.l1_ratio_ == pytest.approx(np.mean([each.l1_ratio for each in chosen]))
    np.testing.assert_allclose(model.coef_, np.mean([m.coef_ for m in chosen], axis=0), atol=1e-5)
    assert not hasattr(model, "best_estimator_")
    assert model.score(X, y) > 0.9


def test_in_processes(rng):
    X = rng.normal(size=(200, 6))
    y = (X[:, :3] + rng.gumbel(size=(200, 3))).argmax(axis=1)
    one, two = (SoftmaxGDClassifierCV(alphas=5, n_jobs=n).fit(X, y) for n in (None, 2))
    np.testing.assert_array_equal(two.scores_, one.scores_)
    np.testing.assert_array_equal(two.coef_, one.coef_)


def test_groups():
    groups = np.arange(150) % 5
    model = SoftmaxGDClassifierCV(alphas=3, cv=GroupKFold(5)).fit(X, y, groups=groups)
    splits = list(GroupKFold(5).split(X, y, groups))
    by_splits = SoftmaxGDClassifierCV(alphas=3, cv=splits).fit(X, y)
    np.testing.assert_array_equal(model.scores_, by_splits.scores_)


def test_folds_need_not_hold_out_every_class():
    some = np.r_[0:10, 60:70, 120:130]
    model = SoftmaxGDClassifierCV(alphas=ALPHAS, cv=LeaveOneOut(), tol=1e-16).fit(X[some], y[some])
    assert model.scores_.shape == (30, 1, 4)
    expected = by_hand(X[some], y[some], ALPHAS, [0.0], LeaveOneOut(), neg_log_loss)
    np.testing.assert_allclose(model.scores_, expected, atol=1e-4)


def test_class_weights_are_balanced_over_all_samples():
    some = np.r_[0:50, 50:80, 100:115]
    cv = StratifiedKFold(3)
    model = SoftmaxGDClassifierCV(alphas=ALPHAS, cv=cv, class_weight="balanced", tol=1e-16)
    model.fit(X[some], y[some])
    factors = dict(enumerate(1 / np.bincount(y[some])))
    expected = by_hand(X[some], y[some], ALPHAS, [0.0], cv, neg_log_loss, class_weight=factors)
    np.testing.assert_allclose(model.scores_, expected, atol=1e-5)


def test_own_scores_labels_and_names():
    frame, target = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["a", "b", "c"])[target]
    model = SoftmaxGDClassifierCV(alphas=3, scoring="f1_macro").fit(frame, names)
    assert set(model.predict(frame)) == {"a", "b", "c"}
    assert model.feature_names_in_.tolist() == list(frame.columns)
    assert 0.9 < model.scores_.mean(axis=0).max() <= 1.0
    model.fit(X, y)
    assert not hasattr(model, "feature_names_in_")
    constant = SoftmaxGDClassifierCV(alphas=3, scoring=lambda *_: 0.5).fit(X, y)
    assert constant.alpha_ == constant.alphas_[0, 0]  # of equals the simplest
    without = SoftmaxGDClassifierCV(alphas=3, scoring=lambda *given: float(len(given)))
    without.fit(X, y, np.ones(150))  # a score that takes no weights gets none
    assert np.all(without.scores_ == 3)


def test_in_pipelines_and_searches():
    pipeline = make_pipeline(StandardScaler(), SoftmaxGDClassifierCV(alphas=3, cv=3))
    assert cross_val_score(pipeline, X, y, cv=3).mean() > 0.9
    search = GridSearchCV(SoftmaxGDClassifierCV(alphas=3, cv=3), {"l1_ratios": [(0.0,), (1.0,)]})
    assert search.fit(X, y).score(X, y) > 0.9
    assert clone(search.best_estimator_).get_params() == search.best_estimator_.get_params()


def test_bit_by_bit_the_same_again():
    model = SoftmaxGDClassifierCV(l1_ratios=[0.0, 0.5])
    first = model.fit(X, y).scores_
    np.testing.assert_array_equal(model.fit(X, y).scores_, first)


@pytest.mark.filterwarnings("ignore:Not converged")
def test_one_warning_for_all_folds():
    with pytest.warns(ConvergenceWarning, match=r"^15 of 15 fits did not end") as seen:
        SoftmaxGDClassifierCV(alphas=3, max_iter=1, tol=1e-20).fit(X, y)
    assert sum("did not end as they should" in str(w.message) for w in seen) == 1
    assert all(w.filename == __file__ for w in seen if "did not end" in str(w.message))


class TestRareClasses:
    """A fold that holds out all samples of a class does without the class, for every alpha."""

    X, y = np.vstack([X[:100:2], X[[100]]]), np.append(y[:100:2], 2)

    @pytest.mark.parametrize("scoring", SCORES)
    @pytest.mark.parametrize("ratios", [[0.0], [0.5, 1.0]])
    def test_one_sample(self, scoring, ratios):
        model = SoftmaxGDClassifierCV(alphas=ALPHAS, l1_ratios=ratios, scoring=scoring, tol=1e-16)
        with pytest.warns(UserWarning, match="has only 1 members, which is less than") as caught:
            model.fit(self.X, self.y)
        with pytest.warns(UserWarning, match="has only 1 members"):
            splits = list(StratifiedKFold(5).split(self.X, self.y))
        assert {Path(each.filename).name for each in caught} == {"_split.py"}
        rest = [(train, test[self.y[test] != 2]) for train, test in splits]
        cv = SimpleNamespace(split=lambda *_: rest)
        expected = by_hand(self.X, self.y, ALPHAS, ratios, cv, SCORES[scoring])
        np.testing.assert_allclose(model.scores_, expected, atol=1e-5)
        assert model.best_estimator_.classes_.tolist() == [0, 1, 2]

    def test_what_cannot_be_scored_is_left_out(self):
        cv = LeaveOneOut()
        model = SoftmaxGDClassifierCV(alphas=[0.1], cv=cv).fit(self.X, self.y)
        assert model.scores_.shape == (50, 1, 1)
        two = np.append(np.zeros(50, int), 1)
        with pytest.warns(UserWarning, match="has only 1 members"):
            model = SoftmaxGDClassifierCV(alphas=[0.1]).fit(self.X, two)
        assert model.scores_.shape == (4, 1, 1)
        split = [([0, 1, 30, 31], [2, 32]), ([0, 1, 2, 3], [50])]
        model = SoftmaxGDClassifierCV(alphas=[0.1], cv=split, select="one_standard_error")
        with pytest.raises(ValueError, match="needs two folds at least"):
            model.fit(self.X, self.y)

    def test_more_than_one_sample_is_told_of(self):
        with pytest.warns(UserWarning, match="no sample of class 0 to be fitted in fold 0: its"):
            SoftmaxGDClassifierCV(alphas=[0.1], cv=KFold(2)).fit(X, y)
        with pytest.raises(ValueError, match=r"fold 0: use fewer folds, others, or refit=True"):
            SoftmaxGDClassifierCV(alphas=[0.1], cv=KFold(2), refit=False).fit(X, y)


@pytest.mark.parametrize("refit", [True, False])
def test_to_sklearn(refit):
    frame = load_iris(as_frame=True)
    model = SoftmaxGDClassifierCV(alphas=ALPHAS, refit=refit, class_weight="balanced")
    with pytest.raises(NotFittedError):
        model.to_sklearn()
    exported = model.fit(frame.data, frame.target).to_sklearn()
    assert type(exported) is LogisticRegression
    proba = model.predict_proba(frame.data)
    np.testing.assert_allclose(exported.predict_proba(frame.data), proba, atol=1e-12)
    assert exported.class_weight == "balanced"
    assert exported.feature_names_in_.tolist() == list(frame.data)
    n_iter = model.best_estimator_.n_iter_ if refit else model.n_iter_.max()
    assert exported.n_iter_.tolist() == [n_iter]
    assert not np.shares_memory(exported.coef_, model.coef_)


BAD = [
    ({"alphas": 0}, ValueError, "alphas must be an integer >= 1, got 0"),
    ({"alphas": 2.5}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": []}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": [-1.0]}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": [np.inf]}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": "ten"}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": None}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"alphas": True}, ValueError, "alphas must be an integer >= 1 or a sequence of finite"),
    ({"l1_ratios": []}, ValueError, "l1_ratios must be a sequence of numbers from 0 to 1, one"),
    ({"l1_ratios": 0.5}, TypeError, "l1_ratios must be a sequence of numbers from 0 to 1"),
    ({"l1_ratios": "0.5"}, TypeError, "l1_ratios must be a sequence of numbers from 0 to 1"),
    ({"l1_ratios": [0.5, 1.5]}, ValueError, "l1_ratios must be a sequence of numbers from 0 to 1"),
    ({"l1_ratios": [None]}, TypeError, "l1_ratios must be a sequence of numbers from 0 to 1"),
    ({"l1_ratios": [np.nan]}, ValueError, "l1_ratios must be a sequence of numbers from 0 to 1"),
    ({"eps": 2.0}, ValueError, "eps must be a number between 0 and 1, got 2.0"),
    ({"select": "1se"}, ValueError, "select must be one of ('best', 'one_standard_error')"),
    ({"select": []}, ValueError, "select must be one of ('best', 'one_standard_error')"),
    ({"refit": 1}, TypeError, "refit must be True or False, got 1"),
    (
        {"refit": False, "select": "one_standard_error"},
        ValueError,
        "select='one_standard_error' needs refit=True",
    ),
    (
        {"cv": [(np.arange(0, 150, 2), np.arange(1, 150, 2))], "select": "one_standard_error"},
        ValueError,
        "needs two folds at least",
    ),
    ({"cv": KFold(3)}, ValueError, "cv leaves no sample of class 0 to be fitted in fold 0"),
    ({"tol": -1.0}, ValueError, "tol must be a finite number >= 0"),
    ({"max_iter": 0}, ValueError, "max_iter must be an integer >= 1"),
    ({"fit_intercept": 1}, TypeError, "fit_intercept must be True or False"),
    ({"class_weight": {9: 1.0}}, ValueError, "it names [9], and the classes of y are [0, 1, 2]"),
    ({"scoring": "no such score"}, ValueError, "scoring"),
    ({"cv": 1}, ValueError, "k-fold"),
    ({"cv": []}, ValueError, "cv gave no folds"),
    ({"cv": [(np.arange(150), [])]}, ValueError, "cv holds out no sample in fold 0"),
    ({"scoring": ["accuracy"]}, TypeError, "scoring must be None, a name or a callable"),
    ({"scoring": lambda *_: np.nan}, ValueError, "gave NaN for alpha="),
]


@pytest.mark.parametrize(("params", "error", "message"), BAD)
def test_bad_input_leaves_an_earlier_fit_as_it_was(params, error, message):
    model = SoftmaxGDClassifierCV(alphas=3).fit(X, y)
    before = model.__dict__.copy()
    model.set_params(**params)
    with pytest.raises(error, match=re.escape(message)):
        model.fit(X, y)
    assert model.__dict__.keys() == before.keys()
    assert all(vars(model)[name] is before[name] for name in before.keys() - params.keys())


def test_bad_samples():
    model = SoftmaxGDClassifierCV(alphas=3)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(np.where(X > 7, np.nan, X), y)
    with pytest.raises(ValueError, match="one class"):
        model.fit(X, np.zeros(150))
    weights = np.ones(150)
    weights[np.r_[0:10, 50:60, 100:110]] = 0.0
    with pytest.raises(ValueError, match=r"no sample with a weight > 0 in fold 0"):
        model.fit(X, y, weights)
    with pytest.raises(ValueError, match="No sample of class 2 has a weight > 0"):
        model.fit(X, y, (y != 2) * 1.0)
    with pytest.raises(ValueError, match="No feature has a part in telling the classes apart"):
        model.fit(np.ones((30, 2)), np.arange(30) % 2)
    with pytest.raises(NotFittedError):
        model.predict(X)


class TestPicture:
    def test_what_is_drawn(self):
        model = SoftmaxGDClassifierCV(alphas=5, l1_ratios=[0.5, 1.0], cv=4).fit(X, y)
        display = AlphaScoreDisplay.from_estimator(model, linewidth=3)
        assert len(display.lines_) == len(display.errors_) == 2
        for r, line in enumerate(display.lines_):
            mean = model.scores_[:, r].mean(axis=0)
            np.testing.assert_allclose(line.get_xydata().T, [model.alphas_[r], mean])
            error = model.scores_[:, r].std(axis=0, ddof=1) / 2
            band = display.errors_[r].get_paths()[0].vertices[:, 1]
            assert band.max() == pytest.approx((mean + error).max())
            assert band.min() == pytest.approx((mean - error).min())
            assert line.get_linewidth() == 3
        assert display.alpha_line_.get_xdata()[0] == model.alpha_
        chosen = list(model.l1_ratios_).index(model.l1_ratio_)
        assert display.alpha_line_.get_color() == display.lines_[chosen].get_color()
        texts = [text.get_text() for text in display.ax_.get_legend().get_texts()]
        assert texts == ["l1_ratio=0.5", "l1_ratio=1"]
        left, right = display.ax_.get_xlim()
        assert left < right
        assert display.ax_.get_ylabel() == "neg_log_loss"

    def test_one_fold_one_ratio_and_given_axes(self):
        _, ax = plt.subplots()
        split = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
        model = SoftmaxGDClassifierCV(alphas=5, cv=split, scoring=None).fit(X, y)
        display = AlphaScoreDisplay.from_estimator(model, ax=ax)
        assert display.ax_ is ax
        assert not display.errors_
        assert ax.get_legend() is None
        assert ax.get_ylabel() == "accuracy"
        plt.close("all")

    def test_of_pipelines_and_of_what_there_is_none(self):
        pipeline = make_pipeline(StandardScaler(), SoftmaxGDClassifierCV(alphas=3)).fit(X, y)
        AlphaScoreDisplay.from_estimator(pipeline)
        search = GridSearchCV(pipeline, {"softmaxgdclassifiercv__alphas": [2, 3]}, cv=3).fit(X, y)
        AlphaScoreDisplay.from_estimator(search)
        with pytest.raises(NotFittedError):
            AlphaScoreDisplay.from_estimator(SoftmaxGDClassifierCV())
        with pytest.raises(TypeError, match="got SoftmaxGDClassifier"):
            AlphaScoreDisplay.from_estimator(SoftmaxGDClassifier().fit(X, y))

    @pytest.mark.parametrize("alphas", [[0.1, 0.0], [1.0, 0.03, 0.002, 0.0], [0.0], [20.0, 0.0]])
    def test_zero_stands_at_the_end(self, alphas):
        model = SoftmaxGDClassifierCV(alphas=alphas, l1_ratios=[0.0, 1.0]).fit(X[:, 1:2], y)
        display = AlphaScoreDisplay.from_estimator(model)
        for line in display.lines_:
            places = line.get_xdata()
            np.testing.assert_array_equal(places[:-1], alphas[:-1])
            assert 0.0 < places[-1] < min(places[:-1], default=1.0)
        best = places[alphas.index(model.alpha_)]
        assert display.alpha_line_.get_xdata()[0] == best
        left = display.ax_.get_xlim()[0]
        assert left < places[-1]
        labels = display.ax_.get_xticklabels(minor=True)
        assert [(text.get_text(), text.get_position()[0]) for text in labels] == [("0", places[-1])]
        display.figure_.canvas.draw()

    def test_the_loss_of_the_last_fit(self):
        model = SoftmaxGDClassifierCV(alphas=3).fit(X, y)
        (line,) = LossCurveDisplay.from_estimator(model).lines_
        np.testing.assert_array_equal(line.get_ydata(), model.best_estimator_.loss_history_)
