"""Standard errors: ``python docs/benchmarks/inference.py``. Needs statsmodels for the last part.

How often 95 % intervals of `coefficient_table` hold the truth, in 2000 simulated samples each; and
the time and memory of a large table beside statsmodels. Writes the figures to inference.md.
"""

from __future__ import annotations

import os
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from skl_softmax import SoftmaxGDClassifier, coefficient_table

PAGE = Path(__file__).with_name("inference.md")
REPEATS, N_SAMPLES, N_FEATURES = 2000, 1000, 3
N_FOR_TRUTH = 2**20  # samples that tell the best linear model where none is true
SHAPE = 1_000_000, 20, 5  # samples, features and classes of the large table
BEND = 1.0  # of the logits, where no softmax regression is true
TOLD = "{:.1f} to {:.1f} %"


def probabilities(X: Any, coef: Any, bend: float) -> Any:
    """The probabilities of the classes: of a softmax regression, but for a bend that none has."""
    logits = X @ coef[:, :-1].T + coef[:, -1]
    logits[:, 1] += bend * (X[:, 0] ** 2 - 1.0) + bend * X[:, 1] * X[:, 2]
    P = np.exp(logits - logits.max(axis=1, keepdims=True))
    return P / P.sum(axis=1, keepdims=True)


def truth(n_classes: int, bend: float, rng: Any) -> tuple[Any, Any]:
    """Coefficients that make samples, and those of the best model: its contrasts to class 0."""
    coef = rng.normal(size=(n_classes, N_FEATURES + 1)) * 0.5
    if bend == 0.0:
        return coef, (coef - coef[0])[1:]
    X = rng.normal(size=(N_FOR_TRUTH, N_FEATURES))
    best = SoftmaxGDClassifier(alpha=0, tol=1e-12).fit_proba(X, probabilities(X, coef, bend))
    weights = np.column_stack([best.coef_, best.intercept_])
    return coef, weights if n_classes == 2 else (weights - weights[0])[1:]


def coverage(n_classes: int, bend: float, seed: int) -> dict[str, Any]:
    """The share of intervals that hold each coefficient, in percent, by kind of covariance."""
    rng = np.random.default_rng(seed)
    coef, target = truth(n_classes, bend, rng)
    held = {"model": np.zeros(target.shape), "robust": np.zeros(target.shape)}
    for _ in range(REPEATS):
        X = rng.normal(size=(N_SAMPLES, N_FEATURES))
        logits = np.log(probabilities(X, coef, bend))
        y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        # A few steps are enough: the table goes on from there.
        classifier = SoftmaxGDClassifier(alpha=0, tol=0, max_iter=6).fit(X, y)
        for covariance, count in held.items():
            table = coefficient_table(classifier, X, y, covariance=covariance, reference=0)
            count += (table.lower <= target) & (target <= table.upper)
    return {name: 100.0 * count / REPEATS for name, count in held.items()}


def large_data() -> tuple[Any, Any]:
    """A million samples."""
    n_samples, n_features, n_classes = SHAPE
    rng = np.random.default_rng(0)
    X = rng.normal(size=(n_samples, n_features))
    coef = 0.5 * rng.normal(size=(n_classes, n_features))
    y = np.empty(n_samples, np.int64)
    for rows in np.array_split(np.arange(n_samples), 100):
        logits = X[rows] @ coef.T
        y[rows] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    return X, y


def ours(X: Any, y: Any) -> Any:
    """The fit and its table."""
    classifier = SoftmaxGDClassifier(alpha=0).fit(X, y)
    return coefficient_table(classifier, X, y, reference=0).std_error


def theirs(X: Any, y: Any) -> Any:
    """The fit by statsmodels, whose standard errors come with it."""
    import statsmodels.api as sm

    exog = sm.add_constant(X, prepend=False)
    return sm.MNLogit(y, exog).fit(disp=0).bse.T


def measured(name: str) -> None:
    """Print the seconds of one of the two, those of all cores, the MiB beside X, and a result."""
    if name == "ours":  # what a first fit loads is left out, and so are the others' imports
        X, y = np.random.default_rng(0).normal(size=(20_000, 20)), np.arange(20_000) % 5
        ours(X, y)
    else:
        import statsmodels.api  # noqa: F401
    X, y = large_data()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start, of_cores = time.perf_counter(), time.process_time()
    found = {"ours": ours, "theirs": theirs}[name](X, y)
    seconds, of_cores = time.perf_counter() - start, time.process_time() - of_cores
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(seconds, of_cores, (after - before) / 2**10, float(np.asarray(found).sum()))


def main() -> None:
    """Print the figures, and write them."""
    lines = ["# Standard errors", "", *coverages(), "", *large_table()]
    PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def coverages() -> list[str]:
    """The page's first part."""
    lines = [
        f"How often a 95 % interval of `coefficient_table` holds the true coefficient: {REPEATS}"
        f" samples of {N_SAMPLES} rows with {N_FEATURES} features each; the least and the greatest"
        " share of all coefficients, intercepts included. In the right half the classes'"
        " probabilities bend as no softmax regression does, and the true coefficients are those of"
        " the model that comes nearest: there only the sandwich is right. A share that is 95 % in"
        " truth lies between 93.5 and 96.5 % in 998 of 1000 such simulations.",
        "",
        "| classes | model true: `model` | `robust` | not true: `model` | `robust` |",
        "|---|---|---|---|---|",
    ]
    for n_classes in (2, 3, 5):
        shares = [coverage(n_classes, bend, n_classes) for bend in (0.0, BEND)]
        cells = [TOLD.format(each.min(), each.max()) for both in shares for each in both.values()]
        lines.append(f"| {n_classes} | {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    return lines


def large_table() -> list[str]:
    """The page's second part: each of the two in a process of its own."""
    lines = [
        f"{' × '.join(map(str, SHAPE))} (samples, features, classes), float64, on"
        f" {os.cpu_count()} cores ({platform.machine()}), shared with other work: the fit and the"
        " table, beside `MNLogit(…).fit()`. The seconds of computing, of all cores together, do"
        " not depend on the other work. Memory is what the process grew by beyond X and y.",
        "",
        "| | seconds | of computing | MiB beside X |",
        "|---|---|---|---|",
    ]
    names = {"ours": "`fit` and `coefficient_table`", "theirs": "statsmodels"}
    found = {}
    for name, title in names.items():
        command = [sys.executable, __file__, name]
        out = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        found[name] = seconds, of_cores, mib, _ = [float(number) for number in out[-4:]]
        lines.append(f"| {title} | {seconds:.1f} | {of_cores:.1f} | {mib:.0f} |")
        print(lines[-1], flush=True)
    ratios = [b / a for a, b in zip(found["ours"], found["theirs"], strict=True)]
    lines += [
        "",
        f"{ratios[0]:.0f} times as fast, with a {ratios[1]:.0f}th of the computing; the standard"
        f" errors' sums differ by {abs(ratios[3] - 1.0):.0e}.",
    ]
    print(lines[-1])
    return lines


if __name__ == "__main__":
    if sys.argv[1:]:
        measured(sys.argv[1])
    else:
        main()
