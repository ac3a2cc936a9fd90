"""Coordinates in which features have mean zero and variance one, with or without outliers.

This module knows sums over samples; it knows nothing of objectives or steps.
"""

from __future__ import annotations

from dataclasses import replace
from math import fsum
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from scipy.linalg import qr, svd
from scipy.linalg.lapack import dpotrf

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.protocol import Sums
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.task import Task

NORMAL_DEVIATION = 1.4826  # of normal numbers, over the median of their absolute values
ODD_DEVIATIONS = 30.0  # of most rows: a feature's deviation above is due to a few outliers
SEEN_SHARE = 1e-10  # of a standardised column's variance, not shared with others: a Gram matrix's
LOST_DEVIATION = 3e-6  # of a combination of standardised columns: its square is rounding
EXACT_DEVIATION = 3e-14  # of such a combination, itself rounding: the columns are collinear
NOT_INVOLVED = 1e-10  # share of a combination's largest weight, below which a weight is rounding
ROUNDINGS = 64.0  # of a number and its column's center, in a combination that is zero
FEW_ENTRIES = 2**24  # of X that may be copied to factor it: 128 MB of float64
OFF_CENTER = 10.0  # deviations from zero, where an offset costs a certificate its first digit
# The least deviations of a feature: their squares are normal numbers, and coefficients in range.
LEAST_FLOAT32, LEAST_FLOAT64 = 1e-33, 1.5e-154


class Standardization(NamedTuple):
    """Coordinates of the features, and what is known of the features in these coordinates.

    Attributes
    ----------
    center, scale : ndarray (n_features,)
        `center` is subtracted from each feature, which is then divided by `scale`. The scale of a
        constant feature is infinite: this makes its coefficient zero, and keeps its rounding out of
        other features. If squares overflow, the scale is NaN.
    mean : ndarray (n_features,)
        The features' means in these coordinates: zero, unless a feature has outliers.
    gram : ndarray (n_features, n_features) or (n_features,), or None
        The features' Gram matrix in these coordinates under the sample weights, or its diagonal;
        None if some features have outliers.
    """

    center: Array
    scale: Array
    mean: Array
    gram: Array | None


def standardization(sums: Sums, fit_intercept: bool, *, with_gram: bool = False) -> Standardization:
    """Measure the coordinates in which every feature has mean zero and variance one.

    Without an intercept nothing is subtracted, and the scale is the root mean square.
    """
    _, mean, moments = sums.moments(with_gram)
    variance = moments.diagonal().copy() if with_gram else moments
    if not fit_intercept:
        variance += mean**2
        moments = moments + mean * mean[:, np.newaxis] if with_gram else variance
        mean = np.zeros_like(mean)
    scale = np.sqrt(variance)
    scale[variance < least_deviation(sums.dtype) ** 2] = np.inf  # or negative, by rounding
    scale[~np.isfinite(variance)] = np.nan
    gram = moments / scale / scale[:, np.newaxis] if with_gram else np.isfinite(scale) * 1.0
    found = Standardization(mean, scale, np.zeros_like(mean), gram)
    return beside_outliers(found, sums, fit_intercept=fit_intercept)


def hidden_deviation(found: Standardization, sums: Sums, X: Matrix) -> float:
    """How large a combination of columns is that a Gram matrix cannot see; or zero.

    Products of columns square their scales: a deviation below 1e-6 of the columns' own is lost in
    rounding. The rows themselves tell it, down to their own rounding. Columns that are exact
    combinations of others, or that in float32 differ from these by rounding, have no such
    deviation. If X is large or not in memory, and its few rows at hand are too few, the result is
    zero.
    """
    varying = np.isfinite(found.scale)
    n_varying = np.count_nonzero(varying)
    if not n_varying or (found.gram is not None and _sees_all(found.gram, varying)):
        return 0.0
    few = sums.few_rows()
    if few is None or len(few) < 2 * n_varying:
        if not isinstance(X, np.ndarray) or X.size > FEW_ENTRIES:
            return 0.0
        few = X
    rows = ((few - found.center) / found.scale)[:, varying]
    if found.gram is None:  # beside giants all else is rounding
        rows = rows[(np.abs(rows) <= ODD_DEVIATIONS).all(axis=1)]
        if len(rows) <= n_varying:
            return 0.0
    (triangle,) = qr(recentered(rows, None, found.center), mode="r", check_finite=False)
    _, deviations, directions = svd(triangle, full_matrices=False, check_finite=False)
    deviations /= np.sqrt(len(rows))
    least = rounding_deviation(X.dtype, found.center, found.scale)
    hidden = float(
        deviations[(deviations > least) & (deviations < LOST_DEVIATION)].max(initial=0.0)
    )
    exact = directions[deviations <= least]
    if hidden > 0.0 or not len(exact) or len(few) == sums.n_samples:
        return hidden
    mixture = np.zeros(len(varying))
    mixture[varying] = np.random.default_rng(0).normal(size=len(exact)) @ exact
    largest = _largest_in_all_rows(mixture, found, sums)
    return largest if largest > least else 0.0


