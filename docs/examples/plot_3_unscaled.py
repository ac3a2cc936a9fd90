"""
Unscaled data: why descent is slow, and what a matrix does about it
===================================================================

The wine data come in raw units: one column is about 0.4, another about 750. Gradient descent with a
number as learning rate hardly moves on them; with a matrix, it is done in a few steps.
"""

# %%
# The largest rate with which the loss is sure to fall is set by the largest column, and is far
# too small for the others.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_wine
from sklearn.preprocessing import StandardScaler

from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier

X, y = load_wine(return_X_y=True, as_frame=True)
X.agg(["mean", "std"]).T.round(2)

# %%
# Three fits
# ----------
# On scaled data the penalty acts on other weights, so that the second loss is not quite of the
# same function; with ``alpha=1e-4`` that makes little difference. "auto" stops once ``tol`` is
# reached; the others take all of their steps.

fits = {
    "raw, learning_rate=1e-6": SoftmaxGDClassifier(learning_rate=1e-6, max_iter=1000, tol=0).fit(
        X, y
    ),
    "scaled, learning_rate=1": SoftmaxGDClassifier(learning_rate=1.0, max_iter=1000, tol=0).fit(
        StandardScaler().fit_transform(X), y
    ),
    'raw, learning_rate="auto"': SoftmaxGDClassifier().fit(X, y),
}
for name, fit in fits.items():
    print(f"{name:27s} {fit.n_iter_:5d} steps, loss {fit.loss_:.4f}")

# %%
fig, ax = plt.subplots(figsize=(5.5, 3.6), layout="constrained")
display = LossCurveDisplay.from_estimators(fits, log=True, ax=ax)
_ = ax.set(xlim=(-20, 1000))

# %%
# Why
# ---
# In two dimensions it can be seen. A loss that is forty times as curved along one weight as
# along the other is a narrow valley. The gradient points across it, not along it: a step that
# is safe across hardly moves along. The inverse of the curvature turns the gradient to where
# the minimum lies.

curvature = np.diag([1.0, 40.0])
start, rate = np.array([-4.0, 0.55]), 0.047
number, matrix = [start], [start]
for _ in range(25):
    number.append(number[-1] - rate * curvature @ number[-1])
matrix.append(matrix[-1] - np.linalg.inv(curvature) @ (curvature @ matrix[-1]))

fig, axes = plt.subplots(1, 2, figsize=(8, 3), layout="constrained", sharey=True)
w1, w2 = np.meshgrid(np.linspace(-4.5, 1.0, 200), np.linspace(-0.9, 0.9, 200))
for ax, path, title in zip(
    axes, (number, matrix), ("a number: 25 steps", "a matrix: 1 step"), strict=True
):
    ax.contour(w1, w2, 0.5 * (w1**2 + 40.0 * w2**2), levels=12, colors="0.7", linewidths=0.8)
    ax.plot(*np.array(path).T, "o-", color="#0072B2", markersize=3)
    ax.plot(0.0, 0.0, "*", color="#D55E00", markersize=12)
    ax.set(title=title, xlabel="one weight")
_ = axes[0].set_ylabel("the other")

# %%
# How steep is the valley of the wine data? The condition of the features' Gram matrix says,
# with raw columns and with standardised ones:

raw = np.column_stack([X, np.ones(len(X))])
scaled = np.column_stack([StandardScaler().fit_transform(X), np.ones(len(X))])
for name, features in (("raw", raw), ("standardised", scaled)):
    print(f"{name:13s} {np.linalg.cond(features.T @ features):.1e}")

# sphinx_gallery_thumbnail_number = 2
