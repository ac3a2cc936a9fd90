"""What the user should know of how a descent ended.

Reads an estimator's parameters and sets nothing on it; whoever calls warns.
"""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skl_softmax._curvature import curvature_kinds
from skl_softmax._descent import State, matrix_descent
from skl_softmax._loop import Run
from skl_softmax._objective import SoftmaxObjective
from skl_softmax._problem import StandardizedProblem, Task, largest_stable_learning_rate
from skl_softmax._rows import Array
from skl_softmax._threads import Workers

PRECISE = 1e-8  # of the loss, relative: where it is worse, few steps can be told apart
SATURATED = 5.0  # a logit beyond which further steps from there may tell nothing
SETTLED = 1.0  # by how much the rest of them may change a logit
FURTHER = 20  # steps with the Hessian as model: a quarter of them come near any minimum


class SeparationWarning(ConvergenceWarning):  # type: ignore[misc]
    """The classes can be separated, and nothing keeps the weights from growing without end."""


def outcome(estimator: Any, run: Run, task: Task, workers: Workers) -> Warning | None:
    """What to warn of: nothing, if the fit ended as was asked for."""
    if run.stop_reason in ("callback", "early_stopping", "interrupted"):
        return None
    if run.kept is not run.last and run.stop_reason != "diverged":  # other data had their say
        return None
    if run.stop_reason == "separation":
        where = f"the weights after step {run.last.iteration}, where the fit stopped,"
        return _separated(where, run.last.loss)
    is_asked_for = estimator.tol == 0 and run.gap is None and run.stop_reason != "diverged"
    if run.converged or is_asked_for:
        return _unsettled(estimator, run, task, workers)
    message = _not_converged(estimator, run, is_single=task.X.dtype == np.float32)
    if run.stop_reason != "precision" and not isinstance(estimator.learning_rate, str):
        stable = largest_stable_learning_rate(task, workers)
        message += (
            f" The largest learning rate that is stable for this data is {stable:.3g} (now"
            f" {float(estimator.learning_rate):g}); learning_rate='auto' needs none."
        )
    return ConvergenceWarning(message)  # type: ignore[no-any-return]


def _not_converged(estimator: Any, run: Run, *, is_single: bool) -> str:
    """What went wrong, how far off the end is, and what would help."""
    if run.stop_reason == "diverged":
        return (
            f"Diverged: at step {run.last.iteration + 1} the loss was no longer finite; the"
            f" weights after step {run.kept.iteration} are kept."
        )
    left, name = f"the largest derivative is {run.derivative:.2g}", "tol"
    if run.gap is not None:
        left, name = f"the loss may be {run.gap:.2g} above its minimum", "gap_tol"
    if run.stop_reason == "precision":
        single = "float64, " if is_single else ""
        return (
            f"Not converged: the loss falls no further at the precision of its numbers, but {left}."
            f" Use {single}a larger alpha, or subtract the means of columns that are far larger"
            " than their spread."
        )
    return (
        f"Not converged: after max_iter={estimator.max_iter} steps {left}, above"
        f" {name}={float(getattr(estimator, name)):g}. Raise max_iter or {name}."
    )


def _separated(where: str, loss: float) -> Warning:
    return SeparationWarning(
        f"No minimum: {where} give every sample's own class the highest probability, and with"
        f" alpha=0 the loss, now {loss:.3g}, falls further the larger they grow. Set alpha > 0."
    )


def _unsettled(estimator: Any, run: Run, task: Task, workers: Workers) -> Warning | None:
    """Whether the weights would go on without end, though the loss hardly falls.

    Without a penalty a loss may have no minimum though the classes overlap: if some samples can be
    told apart along a direction in which no others get worse. The derivative vanishes there, but
    every step of Newton's kind changes the logits of those samples by about one. Towards a minimum,
    a few more steps get so near that those after them change next to nothing.
    """
    if estimator.alpha > 0 or estimator.tol == 0:
        return None
    # In float64: where the loss can fall no further, steps come to an end, and tell nothing.
    exact = StandardizedProblem(task, workers, dtype=np.float64)
    params = exact.params(*(weight.astype(np.float64) for weight in run.weights))
    objective = exact.smooth
    ended, change, last = _further(objective, params, 1, 0.25)
    if change <= SETTLED and objective.largest_logit(params) > SATURATED:
        # Where probabilities are nearly one, steps may tell nothing: once more, from the start.
        ended, change, last = _further(objective, np.zeros_like(params), 3, 0.75)
    if change <= SETTLED and objective.precision > PRECISE and ended:
        return ConvergenceWarning(  # type: ignore[no-any-return]
            f"Perhaps not settled: the largest derivative is {run.derivative:.2g}, and columns far"
            " larger than their spread hide whether there is a minimum. With alpha=0 there may be"
            " none. Set alpha > 0, or subtract the means of such columns."
        )
    if change <= SETTLED:
        return None
    if objective.separates(last.params):
        return _separated(f"the weights after {last.iteration} more steps", last.loss)
    return ConvergenceWarning(  # type: ignore[no-any-return]
        f"Not settled: the largest derivative is {run.derivative:.2g}, but further steps change a"
        f" logit by {change:.2g} and more. With alpha=0 the minimum lies far away, or there is"
        " none, since some samples can be told apart by ever larger weights. Set alpha > 0, or"
        " lower tol."
    )


def _further(
    objective: SoftmaxObjective, params: Array, times: int, share: float
) -> tuple[bool, float, State]:
    """Whether more steps come to an end, how much the later ones change a logit, where they lead.

    The later ones are those after that share of them.
    """
    kinds = curvature_kinds(objective)
    n_steps = times * (FURTHER if kinds[-1].is_hessian else 2 * FURTHER)
    states = list(islice(matrix_descent(objective, params, kinds), n_steps + 1))
    near, last = states[int(share * len(states))], states[-1]
    return len(states) <= n_steps, objective.largest_logit(last.params - near.params), last
