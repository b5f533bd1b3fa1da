"""FeatureMatrix: one feature vector per image, and the provenance of the vectors."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.large_arrays import empty_rows, release, row_blocks, take_rows


@dataclass(frozen=True, eq=False)
class FeatureMatrix:
    """Features of n images.

    Attributes:
        image_ids: n unique content hashes.
        values: float32 (n, d).
        provenance: backbone, layer, image_size, resize policy and so on: what is needed to compute them again.
    """

    image_ids: tuple[str, ...]
    values: FloatArray
    provenance: Mapping[str, object]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) != len(self.image_ids):
            raise ValueError(f"values have shape {self.values.shape}, expected ({len(self.image_ids)}, d)")

    def __len__(self) -> int:
        return len(self.image_ids)

    @cached_property
    def _row_of(self) -> dict[str, int]:
        return {image_id: row for row, image_id in enumerate(self.image_ids)}

    def rows(self, image_ids: Sequence[str]) -> IntArray:
        """The row of each image, int64 (m,); raises KeyError for an image that is not in the matrix."""
        return np.array([self._row_of[image_id] for image_id in image_ids], dtype=np.int64)

    def of(self, image_ids: Sequence[str]) -> FloatArray:
        """The vectors of these images, float32 (m, d), in their order."""
        return take_rows(self.values, self.rows(image_ids))

    def _repr_html_(self) -> str:
        origin = ", ".join(f"{html.escape(str(k))} {html.escape(str(v))}" for k, v in self.provenance.items())
        return f"<b>features of {count(len(self), 'image')}</b>, {self.values.shape[1]:,} values each ({origin})"


def unit_rows(values: FloatArray) -> FloatArray:
    """Scale the rows of (n, d) to unit length: float32 (n, d). Zero rows stay zero; products of rows are cosines."""
    units = empty_rows(values.shape)
    for block in row_blocks(values):
        lengths = np.linalg.norm(values[block], axis=1, keepdims=True)
        units[block] = values[block] / np.maximum(lengths, 1e-12)
        release(units)
    return units
