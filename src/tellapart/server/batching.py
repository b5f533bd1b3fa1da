"""Batching: images of several requests are computed together, as many as an engine computes in the time of one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tellapart.array_types import ByteArray
from tellapart.server.engines import Engine, EngineAnswer


@dataclass(frozen=True, eq=False)
class _Waiting:
    engine: Engine
    squares: Sequence[ByteArray]
    answer: asyncio.Future[EngineAnswer]


class Batcher:
    """Computes what waits, in batches, in a few threads; it never waits for a batch to fill.

    All its state belongs to the event loop. An image that nobody waits for any more is not computed.

    Args:
        num_workers: batches computed at once.
    """

    def __init__(self, num_workers: int) -> None:
        self._idle = num_workers
        self._waiting: deque[_Waiting] = deque()
        self._workers = ThreadPoolExecutor(num_workers, thread_name_prefix="predict")
        self._running: set[asyncio.Task[None]] = set()

    async def answer(self, engine: Engine, squares: Sequence[ByteArray]) -> EngineAnswer:
        """The answer for one image, from its uint8 (s, s, 3) for each of the engine's squares."""
        one = _Waiting(engine, squares, asyncio.get_running_loop().create_future())
        self._waiting.append(one)
        self._start()
        return await one.answer

    def _start(self) -> None:
        """Give the idle workers what waits."""
        while self._idle and (batch := self._take()):
            self._idle -= 1
            task = asyncio.get_running_loop().create_task(self._compute(batch))
            self._running.add(task)
            task.add_done_callback(self._running.discard)

    def _take(self) -> list[_Waiting]:
        """The next images of one engine, in their order, at most its batch size."""
        waiting = [one for one in self._waiting if not one.answer.done()]
        batch = [one for one in waiting if one.engine is waiting[0].engine][: waiting[0].engine.batch_size] if waiting else []
        self._waiting = deque(one for one in waiting if one not in batch)
        return batch

    async def _compute(self, batch: Sequence[_Waiting]) -> None:
        squares = [np.stack(of_all) for of_all in zip(*(one.squares for one in batch), strict=True)]
        loop, engine = asyncio.get_running_loop(), batch[0].engine
        try:
            answers = await loop.run_in_executor(self._workers, engine.answers, squares)
        except Exception as error:
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            for one, answer in zip(batch, answers, strict=True):
                if not one.answer.done():
                    one.answer.set_result(answer)
        finally:
            self._idle += 1
            self._start()

    def close(self) -> None:
        """Let the workers end."""
        self._workers.shutdown(wait=True, cancel_futures=True)
