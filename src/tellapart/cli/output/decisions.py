"""What ``tellapart decisions`` prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tellapart.cli.formatting import aligned, first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

VERBS = {"exclude": "excluded", "relabel": "relabeled", "restore": "restored"}


HEAD = ("batch", "when", "", "image", "why")


def exclude_output(found: dict[str, Any]) -> Answer:
    """What was excluded, and how many images each class has left."""
    return _of_decided(found, "exclude")


def relabel_output(found: dict[str, Any]) -> Answer:
    """What was relabeled, and how many images each class has now."""
    return _of_decided(found, "relabel")


def restore_output(found: dict[str, Any]) -> Answer:
    """What was restored, and how many images each class has now."""
    return _of_decided(found, "restore")


def undo_output(found: dict[str, Any]) -> Answer:
    """What was taken back, and how to take that back."""
    lines = [f"batch {found['undone']} is undone: {_counted(found['decisions'])}"]
    lines += first_lines([f"  {_action(one)}" for one in found["decisions"]])
    return [*lines, f"to have it again: tellapart undo FOLDER --batch {found['batch']}"], found


def decisions_output(found: dict[str, Any]) -> Answer:
    """A line a decision, the newest first; those that fit no file; and where the log lies."""
    listed = found["decisions"]
    lines = [f"{count(found['applied'], 'decision was', 'decisions were')} taken over"] if found["applied"] is not None else []
    if not listed:
        lines.append("nothing is decided")
    else:
        rows = [(str(one["batch"]), one["when"][:16].replace("T", " "), *_parts(one)) for one in reversed(listed)]
        table = aligned([HEAD, *rows])
        lines += [_counted([one for one in listed if one["holds"]]), table[0], *first_lines(table[1:])]
    if found["unmet"]:
        lines.append(f"{len(found['unmet']):,} are about files that are not there any more, or have changed:")
        lines += first_lines([f"  {_action(one)}" for one in found["unmet"]])
    return [*lines, Styled(shown(Path(found["log"])), bold=True)], found


def _of_decided(found: dict[str, Any], action: str) -> Answer:
    changed = found["changed"]
    lines: list[Line] = [
        f"{len(changed):,} {VERBS[action]}" + (f", {len(found['unchanged']):,} were so already" if found["unchanged"] else "")
    ]
    lines += first_lines([f"  {_action(one)}" for one in changed])
    if found["left"]:
        lines.append("now: " + ", ".join(f"{number:,} {name}" for name, number in found["left"].items()))
    lines += [Styled(note, fg="yellow") for note in found["notes"]]
    if changed:
        lines.append(f"to take it back: tellapart undo FOLDER --batch {found['batch']}")
    return lines, found


def _counted(decisions: list[dict[str, Any]]) -> str:
    counts = Counter(one["action"] for one in decisions)
    return ", ".join(f"{counts[action]:,} {word}" for action, word in VERBS.items() if counts[action]) or "an undoing"


def _parts(one: Mapping[str, Any]) -> tuple[str, str, str]:
    """Action, image and reason, with a mark on what no longer holds."""
    if one["action"] == "undo":
        return "undo", f"batch {one['undoes']}", one["why"]
    what = f"{one['path']}  {one['old']} -> {one['new']}" if one["action"] == "relabel" else one["path"]
    return one["action"] if one.get("holds", True) else f"({one['action']})", what, one["why"]


def _action(one: Mapping[str, Any]) -> str:
    if one["action"] == "undo":
        return f"the undoing of batch {one['undoes']}"
    return f"{one['path']}  {one['old']} -> {one['new']}" if one["action"] == "relabel" else f"{one['path']}"
