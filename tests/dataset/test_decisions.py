from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pytest

from tellapart.dataset import decisions
from tellapart.dataset.decisions import (
    EXCLUDE,
    LOG_FILE,
    RELABEL,
    RESTORE,
    UNDO,
    Decision,
    Decisions,
    append_decisions,
    read_decisions,
    undo_batch,
)
from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, USED, FileRow
from tellapart.errors import DataError, StorageError, TellapartError


def row(path: str, image_id: str | None, label: str | None = "cats") -> FileRow:
    return FileRow(path, image_id, label, None, None, USED if image_id else UNREADABLE, None if image_id else "cut off", 9, 9, 9)


def exclude(path: str, image_id: str | None, **more: object) -> Decision:
    return Decision(EXCLUDE, path, image_id, **more)  # type: ignore[arg-type]


def relabel(path: str, image_id: str, new: str) -> Decision:
    return Decision(RELABEL, path, image_id, new=new)


def outcome(decisions: list[Decision], rows: list[FileRow]) -> list[tuple[str, str | None]]:
    return [(r.status, r.label) for r in Decisions(tuple(decisions)).applied(rows)]


def test_a_decision_follows_the_bytes_under_another_name() -> None:
    assert outcome([exclude("old.jpg", "1"), relabel("b.jpg", "2", "dogs")], [row("new.jpg", "1"), row("b.jpg", "2")]) == [
        (SET_ASIDE, "cats"),
        (USED, "dogs"),
    ]


def test_a_decision_about_one_of_several_copies_stays_with_its_file() -> None:
    rows = [row("cats/1.jpg", "1"), row("dogs/1.jpg", "1", "dogs")]
    decision = exclude("dogs/1.jpg", "1", is_of_file=True)
    assert outcome([decision], rows) == [(USED, "cats"), (SET_ASIDE, "dogs")]
    assert outcome([decision], rows[:1]) == [(USED, "cats")]
    assert Decisions((decision,)).unmet(rows[:1]) == [decision]


def test_a_label_holds_for_all_copies_but_brings_back_only_the_file_it_was_given_to() -> None:
    rows = [row("cats/1.jpg", "1"), row("dogs/1.jpg", "1", "dogs")]
    decided = [exclude("dogs/1.jpg", "1", is_of_file=True), relabel("cats/1.jpg", "1", "birds")]
    assert outcome(decided, rows) == [(USED, "birds"), (SET_ASIDE, "birds")]
    assert outcome([exclude("a", "1"), relabel("a", "1", "dogs")], [row("a", "1")]) == [(USED, "dogs")]


def test_changed_bytes_are_another_image() -> None:
    decision = exclude("a.jpg", "1")
    assert outcome([decision], [row("a.jpg", "2")]) == [(USED, "cats")]
    assert Decisions((decision,)).unmet([row("a.jpg", "2")]) == [decision]


def test_an_unreadable_file_is_known_by_its_path_as_long_as_it_is_unreadable() -> None:
    decision = exclude("a.jpg", None)
    assert outcome([decision], [row("a.jpg", None), row("b.jpg", None)])[1] == (UNREADABLE, "cats")
    assert outcome([decision], [row("a.jpg", None)]) == [(SET_ASIDE, "cats")]
    assert outcome([decision], [row("a.jpg", "1")]) == [(USED, "cats")]


def test_the_later_word_holds_and_restoring_brings_the_folders_own() -> None:
    rows = [row("a", "1")]
    assert outcome([relabel("a", "1", "dogs"), relabel("a", "1", "birds")], rows) == [(USED, "birds")]
    assert outcome([relabel("a", "1", "dogs"), exclude("a", "1"), Decision(RESTORE, "a", "1")], rows) == [(USED, "cats")]


def test_the_reason_is_told() -> None:
    found = Decisions((exclude("a", "1", why="blurred"), exclude("b", "2"))).applied([row("a", "1"), row("b", "2")])
    assert [r.reason for r in found] == ["excluded: blurred", "excluded by you"]
    assert all(r.is_excluded for r in found)
    assert not row("c", None).is_excluded


