"""Sparse models beside other solvers: ``python docs/benchmarks/elastic_net.py [NAME …]``.

As `run.py`: median times to an excess of 1e-6 nats over the optimum, each solver at its best. Then
a path of a hundred alphas, and ten alphas in five folds beside LogisticRegressionCV. Prints the
tables, and without names of data sets writes them to elastic_net.md. A solver that is not installed
is left out, and named.
"""

from __future__ import annotations

import os
import platform
import sys
import time
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

import numpy as np
from datasets import DATASETS
from measure import Result, compare, loss
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.preprocessing import scale
from solvers import Fit, Penalty, Solver, softmax_gd
from threadpoolctl import threadpool_limits

from skl_softmax import SoftmaxGDClassifierCV, softmax_path

PAGE = Path(__file__).with_name("elastic_net.md")
SCALED = "iris", "wine", "digits", "breast cancer", "counts", "two Gaussians", "blobs"
RAW = "digits", "breast cancer", "near-separable", "well-conditioned", "wide", "TF-IDF"
SHARES = 0.1, 0.01  # of the largest alpha, from which on all weights are zero
MOST_WORK = 1e10  # multiply-adds of a fit by saga, which no alarm ends
PATIENCE = 5.0  # seconds that any solver is given, however fast ours
TOLS = tuple(10.0 ** (-k / 2) for k in range(2, 19))


