"""Progress receivers for tests."""

from __future__ import annotations

from tellapart.progress import NoProgress


class Heard(NoProgress):
    """Remembers the notes."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, message: str) -> None:
        self.notes.append(message)
