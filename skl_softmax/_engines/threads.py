"""Who computes: BLAS keeps to one thread, and runs of rows are shared out among this and our own.

NumPy and SciPy each bring a BLAS with a thread pool of its own; on few cores the pools spin
against each other, and what they return can depend on how many threads they had. Inside a
`Workers` block every BLAS runs single-threaded, so a run of rows gives the same bits on any
thread; results come back in the order of the tasks, so their sum does too.

Tasks and results go through queues that are written in C. Ctrl-C may come anywhere in what is
written in Python, and there leave a lock closed for good: of a `Future` or of an executor, whose
threads then never end.

Knows nothing of rows, losses or estimators.
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
# Which task, its result and its exception; one queue holds the results of whichever function.
Outcome: TypeAlias = tuple[int, Any, BaseException | None]


class Limiter(Protocol):
    """What threadpoolctl returns of a limit that it has set."""

    def restore_original_limits(self) -> None: ...


class _SingleThreadedBlas:
    """One process-wide limit, shared by all fits that run at the same time.

    The limit is the process's, not the thread's: if each fit restored what it had found, a fit
    that began inside another would put the other's limit back for good. So the first one in
    lowers the limit, and the last one out restores it, whichever thread that is in.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_users = 0
        self._n_threads = 1
        self._limiter: Limiter | None = None

    @cached_property
    def _controller(self) -> ThreadpoolController:
        """What sets the limit; to make it takes long, since it looks through every library."""
        return ThreadpoolController().select(user_api="blas")

    def acquire(self) -> tuple[int, Limiter | None]:
        """Lower the limit; return the number of threads that BLAS was allowed, and a limiter."""
        with self._lock:
            if self._n_users == 0:
                self._n_threads, self._limiter = self._available(), None
                if self._n_threads > 1:  # else there is nothing to lower, and that takes time
                    _release_openblas()
                    self._limiter = self.limit()
                limiter = self._limiter
            else:
                limiter = self.limit()  # of this thread, which computes too
            self._n_users += 1
            return self._n_threads, limiter

    def limit(self) -> Limiter:
        """Set the limit; of a BLAS that keeps one for each thread, this thread's."""
        limiter: Limiter = self._controller.limit(limits=1)
        return limiter

    def _available(self) -> int:
        return max((lib.num_threads for lib in self._controller.lib_controllers), default=1)

    def release(self, limiter: Limiter | None) -> None:
        """Restore the limit, if no other fit needs it lowered; given what `acquire` returned."""
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

    From version 3.8 on, threadpoolctl heeds none but the first thread that sets it, until that
    one leaves its ``with`` block or ends; what others set is silently ignored.
    """
    openblas = getattr(threadpoolctl, "OpenBLASController", None)
    clear = getattr(openblas, "clear_controlling_thread", None)
    if clear is not None:
        clear(force=True)


_single_threaded_blas = _SingleThreadedBlas()


class Workers:
    """A context in which BLAS has one thread and `map` has as many as BLAS was allowed.

    So ``OMP_NUM_THREADS``, `threadpoolctl.threadpool_limits` and joblib's limits on nested
    parallelism hold here too. The pool starts with the first call that can use it.

    Parameters
    ----------
    at_most : int, default=None
        A limit on the number of threads, for who has others at work.
    """

    def __init__(self, *, at_most: int | None = None) -> None:
        self._at_most = at_most

    def __enter__(self) -> Workers:
        self._threads: list[Thread] = []
        self._n_begun = 0  # of threads: one more than are known, if starting one was interrupted
        self._tasks: SimpleQueue[Task | None] = SimpleQueue()
        n_allowed, self._limiter = _single_threaded_blas.acquire()
        self.n_threads = n_allowed if self._at_most is None else min(n_allowed, self._at_most)
        return self

    def __exit__(self, *error: object) -> None:
        try:
            while _next(self._tasks) is not None:
                pass  # of what failed, or was interrupted
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
        # Few at a time: were all handed out, one slow task would keep all later results in memory.
        ahead, n_given = TASKS_AHEAD * self.n_threads, 0
        outcomes: SimpleQueue[Outcome] = SimpleQueue()
        known: dict[int, Outcome] = {}
        for i in range(len(tasks)):
            for k in range(n_given, min(i + ahead, len(tasks))):
                call = partial(copy_context().run, function, tasks[k])  # for NumPy's errstate
                self._tasks.put(partial(_report, outcomes, k, call))
                n_given = k + 1
            while i not in known:
                # To wake a thread takes as long as a small task: this one does not sleep if it can
                # compute.
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
    """Put what became of the k-th call into a queue: its number, its result, its exception."""
    try:
        outcomes.put((k, call(), None))
    except BaseException as error:
        outcomes.put((k, None, error))


def _work(tasks: SimpleQueue[Task | None]) -> None:
    """Compute tasks until there is a None."""
    _single_threaded_blas.limit()
    while (task := tasks.get()) is not None:
        task()


def _next(tasks: SimpleQueue[Task | None]) -> Task | None:
    """The next task, or None if there is none."""
    try:
        return tasks.get_nowait()
    except Empty:
        return None
