"""`coefficient_table`: a fit's estimates with their standard errors, tests and intervals.

The classifier computes the estimates and their covariance (`_infer`); this module turns them into
the parametrisation that is asked for.
"""

from __future__ import annotations

from copy import copy

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc
from sklearn.base import BaseEstimator

from skl_softmax._arrays import Array, Matrix, on_host, to_numpy
from skl_softmax._model import UncertainModel
from skl_softmax._plot.source import Trained, check_choice, names_of, unwrap
from skl_softmax._plot.table import (
    INTERCEPT,
    CoefficientTable,
    ModelTest,
    check_level,
    likelihood_ratio,
)

COVARIANCES = "model", "robust", "cluster"


def coefficient_table(
    classifier: BaseEstimator,
    X: ArrayLike | Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    covariance: str = "model",
    groups: ArrayLike | None = None,
    reference: object = None,
    level: float = 0.95,
) -> CoefficientTable:
    r"""Return a fit's estimates with standard errors, tests and confidence intervals.

    The fit must be one of maximum likelihood, ``alpha=0``. From its weights, steps of Newton's
    method lead to the maximum of the likelihood at the precision of float64, whatever `tol` and the
    dtype were: the estimates of the table can therefore differ from `coef_` by what `tol` left.

    Parameters
    ----------
    classifier : SoftmaxGDClassifier
        Fitted with ``alpha=0``; or a Pipeline or search that ends in one: X is then transformed,
        and the coefficients are those of the transformed features.
    X : array-like or sparse matrix of shape (n_samples, n_features)
        The samples that were fitted: in memory, on disk, on another device or, for
        `DaskSoftmaxGDClassifier`, on a cluster.
    y : array-like of shape (n_samples,) or (n_samples, n_classes)
        Their labels, or the probabilities of `classes_`.
    sample_weight : array-like of shape (n_samples,), default=None
        The weights that were fitted with. None: all one. In ``"model"`` they are frequencies: a
        weight of two means a sample seen twice. In ``"robust"`` and ``"cluster"`` they may be of
        any scale, which changes no standard error.
    covariance : {"model", "robust", "cluster"}, default="model"
        - ``"model"``: the inverse Fisher information, for a model whose probabilities are true.
        - ``"robust"``: the sandwich [1]_, which also holds where they are not (often called HC0).
        - ``"cluster"``: the sandwich for samples that depend on each other within `groups`, times
          G / (G - 1) for G groups. It needs many groups, at least dozens.
    groups : array-like of shape (n_samples,), default=None
        The group of each sample, for ``covariance="cluster"``.
    reference : label, default=None
        The class that all others are compared with, as in other software. None: as in `coef_`,
        classes are compared with the geometric mean of all, and rows sum to zero; of two classes,
        the second is compared with the first.
    level : float, default=0.95
        The confidence of the intervals, between 0 and 1.

    Returns
    -------
    table : CoefficientTable
        Estimates, standard errors, z, p-values, intervals and odds ratios, the likelihood with its
        tests and criteria; it prints, draws (`plot`) and converts (`to_pandas`).

    Raises
    ------
    NotFittedError
        If there are no weights yet.
    TypeError
        If the estimator is of another kind, or `groups` are missing or not asked for.
    ValueError
        If ``alpha > 0``: a penalised estimate has no such standard error. If no estimate exists,
        since the features that are named tell samples apart without an error, or since the columns
        that are named are collinear; if a class has no weight; if the weights are not near the
        minimum on these samples; if `class_weight` was given with ``"model"``; if there are more
        than 8192 parameters; if another input is not allowed.

    See Also
    --------
    CoefficientTable.predict_interval : Standard errors of predicted probabilities.

    Notes
    -----
    A few passes over the samples, in blocks: there is no array of samples × classes. Beside X there
    are three or four matrices with the square of the number of parameters, and for ``"cluster"`` up
    to 32 MB of sums over groups.

    References
    ----------
    .. [1] H. White, "Maximum likelihood estimation of misspecified models", Econometrica 50, 1982.
       https://doi.org/10.2307/1912526
    .. [2] A. Agresti, Categorical Data Analysis, 3rd ed., Wiley, 2013, chapters 5 and 8.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl_softmax import SoftmaxGDClassifier, coefficient_table
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> X, y = X.iloc[:, :2], y.map({0: "setosa", 1: "versicolor", 2: "virginica"})
    >>> X, y = X[y != "setosa"], y[y != "setosa"]
    >>> classifier = SoftmaxGDClassifier(alpha=0).fit(X, y)
    >>> print(coefficient_table(classifier, X, y))
    Softmax regression of 100 samples in 2 classes, against class versicolor; covariance: model
    log-likelihood -55.1..., without features -69.3147; McFadden's R² 0.20...; AIC 116...
    """
    check_choice("covariance", covariance, COVARIANCES)
    if (groups is not None) != (covariance == "cluster"):
        raise TypeError(
            f"covariance='cluster' needs groups, and no other takes them: got {covariance!r}"
            f" {'without' if groups is None else 'with'} groups."
        )
    level = check_level(level)
    inner, before = unwrap(classifier, "SoftmaxGDClassifier", "loss_history_")
    labels = to_numpy(inner.classes_)
    check_choice("reference", reference, [None, *labels.tolist()])
    for steps in before:
        X = steps.transform(X)
    trained = Trained(copy(on_host(inner)), tuple(before))  # a later fit must not change the table
    names = names_of(trained.feature_names(), inner.n_features_in_)
    found, total = inner._infer(X, y, sample_weight, covariance, groups, names)
    n_features, has_intercept = len(names), inner.fit_intercept
    contrasts, rows, reference = contrasts_of(labels.tolist(), reference)
    weights = found.params if len(found.params) == 1 else found.params[:-1] - found.params[-1:]
    units = raw_units(found.center, found.scale, has_intercept=has_intercept)

    def combined(matrix: Array) -> Array:
        """The rows of the table, from rows for the free weights: (n_rows * n_terms, any)."""
        of_classes = np.tensordot(contrasts, matrix.reshape(*weights.shape, -1), axes=1)
        return np.asarray((units @ of_classes).reshape(-1, matrix.shape[1]))

    likelihood, null = -total * found.loss, -total * found.null_loss
    n_parameters, df = weights.size, len(weights) * n_features
    if covariance == "model":
        test = likelihood_ratio(2.0 * (likelihood - null), df)
    else:
        test = wald(weights, found.covariance, n_features)
    return CoefficientTable(
        classes=labels[rows],
        reference=reference,
        terms=[*names, INTERCEPT] if has_intercept else names,
        estimate=contrasts @ weights @ units.T,
        covariance=combined(combined(found.covariance).T),
        covariance_type=covariance,
        level=level,
        n_samples=total,
        class_weights=total * found.shares,
        n_parameters=n_parameters,
        log_likelihood=likelihood,
        null_log_likelihood=null,
        null_test=test,
        _trained=trained,
        _model=UncertainModel(found.params, found.center, found.scale, found.covariance),
    )


