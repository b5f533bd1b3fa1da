"""The feature cache: the vector of an image is computed once per backbone and survives interruptions.

The cache root has one folder per fingerprint (backbone weights, layer, image size, resize policy). Each holds segments:
``<name>.npy`` and, written last, ``<name>.json`` with the image ids and a checksum. A segment without a manifest, or whose
checksum does not match, is ignored and its vectors are computed again.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellapart.array_types import FloatArray
from tellapart.atomic_files import read_sealed, replacing, write_sealed

MERGE_AT = 32
NPY_HEADER = 128


@dataclass(frozen=True)
class _Segment:
    vectors: Path
    manifest: Path


class FeatureCache:
    """The cached vectors of one fingerprint.

    Args:
        root: the folder of all fingerprints.
        fingerprint: identifies everything the vectors depend on, except the image.
        width: number of values per vector (d).
    """

    def __init__(self, root: Path, fingerprint: str, width: int) -> None:
        self.folder = root / fingerprint
        self.width = width

    def image_ids(self) -> set[str]:
        """Ids of all images whose vector is cached (checked by their manifests only)."""
        return {image_id for segment in self._segments() for image_id in self._ids(segment)}

    def read(self, image_ids: Iterable[str]) -> dict[str, FloatArray]:
        """Read the vectors, float32 (width,), of those images that are cached and undamaged."""
        requested, vectors, segments = set(image_ids), {}, self._segments()
        for segment in segments:
            ids, values = self._load(segment)
            for row, image_id in enumerate(ids):
                if image_id in requested:
                    vectors[image_id] = values[row]
        if len(segments) >= MERGE_AT:
            self._merge(segments)
        return vectors

    def write(self, image_ids: Sequence[str], values: FloatArray) -> None:
        """Add a segment atomically.

        Args:
            image_ids: m ids.
            values: float32 (m, width).
        """
        if not image_ids:
            return
        name = uuid.uuid4().hex
        array = np.ascontiguousarray(values, dtype=np.float32)
        with replacing(self.folder / f"{name}.npy") as partial, partial.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, np.lib.format.header_data_from_array_1_0(array))
            file.write(array.data)  # np.save does not report a full disk
        write_sealed(self.folder / f"{name}.json", {"crc32": zlib.crc32(array.data), "image_ids": list(image_ids)})

    def _segments(self) -> list[_Segment]:
        return [_Segment(manifest.with_suffix(".npy"), manifest) for manifest in sorted(self.folder.glob("[!.]*.json"))]

    def _ids(self, segment: _Segment) -> list[str]:
        try:
            ids: list[str] = read_sealed(segment.manifest)["image_ids"]
            is_whole = segment.vectors.stat().st_size == NPY_HEADER + 4 * self.width * len(ids)
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return ids if is_whole else []

    def _load(self, segment: _Segment) -> tuple[list[str], FloatArray]:
        try:
            manifest = read_sealed(segment.manifest)
            values = np.load(segment.vectors, allow_pickle=False)
            ids: list[str] = manifest["image_ids"]
            is_whole = (
                values.shape == (len(ids), self.width) and values.dtype == np.float32 and zlib.crc32(values.data) == manifest["crc32"]
            )
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            is_whole = False
        return (ids, values) if is_whole else ([], np.empty((0, self.width), np.float32))

    def _merge(self, segments: Sequence[_Segment]) -> None:
        """Merge many small segments into one, then remove them."""
        merged: dict[str, FloatArray] = {}
        for segment in segments:
            ids, values = self._load(segment)
            merged.update(zip(ids, values, strict=True))
        if merged:
            self.write(list(merged), np.stack(list(merged.values())))
        for segment in segments:
            segment.manifest.unlink(missing_ok=True)
            segment.vectors.unlink(missing_ok=True)
