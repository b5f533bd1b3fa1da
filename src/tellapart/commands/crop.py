"""tellapart crop: crop images to faces, the main subject, or a named object."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.counts import count
from tellapart.cropping.options import CropOptions
from tellapart.options import dataclass, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.cropping.benefit import CropBenefit
    from tellapart.cropping.crop_folder import Crop
    from tellapart.cropping.detection import Detection, Detector
    from tellapart.cropping.geometry import CropShape
    from tellapart.cropping.selection import CropSelection
    from tellapart.dataset import Dataset

SHEET = Path("crop.jpg")
MAX_MEASURED = 1_500
"""Crops up to which the benefit is measured by default; more take longer than a minute."""


@dataclass(frozen=True, kw_only=True)
class CropResult(Result):
    """What was cropped.

    Attributes:
        out: the folder of crops; None if only the contact sheet was written.
        sheet: the contact sheet.
        target: what the images were cropped to.
        images: number of images.
        crops: number of crops that are kept.
        set_aside: number of images that are excluded, because of several faces or of who they show.
        not_found: number of images in which nothing was detected.
        people: for each class, the number of images of each of its main people.
        left_out: path and reason of every image that could not be read.
        benefit: how much cropping helps, or None if it was not measured.
        notes: what else is worth knowing.
    """

    out: Path | None
    sheet: Path
    target: str
    images: int
    crops: int
    set_aside: int
    not_found: int
    people: dict[str, list[int]]
    left_out: dict[str, str]
    benefit: CropBenefit | None
    notes: list[str]


@with_options(CropOptions)
def crop(folder: str | Path, *, options: CropOptions, progress: Progress = AUTO) -> CropResult:
    """Crop images to faces, the main subject, or a named object.

    Without ``--out`` only a contact sheet is written: what would be kept, what would be excluded, and where nothing was
    detected. With it, a new folder: crops as JPEG, ``metadata.csv`` with label, part, group, parent and box,
    ``set_aside.csv`` with the excluded and the reasons, and the sheet. The images are only read. A crop keeps the part and
    the group of its image, so that crops of one image never lie in two parts. Images of a val or test part are cropped, and
    none of them is excluded because of who it shows.

    Args:
        folder: class folders, parts with class folders, or a manifest.
        progress: receives every image.
        options: as keywords; see :class:`CropOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or the result would lie among the images.
        DataError: no image can be read, nothing is detected in any, or a class would be empty.
        MissingExtra: the networks for faces are not installed.
        StorageError: the disk is full or cannot be written.
    """
    from tellapart.analyzed_folder import open_folder
    from tellapart.cropping.detection import make_detector
    from tellapart.cropping.selection import select_crops
    from tellapart.feature_spec import FeatureSpec

    detector = make_detector(options.target, options.device)
    opened = open_folder(
        folder,
        reading=options,
        min_classes=2 if options.measure_benefit else 0,
        state=options.state,
        num_workers=options.num_workers,
        progress=progress,
    )
    _check_place(options.out, opened.dataset)
    analyzed = opened.analyze(FeatureSpec(()), progress=progress)
    detections = _detections(analyzed, detector, options, progress)
    shape = _shape(options)
    choice = select_crops(analyzed, detections, options, shape)
    names = _write(analyzed, choice, shape, options, progress)
    notes = [*analyzed.notes, *choice.notes]
    benefit = _benefit(folder, choice, shape, options, names, notes, progress)
    for note in notes:
        progress.note(note)
    return CropResult(
        out=options.out,
        sheet=options.out / SHEET if options.out is not None else SHEET,
        target=options.target,
        images=len(detections),
        crops=len(names) - names.count("") if names else len(choice.crops),
        set_aside=len(choice.set_aside),
        not_found=len(choice.not_found),
        people=choice.people,
        left_out=choice.left_out,
        benefit=benefit,
        notes=notes,
    )


def _detections(analyzed: AnalyzedFolder, detector: Detector, options: CropOptions, progress: Progress) -> dict[int, Detection | str]:
    """What is detected in each used image, or why it cannot be read, by the number of its row."""
    from tellapart.cropping.detection import detect

    rows = [number for number, row in enumerate(analyzed.rows) if row.is_used]
    files = [analyzed.dataset.file(analyzed.dataset.entries[number]) for number in rows]
    image_ids = [analyzed.rows[number].image_id or "" for number in rows]
    return dict(zip(rows, detect(files, image_ids, detector, num_workers=options.num_workers, progress=progress), strict=True))


def _write(analyzed: AnalyzedFolder, choice: CropSelection, shape: CropShape, chosen: CropOptions, progress: Progress) -> list[str]:
    """Write the crops and the contact sheet, or only the sheet; the names of the crops."""
    from tellapart.atomic_files import replacing, replacing_folder
    from tellapart.cropping.crop_folder import write_crops, write_set_aside
    from tellapart.output_guards import noting_unchanged

    if chosen.out is None:
        with noting_unchanged([SHEET], progress), replacing(SHEET) as partial:
            _save_sheet(_sheet(analyzed, choice, chosen), partial)
        return []
    with replacing_folder(chosen.out) as partial, progress.stage("writing crops", total=len(choice.crops)) as advance:
        names, lost = write_crops(choice.crops, partial, shape, advance)
        choice.left_out.update(lost)
        write_set_aside(choice.not_kept(), partial)
        _save_sheet(_sheet(analyzed, choice, chosen), partial / SHEET)
    return names


def _shape(chosen: CropOptions) -> CropShape:
    from tellapart.cropping.geometry import CropShape

    return CropShape(chosen.margin, chosen.square, chosen.align, chosen.size)


def _check_place(out: Path | None, dataset: Dataset) -> None:
    """Refuse to write among the images or over other files."""
    from tellapart.output_guards import check_new_folder, check_outside

    check_outside(out or SHEET.resolve(), dataset)
    if out is not None:
        check_new_folder(out)


def _sheet(analyzed: AnalyzedFolder, choice: CropSelection, chosen: CropOptions) -> Any:
    """The contact sheet: first what is excluded and where nothing was detected, then what is kept, class by class in turns.

    Each image is shown whole; what lies outside its crop is dark.
    """
    from tellapart.concurrency import parallel_map
    from tellapart.cropping.selection import alternate_classes
    from tellapart.reports.contact_sheet import TILE, Tile, contact_sheet

    crops = alternate_classes(
        [(crop, _caption(crop.label, ""), "kept") for crop in choice.crops if crop.box is not None], lambda item: item[0].label
    )
    aside = [(crop, _caption(crop.label, reason), "set aside") for crop, reason in choice.set_aside]
    missing = [(crop, _caption(crop.label, reason), None) for crop, reason in choice.not_found]

    def tile(item: tuple[Crop, str, Any]) -> Tile:
        from tellapart.cropping.crop_folder import outlined_pixels
        from tellapart.errors import ImageError

        crop, caption, frame = item
        try:
            return Tile(outlined_pixels(crop, TILE), caption, frame)
        except (OSError, ImageError):
            return Tile(None, caption, frame)

    title = f"{analyzed.dataset.root.name}: {chosen.target}, {count(len(choice.crops), 'crop')}"
    tiles = parallel_map(tile, [*aside[:160], *missing[:80], *crops[:240]])
    return contact_sheet(tiles, title=title, columns=10)


def _caption(label: str | None, reason: str) -> str:
    short = reason.replace(f" than most of {label}", "").replace(" images of that person", " images")
    return "\n".join(line for line in (label or "", short) if line)


def _save_sheet(sheet: Any, path: Path) -> None:
    with path.open("wb") as file:
        sheet.save(file, "JPEG", quality=90)


def _benefit(
    folder: str | Path,
    choice: CropSelection,
    shape: CropShape,
    chosen: CropOptions,
    names: list[str],
    notes: list[str],
    progress: Progress,
) -> CropBenefit | None:
    """How much cropping helps, or None if it is not or cannot be measured."""
    from tellapart.cropping.benefit import measure_crop_benefit
    from tellapart.errors import DataError

    labels = {crop.label for crop in choice.crops}
    is_measured = (
        chosen.measure_benefit if chosen.measure_benefit is not None else len(choice.crops) <= MAX_MEASURED and len(labels - {None}) > 1
    )
    if not is_measured:
        return None
    try:
        return measure_crop_benefit(folder, choice.crops, shape, chosen, (chosen.out, names), progress)
    except DataError as error:
        if chosen.measure_benefit:
            raise
        notes.append(f"the benefit of cropping cannot be measured: {error}")
        return None