def contrasts_of(labels: list[object], reference: object) -> tuple[Array, list[int], object]:
    """What turns the free weights into the rows of a table.

    Free are the weights of all classes but the last, less those of the last; of two classes, those
    of the second class less those of the first.

    Returns the matrix (n_rows, n_classes - 1), the class of each row, as its place among the
    labels, and the reference.
    """
    n_classes = len(labels)
    if n_classes == 2:
        place = 0 if reference is None else labels.index(reference)
        return np.array([[1.0 - 2.0 * place]]), [1 - place], labels[place]
    free = np.eye(n_classes)[:, :-1]
    if reference is None:
        return free - free.mean(axis=0), list(range(n_classes)), None
    place = labels.index(reference)
    rows = [k for k in range(n_classes) if k != place]
    return (free - free[place])[rows], rows, reference


def raw_units(center: Array, scale: Array, *, has_intercept: bool) -> Array:
    """The matrix (n_terms, n_terms) that turns standardised weights into those of raw features."""
    units = np.diag(np.append(1.0 / scale, np.ones(int(has_intercept))))
    if has_intercept:
        units[-1, :-1] = -center / scale
    return units


def wald(weights: Array, covariance: Array, n_features: int) -> ModelTest:
    """Wald's test that no feature matters, from free weights (n_free_classes, n_terms).

    The statistic is NaN where the covariance is singular: there are fewer groups than features.
    """
    is_feature = np.tile(np.arange(weights.shape[1]) < n_features, len(weights))
    tested, within = weights.ravel()[is_feature], covariance[np.ix_(is_feature, is_feature)]
    if np.linalg.matrix_rank(within, hermitian=True) < len(tested):
        return ModelTest(np.nan, len(tested), np.nan, "Wald")
    statistic = float(tested @ np.linalg.solve(within, tested))
    return ModelTest(statistic, len(tested), float(chdtrc(len(tested), statistic)), "Wald")
