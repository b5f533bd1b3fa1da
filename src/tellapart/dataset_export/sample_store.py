"""The protocol of the writers of a prepared dataset: they take images one by one and can be saved and resumed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, Protocol, TypeAlias, TypedDict

from tellapart.array_types import ByteArray
from tellapart.dataset_export.samples import Sample

Rendered: TypeAlias = Mapping[int, Any]
"""What is written of one image, by size: an array, or bytes."""


StoreState: TypeAlias = Mapping[str, int] | Mapping[str, Sequence[int]]
"""What a store needs to resume: of each part the number of images, or the numbers in each finished shard."""


class PartFiles(TypedDict):
    """The files of one part: number of images, their files by size, and for arrays the file of the labels."""

    images: int
    files: dict[str, list[str]]
    labels: NotRequired[str]


class SampleStore(Protocol):
    """The files of one form while they are written."""

    saves_every_s: float
    """Seconds between two saves; 0 to save whenever possible."""

    def render(self, data: bytes, pixels: Mapping[int, ByteArray]) -> Rendered:
        """What is written of an image; called from several threads."""

    def add(self, sample: Sample, rendered: Rendered) -> bool:
        """Write an image; whether all that was added can be saved now."""

    def saved(self) -> StoreState:
        """Sync to disk what was added and return the state to resume from."""

    def finish(self) -> dict[str, PartFiles]:
        """Complete all files and return those of each part; may be called again."""

    def close(self) -> None:
        """Close all files without completing them."""
