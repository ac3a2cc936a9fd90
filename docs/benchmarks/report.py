"""Turns the kept results into the page and the picture: ``python docs/benchmarks/report.py``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import floor, log10
from pathlib import Path
from statistics import geometric_mean, mode
from typing import Any

import numpy as np
from datasets import ALPHAS, DATASETS
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from measure import Result

HERE = Path(__file__).parent
GROUPS = {dataset.name: dataset.group for dataset in DATASETS}
OURS = "SoftmaxGDClassifier"
ON_NUMPY = "SoftmaxGDClassifier, NumPy alone"
COLORS = ["#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "0.6"]


@dataclass(frozen=True)
class Problem:
    """A data set and alpha: where, the least loss, and what became of each solver, ours first."""

    machine: str
    optimum: float
    results: dict[str, Result]

    @classmethod
    def read(cls, kept: dict[str, Any]) -> Problem:
        """From what `run.py` keeps."""
        results = {result["solver"]: Result(**result) for result in kept["results"]}
        return cls(kept["machine"], kept["optimum"], results)

    def peers(self) -> list[Result]:
        """Those that got there, or all if none did."""
        all_of_them = [r for name, r in self.results.items() if not name.startswith(OURS)]
        return [r for r in all_of_them if r.seconds] or all_of_them

    def best_peer(self, ours: str = OURS) -> float:
        """The fastest peer's time over ours; the least that it can be, if none got there."""
        return min(peer.over(self.results[ours]) for peer in self.peers())

    def lbfgs(self, ours: str = OURS) -> float:
        """The same of the peer that scikit-learn takes by default."""
        return self.results["LogisticRegression lbfgs"].over(self.results[ours])


def shown(ratio: float) -> str:
    """Three digits, never rounded up; a dash for what did not get there."""
    if not np.isfinite(ratio):
        return "–"
    digit = 10.0 ** min(0, floor(log10(ratio)) - 2)
    return f"{floor(ratio / digit) * digit:.3g}" if ratio < 100 else f"{floor(ratio)}"


def time_table(problems: dict[str, Problem], machine: str) -> list[str]:
    """A row for each data set and alpha, ours in milliseconds, the others as multiples.

    With an asterisk, if it is of another machine.
    """
    solvers = dict.fromkeys(name for problem in problems.values() for name in problem.results)
    del solvers[OURS]
    lines = [
        "| data | alpha | ours [ms] | best peer | " + " | ".join(solvers) + " |",
        "|---" * (4 + len(solvers)) + "|",
    ]
    for title, problem in problems.items():
        name, alpha = title.split("|")
        name += "" if problem.machine == machine else " \\*"
        ours, bound = problem.results[OURS].time, "" if problem.peers()[0].seconds else "> "
        times = [problem.results[s].time if s in problem.results else np.inf for s in solvers]
        lines.append(
            f"| {name} | {alpha} | {1e3 * ours:.3g} | **{bound}{shown(problem.best_peer())}** | "
            + " | ".join(shown(time / ours) for time in times)
            + " |"
        )
    return lines


def summary(problems: dict[str, Problem]) -> list[str]:
    """Geometric means and the least ratios, at alpha 1e-4 and over all, with and without Numba."""
    columns = {
        "alpha 1e-4": ("0.0001", OURS),
        "all alphas": (None, OURS),
        "NumPy alone, alpha 1e-4": ("0.0001", ON_NUMPY),
        "NumPy alone, all alphas": (None, ON_NUMPY),
    }
    rows: dict[str, tuple[Any, Any, str | None]] = {
        "best peer, dense sets: geometric mean": (geometric_mean, Problem.best_peer, "dense"),
        "best peer, dense sets: least": (min, Problem.best_peer, "dense"),
        "best peer, sparse: least": (min, Problem.best_peer, "sparse"),
        "best peer, wide: least": (min, Problem.best_peer, "wide"),
        "LogisticRegression's lbfgs: geometric mean": (geometric_mean, Problem.lbfgs, None),
    }
    lines = [f"| ratio to ours | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for title, (summarize, ratio, group) in rows.items():
        cells = []
        for alpha, ours in columns.values():
            ratios = [
                ratio(problem, ours)
                for (name, of), problem in ((t.split("|"), p) for t, p in problems.items())
                if group in (None, GROUPS[name])
                and alpha in (None, of)
                and problem.results[ours].seconds
            ]
            cells.append(shown(summarize(ratios)) if ratios else "–")
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def draw(problems: dict[str, Problem]) -> Figure:
    """Excess loss against seconds, a panel for each data set, at alpha 1e-4."""
    chosen = {t: p for t, p in problems.items() if t.endswith("|0.0001")}
    columns = 4
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    solvers = dict.fromkeys(name for problem in chosen.values() for name in problem.results)
    del solvers[ON_NUMPY]
    styles = dict(zip(solvers, COLORS, strict=False))
    for ax, (title, problem) in zip(axes.flat, chosen.items(), strict=False):
        for solver, result in problem.results.items():
            if solver == ON_NUMPY:
                continue
            runs = [(s, max(loss - problem.optimum, 1e-9)) for _, s, loss in result.runs]
            runs = sorted((run for run in runs if run[1] < 10.0), key=lambda run: -run[1])
            if not runs:
                continue  # diverged, at a loss of thousands
            ax.loglog(
                *zip(*runs, strict=True),
                marker="o",
                markersize=3,
                linewidth=2 if solver == OURS else 1,
                color=styles[solver],
                label=solver,
                zorder=3 if solver == OURS else 2,
            )
        ax.axhline(1e-6, color="0.6", linewidth=0.8, linestyle="--")
        ax.set_title(title.split("|")[0], fontsize=9)
        ax.tick_params(which="both", labelsize=7)
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_locator(LogLocator(subs=(2, 5)))
        first, last = ax.get_xlim()
        ax.xaxis.set_minor_formatter("{x:g}" if last < 50 * first else NullFormatter())
        ax.set_ylim(3e-10, 10.0)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes.flat[len(chosen) :]:
        ax.remove()
    figure.supxlabel("seconds of a fit, in one thread")
    figure.supylabel("excess over the optimum [nats per sample]")
    handles = {}
    for ax in figure.axes:
        handles |= dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    figure.legend(
        handles.values(), handles.keys(), loc="outside upper center", ncols=4, frameon=False
    )
    return figure


def not_measured(problems: dict[str, Problem]) -> list[str]:
    """Lines that name what is left out."""
    lines = []
    for alpha in ALPHAS:
        missing = [d.name for d in DATASETS if f"{d.name}|{alpha:g}" not in problems]
        which = "all" if len(missing) == len(DATASETS) else "; ".join(missing)
        if missing:
            lines.append(f"Not measured for this page, at alpha {alpha:g}: {which}.")
    late = [
        title.replace("|", " at ")
        for title, problem in problems.items()
        if not problem.results[ON_NUMPY].seconds
    ]
    if late:
        lines.append(
            f"NumPy alone was not tried long enough: {', '.join(late)}; its means lack those."
        )
    return ["", *lines] if lines else []


def table(rows: list[dict[str, Any]]) -> list[str]:
    """Rows of named numbers as a table."""
    lines = ["| " + " | ".join(rows[0]) + " |", "|---" * len(rows[0]) + "|"]
    for row in rows:
        cells = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values()]
        lines.append("| " + " | ".join(cells) + " |")
    return lines


