r"""
The lab: softmax regression by gradient descent
===============================================

At the end of this page you can

- turn logits into probabilities without an overflow, and say what softmax has to do with the
  sigmoid;
- write down the cross-entropy in two forms, and its gradient in three;
- program the training loop, and keep all its losses and weights;
- say why the loss falls at every step, and for which learning rates it must;
- read weights class by class, and draw where one class ends and the next begins;
- do all this with :class:`~skl_softmax.SoftmaxGDClassifier`, and know that it is this loop.

What is new, if you know binary logistic regression:

==================  ===============================  ==============================================
\                   two classes                      K classes
==================  ===============================  ==============================================
labels              0 or 1                           one-hot rows: a 1 in the column of the class
weights             one column                       one column for each class
probabilities       sigmoid of one logit             softmax of K logits
loss of a sample    −y log p − (1 − y) log(1 − p)    −log(probability of its class)
error               p − y                            E = P − Y, a row for each sample
gradient            (1/n) Xᵀ(p − y)                  (1/n) XᵀE, a column for each class
boundaries          one line                         one line for each pair of classes
==================  ===============================  ==============================================

The page follows the lab "Lab2-4. Softmax Regression via Gradient Descent" by Byungkook Oh (2026),
and gets its numbers.
"""

# %%
# The numbers
# -----------
# Everything below follows from these numbers. Change them and run the page again: two, three,
# four or five centers, more steps or fewer, another learning rate.

centers = [(0, 0), (1.0, 0.0), (0.0, 1.0)]
learning_rate = 0.5
n_steps = 300

# %%
# The number of classes follows, and so do the steps at which we shall look closely.

K = len(centers)
snapshots = [step for step in (1, 5, 30, 300) if step < n_steps] + [n_steps]

# %%
# The data
# --------
# A cloud of points around each center. A point has two features, :math:`x_1` and :math:`x_2`, and
# a class.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

X, y = make_blobs(n_samples=250, centers=centers, cluster_std=[0.3] * len(centers), random_state=42)
n = len(X)
print("X:", X.shape, " y:", y.shape)
for k in range(K):
    print(f"class {k}: {np.sum(y == k)} points around {centers[k]}")

# %%

colors = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9"]
markers = ["s", "o", "^", "D", "v"]


def draw_points(ax):
    """Draw the points, with a colour and a marker for each class."""
    for k in range(K):
        ax.scatter(*X[y == k].T, s=16, color=colors[k], marker=markers[k], label=f"class {k}")
    ax.set(xlabel="$x_1$", ylabel="$x_2$", aspect="equal")
    ax.grid(alpha=0.3)


fig, ax = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
draw_points(ax)
ax.set_title(f"{n} points of {K} classes")
_ = fig.legend(loc="outside right center", frameon=False)

# %%
# Softmax
# -------
# A model gives each sample a number for each class: its logits :math:`z_1, \dots, z_K`. Softmax
# turns them into probabilities: positive, and of sum one.
#
# .. math:: p_k = \frac{e^{z_k}}{\sum_j e^{z_j}}
#
# An exponential overflows soon: :math:`e^{710}` is already too large. But if the same number is
# subtracted from all logits, numerator and denominator are divided by the same factor. So we
# subtract the largest logit. Every exponential is then at most one.


def softmax(Z):
    """Turn logits (n, K) into probabilities (n, K)."""
    Z = Z - Z.max(axis=1, keepdims=True)
    return np.exp(Z) / np.exp(Z).sum(axis=1, keepdims=True)


Z = np.array([[2.0, 1.0, -1.0], [1000.0, 999.0, -1000.0]])
print(softmax(Z).round(3))
print("sums:", softmax(Z).sum(axis=1))

# %%
# **For two classes, softmax is the sigmoid of the difference of the logits:**
#
# .. math:: \frac{e^{z_1}}{e^{z_0} + e^{z_1}} = \frac{1}{1 + e^{-(z_1 - z_0)}}
#           = \sigma(z_1 - z_0)
#
# How far does that reach? With more classes, it holds for any two of them: *if* the sample is of
# class j or k, it is of class j with the probability :math:`\sigma(z_j - z_k)`. But K sigmoids of
# K logits do not sum to one.


def sigmoid(z):
    """Turn logits into probabilities, each by itself."""
    return 1 / (1 + np.exp(-z))


two = np.array([[0.3, -1.2]])
print(f"softmax {softmax(two)[0, 1]:.6f}, sigmoid {sigmoid(two[0, 1] - two[0, 0]):.6f}")

three = np.array([[2.0, 1.0, -1.0]])
p = softmax(three)[0]
print(f"p0 / (p0 + p1) = {p[0] / (p[0] + p[1]):.6f}, sigmoid {sigmoid(2.0 - 1.0):.6f}")
print(f"sum of three sigmoids: {sigmoid(three).sum():.3f}")

