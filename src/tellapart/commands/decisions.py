"""tellapart decisions: what was decided on single images, when and why; and decisions made elsewhere, applied here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, given, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import state_option

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.decisions import Decision
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.workflows.decision_writing import ProposedDecision
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.workflows.decision_writing import ProposedDecision
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.file_rows import FileRow
    from tellapart.workflows.decision_writing import ProposedDecision


@dataclass(frozen=True, kw_only=True)
class DecisionsOptions(DatasetOptions):
    """What to list, or to apply."""

    apply: Path | None = option(
        None, "Decisions to take over: what the review page saved, or the log of another download.", metavar="FILE.jsonl"
    )
    all: bool = option(False, "Also list what was undone or decided otherwise later.")
    why: str = option("", "With --apply: the reason of decisions that have none.", only_for=given("apply"))
    state: Path | None = state_option()


@with_options(DecisionsOptions)
def decisions(folder: str | Path, *, options: DecisionsOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """List the decisions on a data set, or apply those of a file.

    A decision follows the bytes of an image, so that it finds it in a newer download under any name.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`DecisionsOptions`.

    Returns:
        ``decisions`` (rows with batch, when, who, action, path, old, new, why, ``holds``), ``unmet`` (those no file answers to),
        ``applied`` (number taken over by ``apply``, else None), ``log``.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be read.
        StorageError: the decisions cannot be read or written.
    """
    from dataclasses import asdict

    from tellapart.analyzed_folder import analyze_folder
    from tellapart.dataset.decisions import read_decisions
    from tellapart.feature_extraction import FeatureSpec

    looked = analyze_folder(folder, FeatureSpec(()), reading=options, state=options.state, progress=progress)
    unknown: list[Decision] = []
    applied = None
    if options.apply is not None:
        new, unknown = _taken_over(looked, options.apply)
        from tellapart.dataset.decisions import append_decisions

        append_decisions(looked.state, new, why=options.why or f"from {options.apply.name}")
        applied = len(new)
    known = read_decisions(looked.state)
    holding = set(map(id, known.in_effect))
    rows = [{**asdict(one), "holds": id(one) in holding} for one in known.log if options.all or id(one) in holding]
    return {
        "decisions": rows,
        "unmet": [asdict(one) for one in [*known.unmet(list(looked.found.values())), *unknown]],
        "applied": applied,
        "log": str(looked.state / "decisions.jsonl"),
    }


def _found_again(decisions: Iterable[Decision], paths: Sequence[str]) -> Iterator[Decision]:
    """Decisions whose path is the end of one whole path, as a page says it, with that path."""
    from dataclasses import replace

    known = set(paths)
    for one in decisions:
        ends = [] if not one.path or one.path in known else [path for path in paths if path.endswith(f"/{one.path}")]
        yield replace(one, path=ends[0]) if len(ends) == 1 else one


def _taken_over(looked: AnalyzedFolder, file: Path) -> tuple[list[Decision], list[Decision]]:
    """The decisions of a file that change something here, and those no image answers to."""
    from dataclasses import replace

    from tellapart.dataset.decisions import Decisions, parse_decisions
    from tellapart.errors import DataError

    try:
        text = file.expanduser().read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataError(f"there is no file {file}", hint="save the decisions from the review page first") from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file} cannot be read: {error}") from error
    found = list(looked.found.values())
    there = Decisions(tuple(_found_again(parse_decisions(text, str(file)), [row.path for row in found])))
    unmet = there.unmet(found)
    held = {(one.action, one.path, one.image_id, one.new) for one in looked.decisions.in_effect}
    new = [one for one in there.in_effect if one not in unmet and (one.action, one.path, one.image_id, one.new) not in held]
    return [replace(one, batch=0, who="", when="") for one in new], unmet


@dataclass(frozen=True, kw_only=True)
class ExcludeOptions(DatasetOptions):
    """How to exclude."""

    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = state_option()


@with_options(ExcludeOptions)
def exclude(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: ExcludeOptions, progress: Progress = AUTO
) -> dict[str, Any]:
    """Leave images out of everything from now on. No file is touched, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        options: as keywords; see :class:`ExcludeOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.workflows.decision_writing import decide

    return decide(folder, files, _exclusion, reading=options, state=options.state, why=options.why, progress=progress)


def _exclusion(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
    from tellapart.dataset.decisions import EXCLUDE
    from tellapart.workflows.decision_writing import ProposedDecision, decision_about

    return ProposedDecision(row, None if row.is_excluded else decision_about(row, looked, EXCLUDE))


@dataclass(frozen=True, kw_only=True)
class RelabelOptions(DatasetOptions):
    """How to relabel."""

    to: str | None = option(None, "The label from now on.", metavar="LABEL")
    new: bool = option(False, "The label may be one that no image has yet.")
    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = state_option()


@with_options(RelabelOptions)
def relabel(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: RelabelOptions, progress: Progress = AUTO
) -> dict[str, Any]:
    """Give images another label from now on. No file is moved, and it can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        options: as keywords; see :class:`RelabelOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong, no label was given, or no image has that label and ``new`` is not set.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.dataset.decisions import RELABEL
    from tellapart.errors import OptionError, closest_name
    from tellapart.workflows.decision_writing import ProposedDecision, decide, decision_about

    label = (options.to or "").strip()
    if not label:
        raise OptionError("there is no label to give", hint="say which with --to LABEL")

    def relabeling(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
        known = {other.label for other in looked.rows if other.label is not None}
        if label not in known and not options.new:
            close = closest_name(label, sorted(known))
            raise OptionError(
                f"no image has the label {label!r}; the labels are {', '.join(sorted(known)) or 'none'}",
                hint=close or "to begin a new class add --new",
            )
        is_so = row.label == label and not row.is_excluded
        return ProposedDecision(row, None if is_so else decision_about(row, looked, RELABEL, label))

    return decide(folder, files, relabeling, reading=options, state=options.state, why=options.why, progress=progress)


@dataclass(frozen=True, kw_only=True)
class RestoreOptions(DatasetOptions):
    """How to restore."""

    why: str = option("", "The reason, kept with the decision.")
    state: Path | None = state_option()


@with_options(RestoreOptions)
def restore(
    folder: str | Path, files: str | Path | Sequence[str | Path], *, options: RestoreOptions, progress: Progress = AUTO
) -> dict[str, Any]:
    """Let images count again, under the label the folder gives them, whatever was decided before.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        files: paths as the report shows them, or from here; a folder means all in it.
        progress: hears how far it is.
        options: as keywords; see :class:`RestoreOptions`.

    Returns:
        ``batch``, ``changed``, ``unchanged``, ``left``, ``log``, ``notes``; see :func:`tellapart.workflows.decision_writing.decide`.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: a name fits no file.
        StorageError: the decisions cannot be read or written.
    """
    from tellapart.workflows.decision_writing import decide

    return decide(folder, files, _restoration, reading=options, state=options.state, why=options.why, progress=progress)


def _restoration(row: FileRow, looked: AnalyzedFolder) -> ProposedDecision:
    from tellapart.dataset.decisions import RESTORE
    from tellapart.workflows.decision_writing import ProposedDecision, decision_about

    found = looked.found[row.path]
    is_decided = row.is_excluded or row.label != found.label
    return ProposedDecision(row, decision_about(row, looked, RESTORE, found.label) if is_decided else None)


@dataclass(frozen=True, kw_only=True)
class UndoOptions(DatasetOptions):
    """What to undo."""

    batch: int | None = option(None, "Number of the batch to take back, also one of undoing; by default the last that holds.", minimum=1)
    state: Path | None = state_option()


@with_options(UndoOptions)
def undo(folder: str | Path, *, options: UndoOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Take back all that one command decided: the last one, or the batch of a number. Undoing can be undone.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`UndoOptions`.

    Returns:
        ``undone`` (number of the batch), ``decisions`` (those taken back), ``batch`` (number of the undoing), ``log``.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: there is nothing to undo, no such batch, or it is undone already.
        StorageError: the decisions cannot be read or written.
    """
    from dataclasses import asdict

    from tellapart.dataset import open_dataset
    from tellapart.dataset.catalog import state_folder
    from tellapart.dataset.decisions import undo as taken_back

    state, _ = state_folder(open_dataset(folder, options, progress=progress).root, options.state)
    log, batch = taken_back(state, options.batch)
    return {
        "undone": batch,
        "decisions": [asdict(one) for one in log.log if one.batch == batch],
        "batch": log.log[-1].batch,
        "log": str(log.file),
    }
