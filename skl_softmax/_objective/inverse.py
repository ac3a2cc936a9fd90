"""What solves with a positive semi-definite matrix, on the host or on another device.

Small ridges make singular matrices, as of collinear columns, positive definite. This module knows
neither data nor objectives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from skl_softmax._arrays import Array, DeviceArray, library

# Gradients and steps: arrays of NumPy, or of the library that the data are of, on its device.
Vectors: TypeAlias = Array | DeviceArray
Solve: TypeAlias = Callable[[Vectors], Vectors]

# Shares of each diagonal entry that are added to it, one on top of the other, until there is a
# Cholesky factor: from a few thousand roundings on, a thousand times as much each time.
RIDGES = 1e-12, 1e-9, 1e-6
FACTOR_ERROR = 1e-9  # largest error of a factor's square, of ones on the diagonal: it is no factor


def inverse(matrix: Array) -> Solve:
    """Return the function that solves for every row of gradients (..., n), or (..., k, n).

    matrix : (n, n), or (k, n, n): the k-th matrix is for the k-th row. It is overwritten.
    """
    if matrix.ndim == 3:
        solves = [inverse(of_row) for of_row in matrix]

        def solve_rows(gradient: Vectors) -> Vectors:
            step = np.empty_like(gradient)
            for k, solve in enumerate(solves):
                step[..., k, :] = solve(gradient[..., k, :])
            return step

        return solve_rows
    factor = cholesky(matrix)

    def solve(gradient: Vectors) -> Vectors:
        step, _ = dpotrs(factor, gradient.reshape(-1, len(factor)).T, lower=1)
        return np.asarray(step.T.reshape(gradient.shape))

    return solve


def inverse_on_device(matrix: Array, put: Callable[[Array], DeviceArray]) -> Solve:
    """See `inverse`; for gradients on another device, which multiplies faster than it solves.

    put : brings an array to that device
    """
    inverted = _inverses_there(matrix, put)
    if matrix.ndim == 3:
        return lambda gradient: (gradient[..., None, :] @ inverted)[..., 0, :]
    return lambda gradient: gradient @ inverted


def cholesky(matrix: Array) -> Array:
    """The Cholesky factor of a positive semi-definite matrix (n, n), which is overwritten.

    A small ridge makes a singular matrix, as of collinear columns, positive definite. The ridge is
    a share of each diagonal entry, since penalties on badly scaled columns lie powers of ten apart.
    Entries of the factor above its diagonal are undefined.
    """
    diagonal = matrix.diagonal().copy()
    least = np.where(diagonal > 0.0, diagonal, diagonal.max())
    n = np.arange(len(matrix))
    for ridge in RIDGES:
        diagonal += ridge * least
        matrix[n, n] = diagonal
        # A matrix in C order is factored in place; its half below the diagonal is left as it was.
        factor, info = dpotrf(matrix.T, lower=1, clean=0, overwrite_a=1)
        if info == 0:
            return np.asarray(factor)
        matrix[...] = np.tril(matrix) + np.tril(matrix, -1).T
    return np.eye(len(matrix))  # there is no curvature: a plain gradient step


def _inverses_there(matrices: Array, put: Callable[[Array], DeviceArray]) -> DeviceArray:
    """The inverses (…, n, n), on another device, of matrices (…, n, n), which are overwritten.

    Matrices are inverted on that device, or by NumPy if the device has no float64.
    """
    there = put(matrices)
    if there.dtype == library(there).float64:
        return inverse_there(there)
    stack = matrices.reshape(-1, *matrices.shape[-2:])
    return put(np.reshape([explicit_inverse(matrix) for matrix in stack], matrices.shape))


def explicit_inverse(matrix: Array) -> Array:
    """The inverse of a positive semi-definite matrix (n, n), which is overwritten."""
    inverse, _ = dpotri(cholesky(matrix), lower=1)
    return np.asarray(np.tril(inverse) + np.tril(inverse, -1).T)


def inverse_there(matrices: DeviceArray) -> DeviceArray:
    """The inverses (…, n, n) of positive semi-definite float64 matrices of another array library.

    Singular matrices get a ridge, as in `cholesky`; each matrix of a stack gets its own.
    """
    xp = library(matrices)
    n = matrices.shape[-1]
    eye = xp.eye(n, dtype=matrices.dtype, device=matrices.device)
    diagonal = xp.linalg.diagonal(matrices)
    largest = xp.max(diagonal, axis=-1, keepdims=True)
    least = xp.where(diagonal > 0.0, diagonal, xp.where(largest > 0.0, largest, xp.nan))
    size = xp.sqrt(least)[..., None]
    outer = size * xp.matrix_transpose(size)
    scaled = matrices / outer
    is_stack = matrices.ndim > 2
    for ridge in RIDGES[:1] if is_stack else RIDGES:
        scaled += ridge * eye
        # Of a matrix without a factor, some libraries raise an error, and others return any
        # numbers.
        try:
            factor = xp.linalg.cholesky(scaled)
        except (RuntimeError, ValueError):
            continue
        error = xp.max(xp.abs(factor @ xp.matrix_transpose(factor) - scaled))
        if bool((xp.min(xp.linalg.diagonal(factor)) > 0.0) & (error < FACTOR_ERROR)):
            inverted = xp.linalg.inv(factor)
            return xp.matrix_transpose(inverted) @ inverted / outer
    if is_stack:
        return xp.stack([inverse_there(matrices[k, ...]) for k in range(matrices.shape[0])])
    return eye
