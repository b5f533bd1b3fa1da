"""Which crops are kept: which face of several, other people excluded, images in which nothing was detected."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from tellapart.counts import count
from tellapart.cropping.crop_folder import Crop
from tellapart.cropping.detection import Detection
from tellapart.cropping.geometry import CropShape, crop_box
from tellapart.curation.face_identities import SAME_PERSON, Identity, People, identities
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.parts import REPORTED
from tellapart.errors import DataError

if TYPE_CHECKING:
    from tellapart.analyzed_folder import AnalyzedFolder
    from tellapart.cropping.options import CropOptions

NO_LABEL = ""
Item = TypeVar("Item")


@dataclass
class CropSelection:
    """What is kept and what is not.

    Attributes:
        crops: to be kept.
        set_aside: crops that are not kept, with the reason.
        not_found: whole photos on which nothing was found, with the reason; whether they are among the crops is the user's choice.
        left_out: path and reason of photos that could not be read.
        people: by class, number of faces of each main person.
        notes: sentences for the user.
    """

    crops: list[Crop] = field(default_factory=list)
    set_aside: list[tuple[Crop, str]] = field(default_factory=list)
    not_found: list[tuple[Crop, str]] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)
    people: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def not_kept(self) -> list[tuple[str, str | None, str]]:
        """Path, label and reason of every photo of which something was not kept."""
        cropped = {crop.path for crop in self.crops}
        missing = [(crop, reason if crop.path not in cropped else f"{reason}; kept whole") for crop, reason in self.not_found]
        return [(crop.path, crop.label, reason) for crop, reason in [*self.set_aside, *missing]] + [
            (path, None, reason) for path, reason in self.left_out.items()
        ]


def select_crops(
    analyzed: AnalyzedFolder, detections: Mapping[int, Detection | str], chosen: CropOptions, shape: CropShape
) -> CropSelection:
    """Select the crops to keep.

    Args:
        analyzed: the data set.
        detections: by number of the row, what the image shows, or why it could not be read.
        chosen: the options.
        shape: of the crops.

    Raises:
        DataError: nothing was found at all, or a class would be empty.
    """
    choice = CropSelection()
    detected = {row: sight for row, sight in detections.items() if isinstance(sight, Detection)}
    choice.left_out = {analyzed.rows[row].path: sight for row, sight in detections.items() if isinstance(sight, str)}
    if not any(len(sight.boxes) for sight in detected.values()):
        raise DataError(
            f"no {_thing(chosen.target)} found in any of the {count(len(detections), 'image')}", hint="tellapart crop --target subject"
        )
    faces = {row: sight.main for row, sight in detected.items() if len(sight.boxes)}
    people: dict[int, Identity] = {}
    if chosen.target == "faces" and chosen.filter_identities:
        faces, people = _identified(analyzed.rows, detected, faces, choice)
    for row, sight in detected.items():
        if not len(sight.boxes):
            whole = _whole(analyzed, row)
            choice.not_found.append((whole, f"no {_thing(chosen.target)} found"))
            if chosen.on_missing == "keep":
                choice.crops.append(whole)
            continue
        crops = _crops(analyzed, row, sight, faces[row], chosen, shape)
        reason = _reason(analyzed.rows[row], sight, people.get(row), chosen)
        if reason:
            choice.set_aside += [(crop, reason) for crop in crops[:1]]
        else:
            choice.crops += crops
    _check_classes(analyzed.rows, list(detected), choice)
    return choice


def _thing(to: str) -> str:
    return {"faces": "face", "subject": "subject"}.get(to, to)


def _whole(analyzed: AnalyzedFolder, row: int) -> Crop:
    """The photo itself, as a crop of all of it."""
    image = analyzed.rows[row]
    entry = analyzed.dataset.entries[row]
    return Crop(analyzed.dataset.file(entry), image.path, image.label, image.part, image.group or image.image_id or "", None)


def _crops(analyzed: AnalyzedFolder, row: int, sight: Detection, main: int, chosen: CropOptions, shape: CropShape) -> list[Crop]:
    """The crop of the main thing, or with ``all`` those of every one, the main one first."""
    from dataclasses import replace

    whole = _whole(analyzed, row)
    others = [number for number in range(len(sight.boxes)) if number != main] if chosen.on_multiple == "all" else []
    crops = []
    for rank, number in enumerate([main, *others], start=1):
        box = crop_box(sight.boxes[number], sight.width, sight.height, shape)
        eyes = sight.eyes[number] if sight.eyes is not None else None
        crops.append(replace(whole, box=box, eyes=eyes, number=rank if others else 0))
    return crops


def _reason(row: FileRow, sight: Detection, identity: Identity | None, chosen: CropOptions) -> str | None:
    """Why a photo is set aside, or None."""
    if chosen.on_multiple == "reject" and len(sight.boxes) > 1:
        return f"{len(sight.boxes)} faces"
    if identity is None or identity.is_main:
        return None
    if identity.also_in:
        return f"looks like the one of {' and '.join(identity.also_in)}"
    alike = f": {count(identity.size, 'image')} of that person" if identity.size > 1 else ""
    return f"another person than most of {row.label}{alike}"


def _identified(
    rows: Sequence[FileRow], detected: Mapping[int, Detection], faces: dict[int, int], choice: CropSelection
) -> tuple[dict[int, int], dict[int, Identity]]:
    """Which face of each photo is the one, and whose it is in the photos that train.

    First the largest faces say who is who; then each photo shows the face most like a main person, whatever its class,
    so that nothing is chosen by the label of a photo that is to be judged.
    """
    training = [row for row in faces if rows[row].part not in REPORTED and rows[row].label is not None]
    if not training:
        return faces, {}
    labels = [rows[row].label or NO_LABEL for row in training]

    def of_training(numbers: Mapping[int, int]) -> tuple[list[Identity], People]:
        return identities(np.stack([_descriptors(detected[row])[numbers[row]] for row in training]), labels)

    people = of_training(faces)[1]
    chosen = dict(faces)
    for row in faces:
        likeness = people.likest(_descriptors(detected[row]))
        if likeness.max() >= SAME_PERSON:
            chosen[row] = int(likeness.argmax())
    known, people = of_training(chosen)
    sizes: dict[str, Counter[int]] = defaultdict(Counter)
    for label, identity in zip(labels, known, strict=True):
        sizes[label][identity.cluster] += 1
    choice.people = {label: [sizes[label][number] for number in range(len(centers))] for label, centers in people.centers.items()}
    choice.notes += [f"{label!r} is not about one person, so nobody is excluded" for label, who in choice.people.items() if not who]
    choice.notes += _doubles(people)
    return chosen, dict(zip(training, known, strict=True))


def _descriptors(sight: Detection) -> Any:
    return sight.descriptors


def _doubles(people: People) -> list[str]:
    """Main people who are so in several classes."""
    notes = set()
    for label, centers in people.centers.items():
        for center in centers:
            names = people.classes_of(center)
            if len(names) > 1 and label in names:
                notes.add(f"the same person seems to be a main one of {' and '.join(repr(name) for name in names)}")
    return sorted(notes)


def _check_classes(rows: Sequence[FileRow], looked_at: Sequence[int], choice: CropSelection) -> None:
    """See that every class keeps an image."""
    before = {rows[row].label for row in looked_at if rows[row].label is not None}
    lost = sorted(str(label) for label in before - {crop.label for crop in choice.crops})
    if not lost:
        return
    reasons = Counter(reason for crop, reason in [*choice.set_aside, *choice.not_found] if crop.label == lost[0])
    why = f": {reasons.most_common(1)[0][0]}" if reasons else ""
    raise DataError(
        f"no crop of {lost[0]!r} would be kept{why}", hint="--on-missing keep, --no-filter-identities or --on-multiple largest keep more"
    )


def alternate_classes(items: Sequence[Item], label_of: Callable[[Item], str | None]) -> list[Item]:
    """Items alternating between the classes, so that the first few show all classes."""
    of_class: dict[str | None, list[Item]] = defaultdict(list)
    for item in items:
        of_class[label_of(item)].append(item)
    longest = max((len(some) for some in of_class.values()), default=0)
    return [some[index] for index in range(longest) for some in of_class.values() if index < len(some)]
