"""
Other shares of the classes
===========================

Trained on balanced classes, used where one of them is rare. A shift of the intercepts brings the
probabilities back, and moves them to wherever the model is used next.
"""

# %%
# Where one class is rare, data are often collected with chosen shares of the classes, half and half
# for example, or weighted with ``class_weight="balanced"``. Here are both, for a class that is five
# in a hundred.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.calibration import CalibrationDisplay
from sklearn.metrics import log_loss

from skl_softmax import SoftmaxGDClassifier

rng = np.random.default_rng(0)


def clouds(n_samples, share):
    """Samples of two classes, and how many of them are of the second."""
    y = (rng.random(n_samples) < share).astype(int)
    return rng.normal(size=(n_samples, 2)) + 1.6 * y[:, np.newaxis], y


X, y = clouds(4000, share=0.05)
X_half, y_half = clouds(400, share=0.5)
X_test, y_test = clouds(100_000, share=0.05)
weighted = SoftmaxGDClassifier(class_weight="balanced").fit(X, y)
collected = SoftmaxGDClassifier().fit(X_half, y_half)
weighted.class_prior_.round(3), collected.class_prior_.round(3)

# %%
# `class_prior_` is each class's share of the training weight: half, or about half. The
# probabilities are those of a world like that. Give `with_class_prior` the shares of the world
# where the model is used. It returns a copy with other intercepts: by Bayes' theorem, for samples
# of a class that look as they did in training, this is all that changes.

population = [0.95, 0.05]
models = {
    "as it is": SoftmaxGDClassifier().fit(X, y),
    "balanced by weights": weighted,
    "… with the prior": weighted.with_class_prior(population),
    "half and half": collected,
    "… with its prior": collected.with_class_prior(population),
}
for name, model in models.items():
    print(f"{name:20s} log-loss {log_loss(y_test, model.predict_proba(X_test)):.4f}")

# %%
# The curves of the moved models lie near the diagonal: where they say 30 %, it is 30 %.

fig, ax = plt.subplots(figsize=(5.2, 4.6), layout="constrained")
for name, model in models.items():
    CalibrationDisplay.from_estimator(
        model, X_test, y_test, n_bins=10, name=name, ax=ax, marker="."
    )
ax.set(xlabel="predicted probability of the rare class", ylabel="how often it was")
_ = ax.legend(frameon=False)

# %%
# From place to place
# -------------------
# The next hospital sees the rare class in a fifth of its samples. No new fit is needed, only the
# share.

X_next, y_next = clouds(100_000, share=0.2)
for name, prior in {"of before": [0.95, 0.05], "of the place": [0.8, 0.2]}.items():
    moved = weighted.with_class_prior(prior)
    print(f"with the prior {name:12s} log-loss {log_loss(y_next, moved.predict_proba(X_next)):.4f}")

# %%
# What it cannot do
# -----------------
# It is exact for a model that is right and has no penalty. A strong penalty holds coefficients
# back, and by how much depends on the shares that it was trained with; then the moved
# probabilities are as good as those coefficients.

for alpha in (0.0, 1e-4, 0.1):
    model = SoftmaxGDClassifier(alpha=alpha, class_weight="balanced").fit(X, y)
    proba = model.with_class_prior(population).predict_proba(X_test)
    print(f"alpha={alpha:<6g} log-loss {log_loss(y_test, proba):.4f}")
