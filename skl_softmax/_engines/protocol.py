"""What is summed over the samples: losses, gradients, curvature. The rest of F needs no data.

The objective knows no more of its samples than `Sums` says. Three engines make them: rows in one
process's reach, in memory or on disk; a cluster, whose sums are sums of those; and other devices.

Knows nothing of penalties, steps or estimators; validates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.negligible_rows import few_of
from skl_softmax._engines.rows import Moments

MANY_SAMPLES = 2**22  # samples: up to so many, a random permutation of all takes at most 32 MiB
KEEP_ALL = -1.0  # a mean curvature lower than the curvature of any row: no row is left out
QUARTILE_ROWS = 63  # rows: enough to estimate the quartiles of a column


LEAD_ROUNDING = 8.0  # machine epsilons, times the sum of abs(coef * x): what rounding may add


# Labels or weights: an ndarray, `Derived` or None; each engine knows which of these it is given.
Given: TypeAlias = Any


class Samples(NamedTuple):
    """Samples, and what is known of them.

    Attributes
    ----------
    X : ndarray, CSR, `OnDisk`, `OnDevice` or `OnCluster` (n_samples, n_features)
    y : ndarray or `Derived`
        Codes of their classes (n_samples,), or probabilities of those (n_samples, n_classes);
        None on a cluster, where each chunk has its own.
    weights : ndarray or `Derived` (n_samples,)
        None on a cluster.
    """

    X: Matrix
    y: Given
    weights: Given


class Frame(NamedTuple):
    """Coordinates of the features: x~ = (x - center) * inverse_scale, and a last one if need be.

    Attributes
    ----------
    center, inverse_scale : ndarray (n_features,)
    fit_intercept : bool
        Whether x~ ends with a one.
    has_outliers : bool
        Whether some numbers of x~ are giants: then rows of hardly any curvature matter too.
    """

    center: Array
    inverse_scale: Array
    fit_intercept: bool
    has_outliers: bool = False

    @property
    def n_dof(self) -> int:
        """How many numbers x~ has."""
        return len(self.center) + self.fit_intercept


class Sums(Protocol):
    """What an objective must know of its samples.

    Weights of a model are `coef` (n_outputs, n_features) and `intercept` (n_outputs,), in the
    data's own units; s are the samples' weights, which sum to one, p the probabilities of each.

    Attributes
    ----------
    n_samples, n_features, n_outputs : int
    dtype : dtype
        What is computed in.
    is_sparse : bool
        Whether X is: then products of features take rows to be made dense, a few at a time.
    density : float
        The share of X's entries that take time in a pass: 1 if X is dense.
    may_copy : bool
        Whether some of X's columns may be copied.
    n_passes : int
        Passes over all samples so far.
    """

    n_samples: int
    n_features: int
    n_outputs: int
    dtype: np.dtype
    is_sparse: bool
    may_copy: bool

    @property
    def density(self) -> float: ...

    @property
    def n_passes(self) -> int: ...

    def class_weights(self) -> Array:
        """The sums of s, and of s², over the samples of each class, (2, n_classes).

        A sample with probabilities of several classes counts for each by its probability.
        """

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The mean cross-entropy, and its gradients: as coef, and as intercept."""

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """The mean cross-entropy alone."""

    def moments(self, together: bool) -> Moments:
        """The columns' means, and variances or (if together) covariances, under s."""

    def few_rows(self) -> Array | None:
        """A few rows at equal distances, (rows, n_features) of float64; None of sparse X."""

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sums of s p (1 - p) x~², (n_outputs, n_dof): the Hessian's diagonal."""

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sum of s c x~ x~ᵀ, (n_dof, n_dof).

        c is the mean curvature of the softmax over the directions that sum to zero,
        (1 - sum_k p_k²) / (n_classes - 1).
        """

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sums of s p (1 - p) x~ x~ᵀ, (n_outputs, n_dof, n_dof)."""

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The Hessian for all classes but the last, (n_free, n_free) in C order.

        With m = (p_1 x~, …, p_K-1 x~), the sum of s (blockdiag_k(p_k x~ x~ᵀ) - m mᵀ).
        """

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """The Hessian for some of each class's coordinates, given as indices into x~."""

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """The sum of s x~ x~ᵀ times a vector (n_dof,)."""

    def separates(self, coef: Array, intercept: Array) -> bool:
        """Whether each sample's own class has the largest logit, by more than rounding.

        Samples of weight zero aside.
        """

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """The samples whose own class leads by least, or trails by most, and their classes.

        Rows (samples, n_features) of float64, and which classes they have, (samples, n_classes) of
        bool. Samples of weight zero aside.
        """

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """The largest difference between two logits of a sample; of one, to zero."""

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """Which rows have no x~ beyond the limit, (n_samples,) of bool; and the weights s."""

    def take(self, rows: Array) -> Self:
        """The sums over some rows, as sorted indices, copied; itself if these weigh nothing."""

    def sample(self, n_samples: int) -> Self:
        """The sums over a random sample, always the same one, copied."""

    def columns(self, features: Array) -> Self:
        """The sums over some of the columns, (n_features,) of bool, copied."""


