"""The attributes of an estimator: those of an earlier fit, before and after the next one.

Knows no attribute by name but those that checking the input sets.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

OF_INPUT = "n_features_in_", "feature_names_in_"  # set where the next input is checked


def forget_fit(estimator: object) -> None:
    """Drop the attributes of an earlier fit, except what the check of this input has set."""
    for name in list(vars(estimator)):
        if name.endswith("_") and not name.startswith("_") and name not in OF_INPUT:
            delattr(estimator, name)


@contextmanager
def restored_if_it_fails(estimator: object) -> Iterator[None]:
    """Put back an estimator's attributes after an error: checking the input already sets some."""
    before = estimator.__dict__.copy()
    try:
        yield
    except BaseException:
        estimator.__dict__.clear()
        estimator.__dict__.update(before)
        raise
