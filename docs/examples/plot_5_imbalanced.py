"""
Imbalanced classes and weights
==============================

One class in twenty. What ``class_weight="balanced"`` does to the boundary, to the two kinds of
error, and to the probabilities.
"""

# %%
# Two overlapping clouds, the second one rare.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import balanced_accuracy_score, recall_score

from skl_softmax import DecisionRegionsDisplay, SoftmaxGDClassifier

rng = np.random.default_rng(0)


def clouds(n_samples):
    """Samples of two classes, five in a hundred of the second."""
    y = (rng.random(n_samples) < 0.05).astype(int)
    return rng.normal(size=(n_samples, 2)) + 1.6 * y[:, np.newaxis], y


X, y = clouds(2000)
X_test, y_test = clouds(100_000)
models = {
    "as it is": SoftmaxGDClassifier().fit(X, y),
    "balanced": SoftmaxGDClassifier(class_weight="balanced").fit(X, y),
}
fig, axes = plt.subplots(1, 2, figsize=(7, 3.6), layout="constrained", sharex=True, sharey=True)
for ax, (name, model) in zip(axes, models.items(), strict=True):
    DecisionRegionsDisplay.from_estimator(model, X, y, iterations=None, ax=ax)
    ax.set_title(name)
_ = axes[0].get_legend().remove()

# %%
# The boundary is where both classes are equally probable. Without weights, the boundary lies deep
# in the rare class: the model misses most rare samples, but is right about nearly all samples.
# With balanced weights both classes count the same. The model then finds most of the rare
# samples, at the price of false alarms.

print(f"{'':10s} {'accuracy':>9s} {'balanced':>9s} {'found of the rare':>18s}")
for name, model in models.items():
    predicted = model.predict(X_test)
    print(
        f"{name:10s} {np.mean(predicted == y_test):9.3f}"
        f" {balanced_accuracy_score(y_test, predicted):9.3f}"
        f" {recall_score(y_test, predicted):18.3f}"
    )

# %%
# The price
# ---------
# The balanced model computes probabilities for a world in which both classes are equally frequent.
# As estimates for these data, they are far too high;
# :ref:`another example <sphx_glr_auto_examples_plot_5_prior.py>` moves them back.

fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
for (name, model), color in zip(models.items(), ("#0072B2", "#E69F00"), strict=True):
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, n_bins=10, name=name, ax=ax, color=color
    )
ax.set(xlabel="predicted probability of the rare class", ylabel="observed frequency")
_ = ax.legend(frameon=False)

# %%
# If the costs of errors matter, there is another way: keep the probabilities as they are, and
# move the threshold. The new boundary is parallel to the old one, and the result is close to the
# result of balanced weights.

proba = models["as it is"].predict_proba(X_test)[:, 1]
moved = (proba > np.mean(y)).astype(int)
round(balanced_accuracy_score(y_test, moved), 3)

# %%
# A weight is a repetition
# ------------------------
# A sample of weight two counts as two samples:

doubled = np.concatenate([X, X[y == 1]]), np.concatenate([y, y[y == 1]])
weighted = SoftmaxGDClassifier(tol=1e-18).fit(X, y, sample_weight=1.0 + y)
repeated = SoftmaxGDClassifier(tol=1e-18).fit(*doubled)
bool(np.allclose(weighted.coef_, repeated.coef_, atol=1e-6))
