"""What a process takes: seconds of the processor, seconds on the clock, memory; for the benchmarks that compare whole programs."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ProcessUsage:
    """What a process and those that it waited for took.

    Attributes:
        processor_s: seconds of the processor, user and system.
        wall_s: seconds on the clock.
        peak_mb: memory of the largest of them at its highest.
    """

    processor_s: float
    wall_s: float
    peak_mb: float


def measured(command: Sequence[str], environment: Mapping[str, str] | None = None, log: Path | None = None) -> ProcessUsage:
    """Run a command to its end; one that fails ends the benchmark.

    Args:
        command: the program and its arguments.
        environment: variables beside those of this process.
        log: the file for all that it prints; by default only its errors are shown.
    """
    begin = time.monotonic()
    errors = None if log is None else subprocess.STDOUT
    with (
        open(log or os.devnull, "wb") as output,
        subprocess.Popen(command, stdout=output, stderr=errors, env={**os.environ, **(environment or {})}) as process,
    ):
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}")
    return ProcessUsage(usage.ru_utime + usage.ru_stime, time.monotonic() - begin, usage.ru_maxrss / 1024)
