"""The commands that decide on single images: exclude, relabel, restore, undo, and the list of decisions.

No image file is ever changed: a decision is a line in a log, and it follows the bytes of the image.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.dataset.decisions import Decision
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import state_option

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.workflows.decision_writing import Conflict, DecisionResult, ProposedDecision

MOST_NAMED = 20


@dataclass(frozen=True, kw_only=True)
class DecisionOptions(DatasetOptions):
    """What every decision is written with."""

    reason: str = option("", "The reason, stored with the decision.")
    state: Path | None = state_option()


@dataclass(frozen=True, kw_only=True)
class RelabelOptions(DecisionOptions):
    """How to relabel."""

    to: str | None = option(None, "The new label.", metavar="LABEL")
    allow_new: bool = option(False, "Allow a label that no image has yet.")


@dataclass(frozen=True, kw_only=True)
class DecisionsOptions(DatasetOptions):
    """What to list, or to apply."""

    apply: Path | None = option(
        None, "File of decisions to apply: saved by the review page, or the log of another download.", metavar="FILE.jsonl"
    )
    all: bool = option(False, "Also list decisions that were undone or replaced.")
    reason: str = option("", "With --apply: the reason of decisions that have none.", only_for=given("apply"))
    state: Path | None = state_option()


@dataclass(frozen=True, kw_only=True)
class UndoOptions(DatasetOptions):
    """What to undo."""

    batch: int | None = option(
        None, "Number of the batch to undo, which may itself be an undo; by default the last one in effect.", minimum=1
    )
    state: Path | None = state_option()


@dataclass(frozen=True, slots=True)
class ListedDecision(Decision):
    """A decision of the log.

    Attributes:
        holds: whether it is in effect: not undone.
    """

    holds: bool = True


@dataclass(frozen=True)
class DecisionsResult(Result):
    """The decisions on a data set.

    Attributes:
        decisions: the oldest first.
        unmet: those that match no file.
        applied: number of decisions taken over from the file; None without ``apply``.
        log: the file of the decisions.
        conflicts: applied decisions that contradict what held until then; they replace it, and ``undo`` brings it back.
    """

    decisions: tuple[ListedDecision, ...]
    unmet: tuple[Decision, ...]
    applied: int | None
    log: Path
    conflicts: tuple[Conflict, ...] = ()


@dataclass(frozen=True)
class UndoResult(Result):
    """One batch of decisions that was undone.

    Attributes:
        undone: its number.
        decisions: what it had decided.
        batch: number of the undo itself, which can be undone too.
        log: the file of the decisions.
    """

    undone: int
    decisions: tuple[Decision, ...]
    batch: int
    log: Path


@with_options(DecisionOptions)
def exclude(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: DecisionOptions, progress: Progress = AUTO
) -> DecisionResult:
    """Exclude images from everything from now on. No file is changed, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or relative to the working directory; a folder means all images in it.
        progress: progress receiver.
        options: as keywords; see :class:`DecisionOptions`.

    Returns:
        The images that changed, and how many each class has left.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.workflows.decision_writing import decide, excluded

    return decide(folder, files, excluded, reading=options, state=options.state, reason=options.reason, progress=progress)


