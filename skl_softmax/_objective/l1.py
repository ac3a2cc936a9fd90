r"""The objective with an L1 penalty: a smooth function, and kinks where coefficients are zero.

.. math::

    F(W, b) + \sum_{kj} \lambda_j \lvert w_{kj} \rvert

A gradient is always that of F, the smooth part. What decides is the pseudo-gradient, the
subgradient of least norm: zero at the minimum, and elsewhere its negative leads down steepest.

Knows nothing of steps or estimators; validates nothing.
"""

from __future__ import annotations

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._objective.smooth import SoftmaxObjective

LEAST_CHOSEN = 100  # features of a part, at least: a smaller part is not worth its copy
LEAST_VIOLATION = 0.1  # share of the largest violation: features that have less can wait


class L1Objective:
    """A `SoftmaxObjective` and the strength of its L1 penalty.

    Parameters
    ----------
    smooth : SoftmaxObjective
    l1 : ndarray (n_dof,)
        What an absolute value of the params costs; zero for the intercept.
    """

    gradient_max: None = None  # params are NumPy's, and their gradients cost nothing to look at

    def __init__(self, smooth: SoftmaxObjective, l1: Array) -> None:
        self.smooth, self.l1 = smooth, l1
        self.shape, self.precision = smooth.shape, smooth.precision
        self.coef, self.params = smooth.coef, smooth.params
        self.is_penalized = l1 > 0.0
        n_classes = self.shape[0]
        below = np.arange(n_classes + 1.0)[:, np.newaxis]
        l2 = np.maximum(smooth.penalty, np.finfo(float).tiny)
        self._to_places = (n_classes - 2.0 * below) * (l1 / (n_classes * l2))
        # A pseudo-gradient, after its arguments: it is asked for several times in a step.
        self._known: tuple[Array | None, Array | None, Array] = (None, None, l1)

    def value_and_gradient(self, params: Array) -> tuple[float, Array]:
        """The value, and the gradient of the smooth part."""
        value, gradient = self.smooth.value_and_gradient(params)
        return value + self._l1_on(params), gradient

    def penalty_on(self, params: Array) -> float:
        """The penalty's part of the value."""
        return self.smooth.penalty_on(params) + self._l1_on(params)

    def largest_difference(self, params: Array) -> float:
        """See `SoftmaxObjective.largest_difference`."""
        return self.smooth.largest_difference(params)

    def _l1_on(self, params: Array) -> float:
        return float(np.abs(params).sum(axis=0) @ self.l1)

    def shrunk(self, params: Array, step: float) -> Array:
        """Where ``step * l1`` takes params: nearer to zero, or onto it (soft thresholding)."""
        reach = step * self.l1
        return np.asarray(np.maximum(params - reach, 0.0) + np.minimum(params + reach, 0.0))

    def pseudo_gradient(self, params: Array, gradient: Array) -> Array:
        """The subgradient of least norm, in the shape of params."""
        if not (params is self._known[0] and gradient is self._known[1]):
            self._known = params, gradient, pseudo_gradient(params, gradient, self.l1)
        return self._known[2]

    def violation(self, params: Array, gradient: Array) -> float:
        """The largest entry of the pseudo-gradient, in absolute value."""
        return float(np.abs(self.pseudo_gradient(params, gradient)).max())

    def balanced(self, params: Array) -> Array:
        """Params of the same probabilities and the least penalty.

        What is common to all classes changes no probability. The least penalty on a feature leaves
        out the median of its coefficients, or with an L2 penalty b as well the median of those and
        of the K + 1 places where the slope would vanish between two of them,
        mean + (K - 2 m) l1 / (K b) with m of the K classes below.

        References
        ----------
        Y. Li and S. Osher, "A new median formula with applications to PDE based denoising",
        Communications in Mathematical Sciences 7, 2009. https://doi.org/10.4310/CMS.2009.v7.n3.a11
        """
        n_classes: int = len(params)
        if n_classes == 1:
            return params
        ordered: Array = np.sort(params, axis=0)
        mean = ordered.sum(axis=0) / n_classes
        places = mean + self._to_places
        if n_classes % 2 == 0:  # any place between the middle two, if there is no L2 penalty
            lower, upper = ordered[n_classes // 2 - 1], ordered[n_classes // 2]
            middle = np.where(np.abs(lower) <= np.abs(upper), lower, upper)
            places[n_classes // 2] = np.where(self.smooth.penalty > 0.0, mean, middle)
        common = np.sort(np.concatenate([ordered, places]), axis=0)[n_classes]
        return np.asarray(params - np.where(self.is_penalized, common, mean))

    def features_to_fit(self, params: Array, gradient: Array) -> Array:
        """Which features to go on with, (n_features,) of bool: those in use, and those missed most.

        At most three times as many as are in use, or a few; all, if leaving out the others is not
        worth it.
        """
        n_features = self.smooth.sums.n_features
        in_use = params[:, :n_features].any(axis=0)
        violation = np.abs(self.pseudo_gradient(params, gradient)[:, :n_features]).max(axis=0)
        n_chosen = max(LEAST_CHOSEN, 2 * int(np.count_nonzero(in_use)))
        if 2 * n_chosen >= n_features or not self.smooth.sums.may_copy:
            return np.ones(n_features, dtype=bool)
        chosen = np.zeros(n_features, dtype=bool)
        chosen[np.argpartition(violation, -n_chosen)[-n_chosen:]] = True
        return np.asarray(in_use | (chosen & (violation >= LEAST_VIOLATION * violation.max())))

    def restrict(self, features: Array) -> L1Objective:
        """Return the objective over some features, (n_features,) of bool: all others stay zero."""
        return L1Objective(self.smooth.restrict(features), self.l1[self.smooth.dof_of(features)])


def pseudo_gradient(params: Array, gradient: Array, l1: Array) -> Array:
    """The subgradient of least norm, given the gradient of the smooth part: as params."""
    at_zero = np.copysign(np.maximum(np.abs(gradient) - l1, 0.0), gradient)
    return np.where(params != 0.0, gradient + np.copysign(l1, params), at_zero)
