"""`coefficient_table` beside statsmodels, on its data sets and on drawn ones.

statsmodels is in the extra `interop`; without it, these tests are skipped.
"""

import numpy as np
import pandas as pd
import pytest

from skl_softmax import SoftmaxGDClassifier, coefficient_table

sm = pytest.importorskip("statsmodels.api", reason="the extra interop is not installed")


def anes96():
    """Which party voters feel close to, on seven points: classes of 37 to 214 voters."""
    data = sm.datasets.anes96.load_pandas()
    return data.exog, data.endog.astype(int)


def fair():
    """Whether there was an affair: two classes, 6366 samples."""
    data = sm.datasets.fair.load_pandas()
    return data.exog, (data.endog > 0).astype(int)


def spector():
    data = sm.datasets.spector.load_pandas()
    return data.exog, data.endog.astype(int)


def randhie():
    """How often people see a doctor: never, up to thrice, more often; 20190 samples."""
    data = sm.datasets.randhie.load_pandas()
    return data.exog, pd.Series(np.digitize(data.endog, [1, 4]))


def drawn(seed):
    rng = np.random.default_rng(seed)
    n_classes, n_features = (2, 3, 4, 5, 6)[seed], rng.integers(2, 8)
    Z = rng.normal(size=(rng.integers(300, 3000), n_features))
    logits = Z @ rng.normal(size=(n_features, n_classes)) * rng.uniform(0.2, 1.5)
    y = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)
    columns = [f"feature {j}" for j in range(n_features)]
    return pd.DataFrame(Z * 10.0 ** rng.uniform(-3, 3, n_features), columns=columns), pd.Series(y)


DATA = {"anes96": anes96, "fair": fair, "spector": spector, "randhie": randhie}
DATA |= {f"drawn, {seed}": lambda seed=seed: drawn(seed) for seed in range(5)}


@pytest.fixture(params=DATA)
def data(request):
    return DATA[request.param]()


def theirs(X, y, **options):
    """A fit by statsmodels, in units in which its own steps converge."""
    scaled = sm.add_constant(X / X.std(), prepend=False, has_constant="add")
    model = sm.Logit if y.nunique() == 2 else sm.MNLogit
    return model(y, scaled).fit(disp=0, method="newton", tol=1e-13, maxiter=100, **options)


def in_rows(frame, X):
    """Their parameters or standard errors as rows for classes, in the units of X."""
    numbers = np.atleast_2d(np.asarray(frame).T)
    return numbers / np.append(X.std().to_numpy(), 1.0)


@pytest.mark.parametrize("covariance", ["model", "robust"])
def test_estimates_and_standard_errors(covariance, data):
    X, y = data
    expected = theirs(X, y, **({} if covariance == "model" else {"cov_type": "HC0"}))
    classifier = SoftmaxGDClassifier(alpha=0).fit(X, y)
    table = coefficient_table(classifier, X, y, covariance=covariance, reference=y.min())
    np.testing.assert_allclose(table.estimate, in_rows(expected.params, X), rtol=1e-6)
    np.testing.assert_allclose(table.std_error, in_rows(expected.bse, X), rtol=1e-6)
    np.testing.assert_allclose(table.z, np.atleast_2d(expected.tvalues.T), rtol=1e-6)
    np.testing.assert_allclose(
        table.p_value, np.atleast_2d(expected.pvalues.T), rtol=1e-4, atol=1e-15
    )
    assert table.log_likelihood == pytest.approx(expected.llf, rel=1e-9)
    assert table.null_log_likelihood == pytest.approx(expected.llnull, rel=1e-6)
    assert table.mcfadden_r2 == pytest.approx(expected.prsquared, rel=1e-6)
    assert table.aic == pytest.approx(expected.aic, rel=1e-9)
    assert table.bic == pytest.approx(expected.bic, rel=1e-9)
    if covariance == "model":
        assert table.null_test.statistic == pytest.approx(expected.llr, rel=1e-6)


@pytest.mark.parametrize("name", ["fair", "spector", "drawn, 0"])
def test_clusters(name):
    X, y = DATA[name]()
    groups = np.random.default_rng(0).integers(0, 8 if name == "spector" else 60, len(y))
    options = {"groups": groups, "use_correction": False}
    expected = theirs(X, y, cov_type="cluster", cov_kwds=options)
    classifier = SoftmaxGDClassifier(alpha=0).fit(X, y)
    table = coefficient_table(classifier, X, y, covariance="cluster", groups=groups)
    n_groups = len(np.unique(groups))
    correction = np.sqrt(n_groups / (n_groups - 1))
    np.testing.assert_allclose(table.std_error, correction * in_rows(expected.bse, X), rtol=1e-6)


def test_frequency_weights():
    X, y = fair()
    weights = np.random.default_rng(0).integers(0, 5, len(y)).astype(float)
    scaled = sm.add_constant(X / X.std(), prepend=False)
    model = sm.GLM(y, scaled, sm.families.Binomial(), freq_weights=weights)
    expected = model.fit(tol=1e-14)
    classifier = SoftmaxGDClassifier(alpha=0).fit(X, y, weights)
    table = coefficient_table(classifier, X, y, weights)
    np.testing.assert_allclose(table.estimate, in_rows(expected.params, X), rtol=1e-6)
    np.testing.assert_allclose(table.std_error, in_rows(expected.bse, X), rtol=1e-6)
    assert table.log_likelihood == pytest.approx(expected.llf, rel=1e-9)


def test_anes96_as_stata_has_it():
    """Stata's figures, by which statsmodels tests itself: to a unit of the last printed digit."""
    results = pytest.importorskip("statsmodels.discrete.tests.results.results_discrete")
    printed = results.Anes.mnlogit_basezero
    X, y = anes96()
    table = coefficient_table(SoftmaxGDClassifier(alpha=0).fit(X, y), X, y, reference=0)
    np.testing.assert_allclose(table.estimate, np.transpose(printed.params), rtol=4e-8, atol=6e-9)
    np.testing.assert_allclose(table.std_error, np.transpose(printed.bse), rtol=1e-8)
    np.testing.assert_allclose(table.z, np.transpose(printed.z), rtol=1e-7)
    bounds = np.stack([table.lower, table.upper], axis=-1)
    np.testing.assert_allclose(bounds, printed.conf_int, rtol=5e-7, atol=6e-8)
    assert table.log_likelihood == pytest.approx(printed.llf, abs=1e-7)
    assert table.null_log_likelihood == pytest.approx(printed.llnull, abs=1e-7)
    assert table.null_test.statistic == pytest.approx(printed.llr, abs=1e-6)
    assert table.null_test.p_value == pytest.approx(printed.llr_pvalue, rel=1e-6)
    assert table.mcfadden_r2 == pytest.approx(printed.prsquared, abs=1e-9)
    assert table.aic == pytest.approx(printed.aic, abs=1e-6)
    assert table.bic == pytest.approx(printed.bic, abs=1e-6)
