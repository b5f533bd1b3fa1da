"""``python -m tellapart``, and ``torchrun -m tellapart``, which starts several processes; only the first writes output."""

import atexit
import os
import sys

from tellapart.cli import main


def _together() -> None:
    """Run as one of several processes, and leave without Python's putting things away.

    All is written by then. A thread of gloo's that lets go of a tensor while Python ends is stopped in the middle of C++,
    and takes the process down with SIGABRT (seen twice in some dozens of trainings).
    """
    if os.environ.get("RANK", "0") != "0":
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
    code = 0
    try:
        main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        _together()
    else:
        main()
