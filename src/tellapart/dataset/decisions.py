"""Decisions of the user about single images, in an append-only log; the images are never changed.

Each command that decides something appends one batch to ``decisions.jsonl``, a line an image. Nothing is ever taken
out: an undo is a line too, so that it can be undone. A decision follows the bytes of an image, whatever the file is
called in a newer download; one about a file that has copies elsewhere follows its path.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tellapart.atomic_files import one_at_a_time, regular_file, replacing
from tellapart.dataset.file_rows import EXCLUDED, FileRow
from tellapart.errors import DataError, StorageError, reason_of
from tellapart.json_files import ShapeError, flag, maybe, parse_json, text, whole
from tellapart.json_files import fields as object_of

LOG_FILE = "decisions.jsonl"
RELABEL, EXCLUDE, RESTORE, UNSURE, UNDO = "relabel", "exclude", "restore", "unsure", "undo"
ACTIONS = (RELABEL, EXCLUDE, RESTORE, UNSURE, UNDO)
CHECKSUM = "checksum"


@dataclass(frozen=True, slots=True)
class Decision:
    """One line of the log.

    Attributes:
        action: ``relabel``, ``exclude``, ``restore`` (to the label of the folder), ``unsure`` (its label is
            doubtful; it is used as before) or ``undo`` (of a whole batch).
        path: of the file, as it was called; empty for ``undo``.
        image_id: sha256 of its bytes; None where it could not be read.
        is_of_file: it applies only to the file of that path, not to copies of it elsewhere.
        old: the label before, as decided until then.
        new: the label from now on, for ``relabel``.
        undoes: the batch that an ``undo`` takes back.
        why: the reason, in the user's words, or the name of the check that proposed it.
        who: the user's name on this machine.
        when: ISO 8601, UTC.
        batch: number of the command that decided it, from 1.
    """

    action: str
    path: str = ""
    image_id: str | None = None
    is_of_file: bool = False
    old: str | None = None
    new: str | None = None
    undoes: int | None = None
    why: str = ""
    who: str = ""
    when: str = ""
    batch: int = 0


_NAMES = tuple(f.name for f in fields(Decision))


@dataclass(frozen=True)
class Decisions:
    """The log of one data set.

    Attributes:
        log: every decision, the oldest first.
    """

    log: tuple[Decision, ...] = ()
    file: Path | None = field(default=None, compare=False)

    @property
    def undone(self) -> set[int]:
        """Numbers of the batches that do not hold, because an undo that holds took them back."""
        undone: set[int] = set()
        for decision in reversed(self.log):
            if decision.action == UNDO and decision.batch not in undone and decision.undoes is not None:
                undone.add(decision.undoes)
        return undone

    @property
    def in_effect(self) -> list[Decision]:
        """The decisions that hold, the oldest first: those of no batch that was undone."""
        undone = self.undone
        return [decision for decision in self.log if decision.action != UNDO and decision.batch not in undone]

    @property
    def last_batch(self) -> int | None:
        """The newest batch that still holds and is not an undo; None where there is none."""
        return max((decision.batch for decision in self.in_effect), default=None)

    def applied(self, rows: Sequence[FileRow]) -> list[FileRow]:
        """The rows with the decisions applied: relabeled or excluded."""
        return self._met(rows)[0]

    def unmet(self, rows: Sequence[FileRow]) -> list[Decision]:
        """Decisions in effect that match no file: it was removed or its bytes have changed."""
        return self._met(rows)[1]

    def unsure(self, rows: Sequence[FileRow]) -> list[bool]:
        """Whether the newest decision about each file marks its label as doubtful."""
        newest: dict[int, str] = {}
        for decision, numbers in self._meant(rows):
            newest.update(dict.fromkeys(numbers, decision.action))
        return [newest.get(number) == UNSURE for number in range(len(rows))]

    def _met(self, rows: Sequence[FileRow]) -> tuple[list[FileRow], list[Decision]]:
        decided, unmet = list(rows), []
        for decision, numbers in self._meant(rows):
            for number in numbers:
                decided[number] = _as_decided(rows[number], decided[number], decision)
            if not numbers:
                unmet.append(decision)
        return decided, unmet

    def _meant(self, rows: Sequence[FileRow]) -> Iterator[tuple[Decision, list[int]]]:
        """The decisions that hold, each with the numbers of the files that it is about."""
        by_path = {row.path: number for number, row in enumerate(rows)}
        by_content: dict[str, list[int]] = defaultdict(list)
        for number, row in enumerate(rows):
            if row.image_id is not None:
                by_content[row.image_id].append(number)
        for decision in self.in_effect:
            own = by_path.get(decision.path)
            is_there = own is not None and rows[own].image_id == decision.image_id
            if is_there and (decision.is_of_file or decision.image_id is None):
                yield decision, [own] if own is not None else []
            else:
                yield decision, [] if decision.is_of_file else by_content.get(decision.image_id or "", [])


def _as_decided(relabeled: FileRow, row: FileRow, decision: Decision) -> FileRow:
    """A row after one more decision; a new label or a doubt brings back a file that was excluded, but not its excluded copies."""
    if decision.action == RESTORE:
        return relabeled
    if decision.action == RELABEL:
        return replace(relabeled if decision.path == row.path else row, label=decision.new)
    if decision.action == UNSURE:
        return replace(relabeled, label=row.label) if decision.path == row.path else row
    return row.left_out(f"{EXCLUDED}: {decision.why}" if decision.why else f"{EXCLUDED} by you")


def read_decisions(state: Path) -> Decisions:
    """The decisions kept in a state folder; none where there is no log.

    Raises:
        StorageError: the log cannot be read, or a line of it is not a decision. It is never repaired or deleted automatically.
    """
    return DecisionLog(state).read()


def parse_decisions(content: str | bytes, name: str, *, first_line: int = 1) -> tuple[Decision, ...]:
    """The decisions written in ``content``, a JSON object a line; a line that has a checksum must be as it was written.

    Raises:
        StorageError: a line is not a decision; it says which, with ``name``.
    """
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    known = {f.name for f in fields(Decision)}
    decisions = []
    for number, line in enumerate(data.split(b"\n"), start=first_line):
        if not line.strip():
            continue
        try:
            values = parse_json(line, _decision)
            if CHECKSUM in values and values[CHECKSUM] != _checksum(values):
                raise ShapeError(f"it was changed after it was written; take {CHECKSUM!r} out of it if that was you")
        except ShapeError as error:
            raise StorageError(f"{name}, line {number} is no decision: {error}", hint="mend that line, or remove it") from error
        decisions.append(Decision(**{key: value for key, value in values.items() if key in known}))
    return tuple(decisions)


def _decision(value: object, where: str) -> dict[str, Any]:
    content: dict[str, Any] = _DECISION(value, where)
    if content["action"] == RELABEL and not content.get("new"):
        raise ShapeError("a relabel has no new label")
    if content["action"] == UNDO and content.get("undoes") is None:
        raise ShapeError("an undo names no batch")
    if not _is_whole(content):
        raise ShapeError("a piece of it is missing: tellapart writes 'who', 'when' (2026-11-29T12:00:00+00:00) and 'batch' together")
    unknown = [] if CHECKSUM in content else sorted(content.keys() - {f.name for f in fields(Decision)})
    if unknown:
        raise ShapeError(f"a decision has no {unknown[0]!r}")
    return content


def _is_whole(content: Mapping[str, Any]) -> bool:
    """Whether a line says who wrote it, when and in which batch, or, written by hand, none of the three."""
    signature = [name for name in ("who", "when", "batch") if content.get(name)]
    if not signature:
        return True
    try:
        datetime.fromisoformat(content.get("when", ""))
    except ValueError:
        return False
    return bool(content.get("batch")) and "who" in content


_DECISION = object_of(
    {"action": text(*ACTIONS)},
    {
        "path": text(),
        "image_id": maybe(text()),
        "is_of_file": flag,
        "old": maybe(text()),
        "new": maybe(text()),
        "undoes": maybe(whole(0, 1 << 53)),
        "why": text(),
        "who": text(),
        "when": text(),
        "batch": whole(0, 1 << 53),
        CHECKSUM: text(),
    },
)


def _checksum(values: Mapping[str, Any]) -> str:
    """Eight hexadecimal digits for all of a line but its checksum."""
    content = {key: value for key, value in values.items() if key != CHECKSUM}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:8]


def _writable(decision: Decision) -> Decision:
    """The decision with whatever is no UTF-8 in its words written as escapes."""
    words = {name: value for name, value in _values(decision).items() if isinstance(value, str)}
    return replace(decision, **{name: value.encode("utf-8", "backslashreplace").decode() for name, value in words.items()})  # type: ignore[arg-type]


def _values(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in _NAMES}


def _line(decision: Decision) -> str:
    values = _values(decision)
    return json.dumps({**values, CHECKSUM: _checksum(values)}, ensure_ascii=False) + "\n"


class DecisionLog:
    """The log of one data set, kept in memory: what was read or written before is not read again.

    Others may write to the same file at any time; what they add is read before anything is given or appended.

    Args:
        state: the state folder.
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self._decisions = Decisions(file=state / LOG_FILE)
        self._content = b""
        self._stamp: tuple[int, int, int] | None = None

    def read(self) -> Decisions:
        """The log as it stands; errors as of :func:`read_decisions`."""
        file = self.state / LOG_FILE
        try:
            status = regular_file(file).stat()
            stamp = (status.st_size, status.st_mtime_ns, status.st_ino)
            if stamp == self._stamp:
                return self._decisions
            content = file.read_bytes()
        except FileNotFoundError:
            self._keep(Decisions(file=file), b"", None)
            return self._decisions
        except OSError as error:
            raise StorageError(f"the decisions in {file} cannot be read: {reason_of(error)}") from error
        is_longer = content.startswith(self._content) and self._content.endswith(b"\n")
        known, rest = (self._decisions.log, content[len(self._content) :]) if is_longer else ((), content)
        first_line = content.count(b"\n", 0, len(content) - len(rest)) + 1
        self._keep(Decisions((*known, *parse_decisions(rest, str(file), first_line=first_line)), file), content, stamp)
        return self._decisions

    def append(self, decisions: Iterable[Decision], *, why: str = "") -> Decisions:
        """Append decisions as one batch, all of them or none; see :func:`append_decisions`."""
        new = list(decisions)
        return self.append_chosen(lambda _: new, why=why)

    def undo(self, batch: int | None = None) -> tuple[Decisions, int]:
        """Undo a batch, by default the newest that holds; see :func:`undo_batch`."""
        log = self.append_chosen(lambda known: [Decision(UNDO, undoes=_to_undo(known, batch))])
        return log, log.log[-1].undoes or 0

    def append_chosen(self, choose: Callable[[Decisions], Sequence[Decision]], *, why: str = "") -> Decisions:
        """Append what ``choose`` makes of the log as it stands, while nobody else writes; the new log."""
        try:
            self.state.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(f"{self.state} cannot be made: {error.strerror}", hint="choose another place with --state DIR") from error
        with one_at_a_time(self.state):
            before = self.read()
            chosen = choose(before)
            if not chosen:
                return before
            batch = max((decision.batch for decision in before.log), default=0) + 1
            who, when = _user(), datetime.now(UTC).isoformat(timespec="seconds")
            new = [_writable(replace(one, batch=batch, who=who, when=when, why=one.why or why)) for one in chosen]
            content = (
                self._content + (b"\n" if self._content and not self._content.endswith(b"\n") else b"") + "".join(map(_line, new)).encode()
            )
            with replacing(self.state / LOG_FILE) as partial:
                partial.write_bytes(content)
            status = (self.state / LOG_FILE).stat()
            self._keep(Decisions((*before.log, *new), before.file), content, (status.st_size, status.st_mtime_ns, status.st_ino))
        return self._decisions

    def _keep(self, decisions: Decisions, content: bytes, stamp: tuple[int, int, int] | None) -> None:
        self._decisions, self._content, self._stamp = decisions, content, stamp


