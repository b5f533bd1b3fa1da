"""The command line; the only place where errors become text and exit codes."""

from __future__ import annotations

import signal
import sys

from tellapart.cli.signals import ENDINGS, INTERRUPTED, end_in_order, exit_code


def main() -> None:
    """The console script ``tellapart``."""
    end_in_order()
    try:
        from tellapart.cli.app import tellapart
        from tellapart.cli.terminal import show_everything_visibly

        show_everything_visibly()
        tellapart.main()
    except KeyboardInterrupt:
        print(INTERRUPTED, file=sys.stderr)
        sys.exit(exit_code())
    finally:
        for number in ENDINGS:
            signal.signal(number, signal.SIG_IGN)  # all is done; a signal while Python puts its things away changes nothing


__all__ = ["main"]
