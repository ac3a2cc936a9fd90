"""Fits on a CUDA device: ours, scikit-learn's, PyTorch's and cuML's, on the same tensors.

    SCIPY_ARRAY_API=1 python docs/benchmarks/gpu.py

Needs PyTorch with CUDA; cuML counts where it is installed. Each solver gets a sweep of `tol`, and
counts with its first fit within 1e-6 nats per sample of the minimum, found in float64. So does
ours on the processor, with the same numbers in NumPy's arrays. A pass, loss and gradient, is put
beside what the device's memory allows: X read once at the bandwidth measured.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
import sklearn
from measure import EXCESS, TIGHT, at_most
from sklearn.linear_model import LogisticRegression

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines.device import OnDevice

ALPHA = 1e-4
TOLERANCES = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7)
LONG = 3.0  # seconds: fits that are not repeated
SHAPES = ((1_000_000, 100, 10), (10_000_000, 50, 10), (1_000_000, 1000, 100))


def problem(torch: Any, shape: tuple[int, int, int], dtype: Any, device: str) -> tuple[Any, Any]:
    """Overlapping classes, of features with scales from 0.1 to 10: made on the device."""
    n_samples, n_features, n_classes = shape
    rng = torch.Generator(device=device).manual_seed(0)
    X = torch.randn(n_samples, n_features, dtype=dtype, device=device, generator=rng)
    coef = torch.randn(n_features, n_classes, dtype=dtype, device=device, generator=rng)
    coef *= 3.0 / n_features**0.5
    y = torch.empty(n_samples, dtype=torch.int64, device=device)
    for start in range(0, n_samples, 2**18):
        rows = slice(start, start + 2**18)
        logits = X[rows] @ coef
        uniform = torch.rand(logits.shape, dtype=dtype, device=device, generator=rng)
        y[rows] = (logits - torch.log(-torch.log(uniform.clamp(1e-12, 1 - 1e-7)))).argmax(1)
    X *= torch.logspace(-1, 1, n_features, dtype=dtype, device=device)
    return X, y


def loss_of(torch: Any, X: Any, y: Any, coef: Any, intercept: Any) -> float:
    """F in float64, in blocks of rows."""
    coef = torch.as_tensor(coef, dtype=torch.float64, device=X.device)
    intercept = torch.as_tensor(intercept, dtype=torch.float64, device=X.device)
    total = 0.0
    for start in range(0, len(X), 2**18):
        rows = slice(start, start + 2**18)
        logits = X[rows].double() @ coef.T + intercept
        total += float(torch.nn.functional.cross_entropy(logits, y[rows], reduction="sum"))
    return total / len(X) + 0.5 * ALPHA * float((coef**2).sum())


def solvers(torch: Any, X: Any, y: Any) -> Iterator[tuple[str, Callable[[float], Any]]]:
    """Their names, and what fits to a tolerance and returns coef and intercept."""

    def weights(model: Any) -> tuple[Any, Any]:
        return model.coef_, model.intercept_

    yield "ours", lambda tol: weights(SoftmaxGDClassifier(alpha=ALPHA, tol=tol).fit(X, y))
    here = X.cpu().numpy(), y.cpu().numpy()
    yield (
        f"ours, {os.cpu_count()} cores",
        lambda tol: weights(SoftmaxGDClassifier(alpha=ALPHA, tol=tol).fit(*here)),
    )
    C = 1.0 / (ALPHA * len(X))
    yield (
        "scikit-learn lbfgs",
        lambda tol: weights(LogisticRegression(C=C, tol=tol, max_iter=10_000).fit(X, y)),
    )
    yield "PyTorch LBFGS", lambda tol: torch_lbfgs(torch, X, y, tol)
    try:
        from cuml.linear_model import LogisticRegression as CumlRegression
    except ImportError:
        return

    def cuml(tol: float) -> tuple[Any, Any]:
        model = CumlRegression(C=C, tol=tol, max_iter=10_000, output_type="numpy").fit(X, y)
        return weights(model)

    yield "cuML", cuml


def torch_lbfgs(torch: Any, X: Any, y: Any, tol: float) -> tuple[Any, Any]:
    """The objective as PyTorch users write it."""
    n_classes = int(y.max()) + 1
    coef = torch.zeros(n_classes, X.shape[1], dtype=X.dtype, device=X.device, requires_grad=True)
    intercept = torch.zeros(n_classes, dtype=X.dtype, device=X.device, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [coef, intercept],
        max_iter=10_000,
        tolerance_grad=tol,
        tolerance_change=0,
        line_search_fn="strong_wolfe",
    )

    def closure() -> Any:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(X @ coef.T + intercept, y)
        loss = loss + 0.5 * ALPHA * (coef**2).sum()
        loss.backward()
        return loss

    optimizer.step(closure)
    return coef.detach(), intercept.detach()


def seconds_of(torch: Any, function: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    """The median time of a function, and what it returns; the device has finished."""
    finish = torch.cuda.synchronize if torch.cuda.is_available() else lambda: None
    found, spent = None, []
    for _ in range(times):
        finish()
        start = time.perf_counter()
        found = function()
        finish()
        spent.append(time.perf_counter() - start)
    return median(spent), found


def bandwidth(torch: Any, device: str) -> float:
    """Bytes a second that the device reads: the sum of a large vector."""
    vector = torch.ones(2**27, device=device)
    vector.sum()
    return 4 * 2**27 / seconds_of(torch, vector.sum, 20)[0]


def seconds_of_a_pass(torch: Any, X: Any, y: Any, n_classes: int) -> float:
    """Of loss and gradient."""
    weights = np.broadcast_to(1.0 / len(y), len(y))
    sums = OnDevice(X).sums(y.cpu().numpy(), weights, n_classes)
    zeros = np.zeros((n_classes, X.shape[1])), np.zeros(n_classes)
    return seconds_of(torch, lambda: sums.loss_and_gradient(*zeros), 10)[0]


def compare(torch: Any, X: Any, y: Any, patience: float) -> tuple[float, dict[str, str]]:
    """Seconds of our first fit within the excess; the others' as multiples of that, to be read.

    Ours is given all the time it takes. Of another that takes longer than `patience` seconds, the
    least that it can be; of one whose tightest `tol` does not do, a dash.
    """
    named = dict(solvers(torch, X, y))
    exact = SoftmaxGDClassifier(alpha=ALPHA, tol=TIGHT).fit(X.double(), y)
    least = loss_of(torch, X, y, exact.coef_, exact.intercept_)
    shown: dict[str, str] = {}
    ours = 0.0
    for name, fit in named.items():
        fit(1.0)  # what a first call loads and compiles
        shown[name] = "–"
        for tol in TOLERANCES:
            fit_to = partial(fit, tol)
            try:
                with at_most(patience if ours else np.inf):
                    seconds, found = seconds_of(torch, fit_to, 1)
            except TimeoutError:
                shown[name] = f"> {patience / ours:.3g}"
                break
            loss = loss_of(torch, X, y, *found)
            assert loss > least - EXCESS / 10, "the optimum was none"
            if loss <= least + EXCESS:
                seconds = seconds if seconds > LONG else seconds_of(torch, fit_to)[0]
                ours = ours or seconds
                shown[name] = f"{seconds / ours:.3g}"
                break
        assert ours, "ours did not get there"
    del shown["ours"]
    return ours, shown


def added_memory(torch: Any, X: Any, y: Any) -> float:
    """Bytes of the device that a fit takes beside X and y."""
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    SoftmaxGDClassifier(alpha=ALPHA).fit(X, y)
    return float(torch.cuda.max_memory_allocated() - before)


def main() -> None:
    """Print a row for every shape and type: of the others, the time as a multiple of ours."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patience", type=float, default=60.0, help="seconds for a solver's fit")
    parser.add_argument("--device", default="cuda", help="cpu: to try the script")
    parser.add_argument("--shrink", type=int, default=1, help="divides the number of samples")
    options = parser.parse_args()
    import torch

    if os.environ.get("SCIPY_ARRAY_API") != "1":
        parser.error("scikit-learn wants SCIPY_ARRAY_API=1 in the environment")
    is_cuda = options.device == "cuda"
    if is_cuda and not torch.cuda.is_available():
        parser.error("PyTorch finds no CUDA device")
    bytes_per_second = bandwidth(torch, options.device)
    name = torch.cuda.get_device_name() if is_cuda else "the CPU"
    print(f"{name}, {bytes_per_second / 1e9:.0f} GB/s; PyTorch {torch.__version__}")
    if find_spec("cuml") is None:
        print("cuML is not installed: left out")
    sklearn.set_config(array_api_dispatch=True)
    warnings.simplefilter("ignore")  # a loose tol may not do: the sweep goes on
    for n_samples, *rest in SHAPES:
        shape = (n_samples // options.shrink, *rest)
        for dtype in (torch.float32, torch.float64):
            X, y = problem(torch, shape, dtype, options.device)
            size = X.numel() * X.element_size()
            one_pass = seconds_of_a_pass(torch, X, y, shape[2])
            cells = [
                "×".join(map(str, shape)) + f", {str(dtype).removeprefix('torch.')}",
                f"{1e3 * one_pass:.1f} ms, {size / bytes_per_second / one_pass:.0%}",
            ]
            if is_cuda:
                cells.append(f"{added_memory(torch, X, y) / 1e6:.0f} MB beside {size / 1e6:.0f}")
            ours, others = compare(torch, X, y, options.patience)
            cells.append(f"{1e3 * ours:.0f} ms")
            cells.extend(f"{other} {ratio}" for other, ratio in others.items())
            print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
