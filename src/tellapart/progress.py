"""How long-running work tells where it stands; the library itself never prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Progress(Protocol):
    """Someone who wants to know; given to a verb as ``progress=``."""

    def stage(self, title: str, total: int | None = None, unit: str = "images") -> AbstractContextManager[Callable[[int], None]]:
        """Open a stage; call what it gives with the number of items just finished."""

    def note(self, message: str) -> None:
        """Hear one sentence worth knowing."""


class Silent:
    """Nobody wants to know."""

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Open a stage nobody watches."""
        yield lambda count: None

    def note(self, message: str) -> None:
        """Say nothing."""


SILENT = Silent()
