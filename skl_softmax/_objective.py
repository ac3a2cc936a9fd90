r"""The objective, over rows in memory: loss, gradient and curvature sums.

.. math::

    F(W, b) = \sum_i s_i \, \mathrm{CE}(y_i, \mathrm{softmax}(W x_i + b))
              + \frac{\alpha}{2} \lVert W \rVert_F^2, \qquad \sum_i s_i = 1.

Two classes have one row of logits z, with probabilities (1 - sigmoid(z), sigmoid(z)) and the
penalty on that one row.

Conventions
-----------
n_outputs : rows of logits, 1 for two classes and n_classes for more.
coef : (n_outputs, n_features); intercept : (n_outputs,), zeros without an intercept.
params : (n_outputs, n_dof), n_dof = n_features + fit_intercept, intercept last; float64, in the
    coordinates  w~ = w * scale,  b~ = b + w @ center,  which give every feature mean zero and
    variance one without touching X. center = 0 and scale = 1 are the raw coordinates.
logits, proba : (n_outputs, rows of a block).

Knows nothing of steps, convergence or estimators; validates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy

import numpy as np

from skl_softmax._kernels import block_loss, sigmoid_block, softmax_block
from skl_softmax._rows import Array, Block, Rows

LARGEST_PENALTY = 1e300  # on a coefficient
NEGLIGIBLE = 1e-3  # share of the mean curvature below which a row is left out of a model
WORTH_COPYING = 0.6  # share of the rows: copying more takes longer than leaving out others saves


class SoftmaxObjective:
    """F over the rows of X.

    Parameters
    ----------
    rows : Rows
    y : ndarray, (n_samples,) or (n_samples, n_classes)
        Codes 0 … n_classes - 1, or each sample's probabilities of the classes: CE is then their
        mean over the classes, with those as weights.
    weights : ndarray of float64, (n_samples,)
        Non-negative, summing to one; may be a broadcast scalar.
    alpha, n_outputs, fit_intercept
        As above.
    center, scale : ndarray, (n_features,)
        The coordinates of `params`; `center` must be zero without an intercept. An infinite scale
        leaves a feature out: its coefficient stays zero.
    gram : ndarray of shape (n_features, n_features) or (n_features,), or None, default=None
        The Gram matrix of the features in these coordinates, under the weights, or its diagonal,
        as far as it is known: then the curvature at zero needs no pass over the rows.
    """

    def __init__(
        self,
        rows: Rows,
        y: Array,
        weights: Array,
        *,
        alpha: float,
        n_outputs: int,
        fit_intercept: bool,
        center: Array,
        scale: Array,
        gram: Array | None = None,
    ) -> None:
        self.rows = rows
        self.gram = gram
        self.weights = weights
        self.n_outputs = n_outputs
        self.fit_intercept = fit_intercept
        self.center, self.scale = center, scale
        self._inverse_scale = 1.0 / scale[:, np.newaxis]
        self.shape = n_outputs, rows.n_features + fit_intercept
        self.penalty = self._penalty(alpha)  # (n_dof,): F holds penalty @ params**2 / 2
        # Relative, of a computed loss: a logit loses what it is smaller than its terms.
        self.precision = float(np.finfo(rows.dtype).eps * (1.0 + np.max(np.abs(center) / scale)))
        self._has_labels = y.ndim == 1
        self._block_loss, self._targets = block_loss(y, n_outputs, rows.dtype)

    def _penalty(self, alpha: float) -> Array:
        penalty = np.zeros(self.shape[1])
        # Finite: an infinite penalty on a coefficient of zero would not be a number.
        penalty[: len(self.scale)] = np.minimum(alpha / self.scale**2, LARGEST_PENALTY)
        return penalty

    def with_alpha(self, alpha: float) -> SoftmaxObjective:
        """The same function with another penalty."""
        other = copy(self)
        other.penalty = self._penalty(alpha)
        return other

    def sample(self, n_samples: int) -> SoftmaxObjective:
        """The same function of a random sample of the rows, always the same one, copied."""
        chosen = np.random.default_rng(0).choice(self.rows.n_samples, n_samples, replace=False)
        chosen.sort()
        weights = self.weights[chosen]
        if not weights.any():
            return self
        sample = copy(self)
        sample.rows = self.rows.take(chosen)
        sample.weights, sample._targets = weights / weights.sum(), self._targets[..., chosen]
        return sample

    def restrict(self, features: Array) -> SoftmaxObjective:
        """The same function of some features, (n_features,) of bool: their columns, copied."""
        part = copy(self)
        part.rows, part.gram = self.rows.columns(features), None
        part.center, part.scale = self.center[features], self.scale[features]
        part._inverse_scale = self._inverse_scale[features]
        part.penalty = self.penalty[self.dof_of(features)]
        part.shape = self.n_outputs, len(part.penalty)
        return part

    def dof_of(self, features: Array) -> Array:
        """The degrees of freedom (n_dof,) of some features, both of bool: the intercept too."""
        return np.append(features, np.ones(int(self.fit_intercept), dtype=bool))

    def coef(self, params: Array) -> tuple[Array, Array]:
        """Return (coef, intercept) of the data's dtype.

        The intercept makes up for what rounding `coef` to float32 moves the features' means by.
        """
        coef = (params[:, : self.rows.n_features] / self.scale).astype(self.rows.dtype)
        if not self.fit_intercept:
            return coef, np.zeros(self.n_outputs, dtype=coef.dtype)
        intercept = params[:, -1] - coef.astype(np.float64) @ self.center
        return coef, intercept.astype(coef.dtype)

    def params(self, coef: Array, intercept: Array) -> Array:
        """Return the params of given weights: the inverse of `coef`, up to rounding."""
        params = np.empty(self.shape)
        varying = np.isfinite(self.scale)
        params[:, : self.rows.n_features] = np.where(varying, coef, 0.0) * np.where(
            varying, self.scale, 0.0
        )
        if self.fit_intercept:
            params[:, -1] = intercept + coef @ self.center
        return params

    def value_and_gradient(self, params: Array) -> tuple[float, Array]:
        """Return F and its gradient (n_outputs, n_dof), both with respect to `params`."""
        coef, intercept = self.coef(params)

        def run_pass(run: list[Block]) -> tuple[float, Array, Array]:
            loss = 0.0
            gradient, sums = np.zeros(coef.shape), np.zeros(self.n_outputs)
            for block, logits in self.rows.linear(run, coef, intercept):
                loss += self._loss_of(block, logits)  # logits: now residuals
                gradient += logits @ block.X
                sums += logits.sum(axis=1, dtype=np.float64)
            return loss, gradient, sums

        loss, coef_gradient, sums = self.rows.sum(run_pass)
        gradient = np.empty(self.shape)
        if self.fit_intercept:
            gradient[:, -1] = sums
        gradient[:, : self.rows.n_features] = coef_gradient
        standardize_gradient(gradient, sums, self.center, self.scale)
        penalized = self.penalty * params
        gradient += penalized
        return float(loss + 0.5 * np.vdot(penalized, params)), gradient

    def penalty_on(self, params: Array) -> float:
        """The penalty's part of F."""
        return 0.5 * float(np.vdot(self.penalty * params, params))

    def cross_entropy(self, coef: Array, intercept: Array) -> float:
        """The mean cross-entropy of given weights, without the penalty."""

        def run_loss(run: list[Block]) -> tuple[float]:
            blocks = self.rows.linear(run, coef, intercept)
            return (sum(self._loss_of(block, logits) for block, logits in blocks),)

        return float(self.rows.sum(run_loss)[0])

    def _loss_of(self, block: Block, logits: Array) -> float:
        """A block's part of the loss; its logits (n_outputs, rows) become residuals s (p - y)."""
        return self._block_loss(logits, self._targets[..., block.rows], self.weights[block.rows])

    def separates(self, params: Array) -> bool:
        """Whether each sample's own class has the largest logit, by more than rounding.

        Samples of weight zero aside.
        """
        if not self._has_labels:
            return False
        coef, intercept = self.coef(params)
        sizes = np.abs(coef).max(axis=0), float(np.abs(intercept).max())
        eps = 8.0 * np.finfo(coef.dtype).eps

        def run_separates(run: list[Block]) -> bool:
            for block, logits in self.rows.linear(run, coef, intercept):
                labels = self._targets[block.rows]
                rounding = eps * (abs(block.X) @ sizes[0] + sizes[1])
                if self.n_outputs == 1:
                    lead = -labels * logits[0]
                else:
                    own = np.arange(self.n_outputs)[:, np.newaxis] == labels
                    lead = np.where(own, logits, np.inf).min(axis=0)
                    lead -= np.where(own, -np.inf, logits).max(axis=0)
                if np.any((lead <= rounding) & (self.weights[block.rows] > 0.0)):
                    return False
            return True

        return all(self.rows.map(run_separates))

    def largest_logit(self, params: Array) -> float:
        """The largest logit in absolute value."""

        def run_largest(run: list[Block]) -> float:
            blocks = self.rows.linear(run, *self.coef(params))
            return max(float(np.abs(logits).max()) for _, logits in blocks)

        return float(max(self.rows.map(run_largest)))

    def proba(self, run: list[Block], params: Array) -> Iterator[tuple[Block, Array]]:
        """Yield each block and its probabilities (n_outputs, rows); of two, the second's."""
        to_proba = sigmoid_block if self.n_outputs == 1 else softmax_block
        for block, logits in self.rows.linear(run, *self.coef(params)):
            to_proba(logits)
            yield block, logits

    def shared_hessian(self, params: Array) -> Array:
        """One (n_dof, n_dof) matrix for all outputs, penalty included.

        The Gram matrix of the rows, weighted by the mean curvature of the softmax over the
        directions that sum to zero, (1 - sum_k p_k²) / (n_classes - 1). For two classes, and for
        any number at zero weights, it acts on such directions as the Hessian itself.
        """
        n_dof = self.shape[1]
        if self.gram is not None and self.gram.ndim == 2 and not params.any():
            hessian = np.eye(n_dof)
            hessian[: len(self.gram), : len(self.gram)] = self.gram
            hessian /= 4.0 if self.n_outputs == 1 else self.n_outputs
            hessian[np.diag_indices(n_dof)] += self.penalty
            return hessian

        def run_gram(run: list[Block]) -> tuple[Array]:
            gram = np.zeros((n_dof, n_dof))
            for block, proba in self.proba(run, params):
                if self.n_outputs == 1:
                    curvature = (proba * (1.0 - proba))[0]
                else:
                    curvature = curvature_of_softmax(proba) / (self.n_outputs - 1)
                weights = self.weights[block.rows]
                kept = essential(curvature, weights)
                rows = self.standardized(block.X, kept)
                rows *= np.sqrt((curvature * weights).take(kept))
                gram += rows @ rows.T
            return (gram,)

        (hessian,) = self.rows.sum(run_gram, size=n_dof**2)
        hessian[np.diag_indices(n_dof)] += self.penalty
        return np.asarray(hessian)

    def class_hessians(self, params: Array) -> Array:
        """The Hessian's diagonal blocks, one for each class: (n_outputs, n_dof, n_dof)."""
        n_outputs, n_dof = self.shape

        def run_grams(run: list[Block]) -> tuple[Array]:
            grams = np.zeros((n_outputs, n_dof, n_dof))
            buffer = np.empty(n_dof * len(run[0].X))
            for block, proba in self.proba(run, params):
                rows = self.standardized(block.X, np.arange(len(block.X)))
                weights = self.weights[block.rows]
                proba *= 1.0 - proba
                for gram, curvature in zip(grams, proba, strict=True):
                    kept = essential(curvature, weights)
                    weighted = buffer[: n_dof * len(kept)].reshape(n_dof, -1)
                    roots = np.sqrt(curvature * weights)
                    if len(kept) == len(roots):
                        np.multiply(rows, roots, out=weighted)
                    else:
                        rows.take(kept, axis=1, out=weighted, mode="clip")
                        weighted *= roots.take(kept)
                    gram += weighted @ weighted.T
            return (grams,)

        (hessians,) = self.rows.sum(run_grams, size=n_outputs * n_dof**2)
        diagonal = np.arange(n_dof)
        hessians[:, diagonal, diagonal] += self.penalty
        return np.asarray(hessians)

    def full_hessian(self, params: Array) -> Array:
        """The Hessian of F for all classes but the last, whose row makes the sum zero.

        For params that are ``u - u.mean(axis=0)`` with u (n_classes, n_dof) and its last row zero:
        a matrix (n_free, n_free), n_free = (n_classes - 1) * n_dof, for the rest of u in C order.
        With m_i = (p_i1 x~_i, …, p_i,K-1 x~_i), the data's part is the sum over i of
        s_i (blockdiag_k(p_ik x~_i x~_iᵀ) - m_i m_iᵀ).
        """
        n_outputs, n_dof = self.shape
        n_free = (n_outputs - 1) * n_dof

        def run_hessian(run: list[Block]) -> tuple[Array, Array]:
            diagonal, products = np.zeros((n_free, n_dof)), np.zeros((n_free, n_free))
            for block, proba in self.proba(run, params):
                weights = self.weights[block.rows]
                curvature = curvature_of_softmax(proba)
                kept = essential(curvature, weights)
                rows = self.standardized(block.X, kept)
                rows *= np.sqrt(weights.take(kept))
                mixed = proba[:-1].take(kept, axis=1)[:, np.newaxis] * rows
                mixed = mixed.reshape(n_free, -1)
                diagonal += mixed @ rows.T
                products += mixed @ mixed.T
            return diagonal, products

        diagonal, products = self.rows.sum(run_hessian, size=n_free**2)
        np.negative(products, out=products)
        hessian = products.reshape(n_outputs - 1, n_dof, n_outputs - 1, n_dof)
        for k, gram in enumerate(diagonal.reshape(n_outputs - 1, n_dof, n_dof)):
            hessian[k, :, k, :] += gram
        features = np.arange(n_dof)
        hessian[:, features, :, features] += self.penalty[:, np.newaxis, np.newaxis] * (
            np.eye(n_outputs - 1) - 1.0 / n_outputs
        )
        return np.asarray(hessian.reshape(n_free, n_free))

    def hessian_diagonal(self, params: Array) -> Array:
        """The diagonal of the Hessian of F, in the shape of params."""
        n_features = self.rows.n_features
        if self.gram is not None and not params.any():
            proba = 1.0 / max(2, self.n_outputs)
            diagonal = np.full(self.shape, proba * (1.0 - proba))
            diagonal[:, :n_features] *= self.gram if self.gram.ndim == 1 else self.gram.diagonal()
            return diagonal + self.penalty

        def run_diagonal(run: list[Block]) -> tuple[Array]:
            diagonal = np.zeros(self.shape)
            for block, proba in self.proba(run, params):
                curvature = proba * (1.0 - proba) * self.weights[block.rows]
                sums = curvature.sum(axis=1, keepdims=True)
                if self.rows.is_sparse:
                    X = block.X.astype(np.float64, copy=False)
                    squares = X.multiply(X).tocsr()
                    centered = (
                        curvature @ squares
                        - 2.0 * self.center * (curvature @ block.X)
                        + self.center**2 * sums
                    )
                else:
                    centered = curvature @ (block.X - self.center) ** 2
                diagonal[:, :n_features] += np.maximum(centered, 0.0) / self.scale**2
                if self.fit_intercept:
                    diagonal[:, -1:] += sums
            return (diagonal,)

        (diagonal,) = self.rows.sum(run_diagonal)
        return np.asarray(diagonal + self.penalty)

    def standardized(self, X: Array, kept: Array) -> Array:
        """Some rows of X in the coordinates of params, x~, as columns: (n_dof, rows), float64.

        Then weights multiply along contiguous memory, also where features are few.
        """
        if len(kept) < len(X):
            X = X.take(kept, axis=0)
        n_features = self.rows.n_features
        rows = np.empty((self.shape[1], len(X)))
        np.subtract(X.T, self.center[:, np.newaxis], out=rows[:n_features])
        rows[:n_features] *= self._inverse_scale
        rows[n_features:] = 1.0
        return rows


