"""Bad input: the error's type, what its message names, and an earlier fit left as it was."""

import re
import tracemalloc
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._data.matrix import check_held_out

X, y = load_iris(return_X_y=True)
ONES = np.ones(len(y))


def changed(array, index, value):
    array = np.array(array, dtype=float)
    array[index] = value
    return array


NUMBERS = {  # parameter: (what is allowed, numbers that are not)
    "learning_rate": ("'auto' or a finite number > 0", [0, -0.5]),
    "alpha": ("a finite number >= 0", [-1e-9]),
    "l1_ratio": ("a number from 0 to 1", [-1e-9, 1.0 + 1e-9]),
    "tol": ("a finite number >= 0", [-1e-9]),
    "gap_tol": ("None or a finite number > 0", [0, -1e-9]),
    "validation_fraction": ("a number between 0 and 1", [0.0, 1.0, -0.1, 1.5]),
}
INTEGERS = {  # parameter: the least allowed
    "max_iter": 1,
    "verbose": 0,
    "n_iter_no_change": 1,
}
SWITCHES = ["fit_intercept", "warm_start", "early_stopping", "store_coef_history"]
NOT_FINITE = [np.nan, np.inf, -np.inf, np.float32("nan"), 10**400]
NO_NUMBER = ["1", b"1", True, np.True_, 1j, [1.0], (1,), {}, {1.0}, np.ones(1), object(), len]
NO_INTEGER = [1.0, 2.5, np.float64(3), np.nan, "3", None, 2j, [3], (), {}, np.array([3]), len]
NO_SWITCH = [0, 1, 1.0, None, "yes", "", [], [True], np.array([True, False]), {}, object()]

BAD_PARAMETERS = [
    *(
        (name, value, ValueError, allowed)
        for name, (allowed, wrong) in NUMBERS.items()
        for value in [*wrong, *NOT_FINITE]
    ),
    *(
        (name, value, TypeError, allowed)
        for name, (allowed, _) in NUMBERS.items()
        for value in [*NO_NUMBER, *([] if name == "gap_tol" else [None])]
        if not (name == "learning_rate" and isinstance(value, str))
    ),
    ("learning_rate", "fast", ValueError, "'auto' or a finite number > 0"),
    ("learning_rate", "", ValueError, "'auto' or a finite number > 0"),
    *(
        (name, value, ValueError, f"an integer >= {least}")
        for name, least in INTEGERS.items()
        for value in (least - 1, -3, np.int64(-1), -(10**30))
    ),
    *(
        (name, value, TypeError, f"an integer >= {least}")
        for name, least in INTEGERS.items()
        for value in [*NO_INTEGER, *([] if name == "verbose" else [True, np.False_])]
    ),
    *((name, value, TypeError, "True or False") for name in SWITCHES for value in NO_SWITCH),
    *(
        ("random_state", value, ValueError, "None, an integer >= 0 or a numpy.random.RandomState")
        for value in ["x", 0.5, [1], np.random.default_rng(0), -1, 2**40]
    ),
    ("class_weight", "even", ValueError, "None, 'balanced' or a dict"),
    ("class_weight", "", ValueError, "None, 'balanced' or a dict"),
    *(
        ("class_weight", value, TypeError, "None, 'balanced' or a dict")
        for value in [[1, 2, 3], 2.0, True, (1, 2, 3), np.ones(3), {0, 1}, len]
    ),
    (
        "class_weight",
        {"setosa": 2},
        ValueError,
        "it names ['setosa'], and the classes of y are [0, 1, 2]",
    ),
    *(
        ("class_weight", {1: value}, ValueError, "class_weight[1] must be a finite number >= 0")
        for value in [-1, *NOT_FINITE]
    ),
    *(
        ("class_weight", {1: value}, TypeError, "class_weight[1] must be a finite number >= 0")
        for value in [*NO_NUMBER, None]
    ),
    ("class_weight", {0: 0, 1: 0, 2: 0}, ValueError, "weights are zero"),
]

ALLOWED_WEIGHTS = (
    "sample_weight must be a number or a 1D array of finite numbers >= 0, one for each sample"
)

