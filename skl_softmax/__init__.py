"""Softmax regression by full-batch gradient descent, as a scikit-learn estimator."""

from importlib.metadata import version

from skl_softmax._alpha_score import AlphaScoreDisplay
from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._coef_path import CoefPathDisplay
from skl_softmax._cv import SoftmaxGDClassifierCV
from skl_softmax._loss_curve import LossCurveDisplay
from skl_softmax._outcome import SeparationWarning
from skl_softmax._path import SoftmaxPath, softmax_path
from skl_softmax._regions import DecisionRegionsDisplay

__all__ = [
    "AlphaScoreDisplay",
    "CoefPathDisplay",
    "DecisionRegionsDisplay",
    "LossCurveDisplay",
    "SeparationWarning",
    "SoftmaxGDClassifier",
    "SoftmaxGDClassifierCV",
    "SoftmaxPath",
    "__version__",
    "softmax_path",
]

__version__ = version("skl_softmax")