def test_batches_are_numbered_and_undone_as_wholes_and_undoing_is_undone(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1"), exclude("b", "2")], why="twice")
    log = append_decisions(tmp_path, [relabel("c", "3", "dogs")])
    assert [(one.batch, one.why) for one in log.log] == [(1, "twice"), (1, "twice"), (2, "")]
    assert undo_batch(tmp_path)[1] == 2
    assert undo_batch(tmp_path)[1] == 1
    assert read_decisions(tmp_path).in_effect == []
    with pytest.raises(DataError, match="no decision to undo"):
        undo_batch(tmp_path)
    again, _ = undo_batch(tmp_path, 4)
    assert [one.path for one in again.in_effect] == ["a", "b"]
    undo_batch(tmp_path, 5)
    assert read_decisions(tmp_path).in_effect == []
    with pytest.raises(DataError, match="no batch 99"):
        undo_batch(tmp_path, 99)


def test_names_of_all_kinds_survive(tmp_path: Path) -> None:
    names = ["a b.jpg", "new\nline.jpg", "größe.jpg", '"quoted".jpg', "\u2028.jpg", "back\\xff.jpg"]
    append_decisions(tmp_path, [exclude(name, "1") for name in names])
    assert [one.path for one in read_decisions(tmp_path).log] == names


def at_once(*jobs: Callable[[], object]) -> list[object]:
    """Run the jobs in threads that begin together; what each gave, or the error it raised."""
    gate = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> object:
        gate.wait()
        try:
            return job()
        except TellapartError as error:
            return error

    with ThreadPoolExecutor(len(jobs)) as pool:
        return list(pool.map(run, jobs))


def test_undoing_at_once_undoes_one_batch_each(tmp_path: Path) -> None:
    for number in range(8):
        append_decisions(tmp_path, [exclude(f"{number}", str(number))])
    undone = at_once(*(partial(undo_batch, tmp_path) for _ in range(6)))
    assert sorted(batch for _, batch in undone) == [3, 4, 5, 6, 7, 8]  # type: ignore[misc]
    assert [one.path for one in read_decisions(tmp_path).in_effect] == ["0", "1"]


def test_more_undo_at_once_than_there_is_to_undo(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1")])
    outcomes = at_once(*(partial(undo_batch, tmp_path) for _ in range(3)))
    assert sum(isinstance(one, DataError) for one in outcomes) == 2
    assert [one.action for one in read_decisions(tmp_path).log] == [EXCLUDE, UNDO]


def test_undoing_and_excluding_at_once_loses_neither(tmp_path: Path) -> None:
    for number in range(6):
        append_decisions(tmp_path, [exclude(f"old-{number}", str(number))])
    excluding = [partial(append_decisions, tmp_path, [exclude(f"new-{number}", "n")]) for number in range(4)]
    at_once(*excluding, *(partial(undo_batch, tmp_path) for _ in range(4)))
    log = read_decisions(tmp_path)
    assert sorted(one.path for one in log.log if one.path.startswith("new")) == [f"new-{number}" for number in range(4)]
    assert len({one.undoes for one in log.log if one.action == UNDO}) == 4
    assert len(log.in_effect) == 6 + 4 - 4


def test_a_batch_is_undone_once(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1")])
    outcomes = at_once(*(partial(undo_batch, tmp_path, 1) for _ in range(3)))
    assert sum(isinstance(one, DataError) and "already undone" in str(one) for one in outcomes) == 2
    undo_batch(tmp_path, 2)
    assert len(read_decisions(tmp_path).in_effect) == 1


def test_nothing_to_undo_where_there_never_was_a_decision(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no decision to undo"):
        undo_batch(tmp_path / "state")


def test_two_at_once_lose_nothing(tmp_path: Path) -> None:
    def work(number: int) -> None:
        for step in range(10):
            append_decisions(tmp_path, [exclude(f"{number}-{step}", "1")])

    at_once(*(partial(work, number) for number in range(4)))
    log = read_decisions(tmp_path).log
    assert len({one.path for one in log}) == 40
    assert [one.batch for one in log] == list(range(1, 41))


TYPES = [
    '{"action": "exclude", "path": 7}',
    '{"action": "exclude", "path": "a", "image_id": ["1"]}',
    '{"action": "exclude", "path": "a", "is_of_file": "yes"}',
    '{"action": "exclude", "path": "a", "batch": "1"}',
    '{"action": "exclude", "path": "a", "batch": NaN}',
    '{"action": "exclude", "path": "a", "batch": -1}',
    '{"action": "exclude", "path": "a", "path": "b"}',
    '{"action": "exclude", "path": "\\ud800"}',
    '{"action": ["exclude"], "path": "a"}',
    '{"action": "undo"}',
    "[" * 5000,
]


PIECES = (
    '{"action": "exclude", "path": "a", "when": "2098d33"}',
    '{"action": "exclude", "path": "a", "when": "2026-11-29T22:24:03+00:00"}',
    '{"action": "exclude", "path": "a", "who": "root", "whesum": "86ae5ea5"}',
    '{"action": "exclude", "path": "a", "whesum": "86ae5ea5"}',
)
"""What is left where a piece with the checksum is lost."""


@pytest.mark.parametrize(
    "line", [*TYPES, *PIECES, "{", "[]", '"x"', "{}", '{"action": "burn", "path": "a"}', '{"action": "relabel", "path": "a"}']
)
def test_a_damaged_log_is_said_with_its_line_and_never_thrown_away(tmp_path: Path, line: str) -> None:
    append_decisions(tmp_path, [exclude("a", "1")])
    file = tmp_path / LOG_FILE
    file.write_text(file.read_text() + line + "\n")
    before = file.read_text()
    with pytest.raises(StorageError, match="line 2 is no decision"):
        read_decisions(tmp_path)
    with pytest.raises(StorageError):
        append_decisions(tmp_path, [exclude("b", "2")])
    assert file.read_text() == before


def test_a_log_of_a_later_version_is_read(tmp_path: Path) -> None:
    content = {**asdict(exclude("a", "1")), "mood": "sad"}
    (tmp_path / LOG_FILE).write_text(json.dumps({**content, "checksum": decisions._checksum(content)}) + "\n\n")
    assert read_decisions(tmp_path).log == (exclude("a", "1"),)
    (tmp_path / LOG_FILE).write_text(json.dumps(content) + "\n")
    with pytest.raises(StorageError, match="a decision has no 'mood'"):
        read_decisions(tmp_path)


def test_nothing_is_written_where_nothing_is_decided(tmp_path: Path) -> None:
    assert append_decisions(tmp_path / "state", []).log == ()
    assert not (tmp_path / "state" / LOG_FILE).exists()
    assert Decisions((Decision(UNDO, undoes=1, batch=2),)).last_batch is None


def test_a_line_that_was_changed_is_noticed_and_one_without_a_checksum_is_read(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1"), relabel("b", "2", "dogs")])
    file = tmp_path / LOG_FILE
    whole = file.read_text()
    for old, new in (("dogs", "dogz"), ('"2"', '"3"'), ('"batch": 1, "checksum"', '"batch": 2, "checksum"')):
        first, _, last = whole.rpartition(old)
        file.write_text(first + new + last)
        with pytest.raises(StorageError, match="line 2 is no decision: it was changed after it was written; take 'checksum' out"):
            read_decisions(tmp_path)
    lines = [json.loads(line) for line in whole.splitlines()]
    file.write_text("".join(json.dumps({k: v for k, v in {**line, "why": "mine"}.items() if k != "checksum"}) + "\n" for line in lines))
    assert [one.why for one in read_decisions(tmp_path).log] == ["mine", "mine"]


def test_bytes_that_are_no_text_are_said_with_their_line(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1"), exclude("b", "2")])
    file = tmp_path / LOG_FILE
    file.write_bytes(file.read_bytes().replace(b'"b"', b'"\xff"'))
    with pytest.raises(StorageError, match="line 2 is no decision"):
        read_decisions(tmp_path)


def test_words_that_are_no_utf8_can_be_read_again(tmp_path: Path) -> None:
    append_decisions(tmp_path, [exclude("a", "1")], why="caf\udce9 \ud800")
    assert [one.why for one in read_decisions(tmp_path).log] == ["caf\\udce9 \\ud800"]


def test_a_doubt_is_the_newest_decision_of_the_file_and_leaves_label_and_use(tmp_path: Path) -> None:
    rows = [row("cats/1.jpg", "a" * 64, "cats"), row("cats/2.jpg", "b" * 64, "cats")]
    doubt = Decision("unsure", "cats/1.jpg", "a" * 64)
    for decision, is_unsure in ((doubt, True), (relabel("cats/1.jpg", "a" * 64, "dogs"), False), (doubt, True)):
        log = append_decisions(tmp_path, [decision])
        assert log.unsure(rows) == [is_unsure, False]
    assert [one.label for one in log.applied(rows)] == ["dogs", "cats"] and all(one.is_used for one in log.applied(rows))
    assert undo_batch(tmp_path)[0].unsure(rows) == [False, False]
