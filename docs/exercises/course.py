# %% [markdown]
# # Softmax regression: exercises
#
# Seven exercises, from softmax to a learning rate that is a matrix. Replace each `...` by code; the
# cell below it checks the result and is silent if it is right. A gap is never more than one line.
# The data and the figures are those of the lab "Lab2-4. Softmax Regression via Gradient Descent" by
# Byungkook Oh (2026). NumPy, matplotlib, scikit-learn and `skl_softmax` are needed.

# %%
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skl_softmax import SoftmaxGDClassifier, textbook

X, y = make_blobs(
    n_samples=250, centers=[(0, 0), (1.0, 0.0), (0.0, 1.0)], cluster_std=[0.3] * 3, random_state=42
)
X1 = np.column_stack([np.ones(len(X)), X])  # (250, 3): a column of ones, x1, x2
Y = np.eye(3)[y]  # (250, 3): one-hot labels

for k in range(3):
    plt.scatter(*X[y == k].T, s=16, marker="so^"[k], label=f"class {k}")
plt.xlabel("$x_1$")
plt.ylabel("$x_2$")
_ = plt.legend()

# %% [markdown]
# ## 1. Softmax
# $p_k = e^{z_k} / \sum_j e^{z_j}$ for each row of logits. No exponential may overflow: subtract the
# largest logit of each row first.


# %%
def softmax(Z):
    """Turn logits (n, K) into probabilities (n, K)."""
    Z = Z - Z.max(axis=1, keepdims=True)  # gap
    return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)  # gap


# %% check
P = softmax(np.array([[2.0, 1.0, -1.0], [1000.0, 999.0, -1000.0]]))
assert np.shape(P) == (2, 3), "one row of probabilities for each row of logits"
assert np.allclose(P.sum(axis=1), 1.0), "the probabilities of a sample sum to one"
assert np.allclose(P[0].round(3), [0.705, 0.259, 0.035])
assert np.allclose(P[1].round(3), [0.731, 0.269, 0.0]), "does an exponential overflow?"

# %% [markdown]
# ## 2. Cross-entropy
# $L(W) = -\frac1n \sum_{ik} Y_{ik} \log P_{ik}$ with $P = \mathrm{softmax}(XW)$. Which value must
# it have at zero weights, for three classes?


# %%
def cross_entropy(X, Y, W):
    """The mean over the samples of −log(probability of the right class)."""
    return -np.sum(Y * np.log(softmax(X @ W))) / len(X)  # gap


at_zero = np.log(3)  # gap

# %% check
W = np.zeros((3, 3))
assert np.isclose(cross_entropy(X1, Y, W), 1.0986, atol=5e-5)
assert np.isclose(at_zero, cross_entropy(X1, Y, W)), "all classes are equally probable"
W = np.random.default_rng(0).normal(size=(3, 3))
assert np.isclose(cross_entropy(X1, Y, W), textbook.cross_entropy(X1, Y, W))

# %% [markdown]
# ## 3. The gradient
# The errors are $E = P - Y$, and $\nabla L(W) = \frac1n X^\top E$. The second function needs no
# formula: it moves one weight by a little, `step`, and sees how the loss changes.


# %%
def gradient(X, Y, W):
    """The derivatives of the loss: one for each weight, so of the shape of W."""
    E = softmax(X @ W) - Y  # gap
    return X.T @ E / len(X)  # gap


def numeric_derivative(X, Y, W, j, k, h=1e-6):
    """The derivative of the loss with respect to W[j, k], from two losses."""
    step = np.zeros_like(W)
    step[j, k] = h
    return (cross_entropy(X, Y, W + step) - cross_entropy(X, Y, W - step)) / (2 * h)  # gap


# %% check
G = gradient(X1, Y, np.zeros((3, 3)))
course = [[-0.0027, 0.0013, 0.0013], [0.1211, -0.2308, 0.1097], [0.1095, 0.1073, -0.2168]]
assert np.allclose(G, course, atol=5e-5), "rows: bias, x1, x2; columns: the classes"
assert np.allclose(G.sum(axis=1), 0.0), "what one class gains, the others lose"
for j, k in np.ndindex(3, 3):
    assert np.isclose(numeric_derivative(X1, Y, W, j, k), gradient(X1, Y, W)[j, k], atol=1e-8)

# %% [markdown]
# ## 4. The loop
# From zero weights, `n_steps` times a step against the gradient. Keep the loss and the weights of
# the start and of every step: `n_steps + 1` of each. Beware of appending the same array again and
# again.


# %%
def train_softmax(X, Y, learning_rate, n_steps):
    """Return the losses (n_steps + 1,) and the weights (n_steps + 1, 3, 3)."""
    W = np.zeros((X.shape[1], Y.shape[1]))
    losses, weights = [cross_entropy(X, Y, W)], [W]
    for _ in range(n_steps):
        W = W - learning_rate * gradient(X, Y, W)  # gap
        losses.append(cross_entropy(X, Y, W))
        weights.append(W)
    return np.array(losses), np.array(weights)


