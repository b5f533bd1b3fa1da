"""The feature cache: the vector of an image is computed once per backbone and survives interruptions.

The cache root has one folder per fingerprint (backbone weights, layer, image size, resize policy). Each holds segments:
``<name>.npy`` and, written last, ``<name>.json`` with the image ids and a checksum. A segment without a manifest, or whose
checksum does not match, is ignored and its vectors are computed again.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tellapart.array_types import BoolArray, FloatArray
from tellapart.atomic_files import read_sealed, replacing, write_sealed
from tellapart.large_arrays import release, row_blocks

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

    def read_into(self, image_ids: Sequence[str], values: FloatArray) -> BoolArray:
        """Read the vectors of those images that are cached and undamaged; whether each of them is, bool (n,).

        Args:
            image_ids: n different ids.
            values: float32 (n, width), where the vectors are written; other rows keep what they hold.
        """
        row_of = {image_id: row for row, image_id in enumerate(image_ids)}
        is_found, segments = np.zeros(len(image_ids), bool), self._segments()
        for segment in segments:
            ids, vectors, crc32 = self._open(segment)
            pairs = [(index, row_of[image_id]) for index, image_id in enumerate(ids) if image_id in row_of]
            taken, rows = np.array([pair for pair in pairs if not is_found[pair[1]]], np.int64).reshape(-1, 2).T
            checksum = 0
            for block in row_blocks(vectors):
                checksum = zlib.crc32(np.ascontiguousarray(vectors[block]).data, checksum)
                first, last = np.searchsorted(taken, (block.start, block.stop))
                values[rows[first:last]] = vectors[taken[first:last]]
                release(values)
            is_found[rows] = checksum == crc32
        if len(segments) >= MERGE_AT:
            self._merge(segments)
        return is_found

    def write(self, image_ids: Sequence[str], values: FloatArray) -> None:
        """Add a segment atomically.

        Args:
            image_ids: m ids.
            values: float32 (m, width).
        """
        if image_ids:
            self._write(list(image_ids), [np.ascontiguousarray(values, dtype=np.float32)])

    def _write(self, image_ids: list[str], blocks: Iterable[FloatArray]) -> None:
        name, checksum = uuid.uuid4().hex, 0
        with replacing(self.folder / f"{name}.npy") as partial, partial.open("wb") as file:
            shape = (len(image_ids), self.width)
            np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
            for block in blocks:
                file.write(block.data)  # np.save does not report a full disk
                checksum = zlib.crc32(block.data, checksum)
        write_sealed(self.folder / f"{name}.json", {"crc32": checksum, "image_ids": image_ids})

    def _segments(self) -> list[_Segment]:
        return [_Segment(manifest.with_suffix(".npy"), manifest) for manifest in sorted(self.folder.glob("[!.]*.json"))]

    def _ids(self, segment: _Segment) -> list[str]:
        try:
            ids: list[str] = read_sealed(segment.manifest)["image_ids"]
            is_whole = segment.vectors.stat().st_size == NPY_HEADER + 4 * self.width * len(ids)
        except (OSError, ValueError, KeyError, TypeError):
            return []
        return ids if is_whole else []

    def _open(self, segment: _Segment) -> tuple[list[str], FloatArray, int]:
        """The ids, the vectors as they lie on the disk, and their checksum; no ids where the segment is damaged."""
        try:
            manifest = read_sealed(segment.manifest)
            values = np.load(segment.vectors, mmap_mode="r", allow_pickle=False)
            ids: list[str] = manifest["image_ids"]
            crc32 = int(manifest["crc32"])
            is_whole = values.shape == (len(ids), self.width) and values.dtype == np.float32 and values.flags.c_contiguous
        except (OSError, ValueError, KeyError, TypeError, EOFError):
            is_whole = False
        return (ids, values, crc32) if is_whole else ([], np.empty((0, self.width), np.float32), 0)

    def _sound(self, segment: _Segment) -> tuple[list[str], FloatArray]:
        """The ids and vectors of a segment; none where it is damaged."""
        ids, values, crc32 = self._open(segment)
        checksum = 0
        for block in row_blocks(values):
            checksum = zlib.crc32(np.ascontiguousarray(values[block]).data, checksum)
        return (ids, values) if checksum == crc32 else ([], values[:0])

    def _merge(self, segments: Sequence[_Segment]) -> None:
        """Merge many small segments into one, then remove them."""
        place_of: dict[str, tuple[int, int]] = {}
        sound = [self._sound(segment) for segment in segments]
        for number, (ids, _) in enumerate(sound):
            for row, image_id in enumerate(ids):
                place_of.setdefault(image_id, (number, row))
        locations = np.array(list(place_of.values()), np.int64).reshape(-1, 2)

        def blocks() -> Iterator[FloatArray]:
            for number, (_, values) in enumerate(sound):
                rows = locations[locations[:, 0] == number, 1]
                for block in row_blocks(values[: len(rows)]):
                    yield np.ascontiguousarray(values[rows[block]])

        if place_of:
            self._write(list(place_of), blocks())
        for segment in segments:
            segment.manifest.unlink(missing_ok=True)
            segment.vectors.unlink(missing_ok=True)
