"""Anything at all: a fit and its predictions raise a ValueError or TypeError, or are right.

``pytest tests/behaviour/test_fuzz.py --hypothesis-profile=long`` tries 20000 examples.
"""

import warnings

import numpy as np
from hypothesis import event, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from scipy import sparse

from skl_softmax import SoftmaxGDClassifier

EXTREME = [0.0, -0.0, 1.0, -1.0, 1e-320, 1e-160, 1e-30, 1e30, 1e149, 1e155, 1e300, 3e38, 1e-45]
numbers = st.one_of(
    st.floats(-10.0, 10.0),
    st.integers(-3, 3).map(float),
    st.sampled_from(EXTREME),
    st.floats(allow_nan=True, allow_infinity=True),
)
tame = st.one_of(st.floats(-10.0, 10.0), st.integers(-3, 3).map(float), st.sampled_from(EXTREME))
layouts = st.sampled_from(
    [
        np.asarray,
        np.asfortranarray,
        np.ndarray.tolist,
        sparse.csr_array,
        sparse.coo_array,
        lambda X: X.astype(np.float32),
        lambda X: sparse.csr_matrix(X.astype(np.float32)),
        lambda X: X[::-1, ::-1],
        lambda X: X.astype(object),
        lambda X: np.nan_to_num(X).clip(-100, 100).astype(np.int8),
        lambda X: X > 0,
        lambda X: X.round(2).astype(str),
    ]
)
labels = st.one_of(
    st.integers(0, 3),
    st.sampled_from(["a", "b", "c"]),
    st.booleans(),
    st.sampled_from([0.0, 1.0, 2.5, np.nan]),
    st.none(),
)
weights = st.one_of(st.floats(0.0, 3.0), st.sampled_from([0.0, 1e-300, 1e300]))
params = st.fixed_dictionaries(
    {},
    optional={
        "learning_rate": st.sampled_from(["auto", "auto", 0.1, 1e300, 1e-300]),
        "l1_ratio": st.sampled_from([0.0, 0.0, 1e-300, 0.5, 1.0]),
        "alpha": st.sampled_from([0.0, 1e-300, 1e-8, 1.0, 1e300]),
        "fit_intercept": st.booleans(),
        "tol": st.sampled_from([0.0, 1e-12, 1e-4, 1.0]),
        "gap_tol": st.sampled_from([None, None, 1e-6]),
        "class_weight": st.sampled_from([None, None, "balanced", {0: 2.0}, {"a": 0.0}]),
        "early_stopping": st.sampled_from([False, False, False, True]),
        "validation_fraction": st.sampled_from([0.1, 0.5, 0.99]),
        "random_state": st.sampled_from([0, None]),
        "store_coef_history": st.booleans(),
    },
)


@st.composite
def problems(draw):
    """Data of any kind, more often sound than not."""
    n, d = draw(st.integers(1, 12)), draw(st.integers(1, 4))
    X = draw(npst.arrays(float, (n, d), elements=draw(st.sampled_from([tame, tame, numbers]))))
    sound = [st.integers(0, 2), st.sampled_from("abc"), st.booleans()]
    label = draw(st.sampled_from([*sound, *sound, labels]))
    y = draw(st.lists(label, min_size=n, max_size=n))
    weight = draw(st.one_of(st.none(), st.lists(weights, min_size=n, max_size=n)))
    with np.errstate(all="ignore"):
        return draw(layouts)(X), y, weight


@given(problems(), params)
def test_right_or_refused(problem, params):
    X, y, weight = problem
    model = SoftmaxGDClassifier(max_iter=20).set_params(**params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model.fit(X, y, weight)
            proba, log_proba = model.predict_proba(X), model.predict_log_proba(X)
        except (ValueError, TypeError):
            event("refused")
            return
        assert set(model.predict(X)) <= set(model.classes_)
    event("fitted")
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.loss_history_).all()
    assert np.isfinite(log_proba).all()
    assert ((proba >= 0.0) & (proba <= 1.0 + 1e-6)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1.0, atol=1e-5)
