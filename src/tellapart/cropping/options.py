"""What to crop to, and how."""

from __future__ import annotations

from pathlib import Path

from tellapart.dataset.options import DatasetOptions
from tellapart.models.precision import precision_option
from tellapart.options import dataclass, option, when, when_not
from tellapart.shared_options import device_option, num_workers_option, seed_option, state_option

OF_FACES = when("target", "faces")


def _is_made(options: CropOptions) -> str | None:
    """Why no crop is made at its full size, or None."""
    return "with --no-measure-benefit and without --out" if options.out is None and options.measure_benefit is False else None


@dataclass(frozen=True, kw_only=True)
class CropOptions(DatasetOptions):
    """What to crop to, and how."""

    target: str = option("faces", "What to crop to: faces, subject, or an object class such as cats or dogs.", metavar="WORD")
    margin: float = option(0.3, "Margin on each side, as a share of the width and height of the box.", minimum=0.0, maximum=5.0)
    square: bool = option(True, "Make crops square, if the image is large enough.")
    on_multiple: str = option(
        "largest", "What to do with several faces in one image.", choices=("largest", "all", "reject"), only_for=OF_FACES
    )
    align: bool = option(False, "For faces: rotate the crop so that the eyes are level.", only_for=OF_FACES)
    on_missing: str = option("keep", "What to do with images in which nothing is detected.", choices=("keep", "drop"))
    filter_identities: bool = option(True, "For faces: exclude people who are not a main person of the class.", only_for=OF_FACES)
    size: int | None = option(
        None, "Side of the crops in pixels; by default they are not resized.", minimum=16, maximum=4096, only_for=_is_made
    )
    out: Path | None = option(None, "A new folder for the crops; without it only a contact sheet, crop.jpg, is written.", metavar="DIR")
    measure_benefit: bool | None = option(
        None, "Compare a linear probe on whole images with one on crops; by default if it takes about a minute."
    )
    seed: int = seed_option(only_for=when_not("measure_benefit", False))
    state: Path | None = state_option()
    device: str = device_option()
    precision: str = precision_option(only_for=when_not("measure_benefit", False))
    num_workers: int | None = num_workers_option()
