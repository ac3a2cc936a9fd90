"""Data as users have them, and judges of what a fit says of itself.

A strategy for Hypothesis that draws the ugly ones, and the objective in extended precision.
"""

import warnings
from fractions import Fraction

import numpy as np
from hypothesis import strategies as st
from scipy import sparse
from scipy.special import logsumexp, softmax


def objective_at(model, X, codes, weights=None):
    """F at the stored weights, in extended precision, of centred columns; and the null loss."""
    X = np.asarray(X.toarray() if sparse.issparse(X) else X, np.longdouble)
    weights = np.ones(len(codes)) if weights is None else weights
    shares = np.asarray(weights, np.longdouble) / np.sum(weights, dtype=np.longdouble)
    center = X.mean(axis=0).astype(float)
    coef = np.asarray(model.coef_, np.longdouble)
    intercept = [
        Fraction(float(b))
        + sum(Fraction(float(w)) * Fraction(m) for w, m in zip(row, center, strict=True))
        for b, row in zip(model.intercept_, model.coef_, strict=True)
    ]
    logits = (X - center) @ coef.T + np.array([float(exact) for exact in intercept])
    if len(coef) == 1:
        logits = np.column_stack([0.0 * logits, logits])
    logits -= logits.max(axis=1, keepdims=True)
    losses = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(len(codes)), codes]
    penalty = (1 - model.l1_ratio) / 2 * (coef**2).sum() + model.l1_ratio * np.abs(coef).sum()
    totals = np.bincount(codes, np.asarray(shares, float))
    null_loss = -(totals[totals > 0] * np.log(totals[totals > 0])).sum()
    return float(shares @ losses + model.alpha * penalty), float(null_loss)


def rounding_at(model, X, weights):
    """What rounding of the logits alone can do to a loss: a few of a logit's largest terms."""
    sizes = np.abs(X - X.mean(axis=0)) @ np.abs(model.coef_).T.max(axis=1)
    return 1e-15 + 4 * np.finfo(float).eps * float(weights @ sizes / weights.sum())


def newton_minimum(X, codes, alpha, model):
    """The least F that damped Newton steps find, from given weights and from zeros: a few columns.

    In units of most numbers of a column, with every symbol of the textbook spelt out: slow, and
    another way than the package's.
    """
    X, n_classes = np.asarray(X, float), codes.max() + 1
    center = np.median(X, axis=0) if model.fit_intercept else np.zeros(X.shape[1])
    unit = np.quantile(np.abs(X - center), 0.75, axis=0)
    unit = np.where(unit > 0.0, unit, 1.0)
    Z = (X - center) / unit
    penalty = alpha / unit**2
    if model.fit_intercept:
        Z, penalty = np.column_stack([Z, np.ones(len(Z))]), np.append(penalty, 0.0)
    T = np.eye(n_classes)[codes]
    coef, intercept = np.asarray(model.coef_, float), np.asarray(model.intercept_, float)
    fitted = np.column_stack([coef * unit, intercept + coef @ center])[:, : Z.shape[1]]
    is_binary = len(fitted) == 1

    def measured(W):
        logits = Z.astype(np.longdouble) @ W.T
        logits = np.column_stack([0 * logits, logits]) if is_binary else logits
        P = softmax(logits - logits.max(axis=1, keepdims=True), axis=1)
        losses = logsumexp(logits, axis=1) - (T * logits).sum(axis=1)
        return float(losses.mean() + (penalty * W**2).sum() / 2), np.asarray(P, float)

    def descend(W):
        value, P = measured(W)
        for _ in range(200):
            Q, R = (P[:, 1:], T[:, 1:]) if is_binary else (P, T)
            gradient = ((Q - R).T @ Z / len(Z) + penalty * W).ravel()
            blocks = [
                [(Z.T * (Q[:, j] * ((j == k) - Q[:, k]) / len(Z))) @ Z for k in range(len(W))]
                for j in range(len(W))
            ]
            H = np.block(blocks) + np.diag(np.tile(penalty, len(W)))
            size = np.sqrt(np.maximum(H.diagonal(), 1e-300))
            H = H / size / size[:, np.newaxis]
            before = value
            for ridge in (1e-15, 1e-12, 1e-9, 1e-6, 1e-3):
                step = np.linalg.solve(H + ridge * np.eye(len(H)), gradient / size) / size
                for length in (1.0, 0.3, 0.1, 1e-2, 1e-3):
                    there = measured(W - length * step.reshape(W.shape))
                    if there[0] < value:
                        W, (value, P) = W - length * step.reshape(W.shape), there
                        break
                if value < before:
                    break
            if before - value <= 1e-14 * abs(before):
                break
        return value

    return min(descend(fitted), descend(np.zeros_like(fitted)))


def quietly(model, X, y, weights=None):
    """The fitted model, and whether it said a word."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, y, sample_weight=weights)
    return model, bool(caught)


class Data(tuple):
    """X, codes and weights, shown by the choices that they were drawn with."""

    def __repr__(self):
        return f"Data({self.recipe})"


@st.composite
def ugly(draw):
    """X, codes and weights: few of them normal."""
    recipe, draw_one = [], draw

    def draw(strategy):
        recipe.append(draw_one(strategy))
        return recipe[-1]

    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n_samples, n_features = draw(
        st.sampled_from([(60, 3), (200, 8), (40, 220), (30, 400), (300, 2)])
    )
    n_classes = draw(st.sampled_from([2, 3, 5]))
    X = rng.standard_normal((n_samples, n_features))
    kind = draw(st.sampled_from(["plain", "common", "smooth", "duplicates", "integers", "heavy"]))
    if kind == "common":
        X = X + 10.0 ** rng.uniform(0, 4) * rng.standard_normal((n_samples, 1))
    elif kind == "smooth":
        curves = np.sin(np.outer(np.arange(1, 6), np.linspace(0, 6, n_features)))
        X = rng.standard_normal((n_samples, 5)) @ curves + 1e-3 * X
    elif kind == "duplicates":
        X[:, -1] = X[:, 0]
    elif kind == "integers":
        X = np.rint(2.0 * X)
    elif kind == "heavy":
        X = np.sign(X) * np.abs(X) ** 5
    logits = X[:, :2] / X[:, :2].std() @ rng.standard_normal((2, n_classes))
    logits -= rng.uniform(0, 3) * np.arange(n_classes)
    codes = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    codes[:n_classes] = np.arange(n_classes)
    for _ in range(draw(st.integers(0, 4))):
        X[rng.integers(n_samples), rng.integers(n_features)] = 10.0 ** rng.uniform(3, 9)
    X = X * 10.0 ** rng.uniform(-6, 6, draw(st.sampled_from([1, n_features])))
    X += X.std(axis=0) * 10.0 ** draw(st.sampled_from([-9, 0, 2, 5, 8])) * rng.choice([-1, 1])
    spread = draw(st.sampled_from([0.0, 0.0, 1.0, 4.0]))
    weights = 10.0 ** rng.uniform(-spread, spread, n_samples)
    data = Data((X, codes, weights))
    data.recipe = recipe
    return data