# %% check
losses, weights = train_softmax(X1, Y, 0.5, 300)
assert losses.shape == (301,)
assert weights.shape == (301, 3, 3)
assert np.all(weights[0] == 0.0), "was the first array changed in place?"
course = [1.098612, 1.026042, 0.819554, 0.421889, 0.178821]
assert np.allclose(losses[[0, 1, 5, 30, 300]], course, atol=5e-7)
course = [[2.1905, -1.0978, -1.0928], [-2.4749, 4.3155, -1.8406], [-2.4770, -1.7428, 4.2199]]
assert np.allclose(weights[-1], course, atol=5e-5)
estimator = SoftmaxGDClassifier(learning_rate=0.5, alpha=0, max_iter=300, tol=0).fit(X, y)
assert np.allclose(estimator.loss_history_, losses), "the estimator runs this loop"

# %% [markdown]
# ## 5. Predictions and boundaries
# The predicted class has the largest logit. Two classes are equally probable where their logits are
# equal; the three boundaries meet in one point. Two equations, `A @ point = c`, determine it: class
# 0 ties with class 1, and class 0 with class 2.

# %%
W = weights[-1]
predicted = (X1 @ W).argmax(axis=1)  # gap
lines = W[:, [0, 0]] - W[:, [1, 2]]  # a column for each boundary: bias, weight of x1, weight of x2
A = lines[1:].T  # gap
c = -lines[0]  # gap

# %% check
assert np.isclose(np.mean(predicted == y), 0.956)
point = np.linalg.solve(A, c)
assert np.allclose(softmax(np.array([[1.0, *point]]) @ W), 1 / 3)
assert np.allclose(point, [0.436, 0.449], atol=5e-4)

# %% [markdown]
# ## 6. The learning rate
# The curvature of the loss is at most $\Lambda = \frac12 \lambda_{\max}(\frac1n X^\top X)$. With a
# learning rate below $2 / \Lambda$ the loss falls at every step, from any start. Compute
# $2 / \Lambda$ (`np.linalg.eigvalsh` gives eigenvalues). Then find a rate for which the loss
# *rises* at some of 100 steps. How far above $2 / \Lambda$ must you go?

# %%
largest_safe = 2 / (np.linalg.eigvalsh(X1.T @ X1 / len(X1)).max() / 2)  # gap
too_large = 20.0  # gap

# %% check
assert np.isclose(largest_safe, 3.16, atol=5e-3)
assert np.all(np.diff(train_softmax(X1, Y, 0.99 * largest_safe, 100)[0]) < 0.0)
assert np.any(np.diff(train_softmax(X1, Y, too_large, 100)[0]) > 0.0), "the loss still falls"

# %% [markdown]
# ## 7. Why a matrix
# Measure $x_1$ in thousandths, and the numbers of its column are a thousand times larger. The
# curvature along its weights is a million times larger, and so the learning rate must be a million
# times smaller: for all weights, those of $x_2$ as well, which then hardly move. Divide by the
# curvature of *all* directions instead: multiply the gradient by the inverse of the matrix
# $\frac12 \frac1n X^\top X$ (`np.linalg.solve`). Then the units do not matter.


# %%
def train_with_matrix(X, Y, n_steps):
    """Return the losses (n_steps + 1,) of steps by the inverse of the curvature's bound."""
    curvature = X.T @ X / len(X) / 2
    W = np.zeros((X.shape[1], Y.shape[1]))
    losses = [cross_entropy(X, Y, W)]
    for _ in range(n_steps):
        W = W - np.linalg.solve(curvature, gradient(X, Y, W))  # gap
        losses.append(cross_entropy(X, Y, W))
    return np.array(losses)


# %% check
thousandths = X1 * [1.0, 1000.0, 1.0]
safe = 2 / (np.linalg.eigvalsh(thousandths.T @ thousandths / len(X)).max() / 2)
by_number, _ = train_softmax(thousandths, Y, 0.99 * safe, 30)
by_matrix = train_with_matrix(thousandths, Y, 30)
print(f"after 30 steps: {by_number[-1]:.3f} by a number, {by_matrix[-1]:.3f} by a matrix")
assert np.allclose(by_matrix, train_with_matrix(X1, Y, 30)), "the units still matter"
assert by_matrix[-1] < 0.3 < by_number[-1]

# %% [markdown]
# `SoftmaxGDClassifier()`, with `learning_rate="auto"`, goes further. It measures the curvature
# itself, not a bound on it, and again where the curvature has changed. A handful of steps is
# enough, in any units:

# %%
auto = SoftmaxGDClassifier(alpha=0).fit(thousandths[:, 1:], y)
print(f"{auto.n_iter_} steps: loss {auto.loss_:.4f}")
