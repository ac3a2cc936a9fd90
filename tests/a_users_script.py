"""What a user's type checker sees: ``mypy --strict`` and pyright pass, and nothing is Any.

`.ci/run` runs both against the installed wheel.
"""

from typing import assert_type

import numpy as np
from numpy.typing import NDArray
from scipy import sparse  # type: ignore[import-untyped]

from skl_softmax import (
    SoftmaxGDClassifier,
    SoftmaxGDClassifierCV,
    SoftmaxPath,
    softmax_path,
    textbook,
)

X, y = [[0.0], [1.0], [2.0], [3.0]], np.array([0, 1, 0, 1])

fitted = SoftmaxGDClassifier(alpha=0.1, store_coef_history=True).fit(X, y)
assert_type(fitted, SoftmaxGDClassifier)
assert_type(fitted.fit(sparse.csr_array(X), y.tolist(), np.ones(4)), SoftmaxGDClassifier)
assert_type(fitted.fit_proba(X, [[1.0, 0.0]] * 3 + [[0.0, 1.0]]), SoftmaxGDClassifier)
assert_type(fitted.coef_, NDArray[np.floating])
assert_type(fitted.loss_history_, NDArray[np.floating])
assert_type(fitted.passes_history_, NDArray[np.integer])
assert_type(fitted.coef_history_, NDArray[np.floating])
assert_type(fitted.loss_, float)
assert_type(fitted.n_iter_, int)
assert_type(fitted.n_passes_, int)
assert_type(fitted.converged_, bool)
assert_type(fitted.stop_reason_, str)
assert_type(fitted.predict_proba(X), NDArray[np.floating])
assert_type(fitted.decision_function(X), NDArray[np.floating])
assert_type(next(fitted.staged_predict_proba(X)), NDArray[np.floating])
assert_type(fitted.score(X, y), float)
assert_type(fitted.duality_gap(X, y), float)

search = SoftmaxGDClassifierCV(alphas=[1.0, 0.1], cv=2).fit(X, y)
assert_type(search, SoftmaxGDClassifierCV)
assert_type(search.alpha_, float)
assert_type(search.scores_, NDArray[np.floating])
assert_type(search.best_estimator_, SoftmaxGDClassifier)

path = softmax_path(X, y, n_alphas=2)
assert_type(path, SoftmaxPath)
assert_type(path.coefs, NDArray[np.floating])
assert_type(path.n_iters, NDArray[np.integer])

assert_type(textbook.softmax(np.zeros((2, 3))), NDArray[np.floating])


def refused() -> None:
    """Checkers say so; nobody calls it."""
    SoftmaxGDClassifier().fit(object(), y)  # type: ignore[arg-type]
    SoftmaxGDClassifier(tol="small")  # type: ignore[arg-type]
    fitted.coef_.missing  # type: ignore[attr-defined]  # noqa: B018
