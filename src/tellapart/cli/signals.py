"""Signals: Ctrl-C, TERM and HUP end a command in good order."""

from __future__ import annotations

import signal
from types import FrameType

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a command in good order: Ctrl-C, the wish of a scheduler, the terminal that was closed."""
_received = [signal.SIGINT]


def exit_code() -> int:
    """The exit code of an interrupted command, as shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + _received[-1]


def end_in_order() -> None:
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