def write_report() -> None:
    """Write results.md and excess.png beside this file, if there is all that they need."""
    kept = json.loads((HERE / "results.json").read_text())
    missing = {"parts", "problems"} - kept.keys()
    if missing:
        print(f"no page yet: no {missing.pop()} were measured")
        return
    titles = [f"{dataset.name}|{alpha:g}" for dataset in DATASETS for alpha in ALPHAS]
    problems = {t: Problem.read(kept["problems"][t]) for t in titles if t in kept["problems"]}
    parts = kept["parts"]
    machines = [parts["machine"], *(problem.machine for problem in problems.values())]
    machine = mode(machines)
    others = [f"With an asterisk: on {other}." for other in sorted(set(machines) - {machine})]
    of_parts = [] if parts["machine"] == machine else [f"All below: on {parts['machine']}.", ""]
    ours, *peers = parts["small_fits"].values()
    best = min(peers)
    page = [
        "# Results",
        "",
        f"Made by `python docs/benchmarks/run.py` on {machine}; what is measured, and how,",
        "stands in [the overview](index.md). Times are multiples of ours: above 1, ours is faster.",
        "Ours has the extra `fast`; `NumPy alone` is ours without it. What was measured is kept",
        "until it is measured again: some rows are of code a little older than others.",
        "Figures of the same code differ by up to a quarter here, and so do ratios: see",
        "`NumPy alone` on iris and wine, which are too small for compiled kernels.",
        "",
        "A dash: not tried, or not within 1e-6 of the optimum at any `tol`, or not in a run of a",
        "minute, and of ten times our time in one thread. For such a solver, the means and the",
        "figures with a > use its longest run that did not get there, divided by our time, both in",
        "one thread: they are lower bounds.",
        *others,
        *not_measured(problems),
        "",
        *summary(problems),
        "",
        "![Excess loss against seconds, by data set](excess.png)",
        "",
        "## Time to an excess of 1e-6",
        "",
        *time_table(problems, machine),
        "",
        *of_parts,
        "## One pass",
        "",
        "Loss and gradient, in milliseconds; `LinearModelLoss`: scikit-learn's time over ours;",
        "`limit`: the least time that the machine allows over ours; `NumPy alone`: scikit-learn's",
        "time over ours without the extra `fast`.",
        "",
        *table(parts["passes"]),
        "",
        "## predict_proba",
        "",
        *table(parts["predictions"]),
        "",
        "## Memory and overhead",
        "",
        f"A fit of 1000000 × 50 float64, ten classes, adds {parts['memory']['added']:.0f} MB to the"
        f" {parts['memory']['X']:.0f} MB of X (what Python allocates: tracemalloc).",
        "",
        "500 fits of iris in a row to an excess of 1e-6, in one thread, by those that do not take",
        "ten times as long as ours: "
        + ", ".join(f"{name} {time:.2f} s" for name, time in parts["small_fits"].items())
        + f"; the best peer {shown(best / ours)} times ours.",
        "",
    ]
    (HERE / "results.md").write_text("\n".join(page))
    draw(problems).savefig(HERE / "excess.png", dpi=110)


if __name__ == "__main__":
    write_report()
