"""Turns the kept results into the page and the picture: ``python docs/benchmarks/report.py``."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from statistics import geometric_mean
from typing import Any

import numpy as np
from datasets import ALPHAS, DATASETS
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

HERE = Path(__file__).parent
GROUPS = {dataset.name: dataset.group for dataset in DATASETS}
OURS = "SoftmaxGDClassifier"
ON_NUMPY = "SoftmaxGDClassifier, NumPy alone"
COLORS = ["#D55E00", "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#000000", "0.6"]


def seconds(result: dict[str, Any]) -> float:
    """Median of the timed fits, infinite if the excess was not reached."""
    return float(np.median(result["seconds"])) if result["seconds"] else np.inf


def got_there(problem: dict[str, Any], solver: str) -> bool:
    """Whether a solver reached the excess in time."""
    return any(r["solver"] == solver and r["seconds"] for r in problem["results"])


def ratios(problem: dict[str, Any], ours: str = OURS) -> dict[str, float]:
    """Each other solver's time over ours, infinite if it did not get there."""
    times = {result["solver"]: seconds(result) for result in problem["results"]}
    return {solver: time / times[ours] for solver, time in times.items() if solver != ours}


def at_least(problem: dict[str, Any], solver: str, ours: str = OURS) -> float:
    """A peer's time over ours; if it did not get there, of its longest run that was not enough.

    Both in one thread then, as all runs of a sweep are.
    """
    results = {result["solver"]: result for result in problem["results"]}
    if np.isfinite(seconds(results[solver])):
        return seconds(results[solver]) / seconds(results[ours])
    (time,) = (s for tol, s, _ in results[ours]["runs"] if tol == results[ours]["tol"])
    return float(max(s for _, s, _ in results[solver]["runs"]) / time)


def best_peer(problem: dict[str, Any], ours: str = OURS) -> float:
    """The fastest peer's time over ours; the least that it can be, if none got there."""
    peers = [r["solver"] for r in problem["results"] if not r["solver"].startswith(OURS)]
    reached = [solver for solver in peers if got_there(problem, solver)]
    return min(at_least(problem, solver, ours) for solver in reached or peers)


def shown(ratio: float) -> str:
    """Two digits, or a dash for what did not get there."""
    if not np.isfinite(ratio):
        return "–"
    return f"{ratio:.2g}" if ratio < 100 else f"{ratio:.0f}"


def time_table(results: dict[str, Any]) -> list[str]:
    """A row for each data set and alpha, ours in milliseconds, the others as multiples."""
    solvers = dict.fromkeys(
        other["solver"] for problem in results.values() for other in problem["results"][1:]
    )
    lines = [
        "| data | alpha | ours [ms] | best peer | " + " | ".join(solvers) + " |",
        "|---" * (4 + len(solvers)) + "|",
    ]
    for title, problem in results.items():
        name, alpha = title.split("|")
        times = ratios(problem)
        cells = [shown(times.get(solver, np.inf)) for solver in solvers]
        ours = 1e3 * seconds(problem["results"][0])
        is_reached = any(np.isfinite(t) for s, t in times.items() if not s.startswith(OURS))
        bound = "" if is_reached else "> "
        lines.append(
            f"| {name} | {alpha} | {ours:.3g} | **{bound}{shown(best_peer(problem))}** | "
            + " | ".join(cells)
            + " |"
        )
    return lines


def summary(results: dict[str, Any]) -> list[str]:
    """Geometric means and the least ratios, at alpha 1e-4 and over all, with and without Numba."""
    columns = {
        "alpha 1e-4": ("0.0001", OURS),
        "all alphas": (None, OURS),
        "NumPy alone, alpha 1e-4": ("0.0001", ON_NUMPY),
        "NumPy alone, all alphas": (None, ON_NUMPY),
    }
    rows: dict[str, tuple[Any, Any, str | None]] = {
        "best peer, dense sets: geometric mean": (geometric_mean, best_peer, "dense"),
        "best peer, dense sets: least": (min, best_peer, "dense"),
        "best peer, sparse: least": (min, best_peer, "sparse"),
        "best peer, wide: least": (min, best_peer, "wide"),
        "LogisticRegression's lbfgs: geometric mean, at least": (
            geometric_mean,
            partial(at_least, solver="LogisticRegression lbfgs"),
            None,
        ),
    }
    lines = [f"| ratio to ours | {' | '.join(columns)} |", "|---" * (1 + len(columns)) + "|"]
    for title, (summarize, ratio, group) in rows.items():
        cells = [
            shown(
                summarize(
                    ratio(problem, ours=ours)
                    for (name, of), problem in ((t.split("|"), p) for t, p in results.items())
                    if group in (None, GROUPS[name])
                    and alpha in (None, of)
                    and got_there(problem, ours)
                )
            )
            for alpha, ours in columns.values()
        ]
        lines.append(f"| {title} | {' | '.join(cells)} |")
    return lines


