"""`SoftmaxGDClassifierCV`: the strength of the penalty, chosen by cross-validation.

Every fold is a path over all strengths. Knows no formula of the loss and no rule for a step.
"""

from __future__ import annotations

import warnings
from dataclasses import replace
from itertools import chain
from numbers import Integral
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import check_cv
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, FloatArray, IntArray, MatrixLike, to_numpy
from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._compat import HAS_DEVICES
from skl_softmax._data.device import labels_there
from skl_softmax._data.parameters import check_number, check_parameters, fitted_to
from skl_softmax._engines.device import OnDevice
from skl_softmax._engines.protocol import Samples
from skl_softmax._fit.folds import Fold, complete, fit_fold, mean_of_bests, there
from skl_softmax._fit.path import grids
from skl_softmax._fitted import EXPORTED, StoredMixin, unfitted
from skl_softmax._path import check_alphas, check_grid, check_input, warn_of
from skl_softmax._predictions import OnlyWith, PredictionMixin

SELECT = "best", "one_standard_error"
FIRST, LAST = 0, -1  # of the alphas
ENDS = {
    FIRST: (
        "largest",
        "no smaller one scores better. Larger alphas may: give alphas to look there. Or no feature"
        " helps, or a few of the samples held out, such as outliers, outweigh all others.",
    ),
    LAST: ("smallest", "alphas beyond it may be better. Give alphas to look there."),
}
SAME = 1e-3  # relative difference of scores that tells nothing


