"""tellapart prepare: photos decoded once into arrays or shards that any training loop can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, when, when_not, with_options
from tellapart.progress import AUTO, Progress
from tellapart.shared_options import num_workers_option, resize_option, seed_option, state_option

if TYPE_CHECKING:
    from tellapart.dataset import Dataset
    from tellapart.dataset.file_rows import FileRow
    from tellapart.dataset_export.preparation import Form

SMALLEST, LARGEST = 8, 4096
ORIGINAL = "original"


def sizes_complaint(sizes: tuple[Any, ...]) -> str | None:
    """What is wrong with the sizes asked for, or None."""
    if not sizes:
        return "give at least one, such as --size 100"
    words = [str(size) for size in sizes]
    for word in words:
        if word != ORIGINAL and not (word.isdecimal() and SMALLEST <= int(word) <= LARGEST):
            return f"{word!r} is no side in pixels from {SMALLEST} to {LARGEST:,}"
    return f"{', '.join(words)}: each only once" if len(set(words)) < len(words) else None


ARRAYS = when("form", "npy")


def _has_squares(options: PrepareOptions) -> str | None:
    """Whether any image is made anew."""
    return "with --size original, which keeps the files as they are" if set(options.size) == {ORIGINAL} else None


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(DatasetOptions):
    """What to write."""

    size: tuple[str, ...] = option(
        ("224",), "Side in pixels; repeat for several. original: the files as they are, in shards.", check=sizes_complaint, metavar="N"
    )
    out: Path = option(Path("prepared"), "The new folder.", metavar="DIR")
    form: str = option(
        "npy", "npy: arrays for numpy; tar: shards for webdataset; parquet: shards for Hugging Face.", choices=("npy", "tar", "parquet")
    )
    resize: str = resize_option(only_for=_has_squares)
    channels: str = option("last", "Color comes last (Keras) or first (PyTorch) in an array.", choices=("last", "first"), only_for=ARRAYS)
    dtype: str = option("uint8", "uint8: 0 to 255; float32: 0 to 1, four times as large.", choices=("uint8", "float32"), only_for=ARRAYS)
    gray: bool = option(False, "One channel in place of three.", only_for=_has_squares)
    shuffle: bool = option(True, "Write each part in a drawn order; otherwise class after class, as the folder has them.")
    shard_mb: int = option(256, "Size of a tar or Parquet shard, in MB.", minimum=1, maximum=100_000, only_for=when_not("form", "npy"))
    seed: int = seed_option(only_for=when("shuffle", True))
    state: Path | None = state_option()
    num_workers: int | None = num_workers_option()


def _as_words(options: dict[str, Any]) -> dict[str, Any]:
    """One size may be given alone, and sizes as numbers."""
    size = options.get("size")
    if isinstance(size, int | str):
        return {**options, "size": (str(size),)}
    return {**options, "size": tuple(str(one) for one in size)} if isinstance(size, list | tuple) else options


@with_options(PrepareOptions, adapt=_as_words)
def prepare(folder: str | Path, *, options: PrepareOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Write photos as arrays or shards for a training loop: every photo decoded once, for all sizes.

    Decisions hold: what is excluded is left out, labels are those decided. An interrupted run goes on where it stopped
    when the same command is given again.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears how far it is.
        options: as keywords; see :class:`PrepareOptions`.

    Returns:
        ``out``, ``form``, ``sizes``, ``class_names``, ``parts`` (for each: images, classes, files), ``mean`` and ``std`` of the
        training images, ``size_bytes``, ``left_out`` (path: reason), ``resumed_at`` (images done before), ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the photos or over something else.
        DataError: no photo can be read.
        StorageError: the disk is full or cannot be written; what is finished is kept.
    """
    from tellapart.dataset import open_dataset
    from tellapart.dataset_export.preparation import prepare_samples
    from tellapart.dataset_export.samples import Samples
    from tellapart.errors import DataError
    from tellapart.models.malloc import tune_malloc
    from tellapart.output_guards import check_outside

    form = _form(options)
    dataset = open_dataset(folder, options, progress=progress)
    out = options.out.expanduser()
    check_outside(out, dataset)
    rows, notes = _decided(dataset, options, progress)
    samples = Samples(dataset, rows, seed=options.seed, is_shuffled=options.shuffle)
    if not len(samples):
        reasons = sorted(set(samples.left_out.values()))
        raise DataError(f"none of the {count(len(rows), 'file')} can be prepared: {'; '.join(reasons[:3])}")
    tune_malloc()
    done = prepare_samples(samples, form, out, num_workers=options.num_workers, progress=progress)
    notes = [*notes, *samples.notes, *_what_happened(done.resumed_at, len(samples), was_there=done.was_there)]
    for note in notes:
        progress.note(note)
    size_bytes = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    shown = {name: done.card[name] for name in ("form", "sizes", "class_names", "parts", "mean", "std")}
    return {"out": str(out), **shown, "size_bytes": size_bytes, "left_out": done.left_out, "resumed_at": done.resumed_at, "notes": notes}


def _form(chosen: PrepareOptions) -> Form:
    from tellapart.dataset_export.preparation import Form
    from tellapart.dataset_export.rendering import ORIGINAL as AS_IT_IS
    from tellapart.dataset_export.rendering import Square
    from tellapart.errors import OptionError

    if chosen.form == "npy" and ORIGINAL in chosen.size:
        raise OptionError("images of different sizes do not fit into one array", hint="--form tar or --form parquet keeps originals")
    sizes = tuple(AS_IT_IS if word == ORIGINAL else int(word) for word in chosen.size)
    square = Square(sizes, chosen.resize, is_gray=chosen.gray, is_first=chosen.channels == "first", is_float=chosen.dtype == "float32")
    return Form(chosen.form, square, 0 if chosen.form == "npy" else chosen.shard_mb * 1_000_000)


def _decided(dataset: Dataset, chosen: PrepareOptions, progress: Progress) -> tuple[list[FileRow], list[str]]:
    """A row an entry as decided, and notes. Files are only hashed: they are decoded once, when they are prepared."""
    import numpy as np

    from tellapart.analyzed_folder import decision_notes
    from tellapart.concurrency import worker_count
    from tellapart.dataset import Catalog
    from tellapart.dataset.catalog import state_folder
    from tellapart.dataset.content_hashes import file_states
    from tellapart.dataset.decisions import read_decisions
    from tellapart.dataset.row_building import file_rows
    from tellapart.feature_extraction import Extraction
    from tellapart.features import FeatureMatrix

    state, note = state_folder(dataset.root, chosen.state)
    decisions = read_decisions(state)
    known = {}
    if (state / "catalog.sqlite").is_file():
        with Catalog(state / "catalog.sqlite") as catalog:
            known = catalog.files()
    files = file_states(dataset, known, worker_count(chosen.num_workers), progress)
    rows = file_rows(dataset, files, {}, decisions)
    found = Extraction(tuple(files), {}, FeatureMatrix((), np.empty((0, 0), np.float32), {}))
    said = decision_notes(dataset, found, decisions) if decisions.log else []
    return rows, [*dataset.notes, *([note] if note and decisions.log else []), *said]


def _what_happened(resumed_at: int, number: int, *, was_there: bool) -> list[str]:
    if was_there:
        return ["the folder is there already, made by the same command from the same images; nothing was done"]
    return [f"went on after the first {resumed_at:,} of {count(number, 'image')}, done before"] if resumed_at else []
