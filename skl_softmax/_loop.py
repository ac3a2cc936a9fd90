"""The loop over a descent's steps: when to stop, and what to keep.

Reads an estimator's parameters and sets nothing on it. Knows no formula of the loss and no rule for
a step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from skl_softmax._array_api import OnDevice
from skl_softmax._callbacks import Callbacks
from skl_softmax._descent import State
from skl_softmax._on_device import to_numpy
from skl_softmax._problem import RawProblem, StandardizedProblem
from skl_softmax._rows import Array


class Step(NamedTuple):
    """What is kept of every step."""

    loss: float
    n_passes: int  # over the data, so far
    validation_loss: float | None
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
    weights : tuple of ndarray
        coef and intercept of `kept`.
    stop_reason : str
    derivative : float
        The largest one at `last`, as `tol` means it.
    gap : float or None
        How far the loss of `kept` is above the minimum at most, if that was asked for.
    converged : bool
        Whether `kept` is where the descent should lead.
    """

    steps: list[Step]
    last: State
    kept: State
    weights: tuple[Array, Array]
    stop_reason: str
    derivative: float
    gap: float | None
    converged: bool

    def attributes(self, X: Any = None) -> dict[str, Any]:
        """What a fitted estimator has of it; arrays are where X is, if that is on a device."""
        losses, passes, validation_losses, weights = zip(*self.steps, strict=True)
        found = {
            "coef_": self.weights[0],
            "intercept_": self.weights[1],
            "n_iter_": self.last.iteration,
            "best_iter_": self.kept.iteration,
            "loss_": float(self.kept.loss),
            "loss_history_": np.array(losses),
            "passes_history_": np.array(passes),
            "converged_": self.converged,
            "stop_reason_": self.stop_reason,
        }
        if validation_losses[0] is not None:
            found["validation_loss_history_"] = np.array(validation_losses)
        if weights[0] is not None:
            coefs, intercepts = zip(*weights, strict=True)
            found |= {"coef_history_": np.array(coefs), "intercept_history_": np.array(intercepts)}
        if self.gap is not None:
            found["gap_"] = self.gap
        if isinstance(X, OnDevice):
            found |= {name: X.put(a) for name, a in found.items() if isinstance(a, np.ndarray)}
        return found


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
    log = _Log(estimator, problem, validation_loss)
    reason = ""
    try:
        log.add(next(descent))
        reason = log.reason()
        while not reason:
            callbacks.begin_step()
            state = next(descent, None)
            if state is None or not np.isfinite(state.loss):
                reason = "precision" if state is None else "diverged"
                callbacks.end_step(None)
                break
            log.add(state)
            is_asked = callbacks.end_step(lambda: log.run("callback").attributes(problem.task.X))
            reason = log.reason() or ("callback" if is_asked else "")
            if not reason and state.iteration >= estimator.max_iter:
                reason = "max_iter"
    except KeyboardInterrupt:
        if log.last is None:
            raise
        reason = "interrupted"
    log.print_last()
    return log.run(reason)