class SoftmaxGDClassifierCV(
    StoredMixin,
    PredictionMixin,
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """Softmax regression whose `alpha`, and `l1_ratio`, are chosen by cross-validation.

    In every fold, and for every `l1_ratio`, the weights are fitted for one `alpha` after another,
    each from where the one before it ended, and scored on the samples held out. With the best ones
    a `SoftmaxGDClassifier` is then fitted to all samples.

    Parameters
    ----------
    alphas : int or array-like of shape (n_alphas,), default=10
        The strengths of the penalty to try. An int: that many for each `l1_ratio`, as
        `softmax_path` spaces them for all samples.
    l1_ratios : array-like of shape (n_l1_ratios,), default=(0.0,)
        The shares of the L1 penalty to try.
    eps : float, default=1e-4
        The smallest alpha over the largest, if `alphas` is an int.
    cv : int, cross-validation generator or iterable, default=None
        How to split the samples. None: five folds with as many of each class, not shuffled.
    scoring : str, callable or None, default="neg_log_loss"
        What is best: a score as scikit-learn has them, larger is better. ``"neg_log_loss"`` is
        minus the mean cross-entropy in nats; None is the accuracy. (The method `score` is always
        the accuracy.)
    select : {"best", "one_standard_error"}, default="best"
        ``"best"`` takes the alpha and the l1_ratio of the highest mean score over the folds.
        ``"one_standard_error"`` takes that l1_ratio, and the largest alpha whose mean score with it
        is at most one standard error lower: a simpler model that may be as good.
    refit : bool, default=True
        Whether to fit all samples with the chosen parameters. False: each fold chooses its own
        parameters, and the weights and parameters are means over the folds.
    n_jobs : int, default=None
        How many processes share the folds. None: one; -1: one for each processor.
    penalty_factor : array-like of shape (n_features,), default=None
        What each alpha is multiplied by for each feature: numbers >= 0, as in
        `SoftmaxGDClassifier`. None: 1 for each feature.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=1000
        The largest number of steps of each fit.
    tol : float, default=1e-4
        Each fit stops when its loss is estimated to be at most `tol` times the null loss above its
        minimum; `SoftmaxGDClassifier` says more.
    class_weight : dict, "balanced" or None, default=None
        Factors ``{class: weight}`` on the weights of each class's samples. ``"balanced"`` gives
        every class the same total weight, over all samples.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    alpha_ : float
        The chosen strength of the penalty.
    l1_ratio_ : float
        The chosen share of L1.
    alphas_ : ndarray of shape (n_l1_ratios, n_alphas)
        The strengths tried with each of `l1_ratios_`, the largest first.
    l1_ratios_ : ndarray of shape (n_l1_ratios,)
        The shares tried.
    scores_ : ndarray of shape (n_folds, n_l1_ratios, n_alphas)
        The score on the samples held out by each fold. A fold that holds out all samples of a class
        does without that class, and is left out if nothing else is to be told apart or scored.
    n_iter_ : ndarray of int of shape (n_folds, n_l1_ratios, n_alphas)
        The steps of each fit, from the one before.
    coef_ : ndarray of shape (n_classes, n_features) or (1, n_features)
        Coefficients.
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts.
    best_estimator_ : SoftmaxGDClassifier
        The classifier with these weights, fitted to all samples; displays draw that one. Only with
        ``refit=True``.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.

    See Also
    --------
    AlphaScoreDisplay : Draws the scores over alpha.
    softmax_path : The weights over alpha.
    sklearn.linear_model.LogisticRegressionCV : Such a choice by scikit-learn's solvers.

    References
    ----------
    .. [1] Hastie, T., Tibshirani, R. and Friedman, J., The Elements of Statistical Learning, 2nd
       ed., Springer, 2009, section 7.10 (the rule of one standard error).
       https://doi.org/10.1007/978-0-387-84858-7

    Examples
    --------
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import SoftmaxGDClassifierCV
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = SoftmaxGDClassifierCV(alphas=[1.0, 0.01, 0.0001]).fit(X, y)
    >>> classifier.alpha_
    0.01
    >>> classifier.scores_.mean(axis=(0, 1)).round(2)
    array([-0.32, -0.1 , -0.1 ])
    """

    alpha_: float
    l1_ratio_: float
    alphas_: FloatArray
    l1_ratios_: FloatArray
    scores_: FloatArray
    n_iter_: IntArray
    best_estimator_: SoftmaxGDClassifier = OnlyWith("refit=True")  # type: ignore[assignment]
    n_features_in_: int
    feature_names_in_: Array
    _doc_link_module = "skl_softmax"
    _doc_link_template = SoftmaxGDClassifier._doc_link_template

    _unnumbered_format = 2  # searches of format 2 were stored without its number at first

    def __init__(
        self,
        *,
        alphas: int | ArrayLike = 10,
        l1_ratios: ArrayLike = (0.0,),
        eps: float = 1e-4,
        cv: object = None,
        scoring: object = "neg_log_loss",
        select: str = "best",
        refit: bool = True,
        n_jobs: int | None = None,
        penalty_factor: ArrayLike | None = None,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        class_weight: dict[object, float] | str | None = None,
    ) -> None:
        self.alphas = alphas
        self.l1_ratios = l1_ratios
        self.eps = eps
        self.cv = cv
        self.scoring = scoring
        self.select = select
        self.refit = refit
        self.n_jobs = n_jobs
        self.penalty_factor = penalty_factor
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = HAS_DEVICES
        tags.classifier_tags.poor_score = not self.fit_intercept  # as the classifier's
        return tags

    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        groups: ArrayLike | None = None,
    ) -> Self:
        """Choose, and fit.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. Arrays of other libraries stay on their device, with scikit-learn's
            ``array_api_dispatch``; `scoring` is then given such arrays, but for its default.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, for the fits and for the scores, if `scoring` takes any. None: all
            equal.
        groups : array-like of shape (n_samples,), default=None
            What `cv` keeps together, if it is a splitter of groups. (With metadata routing,
            ``set_fit_request(groups=True)`` asks for it.)

        Returns
        -------
        self : SoftmaxGDClassifierCV
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is not allowed; if every fold, or with ``refit=False`` any,
            holds out all samples of a class; an earlier fit stays as it was.

        Warns
        -----
        ConvergenceWarning
            Once for all fits of the folds that did not reach `tol`, and as `SoftmaxGDClassifier`
            for the last.
        UserWarning
            If `alphas` is an int and the best score is at an end of the alphas that were tried; or
            if a fold holds out all samples of a class: it then neither fits nor scores that class.
            (Of a class with a single sample, only scikit-learn's stratified folds warn.)
        """
        ratios, strengths = self._check_parameters()
        model = self._classifier()
        samples = check_input(model, X, y, sample_weight, all_finite=True, in_memory=True)
        parameters = fitted_to(samples, check_parameters(model), model)
        of_ratios = [replace(parameters, l1_ratio=ratio) for ratio in ratios.tolist()]
        alphas = grids(of_ratios, samples, len(model.classes_), strengths, self.eps)
        folds = self._folds(model.classes_, samples, sample_weight, groups)
        results = Parallel(n_jobs=self.n_jobs)(
            delayed(fit_fold)(fold, self._classifier(), of_ratio, its_alphas, self.scoring)
            for fold in folds
            for of_ratio, its_alphas in zip(of_ratios, alphas, strict=True)
        )
        shape = (len(folds), *alphas.shape)
        scores = np.reshape([result.scores for result in results], shape)
        if self.refit:
            ratio, alpha = _choice(scores, self.select)
            best = self._classifier(float(ratios[ratio]), float(alphas[ratio, alpha]))
            chosen = _attributes_of(best.fit(X, y, sample_weight))
        else:
            chosen = mean_of_bests(results, ratios, samples.X)
        if hasattr(model, "feature_names_in_"):
            chosen["feature_names_in_"] = model.feature_names_in_
        self.__dict__ = {  # at once: other threads may predict with an earlier fit
            **unfitted(self),
            **chosen,
            "classes_": labels_there(model.classes_, y, samples.X),
            "scores_": there(samples.X, scores),
            "n_iter_": there(samples.X, np.reshape([result.n_iter for result in results], shape)),
            "alphas_": there(samples.X, alphas),
            "l1_ratios_": there(samples.X, ratios),
            "n_features_in_": model.n_features_in_,
        }
        if isinstance(strengths, int) and strengths > 1:
            _warn_of_end(scores, alphas)
        found_warnings = list(chain(*(result.warnings for result in results)))
        warn_of(found_warnings, np.tile(alphas.ravel(), len(folds)).tolist())
        return self

    def to_sklearn(self) -> LogisticRegression:
        """Return scikit-learn's `LogisticRegression`, fitted, with these weights.

        See `SoftmaxGDClassifier.to_sklearn`.

        Returns
        -------
        classifier : sklearn.linear_model.LogisticRegression
            It shares no memory with this one.

        Raises
        ------
        NotFittedError
            If there are no weights yet.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifierCV
        >>> X, y = load_iris(return_X_y=True)
        >>> SoftmaxGDClassifierCV(alphas=[0.01, 0.001]).fit(X, y).to_sklearn().score(X, y)
        0.98
        """
        check_is_fitted(self)
        if self.refit:
            return self.best_estimator_.to_sklearn()
        mean = self._classifier()
        mean.__dict__.update({name: vars(self)[name] for name in EXPORTED if hasattr(self, name)})
        mean.n_iter_ = int(self.n_iter_.max())
        return mean.to_sklearn()

    def _classifier(self, l1_ratio: float = 0.0, alpha: float = 1.0) -> SoftmaxGDClassifier:
        """One with these parameters."""
        return SoftmaxGDClassifier(
            alpha=alpha,
            l1_ratio=l1_ratio,
            penalty_factor=self.penalty_factor,
            fit_intercept=self.fit_intercept,
            max_iter=self.max_iter,
            tol=self.tol,
            class_weight=self.class_weight,
        )

    def _check_parameters(self) -> tuple[Array, Array | int]:
        """Check the search's own parameters; return the l1_ratios, and the alphas or a number."""
        if isinstance(self.alphas, Integral) and not isinstance(self.alphas, bool | np.bool_):
            check_grid("alphas", self.alphas, self.eps)
            strengths: Array | int = int(self.alphas)
        else:
            strengths = check_alphas(self.alphas, "an integer >= 1 or")
        allowed = "a sequence of numbers from 0 to 1"
        if isinstance(self.l1_ratios, str) or np.ndim(self.l1_ratios) != 1:
            raise TypeError(f"l1_ratios must be {allowed}, got {self.l1_ratios!r}.")
        ratios = np.ravel(np.asarray(self.l1_ratios, dtype=object)).tolist()
        if not ratios:
            raise ValueError(f"l1_ratios must be {allowed}, one at least, got {self.l1_ratios!r}.")
        for ratio in ratios:
            check_number("l1_ratios", ratio, at_least=0.0, at_most=1.0, allowed=allowed)
        if not (self.scoring is None or isinstance(self.scoring, str) or callable(self.scoring)):
            raise TypeError(f"scoring must be None, a name or a callable, got {self.scoring!r}.")
        if self.select not in SELECT:
            raise ValueError(f"select must be one of {SELECT}, got {self.select!r}.")
        if not isinstance(self.refit, bool | np.bool_):
            raise TypeError(f"refit must be True or False, got {self.refit!r}.")
        if not self.refit and self.select != "best":
            raise ValueError(f"select={self.select!r} needs refit=True: folds choose their best.")
        return np.array(ratios, dtype=np.float64), strengths

    def _folds(
        self,
        classes: Array,
        samples: Samples,
        sample_weight: ArrayLike | None,
        groups: ArrayLike | None,
    ) -> list[Fold]:
        """The folds, each with samples to fit and with some to score."""
        labels = classes[samples.y]
        weights = None
        if sample_weight is not None:
            weights = np.asarray(to_numpy(sample_weight), dtype=np.float64)
        if weights is not None and weights.ndim == 0:  # a number weighs all alike
            weights = None
        X = samples.X.X if isinstance(samples.X, OnDevice) else samples.X
        splits = check_cv(self.cv, labels, classifier=True).split(X, labels, to_numpy(groups))
        folds = [Fold(classes, samples, weights, *split) for split in splits]
        if not folds:
            raise ValueError("cv gave no folds.")
        totals = np.bincount(samples.y, samples.weights, len(classes))
        if not totals.all():
            missing = classes[totals == 0.0].tolist()
            raise ValueError(f"No sample of class {missing[0]!r} has a weight > 0.")
        folds, warning = complete(folds, may_lack_classes=self.refit)
        if warning is not None:
            warnings.warn(warning, stacklevel=3)
        if self.select != "best" and len(folds) < 2:
            raise ValueError(f"select={self.select!r} needs two folds at least, cv gave one.")
        return folds


