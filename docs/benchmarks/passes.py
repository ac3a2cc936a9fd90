"""What a fit consists of, measured alone: one pass, predict_proba, memory, the overhead of a fit.

A pass, loss and gradient together, is compared with scikit-learn's `LinearModelLoss` and with
what the machine allows: reading X once at its memory's speed, or two matrix products at the speed
of large ones, whichever takes longer.
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from datasets import gaussian
from measure import TIGHT, loss, sweep
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._linear_loss import LinearModelLoss
from solvers import REST, Penalty, Solver, numpy_alone, quietly, solvers
from threadpoolctl import threadpool_limits

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines.row_sums import RowSums
from skl_softmax._engines.rows import Rows
from skl_softmax._engines.threads import Workers
from skl_softmax._objective.smooth import SoftmaxObjective

SHAPES = [
    (150, 4, 3),
    (1797, 64, 10),
    (20_000, 10, 2),
    (1_000_000, 20, 2),
    (1_000_000, 20, 5),
    (100_000, 50, 10),
    (60_000, 784, 10),
    (200_000, 100, 100),
]
ALPHA = 1e-4


def in_turn(functions: dict[str, Callable[[], Any]], seconds: float = 3.0) -> dict[str, float]:
    """Median seconds of a call of each, in turn for some seconds each.

    What is timed is calls in a row, as a descent makes them, for a twentieth of a second at least.
    """
    times: dict[str, list[float]] = {name: [] for name in functions}
    end = time.perf_counter() + seconds * len(functions)
    n_rounds = 0
    while time.perf_counter() < end or n_rounds < 3:
        for name, function in functions.items():
            time.sleep(REST)
            function()  # warms the caches
            start, n_calls = time.perf_counter(), 0
            while n_calls == 0 or time.perf_counter() - start < 0.05:
                function()
                n_calls += 1
            times[name].append((time.perf_counter() - start) / n_calls)
        n_rounds += 1
    return {name: median(values) for name, values in times.items()}


def limits() -> tuple[float, float]:
    """Bytes a second that can be read, and multiply-adds a second of a large product."""
    data, square = np.ones(2**25), np.ones((2000, 2000))
    with Workers() as workers:
        halves = np.array_split(data, 4 * workers.n_threads)
        read = in_turn({"": lambda: list(workers.map(np.sum, halves))}, 1.0)[""]
    multiply = in_turn({"": lambda: square @ square}, 1.0)[""]
    return data.nbytes / read, 2000**3 / multiply


def passes() -> list[dict[str, Any]]:
    """A row for each shape: milliseconds and ratios."""
    speeds = limits()
    return [one_pass(*shape, *speeds) for shape in SHAPES]


def one_pass(
    n_samples: int,
    n_features: int,
    n_classes: int,
    bytes_per_second: float,
    products_per_second: float,
) -> dict[str, Any]:
    """Our pass beside scikit-learn's and the machine's limit."""
    X, y = gaussian(n_samples, n_features, n_classes)()
    n_outputs = 1 if n_classes == 2 else n_classes
    params = np.random.default_rng(0).standard_normal((n_outputs, n_features + 1)) / 10.0
    theirs = LinearModelLoss(
        base_loss=HalfBinomialLoss()
        if n_classes == 2
        else HalfMultinomialLoss(n_classes=n_classes),
        fit_intercept=True,
    )
    coef, targets = params.ravel(order="F"), y.astype(np.float64)

    def scikit_learn(n_threads: int) -> Any:
        return theirs.loss_gradient(coef, X, targets, l2_reg_strength=ALPHA, n_threads=n_threads)

    def objective(workers: Workers) -> SoftmaxObjective:
        weights = np.broadcast_to(1.0 / n_samples, n_samples)
        return SoftmaxObjective(
            RowSums(Rows(X, n_outputs, workers), y, weights),
            alpha=ALPHA,
            fit_intercept=True,
            center=np.zeros(n_features),
            scale=np.ones(n_features),
        )

    with Workers() as workers:
        n_threads, ours = workers.n_threads, objective(workers)
        with numpy_alone():
            on_numpy = objective(workers)
        seconds = in_turn(
            {
                "ours": lambda: ours.value_and_gradient(params),
                "on NumPy": lambda: on_numpy.value_and_gradient(params),
                "one thread": lambda: scikit_learn(1),
            }
        )
    seconds |= in_turn({"all threads": lambda: scikit_learn(n_threads)})
    limit = max(
        X.nbytes / bytes_per_second,
        2 * n_samples * n_features * n_outputs / products_per_second,
    )
    peer = min(seconds["one thread"], seconds["all threads"])
    return {
        "shape": f"{n_samples}×{n_features}×{n_classes}",
        "ms": 1e3 * seconds["ours"],
        "LinearModelLoss": peer / seconds["ours"],
        "limit": limit / seconds["ours"],
        "NumPy alone": peer / seconds["on NumPy"],
    }


def predictions() -> list[dict[str, Any]]:
    """predict_proba beside LogisticRegression's, at its better number of threads."""
    return [one_prediction(*shape) for shape in ((1_000_000, 20, 5), (60_000, 784, 10))]


def one_prediction(n_samples: int, n_features: int, n_classes: int) -> dict[str, Any]:
    """The same for one shape."""
    X, y = gaussian(n_samples, n_features, n_classes)()
    ours = SoftmaxGDClassifier().fit(X[:5000], y[:5000])
    theirs = quietly(LogisticRegression().fit, X[:5000], y[:5000])
    seconds = in_turn(
        {"ours": lambda: ours.predict_proba(X), "theirs": lambda: theirs.predict_proba(X)}
    )
    with threadpool_limits(1):
        seconds |= in_turn({"one thread": lambda: theirs.predict_proba(X)})
    peer = min(seconds["theirs"], seconds["one thread"])
    return {
        "shape": f"{n_samples}×{n_features}×{n_classes}",
        "ms": 1e3 * seconds["ours"],
        "LogisticRegression": peer / seconds["ours"],
    }


def memory() -> dict[str, Any]:
    """Megabytes that a fit adds beside X, 1000000 × 50 float64, at its peak."""
    X, y = gaussian(1_000_000, 50, 10)()
    SoftmaxGDClassifier().fit(X[:5000], y[:5000])  # what a first fit loads
    tracemalloc.start()
    SoftmaxGDClassifier().fit(X, y)
    added = tracemalloc.get_traced_memory()[1] / 1e6
    tracemalloc.stop()
    return {"X": X.nbytes / 1e6, "added": added}


def small_fits() -> dict[str, float]:
    """Seconds of 500 fits of iris in a row: ours, and the peers that do not take ten times as long.

    Each with the loosest `tol` that is within the excess.
    """
    X, y = load_iris(return_X_y=True)
    penalty, found = Penalty(ALPHA), solvers()[0]
    best = loss(X, y, *found[0].fit(X, y, penalty, TIGHT), penalty)
    fits, slowest = {}, np.inf
    for solver in found:
        result = sweep(solver, X, y, penalty, best, 1.0)
        if result.tol is not None and result.runs[-1][1] < slowest:
            fits[solver.name] = partial(many_fits, solver, X, y, penalty, result.tol)
            slowest = min(slowest, 10.0 * result.runs[-1][1])
    with threadpool_limits(1):
        return in_turn(fits, 1.0)


def many_fits(solver: Solver, *problem: Any) -> None:
    """Fit 500 times."""
    for _ in range(500):
        quietly(solver.fit, *problem)
