"""
Early stopping
==============

Watch the loss on other data while the weights are fitted, and keep those that were best there.
"""

# %%
# Ninety images and no penalty: after some steps the fit learns the images by heart. The loss on
# these images keeps falling, but the loss on other images rises again.

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier

X, y = load_digits(return_X_y=True)
X_train, X_other, y_train, y_other = train_test_split(
    X, y, train_size=90, random_state=0, stratify=y
)
X_val, X_test, y_val, y_test = train_test_split(X_other, y_other, test_size=0.5, random_state=0)
data = {"X": X_train, "y": y_train, "X_val": X_val, "y_val": y_val}

course = SoftmaxGDClassifier(learning_rate=0.01, alpha=0, max_iter=2000, tol=0).fit(**data)
fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
LossCurveDisplay.from_estimator(course, ax=ax)
_ = ax.set_ylim(0.0, 0.8)

# %%
# ``early_stopping=True`` stops when the validation loss has not fallen below its least value for
# ``n_iter_no_change`` steps, and goes back to the best weights.

stopped = SoftmaxGDClassifier(learning_rate=0.01, alpha=0, early_stopping=True).fit(**data)
print(f"{stopped.n_iter_} steps, the weights of step {stopped.best_iter_}")
fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
LossCurveDisplay.from_estimator(stopped, ax=ax)
ax.axvline(stopped.best_iter_, color="0.6", linewidth=1.0)
_ = ax.set_ylim(0.0, 0.8)

# %%
# Or a penalty
# ------------
# A penalty too keeps the fit from learning by heart. The result does not depend on the steps, so
# the fast ``"auto"`` can be used; but each strength needs a fit of its own.

fits = {
    f"alpha={alpha:g}": SoftmaxGDClassifier(alpha=alpha).fit(**data)
    for alpha in (1e-2, 1e-1, 1.0, 10.0)
}
best = min(fits, key=lambda name: fits[name].validation_loss_history_[-1])
for name, fit in {"early stopping": stopped, best: fits[best]}.items():
    loss = log_loss(y_test, fit.predict_proba(X_test))
    print(f"{name:15s} {fit.n_iter_:4d} steps, loss on images that neither has seen {loss:.3f}")
