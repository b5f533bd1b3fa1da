"""The process of one job of the studio: runs a command of tellapart, keeps its output, and records how it ended.

It is started with the folder of the job as its argument, and goes on when the studio ends.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

from tellapart.atomic_files import one_at_a_time, write_json

JOB, ENDED, KEEPER, OUTPUT, ANSWER = "job.json", "ended.json", "keeper.json", "output.txt", "answer.json"


def keep(folder: Path) -> int:
    """Run the job of a folder until it ends, holding the folder meanwhile; the exit code of the command."""
    command = json.loads((folder / JOB).read_text(encoding="utf-8"))["command"]
    with one_at_a_time(folder):
        write_json(folder / KEEPER, {"process": os.getpid()})
        with (
            (folder / ANSWER).open("wb") as answer,
            (folder / OUTPUT).open("wb") as output,
            subprocess.Popen(command, stdout=answer, stderr=output, stdin=subprocess.DEVNULL) as running,
        ):

            def pass_on(number: int, frame: FrameType | None) -> None:
                running.send_signal(signal.SIGINT)

            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, pass_on)
            code = running.wait()
        write_json(folder / ENDED, {"code": code})
    return code


if __name__ == "__main__":
    sys.exit(keep(Path(sys.argv[1])))
