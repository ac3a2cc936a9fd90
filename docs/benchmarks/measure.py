"""How a solver is timed: to a given excess over the optimum, each at its best.

The optimum is the lowest loss that any long, tight run reaches. A solver's `tol` is the loosest of
its sweep that is within the excess; its number of threads, one or all, whichever is faster. What
counts is the median of fits made in turn with the others', in one process.
"""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from scipy.special import logsumexp
from solvers import Solver, quietly
from threadpoolctl import threadpool_limits

EXCESS = 1e-6  # nats per sample
ROWS = 20_000  # of logits at a time


@dataclass
class Result:
    """What became of a solver on one problem."""

    solver: Solver
    tol: float | None = None  # None: no tolerance was enough, or in time
    limit: int | None = None  # of threads; None: all
    excess: float = np.inf
    seconds: list[float] = field(default_factory=list)
    curve: list[tuple[float, float]] = field(default_factory=list)  # (seconds, excess) of the sweep

    @property
    def time(self) -> float:
        """Median seconds, infinite if the excess was not reached."""
        return median(self.seconds) if self.seconds else np.inf


def loss(X: Any, y: Any, coef: Any, intercept: Any, alpha: float) -> float:
    """F in float64 from given weights, in blocks of rows; infinite if it is not a number."""
    coef, intercept = np.asarray(coef, dtype=np.float64), np.asarray(intercept, dtype=np.float64)
    total = 0.0
    for start in range(0, X.shape[0], ROWS):
        rows = slice(start, start + ROWS)
        logits = X[rows].astype(np.float64) @ coef.T + intercept
        if len(coef) == 1:
            logits = np.column_stack([np.zeros(len(logits)), logits])
        own = logits[np.arange(len(logits)), y[rows]]
        total += float((logsumexp(logits, axis=1) - own).sum())
    result = total / X.shape[0] + alpha / 2 * float((coef**2).sum())
    return result if np.isfinite(result) else np.inf


def timed(solver: Solver, X: Any, y: Any, alpha: float, tol: float, limit: int | None) -> Any:
    """Return the seconds that a fit took, and its weights."""
    with nullcontext() if limit is None else threadpool_limits(limit):
        start = time.perf_counter()
        weights = quietly(solver.fit, X, y, alpha, tol)
        return time.perf_counter() - start, weights


def compare(
    X: Any, y: Any, alpha: float, solvers: list[Solver], *, repeats: int, patience: float
) -> tuple[float, list[Result]]:
    """Return the optimum and every solver's result.

    A solver's sweep ends when it is within the excess or has taken `patience` seconds.
    """
    results = [Result(solver) for solver in solvers]
    sweeps: dict[str, list[tuple[float, float, float, int | None]]] = {}
    best = np.inf
    for result in results:
        solver, runs = result.solver, []
        for limit in (None, 1):
            spent = 0.0
            for tol in solver.tols:
                seconds, weights = timed(solver, X, y, alpha, tol, limit)
                runs.append((tol, seconds, loss(X, y, *weights, alpha), limit))
                spent += seconds
                if spent > patience:
                    break
        sweeps[solver.name] = runs
        best = min(best, *(run[2] for run in runs))
    for result in results:
        runs = sweeps[result.solver.name]
        result.curve = sorted((seconds, value - best) for _, seconds, value, _ in runs)
        result.excess = min(value for _, _, value, _ in runs) - best
        enough = [run for run in runs if run[2] - best <= EXCESS]
        if enough:
            result.tol, seconds, _, result.limit = min(enough, key=lambda run: run[1])
    for _ in range(repeats):
        for result in results:
            if result.tol is not None:
                seconds, _ = timed(result.solver, X, y, alpha, result.tol, result.limit)
                result.seconds.append(seconds)
    return best, results
