"""Export to ONNX by skl2onnx, which knows scikit-learn's own estimators only.

Needs the extra ``interop``.
"""

from __future__ import annotations

from typing import Any

from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._cv import SoftmaxGDClassifierCV


def register_converters() -> None:
    """Let skl2onnx convert this package's classifiers, alone and inside Pipelines.

    Call it once in a process, before ``skl2onnx.to_onnx(model, X[:1])``. Each classifier is
    converted as the `LogisticRegression` that its `to_sklearn` returns. Without this function,
    skl2onnx raises ``MissingShapeCalculator``; convert ``model.to_sklearn()`` then.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.

    Examples
    --------
    >>> from skl_softmax.onnx import register_converters
    >>> register_converters()  # doctest: +SKIP
    """
    try:
        from skl2onnx import update_registered_converter
        from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
        from skl2onnx.operator_converters.linear_classifier import convert_sklearn_linear_classifier
    except ImportError as error:
        raise ImportError(
            'Export to ONNX needs skl2onnx: python -m pip install "skl_softmax[interop]"'
        ) from error

    def convert(scope: Any, operator: Any, container: Any) -> None:
        fitted = operator.raw_operator
        operator.raw_operator = getattr(fitted, "best_estimator_", fitted).to_sklearn()
        convert_sklearn_linear_classifier(scope, operator, container)

    for classifier in (SoftmaxGDClassifier, SoftmaxGDClassifierCV):
        update_registered_converter(
            classifier,
            f"SklSoftmax{classifier.__name__}",
            calculate_linear_classifier_output_shapes,
            convert,
            options={"nocl": [True, False], "zipmap": [True, False, "columns"]},
        )