# %%
# The loss
# --------
# A column of ones makes the bias a weight like any other. One-hot labels have a row for each
# sample and a column for each class.

X1 = np.column_stack([np.ones(n), X])  # (n, 3): the bias, x1, x2
Y = np.eye(K)[y]  # (n, K)
W = np.zeros((3, K))  # a column of weights for each class
print("X1:", X1.shape, " Y:", Y.shape, " W:", W.shape, " logits:", (X1 @ W).shape)
print(f"the first label is {y[0]}, its one-hot row is {Y[0]}")

# %%
# A sample's loss is −log of the probability of its class: zero if the model is sure and right,
# and large if it is sure and wrong. The cross-entropy is the mean over the samples. One-hot
# labels choose one term of the inner sum, so there are two ways to write it:
#
# .. math:: L(W) = -\frac1n \sum_{i=1}^n \sum_{k=1}^K Y_{ik} \log P_{ik}
#                = -\frac1n \sum_{i=1}^n \log P_{i, y_i}, \qquad P = \mathrm{softmax}(XW)


def cross_entropy(X, Y, W):
    """The mean loss: the sum over all classes, of which the one-hot labels choose one."""
    P = softmax(X @ W)
    return -np.sum(Y * np.log(P)) / len(X)


def cross_entropy_of_labels(X, y, W):
    """The same number: the mean over the samples of −log(probability of the class)."""
    P = softmax(X @ W)
    return -np.mean(np.log(P[np.arange(len(X)), y]))


# %%
# At zero weights all classes are equally probable, and the loss is log K. (If a probability
# underflows to zero, its logarithm is infinite. :mod:`skl_softmax.textbook` takes the logarithm of
# the sum of exponentials, which cannot.)

print(f"{cross_entropy(X1, Y, W):.4f}  {cross_entropy_of_labels(X1, y, W):.4f}")
print(f"log {K} = {np.log(K):.4f}")

# %%
# The gradient
# ------------
# In which direction does the loss grow? All comes from the errors: what the model says, less
# what is true.
#
# .. math:: E = P - Y
#
# Why: the loss of a sample of class y is :math:`\log \sum_j e^{z_j} - z_y`. Its derivative with
# respect to :math:`z_k` is :math:`p_k`, less 1 if k is y. A weight :math:`W_{jk}` moves
# :math:`z_k` by :math:`X_{ij}`. So
#
# .. math::
#
#     \frac{\partial L}{\partial W_{jk}} = \frac1n \sum_{i=1}^n X_{ij} E_{ik}, \qquad
#     \frac{\partial L}{\partial w_k} = \frac1n X^\top e_k, \qquad
#     \nabla L(W) = \frac1n X^\top E :
#
# entry by entry, column by column, and all at once.


def gradient_by_entries(X, Y, W):
    """The gradient (3, K), one entry at a time: slow, and easy to check."""
    E = softmax(X @ W) - Y
    gradient = np.zeros_like(W)
    for j in range(W.shape[0]):
        for k in range(W.shape[1]):
            for i in range(len(X)):
                gradient[j, k] += X[i, j] * E[i, k] / len(X)
    return gradient


def gradient_by_columns(X, Y, W):
    """The gradient (3, K): for each class, the errors of the class, weighted by the features."""
    E = softmax(X @ W) - Y
    return np.column_stack([X.T @ E[:, k] / len(X) for k in range(W.shape[1])])


def cross_entropy_gradient(X, Y, W):
    """The gradient (3, K): one product of matrices."""
    E = softmax(X @ W) - Y
    return X.T @ E / len(X)


# %%
# At zero weights, a row for the bias, x1 and x2, and a column for each class:

gradient = cross_entropy_gradient(X1, Y, W)
print(gradient.round(4))

# %%
# Each row sums to zero, since each row of E does: what one class gains, the others lose. The
# three ways agree, and so does a check that knows no formula: move one weight a little, and see
# how the loss changes.

numeric = np.zeros_like(W)
h = 1e-6
for j in range(W.shape[0]):
    for k in range(K):
        step = np.zeros_like(W)
        step[j, k] = h
        higher, lower = cross_entropy(X1, Y, W + step), cross_entropy(X1, Y, W - step)
        numeric[j, k] = (higher - lower) / (2 * h)

for name, other in (
    ("entry by entry", gradient_by_entries(X1, Y, W)),
    ("column by column", gradient_by_columns(X1, Y, W)),
    ("by differences of the loss", numeric),
):
    print(f"{name:27s} differs by {np.abs(gradient - other).max():.0e} at most")

# %%
# The loop
# --------
# A step goes against the gradient. Every loss and all weights are kept, those of the start as
# well: the histories are one longer than the number of steps.


