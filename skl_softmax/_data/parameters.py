"""Checks of the constructor's parameters, and of numbers that other functions take.

Every error names the parameter, the value received and what is allowed. Knows scikit-learn's
conventions.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skl_softmax._arrays import Array, to_numpy
from skl_softmax._engines.protocol import Samples
from skl_softmax._parameters import PER_SAMPLE, Parameters

ALLOWED_FACTORS = "None or a sequence of finite numbers >= 0, one for each feature"


def check_parameters(estimator: Any) -> Parameters:
    """Check the constructor's parameters, in `fit`, as scikit-learn's conventions ask.

    Return those of a fit.
    """
    rate, allowed = estimator.learning_rate, "'auto' or a finite number > 0"
    if not isinstance(rate, str):
        check_number("learning_rate", rate, above=0.0, allowed=allowed)
    elif rate != "auto":
        raise ValueError(f"learning_rate must be {allowed}, got {rate!r}.")
    alpha, allowed = estimator.alpha, f"a finite number >= 0 or {PER_SAMPLE!r}"
    per_sample = isinstance(alpha, str) and alpha == PER_SAMPLE
    if not per_sample:
        check_number("alpha", alpha, at_least=0.0, allowed=allowed)
    share = "a number from 0 to 1"
    check_number("l1_ratio", estimator.l1_ratio, at_least=0.0, at_most=1.0, allowed=share)
    factor = check_penalty_factor(estimator.penalty_factor)
    check_number("tol", estimator.tol, at_least=0.0, allowed="a finite number >= 0")
    if estimator.gap_tol is not None:
        check_number("gap_tol", estimator.gap_tol, above=0.0, allowed="None or a finite number > 0")
        if alpha == 0 or not (factor is None or factor.any()):
            raise ValueError(
                "gap_tol needs alpha > 0, and a penalty_factor > 0: without a penalty there is no"
                " certificate."
            )
    check_integer("max_iter", estimator.max_iter, at_least=1)
    check_integer("verbose", estimator.verbose, at_least=0)
    check_integer("n_iter_no_change", estimator.n_iter_no_change, at_least=1)
    fraction, allowed = estimator.validation_fraction, "a number between 0 and 1"
    check_number("validation_fraction", fraction, above=0.0, below=1.0, allowed=allowed)
    try:
        check_random_state(estimator.random_state)
    except ValueError as error:
        raise ValueError(
            "random_state must be None, an integer >= 0 or a numpy.random.RandomState, got"
            f" {estimator.random_state!r}."
        ) from error
    for name in ("fit_intercept", "warm_start", "early_stopping", "store_coef_history"):
        value = getattr(estimator, name)
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"{name} must be True or False, got {value!r}.")
    return Parameters(
        learning_rate=None if isinstance(rate, str) else float(rate),
        alpha=1.0 if per_sample else float(alpha),
        per_sample=per_sample,
        l1_ratio=float(estimator.l1_ratio),
        penalty_factor=factor,
        fit_intercept=bool(estimator.fit_intercept),
        max_iter=int(estimator.max_iter),
        tol=float(estimator.tol),
        gap_tol=None if estimator.gap_tol is None else float(estimator.gap_tol),
        early_stopping=bool(estimator.early_stopping),
        n_iter_no_change=int(estimator.n_iter_no_change),
        store_coef_history=bool(estimator.store_coef_history),
        verbose=int(estimator.verbose),
        estimator_name=type(estimator).__name__,
    )


def check_penalty_factor(penalty_factor: Any) -> Array | None:
    """Return the factors as an array of float64; how many they should be is not known yet."""
    if penalty_factor is None:
        return None
    allowed = f"penalty_factor must be {ALLOWED_FACTORS}"
    try:
        factor = np.array(to_numpy(penalty_factor), dtype=np.float64)
    except (TypeError, ValueError, OverflowError) as error:
        raise type(error)(f"{allowed}, got {penalty_factor!r}.") from error
    if factor.ndim != 1 or not len(factor):
        raise ValueError(f"{allowed}, got {penalty_factor!r}.")
    (bad,) = np.nonzero(~(np.isfinite(factor) & (factor >= 0.0)))
    if len(bad):
        raise ValueError(f"{allowed}, got {factor[bad[0]]:g} for feature {bad[0]}.")
    return factor


def fitted_to(samples: Samples, parameters: Parameters, estimator: Any) -> Parameters:
    """Return what the parameters are for these samples, whose features the estimator knows."""
    if parameters.per_sample:
        n = samples.unit
        if not (n > 0.0 and 0.0 < 1.0 / n < np.inf):
            raise ValueError(
                f"alpha={PER_SAMPLE!r} is one over the total weight of the samples: that is {n:g},"
                " out of range. Give weights of ordinary size, or a number for alpha."
            )
        parameters = replace(parameters, alpha=parameters.alpha / n, per_sample=False)
    factor, n_features = parameters.penalty_factor, samples.X.shape[1]
    if factor is None:
        return parameters
    allowed = f"penalty_factor must be {ALLOWED_FACTORS}"
    if len(factor) != n_features:
        raise ValueError(f"{allowed}, got {len(factor)} for X with {n_features} features.")
    if not np.isfinite(parameters.alpha * float(factor.max())):
        raise ValueError(f"{allowed}; alpha times {factor.max():g} is out of range.")
    names = getattr(estimator, "feature_names_in_", None)
    if names is not None and hasattr(estimator.penalty_factor, "iloc"):  # a pandas Series
        for label, name in zip(estimator.penalty_factor.index, names, strict=True):
            if isinstance(label, str) and label != name:
                raise ValueError(
                    "penalty_factor must have the features in the order of X: it has"
                    f" {label!r} where X has {name!r}."
                )
    return parameters


def check_number(
    name: str,
    value: object,
    *,
    allowed: str,
    above: float = -np.inf,
    at_least: float = -np.inf,
    below: float = np.inf,
    at_most: float = np.inf,
) -> None:
    """Raise an error that says what is `allowed`, unless the value is a finite number in range."""
    if not isinstance(value, Real) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    try:
        number = float(value)
    except OverflowError:  # the integer is beyond the range of float
        number = np.inf
    if not (np.isfinite(number) and above < number < below and at_least <= number <= at_most):
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_integer(name: str, value: object, *, at_least: int) -> None:
    """Raise an error that says what is allowed, unless the value is an integer in range."""
    allowed = f"an integer >= {at_least}"
    if name == "verbose" and isinstance(value, bool | np.bool_):
        return  # verbose=True is common usage
    if not isinstance(value, Integral) or isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} must be {allowed}, got {value!r}.")
    if value < at_least:
        raise ValueError(f"{name} must be {allowed}, got {value!r}.")


def check_out(out: object, shape: tuple[int, ...], values: Array) -> None:
    """Check that `out` is an array of that shape, whose dtype can hold all of the values.

    values : the values that may be written; empty, of a float dtype, if any float may be
    """
    if not isinstance(out, np.ndarray) or out.shape != shape:
        what = f"shape {out.shape}" if isinstance(out, np.ndarray) else type(out).__name__
        raise ValueError(f"out must be a numpy array of shape {shape}, got {what}.")
    holds = np.can_cast(values.dtype, out.dtype, "same_kind")
    if not holds or (values.astype(out.dtype) != values).any():
        raise ValueError(
            f"out cannot hold what is predicted: that is of {values.dtype}, it of {out.dtype}."
        )
