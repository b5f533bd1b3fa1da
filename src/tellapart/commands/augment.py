"""tellapart augment: preview data augmentation, or write an augmented copy of the images."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result
from tellapart.shared_options import seed_option

if TYPE_CHECKING:
    from tellapart.array_types import ByteArray
    from tellapart.augmentation.policy import Augmentation
    from tellapart.dataset import Dataset, Entry
    from tellapart.reports.augmentation_sheet import SheetClass

SHEET = Path("augment.jpg")
SUFFIXES = (".jpg", ".jpeg", ".png")
MAX_CLASSES, MAX_ROWS, MAX_PER_CLASS = 12, 12, 3


@dataclass(frozen=True, kw_only=True)
class AugmentOptions(DatasetOptions):
    """How to augment."""

    augment: str = option(
        "light", "Data augmentation: none, flip, light, strong, or a list such as flip,rotation=20,zoom=0.2.", metavar="WORDS"
    )
    copies: int = option(0, "Augmented copies to write of each training image; 0 for a contact sheet only.", minimum=0, maximum=100)
    out: Path | None = option(None, "The contact sheet, by default augment.jpg; with --copies the new folder.", metavar="FILE|DIR")
    seed: int = seed_option()


@dataclass(frozen=True, kw_only=True)
class AugmentResult(Result):
    """What was drawn or written.

    Attributes:
        out: the contact sheet, or the folder of copies.
        augment: the augmentation, option by option.
        originals: number of original images.
        copies: number of augmented ones.
        left_out: path and reason of every image that could not be read.
        notes: what else is worth knowing.
    """

    out: Path
    augment: dict[str, Any]
    originals: int
    copies: int
    left_out: dict[str, str]
    notes: list[str]


@with_options(AugmentOptions)
def augment(folder: str | Path, *, options: AugmentOptions, progress: Progress = AUTO) -> AugmentResult:
    """Show what an augmentation does to images, or write a copy of the folder with augmented images.

    The folder itself is only read.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives the progress.
        options: as keywords; see :class:`AugmentOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the images.
        DataError: no image can be read.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.augmentation.policy import parse_augmentation
    from tellapart.dataset import open_dataset

    augmentation = parse_augmentation(options.augment)
    if options.copies:
        _check_copies(options, augmentation)
    dataset = open_dataset(folder, options, progress=progress)
    out = (options.out or SHEET).expanduser()
    _check_place(out, dataset, is_folder=bool(options.copies))
    write = _write_copies if options.copies else _write_sheet
    result = write(dataset, out, augmentation, options, progress)
    for note in result.notes:
        progress.note(note)
    return result


def _check_copies(chosen: AugmentOptions, augmentation: Augmentation) -> None:
    from tellapart.augmentation.augmented_copy import flipped_variants
    from tellapart.errors import OptionError

    if chosen.out is None:
        raise OptionError("copies need a folder to be written to", hint="say where with --out DIR")
    if augmentation.is_nothing:
        raise OptionError("with --augment none the copies would equal the originals", hint="choose flip, light or strong")
    variants = len(flipped_variants(augmentation))
    if augmentation.flips_only and chosen.copies > variants:
        raise OptionError(
            f"{augmentation} alone makes only {count(variants, 'different copy', 'different copies')} of an image, not {chosen.copies}",
            hint="ask for fewer copies, or add rotation=10",
        )


def _check_place(out: Path, dataset: Dataset, *, is_folder: bool) -> None:
    """Refuse to write among the images or over other files."""
    from tellapart.errors import OptionError
    from tellapart.output_guards import check_new_folder, check_outside

    check_outside(out, dataset)
    if is_folder:
        check_new_folder(out)
    elif out.is_dir() or out.suffix.lower() not in SUFFIXES:
        raise OptionError(
            f"{out} cannot be the contact sheet: it must be a file that ends in {', '.join(SUFFIXES)}",
            hint="to write augmented copies into a folder, give their number with --copies",
        )


def _write_copies(dataset: Dataset, out: Path, augmentation: Augmentation, chosen: AugmentOptions, progress: Progress) -> AugmentResult:
    from tellapart.augmentation.augmented_copy import REPORTED, write_augmented_copy

    notes = list(dataset.notes)
    if not any(entry.part in REPORTED for entry in dataset.entries):
        notes.append("there is no test or validation part, so the test part of a later training will contain augmented copies")
    done = write_augmented_copy(dataset, out, augmentation, copies=chosen.copies, seed=chosen.seed, progress=progress)
    return AugmentResult(
        out=out, augment=augmentation.as_dict(), originals=done.originals, copies=done.copies, left_out=done.left_out, notes=notes
    )


def _write_sheet(dataset: Dataset, out: Path, augmentation: Augmentation, chosen: AugmentOptions, progress: Progress) -> AugmentResult:
    from tellapart.atomic_files import replacing
    from tellapart.errors import DataError
    from tellapart.output_guards import noting_unchanged
    from tellapart.reports.augmentation_sheet import DRAWS, augmentation_sheet

    entries: dict[str, list[Entry]] = {}
    for entry in dataset.entries:
        if entry.label is not None or not dataset.class_names:
            entries.setdefault(entry.label or "photos", []).append(entry)
    left_out: dict[str, str] = {}
    shown = sorted(entries)[:MAX_CLASSES]
    each = max(1, min(MAX_PER_CLASS, MAX_ROWS // len(shown)))
    with progress.stage("drawing", total=len(shown), unit="classes") as advance:
        classes = []
        for name in shown:
            shown_class = _sheet_class(dataset, name, entries[name], each, chosen.seed, left_out)
            classes += [shown_class] if shown_class is not None else []
            advance(1)
        if not classes:
            raise DataError(f"no image could be read: {'; '.join(sorted(set(left_out.values()))[:3])}")
        sheet = augmentation_sheet(augmentation, chosen.augment, classes)
    with noting_unchanged([out], progress), replacing(out) as partial, partial.open("wb") as file:
        if out.suffix.lower() == ".png":
            sheet.save(file, "PNG")
        else:
            sheet.save(file, "JPEG", quality=92)
    images = sum(len(one.squares) for one in classes)
    rest = len(entries) - len(shown)
    notes = [*dataset.notes, *([f"{count(rest, 'more class is', 'more classes are')} not shown"] if rest else [])]
    return AugmentResult(out=out, augment=augmentation.as_dict(), originals=images, copies=images * DRAWS, left_out=left_out, notes=notes)


def _sheet_class(dataset: Dataset, name: str, entries: list[Entry], number: int, seed: int, left_out: dict[str, str]) -> SheetClass | None:
    """Some images of a class, spread over its files; None where none of those tried can be read."""
    import hashlib

    import numpy as np
    from PIL import Image, ImageOps

    from tellapart.augmentation.counter_rng import image_keys, uniforms
    from tellapart.augmentation.policy import COLUMNS
    from tellapart.errors import ImageError
    from tellapart.images import decode
    from tellapart.images.memory_limits import image_bytes
    from tellapart.printable import printable
    from tellapart.reports.augmentation_sheet import DRAWS, SheetClass
    from tellapart.reports.contact_sheet import TILE

    squares: list[ByteArray] = []
    image_ids: list[str] = []
    spread = [entries[int(i)] for i in np.linspace(0, len(entries) - 1, min(len(entries), 10 * number))]
    order = [entry for first in range(10) for entry in spread[first::10]]
    for entry in order:
        if len(squares) == number:
            break
        try:
            data = image_bytes(dataset.file(entry))
            image = Image.fromarray(decode(data, min_size=TILE).pixels)
        except (OSError, ImageError) as error:
            left_out[printable(entry.path)] = str(error) if isinstance(error, ImageError) else f"cannot be read: {error.strerror or error}"
            continue
        squares.append(np.asarray(ImageOps.fit(image, (TILE, TILE), Image.Resampling.BICUBIC)))
        image_ids.append(hashlib.sha256(data).hexdigest())
    if not squares:
        return None
    keys = image_keys(image_ids)
    draws = np.stack([uniforms(seed, epoch, keys, len(COLUMNS)) for epoch in range(DRAWS)])
    return SheetClass(printable(name), np.stack(squares), draws)
