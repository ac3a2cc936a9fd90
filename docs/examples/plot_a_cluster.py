"""
A cluster, tried on one machine
===============================

``DaskSoftmaxGDClassifier`` takes the steps of ``SoftmaxGDClassifier``, and Dask's workers make the
sums. On a laptop, Dask's threads are the workers; on a cluster only the client is another.
"""

# %%
# Twenty chunks of a hundred thousand samples in all. A chunk stays where it is: only sums over its
# samples move.

import dask.array as da
import numpy as np

from skl_softmax import LossCurveDisplay, SoftmaxGDClassifier
from skl_softmax.dask import DaskSoftmaxGDClassifier

rng = np.random.default_rng(0)
X = rng.normal(size=(100_000, 10))
y = (X[:, :3] + rng.gumbel(size=(100_000, 3))).argmax(axis=1)
chunks = da.from_array(X, chunks=(5_000, 10)), da.from_array(y, chunks=5_000)

there = DaskSoftmaxGDClassifier().fit(*chunks)
here = SoftmaxGDClassifier().fit(X, y)
print(f"largest difference of the weights: {np.abs(there.coef_ - here.coef_).max():.1e}")

# %%
# Predictions are lazy: a share of the data is enough to look at a few.

proba = there.predict_proba(chunks[0])
print(proba)
print(proba[:2].compute().round(3))

# %%
# ``to_local`` returns an estimator that needs no Dask, for those who only predict.

local = there.to_local()
display = LossCurveDisplay.from_estimator(local, what="excess")
