"""Every solver a Python user could pick, on one objective, each with the `tol` values to try.

A solver is ``fit(X, y, penalty, tol) -> (coef, intercept)``; what is timed is that call.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from scipy.sparse import issparse
from sklearn.linear_model import LogisticRegression

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import kernels as _kernels

SWEEP = tuple(10.0 ** (-k / 2) for k in range(-2, 17))  # tol: 10 … 1e-8 in half decades
OF_THE_SUM = tuple(10.0 ** (-k / 2) for k in range(-10, 17))  # where it bounds a sum over samples
REST = 0.2  # seconds: OpenBLAS's threads spin for about as long after a call, beside the next one


class Penalty(NamedTuple):
    """Its strength, and the L1 penalty's share."""

    alpha: float
    l1_ratio: float = 0.0

    def of(self, coef: Any) -> float:
        """Its part of the loss."""
        l1, l2 = np.abs(coef).sum(), (coef**2).sum() / 2
        return self.alpha * float(self.l1_ratio * l1 + (1.0 - self.l1_ratio) * l2)


Fit = Callable[[Any, Any, Penalty, float], tuple[Any, Any]]


@dataclass(frozen=True)
class Solver:
    """A solver's name, its fit, the tolerances of its sweep and what it can be given."""

    name: str
    fit: Fit
    tols: tuple[float, ...]
    sparse: bool = True
    most_coefs: float = np.inf  # beyond, one fit takes minutes and gigabytes
    most_work: float = np.inf  # multiply-adds of a pass; beyond, one fit takes minutes

    def is_able(self, X: Any, n_classes: int) -> bool:
        """Whether it can be tried on such data in reasonable time."""
        n_coefs = X.shape[1] * n_classes
        return (
            (self.sparse or not issparse(X))
            and n_coefs <= self.most_coefs
            and X.shape[0] * n_coefs <= self.most_work
        )


def softmax_gd(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
    """Fit ours."""
    model = SoftmaxGDClassifier(**penalty._asdict(), tol=tol, max_iter=10_000).fit(X, y)
    return model.coef_, model.intercept_


@contextmanager
def numpy_alone() -> Iterator[None]:
    """Let no fit, and no prediction, that begins in here use the compiled kernels."""
    before, _kernels.WORTH_COMPILING = _kernels.WORTH_COMPILING, np.inf
    try:
        yield
    finally:
        _kernels.WORTH_COMPILING = before


def softmax_gd_on_numpy(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
    """Fit ours as for who has no Numba."""
    with numpy_alone():
        return softmax_gd(X, y, penalty, tol)


def logistic_regression(solver: str) -> Fit:
    """One of scikit-learn's solvers."""

    def fit(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
        C = 1.0 / (penalty.alpha * X.shape[0])
        model = LogisticRegression(C=C, tol=tol, solver=solver, max_iter=10_000).fit(X, y)
        return model.coef_, model.intercept_

    return fit


def intelex() -> Fit | None:
    """scikit-learn-intelex's LogisticRegression."""
    try:
        from sklearnex.linear_model import LogisticRegression as Accelerated
    except ImportError:
        return None

    def fit(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
        C = 1.0 / (penalty.alpha * X.shape[0])
        model = Accelerated(C=C, tol=tol, max_iter=10_000).fit(X, y)
        return model.coef_, model.intercept_

    return fit


def torch_lbfgs() -> Fit | None:
    """PyTorch's LBFGS with the strong Wolfe search, on the mean cross-entropy and its penalty."""
    try:
        import torch
    except ImportError:
        return None

    def fit(X: Any, y: Any, penalty: Penalty, tol: float) -> tuple[Any, Any]:
        data, labels = torch.from_numpy(X), torch.from_numpy(np.asarray(y, dtype=np.int64))
        n_classes = int(labels.max()) + 1
        n_outputs = 1 if n_classes == 2 else n_classes
        model = torch.nn.Linear(X.shape[1], n_outputs, dtype=data.dtype)
        torch.nn.init.zeros_(model.weight)
        torch.nn.init.zeros_(model.bias)
        optimizer = torch.optim.LBFGS(
            model.parameters(),
            max_iter=10_000,
            max_eval=20_000,
            tolerance_grad=tol,
            tolerance_change=0.0,
            line_search_fn="strong_wolfe",
        )

        def closure() -> Any:
            optimizer.zero_grad()
            logits = model(data)
            if n_outputs == 1:
                loss = torch.nn.functional.binary_cross_entropy_with_logits(
                    logits[:, 0], labels.to(data.dtype)
                )
            else:
                loss = torch.nn.functional.cross_entropy(logits, labels)
            loss = loss + penalty.alpha / 2 * (model.weight**2).sum()
            loss.backward()
            return loss

        optimizer.step(closure)
        return model.weight.detach().numpy(), model.bias.detach().numpy()

    return fit


def mlxtend_softmax() -> Fit | None:
    """Mlxtend's full-batch descent; `tol` is the number of epochs: it has no stopping rule.

    It penalises by l2 / 2 of the sum of squares per sample, and needs scaled data to move at all.
    """
    try:
        from mlxtend.classifier import SoftmaxRegression
    except ImportError:
        return None

    def fit(X: Any, y: Any, penalty: Penalty, epochs: float) -> tuple[Any, Any]:
        model = SoftmaxRegression(eta=0.1, epochs=int(epochs), l2=penalty.alpha, minibatches=1)
        model.fit(X, np.asarray(y, dtype=int))
        coef, intercept = model.w_.T, model.b_
        if len(coef) == 2:
            return coef[1:] - coef[:1], intercept[1:] - intercept[:1]
        return coef, intercept

    return fit


def solvers() -> tuple[list[Solver], list[str]]:
    """Return the solvers at hand, ours first, and the names of those that are not installed."""
    candidates: list[tuple[str, Fit | None, tuple[float, ...], bool]] = [
        ("SoftmaxGDClassifier", softmax_gd, SWEEP, True),
        ("LogisticRegression lbfgs", logistic_regression("lbfgs"), SWEEP, True),
        ("LogisticRegression newton-cg", logistic_regression("newton-cg"), SWEEP, True),
        ("LogisticRegression newton-cholesky", logistic_regression("newton-cholesky"), SWEEP, True),
        ("scikit-learn-intelex", intelex(), OF_THE_SUM, True),
        ("PyTorch LBFGS", torch_lbfgs(), SWEEP, False),
        ("mlxtend SoftmaxRegression", mlxtend_softmax(), (100, 1000), False),
    ]
    found = [
        Solver(
            name,
            fit,
            tols,
            sparse,
            most_coefs=4000 if "cholesky" in name else np.inf,
            most_work=1e7 if "mlxtend" in name else np.inf,
        )
        for name, fit, tols, sparse in candidates
        if fit is not None
    ]
    return found, [name for name, fit, *_ in candidates if fit is None]


NUMPY_ALONE = Solver("SoftmaxGDClassifier, NumPy alone", softmax_gd_on_numpy, SWEEP)
SAGA = Solver("LogisticRegression saga", logistic_regression("saga"), (1e-2, 1e-3, 1e-4, 1e-5))


def quietly(fit: Fit, *arguments: Any) -> tuple[Any, Any]:
    """Fit without warnings: whether a fit is good enough is measured, not believed."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return fit(*arguments)
