"""tellapart decisions: what was decided on single images, when and why; and decisions made elsewhere, applied here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, given, option
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.dataset.decisions import Decision

EXAMPLE = "tellapart decisions photos"


@dataclass(frozen=True, kw_only=True)
class DecisionsOptions(DatasetOptions):
    """What to list, or to apply."""

    apply: Path | None = option(
        None, "Decisions to take over: what the review page saved, or the log of another download.", metavar="FILE.jsonl"
    )
    all: bool = option(False, "Also list what was undone or decided otherwise later.")
    why: str = option("", "With --apply: the reason of decisions that have none.", only_for=given("apply"))
    state: Path | None = option(None, "Folder of the decisions; by default .tellapart in the photo folder.", metavar="DIR")


def decisions(folder: str | Path, *, progress: Progress = AUTO, **options: Any) -> dict[str, Any]:
    """List the decisions on a data set, or apply those of a file.

    A decision follows the bytes of an image, so that it finds it in a newer download under any name.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        **options: the fields of :class:`DecisionsOptions`.

    Returns:
        ``decisions`` (rows with batch, when, who, action, path, old, new, why, ``holds``), ``unmet`` (those no file answers to),
        ``applied`` (number taken over by ``apply``, else None), ``log``.

    Raises:
        OptionError: an option's name or value is wrong.
        DataError: the photos cannot be read.
        StorageError: the decisions cannot be read or written.
    """
    chosen = DecisionsOptions.of(**options)
    from dataclasses import asdict

    from tellapart.analyzed_folder import analyze_folder
    from tellapart.dataset.decisions import read_decisions
    from tellapart.feature_extraction import FeatureSpec

    looked = analyze_folder(folder, FeatureSpec(()), reading=chosen, state=chosen.state, progress=progress)
    unknown: list[Decision] = []
    applied = None
    if chosen.apply is not None:
        new, unknown = _taken_over(looked, chosen.apply)
        from tellapart.dataset.decisions import append_decisions

        append_decisions(looked.state, new, why=chosen.why or f"from {chosen.apply.name}")
        applied = len(new)
    known = read_decisions(looked.state)
    holding = set(map(id, known.in_effect))
    rows = [{**asdict(one), "holds": id(one) in holding} for one in known.log if chosen.all or id(one) in holding]
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
