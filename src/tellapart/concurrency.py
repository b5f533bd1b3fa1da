"""Using the cores: several independent jobs side by side, each on one thread.

A BLAS that spreads one product over all cores waits for the slowest of them at every step; on a machine that also
does other things that costs up to ten times (docs/log.md, 2026-11-21). Independent jobs on single threads do not wait.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from tellapart.errors import OptionError

Item = TypeVar("Item")
Result = TypeVar("Result")


def available_cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(num_workers: int | None) -> int:
    """How many threads ``num_workers`` asks for: None for one a core, otherwise at least 1.

    Raises:
        OptionError: fewer than 1.
    """
    if num_workers is not None and num_workers < 1:
        raise OptionError(f"num_workers must be at least 1, got {num_workers}", hint="leave it out for one thread a core")
    return available_cores() if num_workers is None else num_workers


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Within, each call of numpy's BLAS and LAPACK uses one thread; outside, the caller's setting holds again.

    The number of threads belongs to the whole process. Where several threads are within at the same time, the first to
    come sets it and the last to leave restores it: products, and so results, would otherwise depend on who left first.
    """
    _blas_limit.enter()
    try:
        yield
    finally:
        _blas_limit.leave()


class _BlasLimit:
    """One BLAS thread for as long as anybody wants it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._limits: Any = None

    def enter(self) -> None:
        from threadpoolctl import threadpool_limits

        with self._lock:
            if not self._inside:
                self._limits = threadpool_limits(1, user_api="blas")
            self._inside += 1

    def leave(self) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                self._limits.restore_original_limits()


_blas_limit = _BlasLimit()


@contextmanager
def one_openmp_thread() -> Iterator[None]:
    """Within, what this thread calls of scikit-learn uses one OpenMP thread; jobs side by side then do not wait for each other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        yield


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Within, OpenCV computes on the thread that calls it: for images as small as miniatures its own threads only cost."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def side_by_side(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """The function's results for all items, in order, computed on as many threads as there are cores."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(function, items))


def run_to_end(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """What asynchronous work gives; on a thread of its own where a loop runs already, as in a notebook."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def ahead(function: Callable[[Item], Result], items: Iterable[Item], num_workers: int) -> Iterator[Result]:
    """The function's results in order, a few computed ahead on ``num_workers`` threads; with 0 each when it is asked for."""
    if num_workers == 0:
        yield from map(function, items)
        return
    with ThreadPoolExecutor(num_workers) as pool:
        running: deque[Future[Result]] = deque()
        try:
            for item in items:
                running.append(pool.submit(function, item))
                if len(running) > 2 * num_workers:
                    yield running.popleft().result()
            while running:
                yield running.popleft().result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
