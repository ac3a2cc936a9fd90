"""The objective for data on another device, of params that are on that device too.

So the vectors of a descent stay on the device, and it reads only a few scalars for each pass. For
curvature models, sums are read from the device, and `SoftmaxObjective` adds the penalty to them.

This module knows nothing of steps or estimators.
"""

from __future__ import annotations

from copy import copy

from skl_softmax._arrays import Array, DeviceArray, to_numpy
from skl_softmax._engines.device import DeviceSums
from skl_softmax._objective.inverse import Solve, inverse_on_device
from skl_softmax._objective.l1 import L1Objective
from skl_softmax._objective.smooth import SoftmaxObjective


class DeviceObjective:
    """A `SoftmaxObjective` whose params, gradients and values are arrays of a device's library.

    Parameters
    ----------
    smooth : SoftmaxObjective
        F over `DeviceSums`, for params that are NumPy's.
    center, scale : ndarray (n_features,)
        Of the features, for derivatives with respect to coefficients of standardised features. If
        they are the arrays of `smooth` itself, gradients are such derivatives already.
    """

    def __init__(self, smooth: SoftmaxObjective, center: Array, scale: Array) -> None:
        assert isinstance(smooth.sums, DeviceSums)
        self.smooth, self._sums = smooth, smooth.sums
        self.shape, self.precision = smooth.shape, smooth.precision
        self.put = smooth.sums.put  # brings an array of NumPy's to where params are
        self._center = self.put(smooth.center)
        self._inverse_scale = self.put(smooth.frame.inverse_scale)
        self._penalty = self.put(smooth.penalty)
        is_standardized = center is smooth.center and scale is smooth.scale
        self._frame = None if is_standardized else (self.put(center), self.put(1.0 / scale))

    def value_and_gradient(self, params: DeviceArray) -> tuple[DeviceArray, DeviceArray]:
        """F and its gradient with respect to `params`, (n_outputs, n_dof): nothing is read."""
        sums, xp, n_features = self._sums, self._sums.xp, self._sums.n_features
        coef = xp.astype(params[:, :n_features] * self._inverse_scale, sums.float_type)
        intercept = xp.zeros_like(params[:, 0])
        if self.smooth.fit_intercept:
            intercept = params[:, n_features] - xp.astype(coef, params.dtype) @ self._center
        loss, of_coef, of_intercept = sums.loss_and_gradient_there(
            coef, xp.astype(intercept, sums.float_type)
        )
        gradient = self._chain(of_coef, of_intercept[:, None], self._center, self._inverse_scale)
        penalized = self._penalty * params
        return loss + 0.5 * xp.sum(penalized * params), gradient + penalized

    def gradient_max(self, gradient: DeviceArray) -> DeviceArray:
        """The largest derivative with respect to coefficients of standardised features."""
        xp, n_features = self._sums.xp, self._sums.n_features
        if self._frame is not None:
            of_coef = gradient[:, :n_features]
            of_intercept = xp.zeros_like(of_coef[:, :1])
            if self.smooth.fit_intercept:
                of_intercept = gradient[:, n_features:]
            gradient = self._chain(of_coef, of_intercept, *self._frame)
        return xp.max(xp.abs(gradient))

    def _chain(
        self, of_coef: DeviceArray, of_intercept: DeviceArray, center: Array, inverse: Array
    ) -> DeviceArray:
        """The gradient (n_outputs, n_dof) for ``(x - center) * inverse``, by the chain rule.

        of_coef, of_intercept : the gradient for x, (n_outputs, n_features) and (n_outputs, 1)
        """
        gradient = (of_coef - of_intercept * center) * inverse
        if self.smooth.fit_intercept:
            gradient = self._sums.xp.concat([gradient, of_intercept], axis=1)
        return gradient

    def sample(self, n_samples: int) -> DeviceObjective:
        """Return F over a random sample of the rows, on the same device."""
        sample = copy(self)
        sample.smooth = self.smooth.sample(n_samples)
        assert isinstance(sample.smooth.sums, DeviceSums)
        sample._sums = sample.smooth.sums
        return sample

    def inverse(self, matrix: Array) -> Solve:
        """See `skl_softmax._objective.inverse.inverse`, for gradients on this device."""
        return inverse_on_device(matrix, self.put)

    def largest_difference(self, params: DeviceArray) -> float:
        """See `SoftmaxObjective.largest_difference`."""
        return self.smooth.largest_difference(to_numpy(params))


def where_data_are(
    objective: SoftmaxObjective | L1Objective, params: Array, center: Array, scale: Array
) -> tuple[SoftmaxObjective | L1Objective | DeviceObjective, Array | DeviceArray]:
    """Return the objective of params that are where the data are, and the params there.

    With an L1 penalty params stay NumPy's, since its steps are decided on the host; and so they do
    in a row space, which is on the host.

    params : (n_outputs, n_dof)
    center, scale : as of `DeviceObjective`
    """
    if isinstance(objective, L1Objective) or not isinstance(objective.sums, DeviceSums):
        return objective, params
    there = DeviceObjective(objective, center, scale)
    return there, there.put(params)
