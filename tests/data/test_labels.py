"""Labels: `fit` takes those that `score` takes, and refuses the others with words that help."""

import warnings
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score

from skl_softmax import SoftmaxGDClassifier, SoftmaxGDClassifierCV

X, y = load_iris(return_X_y=True)
X, y = X[:100], y[:100]  # two classes

PAIRS = {  # two labels, and whether scikit-learn's metrics take them as objects
    "bool": ((False, True), False),
    "int": ((3, 5), False),
    "float": ((3.0, 5.0), False),
    "date": ((date(2020, 1, 1), date(2021, 1, 1)), False),
    "time with a zone": (tuple(pd.to_datetime(["2020", "2021"], utc=True)), False),
    "period": (tuple(pd.period_range("2020", periods=2, freq="Y")), False),
    "bytes": ((b"a", b"b"), False),
    "tuple": (((0, 1), (2, 3)), False),
    "Decimal": ((Decimal(1), Decimal(2)), False),
    "str": (("a", "b"), True),
}


@pytest.mark.parametrize("name", PAIRS)
def test_what_fit_takes_score_takes_and_what_score_refuses_fit_refuses(name, tmp_path):
    pair, is_known = PAIRS[name]
    both = np.empty(2, dtype=object)
    both[:] = pair
    labels = both[y]
    on_disk = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    on_disk[:] = X
    fits = [
        lambda: SoftmaxGDClassifier().fit(X, labels),
        lambda: SoftmaxGDClassifier().fit(sparse.csr_array(X), pd.Series(labels)),
        lambda: SoftmaxGDClassifier().fit(on_disk, labels),
        lambda: SoftmaxGDClassifierCV(alphas=[0.1], scoring=None).fit(X, labels),
        lambda: SoftmaxGDClassifier().fit_proba(X, np.eye(2)[y] * 0.9 + 0.05, classes=both),
    ]
    for fit in fits:
        if is_known:
            model = fit()
            assert model.score(X, labels) == accuracy_score(labels, model.predict(X)) == 1.0
        else:
            with pytest.raises(
                ValueError, match=r"Unknown label type: (y|classes) holds .*convert"
            ):
                fit()


@pytest.mark.parametrize(
    "labels",
    [
        lambda y: np.array(["a", "b"], dtype=np.dtypes.StringDType())[y],
        lambda y: np.array(["2020", "2021"], dtype="M8[D]")[y],
        lambda y: pd.Series(y == 1, dtype="boolean"),
        lambda y: pd.Series(np.array(["a", "b"])[y], dtype="category"),
        lambda y: pl.Series(y == 1),
        lambda y: y[:, np.newaxis] == 1,
    ],
)
def test_score_takes_labels_as_fit_does(labels):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataConversionWarning)
        model = SoftmaxGDClassifier().fit(X, labels(y))
    assert model.score(X, labels(y)) == 1.0
    assert model.score(X, labels(1 - y)) == 0.0
    assert model.score(X, labels(y * (np.arange(100) < 75)), np.arange(100)) == pytest.approx(
        np.arange(75).sum() / np.arange(100).sum()
    )