def draw(results: dict[str, Any]) -> Figure:
    """Excess loss against seconds, a panel for each data set, at alpha 1e-4."""
    chosen = {t: p for t, p in results.items() if t.endswith("|0.0001")}
    columns = 4
    rows = -(-len(chosen) // columns)
    figure = Figure(figsize=(3.2 * columns, 2.5 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    solvers = dict.fromkeys(r["solver"] for p in chosen.values() for r in p["results"])
    solvers.pop(ON_NUMPY, None)
    styles = dict(zip(solvers, COLORS, strict=False))
    for ax, (title, problem) in zip(axes.flat, chosen.items(), strict=False):
        for result in problem["results"]:
            if result["solver"] == ON_NUMPY:
                continue
            runs = [(s, max(loss - problem["optimum"], 1e-9)) for _, s, loss in result["runs"]]
            runs = sorted((run for run in runs if run[1] < 10.0), key=lambda run: -run[1])
            if not runs:
                continue  # diverged, at a loss of thousands
            ax.loglog(
                *zip(*runs, strict=True),
                marker="o",
                markersize=3,
                linewidth=2 if result["solver"] == OURS else 1,
                color=styles[result["solver"]],
                label=result["solver"],
                zorder=3 if result["solver"] == OURS else 2,
            )
        ax.axhline(1e-6, color="0.6", linewidth=0.8, linestyle="--")
        ax.set_title(title.split("|")[0], fontsize=9)
        ax.tick_params(labelsize=7)
        ax.xaxis.set_minor_formatter(NullFormatter())
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


def not_measured(results: dict[str, Any]) -> list[str]:
    """Lines that name what these results leave out."""
    lines = []
    for alpha in ALPHAS:
        missing = [d.name for d in DATASETS if f"{d.name}|{alpha:g}" not in results]
        which = "all" if len(missing) == len(DATASETS) else ", ".join(missing)
        if missing:
            lines.append(f"Not measured for this page, at alpha {alpha:g}: {which}.")
    late = [
        title.replace("|", " at ") for title in results if not got_there(results[title], ON_NUMPY)
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


def main() -> None:
    """Write results.md and excess.png beside this file."""
    kept = json.loads((HERE / "results.json").read_text())
    order = [dataset.name for dataset in DATASETS]
    results = dict(
        sorted(kept["problems"].items(), key=lambda item: order.index(item[0].split("|")[0]))
    )
    parts = kept["parts"]
    page = [
        "# Results",
        "",
        f"Made by `python docs/benchmarks/run.py` on {kept['machine']}; what is measured, and how,",
        "stands in [the overview](index.md). Times are multiples of ours: above 1, ours is faster.",
        "Ours has the extra `fast`; `NumPy alone` is ours without it.",
        "Figures of the same code differ by up to a quarter here, and so do ratios: see",
        "`NumPy alone` on iris and wine, which are too small for compiled kernels.",
        "",
        "A dash: not tried, or not within 1e-6 of the optimum at any `tol`, or not in ten times",
        "our time (three times, where that is more than ten seconds) and five seconds. Means, and",
        "what stands behind a >, then have a solver's longest run that was not good enough, over",
        "ours, both in one thread: they are lower bounds.",
        *not_measured(results),
        "",
        *summary(results),
        "",
        "![Excess loss against seconds, by data set](excess.png)",
        "",
        "## Time to an excess of 1e-6",
        "",
        *time_table(results),
        "",
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
        f" {parts['memory']['X']:.0f} MB of X.",
        "",
        "500 fits of iris in a row, in one thread: "
        + ", ".join(f"{name} {time:.2f} s" for name, time in parts["small_fits"].items())
        + ".",
        "",
    ]
    (HERE / "results.md").write_text("\n".join(page))
    draw(results).savefig(HERE / "excess.png", dpi=110)


if __name__ == "__main__":
    main()