def train_softmax(X, Y, learning_rate, n_steps):
    """Return the losses and the weights before every step and after the last."""
    W = np.zeros((X.shape[1], Y.shape[1]))
    losses, weights = [cross_entropy(X, Y, W)], [W]
    for _ in range(n_steps):
        W = W - learning_rate * cross_entropy_gradient(X, Y, W)
        losses.append(cross_entropy(X, Y, W))
        weights.append(W)
    return np.array(losses), np.array(weights)


losses, weights = train_softmax(X1, Y, learning_rate, n_steps)
print("losses:", losses.shape, " weights:", weights.shape)

# %%
# **A trap.** ``W = W - ...`` makes a new array at each step. ``W -= ...`` changes the one array
# in place. A list that it was appended to then holds the same array many times, and every step
# seems to have the last step's weights. If you change in place, append a copy.

changed, history = np.zeros(2), []
for _ in range(3):
    changed -= 1
    history.append(changed)  # append(changed.copy()) would keep each step
print(np.array(history))

# %%
# What the loop did:

for step in [0, *snapshots]:
    accuracy = np.mean((X1 @ weights[step]).argmax(axis=1) == y)
    print(f"after {step:3d} steps: loss {losses[step]:.6f}, {accuracy:.1%} right")

# %%
# Why the loss falls
# ------------------
# The cross-entropy is convex in the weights: it has no valley but one. And its slope does not
# change too fast: its curvature is nowhere more than
#
# .. math:: \Lambda = \frac12 \, \lambda_{\max}\!\left(\frac1n X^\top X\right).
#
# Along a step against the gradient, the loss lies below a parabola of this curvature. The
# parabola ends lower than it began if the learning rate is less than :math:`2/\Lambda`. So with
# such a rate, the loss falls at *every* step, from wherever you start. A larger rate may do
# well for a while; nothing promises that it will.

curvature = np.linalg.eigvalsh(X1.T @ X1 / n).max() / 2
print(f"2/Λ = {2 / curvature:.2f}, and the learning rate is {learning_rate}")
print(f"steps at which the loss rose: {np.sum(np.diff(losses) > 0)}")

# %%
# Fast at first, then slower and slower: near the bottom the gradient is small, and so are the
# steps.

fig, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
ax.plot(losses)
ax.plot(snapshots, losses[snapshots], "o")
ax.set(xlabel="step", ylabel="loss [nats per sample]", ylim=(0, None))
ax.set_title("The loss over the steps")
ax.grid(alpha=0.3)

# %%
# Reading the weights
# -------------------
# A column belongs to a class. A weight says by how much the logit of the class grows when the
# feature grows by one. Only differences between the columns matter: each row sums to zero.

W = weights[-1]
print(W.round(4))
for k in range(K):
    for j, name in ((1, "x1"), (2, "x2")):
        direction = "larger" if W[j, k] > 0 else "smaller"
        print(f"class {k} gains from {direction} {name} ({W[j, k]:+.2f})")

# %%
# The estimator is this loop
# --------------------------
# A number as ``learning_rate`` gives the loop above and nothing else. ``alpha=0`` leaves the
# penalty out, ``tol=0`` takes every step, and ``store_coef_history=True`` keeps the weights of
# every step.
#
# One thing is to be known for two classes: the estimator has one row of weights, the difference
# of our two columns. When both columns move, their difference moves twice as fast. So the
# estimator needs twice the learning rate to take the steps of the loop.

from skl_softmax import (
    CoefPathDisplay,
    DecisionRegionsDisplay,
    SoftmaxGDClassifier,
    textbook,
)

model = SoftmaxGDClassifier(
    learning_rate=learning_rate if K > 2 else 2 * learning_rate,
    alpha=0,
    max_iter=n_steps,
    tol=0,
    store_coef_history=True,
).fit(X, y)

ours = W if K > 2 else W[:, 1:] - W[:, :1]
theirs = np.vstack([model.intercept_, model.coef_.T])
print(theirs.round(4))

# %%
# Loop, estimator and :mod:`skl_softmax.textbook`, which has the formulas of this page, agree to
# the last digits:

for name, difference in (
    ("losses, loop and estimator", losses - model.loss_history_),
    ("weights, loop and estimator", ours - theirs),
    ("loss, page and textbook", losses[-1] - textbook.cross_entropy(X1, Y, W)),
    ("gradient, page and textbook", gradient - textbook.cross_entropy_gradient(X1, Y, 0 * W)),
    ("softmax, page and textbook", softmax(X1 @ W) - textbook.softmax(X1 @ W)),
):
    print(f"{name:28s} differ by {np.abs(difference).max():.0e} at most")

# %%
# The weights over the steps, a colour for each class and a style for each feature:

