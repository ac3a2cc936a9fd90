import sys

import numpy as np
import pytest
from hypothesis import settings
from sklearn.datasets import make_blobs

# Timings depend on the machine, so no example has a deadline; and a suite that everyone runs tries
# the same examples everywhere.
settings.register_profile("suite", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("suite")
# For an hour: pytest tests/behaviour/test_fuzz.py --hypothesis-profile=long
settings.register_profile("long", deadline=None, max_examples=20_000)


@pytest.fixture(scope="session")
def lab():
    """The lab's data: 250 points in the plane, three classes."""
    return make_blobs(
        n_samples=250,
        centers=[(0, 0), (1.0, 0.0), (0.0, 1.0)],
        cluster_std=[0.3, 0.3, 0.3],
        random_state=42,
    )


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures of pyplot after each test: it warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
