"""What ``tellapart exclude``, ``relabel``, ``restore``, ``undo`` and ``decisions`` print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned, first_lines, shown
from tellapart.cli.terminal import Answer, Line, Styled
from tellapart.counts import count

if TYPE_CHECKING:
    from tellapart.commands.decisions import DecisionsResult, ListedDecision, UndoResult
    from tellapart.dataset.decisions import Decision
    from tellapart.workflows.decision_writing import DecidedImage, DecisionResult

DONE = {"exclude": "excluded", "relabel": "relabeled", "restore": "restored", "unsure": "marked as unsure"}
"""Each action and how it is called once it is done."""
HEAD = ("batch", "when", "", "image", "reason")


def exclude_output(result: DecisionResult) -> Answer:
    """What was excluded, and how many images each class has left."""
    return _decision_output(result, "exclude")


def relabel_output(result: DecisionResult) -> Answer:
    """What was relabeled, and how many images each class has now."""
    return _decision_output(result, "relabel")


def restore_output(result: DecisionResult) -> Answer:
    """What was restored, and how many images each class has now."""
    return _decision_output(result, "restore")


def undo_output(result: UndoResult) -> Answer:
    """What was undone, and how to undo that."""
    lines = [f"batch {result.undone} is undone: {_counted(result.decisions)}"]
    lines += first_lines([f"  {_subject(one)}" for one in result.decisions])
    return [*lines, f"to redo it: tellapart undo FOLDER --batch {result.batch}"], result.as_dict()


def decisions_output(result: DecisionsResult) -> Answer:
    """One line per decision, the newest first; those that match no file; and where the log is."""
    lines = [f"{count(result.applied, 'decision was', 'decisions were')} applied"] if result.applied is not None else []
    if result.conflicts:
        verb = "contradicts" if len(result.conflicts) == 1 else "contradict"
        lines.append(f"{len(result.conflicts):,} of them {verb} what held until now, and replaced it (tellapart undo brings it back):")
        lines += first_lines([f"  {one.path}: {one.before} -> {one.applied}" for one in result.conflicts])
    if not result.decisions:
        lines.append("there are no decisions")
    else:
        rows = [(str(one.batch), one.when[:16].replace("T", " "), *_columns(one)) for one in reversed(result.decisions)]
        table = aligned([HEAD, *rows])
        lines += [_counted(one for one in result.decisions if one.holds), table[0], *first_lines(table[1:])]
    if result.unmet:
        lines.append(f"{len(result.unmet):,} {'is' if len(result.unmet) == 1 else 'are'} about files that no longer exist or have changed:")
        lines += first_lines([f"  {_image(one)}" for one in result.unmet])
    return [*lines, Styled(shown(result.log), bold=True)], result.as_dict()


def _decision_output(result: DecisionResult, action: str) -> Answer:
    unchanged = f", {len(result.unchanged):,} needed no change" if result.unchanged else ""
    lines: list[Line] = [f"{len(result.changed):,} {DONE[action]}{unchanged}"]
    lines += first_lines([f"  {_image(one)}" for one in result.changed])
    if result.left:
        lines.append("now: " + ", ".join(f"{number:,} {name}" for name, number in result.left.items()))
    lines += [Styled(note, fg="yellow") for note in result.notes]
    if result.changed:
        lines.append(f"to undo it: tellapart undo FOLDER --batch {result.batch}")
    return lines, result.as_dict()


def _counted(decisions: Iterable[Decision]) -> str:
    counts = Counter(one.action for one in decisions)
    return ", ".join(f"{counts[action]:,} {word}" for action, word in DONE.items() if counts[action]) or "an undo"


def _columns(one: ListedDecision) -> tuple[str, str, str]:
    """Action, image and reason; the action in brackets where it is no longer in effect."""
    if one.action == "undo":
        return "undo", f"batch {one.undoes}", one.why
    return one.action if one.holds else f"({one.action})", _image(one), one.why


def _subject(one: Decision) -> str:
    return f"the undo of batch {one.undoes}" if one.action == "undo" else _image(one)


def _image(one: Decision | DecidedImage) -> str:
    return f"{one.path}  {one.old} -> {one.new}" if one.action == "relabel" else one.path