def append_decisions(state: Path, decisions: Iterable[Decision], *, why: str = "") -> Decisions:
    """Append decisions as one batch, all of them or none, and give the whole log.

    Args:
        state: the state folder.
        decisions: new ones; batch, who and when are filled in, and ``why`` where they have none.
        why: the reason of all that have none of their own.

    Raises:
        StorageError: the disk is full, the folder cannot be written, or the log is damaged.
    """
    return DecisionLog(state).append(decisions, why=why)


def undo_batch(state: Path, batch: int | None = None) -> tuple[Decisions, int]:
    """Undo a batch, by default the newest that holds; the log, and which batch it was.

    Two that undo at the same time undo two batches: each chooses when it is its turn to write.

    Raises:
        DataError: there is nothing to undo, no such batch, or it is undone already.
        StorageError: the log cannot be read or written.
    """
    return DecisionLog(state).undo(batch)


def _to_undo(known: Decisions, batch: int | None) -> int:
    chosen = known.last_batch if batch is None else batch
    hint = "tellapart decisions FOLDER --all lists them"
    if chosen is None:
        raise DataError("there is no decision to undo", hint=hint)
    if chosen not in {decision.batch for decision in known.log}:
        raise DataError(f"there is no batch {chosen} of decisions", hint=hint)
    if chosen in known.undone:
        raise DataError(f"batch {chosen} is already undone", hint=hint)
    return chosen


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