names = ["$x_1$", "$x_2$"]
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
CoefPathDisplay.from_estimator(model, feature_names=names, ax=ax)
ax.set_title("The weights over the steps")
ax.set_xlim(right=1.35 * n_steps)  # room for the legend
ax.grid(alpha=0.3)

# %%
# Regions and boundaries
# ----------------------
# The model predicts the class with the largest logit. Where the logits of the classes j and k
# are equal lies the boundary of the pair, a straight line; with more features, a hyperplane:
#
# .. math:: (w_j - w_k) \cdot x + (b_j - b_k) = 0
#
# Three such lines are not independent: where class 0 ties with 1, and 1 with 2, there 0 ties with
# 2. So the three boundaries of three classes meet in one point, the junction.


def junction(i, j, k):
    """The point at which the logits of three classes are equal."""
    lines = W[:, [i, i]] - W[:, [j, k]]  # a column for each of two boundaries: bias, x1, x2
    return np.linalg.solve(lines[1:].T, -lines[0])


if K > 2:
    point = junction(0, 1, 2)
    print(f"classes 0, 1 and 2 tie at x1 = {point[0]:.3f}, x2 = {point[1]:.3f}")
    print("their probabilities there:", softmax(np.array([[1, *point]]) @ W)[0, :3].round(4))
else:
    print("two classes have one boundary, and no junction")

# %%
# Each region is convex, as every intersection of half planes is. Together the regions divide the
# plane as the cells of a Voronoi diagram do. For there, too, the largest of K linear functions
# wins: :math:`-\lVert x - c_k \rVert^2` is :math:`2 c_k \cdot x - \lVert c_k \rVert^2`, but for
# :math:`\lVert x \rVert^2`, which all classes share. Softmax regression learns the linear
# functions from the labels, so its lines need not lie halfway between any centers.
#
# On a dashed line, two classes are equally probable:


def draw_regions(response_method):
    """Draw the regions at every snapshot, side by side, and return the display."""
    rows = (len(snapshots) + 1) // 2
    _, axes = plt.subplots(
        rows,
        2,
        figsize=(7, 0.6 + 2.8 * rows),
        layout="constrained",
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for ax in axes.flat[len(snapshots) :]:
        ax.remove()
    return DecisionRegionsDisplay.from_estimator(
        model,
        X,
        y,
        iterations=snapshots,
        feature_names=names,
        response_method=response_method,
        ax=axes.flat[: len(snapshots)],
    )


regions = draw_regions("predict")

# %%
# After a single step the lines lie right already, more or less. What the other steps do shows
# when the probabilities are drawn as tints: they make the model sure of itself, and shift the
# lines.

_ = draw_regions("predict_proba")

# %%
# And all of it, moving:

animation = regions.animate()
animation

# %%
# Summary
# -------
#
# ==================  ==================================================  ===================
# what                formula                                             with the estimator
# ==================  ==================================================  ===================
# logits              :math:`Z = XW`                                      ``decision_function``
# probabilities       :math:`P = \mathrm{softmax}(Z)`                     ``predict_proba``
# loss                :math:`-\frac1n \sum_{ik} Y_{ik} \log P_{ik}`       ``loss_history_``
# error               :math:`E = P - Y`
# gradient            :math:`\frac1n X^\top E`
# step                :math:`W \leftarrow W - \eta \nabla L(W)`           ``learning_rate``
# history             all losses, all weights                             ``coef_history_``
# prediction          the class of the largest logit                      ``predict``
# ==================  ==================================================  ===================
#
# **Where to go from here.** In `the playground <../playground.html>`__ you can move the points, and
# watch the training change. The step is a number times the gradient. On features of different
# units no number suits all of them: see :ref:`sphx_glr_auto_examples_plot_3_unscaled.py`.
# ``learning_rate="auto"`` replaces the number by a matrix, and the loop stays as it is.
#
# **References.** C\. M. Bishop, *Pattern Recognition and Machine Learning*, 2006, section 4.3.4:
# softmax, cross-entropy, gradient. S\. Boyd and L. Vandenberghe, *Convex Optimization*, 2004,
# section 9.3: gradient descent. D\. Böhning, "Multinomial logistic regression algorithm", Annals
# of the Institute of Statistical Mathematics 44, 1992: the bound on the curvature.
#
# **Credit.** Data, course and figures: Byungkook Oh, "Lab2-4. Softmax Regression via Gradient
# Descent", 2026.

# %%
# As a script, the page shows its pictures, or saves them where there is no window.

if plt.get_backend().lower() != "agg":
    plt.show()
elif plt.get_fignums():
    for number in plt.get_fignums():
        plt.figure(number).savefig(f"lab_{number}.png")
    animation.save("lab.gif", writer="pillow")

# sphinx_gallery_thumbnail_number = 4
