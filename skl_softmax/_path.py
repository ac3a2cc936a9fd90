"""`softmax_path`: the weights for many strengths of the penalty."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from sklearn.exceptions import ConvergenceWarning

from skl_softmax._arrays import Array, Matrix, MatrixLike
from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._data.check import check_samples
from skl_softmax._data.parameters import check_integer, check_number, check_parameters, fitted_to
from skl_softmax._data.samples import FitInput
from skl_softmax._engines.protocol import Samples
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.path import descend_path, grid, prepare
from skl_softmax._model import SoftmaxPath


def softmax_path(
    X: MatrixLike,
    y: ArrayLike,
    *,
    alphas: ArrayLike | None = None,
    n_alphas: int = 100,
    eps: float = 1e-4,
    l1_ratio: float = 0.0,
    penalty_factor: ArrayLike | None = None,
    fit_intercept: bool = True,
    max_iter: int = 1000,
    tol: float = 1e-6,
    class_weight: dict[object, float] | str | None = None,
    sample_weight: ArrayLike | None = None,
) -> SoftmaxPath:
    r"""Fit the weights for many strengths of the penalty, from the largest down.

    Every fit starts where the one before it ended, and with the curvature known there: the path
    takes a fraction of the time of as many fits alone.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n_samples, n_features)
        Samples.
    y : array-like of shape (n_samples,)
        Class labels.
    alphas : array-like of shape (n_alphas,), default=None
        The strengths, as the classifier's `alpha`, in any order. None: `n_alphas` from the largest
        that matters down to `eps` times that, evenly spaced on a logarithmic scale. Where one
        feature's scale is below a thousandth of another's, as in raw data, it goes down to `eps`
        times what matters for the feature of the smallest scale.
    n_alphas : int, default=100
        How many of them, if `alphas` is None.
    eps : float, default=1e-4
        The last of them over the first, if `alphas` is None.
    l1_ratio : float, default=0.0
        The L1 penalty's share, from 0 to 1. The first alpha is the least for which all coefficients
        are zero; for an `l1_ratio` below 0.1, where there is none or a very large one, it is the
        first alpha of 0.1.
    penalty_factor : array-like of shape (n_features,), default=None
        What each alpha is multiplied by for each feature: numbers >= 0, as in
        `SoftmaxGDClassifier`. None: 1 for each feature. Features whose factor is 0 have
        coefficients at the first alpha already.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=1000
        The largest number of steps for each alpha.
    tol : float, default=1e-6
        For each alpha, stop when the loss is estimated to be at most `tol` times the null loss
        above its minimum. A hundredth of the classifier's default: the last alphas are small, and
        which weights are zero is told only by a `tol` well below ``alpha * l1_ratio``.
    class_weight : dict, "balanced" or None, default=None
        Factors ``{class: weight}`` on the weights of each class's samples. ``"balanced"`` gives
        every class the same total weight.
    sample_weight : array-like of shape (n_samples,), default=None
        Non-negative weights. None: all equal.

    Returns
    -------
    path : SoftmaxPath
        A named tuple of `alphas`, `coefs`, `intercepts`, `losses`, `n_iters`, `classes` and
        `feature_names`.

    Raises
    ------
    ValueError, TypeError
        If a parameter or an input is not allowed.

    Warns
    -----
    ConvergenceWarning
        Once, if fits did not reach `tol`: how many, and why the first of them did not.

    See Also
    --------
    CoefPathDisplay.from_path : Draws it.
    SoftmaxGDClassifierCV : Chooses an alpha by cross-validation.

    References
    ----------
    J. Friedman, T. Hastie and R. Tibshirani, "Regularization paths for generalized linear models
    via coordinate descent", Journal of Statistical Software 33, 2010.
    https://doi.org/10.18637/jss.v033.i01

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skl_softmax import softmax_path
    >>> X, y = load_iris(return_X_y=True)
    >>> path = softmax_path(X, y, n_alphas=5, l1_ratio=1.0)
    >>> path.alphas[[0, -1]].round(6)
    array([7.65333e-01, 7.70000e-05])
    >>> (path.coefs != 0).sum(axis=(1, 2))
    array([0, 2, 4, 6, 6])
    """
    model = SoftmaxGDClassifier(
        l1_ratio=l1_ratio,
        penalty_factor=penalty_factor,
        fit_intercept=fit_intercept,
        max_iter=max_iter,
        tol=tol,
        class_weight=class_weight,
    )
    if alphas is None:
        check_grid("n_alphas", n_alphas, eps)
    strengths = None if alphas is None else check_alphas(alphas, "None or")
    samples = check_input(model, X, y, sample_weight, all_finite=False)
    parameters = fitted_to(samples, check_parameters(model), model)
    with Workers() as workers, np.errstate(all="ignore"):
        problem, state = prepare(parameters, samples, len(model.classes_), workers)
        if strengths is None:
            strengths = grid(problem, state, l1_ratio, n_alphas, eps)
        # Not the fits: each holds states as large as its weights.
        found = [
            (fit.warning, *fit.run.weights, fit.run.kept.loss, fit.run.last.iteration)
            for fit in descend_path(parameters, problem, state, strengths, workers)
        ]
    unsound, coefs, intercepts, losses, n_iters = zip(*found, strict=True)
    warn_of(unsound, strengths.tolist())
    return SoftmaxPath(
        alphas=strengths,
        coefs=np.array(coefs),
        intercepts=np.array(intercepts),
        losses=np.array(losses),
        n_iters=np.array(n_iters),
        classes=model.classes_,
        feature_names=getattr(model, "feature_names_in_", None),
    )


def check_input(
    model: SoftmaxGDClassifier,
    X: Matrix,
    y: ArrayLike,
    sample_weight: ArrayLike | None,
    **options: bool,
) -> Samples:
    """Check everything, with the options of `check_samples`; return the samples to fit.

    `model` has the parameters, and gets `classes_` and what else is known of the input.
    """
    check_parameters(model)
    given = FitInput(X, y, sample_weight)
    model.classes_, samples, _ = check_samples(model, given, **options)
    return samples


def check_grid(name: str, n_alphas: object, eps: object) -> None:
    """Check what describes a grid."""
    check_integer(name, n_alphas, at_least=1)
    check_number("eps", eps, above=0.0, below=1.0, allowed="a number between 0 and 1")


def check_alphas(alphas: ArrayLike, allowed: str) -> Array:
    """Return the given strengths, the largest first."""
    allowed = f"alphas must be {allowed} a sequence of finite numbers >= 0"
    try:
        strengths = np.array(alphas, dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"{allowed}, got {alphas!r}.") from error
    if strengths.ndim != 1 or not len(strengths):
        raise ValueError(f"{allowed}, one at least, got {alphas!r}.")
    if not (np.isfinite(strengths) & (strengths >= 0.0)).all():
        raise ValueError(f"{allowed}, got {alphas!r}.")
    return np.sort(strengths)[::-1]


def warn_of(found: Sequence[Warning | None], alphas: Sequence[float]) -> None:
    """Warn once of the fits that did not end as they should."""
    missed = [(warning, alpha) for warning, alpha in zip(found, alphas, strict=True) if warning]
    if missed:
        warning, alpha = missed[0]
        warnings.warn(
            f"{len(missed)} of {len(found)} fits did not end as they should, the first of them at"
            f" alpha={alpha:.3g}. {warning}",
            ConvergenceWarning,
            stacklevel=3,
        )
