"""Softmax regression by full-batch gradient descent, as a scikit-learn estimator."""

from importlib.metadata import version

from skl_softmax._classifier import SoftmaxGDClassifier

__all__ = ["SoftmaxGDClassifier", "__version__"]

__version__ = version("skl_softmax")
