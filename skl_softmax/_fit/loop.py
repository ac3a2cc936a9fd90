"""The loop over a descent's steps: when to stop, and what to keep.

Knows no formula of the loss, no rule for a step and no parameters.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._descent.steps import State
from skl_softmax._engines.device import OnDevice
from skl_softmax._fit.callbacks import Callbacks
from skl_softmax._fit.problem import Problem
from skl_softmax._fit.recession import Recession, recession_of
from skl_softmax._parameters import Parameters

LITTLE = 1e-3  # share of the null loss: more left than that is never called converged


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
        The last state, and the state whose weights are the fit's. Without early stopping they are
        one state.
    weights : tuple of ndarray
        coef and intercept of `kept`.
    stop_reason : str
    left : float
        What the loss of `last` can still fall by: the estimate that is compared with `tol`.
    null_loss : float
        The loss of the best constant prediction.
    gap : float or None
        How far the loss of `kept` is above the minimum at most, if that was asked for.
    recession : Recession or None
        What is known of directions in which the loss falls without end, if it was looked for.
    converged : bool
        Whether `kept` is where the descent should lead.
    """

    steps: list[Step]
    last: State
    kept: State
    weights: tuple[Array, Array]
    stop_reason: str
    left: float
    null_loss: float
    gap: float | None
    recession: Recession | None
    converged: bool

    def attributes(self, X: Matrix = None) -> dict[str, object]:
        """What a fitted estimator has of it; arrays are where X is, if that is on a device."""
        losses, passes, validation_losses, weights = zip(*self.steps, strict=True)
        found: dict[str, object] = {
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


def target_of(parameters: Parameters, problem: Problem) -> float:
    """What a loss may be above its minimum where `tol` ends the fit; 0 if `tol` does not."""
    if parameters.tol == 0 or parameters.gap_tol is not None:
        return 0.0
    return parameters.tol * problem.null_loss


def follow(
    parameters: Parameters,
    problem: Problem,
    descent: Iterator[State],
    validation_loss: Callable[[Array, Array], float] | None,
    callbacks: Callbacks,
) -> Run:
    """Follow the descent until there is a reason to stop: Ctrl-C is one, from the first state on.

    ``validation_loss(coef, intercept)`` is what early stopping goes by, if there is any.
    """
    log = _Log(parameters, problem, validation_loss)
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
            if not reason and state.iteration >= parameters.max_iter:
                reason = "max_iter"
    except KeyboardInterrupt:
        if log.last is None:
            raise
        reason = "interrupted"
    log.print_last()
    return log.run(reason, is_over=True)


class _Log:
    """Keeps what is to be kept of every state, prints what is to be printed, knows when to stop."""

    def __init__(
        self,
        parameters: Parameters,
        problem: Problem,
        validation_loss: Callable[[Array, Array], float] | None,
    ) -> None:
        self._parameters, self._problem = parameters, problem
        self._validation_loss = validation_loss
        self._keeps_weights = parameters.store_coef_history
        self._target = target_of(parameters, problem)
        self._steps: list[Step] = []
        self._best: State | None = None  # of the least validation loss
        self._least = np.inf
        self._printed: State | None = None
        # Without a penalty, unless every step is to be taken or other data say when to stop.
        is_watched = parameters.tol > 0 and not parameters.early_stopping
        self._may_be_separated = is_watched and bool(problem.task.is_free.any())
        self._tested_loss = np.inf  # the last that was tested for separation
        self._recession: Recession | None = None
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
        verbose = self._parameters.verbose
        if verbose and (verbose > 1 or _is_shown(state.iteration)):
            self.print_last()

    def reason(self) -> str:
        """Why to stop at the last state, or nothing."""
        assert self.last is not None
        parameters = self._parameters
        if self._may_be_separated and self._is_separated(self.last):
            return "separation"
        if parameters.gap_tol is not None and self._problem.gap(self.last) <= parameters.gap_tol:
            return "gap_tol"
        if self._target > 0.0:
            fall = self._steps[-2].loss - self.last.loss if len(self._steps) > 1 else np.inf
            if self._problem.left(self.last, fall, self._target) <= self._target:
                return "tol"
        if parameters.early_stopping and self._best is not None:
            idle = self.last.iteration - self._best.iteration
            if idle >= parameters.n_iter_no_change:
                return "early_stopping"
        return ""

    def run(self, stop_reason: str, *, is_over: bool = False) -> Run:
        """The whole of it, as it stands; if it is over, with the loss of the weights as stored."""
        assert self.last is not None
        kept = self._best if self._parameters.early_stopping and self._best else self.last
        steps, weights = self._steps[: self.last.iteration + 1], self._weights_of(kept)
        is_certified = self._parameters.gap_tol is not None
        left, gap = np.inf, self._problem.final_gap(kept) if is_certified else None
        if stop_reason in ("tol", "precision", "max_iter") and not is_certified:
            is_exhausted = stop_reason == "precision"
            left = self._problem.left_in_the_end(self.last, self._target, is_exhausted)
        stored_loss = self._problem.stored_loss(*weights) if is_over else None
        if stored_loss is not None and np.isfinite(stored_loss):
            lost = max(stored_loss - kept.loss, 0.0)
            left, gap = left + lost, None if gap is None else gap + lost
            kept = kept._replace(loss=stored_loss)
            steps = [
                step._replace(loss=max(step.loss, stored_loss)) for step in steps[: kept.iteration]
            ] + [steps[kept.iteration]._replace(loss=stored_loss), *steps[kept.iteration + 1 :]]
        if stop_reason == "max_iter" and left <= self._target:
            stop_reason = "tol"  # with the last step that was allowed
        has_arrived = self._has_arrived(stop_reason, kept.loss, left, gap)
        is_last = kept.iteration == self.last.iteration
        if stop_reason in ("tol", "gap_tol") and is_last and not has_arrived:
            stop_reason = "precision"  # of the weights: as they are stored, they do not get there
        return Run(
            steps=steps,
            last=self.last,
            kept=kept,
            weights=weights,
            stop_reason=stop_reason,
            left=left,
            null_loss=self._problem.null_loss if self._target > 0.0 else np.nan,
            gap=gap,
            recession=self._recession,
            converged=has_arrived and is_last,
        )

    def _weights_of(self, state: State) -> tuple[Array, Array]:
        return self._problem.coef(to_numpy(state.params))

    def _has_arrived(self, stop_reason: str, loss: float, left: float, gap: float | None) -> bool:
        """Whether the descent ended where it should lead, given what is left there."""
        if stop_reason == "gap_tol":
            gap_tol = self._parameters.gap_tol
            return gap is not None and gap_tol is not None and gap <= gap_tol
        if stop_reason not in ("tol", "precision") or gap is not None:
            return False
        null_loss = self._problem.null_loss
        rounding = 10.0 * self._problem.smooth.precision * max(abs(loss), null_loss)
        return left <= max(self._target, min(rounding, LITTLE * null_loss))

    def print_last(self) -> None:
        """Print where the descent stands, once, if anything is to be printed."""
        if not self._parameters.verbose or self._printed is self.last or self.last is None:
            return
        line = f"step {self.last.iteration:5d}  loss {self.last.loss:.9g}"
        validation_loss = self._steps[self.last.iteration].validation_loss
        if validation_loss is not None:
            line += f"  validation {validation_loss:.9g}"
        derivative = self._derivative()
        print(line if np.isnan(derivative) else f"{line}  gradient {derivative:.2e}")
        self._printed = self.last

    def _is_separated(self, state: State) -> bool:
        """Whether there is no minimum: tested when the loss has halved, and decided in the end.

        Weights that tell all samples apart prove it. Where the loss hardly falls any more, there
        may be some samples that can be told apart. Weights with a penalty prove nothing.
        """
        if state.loss <= 0.5 * self._tested_loss:
            self._tested_loss = state.loss
            smooth, is_free = self._problem.smooth, self._problem.task.is_free
            params = to_numpy(state.params)
            return smooth.separates(params if is_free.all() else params * smooth.dof_of(is_free))
        if self._recession is not None or self._steps[-2].loss - state.loss > self._target:
            return False
        weights = self._weights_of(state)
        self._recession = recession_of(self._problem.task, self._problem.workers, *weights)
        return self._recession.features is not None

    def _derivative(self) -> float:
        """The largest derivative at the last state; not a number where they are not all known."""
        assert self.last is not None
        if self.last.gradient_max is not None:
            return self.last.gradient_max
        return self._problem.gradient_size(self.last.params, self.last.gradient)


def _is_shown(step: int) -> bool:
    """Whether it is one of 0, 1, …, 10, 20, …, 100, 200 and so on."""
    return bool(step % 10 ** (len(str(step)) - 1) == 0)
