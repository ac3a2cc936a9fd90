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

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextvars import copy_context
from functools import cached_property, partial
from queue import Empty, SimpleQueue
from threading import RLock, Thread
from typing import Any, TypeAlias, TypeVar

# Both BLAS libraries must be loaded before the first look for them.
import numpy as np  # noqa: F401
import scipy.linalg  # noqa: F401
import threadpoolctl
from threadpoolctl import LibController, ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")
TASKS_AHEAD = 2  # tasks handed out for each thread: one to compute, and one to go on with

Task: TypeAlias = Callable[[], None]
# The number of a task, its result of any type, and its exception.
Outcome: TypeAlias = tuple[int, Any, BaseException | None]
# Each BLAS, and the number of threads that it is allowed.
Limits: TypeAlias = list[tuple[LibController, int]]


class _SingleThreadedBlas:
    """One process-wide limit, shared by all fits that run at the same time.

    The limit holds for the process, not for a thread. If each fit restored the limit that it found,
    a fit that begins during another one and ends after it would restore the lowered limit for good.
    So the first fit lowers the limit, and the last fit restores it, in whichever thread it runs.

    Ctrl-C may interrupt each method anywhere. So what is to be restored is written down before the
    limit is lowered, and `release` may be called again.
    """

    def __init__(self) -> None:
        self._lock = RLock()  # an interrupted `Workers` may be deleted while its thread holds it
        self._n_threads = 1
        self._first = Limits()
        self._users: dict[int, Limits] = {}
        if hasattr(os, "register_at_fork"):  # Windows has no fork
            # Nobody changes the limit during a fork: a thread that did would be gone, and the lock
            # of the forked process closed for good.
            os.register_at_fork(
                before=self._lock.acquire,
                after_in_parent=self._lock.release,
                after_in_child=self._after_fork,
            )

    @cached_property
    def _pools(self) -> ThreadpoolController:
        """Every thread pool that is loaded; looked for once, since the search takes long."""
        return ThreadpoolController()

    @cached_property
    def _libraries(self) -> list[LibController]:
        """Every BLAS whose threads can be limited: Apple's Accelerate is none."""
        return list(self._pools.select(user_api="blas").lib_controllers)

    def acquire(self, user: int) -> int:
        """Lower the limit; return the number of threads that BLAS was allowed.

        user : a number of the caller's own, for `release`
        """
        with self._lock:
            if self._users:
                self._users[user] = self._limits()  # of this thread, which computes too
                self.limit()
                return self._n_threads
            self._n_threads = self._available()
            lowers = self._n_threads > 1  # else there is nothing to lower, and that takes time
            self._first = self._users[user] = self._limits() if lowers else Limits()
            if lowers:
                _release_openblas()
                self.limit()
            return self._n_threads

    def limit(self) -> None:
        """Set the limit to one thread; where BLAS has a limit for each thread, for this one.

        Not if no fit is left: a thread that an interrupted fit began may get here late. It does not
        wait for the lock, which an interruption may leave with the main thread.
        """
        first = self._first
        if self._users:
            for library in self._libraries:
                library.set_num_threads(1)
            if not self._users:  # the last fit has been interrupted meanwhile
                _restore(first)

    def _limits(self) -> Limits:
        return [(library, library.num_threads) for library in self._libraries]

    def _available(self) -> int:
        """As many threads as BLAS is allowed, or OpenMP if no BLAS says how many."""
        pools = self._libraries or self._pools.select(user_api="openmp").lib_controllers
        return max((pool.num_threads for pool in pools), default=1)

    def release(self, user: int) -> None:
        """Restore the limit if no other fit needs it lowered.

        user : the number that `acquire` was called with
        """
        with self._lock:
            limits = self._users.get(user, self._first)
            if limits is not self._first:
                _restore(limits)
            self._users.pop(user, None)
            if not self._users:
                self._restore_first()

    def _restore_first(self) -> None:
        """Restore what the first fit lowered."""
        if self._first:
            _release_openblas()
            _restore(self._first)
            _release_openblas()
            self._first = Limits()

    def _after_fork(self) -> None:
        """Restore the limit in a forked process, which has no other threads, so no other fits."""
        self._users.clear()
        self._restore_first()
        self._lock.release()


def _restore(limits: Limits) -> None:
    for library, n_threads in limits:
        library.set_num_threads(n_threads)


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

    _entered = False

    def __init__(self, *, at_most: int | None = None) -> None:
        self._at_most = at_most
        self._threads: list[Thread] = []
        self._n_begun = 0  # one more than in the list, if the start of a thread was interrupted
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()

    def __enter__(self) -> Workers:
        self._entered = True
        n_allowed = _single_threaded_blas.acquire(id(self))
        self.n_threads = n_allowed if self._at_most is None else min(n_allowed, self._at_most)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self._dismiss()
            for thread in self._threads:
                thread.join()
        finally:
            _single_threaded_blas.release(id(self))
        self._entered = False

    def __del__(self) -> None:
        """End what an interrupted `__enter__` or `__exit__` left: Python calls neither again."""
        if self._entered:
            self._dismiss()
            _single_threaded_blas.release(id(self))

    def _dismiss(self) -> None:
        """Tell the threads to end; drop the tasks that an error or an interruption left."""
        while not self._tasks.empty():
            _next(self._tasks)
        for _ in range(self._n_begun):
            self._tasks.put(None)

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
