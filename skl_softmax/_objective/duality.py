r"""A certificate: an upper bound on how far a loss is above the minimum, by Fenchel duality.

Let :math:`t_i` be the labels as probabilities, and :math:`q_i` any other probabilities with the
same mean (the dual's constraint, since the intercept has no penalty). Then no loss is below

.. math::

    D(q) = -\sum_i s_i \sum_k q_{ik} \log q_{ik} - P^*(-S(q)),
    \qquad S(q) = \sum_i s_i (q_i - t_i) x_i^\top ,

where :math:`P^*` is the convex conjugate of the penalty P. For
:math:`P(w) = \lambda_1 \lvert w \rvert + \frac{\lambda_2}{2} w^2` it is
:math:`\max(\lvert v \rvert - \lambda_1, 0)^2 / (2 \lambda_2)`; and for :math:`\lambda_2 = 0` it is
zero where :math:`\lvert v \rvert \le \lambda_1`, and infinite elsewhere.

The probabilities p of a model meet neither condition exactly. So mix them with others,
:math:`q_i = (1 - \theta) ((1 - \varepsilon) p_i + \varepsilon c) + \theta t_i`. A share
:math:`\varepsilon` of constant probabilities c corrects the error :math:`\delta` of their mean. A
share :math:`\theta` of the labels, for which S is zero, brings S within :math:`\lambda_1`. The
entropy is concave: the entropy of the mixture is at least the mixture of the entropies of p, of c,
and of the labels (zero). So the bound takes the loss, its gradient, and the gradient at zero
weights, but no pass over the data.

A feature without a penalty has the dual's constraint :math:`S_j = 0`, which p does not meet, and
there are no probabilities at hand that would correct it. So its coefficients are supposed to be
within bounds, :math:`\lvert w \rvert \le M`: then :math:`P^*(v) = M \lvert v \rvert`, and no loss
within the bounds is lower.

This module knows an objective's coordinates and penalty; it takes no steps.

References
----------
R. T. Rockafellar, Convex Analysis, Princeton University Press, 1970, section 31. S. Boyd and
L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, sections 5.1 and 5.7.
S.-J. Kim, K. Koh, M. Lustig, S. Boyd and D. Gorinevsky, "An interior-point method for large-scale
l1-regularized least squares", IEEE Journal of Selected Topics in Signal Processing 1, 2007, section
III, on the L1 penalty: residuals scaled until they are feasible.
https://doi.org/10.1109/JSTSP.2007.910971
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from skl_softmax._arrays import Array
from skl_softmax._engines.protocol import of_all_classes
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective

TINY = 1e-300  # so that 0/0 gives 0
# Times the deviation of a feature without a penalty, its coefficient is supposed to be at most this
# much, or this many times what it is: with larger ones, a deviation changes odds by a factor e^10.
LARGEST_FREE, ROOM = 10.0, 2.0


class Certificate:
    """An upper bound on how far losses are above the minimum.

    Parameters
    ----------
    objective : SoftmaxObjective or L1Objective
    mean : ndarray (n_features,)
        The mean of the features in the objective's coordinates; not used without an intercept.
    at_zero : ndarray (n_outputs, n_dof)
        The gradient of the smooth part at zero params. The classes' shares of weight follow from
        it, and each class's sum of features.
    """

    def __init__(
        self, objective: SoftmaxObjective | L1Objective, at_zero: Array, mean: Array
    ) -> None:
        self._objective, self._mean = objective, mean
        smooth = objective.smooth
        n_features = smooth.sums.n_features
        self._n_features, self._fit_intercept = n_features, smooth.fit_intercept
        # sum_i s_i t_i x_iᵀ; at zero weights every probability is the same.
        self._sums = mean / max(2, len(at_zero)) - at_zero[:, :n_features]
        shares = of_all_classes(_column(1.0 / max(2, len(at_zero)) - at_zero[:, n_features:]), 1.0)
        self._shares = np.maximum(shares, 0.0)
        self._varies = np.isfinite(smooth.scale)  # constants have neither penalty nor gradient
        self._is_free = self._varies & (smooth.factor == 0.0)
        self._l2 = smooth.penalty[:n_features]
        l1 = objective.l1 if isinstance(objective, L1Objective) else np.zeros_like(smooth.penalty)
        self._l1 = l1[:n_features]
        with np.errstate(divide="ignore"):
            self._inverse = np.where(self._varies & (self._l2 > 0.0), 1.0 / self._l2, 0.0)

    def gap(self, params: Array, loss: float, gradient: Array) -> float:
        r"""An upper bound on how far the loss at `params` is above the minimum: F - D(q).

        Let L be the loss without the penalty, A the gradient of L for the coefficients W, b the
        intercepts and :math:`T = \sum_i s_i (t_i - c) x_i^\top`. The bound is summed term by term,
        so that no two nearly equal numbers are subtracted:

        .. math::

            P(W) + P^*(-(1 - \theta) S) + (1 - \theta) \langle W, S \rangle
            + (1 - \theta) R + \theta L, \qquad
            S = (1 - \varepsilon) A - \varepsilon T ,

            R = (1 - \varepsilon) \langle \delta, b \rangle
            + \varepsilon \Bigl(L + \sum_k c_k \log c_k + \langle W, T \rangle \Bigr) .

        The result is the smaller of two bounds: with :math:`\theta = 0`, which needs an L2 penalty,
        and with the least :math:`\theta` that brings S within the L1 penalty. An allowance for
        rounding is added.

        params : (n_outputs, n_dof)
        gradient : (n_outputs, n_dof), of the smooth part
        """
        coef = params[:, : self._n_features]
        sums = gradient[:, : self._n_features] - self._l2 * coef
        noise = self._objective.precision * (1.0 + float(np.abs(coef).sum(axis=1).max()))
        data_loss, rest = loss - self._objective.penalty_on(params), 0.0
        if self._fit_intercept:
            intercept, delta = params[:, self._n_features :], gradient[:, self._n_features :]
            share, constant = self._mixture(of_all_classes(_column(delta), 0.0), noise)
            # Two classes have one row of coefficients: for the second class.
            of_labels = self._sums - constant[-len(coef) :, np.newaxis] * self._mean
            entropy = float(xlogy(constant, constant).sum())
            first_order = data_loss + entropy + float(np.vdot(coef, of_labels))
            rest = (1.0 - share) * float(np.vdot(delta, intercept)) + share * first_order
            rest += noise * (float(np.abs(intercept).sum()) + abs(first_order))
            sums = sums - share * (sums + of_labels)
        kept = self._feasible_share(sums, noise)
        gap = np.inf
        if kept > 0.0:
            gap = self._slack(coef, kept * sums, noise) + kept * rest + (1.0 - kept) * data_loss
        if self._inverse.any():
            gap = min(gap, self._slack(coef, sums, noise) + rest)
        return min(gap, loss) + noise * (1.0 + abs(loss))  # no loss is below zero

    def _feasible_share(self, sums: Array, noise: float) -> float:
        """The largest share of `sums` (n_outputs, n_features) that is within the L1 penalty."""
        bounded = self._varies & ~self._is_free
        size = np.abs(sums[:, bounded]) + noise
        return float((self._l1[bounded] / size).min(initial=1.0))

    def _slack(self, coef: Array, sums: Array, noise: float) -> float:
        r"""P(W) + P*(-S) + <W, S>, which is never negative; W, S are (n_outputs, n_features).

        The part of -S within the L1 penalty is compared with the kink of that penalty, the part
        beyond with the L2 penalty. Both contribute to the sum; of features without a penalty, what
        their bounds allow.
        """
        free, residuals = coef[:, self._is_free], sums[:, self._is_free]
        most = np.maximum(LARGEST_FREE, ROOM * np.abs(free))
        within_bounds = float((most * (np.abs(residuals) + noise) + free * residuals).sum())
        inside = np.clip(-sums, -self._l1, self._l1)
        beyond = np.abs(self._l2 * coef + sums + inside) + noise
        at_kinks = (self._l1 * np.abs(coef) - inside * coef)[:, self._varies]
        rounding = noise * float(np.abs(coef).sum()) if self._l1.any() else 0.0
        beyond_kinks = 0.5 * float((beyond**2 * self._inverse).sum())
        return float(at_kinks.sum()) + rounding + beyond_kinks + within_bounds

    def _mixture(self, delta: Array, noise: float) -> tuple[float, Array]:
        """The least share of constant probabilities that corrects `delta`; the probabilities too.

        The share is large enough even if `delta` and the classes' shares are off by `noise`. The
        probabilities are (n_classes,).

        delta : (n_classes,), the mean probabilities less the classes' shares of weight
        """
        above = np.maximum(delta + noise, 0.0)
        share = float(np.max(above / (np.maximum(self._shares - noise, 0.0) + above + TINY)))
        if share == 0.0:
            return 0.0, self._shares
        return share, np.maximum(self._shares - (1.0 - share) * delta / share, 0.0)


def _column(numbers: Array) -> Array:
    """Numbers (n_outputs, 1) as (n_outputs,); zeros where there are none, (n_outputs, 0)."""
    return numbers[:, 0] if numbers.shape[1] else np.zeros(len(numbers))
