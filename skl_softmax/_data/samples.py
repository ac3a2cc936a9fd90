"""What a fit is given, and what becomes of it once it is checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


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