def curvature_of_softmax(proba: Array) -> Array:
    """The trace of diag(p) - p pᵀ for each row, of probabilities (n_classes, rows).

    Never negative, whatever rounding does to the squares.
    """
    return np.asarray(np.maximum(1.0 - np.einsum("ki,ki->i", proba, proba), 0.0))


def essential(curvature: Array, weights: Array) -> Array:
    """Which rows of a block have a part in its curvature sums, given their curvature (rows,).

    Near separation few do. The others have less than a thousandth of the mean curvature each, and
    so of the sum together: less than a model is off by after the next step. Where so many rows
    have a part that leaving out the others does not pay, all are returned.
    """
    has_part = curvature > NEGLIGIBLE * (weights @ curvature / weights.sum())
    if np.count_nonzero(has_part) > WORTH_COPYING * len(has_part):
        return np.arange(len(has_part))
    return np.flatnonzero(has_part)


def standardize_gradient(gradient: Array, sums: Array, center: Array, scale: Array) -> None:
    """Turn the gradient for coef into the one for ``coef * scale``, in place: the chain rule.

    `gradient` is (n_outputs, n_dof), `sums` the gradient for the intercept, (n_outputs,).
    """
    features = gradient[:, : len(scale)]
    features -= sums[:, np.newaxis] * center
    features /= scale
