"""The studio's rows and decisions beside what the commands say and write of the same folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.analyzed_folder import analyze_folder
from tellapart.dataset.decisions import Decision, read_decisions
from tellapart.dataset.options import AS_FOUND
from tellapart.errors import DataError, OptionError
from tellapart.feature_spec import FeatureSpec
from tellapart.server.studio.loading import load_workspace
from tellapart.server.studio.scan import FolderSource
from tellapart.server.studio.workspace import STATES, Choice, Step, Workspace

LOG = Path(".tellapart") / "decisions.jsonl"


@pytest.fixture
def workspace(pets: Path) -> Workspace:
    return load_workspace(FolderSource(pets, AS_FOUND))


def decide(workspace: Workspace, action: str, meant: list[int], **values: Any) -> Step:
    return workspace.decide(Choice(action, meant, **values))


def numbers(workspace: Workspace, *paths: str) -> list[int]:
    return [workspace.number_of[path] for path in paths]


def is_as_the_commands_see_it(workspace: Workspace, folder: Path) -> bool:
    """Whether every row is the one that commands work with, and the columns say the same as the rows."""
    rows = analyze_folder(folder, FeatureSpec(())).rows
    names = [None if code < 0 else workspace.class_names[code] for code in workspace.labels]
    used = [STATES[code] == "used" for code in workspace.states]
    return workspace.rows == rows and names == [row.label for row in rows] and used == [row.is_used for row in rows]


def test_rows_are_those_of_every_command_before_and_after_each_step(workspace: Workspace, pets: Path) -> None:
    assert is_as_the_commands_see_it(workspace, pets)
    assert {STATES[code] for code in workspace.states} == {"used", "set aside", "unreadable"}
    steps: list[tuple[str, tuple[str, ...], str | None]] = [
        ("relabel", ("cats/cats 1.jpg", "cats/cats 2.jpg"), "dogs"),
        ("exclude", ("dogs/both.jpg",), None),  # the contradiction ends: the other copy is used
        ("exclude", ("cats/cats 0.jpg",), None),  # its copy takes its place
        ("relabel", ("cats/copy.jpg",), "birds"),  # a class that there was not; it holds for both copies
        ("exclude", ("dogs/drawing.jpg", "dogs/dogs 1.jpg"), None),
        ("restore", ("cats/cats 1.jpg", "dogs/both.jpg"), None),
    ]
    for action, paths, label in steps:
        assert decide(workspace, action, numbers(workspace, *paths), label=label).changed == len(paths)
        assert is_as_the_commands_see_it(workspace, pets), (action, paths)
    for _ in steps:
        workspace.undo()
        assert is_as_the_commands_see_it(workspace, pets)
    assert len(workspace.class_names) == 4  # of what there was; a code stays what it was


def line_of(decision: Decision) -> dict[str, Any]:
    return {name: getattr(decision, name) for name in ("action", "path", "image_id", "is_of_file", "old", "new", "undoes", "why", "batch")}


def test_the_studio_writes_what_the_commands_write(workspace: Workspace, pets: Path, pristine: Path, tmp_path: Path) -> None:
    other = tmp_path / "state"
    decide(workspace, "relabel", numbers(workspace, "cats/cats 1.jpg"), label="dogs", reason="so")
    decide(workspace, "exclude", numbers(workspace, "cats/copy.jpg", "dogs/dogs 3.jpg"))
    decide(workspace, "restore", numbers(workspace, "cats/cats 1.jpg"))
    workspace.undo()
    tellapart.relabel(pets, "cats/cats 1.jpg", to="dogs", reason="so", state=other)
    tellapart.exclude(pets, ["cats/copy.jpg", "dogs/dogs 3.jpg"], state=other)
    tellapart.restore(pets, "cats/cats 1.jpg", state=other)
    tellapart.undo(pets, state=other)
    written, expected = read_decisions(pets / ".tellapart"), read_decisions(other)
    assert [line_of(one) for one in written.log] == [line_of(one) for one in expected.log]


def test_what_others_decide_is_followed(workspace: Workspace, pets: Path) -> None:
    known = workspace.seq
    tellapart.exclude(pets, "dogs/dogs 1.jpg")
    workspace.refresh()
    (number,) = numbers(workspace, "dogs/dogs 1.jpg")
    assert workspace.changes_since(known) == [[number, workspace.class_names.index("dogs"), 1, 0]]
    tellapart.undo(pets)
    workspace.refresh()
    assert workspace.changes_since(known + 1) == [[number, workspace.class_names.index("dogs"), 0, 0]]
    assert is_as_the_commands_see_it(workspace, pets)
    (pets / LOG).write_text("")  # somebody begins anew
    workspace.refresh()
    assert workspace.seq == 0 and is_as_the_commands_see_it(workspace, pets)


def test_an_undo_and_a_redo_say_which_rows_they_are_about(workspace: Workspace) -> None:
    meant = numbers(workspace, "dogs/dogs 1.jpg", "dogs/dogs 2.jpg")
    step = decide(workspace, "exclude", meant, reason="blurred")
    assert [STATES[workspace.states[number]] for number in meant] == ["excluded", "excluded"]
    seq = workspace.seq
    undone = workspace.undo(step.batch)
    assert (undone.undone, [number for number, *_ in workspace.changes_since(seq)]) == (step.batch, meant)
    seq = workspace.seq
    workspace.undo(undone.batch)
    assert [state for _, _, state, _ in workspace.changes_since(seq)] == [1, 1]
    assert [one["holds"] for one in workspace.history(meant[0])] == [True]
    with pytest.raises(DataError, match="already undone"):
        workspace.undo(undone.batch)


def test_a_doubt_changes_nothing_but_is_noted_until_the_next_decision(workspace: Workspace, pets: Path) -> None:
    first, second = meant = numbers(workspace, "dogs/dogs 1.jpg", "dogs/dogs 2.jpg")
    decide(workspace, "exclude", [second])
    before = list(workspace.rows)
    assert decide(workspace, "unsure", meant).changed == 2 and decide(workspace, "unsure", meant).changed == 0
    assert workspace.rows[first] == before[first] and workspace.rows[second].is_used  # a doubt brings back what was excluded
    assert [bool(workspace.unsure[number]) for number in meant] == [True, True] and is_as_the_commands_see_it(workspace, pets)
    for action, label in (("relabel", "cats"), ("exclude", None), ("restore", None)):
        decide(workspace, action, [first], label=label)
        assert not workspace.unsure[first] and is_as_the_commands_see_it(workspace, pets)
        workspace.undo()
        assert workspace.unsure[first]


def test_what_is_so_already_is_no_decision_and_what_is_unknown_is_refused(workspace: Workspace, pets: Path) -> None:
    assert decide(workspace, "relabel", numbers(workspace, "dogs/dogs 1.jpg"), label="dogs").batch is None
    assert decide(workspace, "restore", [0, 1, 2]).changed == 0
    assert not (pets / LOG).exists()
    for action, label in (("relabel", " "), ("rename", "x")):
        with pytest.raises(OptionError):
            decide(workspace, action, [0], label=label)


def test_a_decision_is_on_the_disk_before_it_is_confirmed_and_costs_the_same_late_in_a_long_log(workspace: Workspace, pets: Path) -> None:
    for i in range(40):
        decide(workspace, "relabel", numbers(workspace, "dogs/dogs 1.jpg"), label=f"name {i}")
        assert json.loads((pets / LOG).read_text().splitlines()[-1])["new"] == f"name {i}"
    assert workspace.own_batches == list(range(1, 41))
