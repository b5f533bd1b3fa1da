from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from tellapart.array_types import ByteArray
from tellapart.errors import ModelError
from tellapart.server.batching import Batcher
from tellapart.server.engines import EngineAnswer


@dataclass(eq=False)
class Doubler:
    """An engine whose answer for an image is twice its first pixel; it starts once it may."""

    batch_size: int = 4
    kind: str = "doubler"
    class_names: tuple[str, ...] = ("a",)
    squares: tuple[object, ...] = ()
    batches: list[int] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)
    started: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))

    def answers(self, squares: Sequence[ByteArray]) -> list[EngineAnswer]:
        self.batches.append(len(squares[0]))
        self.started.release()
        self.gate.wait()
        if squares[0].max() == 255:
            raise ModelError("too bright")
        return [EngineAnswer(row, "a") for row in squares[0][:, 0, 0, :1] * 2.0]


def square(value: int) -> list[ByteArray]:
    return [np.full((2, 2, 3), value, np.uint8)]


def test_what_waits_is_computed_together_and_everyone_gets_his_own_answer() -> None:
    engine, other = Doubler(), Doubler()

    async def scenario() -> list[EngineAnswer]:
        batcher = Batcher(1)
        asked = [asyncio.ensure_future(batcher.answer(other if i == 3 else engine, square(i))) for i in range(7)]
        await asyncio.to_thread(engine.started.acquire)
        asked[5].cancel()
        engine.gate.set(), other.gate.set()
        answers = await asyncio.gather(*(one for one in asked if not one.cancelled() and one is not asked[5]))
        batcher.close()
        return answers

    assert [float(answer.probabilities[0]) for answer in asyncio.run(scenario())] == [0, 2, 4, 6, 8, 12]
    assert engine.batches == [1, 4] and other.batches == [1]  # 1, 2, 4, 6 together: 3 is another engine's, and 5 was given up


def test_an_error_reaches_all_of_its_batch_and_no_other() -> None:
    engine = Doubler(batch_size=2)
    engine.gate.set()

    async def scenario() -> list[EngineAnswer | BaseException]:
        batcher = Batcher(1)
        answers = await asyncio.gather(*(batcher.answer(engine, square(v)) for v in (1, 255, 3, 4)), return_exceptions=True)
        batcher.close()
        return answers

    first, *failed, last = asyncio.run(scenario())
    assert not isinstance(first, BaseException) and not isinstance(last, BaseException)
    assert all(isinstance(error, ModelError) for error in failed) and float(last.probabilities[0]) == 8


@pytest.mark.parametrize("batch_size", [1, 3])
def test_several_workers_never_exceed_the_batch_size(batch_size: int) -> None:
    engine = Doubler(batch_size=batch_size)
    engine.gate.set()

    async def scenario() -> list[EngineAnswer]:
        batcher = Batcher(3)
        answers = await asyncio.gather(*(batcher.answer(engine, square(v)) for v in range(40)))
        batcher.close()
        return answers

    assert [float(answer.probabilities[0]) for answer in asyncio.run(scenario())] == [2.0 * v for v in range(40)]
    assert max(engine.batches) <= batch_size and sum(engine.batches) == 40
