"""The command line; the only place where errors become text and exit codes."""

from __future__ import annotations

import sys


def main() -> None:
    """The console script ``tellapart``."""
    from tellapart.cli.door import tellapart

    sys.exit(tellapart.main(standalone_mode=True))


__all__ = ["main"]