BAD_INPUTS = [
    ((changed(X, (3, 2), np.nan), y), "Input X contains NaN"),
    ((changed(X, (3, 2), np.inf), y), "Input X contains infinity"),
    ((sparse.csr_array(changed(X, (3, 2), np.nan)), y), "Input X contains NaN"),
    ((changed(X, (3, 2), np.nan), y, changed(ONES, 3, 0.0)), "Input X contains NaN"),
    ((changed(X, (3, 2), np.nan), y, changed(0 * ONES, slice(50, 150, 7), 1.0)), "X contains NaN"),
    ((changed(np.tile(X, 200), (3, 2), np.inf), y), "Input X contains infinity"),  # wide
    (  # in a block of rows that all have no weight
        (
            changed(np.repeat(X, 300, axis=0), (-1, 2), np.nan),
            np.repeat(y, 300),
            np.repeat(y < 2, 300),
        ),
        "Input X contains NaN",
    ),
    ((X[:, 0], y), "Expected 2D array, got 1D array"),
    ((X[:0], y[:0]), "0 sample(s)"),
    ((X[:, :0], y), "0 feature(s)"),
    ((X.astype(str) + "cm", y), "could not convert string to float"),
    ((X + 1j, y), "Complex data not supported"),
    ((X, y[:-1]), "inconsistent numbers of samples: [150, 149]"),
    ((X, changed(y, 0, np.nan)), "Input y contains NaN"),
    ((X, X[:, 0] + 0.123), "Unknown label type: continuous"),
    ((X, np.column_stack([y, y])), "y should be a 1d array"),
    ((X, None), "requires y to be passed, but the target y is None"),
    ((X, np.zeros(150, dtype=int)), "at least two classes, got one class: [0]"),
    ((X * [1, 1, 1e160, 1], y), "too large to be squared, in column 2: up to about 1e150"),
    ((X, ["a"] * 150), "at least two classes, got one class: ['a']"),
    ((X, y, ONES[:-1]), "one for each sample, got 149 for X with 150 samples"),
    ((X, y, ONES[:, np.newaxis] * [1, 1]), "sample_weight must be a number or a 1D array"),
    ((X, y, changed(ONES, 5, np.nan)), "sample_weight must be a number or a 1D array of finite"),
    ((X, y, changed(ONES, 5, np.inf)), "numbers >= 0, one for each sample, got inf"),
    ((X, y, changed(ONES, 5, -0.5)), "numbers >= 0, one for each sample, got -0.5"),
    ((X, y, 0 * ONES), "weights are zero"),
    ((X, y, ["heavy"] * 150), "one for each sample: could not convert string to float: 'heavy'"),
    ((changed(X, (3, 2), 1e200), y), "too large to be squared, in column 2: up to about 1e150"),
    ((sparse.csr_array(changed(X, (3, 2), 1e200)), y), "too large to be squared, in column 2"),
    # Numbers that are not finite, wherever they stand and however they are stored.
    *(
        ((convert(changed(X, place, value)), y), f"Input X contains {name}")
        for name, value in {"NaN": np.nan, "infinity": np.inf, "infinity ": -np.inf}.items()
        for place in [(0, 0), (77, 1), (149, 3), slice(10, 60)]
        for convert in [
            np.asfortranarray,
            np.float32,
            np.ndarray.tolist,
            sparse.csr_array,
            sparse.csc_array,
            sparse.coo_matrix,
            pd.DataFrame,
        ]
    ),
    *(
        ((X, y, wrong), f"{ALLOWED_WEIGHTS}{got}")
        for wrong, got in [
            (changed(ONES, 149, -np.inf), ", got -inf"),
            (changed(ONES, 0, -1e-300), ", got -1e-300"),
            (-1.0, ", got -1"),
            (np.nan, ", got nan"),
            (np.ones((150, 150)), ", got a 2D array"),
            (np.ones((1, 150)), ", got a 2D array"),
            (np.ones(151), ", got 151 for X with 150 samples"),
            ([], ", got 0 for X with 150 samples"),
            ([None] * 150, ", got nan"),
            (np.ma.masked_equal(y + 0.0, 1.0), ": sample_weight holds masked numbers"),
            (10**400, ": int too large to convert to float"),
            ([10**400] * 150, ": int too large to convert to float"),
            *(
                (dates, ": sample_weight holds times")
                for dates in [
                    y.astype("M8[D]"),
                    y.astype("m8[s]"),
                    list(y.astype("M8[D]")),
                    pd.Series(pd.to_datetime(y)),
                    pd.Series(pd.to_datetime(y, utc=True)),
                    pd.to_timedelta(y),
                    pl.Series(pd.to_datetime(y)),
                    pl.Series(pd.to_datetime(y)).cast(pl.Date),
                ]
            ),
            ("balanced", ": could not convert"),
            (pd.Series(["1 kg"] * 150), ": could not convert"),
        ]
    ),
    *(
        ((X, wrong), message)
        for wrong, message in [
            (y[np.newaxis], "y should be a 1d array, got an array of shape (1, 150)"),
            (y[:, np.newaxis, np.newaxis], "Found array with dim 3"),
            (7, "y should be a 1d array, got an array of shape ()"),
            ("setosa", "y should be a 1d array"),
            ([], "inconsistent numbers of samples: [150, 0]"),
            (np.repeat(y, 2), "inconsistent numbers of samples: [150, 300]"),
            (changed(y, 0, np.inf), "Input y contains infinity"),
            (
                np.where(y == 0, np.datetime64("NaT", "D"), np.datetime64("2020-01-01")),
                "contains NaN",
            ),
            (np.ma.masked_equal(y, 1), "Input y contains NaN"),
            (["1", 1] * 75, "Labels must be of one type, got numbers and text"),
            ((True, 1, 2) * 50, "Labels must be of one type, got numbers and truth values"),
            ([True, "True"] * 75, "Labels must be of one type, got text and truth values"),
            (np.linspace(0, 1, 150), "Unknown label type: continuous"),
            (y + 0.5, "Unknown label type: continuous"),
            (["a"] * 150, "at least two classes, got one class: ['a']"),
            ([True] * 150, "at least two classes, got one class: [True]"),
            (np.full(150, 2.0), "at least two classes, got one class: [2.0]"),
            (pd.Series(["x"] * 150), "at least two classes, got one class: ['x']"),
        ]
    ),
    *(
        ((wrong, y), message)
        for wrong, message in [
            (None, "Expected 2D array, got scalar array"),
            (7.0, "Expected 2D array, got scalar array"),
            ("iris.csv", "could not convert string to float: 'iris.csv'"),
            (X[np.newaxis], "Found array with dim 3"),
            (X[:, :, np.newaxis], "Found array with dim 3"),
            (X[:100], "inconsistent numbers of samples: [100, 150]"),
            ([[1.0, 2.0], [3.0]] * 75, "inhomogeneous shape"),
            (np.full((150, 2), "tall"), "could not convert string to float: "),
            (np.array([[1.0, None]] * 150, dtype=object), "Input X contains NaN"),
            ([[10**400, 1.0]] * 150, "Input X holds numbers out of the range of float64"),
            *(
                (times, "Input X holds times")
                for times in [
                    X.astype("M8[D]"),
                    X.astype("m8[s]"),
                    X.astype("M8[D]").tolist(),
                    list(X.astype("M8[D]")),
                    X.astype("M8[D]").astype(object),
                    pd.DataFrame(X.astype("M8[s]")).to_numpy(object),
                ]
            ),
            (pd.DataFrame(X, columns=list("abba")), "several columns of the same name: ['a', 'b']"),
            (np.ma.masked_less(X, 1.0), "Input X holds masked numbers"),
            (X * 1e200, "too large to be squared, in column 0"),
            (np.asfortranarray(X * [1, 1, 1, 1e200]), "too large to be squared, in column 3"),
            (sparse.csr_array(X * 1e200), "too large to be squared, in column 0"),
        ]
    ),
]


