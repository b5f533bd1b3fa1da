"""The command line; the only place where errors become text and exit codes."""

from __future__ import annotations

import signal
import sys
from types import FrameType

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a command in good order: Ctrl-C, the wish of a scheduler, the terminal that was closed."""
_received = [signal.SIGINT]


def main() -> None:
    """The console script ``tellapart``."""
    _end_in_order()
    try:
        from tellapart.cli.app import tellapart
        from tellapart.cli.terminal import show_everything_visibly

        show_everything_visibly()
        tellapart.main()
    except KeyboardInterrupt:
        sys.exit(exit_code())
    finally:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)  # all is done; a signal while Python puts its things away changes nothing


def exit_code() -> int:
    """The exit code of an interrupted command, as shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + _received[-1]


def _end_in_order() -> None:
    """Let the other signals do what Ctrl-C does; one that is ignored already (``nohup``) stays ignored."""
    for number in ENDINGS[1:]:
        if signal.getsignal(number) == signal.SIG_DFL:
            signal.signal(number, _interrupt)


def _interrupt(number: int, frame: FrameType | None) -> None:
    _received.append(signal.Signals(number))
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    if callable(on_ctrl_c):
        on_ctrl_c(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt


__all__ = ["main"]
