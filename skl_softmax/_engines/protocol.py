"""The protocol `Sums`: all that an objective F needs of its samples. The rest of F needs no data.

Three engines implement the protocol: `RowSums` for rows in memory or on disk, `ClusterSums` for
chunks on a cluster, where `RowSums` sums over each chunk, and `DeviceSums` for other devices.

This module knows nothing of penalties, steps or estimators, and validates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, Self, TypeAlias

import numpy as np
from scipy import sparse

from skl_softmax._arrays import Array, Matrix
from skl_softmax._engines.negligible_rows import SPARED_SAMPLES, few_of
from skl_softmax._engines.rows import Moments

MANY_SAMPLES = 2**22  # samples: up to so many, a random permutation of all takes at most 32 MiB
KEEP_ALL = -1.0  # a mean curvature lower than the curvature of any row: no row is left out
QUARTILE_ROWS = 63  # rows: enough to estimate the quartiles of a column
LEAD_ROUNDING = 8.0  # machine epsilons, times the sum of abs(coef * x): what rounding may add

# Labels or weights: an ndarray, `Derived` or None; each engine knows which of these it is given.
Given: TypeAlias = Any


class Samples(NamedTuple):
    """Samples, their labels and their weights.

    Attributes
    ----------
    X : ndarray, CSR, `OnDisk`, `OnDevice` or `OnCluster` (n_samples, n_features)
    y : ndarray or `Derived`
        Codes of the classes (n_samples,), or probabilities of the classes (n_samples, n_classes).
        None on a cluster, where each chunk has its own labels.
    weights : ndarray or `Derived` (n_samples,)
        They sum to one. None on a cluster, where each chunk has its own weights.
    unit : float
        What a weight of one here was in a fit's input, class weights included. As weights sum to
        one, it is the total weight of the samples.
    class_shares : ndarray (n_classes,) or None
        The share of each class in the weight of all samples; known on a cluster, None elsewhere.
    """

    X: Matrix
    y: Given
    weights: Given
    unit: float = 1.0
    class_shares: Array | None = None


class Frame(NamedTuple):
    """Coordinates x~ = (x - center) * inverse_scale; with an intercept, a 1 is appended to x~.

    Attributes
    ----------
    center, inverse_scale : ndarray (n_features,)
    fit_intercept : bool
        Whether x~ ends with a 1.
    has_outliers : bool
        Whether some entries of x~ are so large that rows with very little curvature matter too.
    """

    center: Array
    inverse_scale: Array
    fit_intercept: bool
    has_outliers: bool = False

    @property
    def n_dof(self) -> int:
        """The number of entries of x~."""
        return len(self.center) + self.fit_intercept


class Sums(Protocol):
    """What an objective must know of its samples.

    A model has `coef` (n_outputs, n_features) and `intercept` (n_outputs,), in the units of X.
    In the formulas, s is the weight of a sample (all weights sum to one), p the vector of its
    predicted probabilities and x~ its features in the coordinates of a `Frame`.

    Attributes
    ----------
    n_samples, n_features, n_outputs : int
    dtype : dtype
        The type of numbers that the sums are computed in, at least.
    is_sparse : bool
        Whether X is sparse. Products of features then need some rows at a time to be made dense.
    density : float
        The share of the entries of X that are stored: 1 if X is dense.
    may_copy : bool
        Whether columns of X may be copied: not if X may be larger than memory.
    n_passes : int
        The number of passes over all samples so far.
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
        """The sums of s and of s² over the samples of each class, (2, n_classes).

        A sample with a probability for each class counts for each class by the probability.
        """

    def loss_and_gradient(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The mean cross-entropy, its gradient for coef and its gradient for intercept."""

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """The mean cross-entropy, without its gradient."""

    def moments(self, together: bool) -> Moments:
        """The weighted means of the columns, and their variances or (if together) covariances."""

    def few_rows(self) -> Array | None:
        """A few rows at equal distances, (rows, n_features) of float64; None if X is sparse."""

    def squares(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sums of s p (1 - p) x~², (n_outputs, n_dof): the diagonal of the Hessian."""

    def shared_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sum of s c x~ x~ᵀ, (n_dof, n_dof): one Hessian block for all classes.

        c = (1 - sum_k p_k²) / (n_classes - 1) is the mean curvature of the softmax over the
        directions that sum to zero.
        """

    def class_grams(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sums of s p (1 - p) x~ x~ᵀ: per-class Hessian blocks (n_outputs, n_dof, n_dof)."""

    def full_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The Hessian for all classes but the last, (n_free, n_free) in C order.

        n_free = (n_classes - 1) * n_dof. With m = (p_1 x~, …, p_K-1 x~), the Hessian is the sum of
        s (blockdiag_k(p_k x~ x~ᵀ) - m mᵀ).
        """

    def free_gram(
        self, coef: Array, intercept: Array, frame: Frame, dofs: Sequence[Array]
    ) -> Array:
        """The Hessian for some coordinates of each class, (n_free, n_free).

        dofs : for each class, the indices of its coordinates in x~; n_free is their number
        """

    def gram_times(self, vector: Array, frame: Frame) -> Array:
        """The sum of s x~ x~ᵀ times a vector (n_dof,)."""

    def score_gram(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The sum of g gᵀ over the samples, (n_free, n_free) in C order.

        The score g of a sample is its part of the gradient, s (p - y) x~ᵀ, for all classes but the
        last or, of two classes, for the second: n_free = max(1, n_classes - 1) * n_dof.
        """

    def group_scores(
        self, coef: Array, intercept: Array, frame: Frame, groups: Array, n_groups: int
    ) -> Array:
        """The sums of the scores g over the samples of each group, (n_groups, n_free).

        groups : the group of each sample, (n_samples,) of integers; samples with -1 are left out
        """

    def separates(self, coef: Array, intercept: Array) -> bool:
        """Whether the class of each sample has the largest logit, by more than rounding.

        Samples with weight zero do not count.
        """

    def least_sure(self, coef: Array, intercept: Array, n_samples: int) -> tuple[Array, Array]:
        """The samples whose own class has the smallest lead over the other classes.

        A lead is a difference of logits, and may be negative. Returns the rows (n_samples,
        n_features) of float64, and the classes of each row (n_samples, n_classes) of bool. Samples
        with weight zero do not count.
        """

    def largest_difference(self, coef: Array, intercept: Array) -> float:
        """The largest difference between two logits of a sample; of a single logit, to zero."""

    def ordinary(self, frame: Frame, limit: float) -> tuple[Array, Array]:
        """Which rows have no abs(x~) above the limit, (n_samples,) of bool; and the weights s."""

    def take(self, rows: Array) -> Self:
        """Copy some rows, given as sorted indices, and return the sums over the copy.

        Returns itself if the chosen rows have no weight.
        """

    def sample(self, n_samples: int) -> Self:
        """Copy a random sample of the rows, the same one at each call; see `take`."""

    def columns(self, features: Array) -> Self:
        """Copy some columns, (n_features,) of bool, and return the sums over the copy."""


class Subsampled(Protocol):
    """The part of `Sums` that all engines share: random samples, and the mean curvature."""

    n_samples: int
    n_outputs: int
    _few: Subsampled | None = None  # of many samples, those that estimate the mean curvature

    def take(self, rows: Array) -> Self:
        """See `Sums.take`."""

    def curvature(self, coef: Array, intercept: Array) -> Array:
        """The sums of s p (1 - p), (n_outputs,); not counted as a pass."""

    def sample(self, n_samples: int) -> Self:
        """See `Sums.sample`."""
        return self.take(choose(self.n_samples, n_samples))

    def mean_curvature(self, coef: Array, intercept: Array, frame: Frame) -> Array:
        """The mean curvature p (1 - p), (n_outputs,), of all samples or, of many, of a few.

        Gram matrices leave out the rows whose curvature is negligible beside the mean. With
        outliers no row may be left out, and of few samples none need be: the mean is then
        `KEEP_ALL`.
        """
        if frame.has_outliers or self.n_samples <= SPARED_SAMPLES:
            return np.full(self.n_outputs, KEEP_ALL)
        chosen = few_of(self.n_samples)
        if chosen is None:
            return self.curvature(coef, intercept)
        if self._few is None:
            self._few = self.take(chosen)
        return self._few.curvature(coef, intercept)


def choose(n_samples: int, n_chosen: int) -> Array:
    """The sorted indices of a random sample, the same one at each call: (n_chosen,).

    Beyond `MANY_SAMPLES` an index may be drawn twice; it is then returned once.
    """
    rng = np.random.default_rng(0)
    if n_samples > MANY_SAMPLES:  # a permutation would take too much memory
        return np.unique(rng.integers(n_samples, size=n_chosen))
    chosen = rng.choice(n_samples, n_chosen, replace=False)
    chosen.sort()
    return chosen


def at_equal_distances(n_samples: int) -> Array:
    """The indices of about `QUARTILE_ROWS` samples at equal distances."""
    step = max(1, -(-n_samples // QUARTILE_ROWS))
    return np.arange(n_samples // (2 * QUARTILE_ROWS), n_samples, step)


def first_few(n_samples: int, leads: Array, X: Array, own: Array) -> tuple[Array, Array]:
    """The rows of X and own that have the smallest leads (rows,); the first ones among ties."""
    chosen = np.argsort(leads, kind="stable")[:n_samples]
    return X[chosen], own[chosen]


def add_to_groups(total: Array, scores: Array, groups: Array) -> None:
    """Add scores (rows, n_free) to the totals (n_groups, n_free) of their groups, in place.

    groups : (rows,) of integers; rows with -1 are left out
    """
    kept = np.flatnonzero(groups >= 0)
    is_in_group = sparse.csr_array(
        (np.ones(len(kept)), (groups[kept], kept)), shape=(len(total), len(groups))
    )
    total += is_in_group @ scores


def rarest(sums: Sums) -> float:
    """The number of samples of the rarest class: Kish's effective number, where weights differ.

    Classes without weight do not count.

    References
    ----------
    L. Kish, Survey Sampling, Wiley, 1965, section 11.7.
    """
    weights, squares = sums.class_weights()
    counted = squares > 0.0
    return float((weights[counted] ** 2 / squares[counted]).min(initial=np.inf))


def of_all_classes(numbers: Array, total: float) -> Array:
    """One number for each class, (n_classes,), from (n_outputs,) numbers that sum to the total.

    Two classes have one output, of the second class: the first class has what is left.
    """
    return np.array([total - numbers[0], numbers[0]]) if len(numbers) == 1 else numbers
