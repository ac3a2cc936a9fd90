import os

import pytest
from engines import DEVICES, ENGINES
from sklearn import config_context

from skl_softmax._compat import HAS_DEVICES


@pytest.fixture
def dispatch(monkeypatch):
    """Arrays of other libraries are used where they are, in several blocks."""
    if not HAS_DEVICES:
        pytest.skip("this scikit-learn does not dispatch to them")
    if os.environ.get("SCIPY_ARRAY_API") != "1":
        pytest.skip("scikit-learn wants SCIPY_ARRAY_API=1")
    monkeypatch.setattr("skl_softmax._engines.device.DEVICE_BLOCK_BYTES", 2**14)
    with config_context(array_api_dispatch=True):
        yield


@pytest.fixture(params=ENGINES)
def engine(request):
    """Where samples are."""
    return ENGINES[request.param](request)


@pytest.fixture(params=DEVICES)
def device(request):
    """Those engines that are other libraries'."""
    return DEVICES[request.param](request)
