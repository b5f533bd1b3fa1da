"""tellapart crop: photos cropped to the faces, the subject, or a thing with a name; strangers set aside for review."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.cropping.options import CropOptions
from tellapart.options import with_options
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.cropping.crop_folder import Crop
    from tellapart.cropping.geometry import CropShape
    from tellapart.cropping.selection import CropSelection

SHEET = Path("crop.jpg")
SCORED_UP_TO = 1_500
"""Photos, by default; more take longer than a minute."""


@with_options(CropOptions)
def crop(folder: str | Path, *, options: CropOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Crop photos to the faces, the subject, or a thing with a name.

    Without ``--out`` only a contact sheet is written, which shows what would be kept, set aside and not found. With it, a
    new folder: crops as JPEG, ``metadata.csv`` with label, part, group, parent and box, ``set_aside.csv`` with reasons, and
    the sheet. The photos are only read. A crop keeps the part of its photo, and its group, so that crops of one photo are
    never on both sides of a split. Photos of a val or test part are cropped, and nobody on them is set aside.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: hears of every photo.
        options: as keywords; see :class:`CropOptions`.

    Returns:
        ``out``, ``sheet``, the numbers ``photos``, ``crops``, ``set_aside`` and ``not_found``, ``people`` by class,
        ``left_out`` with reasons, ``score`` and ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the photos.
        DataError: no photo can be read, nothing is found on any, or a class would be empty.
        MissingExtra: faces are asked for, and their networks are not installed.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import analyze_folder
    from tellapart.atomic_files import replacing, replacing_folder
    from tellapart.cropping.crop_folder import write_crops, write_set_aside
    from tellapart.cropping.detection import detect, make_detector
    from tellapart.cropping.selection import select_crops
    from tellapart.feature_extraction import FeatureSpec

    find = make_detector(options.to, options.device)
    looked = analyze_folder(
        folder,
        FeatureSpec(()),
        reading=options,
        state=options.state,
        device=options.device,
        num_workers=options.num_workers,
        progress=progress,
    )
    _check_place(options.out, looked)
    rows = [number for number, row in enumerate(looked.rows) if row.is_used]
    files = [looked.dataset.file(looked.dataset.entries[number]) for number in rows]
    image_ids = [looked.rows[number].image_id or "" for number in rows]
    seen = dict(zip(rows, detect(files, image_ids, find, num_workers=options.num_workers, progress=progress), strict=True))
    shape = _shape(options)
    choice = select_crops(looked, seen, options, shape)
    names: list[str] = []
    if options.out is not None:
        with replacing_folder(options.out) as partial, progress.stage("writing crops", total=len(choice.crops)) as advance:
            names, lost = write_crops(choice.crops, partial, shape, advance)
            choice.left_out.update(lost)
            write_set_aside(choice.not_kept(), partial)
            _save_sheet(_sheet(looked, choice, shape, options), partial / SHEET)
    else:
        with replacing(SHEET) as partial:
            _save_sheet(_sheet(looked, choice, shape, options), partial)
    notes = [*looked.notes, *choice.notes]
    score = _score(folder, looked, choice, shape, options, names, notes, progress)
    for note in notes:
        progress.note(note)
    return {
        "out": str(options.out) if options.out is not None else None,
        "sheet": str(options.out / SHEET if options.out is not None else SHEET),
        "to": options.to,
        "photos": len(rows),
        "crops": len(names) - names.count("") if names else len(choice.crops),
        "set_aside": len(choice.set_aside),
        "not_found": len(choice.not_found),
        "people": choice.people,
        "left_out": choice.left_out,
        "score": score,
        "notes": notes,
    }


def _shape(chosen: CropOptions) -> CropShape:
    from tellapart.cropping.geometry import CropShape

    return CropShape(chosen.margin, chosen.square, chosen.align, chosen.size)


def _check_place(out: Path | None, looked: AnalyzedFolder) -> None:
    """Nothing is written among the photos or over other things."""
    from tellapart.output_guards import check_new_folder, check_outside

    check_outside(out or SHEET.resolve(), looked.dataset)
    if out is not None:
        check_new_folder(out)


def _sheet(looked: AnalyzedFolder, choice: CropSelection, shape: CropShape, chosen: CropOptions) -> Any:
    """The contact sheet: what is set aside and not found first, then what is kept, spread over the classes."""
    from dataclasses import replace

    from tellapart.concurrency import side_by_side
    from tellapart.cropping.selection import alternate_classes
    from tellapart.reports.contact_sheet import TILE, Tile, contact_sheet

    small = replace(shape, size=TILE)
    kept = alternate_classes(
        [(crop, _caption(crop.label, ""), "kept") for crop in choice.crops if crop.box is not None], lambda item: item[0].label
    )
    aside = [(crop, _caption(crop.label, reason), "set aside") for crop, reason in choice.set_aside]
    missing = [(crop, _caption(crop.label, reason), None) for crop, reason in choice.not_found]

    def tile(item: tuple[Crop, str, Any]) -> Tile:
        from tellapart.cropping.crop_folder import crop_pixels
        from tellapart.errors import ImageError

        crop, caption, frame = item
        try:
            return Tile(crop_pixels(crop, small), caption, frame)
        except (OSError, ImageError):
            return Tile(None, caption, frame)

    title = f"{looked.dataset.root.name}: {chosen.to}, {count(len(choice.crops), 'crop')}"
    tiles = side_by_side(tile, [*aside[:160], *missing[:80], *kept[:240]])
    return contact_sheet(tiles, title=title, columns=10)


def _caption(label: str | None, reason: str) -> str:
    short = reason.replace(f" than most of {label}", "").replace(" photos of that person", " photos")
    return "\n".join(line for line in (label or "", short) if line)


def _save_sheet(sheet: Any, path: Path) -> None:
    with path.open("wb") as file:
        sheet.save(file, "JPEG", quality=90)


def _score(
    folder: str | Path,
    looked: AnalyzedFolder,
    choice: CropSelection,
    shape: CropShape,
    chosen: CropOptions,
    names: list[str],
    notes: list[str],
    progress: Progress,
) -> dict[str, Any] | None:
    """What cropping is worth, or None where it cannot or shall not be said."""
    from tellapart.cropping.benefit import measure_crop_benefit
    from tellapart.errors import DataError

    labels = {crop.label for crop in choice.crops}
    is_wanted = chosen.score if chosen.score is not None else len(choice.crops) <= SCORED_UP_TO and len(labels - {None}) > 1
    if not is_wanted:
        return None
    try:
        return measure_crop_benefit(folder, choice.crops, shape, chosen, (chosen.out, names), progress)
    except DataError as error:
        if chosen.score:
            raise
        notes.append(f"what cropping is worth cannot be said: {error}")
        return None
