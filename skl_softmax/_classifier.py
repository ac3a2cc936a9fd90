"""`SoftmaxGDClassifier`: the careful shell around the descent.

Checks what comes in, owns the loop over the steps (when to stop, what to keep, what to print) and
warns. Knows no formula of the loss and no rule for a step.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import validate_data

from skl_softmax._curvature import curvature_kinds
from skl_softmax._descent import State, constant_descent, matrix_descent
from skl_softmax._model import row_per_class
from skl_softmax._predictions import PredictionMixin
from skl_softmax._problem import (
    RawProblem,
    StandardizedProblem,
    Task,
    largest_stable_learning_rate,
)
from skl_softmax._rows import Array, Matrix
from skl_softmax._threads import Workers
from skl_softmax._validation import (
    check_measured,
    check_parameters,
    combine_weights,
    encode_labels,
    fixed_width,
)


class _Run(NamedTuple):
    """What a descent passed through, from its start to `last`, and why it stopped there."""

    last: State
    losses: list[float]
    passes: list[int]  # over the data, up to every step
    path: list[tuple[Array, Array]]  # (coef, intercept) of every step, if they are to be kept
    stop_reason: str


def _is_as_exact_as_rounding(precision: float, size: float) -> bool:
    """Whether a largest derivative of `size` is all that rounding leaves to be had.

    Where the loss is flat to its relative `precision`, derivatives are of the order of its root.
    """
    return precision <= 1e-3 and size <= precision**0.5


def _print_step(problem: RawProblem | StandardizedProblem, state: State) -> int:
    """Print where the descent stands, and return the step."""
    size = problem.gradient_size(state.gradient)
    print(f"step {state.iteration:5d}  loss {state.loss:.9g}  gradient {size:.2e}")
    return state.iteration


def _is_printed(step: int, verbose: int) -> bool:
    """Whether `verbose` shows this step: every one, or 0, 1, …, 10, 20, …, 100, 200 and so on."""
    return verbose > 1 or step % 10 ** (len(str(step)) - 1) == 0


class SoftmaxGDClassifier(PredictionMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Softmax (multinomial logistic) regression by full-batch gradient descent.

    Minimises, over the coefficients :math:`W` and the intercepts :math:`b`,

    .. math::

        F(W, b) = \frac{1}{\sum_i s_i} \sum_i s_i \,
                  \mathrm{CE}\bigl(y_i, \mathrm{softmax}(W x_i + b)\bigr)
                  + \frac{\alpha}{2} \lVert W \rVert_F^2

    in nats per sample, by steps :math:`W \leftarrow W - (\text{step}) \, \nabla F(W)` from zero
    weights. The step is a number in the textbook and a matrix in ``"auto"``; the loss after every
    step is kept in `loss_history_`.

    Parameters
    ----------
    learning_rate : "auto" or float, default="auto"
        - ``"auto"``: the step is a matrix, measured on the data: the inverse of a curvature model
          in standardised coordinates, corrected by the gradients seen (L-BFGS) and measured anew
          when that pays. Needs no tuning and no scaled data; the loss never rises.
        - a float > 0: that number at every step, in the data's own units, and nothing else: the
          textbook loop.
    alpha : float, default=1e-4
        Strength of the L2 penalty on `coef_`; the intercept is never penalised. It acts on the
        mean loss, so it means the same at any number of samples:
        ``C = 1 / (alpha * sum of weights)`` in `sklearn.linear_model.LogisticRegression`.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-4
        Stop when no derivative of F is larger in absolute value, each taken with respect to the
        coefficient of the standardised feature, so that the data's units do not matter. ``0``:
        take all `max_iter` steps, without a warning (``"auto"`` stops before, when the loss can
        fall no further at the precision of its numbers).
    class_weight : dict, "balanced" or None, default=None
        Factors ``{class: weight}`` on the weights of each class's samples, 1 for those not named.
        ``"balanced"`` gives every class the same total weight.
    warm_start : bool, default=False
        Start from the weights of the previous fit, matched by class label; classes that it did not
        know start from zero. Features are matched by position, and their number must be the same.
    store_coef_history : bool, default=False
        Keep the weights after every step in `coef_history_` and `intercept_history_`.
    verbose : int, default=0
        1 prints the loss and the gradient at steps 0, 1, …, 10, 20, …, 100, 200, … and at the
        last; 2 prints every step.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    coef_ : ndarray of shape (n_classes, n_features) or (1, n_features)
        Coefficients, of the data's float dtype; one row for two classes, else rows that sum to
        zero.
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts; zeros if ``fit_intercept=False``.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.
    n_iter_ : int
        Number of steps taken.
    n_passes_ : int
        Number of passes over the data, for gradients, curvature and scale alike.
    loss_ : float
        F at the fitted weights, in nats per sample.
    loss_history_ : ndarray of shape (`n_iter_` + 1,)
        F after 0, 1, …, `n_iter_` steps; from zero weights, the first is log(n_classes). In
        ``"auto"`` it never rises: a rise that is within its rounding is not recorded.
    passes_history_ : ndarray of shape (`n_iter_` + 1,)
        How many passes over the data it took to get to each of these losses; models measured on a
        sample of the rows are not counted.
    converged_ : bool
        Whether `tol` was reached, or the loss could fall no further.
    stop_reason_ : str
        Why the fit stopped: ``"tol"`` (reached), ``"precision"`` (the loss can fall no further at
        the precision of its numbers), ``"max_iter"`` or ``"diverged"``.
    coef_history_ : ndarray of shape (`n_iter_` + 1, n_classes or 1, n_features)
        The coefficients after every step; only with ``store_coef_history=True``.
    intercept_history_ : ndarray of shape (`n_iter_` + 1, n_classes or 1)
        The intercepts after every step; only with ``store_coef_history=True``.

    See Also
    --------
    sklearn.linear_model.LogisticRegression : The same objective, by other solvers.
    sklearn.linear_model.SGDClassifier : Stochastic gradient descent, a few samples at a time.

    Notes
    -----
    Two classes have one row of coefficients, for the second class; its logit z gives the
    probabilities 1 / (1 + exp(z)) and 1 / (1 + exp(-z)), and the penalty is on that one row.

    The fit runs in as many threads as BLAS is allowed to use (``OMP_NUM_THREADS``,
    `threadpoolctl.threadpool_limits`), and gives the same bits with any number of them.

    References
    ----------
    .. [1] C. M. Bishop, Pattern Recognition and Machine Learning, Springer, 2006, section 4.3.4.
    .. [2] D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of
       Statistical Mathematics 44, 1992. https://doi.org/10.1007/BF00048682
    .. [3] J. Nocedal and S. J. Wright, Numerical Optimization, 2nd ed., Springer, 2006, chapter 7.
       https://doi.org/10.1007/978-0-387-40065-5

    Examples
    --------
    Raw data, no tuning:

    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax import SoftmaxGDClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> classifier = SoftmaxGDClassifier().fit(X, y)
    >>> classifier.converged_
    True
    >>> classifier.score(X, y)
    1.0

    The textbook's loop, every step of it:

    >>> textbook = SoftmaxGDClassifier(learning_rate=1e-7, alpha=0, max_iter=3, tol=0)
    >>> textbook.fit(X, y).loss_history_.round(4)
    array([1.0986, 1.0964, 1.0942, 1.0922])
    """

    def __init__(
        self,
        *,
        learning_rate: str | float = "auto",
        alpha: float = 1e-4,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        class_weight: dict[Any, float] | str | None = None,
        warm_start: bool = False,
        store_coef_history: bool = False,
        verbose: int = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.store_coef_history = store_coef_history
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        # Through the origin, no linear model follows heavy class weights, as one check demands.
        tags.classifier_tags.poor_score = not self.fit_intercept
        return tags

    def fit(
        self, X: ArrayLike | Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self:
        """Fit the weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. float32 and float64 are used as they are, in C or F order or as CSR; anything
            else is converted once, to float64 or CSR. Deviations below 1e-154 cannot be squared: a
            feature that has no larger ones counts as constant, and its coefficients are zero.
        y : array-like of shape (n_samples,)
            Class labels of any sortable type, two classes at least.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios matter. None: all equal.

        Returns
        -------
        self : SoftmaxGDClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is not allowed; an earlier fit stays as it was.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` steps did not reach `tol` > 0; if the weights separate the classes and
            ``alpha=0``, so that the loss has no minimum (that some of the classes can be separated,
            and has the same effect, is not noticed); or if a constant learning rate diverged: then
            the last weights with a finite loss are kept.
        """
        before = self.__dict__.copy()  # checking the input already sets attributes
        try:
            warning = self._fit(X, y, sample_weight)
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise
        if warning is not None:
            warnings.warn(warning, ConvergenceWarning, stacklevel=2)
        return self

    def _fit(self, X: Any, y: Any, sample_weight: Any) -> str | None:
        """Fit, and return what there is to warn of."""
        check_parameters(self)
        X, y = validate_data(
            self,
            X,
            fixed_width(y),
            accept_sparse="csr",
            dtype=[np.float64, np.float32],
            ensure_all_finite=sparse.issparse(X) or not self._measures_scale(),
        )
        classes, codes = encode_labels(y)
        weights = combine_weights(sample_weight, self.class_weight, classes, codes)
        coef, intercept = self._start_weights(classes, X.shape[1])
        task = Task(X, codes, weights, len(coef), float(self.alpha), bool(self.fit_intercept))
        with Workers() as workers, np.errstate(all="ignore"):
            problem, descent = self._descent(task, workers, coef, intercept)
            run = self._follow(problem, descent)
            self.coef_, self.intercept_ = problem.coef(run.last.params)
            size = problem.gradient_size(run.last.gradient)
            self.converged_ = run.stop_reason == "tol" or (
                run.stop_reason == "precision"
                and _is_as_exact_as_rounding(problem.objective.precision, size)
            )
            is_separable = (
                self.alpha == 0 and self.tol > 0 and problem.objective.separates(run.last.params)
            )
            self.n_passes_ = problem.n_passes
            complaint = self._complaint(run, size, is_separable, task, workers)
        self.classes_ = classes
        self.n_iter_ = run.last.iteration
        self.loss_, self.loss_history_ = run.losses[-1], np.array(run.losses)
        self.passes_history_ = np.array(run.passes)
        self.stop_reason_ = run.stop_reason
        for name in ("coef_history_", "intercept_history_"):
            self.__dict__.pop(name, None)  # an earlier fit's
        if self.store_coef_history:
            self.coef_history_ = np.array([coef for coef, _ in run.path])
            self.intercept_history_ = np.array([intercept for _, intercept in run.path])
        return complaint

    def _measures_scale(self) -> bool:
        """Whether features are measured: then `check_measured` sees those that are not finite."""
        return isinstance(self.learning_rate, str) or self.tol > 0

    def _descent(
        self, task: Task, workers: Workers, coef: Array, intercept: Array
    ) -> tuple[RawProblem | StandardizedProblem, Iterator[State]]:
        """What is to be minimised, and the steps from the given weights."""
        if not isinstance(self.learning_rate, str):
            raw = RawProblem(task, workers, measure_scale=self._measures_scale())
            check_measured(task.X, raw.scale, self)
            params = raw.params(coef, intercept)
            return raw, constant_descent(raw.objective, params, float(self.learning_rate))
        problem = StandardizedProblem(task, workers)
        check_measured(task.X, problem.scale, self)
        params = problem.start(coef, intercept, np.log(max(2, task.n_outputs)))
        return problem, matrix_descent(
            problem.objective, params, curvature_kinds(problem.objective)
        )

    def _follow(self, problem: RawProblem | StandardizedProblem, descent: Iterator[State]) -> _Run:
        """Follow the descent until there is a reason to stop; keep what it passes through."""
        losses: list[float] = []
        passes: list[int] = []
        path: list[tuple[Array, Array]] = []
        reason, printed = "", -1
        for state in descent:
            if not np.isfinite(state.loss) and losses:
                reason = "diverged"
                break
            last = state
            losses.append(state.loss)
            passes.append(problem.n_passes)
            if self.store_coef_history:
                path.append(problem.coef(state.params))
            if self.tol > 0 and problem.gradient_size(state.gradient) <= self.tol:
                reason = "tol"
            elif state.iteration == self.max_iter:
                reason = "max_iter"
            if self.verbose and _is_printed(state.iteration, self.verbose):
                printed = _print_step(problem, state)
            if reason:
                break
        if self.verbose and printed < last.iteration:
            _print_step(problem, last)
        return _Run(last, losses, passes, path, reason or "precision")

    def _complaint(
        self, run: _Run, size: float, is_separable: bool, task: Task, workers: Workers
    ) -> str | None:
        """What the user should know of a run that ended with a largest derivative of `size`."""
        separable = (
            "The classes can be separated, and alpha=0 does not penalise large weights: the loss"
            " has no minimum, and the weights grow until the fit stops. Set alpha > 0."
        )
        if run.stop_reason == "diverged":
            complaint = (
                f"Diverged: at step {run.last.iteration + 1} the loss was no longer finite; the"
                f" weights after step {run.last.iteration} are kept."
            )
        elif self.tol == 0 or self.converged_:
            return separable if is_separable else None
        elif run.stop_reason == "max_iter":
            complaint = (
                f"Not converged: after max_iter={self.max_iter} steps the largest derivative is"
                f" {size:.2g}, above tol={float(self.tol):g}. Raise max_iter or tol."
            )
            if is_separable:
                return f"{complaint} {separable}"
        else:
            single = "float64, " if task.X.dtype == np.float32 else ""
            return (
                "Not converged: the loss falls no further at the precision of its numbers, but the"
                f" largest derivative is {size:.2g}. Use {single}a larger alpha, or subtract the"
                " means of columns that are far larger than their spread."
            )
        if isinstance(self.learning_rate, str):
            return complaint
        stable = largest_stable_learning_rate(task, workers)
        return complaint + (
            f" The largest learning rate that is stable for this data is {stable:.3g} (now"
            f" {float(self.learning_rate):g}); learning_rate='auto' needs none."
        )

    def _start_weights(self, classes: Array, n_features: int) -> tuple[Array, Array]:
        """Where to start: coef (n_outputs, n_features) and intercept (n_outputs,)."""
        n_classes = len(classes)
        coef, intercept = np.zeros((n_classes, n_features)), np.zeros(n_classes)
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape[1] != n_features:
                raise ValueError(
                    f"warm_start=True needs the {self.coef_.shape[1]} features of the previous fit,"
                    f" got X with {n_features} features."
                )
            rows = row_per_class(self.coef_, self.intercept_)
            known = dict(zip(self.classes_.tolist(), zip(*rows, strict=True), strict=True))
            for k, label in enumerate(classes.tolist()):
                if label in known:
                    coef[k], intercept[k] = known[label]
        if n_classes == 2:
            return coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        return coef, intercept
