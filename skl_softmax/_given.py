"""What a fit is given, and what becomes of it once it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from skl_softmax._rows import Matrix


@dataclass(frozen=True)
class Given:
    """What a fit was given, as it came; y are probabilities of `classes` if `is_proba`."""

    X: Any
    y: Any
    sample_weight: Any
    X_val: Any
    y_val: Any
    sample_weight_val: Any
    is_proba: bool = False
    classes: Any = None


class Samples(NamedTuple):
    """Samples, and what is known of them.

    Attributes
    ----------
    X : ndarray, CSR, `OnDisk`, `OnDevice` or `OnCluster` (n_samples, n_features)
    y : ndarray or `Derived`
        Codes of their classes (n_samples,), or probabilities of those (n_samples, n_classes);
        None on a cluster, where each chunk has its own.
    weights : ndarray or `Derived` (n_samples,)
        None on a cluster.
    """

    X: Matrix
    y: Any
    weights: Any
