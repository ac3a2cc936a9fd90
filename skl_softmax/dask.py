"""Softmax regression on samples in chunks, on one machine or a cluster: the same fits with Dask.

Needs the extra ``dask``.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.metadata_routing import UNUSED
from sklearn.utils.validation import check_array, check_is_fitted

try:
    import dask.array as da
    from dask import is_dask_collection
except ImportError as error:
    raise ImportError(
        'skl_softmax.dask needs Dask, which is optional: python -m pip install "skl_softmax[dask]"'
    ) from error

from skl_softmax._arrays import Array, Matrix
from skl_softmax._classifier import SoftmaxGDClassifier
from skl_softmax._compat import with_callbacks
from skl_softmax._data import cluster
from skl_softmax._data.check import Checked
from skl_softmax._data.samples import FitInput
from skl_softmax._engines.protocol import Samples
from skl_softmax._fit.callbacks import Callbacks
from skl_softmax._model import SoftmaxModel

__all__ = ["DaskSoftmaxGDClassifier"]


class DaskSoftmaxGDClassifier(SoftmaxGDClassifier):
    """`SoftmaxGDClassifier` for samples in Dask's arrays and data frames.

    Parameters, steps and result are the same as in `SoftmaxGDClassifier`; only the place differs
    where the sums over samples are computed. X is loaded once, and its chunks stay on their
    workers. At every step the weights go to the chunks, and each chunk returns its share of the
    loss and of the gradient; the shares are added up on the way back. The result does not depend
    on how the rows are cut into chunks.

    It runs wherever Dask runs: for `dask.distributed`, create a ``Client`` first. If a worker is
    lost during a fit, the fit takes longer and gives the same result. Arrays in memory are fitted
    and predicted as by `SoftmaxGDClassifier`.

    Parameters
    ----------
    learning_rate, alpha, l1_ratio, penalty_factor, fit_intercept, max_iter, tol, gap_tol
        As in `SoftmaxGDClassifier`.
    early_stopping, n_iter_no_change, validation_fraction, random_state
        As in `SoftmaxGDClassifier`; early stopping needs `X_val` and `y_val`.
    class_weight, warm_start, store_coef_history, verbose
        As in `SoftmaxGDClassifier`.

    Attributes
    ----------
    classes_, coef_, intercept_, n_iter_, loss_, loss_history_, …
        All attributes of `SoftmaxGDClassifier`, as NumPy arrays in this process.

    See Also
    --------
    skl_softmax.SoftmaxGDClassifier : For samples in memory, on disk or on one GPU.

    Notes
    -----
    If X has at least twice as many columns as rows, `SoftmaxGDClassifier` searches among
    combinations of the rows only. This estimator does not, and for such data the two results agree
    up to `tol`.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_wine
    >>> from skl_softmax.dask import DaskSoftmaxGDClassifier
    >>> X, y = load_wine(return_X_y=True)
    >>> X, y = da.from_array(X, chunks=(50, -1)), da.from_array(y, chunks=50)
    >>> classifier = DaskSoftmaxGDClassifier().fit(X, y)
    >>> classifier.score(X, y)
    1.0
    >>> classifier.predict_proba(X)
    dask.array<...shape=(178, 3), dtype=float64, chunksize=(50, 3)...>
    """

    # `compute` is no metadata that a meta-estimator could route.
    __metadata_request__score: ClassVar[dict[str, str]] = {"compute": UNUSED}

    @with_callbacks
    def fit(
        self,
        X: cluster.Collection,
        y: cluster.Collection,
        sample_weight: cluster.Collection = None,
        *,
        classes: ArrayLike | None = None,
        P: ArrayLike | None = None,
        X_val: cluster.Collection = None,
        y_val: cluster.Collection = None,
        sample_weight_val: cluster.Collection = None,
    ) -> Self:
        """Fit the weights.

        Parameters
        ----------
        X : dask.array.Array or dask.dataframe.DataFrame of shape (n_samples, n_features)
            Samples, in NumPy or CSR chunks. The chunks' lengths may be unknown, and chunks may be
            empty. Chunks along features are joined.
        y : dask.array.Array or dask.dataframe.Series of shape (n_samples,)
            Class labels, cut into the same chunks as X if lengths are unknown.
        sample_weight : dask.array.Array or dask.dataframe.Series, default=None
            Non-negative weights, cut into the same chunks as X if lengths are unknown.
        classes : array-like of shape (n_classes,), default=None
            All class labels, if they are known: the fit then does not search `y` for them. Each
            class must have a sample.
        P : array-like of shape (n_samples, n_classes), default=None
            Probabilities to fit instead of `y`, with arrays in memory only.
        X_val, y_val, sample_weight_val : as `X`, `y` and `sample_weight`, default=None
            A validation set, as in `SoftmaxGDClassifier`.

        Returns
        -------
        self : DaskSoftmaxGDClassifier
            The fitted estimator.

        Raises
        ------
        ValueError, TypeError
            As in `SoftmaxGDClassifier`; also if only some of `X`, `y` and `sample_weight` are
            Dask's collections, or if they are cut at different places.
        """
        callbacks = Callbacks(self, X, y, sample_weight)
        given = FitInput(X, y, sample_weight, X_val, y_val, sample_weight_val, classes=classes)
        return self._fit(given.with_proba(P), callbacks)

    def _check_samples(self, given: FitInput, *, all_finite: bool) -> Checked:
        if any(is_dask_collection(part) for part in vars(given).values()):
            return cluster.check_dask(self, given)
        if given.classes is not None and not given.is_proba:
            raise TypeError("classes is for Dask collections: in arrays all labels are at hand.")
        return super()._check_samples(given, all_finite=all_finite)

    def _check_known_samples(self, X: Any, y: Any, sample_weight: Any) -> Samples:
        if any(is_dask_collection(part) for part in (X, y, sample_weight)):
            return cluster.check_known_dask(self, X, y, sample_weight)
        return super()._check_known_samples(X, y, sample_weight)

    def _predict(self, method: str, X: cluster.Collection, out: Array | None) -> Array | da.Array:
        if not is_dask_collection(X):
            return super()._predict(method, X, out)
        if out is not None:
            raise ValueError("out is for arrays in memory: what is predicted here is lazy.")
        check_is_fitted(self)
        return predict_lazily(self, self._model(), method, X)

    def score(self, X: Any, y: Any, sample_weight: Any = None, *, compute: bool = True) -> Any:
        """Return the share of samples whose label is predicted.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        compute : bool, default=True
            Whether to return a number, or a lazy array that Dask can compute.

        Returns
        -------
        score : float, or dask.array.Array of shape ()
        """
        if not any(is_dask_collection(part) for part in (X, y, sample_weight)):
            return super().score(X, y, sample_weight)
        cluster.check_one_engine(X=X, y=y, sample_weight=sample_weight)
        predicted: da.Array = self.predict(X)
        lengths = predicted.chunks[0]
        hits = predicted == cluster.cut_alike(cluster.to_array(y), lengths, "y")
        if sample_weight is None:
            score = hits.mean()
        else:
            weights = cluster.cut_alike(cluster.to_array(sample_weight), lengths, "sample_weight")
            score = (hits * weights).sum() / weights.sum()
        return float(score.compute()) if compute else score

    def to_local(self) -> SoftmaxGDClassifier:
        """Return a `SoftmaxGDClassifier` with the same parameters and the same fit.

        For users without Dask. It shares its arrays with this estimator.

        Returns
        -------
        classifier : SoftmaxGDClassifier
        """
        local = SoftmaxGDClassifier(**self.get_params())
        local.__dict__.update(vars(self))
        return local


def predict_lazily(estimator: object, model: SoftmaxModel, method: str, X: Matrix) -> da.Array:
    """The result of a method of the model as a Dask array, computed chunk by chunk."""
    cluster.set_features(estimator, X, reset=False)
    X = cluster.to_array(X)
    is_float = X.dtype in (np.float32, np.float64)
    dtype = np.result_type(X.dtype if is_float else np.float64, model.coef.dtype)
    if method == "predict":
        dtype = model.classes.dtype
    shape: tuple[int, ...] = (len(model.classes),)
    if method == "predict" or (method == "decision_function" and len(model.coef) == 1):
        shape = ()

    def predict_chunk(chunk: Matrix) -> Array:
        if not chunk.shape[0]:
            return np.empty((0, *shape), dtype)
        chunk = check_array(chunk, **cluster.CHUNK_OPTIONS)
        cluster.check_width(chunk, model.coef.shape[1], "A chunk of X")
        found: Array = getattr(model, method)(chunk)
        return found

    meta = np.empty((0, *shape), dtype)
    if shape:
        return X.map_blocks(predict_chunk, chunks=(X.chunks[0], shape), dtype=dtype, meta=meta)
    return X.map_blocks(predict_chunk, drop_axis=1, dtype=dtype, meta=meta)