def saga(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
    """scikit-learn's only solver with an L1 penalty for several classes."""
    options: dict[str, Any] = {"l1_ratio": penalty.l1_ratio, "C": 1.0 / (penalty.alpha * len(y))}
    if LogisticRegression().penalty != "deprecated":
        options["penalty"] = "elasticnet"
    epochs = int(np.clip(MOST_WORK / (X.size * (y.max() + 1)), 100, 100_000))  # of 30 s at most
    model = LogisticRegression(solver="saga", tol=tol, max_iter=epochs, random_state=0, **options)
    model.fit(X, y)
    return model.coef_, model.intercept_


def adelie() -> Fit | None:
    """Adelie's coordinate descent in C++: for two classes, since more are grouped there."""
    try:
        import adelie as ad
    except ImportError:
        return None

    def fit(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
        betas, intercepts = adelie_path(ad, X, y, penalty.l1_ratio, [penalty.alpha], tol)
        return betas[-1:], intercepts[-1:]

    return fit


def adelie_path(
    ad: Any, X: Any, y: Any, l1_ratio: float, alphas: Any, tol: float
) -> tuple[Any, Any]:
    """Coefficients (n_alphas, n_features) and intercepts (n_alphas,)."""
    state = ad.grpnet(
        np.asfortranarray(X),
        ad.glm.binomial(y.astype(float)),
        alpha=l1_ratio,
        lmda_path=np.asarray(alphas),
        tol=tol,
        irls_tol=tol,
        early_exit=False,
        progress_bar=False,
    )
    return state.betas.toarray(), np.asarray(state.intercepts)


def skglm() -> Fit | None:
    """The proximal Newton method of skglm: for two classes, since more are one-vs-rest there."""
    try:
        from skglm import SparseLogisticRegression
    except ImportError:
        return None

    def fit(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
        model = SparseLogisticRegression(**penalty._asdict(), tol=tol, max_iter=1000)
        model.fit(X, y)
        return model.coef_, np.ravel(model.intercept_)

    return fit


def solvers(y: Any) -> list[Solver]:
    """Those at hand for such data, ours first."""
    found = [
        Solver("SoftmaxGDClassifier", softmax_gd, TOLS),
        Solver("saga", saga, TOLS),
    ]
    for name, fit in (("adelie", adelie()), ("skglm", skglm())):
        if fit is not None and y.max() == 1:
            found.append(Solver(name, fit, TOLS))
    return found


def problems(names: list[str]) -> list[tuple[str, Callable[[], tuple[Any, Any]]]]:
    """The data sets of these names, or all: scaled, for what saga needs, and raw."""
    made = {dataset.name: dataset.make for dataset in DATASETS}

    def scaled(name: str) -> tuple[Any, Any]:
        X, y = made[name]()
        return scale(X), y

    found = [(f"{name}, scaled", partial(scaled, name)) for name in SCALED]
    found += [(name, made[name]) for name in RAW]
    return [(name, make) for name, make in found if not names or name in names]


def main() -> None:
    """Print the tables; write them, if they are whole."""
    names = sys.argv[1:]
    missing = [name for name, fit in (("adelie", adelie()), ("skglm", skglm())) if fit is None]
    lines = [f"{os.cpu_count()} cores ({platform.machine()}), shared. Data × alpha, L1 alone and"]
    lines += ["half of each; the time of each solver over ours, at an excess of 1e-6 nats; “> ”"]
    lines += ["where its longest run, that many times ours, had not got there.", ""]
    if missing:
        lines += [f"Not installed, left out: {', '.join(missing)}.", ""]
    lines += ["| | alpha | l1_ratio | ours | nonzero | saga | adelie | skglm |", "|" + "---|" * 8]
    ratios: dict[str, list[float]] = {"saga": [], "adelie": [], "skglm": []}
    for line in lines:
        print(line)
    for name, make in problems(names):
        X, y = make()
        y = np.asarray(y)
        for l1_ratio in (1.0, 0.5):
            for share in SHARES:
                lines.append(row(name, X, y, l1_ratio, share, ratios))
                print(lines[-1], flush=True)
    lines.append("")
    for name, found in ratios.items():
        if found:
            lines.append(
                f"{name}: geometric mean {geometric_mean(found):.3g}, least {min(found):.3g}."
            )
    lines += ["", *paths(), "", *folds()]
    print("\n".join(lines[-12:]))
    if not names:
        PAGE.write_text("# Sparse models\n\n" + "\n".join(lines) + "\n")


def row(
    name: str, X: Any, y: Any, l1_ratio: float, share: float, ratios: dict[str, list[float]]
) -> str:
    """One problem's line; a ratio that is only known to be larger than a bound counts as that."""
    largest = softmax_path(X, y, n_alphas=1, l1_ratio=l1_ratio).alphas[0]
    penalty = Penalty(share * largest, l1_ratio)
    _, (ours, *others) = compare(
        X, y, penalty, solvers(y), repeats=5 if len(y) < 10_000 else 3, patience=PATIENCE
    )
    coef, _ = softmax_gd(X, y, penalty, 1e-7)
    found = {result.solver: ratio(result, ours) for result in others}
    for solver, (_, value) in found.items():
        ratios[solver].append(value)
    shown = [found.get(solver, ("", 0.0))[0] for solver in ratios]
    cells = [name, f"{penalty.alpha:.2g}", f"{l1_ratio:g}", f"{ours.time * 1e3:.3g} ms"]
    cells += [f"{np.count_nonzero(coef)} of {coef.size}", *shown]
    return f"| {' | '.join(cells)} |"


def ratio(result: Result, ours: Result) -> tuple[str, float]:
    """A solver's time over ours, and how to write it."""
    value = result.over(ours)
    return f"{value:.3g}" if result.seconds else f"> {value:.2g}", value


def paths() -> list[str]:
    """A hundred alphas of two data sets: ours, and adelie's at tolerances as good."""
    lines = ["A path of 100 alphas, over three decades, L1 alone:", ""]
    try:
        import adelie as ad
    except ImportError:
        ad = None
    for name, make in problems(
        ["breast cancer, scaled", "counts, scaled", "digits, scaled", "wide"]
    ):
        X, y = make()
        path = softmax_path(X, y, l1_ratio=1.0, eps=1e-3)
        ours = best_of(lambda X=X, y=y: softmax_path(X, y, l1_ratio=1.0, eps=1e-3))
        line = f"- {name}: {ours:.2f} s"
        if ad is not None and y.max() == 1:
            betas, intercepts = adelie_path(ad, X, y, 1.0, path.alphas, 1e-7)
            theirs = best_of(lambda X=X, y=y, p=path: adelie_path(ad, X, y, 1.0, p.alphas, 1e-7))
            excess = max(
                loss(X, y, betas[[i]], intercepts[[i]], Penalty(path.alphas[i], 1.0))
                - path.losses[i]
                for i in range(0, 100, 9)
            )
            line += f"; adelie takes {theirs / ours:.2g} times as long, its excess {excess:.1g}"
        lines.append(line + ".")
    return lines


def folds() -> list[str]:
    """Ten alphas in five folds on digits, beside LogisticRegressionCV with the same."""
    X, y = load_digits(return_X_y=True)
    Cs = np.logspace(-4, 4, 10)
    options: dict[str, Any] = {"Cs": Cs, "cv": 5, "scoring": "neg_log_loss"}
    known = LogisticRegressionCV().get_params()
    if "use_legacy_attributes" in known:
        options |= {"use_legacy_attributes": False, "l1_ratios": (0,)}
    alphas = 1.0 / (Cs * 0.8 * len(y))
    ours = best_of(lambda: SoftmaxGDClassifierCV(alphas=alphas, cv=5).fit(X, y))
    lines = [
        f"Ten alphas in five folds on digits: {ours:.2f} s; LogisticRegressionCV over that:",
        "",
    ]
    for max_iter in (100, 10_000):
        peer = LogisticRegressionCV(max_iter=max_iter, **options)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with threadpool_limits(1):
                alone = best_of(lambda peer=peer: peer.fit(X, y), repeats=1)
            together = best_of(lambda peer=peer: peer.fit(X, y), repeats=1) if alone < 60 else alone
        what = (
            "its default max_iter=100, which warns" if max_iter == 100 else "until its tol is met"
        )
        lines.append(f"- {what}: {min(alone, together) / ours:.3g}")
    return lines


def best_of(call: Callable[[], Any], repeats: int = 3) -> float:
    """Median seconds."""
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


if __name__ == "__main__":
    main()
