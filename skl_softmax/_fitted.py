"""What a fitted classifier tells beside its predictions: how good it is, and how others read it.

Needs a fit's attributes and parameters; changes nothing.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import deepcopy
from itertools import islice
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from skl_softmax._arrays import Array, Matrix, to_numpy
from skl_softmax._data.check import check_known_samples
from skl_softmax._data.labels import encode_groups
from skl_softmax._data.matrix import refuse_dask
from skl_softmax._data.parameters import check_parameters
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
from skl_softmax._predictions import StagedMixin

FORMAT = 2  # of stored models: which attributes they have, and what the attributes mean
STEPS = 1000  # towards the minimum; a bound that is still far off then is returned as it is


class FittedMixin(StagedMixin):
    """The methods."""

    alpha: float
    l1_ratio: float
    fit_intercept: bool
    class_weight: object
    max_iter: int
    warm_start: bool
    n_iter_: int

    def __getstate__(self) -> dict[str, object]:
        return {**super().__getstate__(), "_format": FORMAT}  # type: ignore[dict-item]

    def __setstate__(self, state: dict[str, object]) -> None:
        state = dict(state)
        if state.pop("_format", None) != FORMAT:
            raise ValueError(
                "The model was written by another version of skl_softmax, whose models have other"
                " attributes: load it with that version, or fit it again."
            )
        super().__setstate__(state)  # type: ignore[misc]

    def duality_gap(
        self,
        X: ArrayLike | Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
    ) -> float:
        r"""Return how far the loss of these weights is above its minimum at most.

        A certificate, whatever way the weights were found: by Fenchel duality, no weights have a
        loss on these samples that is lower by more. It takes up to 1000 steps of its own towards
        the minimum, until the bound is at most twice the true excess: as long as a fit that starts
        from these weights. Where one of the classes has no sample, the bound stays far above; with
        an L1 penalty alone it can stay a little above.
        Computed in float64, with a margin for rounding.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples: to judge a fit, the samples that were fitted.
        y : array-like of shape (n_samples,) or (n_samples, n_classes)
            Their labels, or the probabilities of `classes_`.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights. None: all equal. `class_weight` multiplies them, as in a fit.

        Returns
        -------
        gap : float
            In nats per sample; infinite for ``alpha=0``.

        Raises
        ------
        NotFittedError
            If there are no weights yet.
        ValueError, TypeError
            If an input is not allowed (labels that were not fitted are not).

        Warns
        -----
        UserWarning
            If ``alpha=0``: without a penalty there need not be a minimum.

        References
        ----------
        S. Boyd and L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, sections
        5.5.1 and 5.7.

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
        if self.alpha == 0:
            warnings.warn(
                "With alpha=0 the gap is infinite: without a penalty there need not be a minimum,"
                " and weights of any size may have a lower loss.",
                UserWarning,
                stacklevel=2,
            )
            return np.inf
        samples = check_known_samples(self, X, y, sample_weight)
        model = self._model()
        coef, intercept = model.coef.astype(np.float64), model.intercept.astype(np.float64)
        task = Task.of(parameters, samples, len(coef))
        with Workers() as workers, np.errstate(all="ignore"):
            task, intercept = centered_task(task, workers, coef, intercept)
            problem = StandardizedProblem(task, workers, may_reduce=False, dtype=np.float64)
            check_measured(samples.X, problem.scale, parameters.estimator_name)
            loss = task.sums(workers, dtype=np.float64).cross_entropy(coef, intercept)
            loss += task.penalty(coef)
            return _excess(problem, problem.start(coef, intercept), loss)

    def _known_samples(
        self, X: ArrayLike | Matrix, y: ArrayLike, sample_weight: ArrayLike | None
    ) -> Samples:
        """Return samples of the fitted classes, checked, with weights that sum to one."""
        refuse_dask(X=X, y=y, sample_weight=sample_weight)
        return check_known_samples(self, X, y, sample_weight)

    def _infer(
        self,
        X: ArrayLike | Matrix,
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
                f" (now {parameters.alpha:g})."
            )
        if covariance == "model" and self.class_weight is not None:
            raise ValueError(
                "With class_weight the loss is no likelihood: fit with class_weight=None, or take"
                " covariance='robust', which holds for any weights."
            )
        samples = self._known_samples(X, y, sample_weight)
        n_samples = samples.X.shape[0]
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
        `l1_ratio` of this classifier give the optimum of this classifier.

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
        for name in ("classes_", "coef_", "intercept_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(exported, name, deepcopy(to_numpy(getattr(self, name))))
        exported.n_iter_ = np.array([self.n_iter_], dtype=np.int32)
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