def test_there_are_hundreds():
    assert len(BAD_PARAMETERS) + len(BAD_INPUTS) >= 300


@pytest.fixture(params=["unfitted", "fitted"])
def model(request):
    model = SoftmaxGDClassifier()
    return model.fit(X, y) if request.param == "fitted" else model


def assert_refused(model, arguments, error, message):
    """Fit raises, and every attribute stays the same object."""
    before = dict(vars(model))
    with pytest.raises(error, match=re.escape(message)):
        model.fit(*arguments)
    assert vars(model).keys() == before.keys()
    assert all(vars(model)[name] is value for name, value in before.items())


@pytest.mark.parametrize(("name", "value", "error", "message"), BAD_PARAMETERS)
def test_parameters(model, name, value, error, message):
    model.set_params(**{name: value})
    assert_refused(model, (X, y), error, message)
    if name != "class_weight":
        with pytest.raises(error, match=f"{name} .*got {re.escape(repr(value))}"):
            model.fit(X, y)


@pytest.mark.parametrize(("arguments", "message"), BAD_INPUTS)
def test_inputs(model, arguments, message):
    assert_refused(model, arguments, ValueError, message.strip())


@pytest.mark.parametrize("labels", [[0, "one", 2], [None, "a", "b"], [{}, 1, 2], [(1,), "a", 2.0]])
def test_labels_that_cannot_be_sorted(model, labels):
    y_object = np.empty(3, dtype=object)
    y_object[:] = labels
    message = "y must hold labels that can be sorted, none of them missing"
    assert_refused(model, (X, y_object[y]), TypeError, message)


class Stored:
    """What is not in memory: it has a shape, a dtype and rows to be read."""

    def __init__(self, array):
        self.array, self.shape, self.dtype = array, array.shape, array.dtype

    def __getitem__(self, rows):
        return self.array[rows]

    def __len__(self):
        return len(self.array)