class _Log:
    """Keeps what is to be kept of every state, prints what is to be printed, knows when to stop."""

    def __init__(
        self,
        estimator: Any,
        problem: RawProblem | StandardizedProblem,
        validation_loss: Callable[[Array, Array], float] | None,
    ) -> None:
        self._estimator, self._problem = estimator, problem
        self._validation_loss = validation_loss
        self._keeps_weights = bool(estimator.store_coef_history)
        self._certificate = None if estimator.gap_tol is None else problem.certificate()
        self._steps: list[Step] = []
        self._best: State | None = None  # of the least validation loss
        self._least = np.inf
        self._printed: State | None = None
        # Without a penalty, unless every step is to be taken or other data say when to stop.
        self._may_be_separated = (
            estimator.alpha == 0 and estimator.tol > 0 and not estimator.early_stopping
        )
        self._tested_loss = np.inf  # the last that was tested for separation
        self.last: State | None = None

    def add(self, state: State) -> None:
        """Take down the next state."""
        weights, validation_loss = None, None
        if self._validation_loss or self._keeps_weights:
            weights = self._problem.coef(to_numpy(state.params))
        if self._validation_loss and weights:
            validation_loss = self._validation_loss(*weights)
        kept_weights = weights if self._keeps_weights else None
        # In this order: Ctrl-C may come between any two lines.
        self._steps.append(Step(state.loss, self._problem.n_passes, validation_loss, kept_weights))
        self.last = state
        if validation_loss is not None and (self._best is None or validation_loss < self._least):
            self._best, self._least = state, validation_loss
        verbose = self._estimator.verbose
        if verbose and (verbose > 1 or _is_shown(state.iteration)):
            self.print_last()

    def reason(self) -> str:
        """Why to stop at the last state, or nothing."""
        assert self.last is not None
        estimator = self._estimator
        if self._may_be_separated and self._is_separated(self.last):
            return "separation"
        gap = self._gap(self.last)
        if gap is not None and gap <= estimator.gap_tol:
            return "gap_tol"
        if gap is None and self._derivative() <= estimator.tol > 0.0:
            return "tol"
        if estimator.early_stopping and self._best is not None:
            idle = self.last.iteration - self._best.iteration
            if idle >= estimator.n_iter_no_change:
                return "early_stopping"
        return ""

    def run(self, stop_reason: str) -> Run:
        """The whole of it, as it stands."""
        assert self.last is not None
        kept = self._best if self._estimator.early_stopping and self._best else self.last
        derivative, gap = self._derivative(), self._gap(kept)
        if stop_reason == "max_iter" and np.isnan(derivative):  # that of some features is known
            _, gradient = self._problem.objective.value_and_gradient(self.last.params)
            derivative = self._problem.gradient_size(self.last.params, gradient)
        is_exact = _is_as_exact_as_rounding(self._problem.smooth.precision, derivative)
        has_arrived = stop_reason in ("tol", "gap_tol") or (
            stop_reason == "precision" and gap is None and is_exact
        )
        return Run(
            steps=self._steps[: self.last.iteration + 1],
            last=self.last,
            kept=kept,
            weights=self._problem.coef(to_numpy(kept.params)),
            stop_reason=stop_reason,
            derivative=derivative,
            gap=gap,
            converged=has_arrived and kept is self.last,
        )

    def print_last(self) -> None:
        """Print where the descent stands, once, if anything is to be printed."""
        if not self._estimator.verbose or self._printed is self.last or self.last is None:
            return
        line = f"step {self.last.iteration:5d}  loss {self.last.loss:.9g}"
        validation_loss = self._steps[self.last.iteration].validation_loss
        if validation_loss is not None:
            line += f"  validation {validation_loss:.9g}"
        derivative = self._derivative()
        print(line if np.isnan(derivative) else f"{line}  gradient {derivative:.2e}")
        self._printed = self.last

    def _is_separated(self, state: State) -> bool:
        """Whether it proves that there is no minimum: tested when the loss has halved."""
        if state.loss > 0.5 * self._tested_loss:
            return False
        self._tested_loss = state.loss
        return self._problem.smooth.separates(to_numpy(state.params))

    def _gap(self, state: State) -> float | None:
        """How far its loss is above the minimum at most, if that is asked for."""
        if self._certificate is None:
            return None
        params, gradient = to_numpy(state.params), to_numpy(state.gradient)
        return float(self._certificate(params, state.loss, gradient))

    def _derivative(self) -> float:
        """The largest derivative at the last state; not a number where they are not all known."""
        assert self.last is not None
        if self.last.size is not None:
            return self.last.size
        return self._problem.gradient_size(self.last.params, self.last.gradient)


def _is_shown(step: int) -> bool:
    """Whether it is one of 0, 1, …, 10, 20, …, 100, 200 and so on."""
    return bool(step % 10 ** (len(str(step)) - 1) == 0)


def _is_as_exact_as_rounding(precision: float, derivative: float) -> bool:
    """Whether a largest derivative is all that rounding leaves to be had.

    Where the loss is flat to its relative `precision`, derivatives are of the order of its root.
    """
    return precision <= 1e-3 and bool(derivative <= precision**0.5)
