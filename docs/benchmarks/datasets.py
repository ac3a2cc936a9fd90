"""The data sets: what each is, and why it is there.

Real ones ship with scikit-learn and are taken raw. The others are drawn here, with labels from a
softmax model (so that classes overlap) unless they say otherwise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.datasets import load_breast_cancer, load_digits, load_iris, load_wine, make_blobs

ALPHAS = 1e-2, 1e-4, 1e-6
QUICK = "iris", "digits", "breast cancer", "360×90×15", "counts"


@dataclass(frozen=True)
class Dataset:
    """A name, what makes ``(X, y)``, and the group whose figures it counts in."""

    name: str
    make: Callable[[], tuple[Any, Any]]
    group: str = "dense"


def softmax_labels(rng: Any, logits: Any) -> Any:
    """Draw labels from the softmax of the logits (n_samples, n_classes): the Gumbel trick."""
    return (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


def gaussian(
    n_samples: int,
    n_features: int,
    n_classes: int,
    *,
    condition: float = 1.0,
    signal: float = 3.0,
    dtype: type = np.float64,
) -> Callable[[], tuple[Any, Any]]:
    """Correlated normal columns whose covariance has the square of this condition number."""

    def make() -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        factors = rng.standard_normal((n_samples, n_features))
        coef = rng.standard_normal((n_features, n_classes)) * signal / np.sqrt(n_features)
        y = softmax_labels(rng, factors @ coef)
        if condition > 1.0:
            rotation = np.linalg.qr(rng.standard_normal((n_features, n_features)))[0]
            factors *= np.geomspace(1.0, 1.0 / condition, n_features)
            factors = factors @ rotation
        return factors.astype(dtype), y

    return make


def pixels(n_samples: int, dtype: type = np.float64) -> Callable[[], tuple[Any, Any]]:
    """Images of ten classes: non-negative, four of five pixels dark, neighbours alike."""

    def make() -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        y = rng.integers(10, size=n_samples)
        smooth = np.exp(-0.5 * (np.subtract.outer(np.arange(28), np.arange(28)) / 2.0) ** 2)
        smooth /= np.sqrt((smooth**2).sum(axis=1, keepdims=True))

        def blurred(images: Any) -> Any:
            return smooth @ images @ smooth.T

        prototypes = blurred(rng.standard_normal((10, 28, 28)))
        X = np.empty((n_samples, 784), dtype=dtype)
        for start in range(0, n_samples, 5000):
            rows = slice(start, start + 5000)
            noise = blurred(rng.standard_normal((len(y[rows]), 28, 28)))
            images = prototypes[y[rows]] + 1.5 * noise - 1.5
            X[rows] = np.clip(images, 0.0, 2.0).reshape(-1, 784) * 127.5
        return X, y

    return make


def tfidf() -> tuple[Any, Any]:
    """20000 documents of 80 different words of 30000 on average, rows of length one, 20 topics."""
    rng = np.random.default_rng(0)
    n_samples, n_features, n_words = 20_000, 30_000, 116
    y = rng.integers(20, size=n_samples)
    popularity = 1.0 / np.arange(1.0, n_features + 1.0)
    topics = [popularity * rng.gamma(0.3, size=n_features) for _ in range(20)]
    cumulative = np.cumsum([topic / topic.sum() for topic in topics], axis=1)
    indices = np.empty((n_samples, n_words), dtype=np.int32)
    for k in range(20):
        draws = rng.random((np.count_nonzero(y == k), n_words)) * cumulative[k, -1]
        indices[y == k] = np.searchsorted(cumulative[k], draws)
    counts = sparse.csr_matrix(
        (
            np.ones(indices.size),
            np.minimum(indices.ravel(), n_features - 1),
            np.arange(0, indices.size + 1, n_words),
        ),
        shape=(n_samples, n_features),
    )
    counts.sum_duplicates()
    seen = np.bincount(counts.indices, minlength=n_features)
    counts.data = (1.0 + np.log(counts.data)) * np.log(n_samples / np.maximum(seen, 1))[
        counts.indices
    ]
    norms = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.maximum(norms, 1e-12), np.diff(counts.indptr))
    return counts, y


def two_gaussians() -> tuple[Any, Any]:
    """Two overlapping Gaussians of different covariances, 7400 × 20."""
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=7400)
    mixing = rng.standard_normal((2, 20, 20)) / np.sqrt(20)
    normal = rng.standard_normal((7400, 20))
    X = (
        np.where(y[:, np.newaxis] == 0, normal @ mixing[0], normal @ mixing[1] * 2.0)
        + 0.4 * y[:, np.newaxis]
    )
    return X, y


def counts() -> tuple[Any, Any]:
    """Counts with heavy tails, two classes, 5000 × 60."""
    rng = np.random.default_rng(0)
    X = np.floor(rng.lognormal(0.0, 1.5, size=(5000, 60)))
    logits = np.log1p(X) @ rng.standard_normal(60) / 4.0
    return X, (logits - np.median(logits) + rng.logistic(size=5000) > 0).astype(int)


def near_separable(
    n_samples: int, n_features: int, n_classes: int
) -> Callable[[], tuple[Any, Any]]:
    """Several clusters a class, columns of different scales: as real tables often are."""

    def make() -> tuple[Any, Any]:
        X, cluster = make_blobs(
            n_samples=n_samples,
            n_features=n_features,
            centers=2 * n_classes,
            cluster_std=2.0,
            random_state=0,
        )
        return X * np.geomspace(0.01, 100.0, n_features) + 50.0, cluster % n_classes

    return make


DATASETS = [
    Dataset("iris", lambda: load_iris(return_X_y=True)),
    Dataset("wine", lambda: load_wine(return_X_y=True)),
    Dataset("digits", lambda: load_digits(return_X_y=True)),
    Dataset("breast cancer", lambda: load_breast_cancer(return_X_y=True)),
    Dataset("blobs", lambda: make_blobs(5000, 10, centers=5, cluster_std=5.0, random_state=0)),
    Dataset("near-separable", near_separable(2310, 18, 7)),
    Dataset("360×90×15", gaussian(360, 90, 15)),
    Dataset("2000×1500×8", gaussian(2000, 1500, 8)),
    Dataset("20000×10×2", gaussian(20_000, 10, 2)),
    Dataset("two Gaussians", two_gaussians),
    Dataset("counts", counts),
    Dataset("well-conditioned", gaussian(100_000, 50, 10)),
    Dataset("ill-conditioned", gaussian(100_000, 50, 10, condition=1e4)),
    Dataset("tall", gaussian(1_000_000, 20, 5)),
    Dataset("pixels", pixels(60_000)),
    Dataset("20000×100×100", gaussian(20_000, 100, 100)),
    Dataset("wide", gaussian(200, 20_000, 4), "wide"),
    Dataset("TF-IDF", tfidf, "sparse"),
    Dataset("tall, float32", gaussian(1_000_000, 20, 5, dtype=np.float32)),
    Dataset("well-conditioned, float32", gaussian(100_000, 50, 10, dtype=np.float32)),
    Dataset("ill-conditioned, float32", gaussian(100_000, 50, 10, condition=1e4, dtype=np.float32)),
    Dataset("20000×100×100, float32", gaussian(20_000, 100, 100, dtype=np.float32)),
    Dataset("pixels, float32", pixels(60_000, np.float32)),
]
