"""`CoefficientTable`: estimates and their covariance, as numbers, text and pictures."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import chdtrc, expit, ndtr, ndtri

from skl_softmax._arrays import Array, Matrix
from skl_softmax._model import UncertainModel
from skl_softmax._plot.forest import ForestDisplay
from skl_softmax._plot.source import Trained

if TYPE_CHECKING:
    import pandas as pd

INTERCEPT = "intercept"  # the name of the last term, as in Stata's tables
MOST_LINES = 60  # lines of a table that are printed
COLUMNS = "estimate", "std_error", "z", "p_value", "lower", "upper", "odds_ratio"


class ModelTest(NamedTuple):
    """A test between nested models.

    Attributes
    ----------
    statistic : float
        Chi-square distributed with `df` degrees of freedom, if the smaller model is true.
    df : int
        The number of parameters that the smaller model lacks.
    p_value : float
        The probability of a statistic at least as large, if the smaller model is true.
    kind : str
        ``"likelihood ratio"`` or ``"Wald"``.
    """

    statistic: float
    df: int
    p_value: float
    kind: str


class ProbaInterval(NamedTuple):
    """Predicted probabilities with their uncertainty.

    Attributes
    ----------
    proba, std_error, lower, upper : ndarray of shape (n_samples, n_classes)
        The probabilities, with columns in the order of `classes_`, their standard errors, and the
        bounds of their intervals.
    """

    proba: Array
    std_error: Array
    lower: Array
    upper: Array


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CoefficientTable:
    """Estimates of a softmax regression with standard errors, tests and confidence intervals.

    `coefficient_table` makes it. Printed, it is text; where a notebook's cell ends with it, HTML.

    Attributes
    ----------
    classes : ndarray of shape (n_rows,)
        The class of each row: all classes but the reference, or all without a reference.
    reference : object
        The class that the others are compared with; None: each class is compared with the
        geometric mean of all, and the rows of `estimate` sum to zero.
    terms : list of str of shape (n_terms,)
        The names of the features, then ``"intercept"`` if one was fitted.
    estimate : ndarray of shape (n_rows, n_terms)
        The estimates of maximum likelihood, in log-odds for each unit of the feature.
    covariance : ndarray of shape (n_rows * n_terms, n_rows * n_terms)
        Their covariance, in the order of ``estimate.ravel()``. Without a reference it is singular.
    covariance_type : {"model", "robust", "cluster"}
        How the covariance was computed.
    level : float
        The confidence of the intervals.
    n_samples : float
        The sum of the samples' weights: their number, if no weights were given.
    class_weights : ndarray of shape (n_classes,)
        The sum of the weights of each class, in the order of `classes_`.
    n_parameters : int
        (n_classes - 1) * n_terms: the number of free parameters.
    log_likelihood, null_log_likelihood : float
        Of these estimates, and of a model without features. With weights that are not frequencies
        they are pseudo-likelihoods, which scale as the weights do.
    null_test : ModelTest
        The test of all features together: with the covariance ``"model"`` the likelihood-ratio
        test, else the Wald test.

    See Also
    --------
    coefficient_table : Computes it.
    ForestDisplay : Draws it.
    """

    classes: Array
    reference: object
    terms: list[str]
    estimate: Array
    covariance: Array
    covariance_type: str
    level: float
    n_samples: float
    class_weights: Array
    n_parameters: int
    log_likelihood: float
    null_log_likelihood: float
    null_test: ModelTest
    _trained: Trained
    _model: UncertainModel

    @property
    def std_error(self) -> Array:
        """The standard errors, (n_rows, n_terms)."""
        return np.sqrt(self.covariance.diagonal()).reshape(self.estimate.shape)

    @property
    def z(self) -> Array:
        """The estimates in standard errors, (n_rows, n_terms): Wald's test that one is zero."""
        return np.asarray(self.estimate / self.std_error)

    @property
    def p_value(self) -> Array:
        """The probability of a larger abs(z), (n_rows, n_terms), if the coefficient is zero."""
        return np.asarray(2.0 * ndtr(-np.abs(self.z)))

    @property
    def lower(self) -> Array:
        """The lower bounds of the confidence intervals, (n_rows, n_terms)."""
        return np.asarray(self.estimate - self._quantile * self.std_error)

    @property
    def upper(self) -> Array:
        """The upper bounds of the confidence intervals, (n_rows, n_terms)."""
        return np.asarray(self.estimate + self._quantile * self.std_error)

    @property
    def odds_ratio(self) -> Array:
        """exp(estimate), (n_rows, n_terms): what a unit more of the feature multiplies odds by.

        The odds are of the row's class against the reference, or the geometric mean of all classes.
        """
        return np.asarray(np.exp(self.estimate))

    @property
    def aic(self) -> float:
        """Akaike's information criterion: 2 n_parameters - 2 log_likelihood."""
        return 2.0 * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def bic(self) -> float:
        """Schwarz's information criterion: log(n_samples) n_parameters - 2 log_likelihood."""
        return float(np.log(self.n_samples)) * self.n_parameters - 2.0 * self.log_likelihood

    @property
    def mcfadden_r2(self) -> float:
        """McFadden's R²: 1 - log_likelihood / null_log_likelihood."""
        return 1.0 - self.log_likelihood / self.null_log_likelihood

    @property
    def _quantile(self) -> float:
        """How many standard errors an interval reaches to each side."""
        return float(ndtri(0.5 + 0.5 * self.level))

    def compare(self, other: CoefficientTable) -> ModelTest:
        """Test a model against one that it is nested in, or that is nested in it.

        Parameters
        ----------
        other : CoefficientTable
            Of a fit to the same samples with some of the features left out, or more added.

        Returns
        -------
        test : ModelTest
            The likelihood-ratio test: twice the difference of the log-likelihoods.

        Raises
        ------
        TypeError
            If `other` is not a table.
        ValueError
            If the covariance of one is not ``"model"`` (a ratio of pseudo-likelihoods has another
            distribution), if the samples differ, or if no model is nested in the other.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifier, coefficient_table
        >>> X, y = load_iris(return_X_y=True, as_frame=True)
        >>> y, few = y == 2, X.iloc[:, 2:]  # virginica or not, by the petals alone
        >>> classifier = SoftmaxGDClassifier(alpha=0)
        >>> table = coefficient_table(classifier.fit(X, y), X, y)
        >>> test = table.compare(coefficient_table(classifier.fit(few, y), few, y))
        >>> round(test.statistic, 2), test.df, round(test.p_value, 4)
        (8.66, 2, 0.0131)
        """
        if not isinstance(other, CoefficientTable):
            raise TypeError(f"other must be a CoefficientTable, got {type(other).__name__}.")
        if {self.covariance_type, other.covariance_type} != {"model"}:
            raise ValueError(
                "A likelihood-ratio test needs tables with covariance='model': for others the"
                " statistic has no chi-square distribution."
            )
        small, large = sorted((self, other), key=lambda table: table.n_parameters)
        labels = [each._trained.classifier.classes_.tolist() for each in (self, other)]
        is_same = labels[0] == labels[1]
        if not (is_same and np.allclose(self.class_weights, other.class_weights, rtol=1e-9)):
            raise ValueError(
                f"The tables are of different samples: classes {labels[0]} and {labels[1]} weigh"
                f" {self.class_weights.tolist()} and {other.class_weights.tolist()}."
            )
        df = large.n_parameters - small.n_parameters
        if df == 0:
            raise ValueError(
                f"No model is nested in the other: both have {self.n_parameters} parameters."
            )
        has_names = all(each._trained.feature_names() is not None for each in (small, large))
        extra = sorted(set(small.terms) - set(large.terms)) if has_names else []
        statistic = 2.0 * (large.log_likelihood - small.log_likelihood)
        if extra or statistic < -1e-9 * abs(large.log_likelihood):
            what = f"the terms {extra}" if extra else "the larger likelihood"
            raise ValueError(f"No model is nested in the other: the smaller one alone has {what}.")
        return likelihood_ratio(statistic, df)

    def predict_interval(self, X: ArrayLike | Matrix, level: float | None = None) -> ProbaInterval:
        """Return predicted probabilities with standard errors and confidence intervals.

        The standard errors come from the covariance by the delta method. The intervals are
        symmetric around the log-odds of a class against all others, so they stay within 0 and 1.
        Rows are read in blocks; beside the four results little memory is needed.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Samples, as the estimator predicts them. Arrays on other devices are copied to NumPy.
        level : float, default=None
            The confidence of the intervals. None: that of the table.

        Returns
        -------
        interval : ProbaInterval
            `proba`, `std_error`, `lower` and `upper`, each of shape (n_samples, n_classes).

        Raises
        ------
        ValueError
            If X has other features than in `fit` or a number that is not finite, or `level` is not
            between 0 and 1.

        References
        ----------
        A. Agresti, Categorical Data Analysis, 3rd ed., Wiley, 2013, section 16.1.

        Examples
        --------
        >>> from sklearn.datasets import load_iris
        >>> from skl_softmax import SoftmaxGDClassifier, coefficient_table
        >>> X, y = load_iris(return_X_y=True)
        >>> table = coefficient_table(SoftmaxGDClassifier(alpha=0).fit(X, y == 2), X, y == 2)
        >>> interval = table.predict_interval(X[[77]])
        >>> interval.proba[:, 1].round(3), interval.std_error[:, 1].round(3)
        (array([0.276]), array([0.283]))
        >>> interval.lower[:, 1].round(3), interval.upper[:, 1].round(3)
        (array([0.023]), array([0.859]))
        """
        level = self.level if level is None else check_level(level)
        center, errors = self._model.predict_log_odds(self._trained.transform(X))
        reach = ndtri(0.5 + 0.5 * level) * errors
        proba = expit(center)
        std_error = proba * expit(-center) * errors  # 1 - p would lose the digits of small odds
        return ProbaInterval(proba, std_error, expit(center - reach), expit(center + reach))

    def plot(self, **options: Any) -> ForestDisplay:
        """Draw the estimates and their intervals as a forest plot.

        Parameters
        ----------
        **options
            Those of `ForestDisplay.from_table`.

        Returns
        -------
        display : ForestDisplay
            The display, drawn.
        """
        return ForestDisplay.from_table(self, **options)

    def to_pandas(self) -> pd.DataFrame:
        """Return the table as a data frame.

        Returns
        -------
        frame : pandas.DataFrame of shape (n_rows * n_terms, 7)
            The columns are `estimate`, `std_error`, `z`, `p_value`, `lower`, `upper` and
            `odds_ratio`; the index has the class and the term.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError("to_pandas needs pandas: python -m pip install pandas") from error
        index = pd.MultiIndex.from_product([self.classes, self.terms], names=["class", "term"])
        return pd.DataFrame({name: getattr(self, name).ravel() for name in COLUMNS}, index=index)

    def __str__(self) -> str:
        heads, *lines = self._cells()
        widths = [max(map(len, column)) for column in zip(heads, *lines, strict=True)]
        left = [f"{{:<{widths[0]}}}", f"{{:<{widths[1]}}}"]
        form = "  ".join(left + [f"{{:>{width}}}" for width in widths[2:]])
        rows = [form.format(*cells).rstrip() for cells in (heads, *lines)]
        return "\n".join([*self._summary(), "", *rows, *self._rest()])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """The table in HTML, which notebooks show."""
        heads, *lines = self._cells()
        head = "".join(f"<th>{escape(cell)}</th>" for cell in heads)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"
            for cells in lines
        )
        caption = "<br>".join(map(escape, self._summary()))
        rest = "".join(f"<p>{escape(line)}</p>" for line in self._rest())
        return (
            f'<table><caption style="text-align: left">{caption}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>{rest}"
        )

    def _summary(self) -> list[str]:
        """What stands above the table, a line each."""
        n_classes = len(self.class_weights)
        against = "the mean of all" if self.reference is None else f"class {self.reference}"
        of_what = "log-likelihood" if self.covariance_type == "model" else "log pseudo-likelihood"
        test = self.null_test
        return [
            f"Softmax regression of {self.n_samples:.10g} samples in {n_classes} classes, against"
            f" {against}; covariance: {self.covariance_type}",
            f"{of_what} {self.log_likelihood:.4f}, without features"
            f" {self.null_log_likelihood:.4f}; McFadden's R² {self.mcfadden_r2:.4f};"
            f" AIC {self.aic:.2f}, BIC {self.bic:.2f}",
            f"{test.kind} test of all features: chi2({test.df}) = {test.statistic:.2f},"
            f" p = {test.p_value:.3g}",
        ]

    def _cells(self) -> Iterator[tuple[str, ...]]:
        """The cells of the table's head and then of each line, as text."""
        percent = f"{100.0 * self.level:g}%"
        bounds = f"{percent} lower", f"{percent} upper"
        yield "class", "term", *COLUMNS[:4], *bounds, COLUMNS[6]
        columns = [getattr(self, name) for name in COLUMNS]
        for row, term in islice(np.ndindex(self.estimate.shape), MOST_LINES):
            estimate, error, z, p, lower, upper, ratio = (column[row, term] for column in columns)
            yield (
                str(self.classes[row]),
                self.terms[term],
                *(f"{number:.4g}" for number in (estimate, error)),
                f"{z:.2f}",
                f"{p:.3g}",
                *(f"{number:.4g}" for number in (lower, upper, ratio)),
            )

    def _rest(self) -> list[str]:
        """What is said below a table that is not shown to its end."""
        n_more = self.estimate.size - MOST_LINES
        return [f"… and {n_more} more lines: to_pandas() has all."] if n_more > 0 else []


def check_level(level: float) -> float:
    """Return the confidence of intervals, if it is a number between 0 and 1."""
    if not isinstance(level, Real) or not 0.0 < level < 1.0:
        raise ValueError(f"level must be a number between 0 and 1, got {level!r}.")
    return float(level)


def likelihood_ratio(statistic: float, df: int) -> ModelTest:
    """The likelihood-ratio test with this statistic, which rounding may have made negative."""
    statistic = max(0.0, statistic)
    return ModelTest(statistic, df, float(chdtrc(df, statistic)), "likelihood ratio")
