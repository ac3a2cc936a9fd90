"""How a solver is timed: to a given excess over the optimum, each at its best.

The optimum is the lowest loss that any run reaches, our own tight ones among them. A solver's
sweep goes from its loosest `tol` to the first that is within the excess; it is then timed at the
better of one and all threads. What counts is the median of fits made in turn with the others', in
one process.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
from scipy.special import logsumexp
from solvers import REST, Penalty, Solver, quietly
from threadpoolctl import threadpool_limits

EXCESS = 1e-6  # nats per sample
TIGHT = 1e-9  # tol of the run that starts the search for the optimum
PATIENCE = 10  # times our fit
LONG = 10.0  # seconds of fits: enough to know how long one takes
ROWS = 20_000  # of logits at a time


@dataclass
class Result:
    """What became of a solver on one problem."""

    solver: str
    tol: float | None = None  # None: no tolerance was enough, or in time
    limit: int | None = None  # of threads; None: all
    seconds: list[float] = field(default_factory=list)  # of the timed fits
    runs: list[tuple[float, float, float]] = field(default_factory=list)  # (tol, seconds, loss)

    @property
    def time(self) -> float:
        """Median seconds, infinite if the excess was not reached."""
        return median(self.seconds) if self.seconds else np.inf

    def over(self, ours: Result) -> float:
        """Its time over ours; if it did not get there, the least that it can be.

        That is its longest run that was not good enough, both then in one thread, as sweeps are.
        """
        if self.seconds:
            return self.time / ours.time
        (alone,) = (seconds for tol, seconds, _ in ours.runs if tol == ours.tol)
        return max(seconds for _, seconds, _ in self.runs) / alone


def loss(X: Any, y: Any, coef: Any, intercept: Any, penalty: Penalty) -> float:
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
    result = total / X.shape[0] + penalty.of(coef)
    return result if np.isfinite(result) else np.inf


def timed(solver: Solver, X: Any, y: Any, penalty: Penalty, tol: float, limit: int | None) -> Any:
    """Return the seconds that a fit took, and its weights."""
    with nullcontext() if limit is None else threadpool_limits(limit):
        start = time.perf_counter()
        weights = quietly(solver.fit, X, y, penalty, tol)
        return time.perf_counter() - start, weights


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise a TimeoutError in what is inside, once it has taken so long: between two iterations."""

    def stop(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 0.0 if np.isinf(seconds) else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, before)


def compare(
    X: Any, y: Any, penalty: Penalty, solvers: list[Solver], *, repeats: int, patience: float
) -> tuple[float, list[Result]]:
    """Return the optimum and every solver's result, ours first.

    A solver's sweep ends within the excess, or with a run that has taken `patience` seconds and
    `PATIENCE` times as long as our fit.
    """
    ours = solvers[0]
    best = loss(X, y, *timed(ours, X, y, penalty, TIGHT, None)[1], penalty)
    results: list[Result] = []
    for solver in solvers:
        allowed = np.inf
        if results:
            allowed = max(patience, PATIENCE * results[0].runs[-1][1])
        result = sweep(solver, X, y, penalty, best, allowed)
        best = min(best, *(run[2] for run in result.runs))
        results.append(result)
    for solver, result in zip(solvers, results, strict=True):
        enough = [run for run in result.runs if run[2] - best <= EXCESS]
        result.tol = min(enough, key=lambda run: run[1])[0] if enough else None
        if result.tol is not None:
            result.limit = threads(solver, X, y, penalty, result.tol)
    for _ in range(repeats):
        for solver, result in zip(solvers, results, strict=True):
            if result.tol is not None and sum(result.seconds) < LONG:
                result.seconds.append(warm(solver, X, y, penalty, result.tol, result.limit))
    return best, results


def threads(solver: Solver, *problem: Any) -> int | None:
    """Return 1 or None, for all threads, whichever is faster.

    All are tried once more only if the first try is not far behind: on small data, solvers whose
    BLAS and OpenMP pools spin against each other take hundreds of times as long.
    """
    alone = warm(solver, *problem, 1)
    if alone < LONG:
        alone = min(alone, warm(solver, *problem, 1))
    if (together := timed(solver, *problem, None)[0]) > 3.0 * alone:
        return 1
    if together < LONG:
        together = min(warm(solver, *problem, None) for _ in range(2))
    return None if together < alone else 1


def warm(solver: Solver, *problem: Any) -> float:
    """Return the seconds of a fit that finds the caches warm and no other's threads spinning."""
    time.sleep(REST)
    first, _ = timed(solver, *problem)
    return timed(solver, *problem)[0] if first < 0.1 else first


def sweep(solver: Solver, X: Any, y: Any, penalty: Penalty, best: float, allowed: float) -> Result:
    """Tighten `tol` until a fit is within the excess, or one has taken `allowed` seconds."""
    result = Result(solver.name)
    few = slice(None, None, max(1, len(y) // 500))
    timed(solver, X[few], y[few], penalty, 1.0, 1)  # what a first call loads and compiles
    for tol in solver.tols:
        try:
            with at_most(allowed):
                seconds, weights = timed(solver, X, y, penalty, tol, 1)
        except TimeoutError:
            result.runs.append((tol, allowed, np.inf))
            break
        result.runs.append((tol, seconds, loss(X, y, *weights, penalty)))
        if result.runs[-1][2] - best <= EXCESS:
            result.tol = tol
            break
        if seconds >= allowed:
            break
    return result
