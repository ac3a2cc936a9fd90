"""Fit and predict from a file larger than memory should be: time, bandwidth, and memory added.

    python docs/benchmarks/out_of_core.py --gigabytes 20

The file is made on the fly in ``--folder``, and removed. A pass is compared with reading the file
from its start to its end and doing nothing. All of it is dropped from the page cache before each
(as far as the system lets us), so what is measured is the disk and not memory, unless
``--warm``.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from skl_softmax import SoftmaxGDClassifier

N_FEATURES, N_CLASSES = 50, 10
PIECE = 2**24  # bytes, or rows: at a time


def make(folder: Path, n_bytes: int) -> tuple[Path, Path]:
    """Write samples of ten overlapping classes, and their labels."""
    n_samples = n_bytes // (8 * N_FEATURES)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float64, (n_samples, N_FEATURES))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int64, (n_samples,))
    rng = np.random.default_rng(0)
    coef = rng.standard_normal((N_FEATURES, N_CLASSES)) / 3
    step = PIECE // N_FEATURES
    for start in range(0, n_samples, step):
        rows = slice(start, min(start + step, n_samples))
        Z = rng.standard_normal((rows.stop - rows.start, N_FEATURES))
        logits = Z @ coef
        y[rows] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
        X[rows] = Z * np.linspace(0.1, 10.0, N_FEATURES) + 5.0
    X.flush()
    y.flush()
    return folder / "X.npy", folder / "y.npy"


def forget(*paths: Path) -> None:
    """Drop files from the page cache."""
    for path in paths:
        with path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def read(path: Path) -> None:
    """Read a file from its start to its end."""
    buffer = bytearray(PIECE)
    with path.open("rb", buffering=0) as file:
        while file.readinto(buffer):
            pass


@contextmanager
def watched_memory() -> Iterator[Callable[[], float]]:
    """Measure by how many MB anonymous memory grows at most."""
    done, most = threading.Event(), [0]
    before = anonymous()

    def watch() -> None:
        while not done.wait(0.01):
            most[0] = max(most[0], anonymous())

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lambda: max(0, most[0] - before) / 1024
    finally:
        done.set()
        thread.join()


def anonymous() -> int:
    """Resident memory of this process that no file stands for, in kB."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, Any]:
    """The seconds that a function takes, and what it returns."""
    start = time.perf_counter()
    found = function(*arguments)
    return time.perf_counter() - start, found


def main() -> None:
    """Print what a read, a fit and a prediction take."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gigabytes", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, default=None, help="default: the temporary one")
    parser.add_argument("--warm", action="store_true", help="let the page cache keep the file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        n_bytes = int(options.gigabytes * 1e9)
        if shutil.disk_usage(folder).free < 1.5 * n_bytes:
            parser.error(f"{folder} has no room for a file of {options.gigabytes:g} GB")
        X_path, y_path = make(folder, n_bytes)
        size = X_path.stat().st_size / 1e9

        def fresh() -> None:
            if not options.warm:
                forget(X_path, y_path)

        fresh()
        seconds, _ = timed(read, X_path)
        print(f"{size:.1f} GB, {os.cpu_count()} cores, {'warm' if options.warm else 'cold'}")
        print(f"plain read       {seconds:8.1f} s  {size / seconds:6.2f} GB/s")
        X, y = (np.load(path, mmap_mode="r") for path in (X_path, y_path))
        SoftmaxGDClassifier(max_iter=2, tol=0).fit(X[:100_000], y[:100_000])  # threads, BLAS
        fresh()
        with watched_memory() as added:
            seconds, model = timed(SoftmaxGDClassifier().fit, X, y)
        rate = size * model.n_passes_ / seconds
        print(f"fit              {seconds:8.1f} s  {rate:6.2f} GB/s  {added():6.0f} MB added")
        print(f"  {model.n_passes_} passes, {model.n_iter_} steps, converged: {model.converged_}")
        fresh()
        shape = (len(X), N_CLASSES)
        out = np.lib.format.open_memmap(folder / "proba.npy", "w+", np.float32, shape)
        with watched_memory() as added:
            seconds, _ = timed(lambda: model.predict_proba(X, out=out))
        rate = f"{size / seconds:6.2f} GB/s"
        print(f"predict_proba    {seconds:8.1f} s  {rate}  {added():6.0f} MB added")


if __name__ == "__main__":
    main()
