"""tellapart export-dataset: write a clean copy of the images with your decisions applied."""

from __future__ import annotations

from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import state_option

FORMATS = ("files", "links", "csv")


@dataclass(frozen=True, kw_only=True)
class ExportDatasetOptions(DatasetOptions):
    """How to export."""

    format: str = option("files", "What to write: a folder of copies, a folder of links to the images, or a table.", choices=FORMATS)
    state: Path | None = state_option()


@dataclass(frozen=True, kw_only=True)
class ExportDatasetResult(Result):
    """What was exported.

    Attributes:
        out: the folder or table.
        format: ``files``, ``links`` or ``csv``.
        images: number of images written.
        classes: number of images by label.
        left_out: path and reason of every file that was not written.
        notes: what else is worth knowing.
    """

    out: Path
    format: str
    images: int
    classes: dict[str, int]
    left_out: dict[str, str]
    notes: list[str]


@with_options(ExportDatasetOptions)
def export_dataset(folder: str | Path, out: str | Path, *, options: ExportDatasetOptions, progress: Progress = AUTO) -> ExportDatasetResult:
    """Write the data set with your decisions applied: one folder per class, or a CSV file.

    Excluded, unreadable and contradictory images and exact copies are left out; relabeled images have their new label. The
    images are only read.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        out: a new folder; with ``format="csv"`` the table.
        progress: receives every image.
        options: as keywords; see :class:`ExportDatasetOptions`.

    Raises:
        OptionError: an option is wrong, or ``out`` lies among the images or is not empty.
        DataError: the images cannot be read, or nothing is left to write.
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    from collections import Counter

    from tellapart.analyzed_folder import open_folder
    from tellapart.dataset_export.decided_copy import Exported, write_copy, write_table
    from tellapart.errors import DataError
    from tellapart.feature_spec import FeatureSpec
    from tellapart.output_guards import check_new_folder, check_outside, check_table

    destination = Path(out).expanduser()
    opened = open_folder(folder, reading=options, state=options.state, progress=progress)
    if options.format == "csv":
        check_table(destination)
    else:
        check_outside(destination, opened.dataset, option="")
        check_new_folder(destination)
    analyzed = opened.analyze(FeatureSpec(()), progress=progress)
    entries = [
        Exported(analyzed.dataset.file(entry), row)
        for entry, row in zip(analyzed.dataset.entries, analyzed.rows, strict=True)
        if row.is_used
    ]
    left_out = {row.path: row.reason or row.status for row in analyzed.rows if not row.is_used}
    if not entries:
        raise DataError(
            f"of {count(len(analyzed.rows), 'image')} none is left to write", hint=f"tellapart decisions {folder} says what was excluded"
        )
    if options.format == "csv":
        write_table(entries, destination)
    else:
        write_copy(entries, destination, is_linked=options.format == "links", progress=progress)
    counts = Counter(one.row.label for one in entries if one.row.label is not None)
    return ExportDatasetResult(
        out=destination,
        format=options.format,
        images=len(entries),
        classes=dict(sorted(counts.items())),
        left_out=left_out,
        notes=analyzed.notes,
    )
