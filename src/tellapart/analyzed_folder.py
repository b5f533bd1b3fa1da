"""The analyzed folder: features, facts, decisions, rows and near-duplicates of a dataset."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.cache_dir import cache_root
from tellapart.curation.duplicate_groups import DuplicateGroup, duplicate_groups
from tellapart.curation.near_duplicate_cache import cached_pairs
from tellapart.curation.near_duplicates import ComparedPair, Images, Signatures, compare_pairs
from tellapart.dataset import Catalog, Dataset, open_dataset
from tellapart.dataset.catalog import FileState, state_folder
from tellapart.dataset.dataset import open_images
from tellapart.dataset.decisions import Decisions, read_decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.image_arguments import resolve_image_arguments
from tellapart.dataset.in_memory_images import image_list, in_memory_dataset, is_in_memory
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.dataset.parts import Assignment, assign_parts, check_labels, share_held_back, with_decisions
from tellapart.dataset.row_building import file_rows, undecided_rows
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import DataError, ImageError
from tellapart.feature_extraction import Extraction, FeatureSpec, extract
from tellapart.images import decode
from tellapart.images.perceptual_hash import signature
from tellapart.images.thumbnails import thumbnail
from tellapart.models.model_card import CARD
from tellapart.progress import SILENT, Progress
from tellapart.run_folder import open_run

Thumbnails = Callable[[Sequence[str]], Mapping[str, bytes]]


def thumbnail_loader(dataset: Dataset, files: Sequence[FileState]) -> Thumbnails:
    """A function from image ids to thumbnails: from the cache, else made from those files that still have this content."""
    path_of = {file.image_id: dataset.root / file.path for file in files if file.image_id}

    def load(image_ids: Sequence[str]) -> Mapping[str, bytes]:
        unique_ids = list(dict.fromkeys(image_ids))
        store = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        try:
            cached = store.read(unique_ids)
            made = {}
            for image_id in unique_ids:
                if image_id not in cached and image_id in path_of:
                    try:
                        data = path_of[image_id].read_bytes()
                        if hashlib.sha256(data).hexdigest() == image_id:  # otherwise the file has changed
                            made[image_id] = thumbnail(decode(data, min_size=128).pixels)
                    except (OSError, ImageError):
                        continue
            store.write(made)
        finally:
            store.close()
        return {**cached, **made}

    return load


def run_thumbnail_loader(root: Path, rows: Sequence[FileRow]) -> Thumbnails:
    """A function from image ids to thumbnails of a run: from the cache, or from the images if they are still in place."""
    files = [FileState(row.path, row.size_bytes, 0, row.image_id, row.reason) for row in rows]
    return thumbnail_loader(Dataset(root, ()), files)


@dataclass(frozen=True, eq=False)
class AnalyzedFolder:
    """A dataset with everything that the analysis of its images gives.

    Attributes:
        dataset: the user's files.
        state: folder of the catalog and the decisions.
        extraction: file states, facts and features.
        decisions: the user's current decisions.
        rows: one per file, with the decisions applied; see :func:`tellapart.dataset.row_building.file_rows`.
        notes: sentences for the user.
    """

    dataset: Dataset
    state: Path
    extraction: Extraction
    decisions: Decisions
    rows: list[FileRow]
    notes: list[str]

    @cached_property
    def likenesses(self) -> list[ComparedPair]:
        """Pairs of images that show the same photo, and those just below the threshold."""
        return compared_pairs_of(self.dataset, self.extraction)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of image ids of near-duplicates."""
        return [one.pair for one in self.likenesses if one.is_copy]

    @cached_property
    def duplicate_groups(self) -> list[DuplicateGroup]:
        """Groups of duplicates with the best copy of each, and the pairs at the boundary."""
        return duplicate_groups(self.rows, self.extraction.facts, self.likenesses)

    @cached_property
    def found(self) -> dict[str, FileRow]:
        """The rows by path, without decisions."""
        return {row.path: row for row in undecided_rows(self.dataset, self.extraction.files, self.extraction.facts)}

    @cached_property
    def copies(self) -> Counter[str]:
        """Number of files by image id."""
        return Counter(row.image_id for row in self.rows if row.image_id is not None)

    def decided_by(self, decisions: Decisions) -> list[FileRow]:
        """The rows with other decisions applied."""
        return file_rows(self.dataset, self.extraction.files, self.extraction.facts, decisions)

    @property
    def thumbnails(self) -> Thumbnails:
        """A function from image ids to thumbnails."""
        return thumbnail_loader(self.dataset, self.extraction.files)

    def assignment(self, *, test_share: float | None, seed: int) -> Assignment:
        """Assign images to parts with near-duplicates kept together; see :func:`tellapart.dataset.parts.assign_parts`."""
        before = file_rows(self.dataset, self.extraction.files, self.extraction.facts)
        return _assigned(before, self.rows, self.pairs, test_share=test_share, seed=seed)


