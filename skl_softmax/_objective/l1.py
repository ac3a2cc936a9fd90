r"""The objective with an L1 penalty: a smooth function, and kinks where coefficients are zero.

.. math::

    F(W, b) + \sum_{kj} \lambda_j \lvert w_{kj} \rvert

"Gradient" always means the gradient of F, the smooth part. The pseudo-gradient is the subgradient
of least norm. It is zero at the minimum; elsewhere its negative is the direction of steepest
descent.

This module knows nothing of steps or estimators; it validates nothing.
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
        The penalty on the absolute value of each parameter; zero for the intercept.
    """

    gradient_max: None = None  # see `skl_softmax._descent.steps.Objective`: gradients are NumPy's

    def __init__(self, smooth: SoftmaxObjective, l1: Array) -> None:
        self.smooth, self.l1 = smooth, l1
        self.shape, self.precision = smooth.shape, smooth.precision
        self.coef, self.params = smooth.coef, smooth.params
        self.is_penalized = l1 > 0.0
        n_classes = self.shape[0]
        below = np.arange(n_classes + 1.0)[:, np.newaxis]
        l2 = np.maximum(smooth.penalty, np.finfo(float).tiny)
        self._to_places = (n_classes - 2.0 * below) * (l1 / (n_classes * l2))
        # The last pseudo-gradient, after its arguments: each step asks for it several times.
        self._known: tuple[Array | None, Array | None, Array] = (None, None, l1)

    def value_and_gradient(self, params: Array) -> tuple[float, Array]:
        """The objective's value, and the gradient of its smooth part, (n_outputs, n_dof)."""
        value, gradient = self.smooth.value_and_gradient(params)
        return value + self._l1_on(params), gradient

    def penalty_on(self, params: Array) -> float:
        """The penalties' part of the objective's value, L1 and L2 together."""
        return self.smooth.penalty_on(params) + self._l1_on(params)

    def largest_difference(self, params: Array) -> float:
        """See `SoftmaxObjective.largest_difference`."""
        return self.smooth.largest_difference(params)

    def _l1_on(self, params: Array) -> float:
        return float(np.abs(params).sum(axis=0) @ self.l1)

    def shrunk(self, params: Array, step: float) -> Array:
        """Params, each moved towards zero by ``step * l1`` and not beyond (soft thresholding)."""
        reach = step * self.l1
        return np.asarray(np.maximum(params - reach, 0.0) + np.minimum(params + reach, 0.0))

    def pseudo_gradient(self, params: Array, gradient: Array) -> Array:
        """The subgradient of least norm, (n_outputs, n_dof)."""
        if not (params is self._known[0] and gradient is self._known[1]):
            self._known = params, gradient, pseudo_gradient(params, gradient, self.l1)
        return self._known[2]

    def violation(self, params: Array, gradient: Array) -> float:
        """The largest entry of the pseudo-gradient, in absolute value."""
        return float(np.abs(self.pseudo_gradient(params, gradient)).max())

    def balanced(self, params: Array) -> Array:
        """Params that give the same probabilities and have the least penalty.

        A number that is added to a feature's coefficients in all classes changes no probability.
        The L1 penalty is least when the median of the coefficients is subtracted. With an L2
        penalty b too, it is the median of the K coefficients and of the K + 1 places where the
        slope would vanish between two of them, mean + (K - 2 m) l1 / (K b) with m of the K classes
        below.

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
        """The features to take the next steps on, (n_features,) of bool.

        They are those in use and those with the largest violations: at most three times as many as
        are in use, or a few. All features are returned if leaving out the others does not pay.
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
        """Return the objective over some features, (n_features,) of bool: the others stay zero."""
        return L1Objective(self.smooth.restrict(features), self.l1[self.smooth.dof_of(features)])


def pseudo_gradient(params: Array, gradient: Array, l1: Array) -> Array:
    """The subgradient of least norm, given the gradient of the smooth part.

    params, gradient and the result are (n_outputs, n_dof); l1 is (n_dof,).
    """
    at_zero = np.copysign(np.maximum(np.abs(gradient) - l1, 0.0), gradient)
    return np.where(params != 0.0, gradient + np.copysign(l1, params), at_zero)
