"""Threads: the same bits with any number, the user's limits obeyed and restored."""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines import threads as _threads
from skl_softmax._engines.threads import Workers

pytestmark = pytest.mark.thread_unsafe(reason="they set and read limits of the whole process")


def blas_threads():
    return [
        library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"
    ]


@pytest.fixture(scope="module")
def large():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60_000, 12))
    return X, (X[:, :4] + rng.gumbel(size=(60_000, 4))).argmax(axis=1)


@pytest.mark.parametrize("layout", [np.asarray, np.asfortranarray, sparse.csr_array])
@pytest.mark.parametrize(
    "params", [{}, {"learning_rate": 0.5}, {"alpha": 0.01, "l1_ratio": 0.5}], ids=str
)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_equal_bits_for_any_number_of_threads(large, layout, params, n_classes, monkeypatch):
    X, y = large
    X, y = layout(X), y % n_classes
    model = SoftmaxGDClassifier(max_iter=4, tol=0, **params)
    fits = []
    for n_threads in (1, 2, 4):
        monkeypatch.setattr(_threads._single_threaded_blas, "_available", lambda n=n_threads: n)
        with threadpool_limits(n_threads):
            fits.append((model.fit(X, y).coef_, model.loss_history_, model.predict_proba(X)))
    for other in fits[1:]:
        for a, b in zip(fits[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


def test_as_many_threads_as_blas_may_use():
    for limit in (1, 2):
        with threadpool_limits(limit), Workers() as workers:
            assert workers.n_threads == limit


def test_a_blas_that_says_nothing_of_its_threads(large, monkeypatch):
    """As Apple's Accelerate: OpenMP says how many, and there is no limit to lower or restore."""
    X, y = large
    expected = SoftmaxGDClassifier().fit(X, y).coef_
    openmp = [pool for pool in threadpool_info() if pool["user_api"] == "openmp"]
    monkeypatch.setattr(_threads._single_threaded_blas, "_libraries", [])
    with Workers() as workers:
        assert workers.n_threads == max(pool["num_threads"] for pool in openmp)
    for limit in (1, 3):
        with threadpool_limits(limit), Workers() as outer, Workers() as inner:
            assert (outer.n_threads, inner.n_threads) == (limit, limit)
        with threadpool_limits(limit):
            np.testing.assert_allclose(SoftmaxGDClassifier().fit(X, y).coef_, expected, rtol=1e-9)
    assert not _threads._single_threaded_blas._users


@pytest.mark.parametrize("limit", [1, 2])
def test_the_last_one_out_restores_the_limit(limit):
    with threadpool_limits(limit):
        with Workers() as outer:
            with Workers() as inner:
                assert inner.n_threads == outer.n_threads == limit
            assert set(blas_threads()) == {1}
        assert set(blas_threads()) == {limit}


def test_what_had_one_thread_is_left_alone(monkeypatch):
    with threadpool_limits(1):
        monkeypatch.setattr(_threads._single_threaded_blas, "limit", None)  # calling it would fail
        with Workers():
            assert set(blas_threads()) == {1}


def test_a_fit_in_another_thread_while_this_one_sets_a_limit(large):
    """From 3.8 on, threadpoolctl leaves OpenBLAS to the first thread that sets a limit."""
    X, y = large
    with threadpool_limits(2):
        with ThreadPoolExecutor(1) as pool:
            pool.submit(_limit_in_a_fit).result()
            model = pool.submit(lambda: SoftmaxGDClassifier().fit(X, y)).result()
        assert set(blas_threads()) == {2}
        np.testing.assert_array_equal(model.coef_, SoftmaxGDClassifier().fit(X, y).coef_)
        with ThreadPoolExecutor(1) as pool:  # and what others set later is heeded
            pool.submit(threadpool_limits, 1).result()
            assert set(blas_threads()) == {1}


def _limit_in_a_fit():
    with Workers():
        assert set(blas_threads()) == {1}


def test_one_thread_starts_no_other(large):
    with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
        patch.setattr("skl_softmax._engines.threads.Thread", None)  # calling it would fail
        SoftmaxGDClassifier(max_iter=2, tol=0).fit(*large)


def test_limits_are_restored_and_threads_end(large):
    X, y = large
    with threadpool_limits(2):
        before = blas_threads(), threading.active_count()
        SoftmaxGDClassifier(max_iter=3, tol=0).fit(X, y).predict(X)
        assert (blas_threads(), threading.active_count()) == before
        with pytest.raises(ValueError, match="NaN"):
            SoftmaxGDClassifier().fit(np.full_like(X, np.nan), y)
        with pytest.raises(RuntimeError, match="inside"), Workers() as workers:
            list(workers.map(_fail, range(100)))
        assert (blas_threads(), threading.active_count()) == before


def _fail(_):
    raise RuntimeError("inside")


@pytest.mark.parametrize("n_threads", [2, 3])
def test_results_come_in_the_order_of_the_tasks(n_threads):
    """Whichever thread computes them: this one is among as many as are allowed."""
    barrier, threads = threading.Barrier(n_threads), set()

    def square(x):
        if x < n_threads:  # nobody takes the next one before all have one
            barrier.wait(timeout=60)
        threads.add(threading.get_ident())
        return x * x

    with Workers() as workers:
        workers.n_threads = n_threads
        assert list(workers.map(square, range(50))) == [x * x for x in range(50)]
    assert len(threads) == n_threads
    assert threading.get_ident() in threads


def test_few_results_are_kept():
    """However slow the first task is."""
    others, begun = threading.Event(), []

    def task(x):
        begun.append(x)
        if x == 0:
            others.wait(timeout=0.5)
        return x

    with Workers() as workers:
        workers.n_threads = 2
        results = iter(workers.map(task, range(100)))
        assert next(results) == 0
        assert max(begun) <= 4
        others.set()
        assert list(results) == list(range(1, 100))


def test_exceptions_come_in_the_order_of_the_tasks():
    """After all results before them; what was handed out by then does not disturb the next call."""

    def task(x):
        if x in (3, 4, 9):
            raise ValueError(x)
        time.sleep(0.002 * (3 - x % 4))
        return x

    with Workers() as workers:
        workers.n_threads = 2
        for _ in range(20):
            found = []
            with pytest.raises(ValueError, match="3"):
                found.extend(workers.map(task, range(20)))
            assert found == [0, 1, 2]
            assert list(workers.map(abs, range(-8, 0))) == list(range(8, 0, -1))


def test_an_interruption_does_not_wait_for_its_turn():
    """An earlier task is with the other thread, and lasts until this one has been interrupted."""
    interrupted, theirs, in_time = threading.Event(), [], []
    begun = threading.Event()

    def task(x):
        if threading.current_thread() is not threading.main_thread():
            theirs.append(x)
            begun.set()
            in_time.append(interrupted.wait(timeout=5))
        elif begun.wait(timeout=60) and x > theirs[0]:
            raise KeyboardInterrupt

    with Workers() as workers:
        workers.n_threads = 2
        with pytest.raises(KeyboardInterrupt):
            list(workers.map(task, range(20)))
        interrupted.set()
    assert all(in_time)


def test_every_thread_that_computes_has_the_limit(monkeypatch):
    """Of a BLAS that keeps one for each; also the one in which a second fit begins."""
    limited, computing, limit = set(), set(), _threads._single_threaded_blas.limit

    def limit_here():
        limited.add(threading.get_ident())
        return limit()

    def fit():
        with Workers() as workers:
            workers.n_threads = 2
            both.wait(timeout=60)
            list(workers.map(lambda _: computing.add(threading.get_ident()), range(50)))
            both.wait(timeout=60)

    monkeypatch.setattr(_threads._single_threaded_blas, "limit", limit_here)
    both = threading.Barrier(2)
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(fit), pool.submit(fit)]:
            future.result()
    assert computing <= limited


def test_numpy_error_states_reach_the_threads():
    with Workers() as workers, np.errstate(over="raise"):
        workers.n_threads = 2
        with pytest.raises(FloatingPointError):
            list(workers.map(np.exp, [np.array([1e4])] * 4))


def test_fits_side_by_side(large):
    """Each restores nothing that another still needs; all give the same."""
    X, y = large
    with threadpool_limits(2):
        before = blas_threads()
        expected = SoftmaxGDClassifier().fit(X, y).coef_
        with ThreadPoolExecutor(4) as pool:
            fits = list(pool.map(lambda _: SoftmaxGDClassifier().fit(X, y), range(8)))
        assert blas_threads() == before
    for model in fits:
        np.testing.assert_array_equal(model.coef_, expected)


def test_a_limit_of_its_own():
    """For a task of a cluster, whose worker has others at the same time."""
    with Workers() as workers, Workers(at_most=1) as alone:
        assert alone.n_threads == 1
        assert workers.n_threads >= 1


def test_a_thread_that_begins_after_its_fit_limits_nothing():
    tasks = SimpleQueue()
    tasks.put(None)
    with threadpool_limits(2):
        _threads._work(tasks)
        assert set(blas_threads()) == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_a_forked_process_has_no_limit_of_fits_in_other_threads():
    """Such fits are not in it, so they never end there."""
    code = """
import os, threading
import numpy as np
from threadpoolctl import threadpool_info, threadpool_limits
from skl_softmax import SoftmaxGDClassifier
from skl_softmax._engines.threads import Workers

def blas_threads():
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}

def fit_until_told():
    with Workers():
        begun.set()
        end.wait()

begun, end = threading.Event(), threading.Event()
with threadpool_limits(2):
    before = blas_threads()
    thread = threading.Thread(target=fit_until_told)
    thread.start()
    begun.wait()
    child = os.fork()
    if not child:
        is_restored = blas_threads() == before
        SoftmaxGDClassifier().fit(np.eye(3), [0, 1, 2])
        os._exit(0 if is_restored and blas_threads() == before else 1)
    print(os.waitpid(child, 0)[1], blas_threads() == {1})
    end.set()
    thread.join()
    print(blas_threads() == before)
"""
    command = [sys.executable, "-W", "ignore", "-c", code]  # Python warns of a fork beside threads
    found = subprocess.check_output(command, text=True, timeout=60)
    assert found.split() == ["0", "True", "True"]


def _interrupted_at(n):
    """Use two threads; raise KeyboardInterrupt at the n-th line or call of the module's own code.

    Returns
    -------
    bool : False where the block ends before it
    """
    left = n

    def interrupt(frame, event, _):
        nonlocal left
        if frame.f_code.co_filename != _threads.__file__ or frame.f_code.co_name == "__del__":
            return None
        if event in ("call", "line"):
            left -= 1
            if left < 0:
                raise KeyboardInterrupt
        return interrupt

    sys.settrace(interrupt)
    try:
        with Workers() as workers:
            assert list(workers.map(abs, range(3))) == [0, 1, 2]
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(None)
    return False


def test_an_interruption_anywhere_leaves_no_thread_and_no_limit():
    """Also as `__exit__` begins, where Python calls it no second time."""
    debugger, before = sys.gettrace(), threading.active_count()
    try:
        with threadpool_limits(2):
            n = 0
            while _interrupted_at(n):
                n += 1
                deadline = time.monotonic() + 10
                while threading.active_count() > before and time.monotonic() < deadline:
                    time.sleep(0.001)
                assert threading.active_count() == before, n
                assert set(blas_threads()) == {2}, n
    finally:
        sys.settrace(debugger)
    assert n > 50  # the walk went through the module
