"""A time limit for several trainings one after another: planned ahead, and enforced by stopping where the plan was too optimistic."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tellapart.progress import Progress

PARTS = 8


class OutOfTime(Exception):
    """The time limit was reached; what was computed so far is in the cache."""


class TimeBudget:
    """The time that is left.

    Args:
        limit_s: seconds from now on; None for no limit.
        reserve_s: seconds of them that are kept for what has to be done in the end.
    """

    def __init__(self, limit_s: float | None, reserve_s: float = 0.0) -> None:
        self.limit_s = limit_s
        self.reserve_s = reserve_s
        self._begun = time.monotonic()

    @property
    def spent_s(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._begun

    @property
    def left_s(self) -> float:
        """Seconds left without the reserve; infinite without a limit."""
        return math.inf if self.limit_s is None else self.limit_s - self.reserve_s - self.spent_s

    def part_s(self, after_s: float) -> float | None:
        """What is left if ``after_s`` seconds are needed afterwards, rounded down to a part of the limit; None without a limit.

        An interrupted training so finds the same plan, and its checkpoint, again.
        """
        if self.limit_s is None:
            return None
        return math.floor(max(self.left_s - after_s, 0.0) / self.limit_s * PARTS) * self.limit_s / PARTS


class TimedProgress:
    """A progress receiver that passes everything on, and raises :class:`OutOfTime` when the budget is spent.

    Args:
        progress: receives everything.
        budget: the time that is left.
    """

    def __init__(self, progress: Progress, budget: TimeBudget) -> None:
        self.progress, self.budget = progress, budget

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Open a stage that ends when the time is over."""
        with self.progress.stage(title, total, unit) as advance:

            def timed(count: int) -> None:
                advance(count)
                if self.budget.left_s <= 0:
                    raise OutOfTime

            yield timed

    def note(self, message: str) -> None:
        """Pass on a sentence."""
        self.progress.note(message)
