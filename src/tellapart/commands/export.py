"""tellapart export: a clean copy of the photos, as decided."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import state_option

FORMS = ("files", "links", "csv")


@dataclass(frozen=True, kw_only=True)
class ExportOptions(DatasetOptions):
    """How to export."""

    form: str = option("files", "What OUT becomes: a folder of copies, a folder of links to the photos, or a table.", choices=FORMS)
    state: Path | None = state_option()


@with_options(ExportOptions)
def export(folder: str | Path, out: str | Path, *, options: ExportOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Write the data set as it is decided: one folder a class, or a CSV, without what is left out.

    Excluded, unreadable and contradictory images and exact copies are left out; labels are those decided. The photos are only read.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        out: a new folder; with ``form="csv"`` the table.
        progress: hears of every image.
        options: as keywords; see :class:`ExportOptions`.

    Returns:
        ``out``, ``form``, ``images`` (number written), ``classes`` (label: number), ``left_out`` (path: reason), ``notes``.

    Raises:
        OptionError: an option is wrong, or ``out`` lies among the photos or is not empty.
        DataError: the photos cannot be read, or nothing is left to write.
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    from collections import Counter

    from tellapart.analyzed_folder import analyze_folder
    from tellapart.dataset_export.decided_copy import Exported, write_copy, write_table
    from tellapart.errors import DataError
    from tellapart.feature_extraction import FeatureSpec
    from tellapart.output_guards import check_new_folder, check_outside, check_table

    place = Path(out).expanduser()
    looked = analyze_folder(folder, FeatureSpec(()), reading=options, state=options.state, progress=progress)
    if options.form == "csv":
        check_table(place)
    else:
        check_outside(place, looked.dataset)
        check_new_folder(place)
    entries = [
        Exported(looked.dataset.file(entry), row) for entry, row in zip(looked.dataset.entries, looked.rows, strict=True) if row.is_used
    ]
    left_out = {row.path: row.reason or row.status for row in looked.rows if not row.is_used}
    if not entries:
        raise DataError(
            f"of {count(len(looked.rows), 'image')} none is left to write", hint=f"tellapart decisions {folder} says what was excluded"
        )
    if options.form == "csv":
        write_table(entries, place)
    else:
        write_copy(entries, place, is_linked=options.form == "links", progress=progress)
    counts = Counter(one.row.label for one in entries if one.row.label is not None)
    return {
        "out": str(place),
        "form": options.form,
        "images": len(entries),
        "classes": dict(sorted(counts.items())),
        "left_out": left_out,
        "notes": looked.notes,
    }
