"""Checks of the constructor's parameters, and of numbers that other functions take.

Every error names the parameter, the value received and what is allowed. Knows scikit-learn's
conventions, and nothing of samples.
"""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.utils import check_random_state

from skl_softmax._arrays import Array
from skl_softmax._parameters import PER_SAMPLE, Parameters


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
    check_number("tol", estimator.tol, at_least=0.0, allowed="a finite number >= 0")
    if estimator.gap_tol is not None:
        check_number("gap_tol", estimator.gap_tol, above=0.0, allowed="None or a finite number > 0")
        if alpha == 0:
            raise ValueError("gap_tol needs alpha > 0: without a penalty there is no certificate.")
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
