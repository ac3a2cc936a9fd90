"""scikit-learn's tests of LogisticRegression, run on ours: ``python .ci/peer_suite.py``.

They come with scikit-learn. Those that speak of the L2-penalised model are run through an adapter
that takes LogisticRegression's parameters; where a test compares its solvers, ours is one of them
and the others are its own. Each test that does not apply is listed here with the reason; one that
is in neither list, as after an update, fails the run.
"""

import sys
from importlib import import_module

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.class_weight import compute_class_weight

from skl_softmax import SoftmaxGDClassifier

SUITE = "sklearn.linear_model.tests.test_logistic"
OURS = "newton-cholesky"  # the solver in whose place ours takes part in comparisons

RUN = {
    "test_predict_2_classes",
    "test_predict_3_classes",
    "test_logistic_glmnet",
    "test_inconsistent_input",
    "test_write_parameters",
    "test_nan",
    "test_multinomial_logistic_regression_string_inputs",
    "test_logistic_regression_sample_weights",
    "test_logistic_regression_solver_class_weights",
    "test_logistic_regression_class_weights",
    "test_warm_start",
    "test_dtype_match",
    "test_warm_start_converge_LR",
    "test_c_inf_no_warning",
    "test_multinomial_identifiability_on_iris",
    "test_sample_weight_not_modified",
    "test_single_feature_newton_cg",
    "test_sparsify",
}
COMPARED = {
    "test_logistic_regression_solvers",
    "test_logistic_regression_solvers_multiclass",
    "test_logistic_regression_solvers_multiclass_unpenalized",
    "test_large_sparse_matrix",  # the others refuse it with messages of their own
}
CV = "LogisticRegressionCV: SoftmaxGDClassifierCV has other parameters and its own tests"
PATH = "a private function for paths of C"
ELASTIC = "L1 or elastic net, with solvers and parameters that the adapter does not take"
LIBLINEAR = "liblinear, with its dual, its penalised intercept and its own messages"
OPTIONS = "options and errors of scikit-learn's solvers and penalties"
ARRAY_API = "arrays of other libraries, with lbfgs: tests/engines/test_array_api.py has its own"
NOT_RUN = {
    "test_check_solver_option": OPTIONS,
    "test_elasticnet_l1_ratio_err_helpful": ELASTIC,
    "test_consistency_path": PATH,
    "test_logistic_regression_path_convergence_fail": PATH,
    "test_logistic_regression_path_coefs_multinomial": PATH,
    "test_logistic_regression_path_init_coefs": PATH,
    "test_liblinear_dual_random_state": LIBLINEAR,
    "test_sample_and_class_weight_equivalence_liblinear": LIBLINEAR,
    "test_liblinear_decision_function_zero": LIBLINEAR,
    "test_logreg_intercept_scaling_zero": LIBLINEAR,
    "test_saga_vs_liblinear": LIBLINEAR,
    "test_logisticregression_liblinear_sample_weight": LIBLINEAR,
    "test_liblinear_with_large_values": LIBLINEAR,
    "test_liblinear_not_stuck": LIBLINEAR,
    "test_liblinear_multiclass_raises": LIBLINEAR,
    "test_logreg_l1": ELASTIC,
    "test_elastic_net_coeffs": ELASTIC,
    "test_elastic_net_l1_l2_equivalence": ELASTIC,
    "test_elastic_net_vs_l1_l2": ELASTIC,
    "test_LogisticRegression_elastic_net_objective": ELASTIC,
    "test_l1_ratio_non_elasticnet": ELASTIC,
    "test_elastic_net_versus_sgd": ELASTIC,
    "test_logreg_predict_proba_multinomial": "_predict_proba_lr, a private method",
    "test_max_iter": "the words of each solver's warning",
    "test_n_iter": "n_iter_ as an array, and LogisticRegressionCV",
    "test_warm_start_newton_solver": "two steps are not one and one if they remember",
    "test_penalty_none": OPTIONS,
    "test_zero_max_iter": "max_iter=0, which is refused",
    "test_newton_cholesky_fallback_to_lbfgs": OPTIONS,
    "test_penalty_deprecated": OPTIONS,
    "test_l1_ratio_None_deprecated": OPTIONS,
    "test_logisticregression_warns_with_n_jobs": OPTIONS,
    "test_lr_penalty_l1ratio_incompatible": OPTIONS,
    "test_logistic_regression_array_api_compliance": ARRAY_API,
    "test_logistic_regression_array_api_warm_start": ARRAY_API,
    "test_logistic_regression_callback_support": "an empty task at the end, of lbfgs",
    "test_logistic_regression_callback_fitted_estimator": "an empty task at the end, of lbfgs",
    "test_logistic_regression_callback_support_warning": "callbacks of some solvers only",
    "test_passing_params_without_enabling_metadata_routing": CV,
    "test_lr_scoring_warns": CV,
    "test_get_default_scorer": CV,
    "test_scores_attribute_layout_elasticnet": CV,
    "test_multinomial_cv_iris": CV,
}
OF_CV = "cv", "CV"  # every other test with these in its name


