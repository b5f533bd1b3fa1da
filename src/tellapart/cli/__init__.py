"""The command line; the only place where errors become text and exit codes."""

from __future__ import annotations

import signal
import sys

INTERRUPTED = 130


def main() -> None:
    """The console script ``tellapart``."""
    try:
        from tellapart.cli.door import tellapart
        from tellapart.cli.terminal import show_everything_visibly

        show_everything_visibly()
        tellapart.main()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done; Ctrl-C while Python puts its things away changes nothing


__all__ = ["main"]
