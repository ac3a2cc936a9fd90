"""scikit-learn's callbacks: what they see, what they may ask for, and what they cost."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._fit.problem import StandardizedProblem

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")

X, y = load_iris(return_X_y=True, as_frame=True)
LABELS = np.array(["setosa", "versicolor", "virginica"], dtype=object)[y]


class Idle:
    """Does nothing, and so asks for nothing."""

    def setup(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        pass

    def on_fit_task_end(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass


class Recorder(Idle):
    """Keeps what it is told, and stops or fails where it is told to."""

    def __init__(self, stop_at=None, fail_at=None):
        self.events, self.seen = [], []
        self.stop_at, self.fail_at = stop_at, fail_at

    def happens(self, event, context):
        self.events.append((event, context.task_name, context.task_id))
        if event == self.fail_at:
            raise RuntimeError(f"failed at {event}")

    def setup(self, estimator, context):
        self.happens("setup", context)

    def on_fit_task_begin(self, estimator, context):
        self.happens("begin", context)

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.happens("end", context)
        if fitted_estimator is not None:
            self.seen.append((X, y, metadata, fitted_estimator))
        return context.task_name == "step" and len(self.seen) == self.stop_at

    def teardown(self, estimator, context):
        self.happens("teardown", context)


def test_hooks_see_every_step():
    weights = np.linspace(1.0, 2.0, len(y))
    recorder = Recorder()
    model = SoftmaxGDClassifier(alpha=0.01).set_callbacks(recorder).fit(X, LABELS, weights)
    assert model.n_iter_ > 3
    steps = [(event, "step", i) for i in range(model.n_iter_) for event in ("begin", "end")]
    root = ("fit", 0)
    assert recorder.events == [
        ("setup", *root),
        ("begin", *root),
        *steps,
        ("end", *root),
        ("teardown", *root),
    ]
    plain = SoftmaxGDClassifier(alpha=0.01, store_coef_history=True).fit(X, LABELS, weights)
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    for i, (seen_X, seen_y, metadata, fitted) in enumerate(recorder.seen):
        step = min(i + 1, model.n_iter_)  # the last two are the last step and the whole fit
        assert seen_X is X
        assert seen_y is LABELS
        assert metadata == {"sample_weight": weights}
        np.testing.assert_array_equal(fitted.coef_, plain.coef_history_[step])
        np.testing.assert_array_equal(fitted.loss_history_, plain.loss_history_[: step + 1])
        assert (fitted.n_iter_, fitted.loss_) == (step, plain.loss_history_[step])
        assert fitted.predict(X)[0] == "setosa"  # with the names of the features: no warning


def test_hooks_of_a_second_fit_see_nothing_of_the_first():
    model = SoftmaxGDClassifier(store_coef_history=True).fit(X, y, X_val=X, y_val=y)
    model.set_callbacks(recorder := Recorder()).fit(X[:100], y[:100])
    for step, (*_, fitted) in enumerate(recorder.seen[: model.n_iter_], start=1):
        assert (fitted.n_iter_, fitted.best_iter_, fitted.stop_reason_) == (step, step, "callback")
        assert not fitted.converged_
        assert not hasattr(fitted, "validation_loss_history_")
        assert fitted.coef_history_.shape == (step + 1, 1, 4)
        assert len(fitted.passes_history_) == len(fitted.loss_history_) == step + 1
        assert len(list(fitted.staged_predict(X[:100]))) == step + 1


def test_a_number_as_weight_is_no_metadata():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    SoftmaxGDClassifier().set_callbacks(monitor).fit(X, y, 2.0)
    assert len(monitor.get_logs().data_as_pandas) > 3


@pytest.mark.parametrize("learning_rate", ["auto", 0.01])
def test_a_callback_may_stop_the_fit(learning_rate):
    recorder = Recorder(stop_at=3)
    model = SoftmaxGDClassifier(learning_rate=learning_rate).set_callbacks(recorder).fit(X, y)
    assert model.n_iter_ == 3
    assert model.stop_reason_ == "callback"
    assert not model.converged_
    assert recorder.events[-1][0] == "teardown"
    params = {"learning_rate": learning_rate, "max_iter": 3, "tol": 0}
    np.testing.assert_array_equal(model.coef_, SoftmaxGDClassifier(**params).fit(X, y).coef_)


def test_a_fit_that_has_converged_has_not_been_stopped():
    n_iter = SoftmaxGDClassifier().fit(X, y).n_iter_
    model = SoftmaxGDClassifier().set_callbacks(Recorder(stop_at=n_iter)).fit(X, y)
    assert (model.n_iter_, model.stop_reason_, model.converged_) == (n_iter, "tol", True)


@pytest.mark.parametrize("event", ["setup", "begin", "end", "teardown"])
def test_a_callback_that_fails_leaves_the_earlier_fit(event):
    model = SoftmaxGDClassifier().fit(X, LABELS)
    before = model.coef_
    recorder = Recorder(fail_at=event)
    model.set_callbacks(recorder)
    with pytest.raises(RuntimeError, match=f"failed at {event}"):
        model.fit(X.iloc[:, :2], y)
    assert [each for each, *_ in recorder.events].count("teardown") == 1
    assert not [name for name in vars(model) if name.startswith("_callback")]
    if event != "teardown":  # by then the new fit is whole
        assert model.coef_ is before
        assert model.predict(X)[0] == "setosa"


def test_an_idle_callback_costs_no_weights(monkeypatch):
    asked = []
    coef = StandardizedProblem.coef
    monkeypatch.setattr(StandardizedProblem, "coef", lambda *a: asked.append(1) or coef(*a))
    SoftmaxGDClassifier().set_callbacks(Idle()).fit(X, y)
    assert len(asked) == 1  # at the end
    SoftmaxGDClassifier().set_callbacks(recorder := Recorder()).fit(X, y)
    assert len(asked) == 1 + len(recorder.seen)


def test_without_callbacks_there_is_no_context(monkeypatch):
    def fail(*_, **__):
        raise AssertionError("a context was made")

    monkeypatch.setattr(SoftmaxGDClassifier, "_init_callback_context", fail)
    SoftmaxGDClassifier().fit(X, y)
    with pytest.raises(AssertionError):
        SoftmaxGDClassifier().set_callbacks(Idle()).fit(X, y)


def test_a_descent_that_cannot_go_on_ends_its_step_without_scores():
    recorder = Recorder()
    model = SoftmaxGDClassifier(tol=0).set_callbacks(recorder).fit(X, y)
    assert model.stop_reason_ == "precision"
    assert recorder.events[-3] == ("end", "step", model.n_iter_)
    assert len(recorder.seen) == model.n_iter_ + 1  # every step, and the whole fit


def test_scoring_monitor():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    model = SoftmaxGDClassifier(store_coef_history=True).set_callbacks(monitor).fit(X, LABELS)
    log = monitor.get_logs().data_as_pandas
    scores = log[log.task_name == "step"].neg_log_loss
    losses = [log_loss(LABELS, proba) for proba in model.staged_predict_proba(X)][1:]
    np.testing.assert_allclose(-scores, losses, rtol=1e-12)


def test_scoring_monitor_within_a_search_in_two_processes():
    monitor = callback.ScoringMonitor(scoring="accuracy")
    classifier = SoftmaxGDClassifier().set_callbacks(monitor)
    pipeline = make_pipeline(StandardScaler(), classifier)
    grid = {"softmaxgdclassifier__alpha": [1e-2, 1e-4]}
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, LABELS)
    log = monitor.get_logs().data_as_pandas
    steps = log[log.task_name == "step"]
    assert steps.accuracy.between(0.3, 1.0).all()
    n_steps = steps.groupby("parent_task_id_path").size()
    assert len(n_steps) == 2 * 3 + 1  # the fits of the search, and the last one, less deep
    assert n_steps[min(n_steps.index, key=len)] == search.best_estimator_[-1].n_iter_


def test_progress_bar(capsys):
    pytest.importorskip("rich", reason="scikit-learn's ProgressBar is drawn by rich")
    pipeline = make_pipeline(StandardScaler(), SoftmaxGDClassifier(max_iter=50))
    pipeline.set_callbacks(callback.ProgressBar()).fit(X, y)
    shown = capsys.readouterr().out
    assert "SoftmaxGDClassifier - fit" in shown
    assert "100%" in shown


def test_callbacks_survive_a_clone():
    model = SoftmaxGDClassifier().set_callbacks(recorder := Recorder())
    clone(model).fit(X, y)
    assert recorder.events
