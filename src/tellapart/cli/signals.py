"""Signals: Ctrl-C, TERM and HUP end a command cleanly."""

from __future__ import annotations

import signal
import sys
from types import FrameType

ENDINGS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Signals that end a command in good order: Ctrl-C, the wish of a scheduler, the terminal that was closed."""
INTERRUPTED = "interrupted; what is finished is kept, and the same command goes on from there"
IMPORT_POLL_S = 0.05
"""How often a signal that came during an import looks whether the import has ended."""
_received = [signal.SIGINT]
_callers: list[FrameType] = []


def exit_code() -> int:
    """The exit code of an interrupted command, as shells have it: 130 after SIGINT, 143 after SIGTERM, 129 after SIGHUP."""
    return 128 + _received[-1]


def end_in_order() -> None:
    """Let all these signals do what Ctrl-C does, once no import is under way; one that is ignored already (``nohup``) stays ignored."""
    _callers[:] = [sys._getframe(1)]
    for number in ENDINGS:
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):
            signal.signal(number, _receive)
    if hasattr(signal, "SIGALRM"):
        signal.signal(signal.SIGALRM, _interrupt)


def _receive(number: int, frame: FrameType | None) -> None:
    _received.append(signal.Signals(number))
    _interrupt(number, frame)


def _interrupt(number: int, frame: FrameType | None) -> None:
    """Do what Ctrl-C does now: while torch is imported, an exception from a signal is lost or ends the process with SIGABRT."""
    if _is_importing(frame) and hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_REAL, IMPORT_POLL_S)
        return
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    if callable(on_ctrl_c) and on_ctrl_c is not _receive:
        on_ctrl_c(signal.SIGINT, frame)
    else:
        raise KeyboardInterrupt


def _is_importing(frame: FrameType | None) -> bool:
    while frame is not None and frame not in _callers:
        if frame.f_code.co_filename.startswith("<frozen importlib."):
            return True
        frame = frame.f_back
    return False
