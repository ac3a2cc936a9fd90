"""The loop over a descent's steps: when to stop, and what to keep.

Reads an estimator's parameters and sets nothing on it. Knows no formula of the loss and no rule for
a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skl_softmax._callbacks import Callbacks
from skl_softmax._descent import State
from skl_softmax._problem import RawProblem, StandardizedProblem
from skl_softmax._rows import Array


class Step(NamedTuple):
    """What is kept of every step."""

    loss: float
    n_passes: int  # over the data, so far
    validation_loss: float  # not a number without a validation set
    weights: tuple[Array, Array] | None  # coef and intercept, if they are to be kept


@dataclass(frozen=True)
class Run:
    """What a descent passed through, and why it stopped there.

    Attributes
    ----------
    steps : list of Step
        From its start to `last`.
    last, kept : State
        The last one, and the one whose weights are the fit's: the same without early stopping.
    stop_reason : str
    size : float
        The largest derivative at `last`, as `tol` means it.
    gap : float or None
        How far the loss of `kept` is above the minimum at most, if that was asked for.
    converged : bool
    """

    steps: list[Step]
    last: State
    kept: State
    stop_reason: str
    size: float
    gap: float | None
    converged: bool


def follow(
    estimator: Any,
    problem: RawProblem | StandardizedProblem,
    descent: Iterator[State],
    validation_loss: Callable[[Array, Array], float] | None,
    callbacks: Callbacks,
) -> Run:
    """Follow the descent until there is a reason to stop: Ctrl-C is one, from the first state on.

    ``validation_loss(coef, intercept)`` is what early stopping goes by, if there is any.
    """
    watch = _Watch(estimator, problem, validation_loss)
    reason = ""
    try:
        watch.take(next(descent))
        reason = watch.reason()
        while not reason:
            callbacks.begin_step()
            state = next(descent, None)
            if state is None or not np.isfinite(state.loss):
                reason = "precision" if state is None else "diverged"
                callbacks.end_step(None)
                break
            watch.take(state)
            is_asked = callbacks.end_step(watch.fitted)
            reason = watch.reason() or ("callback" if is_asked else "")
            if not reason and state.iteration == estimator.max_iter:
                reason = "max_iter"
    except KeyboardInterrupt:
        if watch.last is None:
            raise
        reason = "interrupted"
    return watch.run(reason)


class _Watch:
    """Looks at every state, keeps what is to be kept of it, and prints what is to be printed."""

    def __init__(
        self,
        estimator: Any,
        problem: RawProblem | StandardizedProblem,
        validation_loss: Callable[[Array, Array], float] | None,
    ) -> None:
        self._estimator, self._problem = estimator, problem
        self._validation_loss = validation_loss
        self._certificate = None if estimator.gap_tol is None else problem.certificate()
        self._steps: list[Step] = []
        self._best: State | None = None  # of the least validation loss
        self._least = np.inf
        self._printed: State | None = None
        self._tested_loss = np.inf  # the last that was tested for separation
        self.last: State | None = None

    def take(self, state: State) -> None:
        """Keep what is to be kept of the next state."""
        weights, validation_loss = None, np.nan
        if self._validation_loss or self._estimator.store_coef_history:
            weights = self._problem.coef(state.params)
        if self._validation_loss and weights:
            validation_loss = self._validation_loss(*weights)
            if self._best is None or validation_loss < self._least:
                self._best, self._least = state, validation_loss
        if not self._estimator.store_coef_history:
            weights = None
        self._steps.append(Step(state.loss, self._problem.n_passes, validation_loss, weights))
        self.last = state
        verbose = self._estimator.verbose
        if verbose > 1 or (verbose and _is_shown(state.iteration)):
            self._print()

    def reason(self) -> str:
        """Why to stop at the last state, or nothing."""
        assert self.last is not None
        if self._is_separated():
            return "separation"
        gap = self._gap(self.last)
        if gap is not None and gap <= self._estimator.gap_tol:
            return "gap_tol"
        if gap is None and self._size() <= self._estimator.tol > 0.0:
            return "tol"
        if self._estimator.early_stopping and self._best is not None:
            idle = self.last.iteration - self._best.iteration
            if idle >= self._estimator.n_iter_no_change:
                return "early_stopping"
        return ""

    def fitted(self) -> dict[str, Any]:
        """What an estimator that stops here has of its own."""
        assert self.last is not None
        coef, intercept = self._problem.coef(self.last.params)
        losses = np.array([step.loss for step in self._steps])
        return {
            "coef_": coef,
            "intercept_": intercept,
            "n_iter_": self.last.iteration,
            "loss_": self.last.loss,
            "loss_history_": losses,
        }

    def run(self, stop_reason: str) -> Run:
        """The whole of it, up to the last state."""
        assert self.last is not None
        if self._estimator.verbose and self._printed is not self.last:
            self._print()
        size = self._size()
        precision = self._problem.objective.precision
        kept = self._best if self._estimator.early_stopping and self._best else self.last
        return Run(
            steps=self._steps[: self.last.iteration + 1],  # Ctrl-C may have come between the two
            last=self.last,
            kept=kept,
            stop_reason=stop_reason,
            size=size,
            gap=self._gap(kept),
            converged=stop_reason in ("tol", "gap_tol")
            or (stop_reason == "precision" and _is_as_exact_as_rounding(precision, size)),
        )

    def _is_separated(self) -> bool:
        """Whether the last state shows that there is no minimum: tested when the loss has halved.

        Without a penalty, unless every step is to be taken or other data say when to stop.
        """
        assert self.last is not None
        estimator = self._estimator
        if estimator.alpha > 0 or estimator.tol == 0 or estimator.early_stopping:
            return False
        if self.last.loss > 0.5 * self._tested_loss:
            return False
        self._tested_loss = self.last.loss
        return self._problem.objective.separates(self.last.params)

    def _gap(self, state: State) -> float | None:
        """How far its loss is above the minimum at most, if that is asked for."""
        if self._certificate is None:
            return None
        return self._certificate(state.params, state.loss, state.gradient)

    def _size(self) -> float:
        """The largest derivative at the last state."""
        assert self.last is not None
        return self._problem.gradient_size(self.last.gradient)

    def _print(self) -> None:
        """Print where the descent stands."""
        assert self.last is not None
        line = f"step {self.last.iteration:5d}  loss {self.last.loss:.9g}"
        if self._validation_loss:
            line += f"  validation {self._steps[-1].validation_loss:.9g}"
        print(f"{line}  gradient {self._size():.2e}")
        self._printed = self.last


def _is_shown(step: int) -> bool:
    """Whether it is one of 0, 1, …, 10, 20, …, 100, 200 and so on."""
    return bool(step % 10 ** (len(str(step)) - 1) == 0)


def _is_as_exact_as_rounding(precision: float, size: float) -> bool:
    """Whether a largest derivative of `size` is all that rounding leaves to be had.

    Where the loss is flat to its relative `precision`, derivatives are of the order of its root.
    """
    return precision <= 1e-3 and bool(size <= precision**0.5)
