"""
Wide data: a few genes among twenty thousand
============================================

Two hundred samples, twenty thousand features, as with gene expression. With so many features any
labels can be separated. The question is which few features tell the classes apart. The data are
made here: features come in correlated groups, and twelve features decide among four classes.
"""

# %%
# Making the data
# ---------------

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.patches import Patch
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from skl_softmax import (
    AlphaScoreDisplay,
    CoefPathDisplay,
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    softmax_path,
)

rng = np.random.default_rng(0)
n_samples, n_genes, n_groups = 400, 20_000, 500
pathways = rng.standard_normal((n_samples, n_groups))
group = rng.integers(n_groups, size=n_genes)
X = 0.6 * pathways[:, group] + 0.8 * rng.standard_normal((n_samples, n_genes))
telling = rng.choice(n_genes, size=12, replace=False)
coef = np.zeros((4, n_genes))
coef[:, telling] = 2.0 * rng.standard_normal((4, 12))
y = (X @ coef.T + rng.gumbel(size=(n_samples, 4))).argmax(axis=1)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=200, random_state=0, stratify=y)

# %%
# All features, or few
# --------------------
# An L2 penalty gives every feature a weight. An elastic net, its strength chosen by
# cross-validation, uses few, and predicts better.

ridge = SoftmaxGDClassifierCV(alphas=np.logspace(0, 4, 10)).fit(X_train, y_train)
net = SoftmaxGDClassifierCV(alphas=15, l1_ratios=[0.9], eps=0.03).fit(X_train, y_train)
for name, model in {"L2": ridge, "elastic net": net}.items():
    used = np.count_nonzero(model.coef_.any(axis=0))
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(
        f"{name:12} {used:6d} features, accuracy {model.score(X_test, y_test):.2f}, loss {loss:.2f}"
    )

display = AlphaScoreDisplay.from_estimator(net)

# %%
# The path
# --------
# From hundreds of features to none: a colour for each class, a line for each feature, and above the
# number of features in use.

path = softmax_path(X_train, y_train, l1_ratio=0.9, n_alphas=40, eps=0.03)
display = CoefPathDisplay.from_path(path)

# %%
# Are they the right ones?
# ------------------------
# The 25 chosen features with the largest weights. Some decide (blue), others belong to the groups
# of these (orange) and are nearly as good. The grey features are there by chance: with 200
# samples, and a penalty chosen for its predictions, some always are.

size = np.abs(net.coef_).max(axis=0)
first = np.argsort(-size)[:25]
relatives = np.isin(group, group[telling])
legend = {"decides": "#0072B2", "of a group that decides": "#E69F00", "by chance": "#999999"}
kinds = np.where(np.isin(first, telling), 0, np.where(relatives[first], 1, 2))
colors = np.array(list(legend.values()))[kinds]
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
ax.bar(np.arange(25), size[first], color=colors)
ax.set(xlabel="gene", ylabel="largest weight")
ax.set_xticks(np.arange(25), first, rotation=90)
ax.spines[["top", "right"]].set_visible(False)
ax.legend([Patch(color=color) for color in legend.values()], legend, frameon=False)
n_telling, n_relatives = np.isin(first, telling).sum(), relatives[first].sum()
print(
    f"Of the first 25, {n_telling} decide, and {n_relatives - n_telling} more are of their groups."
)

# %%
# How many features a step looks at
# ---------------------------------
# Most steps look at some features only: the features in use, and the features with the largest
# gradients. So a fit reads all data only a few times.

model = SoftmaxGDClassifier(alpha=net.alpha_, l1_ratio=0.9).fit(X_train, y_train)
print(f"{model.n_iter_} steps, {model.n_passes_} passes over the whole of X")