def _attributes_of(best: SoftmaxGDClassifier) -> dict[str, object]:
    """What a search has of the classifier that was fitted with its choice."""
    return {
        "best_estimator_": best,
        "alpha_": best.alpha,
        "l1_ratio_": best.l1_ratio,
        "coef_": best.coef_,
        "intercept_": best.intercept_,
    }


def _warn_of_end(scores: Array, alphas: Array) -> None:
    """Warn if the best score is at an end of the strengths (n_l1_ratios, n_alphas)."""
    end = _end_of(scores)
    if end is not None:
        which, meaning = ENDS[end]
        warnings.warn(
            f"The best score is at an end of the alphas that were tried, at the {which} of"
            f" {alphas.shape[1]}, {alphas[:, end].max():.3g}: {meaning}",
            UserWarning,
            stacklevel=3,
        )


def _end_of(scores: Array) -> int | None:
    """At which end of the strengths the best score is, `FIRST` or `LAST`, if at any.

    At the first if none scores better than that; at the last if that scores better than the next.
    """
    mean = scores.mean(axis=0)
    ratio, best = np.unravel_index(mean.argmax(), mean.shape)
    score, first, next_to_last = mean[ratio, best], mean[ratio, FIRST], mean[ratio, LAST - 1]
    if best == mean.shape[1] - 1:
        return LAST if score - next_to_last > SAME * abs(next_to_last) else None
    return FIRST if score - first <= SAME * abs(first) else None


def _choice(scores: Array, select: str) -> tuple[int, int]:
    """Which l1_ratio and which alpha to take, given scores (n_folds, n_l1_ratios, n_alphas)."""
    mean = scores.mean(axis=0)
    ratio, alpha = np.unravel_index(mean.argmax(), mean.shape)
    if select == "one_standard_error":
        error = scores[:, ratio, alpha].std(ddof=1) / np.sqrt(len(scores))
        alpha = np.argmax(mean[ratio] >= mean[ratio, alpha] - error)  # the first, so the largest
    return int(ratio), int(alpha)
