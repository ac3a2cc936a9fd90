"""What the user should know of how a descent ended.

Knows no estimator; whoever calls warns.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skl_softmax._arrays import Array
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.loop import Run
from skl_softmax._fit.recession import recession_of
from skl_softmax._fit.task import Task, largest_stable_learning_rate
from skl_softmax._parameters import Parameters

MOST_NAMES = 10  # of features, in a warning
TELLING = 0.9  # share of the loss, above which a bound on what the loss can fall by tells nothing


class SeparationWarning(ConvergenceWarning):  # type: ignore[misc]
    """The classes can be separated, and nothing keeps the weights from growing without end."""


def outcome(
    parameters: Parameters,
    run: Run,
    task: Task,
    workers: Workers,
    feature_names: Array | None = None,
) -> Warning | None:
    """What to warn of: nothing, if the fit ended as was asked for.

    feature_names : ndarray of str (n_features,); None: x0, x1, …
    """
    if run.stop_reason in ("callback", "early_stopping", "interrupted"):
        return None
    is_earlier = run.kept.iteration != run.last.iteration  # early stopping chose by other samples
    if is_earlier and run.stop_reason != "diverged":
        return None
    if run.stop_reason == "separation" and run.recession is None:
        where = f"the weights after step {run.last.iteration}, where the fit stopped,"
        return _separated(where, run.last.loss)
    if run.stop_reason != "diverged":
        unbounded = _unbounded(parameters, run, task, workers, feature_names)
        if unbounded is not None and (run.converged or isinstance(unbounded, SeparationWarning)):
            return unbounded
    is_asked_for = parameters.tol == 0 and run.gap is None and run.stop_reason != "diverged"
    if run.converged or is_asked_for:
        return None
    message = _not_converged(parameters, run, is_single=task.X.dtype == np.float32)
    if run.stop_reason != "precision" and parameters.learning_rate is not None:
        stable = largest_stable_learning_rate(task, workers)
        message += (
            f" The largest learning rate that is stable for this data is {stable:.3g} (now"
            f" {parameters.learning_rate:g}); learning_rate='auto' needs none."
        )
    return ConvergenceWarning(message)  # type: ignore[no-any-return]


def _not_converged(parameters: Parameters, run: Run, *, is_single: bool) -> str:
    """What went wrong, how far off the end is, and what would help."""
    if run.stop_reason == "diverged":
        return (
            f"Diverged: at step {run.last.iteration + 1} the loss was no longer finite; the"
            f" weights after step {run.kept.iteration} are kept."
        )
    name = "tol" if run.gap is None else "gap_tol"
    allowed = f", more than {name}={getattr(parameters, name):g}"
    is_bound = parameters.l1_ratio > 0.0
    if run.gap is not None:
        left = f"the loss may be {run.gap:.2g} above its minimum"
    elif run.left < (TELLING if is_bound else 1.0) * run.kept.loss:
        share, what = run.left / run.null_loss, "may be" if is_bound else "is an estimated"
        left = f"the loss {what} {share:.2g} of the null loss above its minimum"
    else:  # no loss is below zero, so that the bound or the estimate says nothing
        left, allowed = "it is not known how far the loss is above its minimum", ""
    if run.stop_reason == "precision":
        single = "float64, " if is_single else ""
        return (
            f"Not converged: the loss falls no further at the precision of its numbers, but {left}."
            f" Use {single}a larger alpha, look for outliers (numbers far larger than most of their"
            " column), or give the differences of columns that are nearly collinear."
        )
    return (
        f"Not converged: after max_iter={parameters.max_iter} steps {left}{allowed}. Raise max_iter"
        f" or {name}."
    )


def _separated(where: str, loss: float) -> Warning:
    return SeparationWarning(
        f"No minimum: {where} give every sample's own class the highest probability, and with"
        f" alpha=0 the loss, now {loss:.3g}, falls further the larger they grow. Set alpha > 0."
    )


def _unbounded(
    parameters: Parameters,
    run: Run,
    task: Task,
    workers: Workers,
    feature_names: Array | None,
) -> Warning | None:
    """What to say if there is no minimum, or if that was not decided."""
    if parameters.alpha > 0 or parameters.tol == 0:
        return None
    found = run.recession or recession_of(task, workers, *run.weights)
    if not found.is_decided:
        return ConvergenceWarning(  # type: ignore[no-any-return]
            "With alpha=0 the loss need not have a minimum; here that was not decided, since it"
            " would take too long. Set alpha > 0."
        )
    if found.features is None:
        return None
    shown = named(found.features, feature_names)
    return SeparationWarning(
        "No minimum: some samples can be told apart without an error by"
        f" {shown or 'the intercept alone'}, and with alpha=0 the loss, now {run.kept.loss:.3g},"
        " falls without end as coefficients grow. Set alpha > 0."
    )


def named(features: Array, feature_names: Sequence[str] | Array | None) -> str:
    """The names of some features, (n_features,) of bool, as a message lists them: a few at most."""
    names = [
        f"x{j}" if feature_names is None else str(feature_names[j])
        for j in np.flatnonzero(features).tolist()
    ]
    return ", ".join(names[:MOST_NAMES]) + (", …" if len(names) > MOST_NAMES else "")
