"""Exact arithmetic as judge: loss, gradient and fitted weights against 50 digits.

What is claimed of accuracy on the page about trust stands here.
"""

from typing import NamedTuple

import numpy as np
import pytest
from mpmath import mp, mpf

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines.threads import Workers
from skl_softmax._fit.problem import RawProblem
from skl_softmax._fit.task import Task

mp.dps = 50


class Problem(NamedTuple):
    X: np.ndarray
    y: np.ndarray
    weights: np.ndarray
    alpha: float

    @property
    def n_outputs(self):
        n_classes = int(self.y.max()) + 1
        return 1 if n_classes == 2 else n_classes


def exact(problem, coef, intercept):
    """Loss and gradient (n_outputs, n_dof), and the sums of the gradient's terms' sizes.

    From the definition, for every point once: with its weight and how it is shared by the classes.
    """
    X, y, weights, alpha = problem
    total = mp.fsum(map(mpf, weights))
    points = {}
    for x, own, weight in zip(X.astype(float), y, weights, strict=True):
        shares = points.setdefault(tuple(x), {})
        shares[int(own)] = shares.get(int(own), mpf(0)) + mpf(float(weight)) / total
    coef = [[mpf(w) for w in row] for row in coef]
    intercept = [mpf(b) for b in intercept]
    K = len(coef)
    loss = mpf(alpha) / 2 * mp.fsum(w * w for row in coef for w in row)
    gradient = [[mpf(alpha) * w for w in row] + [mpf(0)] for row in coef]
    size = [[abs(g) for g in row] for row in gradient]
    for x, shares in points.items():
        x = [*map(mpf, x), mpf(1)]
        share = mp.fsum(shares.values())
        logits = [mp.fdot([*w, b], x) for w, b in zip(coef, intercept, strict=True)]
        if K == 1:
            logits = [mpf(0), *logits]
        largest = max(logits)
        exps = [mp.exp(z - largest) for z in logits]
        total_exp = mp.fsum(exps)
        loss += share * (largest + mp.log(total_exp))
        loss -= mp.fsum(part * logits[own] for own, part in shares.items())
        for k in range(K):
            expected = share * exps[k + (K == 1)] / total_exp
            seen = shares.get(k + (K == 1), mpf(0))
            for j, value in enumerate(x):
                gradient[k][j] += (expected - seen) * value
                size[k][j] += (expected + seen) * abs(value)
    return loss, gradient, size


def computed(problem, coef, intercept):
    """Loss and gradient at given weights."""
    X, y, weights, alpha = problem
    with Workers() as workers, np.errstate(all="ignore"):
        weights = np.asarray(weights, float) / np.max(weights)
        task = Task(X, y, weights / weights.sum(), problem.n_outputs, alpha, fit_intercept=True)
        objective = RawProblem(task, workers, measure_scale=False).objective
        return objective.value_and_gradient(np.column_stack([coef, intercept]))


def some_problem(rng, n, d, K, scale=1.0, alpha=1e-3):
    X = rng.standard_normal((n, d)) * scale
    y = np.arange(n) % K
    return Problem(X, y, np.ones(n), alpha)


