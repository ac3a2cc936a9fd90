"""The threads that compute: BLAS has one thread, and runs of rows are shared among our threads.

NumPy and SciPy each bring a BLAS with its own thread pool. On few cores these pools compete, and
their results can depend on the number of threads. Inside a `Workers` block every BLAS runs in a
single thread, so a run of rows gives the same bits on any thread. Results come in the order of the
tasks, so their sum has the same bits too.

Tasks and results go through `SimpleQueue`, which is written in C. Ctrl-C may interrupt Python code
anywhere: it could leave a lock of a `Future` or of an executor closed for good, and the threads of
the executor would never end.

This module knows nothing of rows, losses or estimators.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from functools import cached_property, partial
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Protocol, TypeAlias, TypeVar

# Both BLAS libraries must be loaded before the first look for them.
import numpy as np  # noqa: F401
import scipy.linalg  # noqa: F401
import threadpoolctl
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
TASKS_AHEAD = 2  # tasks handed out for each thread: one to compute, and one to go on with

Task: TypeAlias = Callable[[], None]
# The number of a task, its result of any type, and its exception.
Outcome: TypeAlias = tuple[int, Any, BaseException | None]


class Limiter(Protocol):
    """A limit on the threads of BLAS that threadpoolctl has set."""

    def restore_original_limits(self) -> None: ...


class _SingleThreadedBlas:
    """One process-wide limit, shared by all fits that run at the same time.

    The limit holds for the process, not for a thread. If each fit restored the limit that it found,
    a fit that begins during another one and ends after it would restore the lowered limit for good.
    So the first fit lowers the limit, and the last fit restores it, in whichever thread it runs.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_users = 0
        self._n_threads = 1
        self._limiter: Limiter | None = None

    @cached_property
    def _controller(self) -> ThreadpoolController:
        """The object that sets limits; made once, since it searches every loaded library."""
        return ThreadpoolController().select(user_api="blas")

    def acquire(self) -> tuple[int, Limiter | None]:
        """Lower the limit; return the number of threads BLAS was allowed, and a limiter or None."""
        with self._lock:
            if self._n_users == 0:
                self._n_threads, self._limiter = self._available(), None
                if self._n_threads > 1:  # else there is nothing to lower, and that takes time
                    _release_openblas()
                    self._limiter = self.limit()
                limiter = self._limiter
            else:
                limiter = self.limit()  # for this thread, which computes too
            self._n_users += 1
            return self._n_threads, limiter

    def limit(self) -> Limiter:
        """Set the limit to one thread; where BLAS has a limit for each thread, for this one."""
        limiter: Limiter = self._controller.limit(limits=1)
        return limiter

    def _available(self) -> int:
        return max((lib.num_threads for lib in self._controller.lib_controllers), default=1)

    def release(self, limiter: Limiter | None) -> None:
        """Restore the limit if no other fit needs it lowered.

        limiter : the second result of `acquire`
        """
        with self._lock:
            self._n_users -= 1
            if limiter is not None and limiter is not self._limiter:
                limiter.restore_original_limits()
            if self._n_users == 0 and self._limiter is not None:
                _release_openblas()
                self._limiter.restore_original_limits()
                _release_openblas()


def _release_openblas() -> None:
    """Let any thread set OpenBLAS's limit.

    From version 3.8 on, threadpoolctl silently ignores all threads but the first one that sets the
    limit, until this thread leaves its ``with`` block or ends.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(openblas, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_single_threaded_blas = _SingleThreadedBlas()


class Workers:
    """A context in which BLAS has one thread and `map` has as many as BLAS was allowed.

    So ``OMP_NUM_THREADS``, `threadpoolctl.threadpool_limits` and joblib's limits on nested
    parallelism hold here too. Threads start at the first call of `map` that can use them.

    Parameters
    ----------
    at_most : int, default=None
        A limit on the number of threads, for callers that have other threads at work. None: no
        limit.
    """

    def __init__(self, *, at_most: int | None = None) -> None:
        self._at_most = at_most

    def __enter__(self) -> Workers:
        self._threads: list[Thread] = []
        self._n_begun = (
            0  # threads begun: one more than in the list, if starting a thread was interrupted
        )
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        n_allowed, self._limiter = _single_threaded_blas.acquire()
        self.n_threads = n_allowed if self._at_most is None else min(n_allowed, self._at_most)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            while _next(self._tasks) is not None:
                pass  # tasks that are left after an error or an interruption
            for _ in range(self._n_begun):
                self._tasks.put(None)
            for thread in self._threads:
                thread.join()
        finally:
            _single_threaded_blas.release(self._limiter)

    def map(self, function: Callable[[Item], Result], tasks: Sequence[Item]) -> Iterable[Result]:
        """Yield ``function(task)`` for each task, in the order of the tasks."""
        n_threads = min(self.n_threads, len(tasks))
        if n_threads <= 1:
            return map(function, tasks)
        while len(self._threads) < n_threads - 1:
            thread = Thread(target=_work, args=(self._tasks,), name="skl_softmax", daemon=True)
            self._n_begun += 1
            thread.start()
            self._threads.append(thread)
        return self._in_order(function, tasks)

    def _in_order(
        self, function: Callable[[Item], Result], tasks: Sequence[Item]
    ) -> Iterator[Result]:
        # Hand out few tasks at a time: else a slow task would keep all later results in memory.
        ahead, n_given = TASKS_AHEAD * self.n_threads, 0
        outcomes: SimpleQueue[Outcome] = SimpleQueue()
        known: dict[int, Outcome] = {}
        for i in range(len(tasks)):
            for k in range(n_given, min(i + ahead, len(tasks))):
                call = partial(copy_context().run, function, tasks[k])  # for NumPy's errstate
                self._tasks.put(partial(_report, outcomes, k, call))
                n_given = k + 1
            while i not in known:
                # This thread does not sleep if it can compute: to wake a thread takes as long as a
                # small task.
                if outcomes.empty() and (task := _next(self._tasks)) is not None:
                    task()
                outcome = k, _, error = outcomes.get()
                if error is not None and not isinstance(error, Exception):
                    raise error  # Ctrl-C does not wait for its turn
                known[k] = outcome
            _, result, error = known.pop(i)
            if error is not None:
                raise error
            yield result


def _report(outcomes: SimpleQueue[Outcome], k: int, call: Callable[[], object]) -> None:
    """Run the k-th call and put its outcome into a queue."""
    try:
        outcomes.put((k, call(), None))
    except BaseException as error:
        outcomes.put((k, None, error))


def _work(tasks: SimpleQueue[Task | None]) -> None:
    """Run the tasks of a queue until a None comes."""
    _single_threaded_blas.limit()
    while (task := tasks.get()) is not None:
        task()


def _next(tasks: SimpleQueue[Task | None]) -> Task | None:
    """The next task of a queue; None if the queue is empty."""
    try:
        return tasks.get_nowait()
    except Empty:
        return None
