"""What every test and every example in a docstring or on a page leaves as it was."""

import sys

import pytest


@pytest.fixture(autouse=True)
def no_open_figures():
    """Close the figures of pyplot: it warns of more than twenty."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")
