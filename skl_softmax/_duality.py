r"""A certificate: how far a loss is above the minimum at most, by Fenchel duality.

With :math:`t_i` the labels as probabilities, :math:`q_i` any probabilities in their place that have
the same mean (the dual's constraint, since the intercept is free), no loss is below

.. math::

    D(q) = -\sum_i s_i \sum_k q_{ik} \log q_{ik}
           - \frac{1}{2 \alpha} \Bigl\lVert \sum_i s_i (q_i - t_i) x_i^\top \Bigr\rVert_F^2 .

The probabilities p of a model have nearly that mean. What they miss it by, :math:`\delta`, is made
up for by a share :math:`\varepsilon` of constant probabilities c,
:math:`q_i = (1 - \varepsilon) p_i + \varepsilon c`; and since the entropy is concave,
:math:`\sum q \log q` is at most that mixture of those of p and c. All that is needed then is the
loss, its gradient, and the gradient at zero weights: no pass over the data.

Knows an objective's coordinates and penalty; takes no steps.

References
----------
R. T. Rockafellar, Convex Analysis, Princeton University Press, 1970, section 31. S. Boyd and
L. Vandenberghe, Convex Optimization, Cambridge University Press, 2004, sections 5.1 and 5.7.
"""

from __future__ import annotations

import numpy as np
from scipy.special import xlogy

from skl_softmax._objective import SoftmaxObjective
from skl_softmax._rows import Array
from skl_softmax._sums import of_all_classes

TINY = 1e-300  # so that nothing divided by nothing is nothing


class Certificate:
    """Bounds what is left to gain.

    Parameters
    ----------
    objective : SoftmaxObjective
    mean : ndarray (n_features,)
        Of the features in the objective's coordinates. Without an intercept it does not matter.
    at_zero : ndarray (n_outputs, n_dof)
        Its gradient at zero params: it holds the classes' shares, and their sums of features.
    """

    def __init__(self, objective: SoftmaxObjective, at_zero: Array, mean: Array) -> None:
        self._objective, self._mean = objective, mean
        n_features = objective.sums.n_features
        self._n_features = n_features
        # sum_i s_i t_i x_iᵀ; at zero weights every probability is the same.
        self._sums = mean / max(2, len(at_zero)) - at_zero[:, :n_features]
        shares = of_all_classes(_column(1.0 / max(2, len(at_zero)) - at_zero[:, n_features:]), 1.0)
        self._shares = np.maximum(shares, 0.0)
        penalty = objective.penalty[:n_features]
        with np.errstate(divide="ignore"):
            # A constant feature has no penalty, and no gradient.
            self._inverse = np.where(np.isfinite(objective.scale), 1.0 / penalty, 0.0)

    def gap(self, params: Array, loss: float, gradient: Array) -> float:
        r"""How far the loss at `params` is above the least at most: F - D(q), term by term.

        With g the gradient for the coefficients W, A its part without the penalty and
        :math:`T = \sum_i s_i t_i x_i^\top`, so that nothing has to be subtracted from its like:

        .. math::

            \frac{\lVert g \rVert^2}{2 \alpha} + (1 - \varepsilon) \langle \delta, b \rangle
            + \varepsilon \Bigl(L + \sum_k c_k \log c_k + \langle W, T \rangle
            - \frac{\langle g, A + T \rangle}{\alpha} \Bigr)
            + \frac{\varepsilon^2 \lVert A + T \rVert^2}{2 \alpha}

        where L is the loss without the penalty, and T is less :math:`c\,\mu^\top` for features of
        mean :math:`\mu`. Rounding is added, not left to chance.
        """
        coef, g = params[:, : self._n_features], gradient[:, : self._n_features]
        noise = self._objective.precision * (1.0 + float(np.abs(coef).sum(axis=1).max()))
        gap = 0.5 * float(((np.abs(g) + noise) ** 2 * self._inverse).sum())
        if self._objective.fit_intercept:
            intercept, delta = params[:, self._n_features :], gradient[:, self._n_features :]
            share, constant = self._mixture(of_all_classes(_column(delta), 0.0), noise)
            entropy = float(xlogy(constant, constant).sum())
            penalized = self._objective.penalty[: self._n_features] * coef
            data_loss = loss - 0.5 * float(np.vdot(penalized, coef))
            # Less c times the mean; of two classes the second's.
            sums = self._sums - constant[-len(coef) :, np.newaxis] * self._mean
            moved = g - penalized + sums
            first_order = (
                data_loss
                + entropy
                + float(np.vdot(coef, sums))
                - float((g * moved * self._inverse).sum())
            )
            gap += (1.0 - share) * float(np.vdot(delta, intercept)) + share * first_order
            gap += 0.5 * share**2 * float((moved**2 * self._inverse).sum())
            gap += noise * (float(np.abs(intercept).sum()) + abs(first_order))
        return gap + noise * (1.0 + abs(loss))

    def _mixture(self, delta: Array, noise: float) -> tuple[float, Array]:
        """A share of constant probabilities that makes up for `delta`, and those, (n_classes,).

        The least there is, were `delta` and the classes' shares off by `noise` for the worse.

        delta : (n_classes,), by how much the mean probabilities are above the classes' shares
        """
        above = np.maximum(delta + noise, 0.0)
        share = float(np.max(above / (np.maximum(self._shares - noise, 0.0) + above + TINY)))
        if share == 0.0:
            return 0.0, self._shares
        return share, np.maximum(self._shares - (1.0 - share) * delta / share, 0.0)


def _column(numbers: Array) -> Array:
    """Numbers (n_outputs, 1) as (n_outputs,); zeros where there are none, (n_outputs, 0)."""
    return numbers[:, 0] if numbers.shape[1] else np.zeros(len(numbers))
