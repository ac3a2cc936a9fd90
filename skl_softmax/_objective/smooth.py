r"""The objective: loss, gradient and Hessians, from sums over samples.

.. math::

    F(W, b) = \sum_i s_i \, \mathrm{CE}(y_i, \mathrm{softmax}(W x_i + b))
              + \frac{\alpha}{2} \sum_{kj} f_j w_{kj}^2, \qquad \sum_i s_i = 1.

Two classes have one row of logits z, with probabilities (1 - sigmoid(z), sigmoid(z)) and the
penalty on that one row.

Conventions
-----------
n_outputs : rows of logits, 1 for two classes and n_classes for more.
coef : (n_outputs, n_features); intercept : (n_outputs,), zeros without an intercept.
params : (n_outputs, n_dof), n_dof = n_features + fit_intercept, intercept last; float64, in the
    coordinates  w~ = w * scale,  b~ = b + w @ center,  which give every feature mean zero and
    variance one without touching X. center = 0 and scale = 1 are the raw coordinates.

This module knows its samples by their `Sums` alone. It knows nothing of steps, convergence or
estimators, and validates nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy

import numpy as np

from skl_softmax._arrays import Array
from skl_softmax._engines.protocol import Frame, Sums
from skl_softmax._objective.inverse import Solve, inverse

OUTLIER_SCALES = 30.0  # scales from the center: a row with such a number is not ordinary
MOST_ORDINARY = 2**14  # rows that a model of the ordinary rows is measured on
LARGEST_PENALTY = 1e300  # on a coefficient's square: near the largest float64, and finite


class SoftmaxObjective:
    """F as a function of params that are NumPy's.

    Parameters
    ----------
    sums : Sums
        What is summed over the samples.
    alpha : float
        The strength of the L2 penalty.
    factor : ndarray (n_features,) or float, default=1.0
        What `alpha` is multiplied by for each feature.
    fit_intercept : bool
    center, scale : ndarray (n_features,)
        The coordinates of `params`; `center` must be zero without an intercept. An infinite scale
        leaves a feature out: its coefficient stays zero.
    gram : ndarray (n_features, n_features) or (n_features,), or None, default=None
        The Gram matrix of the features in these coordinates, under the sample weights, or its
        diagonal, if it is known: then the curvature at zero params needs no pass over the samples.
    has_outliers : bool, default=False
        Whether some features have giant values: see `Frame`.
    """

    gradient_max: None = None  # params are NumPy's: nothing is read from a device

    def __init__(
        self,
        sums: Sums,
        *,
        alpha: float,
        fit_intercept: bool,
        center: Array,
        scale: Array,
        factor: Array | float = 1.0,
        gram: Array | None = None,
        has_outliers: bool = False,
    ) -> None:
        self.sums, self.gram = sums, gram
        self.fit_intercept = fit_intercept
        self.center, self.scale = center, scale
        self.factor = np.broadcast_to(factor, len(scale))
        self.frame = Frame(center, 1.0 / scale, fit_intercept, has_outliers)
        self.n_outputs, self.has_outliers = sums.n_outputs, has_outliers
        self.shape = sums.n_outputs, self.frame.n_dof
        self.penalty = self._penalty(alpha)  # (n_dof,): F holds penalty @ params**2 / 2
        # The relative precision of a loss: an offset's terms cancel in a logit, and cost it digits.
        self.precision = float(np.finfo(sums.dtype).eps * (1.0 + np.max(np.abs(center) / scale)))

    @property
    def smooth(self) -> SoftmaxObjective:
        """F itself: other kinds of objective have it as an attribute of this name."""
        return self

    def _penalty(self, alpha: float) -> Array:
        penalty = np.zeros(self.shape[1])
        # An infinite penalty times a coefficient of zero would be NaN.
        penalty[: len(self.scale)] = np.minimum(
            alpha * self.factor / self.scale**2, LARGEST_PENALTY
        )
        return penalty

    @property
    def is_penalized(self) -> bool:
        """Whether every feature has a penalty."""
        return bool(self.penalty.any() and self.factor.all())

    def with_alpha(self, alpha: float) -> SoftmaxObjective:
        """Return F with another strength of the penalty."""
        other = copy(self)
        other.penalty = self._penalty(alpha)
        return other

    def sample(self, n_samples: int) -> SoftmaxObjective:
        """Return F over a random sample of the rows, copied: the same rows at every call."""
        return self._over(self.sums.sample(n_samples))

    def _over(self, sums: Sums) -> SoftmaxObjective:
        """F over other samples, in these coordinates."""
        other = copy(self)
        other.sums = sums
        return other

    def ordinary(self) -> tuple[SoftmaxObjective, float]:
        """F over rows without outliers, or over some of them, and the share of weight of such rows.

        One giant number can have nearly all the curvature of its direction, and hide the curvature
        of all other rows.
        """
        kept, weights = self.sums.ordinary(self.frame, OUTLIER_SCALES)
        share, chosen = float(weights[kept].sum() / weights.sum()), np.flatnonzero(kept)
        if share == 0.0:
            return self, 1.0
        rest = self._over(self.sums.take(chosen[:: -(-len(chosen) // MOST_ORDINARY)]))
        rest.has_outliers, rest.frame = False, self.frame._replace(has_outliers=False)
        return rest, share

    def restrict(self, features: Array) -> SoftmaxObjective:
        """Return F over some features, (n_features,) of bool: their columns are copied."""
        part = copy(self)
        part.sums, part.gram = self.sums.columns(features), None
        part.center, part.scale = self.center[features], self.scale[features]
        inverse_scale = self.frame.inverse_scale[features]
        part.frame = self.frame._replace(center=part.center, inverse_scale=inverse_scale)
        part.factor, part.penalty = self.factor[features], self.penalty[self.dof_of(features)]
        part.shape = self.n_outputs, len(part.penalty)
        return part

    def without(self, features: Array) -> SoftmaxObjective:
        """Return F where some features, (n_features,) of bool, have no part: over the same sums."""
        other = copy(self)
        other.scale, other.gram = np.where(features, np.inf, self.scale), None
        other.frame = self.frame._replace(inverse_scale=1.0 / other.scale)
        return other

    def dof_of(self, features: Array) -> Array:
        """The degrees of freedom (n_dof,) of some features, and of the intercept; both of bool."""
        return np.append(features, np.ones(int(self.fit_intercept), dtype=bool))

    def coef(self, params: Array) -> tuple[Array, Array]:
        """Return coef (n_outputs, n_features) and intercept (n_outputs,), of the data's dtype.

        Rounding `coef` to float32 would change the mean logits; the intercept corrects that.
        """
        coef = params[:, : self.sums.n_features] / self.scale
        coef = coef.astype(self.sums.dtype, copy=False)
        if not self.fit_intercept:
            return coef, np.zeros(self.n_outputs, dtype=coef.dtype)
        intercept = params[:, -1] - coef.astype(np.float64, copy=False) @ self.center
        return coef, intercept.astype(coef.dtype, copy=False)

    def params(self, coef: Array, intercept: Array) -> Array:
        """Return the params (n_outputs, n_dof) of given weights: the inverse of `coef`."""
        params = np.empty(self.shape)
        varying = np.isfinite(self.scale)
        params[:, : self.sums.n_features] = np.where(varying, coef, 0.0) * np.where(
            varying, self.scale, 0.0
        )
        if self.fit_intercept:
            params[:, -1] = intercept + coef @ self.center
        return params

    def value_and_gradient(self, params: Array) -> tuple[float, Array]:
        """Return F and its gradient (n_outputs, n_dof), both with respect to `params`."""
        loss, of_coef, of_intercept = self.sums.loss_and_gradient(*self.coef(params))
        gradient = np.empty(self.shape)
        gradient[:, -1] = of_intercept  # without an intercept, the next line writes over it
        gradient[:, : self.sums.n_features] = of_coef
        standardize_gradient(gradient, of_intercept, self.center, self.scale)
        penalized = self.penalty * params
        gradient += penalized
        return float(loss + 0.5 * np.vdot(penalized, params)), gradient

    def penalty_on(self, params: Array) -> float:
        """The penalty's part of F, at params (n_outputs, n_dof)."""
        return 0.5 * float(np.vdot(self.penalty * params, params))

    def separates(self, params: Array) -> bool:
        """Whether each sample's own class has the largest logit, by more than rounding.

        Samples without weight do not count.
        """
        return self.sums.separates(*self.coef(params))

    @staticmethod
    def put(array: Array) -> Array:
        """Bring an array to where params are."""
        return array

    @staticmethod
    def inverse(matrix: Array) -> Solve:
        """See `skl_softmax._objective.inverse.inverse`."""
        return inverse(matrix)

    def largest_difference(self, params: Array) -> float:
        """The largest difference between two logits of a sample; of one logit, to zero."""
        return self.sums.largest_difference(*self.coef(params))

    def shared_hessian(self, params: Array) -> Array:
        """One matrix (n_dof, n_dof) that all classes share, with the penalty.

        It is the Gram matrix of the rows, where each row is weighted by the mean curvature of the
        softmax over the directions that sum to zero. For two classes it is the Hessian. For more it
        acts on such directions as the Hessian does at zero weights.
        """
        n_dof = self.shape[1]
        if self.gram is not None and self.gram.ndim == 2 and not params.any():
            hessian = np.eye(n_dof)
            hessian[: len(self.gram), : len(self.gram)] = self.gram
            hessian /= 4.0 if self.n_outputs == 1 else self.n_outputs
        else:
            hessian = self.sums.shared_gram(*self.coef(params), self.frame)
        hessian[np.diag_indices(n_dof)] += self.penalty
        return hessian

    def class_hessians(self, params: Array) -> Array:
        """The Hessian's diagonal blocks, one for each class: (n_outputs, n_dof, n_dof)."""
        hessians = self.sums.class_grams(*self.coef(params), self.frame)
        diagonal = np.arange(self.shape[1])
        hessians[:, diagonal, diagonal] += self.penalty
        return hessians

    def full_hessian(self, params: Array) -> Array:
        """The Hessian of F for all classes but the last, (n_free, n_free).

        Let params be ``u - u.mean(axis=0)``, where the last row of u (n_classes, n_dof) is zero.
        The Hessian is that for the n_free = (n_classes - 1) * n_dof other entries of u, in C order.
        """
        n_outputs, n_dof = self.shape
        hessian = self.sums.full_gram(*self.coef(params), self.frame)
        features = np.arange(n_dof)
        hessian.reshape(n_outputs - 1, n_dof, n_outputs - 1, n_dof)[:, features, :, features] += (
            self.penalty[:, np.newaxis, np.newaxis] * (np.eye(n_outputs - 1) - 1.0 / n_outputs)
        )
        return hessian

    def free_hessian(self, params: Array, free: Array) -> Array:
        """The Hessian of F for some coordinates in C order, (n_free, n_free).

        free : (n_outputs, n_dof) of bool
        """
        dofs: Sequence[Array] = [np.flatnonzero(of_class) for of_class in free]
        if len(free) == 1:
            return np.asarray(self.shared_hessian(params)[np.ix_(dofs[0], dofs[0])])
        hessian = self.sums.free_gram(*self.coef(params), self.frame, dofs)
        penalties = np.concatenate([self.penalty[of_class] for of_class in dofs])
        hessian[np.diag_indices(len(hessian))] += penalties
        return hessian

    def hessian_diagonal(self, params: Array) -> Array:
        """The diagonal of the Hessian of F, (n_outputs, n_dof)."""
        if self.gram is not None and not params.any():
            proba = 1.0 / max(2, self.n_outputs)
            diagonal = np.full(self.shape, proba * (1.0 - proba))
            gram = self.gram if self.gram.ndim == 1 else self.gram.diagonal()
            diagonal[:, : len(gram)] *= gram
        else:
            diagonal = self.sums.squares(*self.coef(params), self.frame)
        return diagonal + self.penalty


def standardize_gradient(gradient: Array, sums: Array, center: Array, scale: Array) -> None:
    """Turn the gradient for raw features into that for standardised ones, in place (chain rule).

    gradient : (n_outputs, n_dof)
    sums : (n_outputs,), the gradient for the intercept
    """
    features = gradient[:, : len(scale)]
    features -= sums[:, np.newaxis] * center
    features /= scale
