"""The folder that the studio works on: a row for each file as it is decided now, and what changed since."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np

from tellapart.dataset.decisions import EXCLUDE, LOG_FILE, RELABEL, RESTORE, UNDO, UNSURE, Decision, DecisionLog, Decisions
from tellapart.dataset.file_rows import UNREADABLE, FileRow
from tellapart.dataset.row_building import decided_rows
from tellapart.errors import OptionError
from tellapart.server.studio.documents import PastDecision
from tellapart.server.studio.scan import Snapshot
from tellapart.workflows.decision_writing import (
    ApplicableDecisions,
    ProposedDecision,
    applicable_decisions,
    doubted,
    excluded,
    relabeled,
    restored,
)

STATES = ("used", "excluded", "set aside", "unreadable")
"""What becomes of a file; the page gets the place in this tuple."""
ACTIONS = (RELABEL, EXCLUDE, RESTORE, UNSURE)
NO_LABEL = -1


@dataclass(frozen=True)
class Choice:
    """One choice about several files.

    Attributes:
        action: one of :data:`ACTIONS`.
        numbers: of the rows.
        label: the new one, for ``relabel``; it may be new.
        reason: kept with each decision.
    """

    action: str
    numbers: Sequence[int]
    label: str | None = None
    reason: str = ""


@dataclass(frozen=True)
class Step:
    """The effect of one batch of decisions.

    Attributes:
        batch: its number, for ``undo``; None where nothing changed.
        changed: how many files it names.
        undone: the batch that it undid, for an undo.
        emptied: classes that have no usable image any more.
    """

    batch: int | None
    changed: int
    undone: int | None = None
    emptied: tuple[str, ...] = ()


class Workspace:
    """The files of a data set with the decisions of now. Threads may use it at the same time.

    Attributes:
        snapshot: the files as they were found.
        undecided: a row for each of n files, without decisions.
        rows: the same with the decisions of now, contradictions and exact copies left out, as every command sees them.
        class_names: every label that occurs or occurred, in the order of the codes of ``labels``; it only ever grows.
        labels: int32 (n,), the label of now, -1 without one.
        states: uint8 (n,), places in :data:`STATES`.
        unsure: bool (n,), whether the newest decision is that one is unsure of it.
        version: changes with the files.
        log_file: the file of the decisions.
        own_batches: batches that were decided here, not by others.

    Args:
        snapshot: the files.
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.snapshot, state = snapshot, snapshot.state
        self.undecided = snapshot.rows
        self.rows = list(self.undecided)
        self.files_per_image = Counter(row.image_id for row in self.undecided if row.image_id is not None)
        self.class_names = sorted({row.label for row in self.undecided if row.label is not None})
        self.version = snapshot.version
        self.labels = np.full(len(self.rows), NO_LABEL, np.int32)
        self.states = np.zeros(len(self.rows), np.uint8)
        self.unsure = np.zeros(len(self.rows), np.bool_)
        self.log_file = state / LOG_FILE
        self.own_batches: list[int] = []
        self._codes = {name: code for code, name in enumerate(self.class_names)}
        self._numbers = _numbers_by_key(self.undecided)
        self._log = DecisionLog(state)
        self._read = Decisions()
        self._lock = threading.RLock()
        self._note(range(len(self.rows)))
        self._renew([key for key, numbers in self._numbers.items() if len(numbers) > 1], self._read)  # copies and contradictions
        self.refresh()

    def __len__(self) -> int:
        return len(self.rows)

    def file(self, number: int) -> Path:
        """The file of a row."""
        return self.snapshot.root / self.snapshot.paths[number]

    @cached_property
    def undecided_by_path(self) -> dict[str, FileRow]:
        """The rows by path, without decisions."""
        return {row.path: row for row in self.undecided}

    @cached_property
    def number_of(self) -> dict[str, int]:
        """Numbers of the rows by path."""
        return {row.path: number for number, row in enumerate(self.undecided)}

    @property
    def decisions(self) -> Decisions:
        """The log as it was last read."""
        return self._read

    @property
    def seq(self) -> int:
        """Number of lines of the log that the rows follow."""
        return len(self._read.log)

    def is_unsure(self, path: str) -> bool:
        """Whether the newest decision about a file is that one is unsure of it."""
        return bool(self.unsure[self.number_of[path]])

    def numbers_of(self, image_id: str) -> tuple[int, ...]:
        """The rows of an image."""
        return self._numbers.get(image_id, ())

    def codes(self, names: Iterable[str]) -> list[int]:
        """The codes of labels; a new one for a new name."""
        with self._lock:
            return [self._code(name) for name in names]

    def _code(self, name: str) -> int:
        if name not in self._codes:
            self._codes[name] = len(self.class_names)
            self.class_names.append(name)
        return self._codes[name]

    def refresh(self) -> None:
        """Follow decisions that others have written meanwhile.

        Raises:
            StorageError: the log cannot be read.
        """
        with self._lock:
            self._follow(self._log.read())

    def decide(self, *choices: Choice) -> Step:
        """Decide on files as one batch, exactly as ``tellapart relabel``, ``exclude`` and ``restore`` write it.

        Raises:
            OptionError: there is no such action, or no label was given.
            StorageError: the decisions cannot be read or written; then nothing is decided.
        """
        with self._lock:
            self.refresh()
            decisions = [one for choice in choices for one in self._chosen(choice)]
            if not decisions:
                return Step(None, 0)
            before = self._used()
            log = self._log.append(decisions)
            self._follow(log)
            self.own_batches.append(log.log[-1].batch)
            after = self._used()
            emptied = [name for name, n, left in zip(self.class_names, before, after, strict=False) if n and not left]
            return Step(log.log[-1].batch, len(decisions), emptied=tuple(emptied))

    def apply(self, given: Sequence[Decision], *, reason: str, is_trial: bool) -> tuple[ApplicableDecisions, Step]:
        """Take over decisions from a file as one batch; as a trial, only say what would change.

        Raises:
            StorageError: the decisions cannot be read or written.
        """
        with self._lock:
            self.refresh()
            applicable = applicable_decisions(self, given)
            if is_trial or not applicable.new:
                return applicable, Step(None, 0)
            log = self._log.append(applicable.new, why=reason)
            self._follow(log)
            self.own_batches.append(log.log[-1].batch)
            return applicable, Step(log.log[-1].batch, len(applicable.new))

    def undo(self, batch: int | None = None) -> Step:
        """Undo a batch, by default the newest that holds; an undo can be undone too.

        Raises:
            DataError: there is nothing to undo, no such batch, or it is undone already.
            StorageError: the log cannot be read or written.
        """
        with self._lock:
            log, undone = self._log.undo(batch)
            self._follow(log)
            self.own_batches.append(log.log[-1].batch)
            return Step(log.log[-1].batch, sum(one.batch == undone for one in log.log), undone)

    def changes_since(self, seq: int) -> list[list[int]]:
        """Number, label code, state code and doubt of every row that lines of the log from ``seq`` on are about."""
        with self._lock:
            keys = _keys_of(self._read.log[max(0, seq) :], self._read)
            numbers = sorted(number for key in keys for number in self._numbers.get(key, ()))
            return [[number, int(self.labels[number]), int(self.states[number]), int(self.unsure[number])] for number in numbers]

    def history(self, number: int) -> list[PastDecision]:
        """The decisions about the image of a row, the oldest first, each with whether it holds."""
        with self._lock:
            key, undone = _key(self.undecided[number]), self._read.undone
            own = [one for one in self._read.log if one.action != UNDO and _key(one) == key]
        return [cast("PastDecision", {**asdict(one), "holds": one.batch not in undone}) for one in own]

    def _chosen(self, choice: Choice) -> list[Decision]:
        proposed = [self._proposed(choice.action, self.rows[number], choice.label) for number in dict.fromkeys(choice.numbers)]
        return [replace(one.decision, why=choice.reason) for one in proposed if one.decision is not None]

    def _used(self) -> list[int]:
        """Usable images of each class."""
        labels = self.labels[(self.states == 0) & (self.labels >= 0)]
        return [int(n) for n in np.bincount(labels, minlength=len(self.class_names))]

    def _proposed(self, action: str, row: FileRow, label: str | None) -> ProposedDecision:
        if action == RELABEL:
            if not (label or "").strip():
                raise OptionError("no label was given")
            return relabeled(row, self, str(label).strip())
        if action == EXCLUDE:
            return excluded(row, self)
        if action == RESTORE:
            return restored(row, self)
        if action == UNSURE:
            return doubted(row, self)
        raise OptionError(f"there is no action {action!r}; there are {', '.join(ACTIONS)}")

    def _follow(self, log: Decisions) -> None:
        before = self._read.log
        if log.log is before:
            return
        is_longer = len(log.log) >= len(before) and log.log[: len(before)] == before
        keys = _keys_of(log.log[len(before) :] if is_longer else (*before, *log.log), log)
        self._read = log
        self._renew(keys, log)

    def _renew(self, keys: Iterable[str], log: Decisions) -> None:
        """Apply the decisions to the files of these images anew; other files do not depend on them."""
        meant = set(keys)
        numbers = sorted(number for key in meant for number in self._numbers.get(key, ()))
        decisions = Decisions(tuple(one for one in log.in_effect if _key(one) in meant))
        undecided = [self.undecided[number] for number in numbers]
        self.unsure[numbers] = decisions.unsure(undecided)
        for number, row in zip(numbers, decided_rows(undecided, decisions), strict=True):
            self.rows[number] = row
        self._note(numbers)

    def _note(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            row = self.rows[number]
            self.labels[number] = NO_LABEL if row.label is None else self._code(row.label)
            self.states[number] = _state(row)


def _state(row: FileRow) -> int:
    if row.is_used:
        return 0
    if row.status == UNREADABLE:
        return 3
    return 1 if row.is_excluded else 2


def _key(one: FileRow | Decision) -> str:
    """What files and decisions about them have in common: the image, or the path of a file that cannot be read."""
    return one.image_id or f"/{one.path}"


def _numbers_by_key(rows: Sequence[FileRow]) -> dict[str, tuple[int, ...]]:
    numbers: dict[str, tuple[int, ...]] = {}
    for number, row in enumerate(rows):
        key = _key(row)
        numbers[key] = (*numbers.get(key, ()), number)
    return numbers


def _keys_of(decisions: Iterable[Decision], log: Decisions) -> set[str]:
    """What decisions are about, and for an undo what the batch was about that it undoes."""
    keys: set[str] = set()
    batches = {one.undoes for one in decisions if one.action == UNDO}
    keys.update(_key(one) for one in decisions if one.action != UNDO)
    while batches:
        meant = [one for one in log.log if one.batch in batches]
        keys.update(_key(one) for one in meant if one.action != UNDO)
        batches = {one.undoes for one in meant if one.action == UNDO}
    return keys