@with_options(RelabelOptions)
def relabel(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: RelabelOptions, progress: Progress = AUTO
) -> DecisionResult:
    """Change the label of images from now on. No file is moved, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or relative to the working directory; a folder means all images in it.
        progress: progress receiver.
        options: as keywords; see :class:`RelabelOptions`.

    Returns:
        The images that changed, and how many each class has now.

    Raises:
        OptionError: an option's name or value is wrong, no label was given, or no image has that label and ``allow_new`` is not set.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.errors import OptionError
    from tellapart.workflows.decision_writing import decide, relabeled

    label = (options.to or "").strip()
    if not label:
        raise OptionError("no label was given", hint="name it with --to LABEL")

    def relabeling(row: FileRow, analyzed: AnalyzedFolder) -> ProposedDecision:
        if not options.allow_new:
            _check_label(label, analyzed)
        return relabeled(row, analyzed, label)

    return decide(folder, files, relabeling, reading=options, state=options.state, reason=options.reason, progress=progress)


def _check_label(label: str, analyzed: AnalyzedFolder) -> None:
    from tellapart.errors import OptionError, closest_name

    known = sorted({row.label for row in analyzed.rows if row.label is not None})
    if label not in known:
        raise OptionError(
            f"no image has the label {label!r}; the labels are {_some(known)}",
            hint=closest_name(label, known) or "to begin a new class add --allow-new",
        )


def _some(labels: Sequence[str]) -> str:
    from tellapart.printable import printable

    rest = f" and {len(labels) - MOST_NAMED:,} more" if len(labels) > MOST_NAMED else ""
    return ", ".join(printable(label) for label in labels[:MOST_NAMED]) + rest if labels else "none"


@with_options(DecisionOptions)
def restore(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: DecisionOptions, progress: Progress = AUTO
) -> DecisionResult:
    """Revert the decisions on images: they are used again, with the label that their folder gives them.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or relative to the working directory; a folder means all images in it.
        progress: progress receiver.
        options: as keywords; see :class:`DecisionOptions`.

    Returns:
        The images that changed, and how many each class has now.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.workflows.decision_writing import decide, restored

    return decide(folder, files, restored, reading=options, state=options.state, reason=options.reason, progress=progress)


@with_options(UndoOptions)
def undo(folder: str | Path, *, options: UndoOptions, progress: Progress = AUTO) -> UndoResult:
    """Undo all that one command decided: the last one, or a batch given by its number. An undo can be undone too.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: progress receiver.
        options: as keywords; see :class:`UndoOptions`.

    Returns:
        The decisions that were undone.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: there is nothing to undo, no such batch, or it is undone already.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.dataset import open_dataset
    from tellapart.dataset.catalog import state_folder
    from tellapart.dataset.decisions import LOG_FILE, undo_batch

    state, _ = state_folder(open_dataset(folder, options, progress=progress).root, options.state)
    log, batch = undo_batch(state, options.batch)
    return UndoResult(batch, tuple(one for one in log.log if one.batch == batch), log.log[-1].batch, log.file or state / LOG_FILE)


@with_options(DecisionsOptions)
def decisions(folder: str | Path, *, options: DecisionsOptions, progress: Progress = AUTO) -> DecisionsResult:
    """List the decisions on a data set, or apply those of a file.

    A decision follows the bytes of an image, so it also applies to a newer download with other file names.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: progress receiver.
        options: as keywords; see :class:`DecisionsOptions`.

    Returns:
        The decisions, and those that match no file.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the images cannot be read.
        StorageError: the decisions cannot be read or written.
    """
    from dataclasses import asdict

    from tellapart.analyzed_folder import analyze_folder
    from tellapart.dataset.decisions import LOG_FILE, append_decisions, parse_decisions, read_decisions
    from tellapart.feature_spec import FeatureSpec
    from tellapart.workflows.decision_writing import applicable_decisions

    analyzed = analyze_folder(folder, FeatureSpec(()), reading=options, state=options.state, progress=progress)
    unknown: tuple[Decision, ...] = ()
    applied = None
    conflicts: tuple[Conflict, ...] = ()
    if options.apply is not None:
        applicable = applicable_decisions(analyzed, parse_decisions(_text_of(options.apply), str(options.apply)))
        unknown, conflicts = applicable.unmet, applicable.conflicts
        append_decisions(analyzed.state, applicable.new, why=options.reason or f"from {options.apply.name}")
        applied = len(applicable.new)
    log = read_decisions(analyzed.state)
    in_effect = set(map(id, log.in_effect))
    listed = [ListedDecision(**asdict(one), holds=id(one) in in_effect) for one in log.log if options.all or id(one) in in_effect]
    unmet = (*log.unmet(list(analyzed.undecided_by_path.values())), *unknown)
    return DecisionsResult(tuple(listed), unmet, applied, analyzed.state / LOG_FILE, conflicts)


def _text_of(file: Path) -> str:
    from tellapart.errors import DataError, reason_of

    try:
        return file.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {file}", hint="save the decisions from the review page first") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {reason_of(error)}") from error
