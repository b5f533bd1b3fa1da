"""Progress of long-running work: for the receiver that is passed as ``progress``, else for the notebook or terminal."""

from __future__ import annotations

import html
import itertools
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol

from tellapart.durations import duration_text

LINE_EVERY_S, WORTH_A_LINE_S, BAR_EVERY_S = 10.0, 1.0, 0.1
_numbers = itertools.count(1)


class Progress(Protocol):
    """A progress receiver, passed to a command as ``progress=``."""

    def stage(self, title: str, total: int | None = None, unit: str = "images") -> AbstractContextManager[Callable[[int], None]]:
        """Open a stage; call the function it yields with the number of items just finished."""

    def note(self, message: str) -> None:
        """Receive a sentence for the user."""


class NoProgress:
    """A receiver that ignores everything."""

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Open a stage that is not shown."""
        yield lambda count: None

    def note(self, message: str) -> None:
        """Ignore it."""


SILENT = NoProgress()


def state_of_stage(title: str, done: int, total: int | None, unit: str, seconds: float) -> str:
    """One line on a stage that runs: what is done, how fast, and how long the rest takes at this speed.

    >>> state_of_stage("reading images", 900, 3000, "images", 60)
    'reading images: 900 of 3,000 images, 15 a second, 2 min left'
    """
    speed = done / seconds if seconds > 0 else 0.0
    counted = f"{title}: {done:,}{f' of {total:,}' if total else ''} {unit}"
    if speed <= 0:
        return counted
    rate = f"{speed:.0f} a second" if speed >= 9.5 else f"{speed:.1f} a second" if speed >= 0.1 else f"{duration_text(1 / speed)} each"
    return f"{counted}, {rate}" + (f", {duration_text((total - done) / speed)} left" if total and total > done else "")


class Lines:
    """Lines on standard error: one now and then, and one at the end of a long stage."""

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Open a stage; a quick one leaves no line."""
        start = last = time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= LINE_EVERY_S:
                last = now
                self.note(state_of_stage(title, done, total, unit, now - start))

        yield advance
        seconds = time.monotonic() - start
        if seconds >= WORTH_A_LINE_S:
            self.note(f"{title}: {f'{done:,} {unit} in ' if done else ''}{seconds:.1f} s")

    def note(self, message: str) -> None:
        """Write one line; control characters become escapes."""
        line = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in message)
        sys.stderr.write(f"{line}\n")


class NotebookBar:
    """A bar under the cell of a notebook while a stage runs, and notes as text.

    Args:
        shell: the running IPython.
    """

    def __init__(self, shell: Any) -> None:
        self.shell = shell

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        """Open a stage with a bar that disappears at its end."""
        start = last = time.monotonic()
        done = 0
        name = f"tellapart-{next(_numbers)}"

        def show(content: str, *, is_new: bool = False) -> None:
            self.shell.display_pub.publish(
                data={"text/plain": title if content else "", "text/html": content}, transient={"display_id": name}, update=not is_new
            )

        def bar() -> str:
            ends = f' value="{done}" max="{total}"' if total else ""
            speed = f", {done / seconds:.0f} a second" if (seconds := time.monotonic() - start) >= WORTH_A_LINE_S and done else ""
            counted = f"{done:,}{f' of {total:,}' if total else ''} {unit}{speed}"
            return f"<div>{html.escape(title)} <progress{ends}></progress> {html.escape(counted)}</div>"

        def advance(count: int) -> None:
            nonlocal done, last
            done += count
            now = time.monotonic()
            if now - last >= BAR_EVERY_S or done == total:
                last = now
                show(bar())

        show(bar(), is_new=True)
        try:
            yield advance
        finally:
            show("")

    def note(self, message: str) -> None:
        """Show one sentence."""
        self.shell.display_pub.publish(data={"text/plain": message, "text/html": f"<div>{html.escape(message)}</div>"})


class Auto:
    """A bar in a notebook, lines at a terminal, else nothing."""

    def stage(self, title: str, total: int | None = None, unit: str = "images") -> AbstractContextManager[Callable[[int], None]]:
        """Open a stage."""
        return listener().stage(title, total, unit)

    def note(self, message: str) -> None:
        """Show one sentence at the terminal or in the notebook."""
        listener().note(message)


def listener() -> Progress:
    """The progress receiver where none was passed."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is not None:
        return NotebookBar(shell)
    is_person = shell is not None or hasattr(sys, "ps1") or (sys.stderr is not None and sys.stderr.isatty())
    return Lines() if is_person else SILENT


AUTO = Auto()
