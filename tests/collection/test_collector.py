from __future__ import annotations

import asyncio

import pytest

from tellapart.collection.collector import Collector


@pytest.mark.parametrize("ticks", range(6))
def test_a_cancellation_that_comes_with_a_result_is_never_lost(ticks: int) -> None:
    async def scenario() -> None:
        collector = object.__new__(Collector)
        collector._woken, collector._soonest_s = asyncio.Event(), 1.0
        collector._start_fetches = lambda: None  # type: ignore[method-assign]
        waiting = asyncio.create_task(collector._until_next_step())
        for _ in range(5):
            await asyncio.sleep(0)
        collector._woken.set()
        for _ in range(ticks):
            await asyncio.sleep(0)
        was_done = waiting.done()
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert waiting.cancelled() is not was_done

    asyncio.run(scenario())
