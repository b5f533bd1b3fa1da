"""Commands that the studio starts: their command lines, and each as a process of its own that survives it, with its output."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tellapart.atomic_files import is_in_use, one_at_a_time, storage_error, write_json
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.errors import DataError, OptionError
from tellapart.options import flag_of
from tellapart.printable import place_of
from tellapart.server.studio.documents import JobView
from tellapart.server.studio.job_process import ANSWER, ENDED, JOB, KEEPER, OUTPUT
from tellapart.server.studio.scan import FolderSource
from tellapart.training.options import TrainOptions

RUNNING, DONE, STOPPED, FAILED = "running", "done", "stopped", "failed"
START_S = 15.0
"""Within so many seconds from its start a job counts as running, even if its keeper has not taken hold of its folder yet."""
INTERRUPTED = 130
LAST_LINES, LAST_BYTES = 12, 8000


@dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        folder: with its files.
        number: from 1.
        kind: ``train``, ``check`` or ``explore``.
        command: the whole command line.
        started: when, ISO 8601.
    """

    folder: Path
    number: int
    kind: str
    command: tuple[str, ...]
    started: str

    @property
    def state(self) -> str:
        """Whether it runs, or how it ended."""
        if self._content(ENDED):
            return self._how_it_ended()
        is_starting = time.time() - datetime.fromisoformat(self.started).timestamp() < START_S
        if is_in_use(self.folder) or (is_starting and not (self.folder / KEEPER).is_file()):
            return RUNNING
        return self._how_it_ended()  # perhaps it has ended just now; a keeper that was killed leaves no word

    def _how_it_ended(self) -> str:
        code = self._content(ENDED).get("code")
        return DONE if code == 0 else STOPPED if code in (INTERRUPTED, -signal.SIGINT) else FAILED

    def stop(self) -> None:
        """Interrupt it, as Ctrl-C does."""
        process = self._content(KEEPER).get("process")
        if process is not None and is_in_use(self.folder):
            with suppress(OSError):
                os.kill(int(process), signal.SIGINT)

    def view(self) -> JobView:
        """For the page."""
        answer = self._content(ANSWER) if self.state == DONE else {}
        path = answer.get("path") or answer.get("review") or answer.get("out")
        return {
            "number": self.number,
            "kind": self.kind,
            "command": list(self.command),
            "started": self.started,
            "state": self.state,
            "lines": self._last_lines(),
            "result": Path(path).name if isinstance(path, str) else None,
        }

    def _last_lines(self) -> list[str]:
        try:
            with (self.folder / OUTPUT).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - LAST_BYTES))
                text = file.read().decode("utf-8", "replace")
        except OSError:
            return []
        return text.splitlines()[-LAST_LINES:]

    def _content(self, name: str) -> dict[str, Any]:
        try:
            content = json.loads((self.folder / name).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return content if isinstance(content, dict) else {}


class Jobs:
    """The jobs of a folder of jobs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def all(self) -> list[Job]:
        """Every job, the newest first."""
        jobs = []
        for file in self.folder.glob(f"*/{JOB}"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                content = json.loads(file.read_text(encoding="utf-8"))
                jobs.append(Job(file.parent, int(file.parent.name), content["kind"], tuple(content["command"]), content["started"]))
        return sorted(jobs, key=lambda job: -job.number)

    def find(self, number: int) -> Job:
        """A job by its number.

        Raises:
            DataError: there is none.
        """
        for job in self.all():
            if job.number == number:
                return job
        raise DataError("there is no such job")

    def start(self, kind: str, arguments: Sequence[str]) -> Job:
        """Start ``tellapart`` with these arguments.

        Raises:
            DataError: one of this kind is running already.
            StorageError: the folder cannot be written.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with one_at_a_time(self.folder):
                jobs = self.all()
                if any(job.kind == kind and job.state == RUNNING for job in jobs):
                    raise DataError(f"there is a {kind} running already", hint="stop it, or wait for its end")
                number = max((job.number for job in jobs), default=0) + 1
                job = Job(self.folder / str(number), number, kind, _command(arguments), datetime.now(UTC).isoformat(timespec="seconds"))
                job.folder.mkdir()
                write_json(job.folder / JOB, {"kind": kind, "command": list(job.command), "started": job.started})
        except OSError as error:
            raise storage_error(error, self.folder) from error
        keeper = [sys.executable, "-m", "tellapart.server.studio.job_process", str(job.folder)]
        quiet = subprocess.DEVNULL
        running = subprocess.Popen(keeper, stdin=quiet, stdout=quiet, stderr=quiet, start_new_session=True)
        threading.Thread(target=running.wait, daemon=True).start()  # so that it leaves no zombie
        return job


def _command(arguments: Sequence[str]) -> tuple[str, ...]:
    return (sys.executable, "-m", "tellapart", *arguments)


TRAIN, CHECK, EXPLORE, SUGGEST = "train", "check", "explore", "suggest"
KINDS = (TRAIN, CHECK, EXPLORE, SUGGEST)
TRAIN_OPTIONS = ("recipe", "backbone", "image_size", "augment", "epochs", "folds", "time_limit", "name")
"""What can be chosen of a training in the studio; the command line knows more."""
CHOOSABLE = {TRAIN: TRAIN_OPTIONS, EXPLORE: ("k",), SUGGEST: ("n", "classes")}


def arguments_of(kind: str, source: FolderSource, out: Path, chosen: Mapping[str, Any]) -> list[str]:
    """The arguments of a command.

    Args:
        kind: one of :data:`KINDS`.
        source: the folder.
        out: where it writes to.
        chosen: options by name, those of :data:`CHOOSABLE`.

    Raises:
        OptionError: an option's name or value is wrong; all of them are named.
    """
    if unknown := [name for name in chosen if name not in CHOOSABLE.get(kind, ())]:
        raise OptionError(f"{kind} has no option {unknown[0]!r} here")
    if wrong := [name for name, value in chosen.items() if not isinstance(value, str | int | float | None)]:
        raise OptionError(f"{wrong[0]} of {kind} has to be a word or a number")
    values = {name: value for name, value in chosen.items() if value not in (None, "")}
    if kind == TRAIN:
        TrainOptions.of(**values)
    state = [("state", str(source.state.expanduser().absolute()))] if source.state else []
    options = [("out", str(out.expanduser().absolute())), *_reading(source.reading), *state, *values.items()]
    return [kind, place_of(source.folder), *flags_of(dict(options)), "--json"]


def flags_of(options: Mapping[str, Any]) -> list[str]:
    """Options as words of a command line."""
    return [word for name, value in options.items() for word in (flag_of(name), str(value))]


def _reading(reading: DatasetOptions) -> Sequence[tuple[str, Any]]:
    named = [(one.name, getattr(reading, one.name)) for one in fields(DatasetOptions)]
    return [(name, value) for name, value in named if value != getattr(AS_FOUND, name)]
