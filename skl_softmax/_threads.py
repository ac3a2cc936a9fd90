"""Who computes: BLAS keeps to one thread, and our own threads share out runs of rows.

NumPy and SciPy each bring a BLAS with a thread pool of its own; on few cores the pools spin
against each other, and what they return can depend on how many threads they had. Inside a
`Workers` block every BLAS runs single-threaded, so a run of rows gives the same bits on any
thread; results come back in the order of the tasks, so their sum does too.

Knows nothing of rows, losses or estimators.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from threading import Lock
from types import TracebackType
from typing import Any, TypeVar

# Both BLAS libraries must be loaded before the first look for them.
import numpy as np  # noqa: F401
import scipy.linalg  # noqa: F401
import threadpoolctl
from threadpoolctl import ThreadpoolController

Item = TypeVar("Item")
Result = TypeVar("Result")


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
        self._controller: ThreadpoolController | None = None
        self._limiter: Any = None

    def acquire(self) -> int:
        """Lower the limit; return the number of threads that BLAS was allowed before."""
        with self._lock:
            if self._n_users == 0:
                if self._controller is None:  # looks through every loaded library: once
                    self._controller = ThreadpoolController().select(user_api="blas")
                self._n_threads = self._available()
                _release_openblas()
                self._limiter = self.limit()
            self._n_users += 1
            return self._n_threads

    def limit(self) -> Any:
        """Set the limit; of a BLAS that keeps one for each thread, this thread's."""
        assert self._controller is not None
        return self._controller.limit(limits=1)

    def _available(self) -> int:
        assert self._controller is not None
        return max((lib.num_threads for lib in self._controller.lib_controllers), default=1)

    def release(self) -> None:
        """Restore the limit, if no other fit needs it lowered."""
        with self._lock:
            self._n_users -= 1
            if self._n_users == 0:
                _release_openblas()
                self._limiter.restore_original_limits()
                _release_openblas()


def _release_openblas() -> None:
    """Let any thread set OpenBLAS's limit.

    From version 3.8 on, threadpoolctl heeds none but the first thread that sets it, until that
    one leaves its ``with`` block or ends; what others set is silently ignored.
    """
    openblas: Any = getattr(threadpoolctl, "OpenBLASController", None)
    if hasattr(openblas, "clear_controlling_thread"):
        openblas.clear_controlling_thread(force=True)


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
        self._pool: ThreadPoolExecutor | None = None
        n_allowed = _single_threaded_blas.acquire()
        self.n_threads = n_allowed if self._at_most is None else min(n_allowed, self._at_most)
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        try:
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)
        finally:
            _single_threaded_blas.release()

    def map(self, function: Callable[[Item], Result], tasks: Sequence[Item]) -> Iterable[Result]:
        """Yield ``function(task)`` for each task, in the order of the tasks."""
        if self.n_threads == 1 or len(tasks) == 1:
            return map(function, tasks)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(
                self.n_threads - 1, "skl_softmax", initializer=_single_threaded_blas.limit
            )
        return self._in_order(self._pool, function, tasks)

    def _in_order(
        self,
        pool: ThreadPoolExecutor,
        function: Callable[[Item], Result],
        tasks: Sequence[Item],
    ) -> Iterator[Result]:
        # Not pool.map: it would start every task at once, and an early one that is slow would
        # keep all later results in memory.
        ahead = 2 * self.n_threads

        def submit(task: Item) -> Future[Result]:
            return pool.submit(copy_context().run, function, task)  # for NumPy's errstate

        pending = deque(map(submit, tasks[:ahead]))
        for i in range(len(tasks)):
            while not pending[0].done():  # this thread need not wait: it takes what none has begun
                mine = (k for k, future in enumerate(pending) if future.cancel())
                if (k := next(mine, None)) is None:
                    break
                pending[k] = Future()
                pending[k].set_result(function(tasks[i + k]))
            result = pending.popleft().result()
            if i + ahead < len(tasks):
                pending.append(submit(tasks[i + ahead]))
            yield result
