"""How much memory a process has held at most, for programs that tests run in processes of their own."""

from __future__ import annotations

import inspect


def peak_memory() -> int:
    """Bytes this program has held at most.

    ``ru_maxrss`` alone will not do: a process started by a larger one begins with the larger one's peak.
    """
    import resource
    import sys

    try:
        with open("/proc/self/status", encoding="ascii") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) * 1024
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


PEAK_MEMORY = inspect.getsource(peak_memory)
"""The function's text, to stand at the head of a program."""
