"""What a fitted classifier tells beside its predictions: how good it is, and how others read it.

Needs a fit's attributes and parameters; changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy, deepcopy
from itertools import islice
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, FloatArray, IntArray, MatrixLike, put_beside, to_numpy
from skl_softmax._data.check import check_known_samples
from skl_softmax._data.labels import check_prior, encode_groups
from skl_softmax._data.parameters import check_parameters, fitted_to
from skl_softmax._data.weights import total_weight
from skl_softmax._descent.auto import auto_descent
from skl_softmax._descent.steps import start
from skl_softmax._engines.finiteness import check_measured
from skl_softmax._engines.protocol import Samples
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.inference import Inference, infer
from skl_softmax._fit.problem import StandardizedProblem
from skl_softmax._fit.standardization import centered_task
from skl_softmax._fit.task import Task
from skl_softmax._model import dense
from skl_softmax._predictions import OnlyWith, StagedMixin

FORMAT = 2  # of stored models: which attributes they have, and what the attributes mean
# What `to_sklearn` hands on.
EXPORTED = "classes_", "coef_", "intercept_", "n_features_in_", "feature_names_in_"
STEPS = 1000  # towards the minimum; a bound that is still far off then is returned as it is


def unfitted(estimator: object) -> dict[str, object]:
    """The attributes of an estimator, without those of a fit: parameters and callbacks."""
    return {
        name: value
        for name, value in vars(estimator).items()
        if name.startswith("_") or not name.endswith("_")
    }


class StoredMixin:
    """Model files with the number of their format; files of another format are refused."""

    _unnumbered_format: int | None = None  # the format of files without a number, if it is known

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_format": FORMAT}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, object]) -> None:
        state = dict(state)
        if state.pop("_format", self._unnumbered_format) != FORMAT:
            raise ValueError(
                "The model was written by another version of skl_softmax, whose models have other"
                " attributes: load it with that version, or fit it again."
            )
        super().__setstate__(state)  # type: ignore[misc]


class FittedMixin(StoredMixin, StagedMixin):
    """The methods."""

    alpha: float | str
    l1_ratio: float
    fit_intercept: bool
    class_weight: object
    max_iter: int
    warm_start: bool
    n_features_in_: int
    feature_names_in_: Array
    n_iter_: int
    best_iter_: int
    n_passes_: int
    loss_: float
    loss_history_: FloatArray
    passes_history_: IntArray
    converged_: bool
    stop_reason_: str
    class_prior_: FloatArray
    gap_: float = OnlyWith("gap_tol")  # type: ignore[assignment]
    validation_loss_history_: FloatArray = OnlyWith(  # type: ignore[assignment]
        "early_stopping=True, or with X_val and y_val"
    )

    def duality_gap(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        r"""Return how far the loss of these weights is above its minimum at most.

        A certificate, whatever way the weights were found: by Fenchel duality, no weights have a
        loss on these samples that is lower by more. It takes up to 1000 steps of its own towards
        the minimum, until the bound is at most twice the true excess: as long as a fit that starts
        from these weights. Where one of the classes has no sample, the bound stays far above; with
        an L1 penalty alone it can stay a little above. If some features have no penalty
        (`penalty_factor` is 0), their weights are compared only with weights that, times the
        feature's standard deviation, are at most 10, or at most twice what they are here.
        Computed in float64, with a margin for rounding.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples: to judge a fit, the samples that were fitted.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Their labels, or the probabilities of `classes_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None: all equal. `class_weight` multiplies them, as in a fit; and
            ``alpha="1/n_samples"`` counts them.

        Returns
        -------
        gap : float
            In nats per sample; infinite for ``alpha=0``, or if no feature has a penalty.

        Raises
        ------
        NotFittedError
            If there are no weights yet.
        ValueError, TypeError
            If an input is not allowed (labels that were not fitted are not).

        Warns
        -----
        UserWarning
            If ``alpha=0``, or each `penalty_factor` is 0: without a penalty there need not be a
            minimum.

        References
        ----------
        Boyd, S. and Vandenberghe, L., Convex Optimization, Cambridge University Press, 2004,
        sections 5.5.1 and 5.7.

        Examples
        --------
        >>> from sklearn.datasets import load_wine
        >>> from skl_softmax import SoftmaxGDClassifier
        >>> X, y = load_wine(return_X_y=True)
        >>> SoftmaxGDClassifier().fit(X, y).duality_gap(X, y) < 1e-3
        True
        """
        check_is_fitted(self)
        parameters = check_parameters(self)
        if not parameters.has_penalty:
            warnings.warn(
                "With alpha=0 the gap is infinite: without a penalty there need not be a minimum,"
                " and weights of any size may have a lower loss."
                if parameters.alpha == 0
                else "With penalty_factor=0 for all features the gap is infinite, as with alpha=0.",
                UserWarning,
                stacklevel=2,
            )
            return np.inf
        samples = self._check_known_samples(X, y, sample_weight)
        model = self._model()
        coef, intercept = model.coef.astype(np.float64), model.intercept.astype(np.float64)
        parameters = fitted_to(samples, parameters, self)
        task = Task.of(parameters, samples, len(coef))
        with Workers() as workers, np.errstate(all="ignore"):
            task, intercept = centered_task(task, workers, coef, intercept)
            problem = StandardizedProblem(task, workers, may_reduce=False, dtype=np.float64)
            check_measured(samples.X, problem.scale, parameters.estimator_name)
            loss = task.sums(workers, dtype=np.float64).cross_entropy(coef, intercept)
            loss += task.penalty(coef)
            return _excess(problem, problem.start(coef, intercept), loss)

    def _check_known_samples(self, X: MatrixLike, y: ArrayLike, sample_weight: object) -> Samples:
        """Samples of the fitted classes, with weights that sum to one."""
        return check_known_samples(self, X, y, sample_weight)

    def with_class_prior(self, prior: ArrayLike) -> Self:
        r"""Return this classifier for a population in which classes have other shares.

        By Bayes' theorem, if samples of each class are distributed as in training, and only the
        classes' shares :math:`\pi` are others, :math:`\pi'`, then

        .. math::

            p'(k \mid x) \propto p(k \mid x) \, \pi'_k / \pi_k ,

        which moves each class's intercept by :math:`\log(\pi'_k / \pi_k)`. The shares in training,
        `class_prior_`, include `sample_weight` and `class_weight`. So after training with
        ``class_weight="balanced"`` or on a sample with chosen shares of the classes, the shares of
        the population give probabilities that hold there.

        Without a penalty it is exact as far as the model is right: coefficients do not depend on
        the classes' shares then [2]_, [3]_. With ``alpha > 0`` it is an approximation, since the
        penalty weighs otherwise beside other shares.

        Parameters
        ----------
        prior : array-like of shape (n_classes,)
            The share of each class in the population, in the order of `classes_`, or a series of
            pandas whose index has the classes: numbers > 0 with a sum of one.

        Returns
        -------
        classifier : SoftmaxGDClassifier
            A copy with other intercepts (in `intercept_history_` too), and `prior` as its
            `class_prior_`. It shares its other arrays with this classifier, and what it says of
            the fit, `loss_` and the like, is of the fit of this one.

        Raises
        ------
        NotFittedError
            If there are no weights yet.
        ValueError
            If `prior` is not allowed, if a class had no weight in training, or if
            ``fit_intercept=False``.

        References
        ----------
        .. [1] M. Saerens, P. Latinne and C. Decaestecker, "Adjusting the outputs of a classifier to
           new a priori probabilities: a simple procedure", Neural Computation 14, 2002, equation
           2.4. https://doi.org/10.1162/089976602753284446
        .. [2] R. L. Prentice and R. Pyke, "Logistic disease incidence models and case-control
           studies", Biometrika 66, 1979. https://doi.org/10.1093/biomet/66.3.403
        .. [3] G. King and L. Zeng, "Logistic regression in rare events data", Political Analysis 9,
           2001, section 4.1. https://doi.org/10.1093/oxfordjournals.pan.a004868

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> classifier = SoftmaxGDClassifier().fit(X, y)
        >>> classifier.class_prior_.round(2)
        array([0.33, 0.33, 0.33])
        >>> classifier.predict_proba(X[70:71]).round(2)
        array([[0.  , 0.48, 0.52]])
        >>> classifier.with_class_prior([0.1, 0.8, 0.1]).predict_proba(X[70:71]).round(2)
        array([[0.  , 0.88, 0.12]])
        """
        check_is_fitted(self)
        if not self.fit_intercept:
            raise ValueError("with_class_prior moves intercepts: it needs fit_intercept=True.")
        classes = to_numpy(self.classes_)
        shares = check_prior(prior, classes)
        before = to_numpy(self.class_prior_)
        if not before.all():
            missing = classes[before == 0.0].tolist()
            raise ValueError(
                f"Class {missing[0]!r} had no weight in training: it has no intercept."
            )
        moves = np.log(shares / before)
        moves = moves[1:] - moves[:1] if len(classes) == 2 else moves - moves.mean()
        moved = copy(self)
        moved.class_prior_ = put_beside(shares, self.class_prior_)
        for name in ("intercept_", "intercept_history_"):
            if hasattr(self, name):
                intercept = to_numpy(getattr(self, name))
                intercept = (intercept + moves).astype(intercept.dtype)
                setattr(moved, name, put_beside(intercept, getattr(self, name)))
        return moved

    def _infer(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None,
        covariance: str,
        groups: ArrayLike | None,
        names: Sequence[str],
    ) -> tuple[Inference, float]:
        """Return what `coefficient_table` shows, and the sum of the samples' weights."""
        parameters = check_parameters(self)
        if parameters.alpha > 0.0:
            raise ValueError(
                "A penalised estimate is biased, and has no such standard error: fit with alpha=0"
                f" (now {self.alpha!r})."
            )
        if covariance == "model" and self.class_weight is not None:
            raise ValueError(
                "With class_weight the loss is no likelihood: fit with class_weight=None, or take"
                " covariance='robust', which holds for any weights."
            )
        samples = self._check_known_samples(X, y, sample_weight)
        n_samples = samples.X.shape[0]
        parameters = fitted_to(samples, parameters, self)
        total = total_weight(sample_weight, n_samples)
        model = self._model()
        task = Task.of(parameters, samples, len(model.coef))
        with Workers() as workers, np.errstate(all="ignore"):
            found = infer(
                task,
                workers,
                model.coef,
                model.intercept,
                total=total,
                is_sandwich=covariance != "model",
                groups=None if groups is None else encode_groups(groups, n_samples),
                classes=model.classes,
                estimator_name=parameters.estimator_name,
                feature_names=names,
            )
        if isinstance(found, str):
            raise ValueError(found)
        return found, total

    def to_sklearn(self) -> LogisticRegression:
        """Return scikit-learn's `LogisticRegression`, fitted, with these weights.

        For tools that know no other classifier: converters to ONNX, explainers, model stores. It
        predicts the same labels and probabilities. Its penalty is LogisticRegression's default,
        which matters only if it is fitted again: ``C = 1 / (alpha * sum of weights)`` and the
        `l1_ratio` of this classifier give the optimum of this classifier, unless it has a
        `penalty_factor`, which LogisticRegression does not know.

        Returns
        -------
        classifier : sklearn.linear_model.LogisticRegression
            It shares no memory with this one.

        Raises
        ------
        NotFittedError
            If there are no weights yet.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifier
        >>> X, y = load_iris(return_X_y=True)
        >>> SoftmaxGDClassifier().fit(X, y).to_sklearn().score(X, y)
        0.98
        """
        check_is_fitted(self)
        exported = LogisticRegression(
            fit_intercept=self.fit_intercept,
            class_weight=self.class_weight,
            max_iter=self.max_iter,
            warm_start=self.warm_start,
        )
        fitted = vars(self)  # of one fit: another thread may fit anew, and replaces all at once
        for name in EXPORTED:
            if name in fitted:
                setattr(exported, name, deepcopy(to_numpy(fitted[name])))
        exported.n_iter_ = np.array([fitted["n_iter_"]], dtype=np.int32)
        return exported

    def sparsify(self) -> Self:
        """Turn `coef_` into a sparse matrix, which takes less memory if most of it is zero.

        Everything works as before; a fit makes it an array again.

        Returns
        -------
        self : SoftmaxGDClassifier

        Raises
        ------
        NotFittedError
            If there are no weights yet.
        """
        check_is_fitted(self)
        if to_numpy(self.coef_) is not self.coef_:
            raise ValueError("sparsify is for NumPy's arrays: coef_ is one of another library.")
        self.coef_ = sparse.csr_array(self.coef_)
        return self

    def densify(self) -> Self:
        """Turn `coef_` into an array again, after `sparsify`.

        Returns
        -------
        self : SoftmaxGDClassifier

        Raises
        ------
        NotFittedError
            If there are no weights yet.
        """
        check_is_fitted(self)
        self.coef_ = dense(self.coef_)
        return self


def _excess(problem: StandardizedProblem, params: Array, loss: float) -> float:
    """How far a loss is above the minimum at most, given params whose loss is no higher.

    What the loss is seen to fall by, and what it can still fall by: until that is no more.
    """
    gap, bound, objective = problem.certificate(), np.inf, problem.objective
    rounding = 4.0 * objective.precision
    for state in islice(auto_descent(objective, start(objective, params)), STEPS):
        fallen = max(loss - state.loss, 0.0)
        left = abs(gap(state.params, state.loss, state.gradient))  # below zero, it is rounding
        bound = min(bound, fallen + left + rounding * (1.0 + loss + state.loss))
        if left <= fallen:
            break
    return float(bound)


def register_onnx_converters() -> None:
    """Let skl2onnx convert this package's classifiers, alone and inside Pipelines.

    Call it once in a process, before ``skl2onnx.to_onnx(model, X[:1])``. Each classifier is
    converted as the `LogisticRegression` that its `to_sklearn` returns. Without this function,
    skl2onnx raises ``MissingShapeCalculator``; convert ``model.to_sklearn()`` then.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from skl_softmax import register_onnx_converters
    >>> register_onnx_converters()  # doctest: +SKIP
    """
    from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV  # they import this module

    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
        from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier
    except ImportError as error:
        raise ImportError(
            'Export to ONNX needs skl2onnx: python -m pip install "skl_softmax[interop]"'
        ) from error

    def convert(scope: Any, operator: Any, container: Any) -> None:
        fitted = operator.raw_operator
        operator.raw_operator = getattr(fitted, "best_estimator_", fitted).to_sklearn()
        convert_sklearn_linear_classifier(scope, operator, container)

    for classifier in (SoftmaxGDClassifier, SoftmaxGDClassifierCV):
        update_registered_converter(
            classifier,
            f"SklSoftmax{classifier.__name__}",
            calculate_linear_classifier_output_shapes,
            convert,
            options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