def hard_points():
    """Problems, and weights to evaluate them at."""
    rng = np.random.default_rng(0)
    points = {}
    for K in (2, 3):
        outputs = 1 if K == 2 else K
        plain = some_problem(rng, 30, 3, K)
        coef, intercept = rng.standard_normal((outputs, 3)), rng.standard_normal(outputs)
        points[f"plain, {K} classes"] = plain, coef, intercept
        points[f"logits of 1e6, {K} classes"] = plain, 1e6 * coef, 1e6 * intercept
        points[f"logits of 1e-9, {K} classes"] = plain, 1e-9 * coef, 1e-9 * intercept
        scales = np.array([1e150, 1.0, 1e-150])
        wide = plain._replace(X=plain.X * scales, alpha=0.0)
        points[f"scales of 1e150 and 1e-150, {K} classes"] = wide, coef / scales, intercept
        uneven = plain._replace(weights=10.0 ** rng.uniform(-12, 12, 30))
        points[f"weights from 1e-12 to 1e12, {K} classes"] = uneven, coef, intercept
        tiny = plain._replace(X=np.rint(plain.X * 4) * 5e-324)
        points[f"denormal numbers, {K} classes"] = tiny, coef, intercept
        points[f"{K} samples, {K} classes"] = some_problem(rng, K, 3, K), coef, intercept
    few = rng.standard_normal((4, 2))  # four points, so that the judge has little to do
    many = Problem(few[np.arange(3000) % 4], np.arange(3000) // 3, np.ones(3000), 1e-3)
    points["1000 classes"] = many, rng.standard_normal((1000, 2)), rng.standard_normal(1000)
    return points


POINTS = hard_points()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", POINTS)
def test_loss_and_gradient(name, dtype):
    problem, coef, intercept = POINTS[name]
    if dtype is np.float32:
        with np.errstate(over="ignore"):
            problem = problem._replace(X=problem.X.astype(np.float32))
        if not np.isfinite(problem.X).all():
            pytest.skip("beyond the range of float32")
        coef, intercept = (a.astype(np.float32).astype(float) for a in (coef, intercept))
    loss, gradient = computed(problem, coef, intercept)
    true_loss, true_gradient, size = exact(problem, coef, intercept)
    # A logit is as exact as its terms are; a loss and the residuals are as exact as logits.
    largest = max(1.0, np.abs(problem.X.astype(float) @ coef.T).max(), np.abs(intercept).max())
    allowed = 4.0 * np.finfo(dtype).eps * (largest if largest < 1e5 else 1.0)
    assert abs(mpf(loss) - true_loss) <= allowed * max(true_loss, largest * 1e-6)
    for k, row in enumerate(true_gradient):
        for j, value in enumerate(row):
            assert (
                abs(mpf(float(gradient[k, j])) - value)
                <= 8 * allowed * size[k][j] + mpf(10) ** -310
            )


def optimum(problem, coef, intercept):
    """The least loss, by Newton's method in exact arithmetic, from weights that are near."""
    X, K = problem.X.astype(float), problem.n_outputs
    scale = [mpf(float(s)) for s in X.std(axis=0)] + [mpf(1)]
    n_dof = len(scale)
    point = [[mpf(w) for w in [*row, b]] for row, b in zip(coef, intercept, strict=True)]
    for _ in range(5):
        loss, gradient, _ = exact(problem, [row[:-1] for row in point], [row[-1] for row in point])
        hessian = exact_hessian(problem, point)
        size = K * n_dof
        A, g = mp.matrix(size, size), mp.matrix(size, 1)
        for a in range(size):
            g[a] = gradient[a // n_dof][a % n_dof] / scale[a % n_dof]
            for b in range(size):
                A[a, b] = hessian[a][b] / scale[a % n_dof] / scale[b % n_dof]
        if K > 1:  # what is common to all intercepts changes nothing
            for k in range(K):
                for m in range(K):
                    A[k * n_dof + n_dof - 1, m * n_dof + n_dof - 1] += 1
        step = mp.lu_solve(A, g)
        for a in range(size):
            point[a // n_dof][a % n_dof] -= step[a] / scale[a % n_dof]
    assert max(abs(x) for x in g) < mpf(10) ** -30
    return loss, point


def exact_hessian(problem, point):
    X, _, weights, alpha = problem
    K, n_dof = len(point), X.shape[1] + 1
    total = mp.fsum(map(mpf, weights))
    hessian = [[mpf(0)] * (K * n_dof) for _ in range(K * n_dof)]
    for x, weight in zip(X.astype(float), weights, strict=True):
        x = [*map(mpf, x), mpf(1)]
        logits = [mp.fdot(row, x) for row in point]
        logits = [mpf(0), *logits] if K == 1 else logits
        exps = [mp.exp(z - max(logits)) for z in logits]
        p = [e / mp.fsum(exps) for e in exps][-K:]
        for k in range(K):
            for m in range(K):
                curvature = mpf(float(weight)) / total * (p[k] * (k == m) - p[k] * p[m])
                for a in range(n_dof):
                    for b in range(n_dof):
                        hessian[k * n_dof + a][m * n_dof + b] += curvature * x[a] * x[b]
    for k in range(K):
        for a in range(n_dof - 1):
            hessian[k * n_dof + a][k * n_dof + a] += mpf(alpha)
    return hessian


def hard_fits():
    rng = np.random.default_rng(1)
    fits = {}
    for K in (2, 3):
        plain = some_problem(rng, 12, 2, K, alpha=0.1)
        fits[f"plain, {K} classes"] = plain
        fits[f"offsets of 1e6, {K} classes"] = plain._replace(X=plain.X + np.array([1e6, 0.0]))
        scales = np.array([1e6, 1e-6])
        fits[f"scales of 1e6 and 1e-6, {K} classes"] = plain._replace(X=plain.X * scales)
        uneven = 10.0 ** rng.uniform(-12, 12, 12)
        uneven[:K] = 1e12
        fits[f"weights from 1e-12 to 1e12, {K} classes"] = plain._replace(weights=uneven)
        fits[f"{K} samples, {K} classes"] = some_problem(rng, K, 2, K, alpha=0.1)
        fits[f"nearly separable, {K} classes"] = plain._replace(
            X=plain.X + 5.0 * np.eye(3)[plain.y][:, :2], alpha=1e-8
        )
    return fits


FITS = hard_fits()


def fitted(name, dtype):
    """The problem, the fit, the exact minimum and where it is, the exact loss of the fit."""
    problem = FITS[name]._replace(X=FITS[name].X.astype(dtype))
    near = SoftmaxGDClassifier(alpha=problem.alpha, tol=0)
    near.fit(problem.X.astype(np.float64), problem.y, problem.weights)
    least, point = optimum(problem, near.coef_, near.intercept_)
    model = SoftmaxGDClassifier(alpha=problem.alpha, tol=0)
    model.fit(problem.X, problem.y, problem.weights)
    loss, *_ = exact(problem, model.coef_.astype(float), model.intercept_.astype(float))
    return problem, model, least, point, loss


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", FITS)
def test_fitted_weights(name, dtype):
    """The loss of the fitted weights, rounding included, is the least to the last few digits."""
    problem, model, least, _, loss = fitted(name, dtype)
    # A logit loses what it is smaller than its terms: means beside deviations, large weights.
    centered = np.abs(problem.X.astype(float) - problem.X.mean(axis=0, dtype=float)).max(axis=0)
    terms = np.abs(problem.X).max(axis=0) / centered.clip(1e-300)
    logits = np.abs(model.coef_ * centered).max()
    # And a sample's loss is log(1 + …): as exact as one.
    eps = np.finfo(dtype).eps * max(1.0, float(terms.max())) * max(1.0, float(logits))
    assert 0 <= loss - least <= eps
    assert abs(mpf(float(model.loss_)) - loss) <= 4 * eps


def main():
    """Print what the page about trust shows: ``python tests/behaviour/test_exact.py``."""
    print("| data | excess | error of `loss_` | error of `coef_`, of the largest |")
    print("|---|---|---|---|")
    for dtype in (np.float64, np.float32):
        for name in FITS:
            _, model, least, point, loss = fitted(name, dtype)
            exact_coef = np.array([row[:-1] for row in point])
            error = np.abs(exact_coef - model.coef_.astype(float)).max() / np.abs(exact_coef).max()
            cells = (loss - least, abs(mpf(float(model.loss_)) - loss), error)
            shown = " | ".join(f"{float(cell):.0e}" for cell in cells)
            print(f"| {name}, {np.dtype(dtype)} | {shown} |")


if __name__ == "__main__":
    main()