def _largest_in_all_rows(mixture: Array, found: Standardization, sums: Sums) -> float:
    """How far from zero a combination of standardised columns is; zero, if that is rounding.

    A few rows say that it is zero; other rows may differ.

    mixture : (n_features,), of one or several combinations
    """
    mixture[np.abs(mixture) < NOT_INVOLVED * np.abs(mixture).max()] = 0.0
    coef = np.zeros((sums.n_outputs, len(mixture)))
    coef[0] = mixture / found.scale
    intercept = exactly(-coef, found.center, np.zeros(len(coef)))
    largest = sums.largest_difference(coef, intercept)
    offset = float(np.max(np.abs(found.center) / found.scale))
    return largest if largest > ROUNDINGS * np.finfo(sums.dtype).eps * (1.0 + offset) else 0.0


def _sees_all(gram: Array, varying: Array) -> bool:
    """Whether a Gram matrix shows that no varying column is nearly a combination of others.

    Also if only its diagonal is known: then nothing is.
    """
    if gram.ndim == 1:
        return True
    factor, info = dpotrf(gram[np.ix_(varying, varying)], lower=1)
    return bool(info == 0 and factor.diagonal().min() ** 2 > SEEN_SHARE)


def rounding_deviation(dtype: DTypeLike, center: Array, scale: Array) -> float:
    """The deviation below which a combination of standardised columns is the columns' rounding.

    center, scale : means and deviations of the columns, (n_features,)
    """
    if dtype != np.float32:
        return EXACT_DEVIATION
    return float(np.finfo(dtype).eps) * (1.0 + float(np.max(np.abs(center) / scale, initial=0.0)))


def recentered(rows: Array, weights: Array | None, center: Array) -> Array:
    """Rows less a center, (rows, n_features), whose means are zero, and not the center's rounding.

    A constant column of that rounding would look like a combination of columns. As they are, if
    nothing was subtracted.

    weights : (rows,); None: all equal
    """
    if not center.any():
        return rows
    return np.asarray(rows - np.average(rows, axis=0, weights=weights))


def centered_task(
    task: Task, workers: Workers, coef: Array, intercept: Array
) -> tuple[Task, Array]:
    """The task for features less their means, if these cost digits, and the intercept for it."""
    center, scale, *_ = standardization(task.sums(workers, dtype=np.float64), task.fit_intercept)
    if not np.max(np.abs(center) / scale, initial=0.0) > OFF_CENTER:
        return task, intercept
    return replace(task, origin=center), exactly(coef, center, intercept)


def exactly(coef: Array, center: Array, intercept: Array) -> Array:
    """Return coef @ center + intercept, (n_outputs,), rounded once: little may be left of it.

    References
    ----------
    T. J. Dekker, "A floating-point technique for extending the available precision", Numerische
    Mathematik 18, 1971: a product as a sum of two numbers. https://doi.org/10.1007/BF01397083
    """

    def halves(numbers: Array) -> tuple[Array, Array]:
        scaled = numbers * (2.0**27 + 1.0)
        high = scaled - (scaled - numbers)
        return high, numbers - high

    (a, b), (c, d) = halves(coef), halves(center)
    products = coef * center
    errors = b * d - (((products - a * c) - b * c) - a * d)
    return np.array(
        [fsum([*p, *e, i]) for p, e, i in zip(products, errors, intercept, strict=True)]
    )


def beside_outliers(found: Standardization, sums: Sums, *, fit_intercept: bool) -> Standardization:
    """The coordinates, by the median for features whose deviation is due to a few outliers.

    In standardised coordinates, one giant number makes all other numbers of its column nearly
    equal, and the column nearly collinear with the intercept. A few rows tell where most numbers
    are.
    """
    few, (mean, scale, _, _) = sums.few_rows(), found
    if few is None:
        return found
    median = np.median(few, axis=0) if fit_intercept else np.zeros_like(mean)
    deviation = NORMAL_DEVIATION * np.median(np.abs(few - median), axis=0)
    is_odd = (deviation > 0.0) & (scale > ODD_DEVIATIONS * deviation) & np.isfinite(scale)
    if not is_odd.any():
        return found
    center = np.where(is_odd, median, mean)
    scale = np.where(is_odd, deviation, scale)
    return Standardization(center, scale, (mean - center) / scale, None)


def least_deviation(dtype: DTypeLike) -> float:
    """The deviation below which a feature counts as constant."""
    return LEAST_FLOAT32 if np.dtype(dtype) == np.float32 else LEAST_FLOAT64