@pytest.mark.parametrize("convert", [np.asarray, sparse.csr_array, Stored])
def test_wherever_X_is_it_is_checked_before_y(model, convert):
    wrong_y = np.ma.masked_equal(y, 1)
    with pytest.raises(ValueError, match=r"Complex data|X must hold real numbers"):
        model.fit(convert(X.astype(complex)), wrong_y)
    assert_refused(model, (convert(X), wrong_y), ValueError, "Input y contains NaN")
    assert_refused(model, (convert(X), None), ValueError, "requires y to be passed")


TWINS = [
    ("\N{LATIN SMALL LETTER E WITH ACUTE}t", "e\N{COMBINING ACUTE ACCENT}t"),
    ("setosa", "setosa "),
    ("\tsetosa", "setosa"),
]


@pytest.mark.parametrize("twins", TWINS)
@pytest.mark.parametrize(
    "convert", [list, pd.Series, np.array, Stored, partial(np.array, dtype=object)]
)
def test_labels_that_look_alike(twins, convert):
    labels = np.array([*twins, "versicolor"])[y]
    with pytest.warns(UserWarning, match="look alike, but are two classes") as caught:
        SoftmaxGDClassifier().fit(Stored(X) if convert is Stored else X, convert(labels))
    assert len(caught) == 1
    assert all(ascii(twin) in str(caught[0].message) for twin in twins)


def test_names_in_errors_of_a_validation_set():
    for name, wrong, message in [
        ("X_val", pd.DataFrame(X, columns=list("abba")), "Input X_val has several columns"),
        ("X_val", X.astype("M8[D]"), "Input X_val holds times"),
        ("X_val", [[10**400] * 4] * 150, "X_val cannot be used: Input X holds numbers out of"),
        ("sample_weight_val", y.astype("M8[D]"), "sample_weight_val must be a number"),
        ("sample_weight_val", 10**400, "sample_weight_val must be a number"),
    ]:
        given = {"X_val": X, "y_val": y, name: wrong}
        with pytest.raises(ValueError, match=message):
            SoftmaxGDClassifier().fit(X, y, **given)


def test_a_validation_set_takes_no_memory_of_its_size():
    large = np.ones((100_000, 10))
    negative = -large
    tracemalloc.start()
    check_held_out(large)
    check_held_out(negative)
    assert tracemalloc.get_traced_memory()[1] < large.nbytes / 10
    tracemalloc.stop()
    for bad in (1e200, -1e200):
        large[7, 7] = bad
        with pytest.raises(ValueError, match="X_val cannot be used: it contains values too large"):
            check_held_out(large)


def test_objects_that_are_no_numbers(model):
    bad = np.array([[1.0, {}]] * 150, dtype=object)
    assert_refused(model, (bad, y), TypeError, "not 'dict'")


def test_an_error_in_the_middle_of_a_fit_leaves_the_earlier_one(monkeypatch):
    model = SoftmaxGDClassifier().fit(X, y)

    def fail(*_):
        raise MemoryError("no room")

    monkeypatch.setattr("skl_softmax._objective.smooth.SoftmaxObjective.value_and_gradient", fail)
    assert_refused(model, (X[:, :2], y + 5), MemoryError, "no room")


@pytest.mark.parametrize(
    "method",
    [
        "predict",
        "predict_proba",
        "predict_log_proba",
        "decision_function",
        "staged_predict",
        "staged_predict_proba",
        "staged_decision_function",
    ],
)
class TestPrediction:
    def test_unfitted(self, method):
        with pytest.raises(NotFittedError):
            getattr(SoftmaxGDClassifier(), method)(X)

    @pytest.mark.parametrize(
        ("bad", "message"),
        [
            (X[:, :3], "X has 3 features, but SoftmaxGDClassifier is expecting 4 features"),
            (changed(X, (0, 0), np.nan), "Input X contains NaN"),
            (X[0], "Expected 2D array, got 1D array"),
        ],
    )
    def test_inputs(self, method, bad, message):
        model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y)
        with pytest.raises(ValueError, match=re.escape(message)):
            getattr(model, method)(bad)

    def test_feature_names(self, method):
        frame = load_iris(as_frame=True).data
        model = SoftmaxGDClassifier(store_coef_history=True).fit(frame, y)
        with pytest.raises(ValueError, match="feature names should match"):
            getattr(model, method)(frame.rename(columns={frame.columns[0]: "other"}))


@pytest.mark.parametrize(
    "method", ["staged_predict", "staged_predict_proba", "staged_decision_function"]
)
def test_stages_without_a_history(method):
    with pytest.raises(AttributeError, match=f"{method} needs .*store_coef_history=True"):
        getattr(SoftmaxGDClassifier().fit(X, y), method)(X)
