r"""
The lab: softmax regression by gradient descent
===============================================

The course in your hands: data, softmax, loss, its gradient, the loop, and what it does. It
follows the lab "Lab2-4. Softmax Regression via Gradient Descent" by Byungkook Oh (2026), and
gets its numbers.
"""

# %%
# The data
# --------
# Three clouds of points in the plane, 250 in all. Each point has two features and a class.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skl_softmax import (
    CoefPathDisplay,
    DecisionRegionsDisplay,
    LossCurveDisplay,
    SoftmaxGDClassifier,
)
from skl_softmax.textbook import (
    cross_entropy,
    cross_entropy_gradient,
    cross_entropy_gradient_elementwise,
    softmax,
)

X, y = make_blobs(
    n_samples=250,
    centers=[(0, 0), (1.0, 0.0), (0.0, 1.0)],
    cluster_std=[0.3, 0.3, 0.3],
    random_state=42,
)
names = ["x1", "x2"]
colors, markers = ["#0072B2", "#E69F00", "#009E73"], ["s", "o", "^"]

fig, ax = plt.subplots(figsize=(4.8, 3.2), layout="constrained")
for k in range(3):
    ax.scatter(*X[y == k].T, s=16, color=colors[k], marker=markers[k], label=f"class {k}")
ax.set(xlabel="x1", ylabel="x2", aspect="equal")
_ = fig.legend(loc="outside right center", frameon=False)

# %%
# Softmax
# -------
# A softmax turns any row of numbers, the logits, into probabilities: positive, and summing to
# one.

softmax([[2.0, 1.0, -1.0]]).round(3)

# %%
# It is computed from the differences to the largest logit, so that no exponential can overflow:

softmax([[1000.0, 999.0, -1000.0]]).round(3)

# %%
# For two classes it is the logistic sigmoid of the logits' difference:

z = np.array([0.3, -1.2])
float(softmax([z])[0, 1] - 1 / (1 + np.exp(-(z[1] - z[0]))))

# %%
# The loss
# --------
# With a column of ones in front, the bias is a weight like the others; with one-hot labels, the
# loss is the mean of −log(probability of the right class). At zero weights, every class has the
# probability 1/3, and the loss is log 3.

X1 = np.column_stack([np.ones(len(X)), X])
Y = np.eye(3)[y]
W = np.zeros((3, 3))
cross_entropy(X1, Y, W), np.log(3)

# %%
# The gradient
# ------------
# One formula, :math:`\frac1n X^\top (P - Y)`, and the same element by element. Rows are bias,
# x1 and x2, columns the classes.

gradient = cross_entropy_gradient(X1, Y, W)
gradient.round(4)

# %%
float(np.abs(gradient - cross_entropy_gradient_elementwise(X1, Y, W)).max())

# %%
# Is the formula right? The loss must change along each weight as the gradient says.

h = 1e-6
numeric = np.zeros((3, 3))
for index in np.ndindex(3, 3):
    step = np.zeros((3, 3))
    step[index] = h
    difference = cross_entropy(X1, Y, W + step) - cross_entropy(X1, Y, W - step)
    numeric[index] = difference / (2 * h)
float(np.abs(gradient - numeric).max())

# %%
# The loop
# --------
# Three hundred times a step against the gradient. Every loss is kept.

losses = [cross_entropy(X1, Y, W)]
for _ in range(300):
    W = W - 0.5 * cross_entropy_gradient(X1, Y, W)
    losses.append(cross_entropy(X1, Y, W))
for step in (0, 1, 5, 30, 300):
    print(f"after {step:3d} steps: {losses[step]:.6f}")

# %%
# The weights:

W.round(4)

# %%
# The same with the estimator
# ---------------------------
# A number as ``learning_rate`` is that loop and nothing else; ``tol=0`` takes every step,
# ``alpha=0`` leaves the penalty out, and ``store_coef_history=True`` keeps every step's
# weights.

model = SoftmaxGDClassifier(
    learning_rate=0.5, alpha=0, max_iter=300, tol=0, store_coef_history=True
).fit(X, y)
np.vstack([model.intercept_, model.coef_.T]).round(4)

# %%
# Every loss is the loop's, to the last digits:

float(np.abs(model.loss_history_ - losses).max())

# %%
# The loss over the steps
# -----------------------
# Fast at first, then slower and slower.

fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
_ = LossCurveDisplay.from_estimator(model, ax=ax).ax_.set(ylim=(0, None))

# %%
# The weights over the steps
# --------------------------
# A colour for each class, a style for each feature. Class 1 lies to the right: its weight of x1
# grows. Class 2 lies above: its weight of x2 does. The weights of the three classes sum to zero
# at every step.

display = CoefPathDisplay.from_estimator(model, feature_names=names)
display

# %%
# The regions as they evolve
# --------------------------
# After 1, 5, 30 and 300 steps. On a dashed line two classes are equally probable; all three
# meet in a point. After a single step the lines lie right already, more or less, though the
# probabilities hardly differ: what the other 299 steps do is to make the model sure of itself,
# and to shift the lines.

fig, axes = plt.subplots(2, 2, figsize=(7, 6), layout="constrained", sharex=True, sharey=True)
regions = DecisionRegionsDisplay.from_estimator(model, X, y, feature_names=names, ax=axes)

# %%
# With the probabilities as tints, that shows:

fig, axes = plt.subplots(2, 2, figsize=(7, 6), layout="constrained", sharex=True, sharey=True)
_ = DecisionRegionsDisplay.from_estimator(
    model, X, y, feature_names=names, response_method="predict_proba", ax=axes
)

# %%
# And all of it, moving
# ---------------------

regions.animate()

# %%
# In `the playground <../playground.html>`__ you can move these points, and watch the training
# change.

# sphinx_gallery_thumbnail_number = 3
