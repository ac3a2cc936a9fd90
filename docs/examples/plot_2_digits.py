"""
Digits in a pipeline and a grid search
======================================

How strong should the penalty be? A grid search over ``alpha``, as for any other classifier, on
8 × 8 images of handwritten digits.
"""

# %%
# Some pixels at the border are the same in every image; a pipeline drops them.

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.feature_selection import VarianceThreshold
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline

from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier

X, y = load_digits(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
pipeline = make_pipeline(VarianceThreshold(), SoftmaxGDClassifier())
alphas = np.logspace(-5, 1, 13)
search = GridSearchCV(
    pipeline, {"softmaxgdclassifier__alpha": alphas}, return_train_score=True
).fit(X_train, y_train)
alpha = search.best_params_["softmaxgdclassifier__alpha"]
print(f"alpha = {alpha:.3g}, accuracy on the images left out {search.score(X_test, y_test):.3f}")

# %%
# Too weak a penalty fits the training data perfectly, and others less well; too strong a one
# fits neither.

results = search.cv_results_
fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
for name, color, title in (
    ("train", "#56B4E9", "on the folds it was fitted to"),
    ("test", "#0072B2", "on the fold left out"),
):
    mean, spread = results[f"mean_{name}_score"], results[f"std_{name}_score"]
    ax.fill_between(alphas, mean - spread, mean + spread, color=color, alpha=0.2, linewidth=0)
    ax.semilogx(alphas, mean, color=color, label=title)
ax.axvline(alpha, color="0.6", linestyle="--")
ax.set(xlabel="alpha", ylabel="accuracy")
ax.spines[["top", "right"]].set_visible(False)
_ = ax.legend(frameon=False)

# %%
# What is mistaken for what
# -------------------------

fig, ax = plt.subplots(figsize=(5, 4.2), layout="constrained")
_ = ConfusionMatrixDisplay.from_estimator(
    search, X_test, y_test, ax=ax, cmap="Blues", colorbar=False
)

# %%
# What the weights look like
# --------------------------
# A weight for each pixel and digit: ink where it is orange speaks for the digit, where it is
# purple, against it.

kept = search.best_estimator_[0].get_support()
weights = np.zeros((10, 64))
weights[:, kept] = search.best_estimator_[1].coef_
size = np.abs(weights).max()
fig, axes = plt.subplots(2, 5, figsize=(7, 3.2), layout="constrained")
for digit, ax in enumerate(axes.flat):
    image = ax.imshow(weights[digit].reshape(8, 8), cmap="PuOr_r", vmin=-size, vmax=size)
    ax.set(title=str(digit), xticks=[], yticks=[])
_ = fig.colorbar(image, ax=axes, shrink=0.8, label="weight")

# %%
# How the fit went
# ----------------

fig, ax = plt.subplots(figsize=(5, 3.2), layout="constrained")
_ = LossCurveDisplay.from_estimator(search, ax=ax)

# sphinx_gallery_thumbnail_number = 3
