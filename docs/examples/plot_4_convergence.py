"""
Reading convergence
===================

Is it done? What the loss curve shows, what it hides, and what the estimator says.
"""

# %%
# A loss curve flattens long before its end: what is left to gain is hidden in the thickness of
# the line. On a logarithmic axis, what a loss exceeds the optimum by shows it.

import textwrap
import warnings

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning

from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier

X, y = load_digits(return_X_y=True)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    fits = {
        "learning_rate=0.0003": SoftmaxGDClassifier(learning_rate=0.0003, max_iter=300).fit(X, y),
        "learning_rate=0.001": SoftmaxGDClassifier(learning_rate=0.001, max_iter=300).fit(X, y),
        '"auto"': SoftmaxGDClassifier(tol=1e-16).fit(X, y),
    }
fig, axes = plt.subplots(1, 2, figsize=(9, 3.4), layout="constrained")
LossCurveDisplay.from_estimators(fits, ax=axes[0])
_ = LossCurveDisplay.from_estimators(fits, what="excess", ax=axes[1])

# %%
# The constant rates are far from done after 300 steps, though the left picture does not show
# it. The matrix step gains digits faster and faster towards the end.
#
# What the estimator says
# -----------------------

for name, fit in fits.items():
    print(f"{name:22s} {fit.n_iter_} steps, {fit.n_passes_} passes, stopped by {fit.stop_reason_}")

# %%
# And the warning, if ``tol`` was not reached, says how far off it is and what would help. It
# names the rate below which the loss is sure to fall at every step, whatever the weights.

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    SoftmaxGDClassifier(learning_rate=0.001, max_iter=300).fit(X, y)
print(textwrap.fill(str(caught[0].message), 80))

# %%
# Steps are not all there is
# --------------------------
# A step of "auto" may cost more than one pass over the data, and measuring a curvature model
# takes passes as well. Counted in passes, the comparison is fair; it hardly changes.

fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
_ = LossCurveDisplay.from_estimators(fits, x="passes", what="excess", ax=ax)

# %%
# Too large a rate
# ----------------
# Above that rate nothing makes sure that the loss falls. It may, and then faster, where the loss
# is less curved than it could be; it may rise first, as here with 0.05 and 0.2, and come back
# once the weights are so large that it is nearly flat; or it may never come back.

fits = {}
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    for rate in (0.001, 0.01, 0.05, 0.2):
        fits[f"learning_rate={rate}"] = SoftmaxGDClassifier(learning_rate=rate, max_iter=60).fit(
            X, y
        )
fig, ax = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
_ = LossCurveDisplay.from_estimators(fits, log=True, ax=ax)

# sphinx_gallery_thumbnail_number = 1
