from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info

from tellapart.concurrency import available_cores, one_blas_thread, parallel_map, run_to_end, worker_count
from tellapart.errors import OptionError


def blas_threads() -> set[int]:
    np.ones((2, 2)) @ np.ones((2, 2))
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_results_come_in_the_order_of_the_items() -> None:
    assert parallel_map(lambda x: x * x, range(50)) == [x * x for x in range(50)]
    assert parallel_map(lambda x: x, []) == []


def test_no_more_threads_than_cores() -> None:
    seen: set[int] = set()
    parallel_map(lambda _: seen.add(threading.get_ident()), range(200))
    assert 1 <= len(seen) <= available_cores()


def test_an_error_comes_out() -> None:
    with pytest.raises(ZeroDivisionError):
        parallel_map(lambda x: 1 / x, [1, 0])


def test_the_callers_number_of_blas_threads_comes_back() -> None:
    before = blas_threads()
    with one_blas_thread():
        assert blas_threads() == {1}
    assert blas_threads() == before


def test_the_limit_holds_until_the_last_thread_has_left() -> None:
    """The first to leave must not give BLAS its threads back: what the others compute would depend on who was first."""
    before = blas_threads()
    first, second = one_blas_thread(), one_blas_thread()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert blas_threads() == {1}
    second.__exit__(None, None, None)
    assert blas_threads() == before


def test_asynchronous_work_runs_with_and_without_a_loop_around() -> None:
    async def work() -> int:
        await asyncio.sleep(0)
        return 7

    async def notebook() -> int:
        return run_to_end(work)

    with ThreadPoolExecutor(1) as pool:  # a thread without a loop, whatever other tests have left in this one
        assert pool.submit(run_to_end, work).result() == 7
        assert pool.submit(lambda: asyncio.run(notebook())).result() == 7


def test_a_number_of_workers_means_the_same_everywhere() -> None:
    assert worker_count(None) == available_cores()
    assert worker_count(1) == 1
    with pytest.raises(OptionError, match="num_workers must be at least 1, got 0"):
        worker_count(0)