class Adapter(SoftmaxGDClassifier):
    """Ours, with LogisticRegression's parameters, its `tol` and the shape of its `n_iter_`."""

    def __init__(
        self,
        *,
        C=1.0,
        tol=1e-4,
        fit_intercept=True,
        class_weight=None,
        random_state=None,
        solver="lbfgs",
        max_iter=100,
        warm_start=False,
    ):
        super().__init__(
            tol=tol,
            fit_intercept=fit_intercept,
            class_weight=class_weight,
            random_state=random_state,
            max_iter=max_iter,
            warm_start=warm_start,
        )
        self.C = C
        self.solver = solver

    def fit(self, X, y, sample_weight=None):
        weights = np.ones(len(y)) if sample_weight is None else np.asarray(sample_weight)
        classes, codes = np.unique(y, return_inverse=True)
        factors = compute_class_weight(self.class_weight, classes=classes, y=np.asarray(y))
        self.alpha = 1.0 / (self.C * float((weights * factors[codes]).sum()))
        of_derivatives, self.tol = self.tol, self.tol**2  # what is left of a loss is their square
        try:
            super().fit(X, y, sample_weight)
        finally:
            self.tol = of_derivatives
        self.n_iter_ = np.array([self.n_iter_])
        return self


class Suite:
    """A pytest plugin: chooses the tests, and puts ours in the place of LogisticRegression."""

    def __init__(self):
        self.compares, self.unknown, self.n_run = False, set(), 0

    def pytest_collection_modifyitems(self, items):
        module = import_module(SUITE)
        module.LogisticRegression = self.logistic_regression
        chosen = []
        for item in items:
            name, given = item.originalname, getattr(item, "callspec", None)
            params = given.params if given else {}
            is_first = params.get("solver", "lbfgs") == "lbfgs"  # of those that are all ours
            if params.get("problem") != "cv" and (name in COMPARED or (name in RUN and is_first)):
                chosen.append(item)
            elif name not in RUN | COMPARED | NOT_RUN.keys() and not any(
                part in name for part in OF_CV
            ):
                self.unknown.add(name)
        self.n_run = len(chosen)
        items[:] = chosen

    def pytest_runtest_setup(self, item):
        self.compares = item.originalname in COMPARED

    def logistic_regression(self, **params):
        is_ours = not self.compares or params.get("solver") == OURS
        return Adapter(**params) if is_ours else LogisticRegression(**params)


if __name__ == "__main__":
    suite = Suite()
    status = pytest.main(
        ["--pyargs", SUITE, "-q", "-p", "no:cacheprovider", *sys.argv[1:]], plugins=[suite]
    )
    print(
        f"{suite.n_run} tests of {SUITE} run; {len(NOT_RUN)} named that do not apply, with those of"
    )
    print("LogisticRegressionCV.")
    if suite.unknown:
        print(f"Neither run nor named: {sorted(suite.unknown)}")
    sys.exit(status or bool(suite.unknown))
