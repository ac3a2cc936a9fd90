"""`SoftmaxGDClassifier`: the careful shell around the descent.

Checks what comes in, keeps what comes out, and warns. Knows no formula of the loss, and no step.
"""

from __future__ import annotations

import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin

from skl_softmax._arrays import MatrixLike
from skl_softmax._compat import HAS_DEVICES, CallbackSupportMixin, with_callbacks
from skl_softmax._data.check import Checked, check_samples
from skl_softmax._data.device import labels_there
from skl_softmax._data.parameters import check_parameters, fitted_to
from skl_softmax._data.samples import FitInput
from skl_softmax._data.weights import class_shares
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.callbacks import Callbacks
from skl_softmax._fit.diagnosis import SeparationWarning, outcome
from skl_softmax._fit.folds import there
from skl_softmax._fit.loop import follow
from skl_softmax._fit.plan import plan
from skl_softmax._fit.task import Task
from skl_softmax._fitted import FittedMixin, unfitted
from skl_softmax._model import start_weights


class SoftmaxGDClassifier(
    FittedMixin,
    CallbackSupportMixin,  # type: ignore[misc]
    ClassifierMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    r"""Softmax (multinomial logistic) regression by full-batch gradient descent.

    Minimises, over the coefficients :math:`W` and the intercepts :math:`b`, the mean cross-entropy
    (under the weights :math:`s_i` of the samples) and a penalty with ``l1_ratio`` :math:`\rho`,

    .. math::

        \begin{split}
        F(W, b) = {} & \frac{1}{\sum_i s_i} \sum_i s_i \,
            \mathrm{CE}\bigl(y_i, \mathrm{softmax}(W x_i + b)\bigr) \\
        & + \alpha \sum_{kj} f_j \Bigl(\rho \lvert w_{kj} \rvert
            + \frac{1 - \rho}{2} w_{kj}^2\Bigr),
        \end{split}

    in nats per sample, by steps :math:`W \leftarrow W - (\text{step}) \, \nabla F(W)` from zero
    weights. The step is a number in the textbook and a matrix in ``"auto"``; the loss after every
    step is kept in `loss_history_`. Each :math:`f_j` is 1, unless `penalty_factor` is given.

    Parameters
    ----------
    learning_rate : "auto" or float, default="auto"
        - ``"auto"``: the step is a matrix, measured on the data: the inverse of a curvature model
          in standardised coordinates, corrected by the gradients seen (L-BFGS) and measured anew
          when that pays. Needs no tuning and no scaled data; the loss never rises.
        - a float > 0: that number at every step, in the data's own units, and nothing else: the
          textbook loop. With an L1 penalty each step ends with soft thresholding: proximal gradient
          descent (ISTA).
    alpha : float or "1/n_samples", default=1e-4
        Strength of the penalty on `coef_`; the intercept is never penalised. It acts on the
        mean loss, so it means the same at any number of samples:
        ``C = 1 / (alpha * sum of weights)`` in `sklearn.linear_model.LogisticRegression`.
        ``"1/n_samples"``: C is 1, as by default there. A sample counts by its weight in
        `sample_weight`, times `class_weight`; what early stopping holds out does not count.
    l1_ratio : float, default=0.0
        The L1 penalty's share, from 0 (L2 alone) to 1 (L1 alone); between, the elastic net. With an
        L1 penalty many coefficients are exactly zero. It is a matter of the data's units: scale
        features, if they are to be chosen on equal terms.
    penalty_factor : array-like of shape (n_features,), default=None
        What `alpha` is multiplied by for each feature, in the order of the columns of X: finite
        numbers >= 0, for the L1 and the L2 penalty alike, and not rescaled. 0 leaves a feature
        without a penalty: without a minimum too, if such features tell the classes apart. None: 1
        for each feature. Wide data take longer with different factors.
    fit_intercept : bool, default=True
        Whether to fit an intercept.
    max_iter : int, default=1000
        The largest number of steps.
    tol : float, default=1e-4
        Stop when the loss is estimated to be at most `tol` times the null loss above its minimum.
        The null loss is the loss of the best constant prediction: the entropy of the classes'
        shares. So `tol` does not depend on units, or on the number and the shares of the classes.
        The estimate is the Newton decrement of a curvature model that is measured at the last
        weights; it counts only if Newton's step changes no logit by much. For a constant learning
        rate, ``"auto"`` looks for the minimum once. With an L1 penalty the distance is proved (see
        `duality_gap`), and estimated only where rounding hides the proof. ``0``: take all
        `max_iter` steps, without a warning (``"auto"`` stops before, when the loss can fall no
        further at the precision of its numbers).
    gap_tol : float, default=None
        In the place of `tol`: stop when a certificate says that the loss is at most that many nats
        per sample above its minimum (`duality_gap` tells how, and what that means for features
        without a penalty). Needs ``alpha > 0``; wide data take longer.
    class_weight : dict, "balanced" or None, default=None
        Factors ``{class: weight}`` on the weights of each class's samples; classes that are not
        named have the factor 1. Names of classes that `y` lacks, as a fold may, are ignored.
        ``"balanced"`` gives every class the same total weight.
    early_stopping : bool, default=False
        Whether to stop when the loss on a validation set has not fallen below its least for
        `n_iter_no_change` steps, and to keep the weights of the step where it was least. The
        validation set is `X_val` and `y_val` of `fit`, or else held out of the training data.
    n_iter_no_change : int, default=10
        How many steps early stopping waits for a lower validation loss.
    validation_fraction : float, default=0.1
        Share of the training data, between 0 and 1, that early stopping holds out, of every class
        alike, where `fit` gets no validation set.
    random_state : int, RandomState instance or None, default=None
        Decides which samples early stopping holds out. An int makes every fit hold out the same
        samples, as a warm start needs it.
    warm_start : bool, default=False
        Start from the weights of the previous fit, matched by class label; classes that it did not
        know start from zero. Features are matched by position, and their number must be the same.
    store_coef_history : bool, default=False
        Keep the weights after every step in `coef_history_` and `intercept_history_`.
    verbose : int, default=0
        1 prints the loss (that on the validation set too, if there is one) and the gradient at
        steps 0, 1, …, 10, 20, …, 100, 200, … and at the last; 2 prints every step.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The class labels, sorted.
    coef_ : ndarray of shape (n_classes, n_features) or (1, n_features)
        Coefficients, of the data's float dtype; one row for two classes, else rows that sum to
        zero (with an L1 penalty, whose sum of absolute values is the least for their differences).
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Intercepts; zeros if ``fit_intercept=False``.
    class_prior_ : ndarray of shape (n_classes,)
        The share of each class in the weight of the samples fitted, `class_weight` included.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of shape (`n_features_in_`,)
        Their names, where all are strings.
    n_iter_ : int
        Number of steps taken.
    best_iter_ : int
        The step whose weights the fit ended with: `n_iter_`, or with ``early_stopping=True`` the
        one of the least validation loss.
    n_passes_ : int
        Number of passes over the data, for gradients, curvature and scale alike. Passes of the
        linear program that looks for a minimum with ``alpha=0`` are not counted.
    loss_ : float
        F at the fitted weights as they are stored, in nats per sample, computed in float64:
        ``loss_history_[best_iter_]``.
    loss_history_ : ndarray of shape (`n_iter_` + 1,)
        F after 0, 1, …, `n_iter_` steps; from zero weights, the first is log(n_classes). In
        ``"auto"`` it never rises: a rise that is within its rounding is not recorded.
    passes_history_ : ndarray of shape (`n_iter_` + 1,)
        How many passes over the data it took to get to each loss of `loss_history_`. Passes over a
        sample of the rows, or over some of the columns, are not counted.
    validation_loss_history_ : ndarray of shape (`n_iter_` + 1,)
        The mean cross-entropy on the validation set, without the penalty, under its sample weights
        and the classes' factors in training; only if there is a validation set.
    gap_ : float
        How far `loss_` is above the minimum at most; only with `gap_tol`.
    converged_ : bool
        Whether the weights, as they are stored, reach `tol` or `gap_tol`, or are as near to the
        minimum as floating point allows. False if early stopping keeps the weights of an earlier
        step.
    stop_reason_ : str
        Why the fit stopped: ``"tol"`` or ``"gap_tol"`` (reached), ``"precision"`` (the loss can
        fall no further at the precision of its numbers, or of the weights that are stored),
        ``"separation"`` (there is no minimum, with ``alpha=0`` or zeros in `penalty_factor`),
        ``"max_iter"``, ``"early_stopping"``, ``"callback"`` (one asked for it), ``"interrupted"``
        (by Ctrl-C) or ``"diverged"``.
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
    probabilities 1 / (1 + exp(z)) and 1 / (1 + exp(-z)), and the penalty is on that one row. At
    a constant rate it moves half as fast as the difference of a textbook's two columns of weights.

    The fit runs in as many threads as BLAS is allowed to use (``OMP_NUM_THREADS``,
    `threadpoolctl.threadpool_limits`), and gives the same bits with any number of them.

    References
    ----------
    .. [1] Bishop, C. M., Pattern Recognition and Machine Learning, Springer, 2006, section 4.3.4.
    .. [2] Böhning, D., "Multinomial logistic regression algorithm", Annals of the Institute of
       Statistical Mathematics 44, 1992. https://doi.org/10.1007/BF00048682
    .. [3] Nocedal, J. and Wright, S. J., Numerical Optimization, 2nd ed., Springer, 2006,
       chapter 7.
       https://doi.org/10.1007/978-0-387-40065-5
    .. [4] Andrew, G. and Gao, J., "Scalable training of L1-regularized log-linear models",
       ICML 2007.
       https://doi.org/10.1145/1273496.1273501

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

    An L1 penalty, and the features that are left:

    >>> from sklearn.preprocessing import scale
    >>> sparse = SoftmaxGDClassifier(alpha=0.05, l1_ratio=1.0).fit(scale(X), y)
    >>> int(sparse.coef_.any(axis=0).sum()), sparse.score(scale(X), y)
    (8, 0.97...)
    """

    # Where scikit-learn's HTML representation leads.
    _doc_link_module = "skl_softmax"
    _doc_link_template = (
        "https://skl-softmax.readthedocs.io/en/stable/generated/skl_softmax.{estimator_name}.html"
    )

    def __init__(
        self,
        *,
        learning_rate: str | float = "auto",
        alpha: float | str = 1e-4,
        l1_ratio: float = 0.0,
        penalty_factor: ArrayLike | None = None,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 1e-4,
        gap_tol: float | None = None,
        class_weight: dict[object, float] | str | None = None,
        early_stopping: bool = False,
        n_iter_no_change: int = 10,
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        warm_start: bool = False,
        store_coef_history: bool = False,
        verbose: int = 0,
    ) -> None:
        self.learning_rate = learning_rate
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.penalty_factor = penalty_factor
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol
        self.gap_tol = gap_tol
        self.class_weight = class_weight
        self.early_stopping = early_stopping
        self.n_iter_no_change = n_iter_no_change
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.warm_start = warm_start
        self.store_coef_history = store_coef_history
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = HAS_DEVICES
        # Through the origin, no linear model follows heavy class weights, as one check demands.
        tags.classifier_tags.poor_score = not self.fit_intercept
        return tags

    @with_callbacks
    def fit(
        self,
        X: MatrixLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        P: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the weights.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples. float32 and float64 are used as they are, in C or F order or as CSR; anything
            else is converted once, to float64 or CSR. CSR is fitted as an array where that takes
            at most 32 MB and has at most 1024 columns, or takes at most twice its memory. What is
            not in memory, memory-mapped or behind the interface of Zarr or HDF5, is read a few rows
            at a time; arrays of other libraries stay on their device, with scikit-learn's
            ``array_api_dispatch``. A feature whose deviations are below 1e-154 (in float32 1e-33)
            counts as constant, and its coefficients are zero: they would be out of range.
        y : array-like of shape (n_samples,)
            Class labels, two classes at least: integers, booleans, strings or NumPy's dates.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; only their ratios matter. None: all equal.
        P : array-like or data frame of shape (n_samples, n_classes), default=None
            Probabilities to fit instead of `y`, as `fit_proba` does: pipelines and searches hand
            them on, and split and score by `y`. The column names of a data frame are the classes.
        X_val : array-like or sparse matrix of shape (n_val, n_features), default=None
            A validation set: the loss on it is recorded at every step, and early stopping goes by
            it. ``Pipeline(…, transform_input=["X_val"])``, the default from scikit-learn 1.10 on,
            transforms it as it does `X`.
        y_val : array-like of shape (n_val,), default=None
            Its labels, none that is not in `y`; with `P`, labels or probabilities.
        sample_weight_val : array-like of shape (n_val,), default=None
            Its weights, as `sample_weight`.

        Returns
        -------
        self : SoftmaxGDClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            If a parameter or an input is not allowed; an earlier fit stays as it was.
        KeyboardInterrupt
            On Ctrl-C; if there was a first loss, the estimator is fitted up to the last step.

        Warns
        -----
        ConvergenceWarning
            If `max_iter` steps did not reach `tol` > 0, or `gap_tol`; if ``alpha=0`` and there are
            too many weights to decide whether there is a minimum; or if a constant learning rate
            let the loss rise, or diverge: then the last weights with a finite loss are kept.
        SeparationWarning
            If ``alpha=0`` and some or all samples can be told apart without an error, so that the
            loss has no minimum: a ConvergenceWarning too, which names the features. Unless
            ``tol=0``, the fit stops where that is found out. With ``alpha > 0``, if features whose
            `penalty_factor` is 0 tell them apart.
        """
        callbacks = Callbacks(self, X, y, sample_weight)
        given = FitInput(X, y, sample_weight, X_val, y_val, sample_weight_val).with_proba(P)
        return self._fit(given, callbacks)

    @with_callbacks
    def fit_proba(
        self,
        X: MatrixLike,
        P: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        classes: ArrayLike | None = None,
        X_val: MatrixLike | None = None,
        P_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Fit the weights to probabilities of the classes instead of labels.

        Such soft targets are the votes of several annotators, or what another model predicts. A
        sample counts as one of each class would, each weighted by its probability.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples.
        P : array-like of shape (n_samples, n_classes)
            The probability of each class: numbers >= 0, a sum of one in each row.
        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights, of which only the ratios matter. None: all equal.
        classes : array-like of shape (n_classes,), default=None
            The label of each column of `P`; `classes_` has them sorted. None: the names of a data
            frame's columns, else 0, 1, 2, …
        X_val, P_val, sample_weight_val : as `X`, `P` and `sample_weight`, default=None
            A validation set. Without one, early stopping holds out samples at random, whatever
            their classes.

        Returns
        -------
        self : SoftmaxGDClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError, KeyboardInterrupt
            In the cases that `fit` lists.

        Warns
        -----
        ConvergenceWarning, SeparationWarning
            In the cases that `fit` lists.

        Examples
        --------
        >>> from skl_softmax import SoftmaxGDClassifier
        >>> X, votes = [[0.0], [1.0], [2.0]], [[1.0, 0.0], [0.5, 0.5], [0.0, 1.0]]
        >>> classifier = SoftmaxGDClassifier().fit_proba(X, votes, classes=["cat", "dog"])
        >>> classifier.predict([[0.4], [1.6]])
        array(['cat', 'dog'], dtype='<U3')
        """
        callbacks = Callbacks(self, X, None, sample_weight)  # no scorer takes P for labels
        given = FitInput(
            X, P, sample_weight, X_val, P_val, sample_weight_val, is_proba=True, classes=classes
        )
        return self._fit(given, callbacks)

    def _fit(self, given: FitInput, callbacks: Callbacks) -> Self:
        """Fit a copy, and take over its attributes at once.

        Until then, and if this fit fails, an earlier fit stays: other threads predict with it.
        """
        fitted = type(self).__new__(type(self))
        fitted.__dict__ = unfitted(self)
        callbacks.describe(fitted)
        parameters = check_parameters(self)
        # Measuring the scale of what is fitted sees the numbers in it that are not finite.
        is_measured = parameters.measures_scale and not parameters.early_stopping
        classes, train, held_out = fitted._check_samples(given, all_finite=not is_measured)
        before = self._model() if self.warm_start and hasattr(self, "coef_") else None
        coef, intercept = start_weights(before, classes, train.X.shape[1])
        fitted.classes_ = labels_there(classes, given.y, train.X)
        fitted.class_prior_ = there(train.X, class_shares(train, len(classes)))
        parameters = fitted_to(train, parameters, fitted)
        task = Task.of(parameters, train, len(coef))
        with Workers() as workers, np.errstate(all="ignore"):
            problem, descent = plan(parameters, task, workers, coef, intercept)
            validation_loss = held_out and task.cross_entropy(*held_out[:3], workers)
            run = follow(parameters, problem, descent, validation_loss, callbacks)
            fitted.__dict__.update(run.attributes(task.X))
            try:
                names = getattr(fitted, "feature_names_in_", None)
                warning = outcome(parameters, run, task, workers, names)
            except KeyboardInterrupt:  # what is fitted, is
                warning, fitted.stop_reason_ = None, "interrupted"
            if isinstance(warning, SeparationWarning):
                fitted.converged_, fitted.stop_reason_ = False, "separation"
            fitted.n_passes_ = problem.n_passes
        callbacks.end()
        self.__dict__ = {**vars(fitted), **unfitted(self)}
        if self.stop_reason_ == "interrupted":
            raise KeyboardInterrupt
        if warning is not None:
            warnings.warn(warning, stacklevel=4)
        return self

    def _check_samples(self, given: FitInput, *, all_finite: bool) -> Checked:
        """See `check_samples`."""
        return check_samples(self, given, all_finite=all_finite)
