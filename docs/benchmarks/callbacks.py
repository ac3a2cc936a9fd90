"""What callbacks cost: ``python docs/benchmarks/callbacks.py``. Needs scikit-learn 1.9.

The time of a fit with a callback that does nothing, and with scikit-learn's ScoringMonitor, over
that of a fit without any: medians of fits made in turn.
"""

from __future__ import annotations

import time
from statistics import median
from typing import Any

from sklearn.callback import ScoringMonitor
from sklearn.datasets import load_digits, load_iris, make_classification

from skl_softmax import SoftmaxGDClassifier


class Idle:
    """Is called, and does nothing."""

    def setup(self, estimator: Any, context: Any) -> None:
        """Nothing."""

    teardown = on_fit_task_begin = on_fit_task_end = setup


def main() -> None:
    """Print a line for each data set."""
    large = make_classification(100_000, 50, n_informative=10, n_classes=5, random_state=0)
    data = {
        "iris": load_iris(return_X_y=True),
        "digits": load_digits(return_X_y=True),
        "100000×50×5": large,
    }
    for name, (X, y) in data.items():
        models = [
            SoftmaxGDClassifier(),
            SoftmaxGDClassifier().set_callbacks(Idle()),
            SoftmaxGDClassifier().set_callbacks(ScoringMonitor(scoring="accuracy")),
        ]
        seconds: list[list[float]] = [[], [], []]
        for _ in range(20 if name == "100000×50×5" else 100):
            for model, times in zip(models, seconds, strict=True):
                start = time.perf_counter()
                model.fit(X, y)
                times.append(time.perf_counter() - start)
        plain, idle, monitor = map(median, seconds)
        print(
            f"{name}: {models[0].n_iter_} steps in {plain * 1e3:.2f} ms;"
            f" idle callback {idle / plain:.3f}, ScoringMonitor {monitor / plain:.2f}"
        )


if __name__ == "__main__":
    main()