def analyze_folder(
    folder: str | Path,
    spec: FeatureSpec,
    *,
    reading: DatasetOptions = AS_FOUND,
    min_classes: int = 0,
    state: Path | None = None,
    device: str = "auto",
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> AnalyzedFolder:
    """Open a dataset, analyze every new image, and apply the user's decisions.

    Args:
        folder: class folders, parts with class folders, a manifest or a bucket.
        spec: the features to compute; ``FeatureSpec(())`` for image facts only.
        reading: how folders and tables are read.
        min_classes: minimum number of classes, checked before any image is read.
        state: folder of catalog and decisions; by default ``.tellapart`` in the image folder.
        device: device to compute on.
        num_workers: worker threads; None for one per core.
        progress: progress receiver.

    Raises:
        DataError: the folder cannot be used, or no file could be read.
        StorageError: the disk is full, or the decisions cannot be read.
    """
    dataset = open_dataset(folder, reading, progress=progress)
    place, note = state_folder(dataset.root, state)
    decisions = read_decisions(place)
    check_labels(dataset, decisions, min_classes)
    with Catalog(place / "catalog.sqlite") as catalog:
        extraction = extract(dataset, spec.computed(device), catalog=catalog, num_workers=num_workers, progress=progress)
    rows = file_rows(dataset, extraction.files, extraction.facts, decisions)
    notes = [*dataset.notes, *([note] if note else []), *catalog.notes, *decision_notes(dataset, extraction, decisions)]
    return AnalyzedFolder(dataset, place, extraction, decisions, rows, notes)


def decision_notes(dataset: Dataset, extraction: Extraction, decisions: Decisions) -> list[str]:
    """Sentences on what the user's decisions change; empty if they change nothing."""
    before = undecided_rows(dataset, extraction.files, extraction.facts)
    after = decisions.applied(before)
    excluded = sum(one.is_used and not other.is_used for one, other in zip(before, after, strict=True))
    relabeled = sum(one.label != other.label for one, other in zip(before, after, strict=True))
    unmet = len(decisions.unmet(before))
    lost = [f"{unmet:,} of your decisions {'is' if unmet == 1 else 'are'} about files that no longer exist or have changed"]
    changes = [f"{excluded:,} excluded"] * bool(excluded) + [f"{relabeled:,} relabeled"] * bool(relabeled)
    held = [f"by your decisions {' and '.join(changes)} (tellapart decisions lists them)"] if changes else []
    return held + (lost if unmet else [])


def assignment_of(dataset: Dataset, extraction: Extraction, decisions: Decisions, *, test_share: float | None, seed: int) -> Assignment:
    """Assign images to parts with near-duplicates kept together; see :func:`tellapart.dataset.parts.assign_parts`."""
    rows = file_rows(dataset, extraction.files, extraction.facts, decisions)
    before = file_rows(dataset, extraction.files, extraction.facts)
    return _assigned(before, rows, near_duplicate_pairs(dataset, extraction), test_share=test_share, seed=seed)


def _assigned(
    before: Sequence[FileRow], rows: Sequence[FileRow], pairs: Sequence[tuple[str, str]], *, test_share: float | None, seed: int
) -> Assignment:
    """The assignment of the rows with decisions, and the decisions by part."""
    share = share_held_back(rows, test_share)
    assignment = assign_parts(rows, pairs, test_share=share, seed=seed)
    return with_decisions(assignment, before, pairs, test_share=share, seed=seed)


def near_duplicate_pairs(dataset: Dataset, extraction: Extraction) -> list[tuple[str, str]]:
    """Pairs of image ids of near-duplicates."""
    return [one.pair for one in compared_pairs_of(dataset, extraction) if one.is_copy]


def compared_pairs_of(dataset: Dataset, extraction: Extraction) -> list[ComparedPair]:
    """Pairs that show the same photo, and those just below the threshold; cached."""
    image_ids = extraction.features.image_ids
    hashes = np.stack([np.frombuffer(extraction.facts[i].hash, np.uint8) for i in image_ids])
    mirrored = np.stack([np.frombuffer(extraction.facts[i].mirror_hash, np.uint8) for i in image_ids])
    looks = looks_at(thumbnail_loader(dataset, extraction.files))
    return cached_pairs(extraction.features, lambda: compare_pairs(hashes, mirrored, extraction.features, *looks))


def looks_at(small: Thumbnails) -> tuple[Signatures, Images]:
    """The functions that :func:`tellapart.curation.near_duplicates.compare_pairs` needs, from thumbnails."""

    def images(image_ids: Sequence[str]) -> dict[str, ByteArray]:
        return {image_id: decode(jpeg).pixels for image_id, jpeg in small(image_ids).items()}

    def signatures(image_ids: Sequence[str]) -> FloatArray:
        pixels, blank = images(image_ids), np.zeros(768, np.float16)
        return np.stack([signature(pixels[i]) if i in pixels else blank for i in image_ids])

    return signatures, images


def model_folder(run: str | Path) -> Path:
    """The model folder of a run folder; a model folder is returned unchanged."""
    folder = Path(run).expanduser()
    return folder if (folder / CARD).is_file() else open_run(folder).model_folder


def open_given_images(images: str | Path | Sequence[str | Path], progress: Progress = SILENT) -> Dataset:
    """Open a dataset from folders, manifests, files and patterns (:func:`resolve_image_arguments`); its notes go to ``progress``."""
    dataset = resolve_image_arguments(images, lambda where: open_images(where, progress=progress))
    for note in dataset.notes:
        progress.note(note)
    return dataset


@contextmanager
def open_image_source(images: Any, progress: Progress = SILENT) -> Iterator[Dataset]:
    """The dataset of :func:`open_given_images`, or of images in memory within the block.

    Raises:
        DataError: no images were given, or one is not an image.
    """
    if isinstance(images, str | Path):
        yield open_given_images(images, progress)
        return
    is_one = is_in_memory(images) and getattr(images, "ndim", 2) < 4
    images = [images] if is_one else image_list(images)
    if images and all(isinstance(image, str | Path) for image in images):
        yield open_given_images(images, progress)
        return
    if not images:
        raise DataError("no images were given", hint="give files or a folder")
    with in_memory_dataset(images) as dataset:
        yield dataset
