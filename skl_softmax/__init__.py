"""Softmax regression by full-batch gradient descent, as a scikit-learn estimator."""

from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._cv import SoftmaxGDClassifierCV
from skl_softmax._fit.diagnosis import SeparationWarning
from skl_softmax._model import SoftmaxPath
from skl_softmax._path import softmax_path
from skl_softmax._plot.alpha_score import AlphaScoreDisplay
from skl_softmax._plot.coef_path import CoefPathDisplay
from skl_softmax._plot.loss_curve import LossCurveDisplay
from skl_softmax._plot.regions import DecisionRegionsDisplay
from skl_softmax._versions import show_versions

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
    "show_versions",
    "softmax_path",
]

__version__ = "0.2.0"

# Pickles, skops' trusted types, links and reprs name the public door, whatever lies behind it.
for _name in __all__:
    if _name != "__version__":
        globals()[_name].__module__ = __name__
del _name
