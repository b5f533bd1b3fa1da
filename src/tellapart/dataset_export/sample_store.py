"""The protocol of the writers of a prepared dataset: they take images one by one and can be saved and resumed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

from tellapart.array_types import ByteArray
from tellapart.dataset_export.samples import Sample

Rendered: TypeAlias = Mapping[int, Any]
"""What is written of one image, by size: an array, or bytes."""


class SampleStore(Protocol):
    """The files of one form while they are written."""

    saves_every_s: float
    """Seconds between two saves; 0 to save whenever possible."""

    def render(self, data: bytes, pixels: Mapping[int, ByteArray]) -> Rendered:
        """What is written of an image; called from several threads."""

    def add(self, sample: Sample, rendered: Rendered) -> bool:
        """Write an image; whether all that was added can be saved now."""

    def saved(self) -> dict[str, Any]:
        """Sync to disk what was added and return the state to resume from."""

    def finish(self) -> dict[str, dict[str, Any]]:
        """Complete all files; for each part ``images``, ``files`` by size, and for arrays ``labels``. May be called again."""

    def close(self) -> None:
        """Close all files without completing them."""
