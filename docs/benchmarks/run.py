"""Time to the optimum, beside every other solver: ``python docs/benchmarks/run.py [--quick]``.

For each data set and alpha, every solver's median time to an excess of 1e-6 nats over the optimum,
as a multiple of ours. A solver that is not installed is left out, and named. Without --quick the
results are kept, and the page and the picture made of all that are.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from datasets import ALPHAS, DATASETS, QUICK
from measure import Result, compare
from numpy._core._multiarray_umath import __cpu_features__
from passes import memory, passes, predictions, small_fits
from report import write_report
from solvers import NUMPY_ALONE, SAGA, Penalty, solvers

RESULTS = Path(__file__).with_name("results.json")
PATIENCE = 60.0  # seconds that any run is given, however fast ours
FOR_THE_RECORD = "iris", "digits", "blobs"  # where saga has its one chance


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small data sets, alpha 1e-4")
    parser.add_argument(
        "--datasets", nargs="+", choices=[d.name for d in DATASETS], help="these data sets only"
    )
    parser.add_argument("--alphas", nargs="+", type=float, choices=ALPHAS, help="these alphas only")
    parser.add_argument("--parts", action="store_true", help="passes, predictions, memory only")
    arguments = parser.parse_args()
    if not arguments.parts:
        names = arguments.datasets or (QUICK if arguments.quick else [d.name for d in DATASETS])
        alphas = arguments.alphas or ([1e-4] if arguments.quick else ALPHAS)
        compare_all(names, alphas, quick=arguments.quick)
    if arguments.parts or not (arguments.quick or arguments.datasets):
        print("passes, predictions, memory, small fits …", flush=True)
        keep(
            "parts",
            {
                "machine": machine(),
                "passes": passes(),
                "predictions": predictions(),
                "memory": memory(),
                "small_fits": small_fits(),
            },
        )
    if not arguments.quick:
        write_report()


def compare_all(names: Sequence[str], alphas: Sequence[float], *, quick: bool) -> None:
    """Compare on every data set of these names, at each alpha; keep what was not quick."""
    found, missing = solvers()
    if missing:
        print(f"not installed, left out: {', '.join(missing)}")
    print(f"{os.cpu_count()} cores; time to an excess of 1e-6, as a multiple of ours\n")
    for dataset in DATASETS:
        if dataset.name not in names:
            continue
        X, y = dataset.make()
        able = [solver for solver in found if solver.is_able(X, len(np.unique(y)))]
        for alpha in alphas:
            record = [] if quick else [NUMPY_ALONE]
            if record and dataset.name in FOR_THE_RECORD and alpha == 1e-4:
                record.append(SAGA)
            best, results = compare(
                X,
                y,
                Penalty(alpha),
                able + record,
                repeats=3 if quick or X.shape[0] >= 10_000 else 11,
                patience=1.0 if quick else PATIENCE,
            )
            print(row(f"{dataset.name}, alpha {alpha:g}", results), flush=True)
            if not quick:
                problem = {
                    "machine": machine(),
                    "optimum": best,
                    "results": [asdict(result) for result in results],
                }
                keep("problems", {f"{dataset.name}|{alpha:g}": problem})


def keep(part: str, content: dict[str, Any]) -> None:
    """Add to what is kept for the report."""
    kept = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    kept.setdefault(part, {}).update(content)
    RESULTS.write_text(json.dumps(kept))


def machine() -> str:
    """Its kind."""
    simd = "with" if __cpu_features__["AVX512F"] else "without"
    return f"{os.cpu_count()} cores ({platform.machine()}, {simd} AVX-512), shared"


def row(title: str, results: list[Result]) -> str:
    """One problem's line of the table, the fastest first."""
    ours, *others = results
    others.sort(key=lambda result: result.time)
    cells = [f"{result.solver} {shown(result.time / ours.time)}" for result in others]
    return f"{title}: ours {ours.time * 1e3:.1f} ms (tol {ours.tol:.0e}); {'; '.join(cells)}"


def shown(ratio: Any) -> str:
    """A ratio of times; a dash where the solver did not get there, or ours did not."""
    return f"{ratio:.2f}" if np.isfinite(ratio) and ratio > 0.0 else "–"


if __name__ == "__main__":
    main()
