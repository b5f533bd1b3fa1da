"""tellapart prepare: decode images once into arrays or shards that any training loop can read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.cache_dir import folder_size
from tellapart.counts import count, is_whole_number
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, when, when_not, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import num_workers_option, resize_option, seed_option, state_option

if TYPE_CHECKING:
    from tellapart.dataset_export.preparation import Form

MIN_SIZE, MAX_SIZE = 8, 4096
ORIGINAL = "original"


def sizes_complaint(sizes: tuple[Any, ...]) -> str | None:
    """What is wrong with the sizes, or None."""
    if not sizes:
        return "give at least one, such as --size 100"
    words = [str(size) for size in sizes]
    for word in words:
        if word != ORIGINAL and not (is_whole_number(word) and MIN_SIZE <= int(word) <= MAX_SIZE):
            return f"{word!r} is not a side in pixels from {MIN_SIZE} to {MAX_SIZE:,}"
    return f"{', '.join(words)}: each only once" if len(set(words)) < len(words) else None


ARRAYS = when("format", "npy")


def _has_squares(options: PrepareOptions) -> str | None:
    """Why no image is resized, or None."""
    return "with --size original, which keeps the files as they are" if set(options.size) == {ORIGINAL} else None


@dataclass(frozen=True, kw_only=True)
class PrepareOptions(DatasetOptions):
    """What to write."""

    size: tuple[str, ...] = option(
        ("224",), "Side in pixels; repeat for several. original: the files as they are, in shards.", check=sizes_complaint, metavar="N"
    )
    out: Path = option(Path("prepared"), "The new folder.", metavar="DIR")
    format: str = option(
        "npy", "npy: arrays for numpy; tar: shards for webdataset; parquet: shards for Hugging Face.", choices=("npy", "tar", "parquet")
    )
    resize: str = resize_option(only_for=_has_squares)
    channels: str = option(
        "last", "Color channels of an array: last (Keras) or first (PyTorch).", choices=("last", "first"), only_for=ARRAYS
    )
    dtype: str = option("uint8", "uint8: 0 to 255; float32: 0 to 1, four times as large.", choices=("uint8", "float32"), only_for=ARRAYS)
    gray: bool = option(False, "Write one gray channel instead of three.", only_for=_has_squares)
    shuffle: bool = option(True, "Shuffle each part; otherwise images are sorted by class.")
    shard_mb: int = option(256, "Size of a tar or Parquet shard in MB.", minimum=1, maximum=100_000, only_for=when_not("format", "npy"))
    seed: int = seed_option(only_for=when("shuffle", True))
    state: Path | None = state_option()
    num_workers: int | None = num_workers_option()


def _as_words(options: dict[str, Any]) -> dict[str, Any]:
    """One size may be given alone, and sizes as numbers."""
    size = options.get("size")
    if isinstance(size, int | str):
        return {**options, "size": (str(size),)}
    return {**options, "size": tuple(str(one) for one in size)} if isinstance(size, list | tuple) else options


@dataclass(frozen=True)
class PreparedPart(Result):
    """One part as it was written.

    Attributes:
        images: number of images.
        classes: number of images by label.
        files: names of the files by size.
    """

    images: int
    classes: dict[str, int]
    files: dict[str, list[str]]


@dataclass(frozen=True, kw_only=True)
class PrepareResult(Result):
    """What was written.

    Attributes:
        out: the folder.
        format: ``npy``, ``tar`` or ``parquet``.
        sizes: sides in pixels, and ``original``.
        class_names: the classes, in the order of the class numbers.
        parts: the files of each part.
        mean: mean of the training images by channel, from 0 to 1; None if there are only originals.
        std: their standard deviation by channel.
        size_bytes: bytes of all files.
        left_out: path and reason of every image that was not written.
        resumed_at: number of images that an earlier run had written.
        notes: what else is worth knowing.
    """

    out: Path
    format: str
    sizes: list[str]
    class_names: list[str]
    parts: dict[str, PreparedPart]
    mean: list[float] | None
    std: list[float] | None
    size_bytes: int
    left_out: dict[str, str]
    resumed_at: int
    notes: list[str]


@with_options(PrepareOptions, adapt=_as_words)
def prepare(folder: str | Path, *, options: PrepareOptions, progress: Progress = AUTO) -> PrepareResult:
    """Write images as arrays or shards for a training loop; every image is decoded once for all sizes.

    Excluded images are left out, and relabeled ones have their new label. To resume an interrupted run, give the same
    command again.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives the progress.
        options: as keywords; see :class:`PrepareOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the images or over something else.
        DataError: no image can be read.
        StorageError: the disk is full or cannot be written; what is finished is kept.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.dataset.row_building import file_rows
    from tellapart.dataset_export.preparation import prepare_samples
    from tellapart.dataset_export.samples import Samples
    from tellapart.errors import DataError
    from tellapart.models.malloc import tune_malloc
    from tellapart.output_guards import check_outside

    form = _form(options)
    opened = open_folder(folder, reading=options, state=options.state, num_workers=options.num_workers, progress=progress)
    out = options.out.expanduser()
    check_outside(out, opened.dataset)
    files = opened.hash_files(progress=progress)  # they are decoded once, when they are prepared
    rows = file_rows(opened.dataset, files, {}, opened.decisions)
    decided = bool(opened.decisions.log)
    notes = [*opened.notes, *opened.decision_notes(files, {})] if decided else list(opened.dataset.notes)
    samples = Samples(opened.dataset, rows, seed=options.seed, is_shuffled=options.shuffle)
    if not len(samples):
        reasons = sorted(set(samples.left_out.values()))
        raise DataError(f"none of the {count(len(rows), 'file')} can be prepared: {'; '.join(reasons[:3])}")
    tune_malloc()
    done = prepare_samples(samples, form, out, num_workers=options.num_workers, progress=progress)
    notes = [*notes, *samples.notes, *_resume_notes(done.resumed_at, len(samples), was_there=done.was_there)]
    for note in notes:
        progress.note(note)
    size_bytes = folder_size(out)
    card = done.card
    return PrepareResult(
        out=out,
        format=card["form"],
        sizes=card["sizes"],
        class_names=card["class_names"],
        parts={name: PreparedPart(part["images"], part["classes"], part["files"]) for name, part in card["parts"].items()},
        mean=card["mean"],
        std=card["std"],
        size_bytes=size_bytes,
        left_out=done.left_out,
        resumed_at=done.resumed_at,
        notes=notes,
    )


def _form(chosen: PrepareOptions) -> Form:
    from tellapart.dataset_export.preparation import Form
    from tellapart.dataset_export.rendering import ORIGINAL as AS_IT_IS
    from tellapart.dataset_export.rendering import Square
    from tellapart.errors import OptionError

    if chosen.format == "npy" and ORIGINAL in chosen.size:
        raise OptionError("images of different sizes do not fit into one array", hint="--format tar or --format parquet keeps originals")
    sizes = tuple(AS_IT_IS if word == ORIGINAL else int(word) for word in chosen.size)
    square = Square(sizes, chosen.resize, is_gray=chosen.gray, is_first=chosen.channels == "first", is_float=chosen.dtype == "float32")
    return Form(chosen.format, square, 0 if chosen.format == "npy" else chosen.shard_mb * 1_000_000)


def _resume_notes(resumed_at: int, number: int, *, was_there: bool) -> list[str]:
    if was_there:
        return ["the same command has already made this folder from the same images; nothing was done"]
    return [f"resumed after the first {resumed_at:,} of {count(number, 'image')}"] if resumed_at else []