class Subsampled(Protocol):
    """What all engines do alike: random samples, and the mean curvature that a few rows tell."""

    n_samples: int
    n_outputs: int
    _few: Subsampled | None = None  # the samples that tell the mean curvature, if these are not all

    def take(self, rows: Array) -> Self:
        """See `Sums.take`."""

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """The sums of s p (1 - p), (n_outputs,); not counted as a pass."""

    def sample(self, n_samples: int) -> Self:
        """See `Sums.sample`; itself, if the rows chosen have no weight."""
        return self.take(choose(self.n_samples, n_samples))

    def mean_curvature(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The mean of p (1 - p) over all samples or, of many, over some; (n_outputs,).

        Gram matrices leave out rows of hardly any curvature beside it; with outliers none.
        """
        if frame.has_outliers:
            return np.full(self.n_outputs, KEEP_ALL)
        chosen = few_of(self.n_samples)
        if chosen is None:
            return self.curvature(coef, intercept)
        if self._few is None:
            self._few = self.take(chosen)
        return self._few.curvature(coef, intercept)


def choose(n_samples: int, n_chosen: int) -> Array:
    """Some of the samples at random, always the same ones: their indices, sorted.

    Of very many, some may be chosen twice, and are then taken once.
    """
    rng = np.random.default_rng(0)
    if n_samples > MANY_SAMPLES:  # of which no permutation should be made
        return np.unique(rng.integers(n_samples, size=n_chosen))
    chosen = rng.choice(n_samples, n_chosen, replace=False)
    chosen.sort()
    return chosen


def at_equal_distances(n_samples: int) -> Array:
    """The indices of a few of the samples."""
    return np.arange(
        n_samples // (2 * QUARTILE_ROWS), n_samples, max(1, -(-n_samples // QUARTILE_ROWS))
    )


def first_few(n_samples: int, leads: Array, X: Array, own: Array) -> tuple[Array, Array]:
    """The rows of X and own with the least leads (samples,), of equal ones the first."""
    chosen = np.argsort(leads, kind="stable")[:n_samples]
    return X[chosen], own[chosen]


def rarest(sums: Sums) -> float:
    """How many samples the rarest class has: the effective number, where weights differ.

    Classes without any weight aside.

    References
    ----------
    L. Kish, Survey Sampling, Wiley, 1965, section 11.7.
    """
    weights, squares = sums.class_weights()
    counted = squares > 0.0
    return float((weights[counted] ** 2 / squares[counted]).min(initial=np.inf))


def of_all_classes(numbers: Array, total: float) -> Array:
    """Numbers that sum to the total, (n_classes,), from (n_outputs,): two classes have one."""
    return np.array([total - numbers[0], numbers[0]]) if len(numbers) == 1 else numbers
