"""Concurrency: independent jobs in parallel threads, each job on one thread.

A BLAS that splits one product over all cores waits for the slowest core at every step; on a busy machine this costs a factor of
up to ten (docs/log.md, 2026-11-21). Independent single-threaded jobs do not wait for each other.
"""

from __future__ import annotations

import os
import signal
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
    """Number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def worker_count(num_workers: int | None) -> int:
    """The number of worker threads for ``num_workers``: None for one per core.

    Raises:
        OptionError: it is below 1.
    """
    if num_workers is not None and num_workers < 1:
        raise OptionError(f"num_workers must be at least 1, got {num_workers}", hint="leave it out for one thread per core")
    return available_cores() if num_workers is None else num_workers


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Limit numpy's BLAS and LAPACK to one thread within the block; the previous setting is restored afterwards.

    The limit applies to the whole process. If several threads are inside, the first one sets it and the last one restores it;
    otherwise products, and so results, would depend on the order in which they leave.
    """
    _blas_limit.enter()
    try:
        yield
    finally:
        _blas_limit.leave()


class _BlasLimit:
    """The limit to one BLAS thread, while any block needs it."""

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
    """Limit OpenMP (used by scikit-learn) to one thread within the block, so that parallel jobs do not wait for each other."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1, user_api="openmp"):
        yield


@contextmanager
def one_opencv_thread() -> Iterator[None]:
    """Limit OpenCV to the calling thread within the block: for small images its own threads only add overhead."""
    import cv2

    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(before)


def parallel_map(function: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Apply a function to all items on one thread per core; results are in order."""
    with ThreadPoolExecutor(available_cores()) as pool:
        return list(pool.map(function, items))


def run_to_end(work: Callable[[], Coroutine[Any, Any, Result]]) -> Result:
    """Run a coroutine to its result; in a new thread if an event loop is already running, as in a notebook."""
    import asyncio

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        with _ctrl_c_as_python_has_it():
            return asyncio.run(work())
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


@contextmanager
def _ctrl_c_as_python_has_it() -> Iterator[None]:
    """Within, SIGINT has Python's own handler, unless it is ignored: asyncio cancels the work on Ctrl-C only in its place."""
    ours = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(ours):
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, ours)


def prefetch(function: Callable[[Item], Result], items: Iterable[Item], num_workers: int) -> Iterator[Result]:
    """Yield results in order, a few computed ahead on ``num_workers`` threads; with 0 workers, each on demand."""
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
