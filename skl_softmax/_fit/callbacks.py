"""What scikit-learn's callbacks get to know of a fit: that it begins, every step, that it ends.

Without callbacks there is nothing to do, and nothing is done. Knows no step, and no loss.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from skl_softmax._compat import has_callbacks


class Callbacks:
    """The callbacks set on an estimator, for the length of one fit.

    Parameters
    ----------
    estimator : estimator or None
        It must be inside scikit-learn's `with_callbacks`, which ends what begins here. None: there
        are no callbacks.
    X, y : array-like
        As the user gave them: names of features, labels and all.
    sample_weight : array-like, number or None
    """

    def __init__(
        self, estimator: Any = None, X: Any = None, y: Any = None, sample_weight: Any = None
    ) -> None:
        self._context: Any = None
        self._step: Any = None
        self._fitted: object = None
        if not has_callbacks(estimator):
            return
        self._given = {
            "estimator": estimator,
            "X": X,
            "y": y,
            # A number weighs all alike, and no metric takes one.
            "metadata": {} if np.ndim(sample_weight) == 0 else {"sample_weight": sample_weight},
        }
        self._context = estimator._init_callback_context(max_subtasks=estimator.max_iter)
        self._context.call_on_fit_task_begin(**self._given)

    def describe(self, fitted: object) -> None:
        """From now on, the estimators that hooks get to see are copies of one that is fitted."""
        self._fitted = fitted

    def begin_step(self) -> None:
        """A step is about to be taken."""
        if self._context is not None:
            self._step = self._context.subcontext(task_name="step")
            self._step.call_on_fit_task_begin(**self._given)

    def end_step(self, attributes: Callable[[], dict[str, object]] | None) -> bool:
        """It has been taken; return whether a callback asks to stop.

        `attributes` gives what an estimator fitted until here would have, if someone asks for
        that. None: there was no step left to take.
        """
        if self._step is None:
            return False
        if attributes is None:
            return bool(self._step.call_on_fit_task_end(estimator=self._given["estimator"]))
        found = partial(self._reconstruction, attributes)
        return bool(self._step.call_on_fit_task_end(**self._given, reconstruction_attributes=found))

    def _reconstruction(self, attributes: Callable[[], dict[str, object]]) -> dict[str, object]:
        """All that a fitted copy of the user's estimator has, and nothing of an earlier fit."""
        return {"__dict__": {**vars(self._fitted), **attributes()}}

    def end(self) -> None:
        """The estimator is fitted."""
        if self._context is not None:
            found = self._reconstruction(dict)
            self._context.call_on_fit_task_end(**self._given, reconstruction_attributes=found)


NO_CALLBACKS = Callbacks()
