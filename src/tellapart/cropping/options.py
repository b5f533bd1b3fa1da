"""What to crop to, and how."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.dataset.options import DatasetOptions
from tellapart.options import dataclass, option, when, when_not
from tellapart.shared_options import device_option, num_workers_option, seed_option, state_option

if TYPE_CHECKING:
    pass


OF_FACES = when("to", "faces")


def _is_made(options: CropOptions) -> str | None:
    """Whether any crop is made at its full size: to be kept, or for the score."""
    return "with --no-score and without --out" if options.out is None and options.score is False else None


@dataclass(frozen=True, kw_only=True)
class CropOptions(DatasetOptions):
    """What to crop to, and how."""

    to: str = option("faces", "What to crop to: faces, subject, or the name of a thing such as cats or dogs.", metavar="WORD")
    margin: float = option(0.3, "Room around it on each side, as a share of its width and height.", minimum=0.0, maximum=5.0)
    square: bool = option(True, "Make crops square where the photo is large enough.")
    several: str = option("largest", "What to do with several faces on a photo.", choices=("largest", "all", "reject"), only_for=OF_FACES)
    align: bool = option(False, "For faces: turn the crop until the eyes are level.", only_for=OF_FACES)
    missing: str = option("keep", "What to do with photos on which nothing is found.", choices=("keep", "drop"))
    identities: bool = option(True, "For faces: set aside people who are not those that most photos of the class show.", only_for=OF_FACES)
    size: int | None = option(
        None, "Side of the crops in pixels; by default as many as there are.", minimum=16, maximum=4096, only_for=_is_made
    )
    out: Path | None = option(None, "A new folder for the crops; without it only a contact sheet, crop.jpg, is written.", metavar="DIR")
    score: bool | None = option(
        None, "Say what cropping is worth: a probe on whole photos, one on crops; by default where it takes a minute."
    )
    seed: int = seed_option(only_for=when_not("score", False))
    state: Path | None = state_option()
    device: str = device_option()
    num_workers: int | None = num_workers_option()
