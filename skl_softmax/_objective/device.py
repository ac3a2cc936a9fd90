"""The objective of params that live where the data do, on another device.

So a descent's vectors stay there too, and all it reads is a few scalars for each pass. The sums
that models of curvature are made of are read too, and the penalty is added to them here.

Knows nothing of steps or estimators.
"""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np

from skl_softmax._arrays import Array, DeviceArray
from skl_softmax._engines.device import DeviceSums
from skl_softmax._objective.smooth import SoftmaxObjective


class DeviceObjective:
    """A `SoftmaxObjective` whose params, gradients and values are arrays of a device's library.

    Parameters
    ----------
    smooth : SoftmaxObjective
        Over `DeviceSums`.
    center, scale : ndarray (n_features,)
        Of the standardised features, whose largest derivative is `gradient_max`; those of
        `smooth` itself, if it is in these coordinates.
    """

    def __init__(self, smooth: SoftmaxObjective, center: Array, scale: Array) -> None:
        assert isinstance(smooth.sums, DeviceSums)
        self._smooth, self._sums = smooth, smooth.sums
        self.shape, self.precision = smooth.shape, smooth.precision
        self.has_outliers = smooth.has_outliers
        self.sums, self.gram, self.penalty = smooth.sums, smooth.gram, smooth.penalty
        self._center = self.place(smooth.center)
        self._inverse_scale = self.place(smooth.frame.inverse_scale)
        self._penalty = self.place(smooth.penalty)
        self._is_standardized = center is smooth.center and scale is smooth.scale
        if not self._is_standardized:
            self._size_center, self._size_inverse = self.place(center), self.place(1.0 / scale)

    def place(self, array: Array) -> DeviceArray:
        """Bring an array to where params are."""
        return self._sums.put(array)

    def fetch(self, array: DeviceArray) -> Array:
        """Bring an array of floats back."""
        return self._sums.fetch(array)[0]

    def value_and_gradient(self, params: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """F and its gradient with respect to `params`, (n_outputs, n_dof); nothing is read."""
        xp = self._sums.xp
        n_features = self._sums.n_features
        dtype = self._sums.float_type
        coef = xp.astype(params[:, :n_features] * self._inverse_scale, dtype)
        intercept = xp.zeros_like(params[:, 0])
        if self._smooth.fit_intercept:
            intercept = params[:, n_features] - xp.astype(coef, params.dtype) @ self._center
        loss, of_coef, of_intercept = self._sums.loss_and_gradient_there(
            coef, xp.astype(intercept, dtype)
        )
        gradient = (of_coef - of_intercept[:, None] * self._center) * self._inverse_scale
        if self._smooth.fit_intercept:
            gradient = xp.concat([gradient, of_intercept[:, None]], axis=1)
        penalized = self._penalty * params
        return loss + 0.5 * xp.sum(penalized * params), gradient + penalized

    def gradient_max(self, gradient: DeviceArray) -> DeviceArray:
        """The largest derivative with respect to coefficients of standardised features."""
        xp = self._sums.xp
        if not self._is_standardized:
            n_features = self._sums.n_features
            features = gradient[:, :n_features]
            if self._smooth.fit_intercept:
                features = features - gradient[:, n_features:] * self._size_center
            features = features * self._size_inverse
            gradient = xp.concat([features, gradient[:, n_features:]], axis=1)
        return xp.max(xp.abs(gradient))

    def sample(self, n_samples: int) -> DeviceObjective:
        """Return F over a random sample of the rows."""
        sample = copy(self)
        sample._smooth = self._smooth.sample(n_samples)
        sums = sample._smooth.sums
        assert isinstance(sums, DeviceSums)
        sample.sums = sample._sums = sums
        return sample

    def ordinary(self) -> tuple[SoftmaxObjective, float]:
        """See `SoftmaxObjective.ordinary`: F over rows without outliers, of NumPy's params."""
        return self._smooth.ordinary()

    def shared_hessian(self, params: DeviceArray) -> Array:
        """See `SoftmaxObjective.shared_hessian`; the matrix is NumPy's."""
        return self._smooth.shared_hessian(self._host(params))

    def class_hessians(self, params: DeviceArray) -> Array:
        """See `shared_hessian`."""
        return self._smooth.class_hessians(self._host(params))

    def full_hessian(self, params: DeviceArray) -> Array:
        """See `shared_hessian`."""
        return self._smooth.full_hessian(self._host(params))

    def hessian_diagonal(self, params: DeviceArray) -> Array:
        """See `shared_hessian`."""
        return self._smooth.hessian_diagonal(self._host(params))

    def largest_difference(self, params: DeviceArray) -> float:
        """See `SoftmaxObjective.largest_difference`."""
        return self._smooth.largest_difference(self._host(params))

    def _host(self, params: Any) -> Array:
        """Params as NumPy's, if they are not: the null space is looked for at zeros."""
        return params if isinstance(params, np.ndarray) else self.fetch(params)
