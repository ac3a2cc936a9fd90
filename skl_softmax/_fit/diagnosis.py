"""What the user should know of how a descent ended.

Knows no estimator; whoever calls warns.
"""

from __future__ import annotations

from decimal import ROUND_DOWN, Context

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from skl_softmax._arrays import Array
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.loop import Run
from skl_softmax._fit.recession import recession_of
from skl_softmax._fit.task import Task, largest_safe_learning_rate
from skl_softmax._parameters import Parameters

MOST_NAMES = 10  # of features, in a warning
DIGITS = Context(prec=3, rounding=ROUND_DOWN)  # of the largest safe rate: what is shown is safe
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
    if run.stop_reason in ("callback", "interrupted"):
        return None
    is_single = task.X.dtype == np.float32
    rise = "" if run.converged else _rise(parameters, run, is_single=is_single)
    # Early stopping chose by other samples.
    is_chosen = run.stop_reason == "early_stopping" or run.kept.iteration != run.last.iteration
    is_asked_for = is_chosen or (parameters.tol == 0 and run.gap is None)
    is_asked_for = is_asked_for and run.stop_reason != "diverged"
    if is_asked_for and not rise:
        return None
    if run.stop_reason == "separation" and run.recession is None:
        where = f"the weights after step {run.last.iteration}, where the fit stopped,"
        what, remedy = _no_penalty(parameters)
        return SeparationWarning(
            f"No minimum: {where} give every sample's own class the highest probability, and"
            f" with {what} the loss, now {run.last.loss:.3g}, falls further the larger they grow."
            f" {remedy}."
        )
    if run.stop_reason != "diverged" and not is_asked_for:
        unbounded = _unbounded(parameters, run, task, workers, feature_names)
        if unbounded is not None and (run.converged or isinstance(unbounded, SeparationWarning)):
            return type(unbounded)(f"{rise} {unbounded}".lstrip())
    if run.converged:
        return None
    said = [rise] if rise else []
    if not (rise and (is_asked_for or run.last.loss > min(step.loss for step in run.steps))):
        said.append(_not_converged(parameters, run, is_single=is_single))
    if run.stop_reason != "precision" and parameters.learning_rate is not None:
        safe = float(DIGITS.create_decimal(largest_safe_learning_rate(task, workers)))
        said.append(
            f"With a learning rate below {safe:g} (now {parameters.learning_rate:g}) the loss is"
            " guaranteed to fall at every step, from any weights; with a larger one it may fall or"
            " rise. learning_rate='auto' needs none."
        )
    return ConvergenceWarning(" ".join(said))  # type: ignore[no-any-return]


def _rise(parameters: Parameters, run: Run, *, is_single: bool) -> str:
    """What to say if a constant learning rate let the loss rise by more than rounding; or empty."""
    if parameters.learning_rate is None or run.stop_reason == "diverged":
        return ""
    losses = np.array([step.loss for step in run.steps])
    rises = np.diff(losses)
    half_of_the_digits = np.finfo(np.float32 if is_single else np.float64).eps ** 0.5
    n_rises = int((rises > half_of_the_digits * losses[:-1]).sum())
    if not n_rises:
        return ""
    most = int(rises.argmax())
    return (
        f"The loss rose at {n_rises} of {len(rises)} steps, most at step {most + 1}, by"
        f" {rises[most]:.3g} to {losses[most + 1]:.3g}, and ended at {losses[-1]:.3g}: lower the"
        " learning rate."
    )


def _not_converged(parameters: Parameters, run: Run, *, is_single: bool) -> str:
    """What went wrong, how far off the end is, and what would help."""
    if run.stop_reason == "diverged":
        return (
            f"Diverged: at step {run.last.iteration + 1} the loss was no longer finite; the"
            f" weights after step {run.kept.iteration} are kept. Lower the learning rate."
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


def _no_penalty(parameters: Parameters) -> tuple[str, str]:
    """Why some features have no penalty, and what would give them one."""
    if parameters.alpha > 0:
        return "penalty_factor=0", "Set their penalty_factor > 0"
    return "alpha=0", "Set alpha > 0"


def _unbounded(
    parameters: Parameters,
    run: Run,
    task: Task,
    workers: Workers,
    feature_names: Array | None,
) -> Warning | None:
    """What to say if there is no minimum, or if that was not decided."""
    if parameters.tol == 0 or not task.is_free.any():
        return None
    what, remedy = _no_penalty(parameters)
    found = run.recession or recession_of(task, workers, *run.weights)
    if not found.is_decided:
        return ConvergenceWarning(  # type: ignore[no-any-return]
            f"With {what} the loss need not have a minimum; here that was not decided, since it"
            f" would take too long. {remedy}."
        )
    if found.features is None:
        return None
    moved = [
        f"x{j}" if feature_names is None else feature_names[j]
        for j in np.flatnonzero(found.features)
    ]
    shown = ", ".join(moved[:MOST_NAMES]) + (", …" if len(moved) > MOST_NAMES else "")
    return SeparationWarning(
        "No minimum: some samples can be told apart without an error by"
        f" {shown or 'the intercept alone'}, and with {what} the loss, now {run.kept.loss:.3g},"
        f" falls without end as coefficients grow. {remedy}."
    )
