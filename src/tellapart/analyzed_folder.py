"""The analyzed folder: features, facts, decisions, rows and near-duplicates of a dataset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.concurrency import worker_count
from tellapart.curation.duplicate_groups import DuplicateGroup, duplicate_groups
from tellapart.curation.near_duplicates import ComparedPair, Images, Signatures, cached_pairs, compare_pairs
from tellapart.dataset import Catalog, Dataset, ImageFacts, open_dataset
from tellapart.dataset.catalog import CATALOG, FileState, state_folder
from tellapart.dataset.content_hashes import file_states
from tellapart.dataset.dataset import files_dataset, open_images
from tellapart.dataset.decisions import Decisions, read_decisions
from tellapart.dataset.file_rows import FileRow
from tellapart.dataset.image_arguments import resolve_image_arguments
from tellapart.dataset.in_memory_images import image_list, in_memory_dataset, is_in_memory
from tellapart.dataset.manifest import MANIFEST_SUFFIXES
from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.dataset.parts import Assignment, assign_parts, check_labels, share_held_back, with_decisions
from tellapart.dataset.row_building import file_rows, undecided_rows
from tellapart.dataset.thumbnail_store import Thumbnails, thumbnail_loader
from tellapart.errors import OptionError
from tellapart.feature_extraction import Extraction, extract
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureMatrix
from tellapart.images import decode
from tellapart.images.perceptual_hash import signature
from tellapart.predictor import extract_members
from tellapart.progress import SILENT, Progress


@dataclass(frozen=True, eq=False)
class OpenedFolder:
    """A dataset before its images are read.

    Attributes:
        dataset: the user's files.
        state: folder of the catalog and the decisions.
        decisions: the user's current decisions.
        notes: sentences for the user.
        num_workers: worker threads; None for one per core.
    """

    dataset: Dataset
    state: Path
    decisions: Decisions
    notes: list[str]
    num_workers: int | None = None

    def extract(self, spec: FeatureSpec, *, progress: Progress = SILENT) -> Extraction:
        """Extract features; the catalog is open only meanwhile.

        Raises:
            DataError: no file could be read.
            StorageError: the disk is full.
        """
        with Catalog(self.state / CATALOG) as catalog:
            extraction = extract(self.dataset, spec, catalog=catalog, num_workers=self.num_workers, progress=progress)
        self.notes.extend(note for note in catalog.notes if note not in self.notes)
        return extraction

    def hash_files(self, *, progress: Progress = SILENT) -> list[FileState]:
        """The state of every file, only hashed and not decoded; nothing is recorded."""
        known = {}
        if (self.state / CATALOG).is_file():
            with Catalog(self.state / CATALOG) as catalog:
                known = catalog.files()
        return file_states(self.dataset, known, worker_count(self.num_workers), progress)

    def analyze(self, spec: FeatureSpec, *, progress: Progress = SILENT) -> AnalyzedFolder:
        """Analyze every new image and apply the decisions; errors as of :meth:`extract`."""
        extraction = self.extract(spec, progress=progress)
        return AnalyzedFolder(self, extraction.files, extraction.facts, extraction.features, progress)

    def decision_notes(self, files: Sequence[FileState], facts: Mapping[str, ImageFacts]) -> list[str]:
        """Sentences on what the user's decisions change; empty if they change nothing."""
        before = undecided_rows(self.dataset, files, facts)
        after = self.decisions.applied(before)
        excluded = sum(one.is_used and not other.is_used for one, other in zip(before, after, strict=True))
        relabeled = sum(one.label != other.label for one, other in zip(before, after, strict=True))
        unmet = len(self.decisions.unmet(before))
        lost = [f"{unmet:,} of your decisions {'is' if unmet == 1 else 'are'} about files that no longer exist or have changed"]
        changes = [f"{excluded:,} excluded"] * bool(excluded) + [f"{relabeled:,} relabeled"] * bool(relabeled)
        applied = [f"by your decisions {' and '.join(changes)} (tellapart decisions lists them)"] if changes else []
        return applied + (lost if unmet else [])


@dataclass(frozen=True, eq=False)
class AnalyzedFolder:
    """A dataset with everything that the analysis of its images gives.

    Attributes:
        opened: the dataset, the state folder and the decisions.
        files: one state per dataset entry, in order: the image id, or the reason why there is none.
        facts: image facts by image id.
        features: of all readable images.
        progress: receives the progress of the search for near-duplicates.
    """

    opened: OpenedFolder
    files: tuple[FileState, ...]
    facts: dict[str, ImageFacts]
    features: FeatureMatrix
    progress: Progress = SILENT

    @property
    def dataset(self) -> Dataset:
        """The user's files."""
        return self.opened.dataset

    @property
    def state(self) -> Path:
        """Folder of the catalog and the decisions."""
        return self.opened.state

    @property
    def decisions(self) -> Decisions:
        """The user's decisions."""
        return self.opened.decisions

    @cached_property
    def rows(self) -> list[FileRow]:
        """One row per file, with the decisions applied; see :func:`tellapart.dataset.row_building.file_rows`."""
        return self.rows_with(self.decisions)

    @property
    def notes(self) -> list[str]:
        """Sentences for the user."""
        return [*self.opened.notes, *self.opened.decision_notes(self.files, self.facts)]

    def extracted(self, spec: FeatureSpec, *, progress: Progress = SILENT) -> FeatureMatrix:
        """Other features of the same images; what is cached is not computed again.

        Raises:
            StorageError: the disk is full.
        """
        return self.opened.extract(spec, progress=progress).features

    def extracted_by_members(self, specs: Sequence[FeatureSpec], *, progress: Progress = SILENT) -> list[FeatureMatrix]:
        """Features of the same images for the members of a model; see :func:`tellapart.predictor.extract_members`."""
        with Catalog(self.opened.state / CATALOG) as catalog:
            extracted = extract_members(self.opened.dataset, specs, catalog=catalog, num_workers=self.opened.num_workers, progress=progress)
        return [features for (features,) in extracted[1]]

    @cached_property
    def compared_pairs(self) -> list[ComparedPair]:
        """Pairs of images that show the same photo, and those just below the threshold; cached."""
        return _compared_pairs(self.features, self.facts, self.thumbnails, self.progress)

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Pairs of image ids of near-duplicates."""
        return [one.pair for one in self.compared_pairs if one.is_copy]

    def duplicates_of(self, other: AnalyzedFolder, image_ids: Sequence[str]) -> set[str]:
        """Those of ``image_ids`` that show the same photo as the one image of another folder, with the same features."""
        (new,) = other.features.image_ids
        values = np.vstack([other.features.values, self.features.of(image_ids)])
        features = FeatureMatrix((new, *image_ids), values, self.features.provenance)

        def thumbnails(image_ids: Sequence[str]) -> Mapping[str, bytes]:
            return {**self.thumbnails(image_ids), **other.thumbnails(image_ids)}

        compared = _compared_pairs(features, {**self.facts, **other.facts}, thumbnails)
        return {image_id for one in compared if one.is_copy and new in one.pair for image_id in one.pair} - {new}

    @cached_property
    def duplicate_groups(self) -> list[DuplicateGroup]:
        """Groups of duplicates with the best copy of each, and the pairs at the boundary."""
        return duplicate_groups(self.rows, self.facts, self.compared_pairs)

    @cached_property
    def undecided_by_path(self) -> dict[str, FileRow]:
        """The rows by path, without decisions."""
        return {row.path: row for row in undecided_rows(self.dataset, self.files, self.facts)}

    @cached_property
    def _unsure_paths(self) -> set[str]:
        rows = list(self.undecided_by_path.values())
        return {row.path for row, is_unsure in zip(rows, self.decisions.unsure(rows), strict=True) if is_unsure}

    def is_unsure(self, path: str) -> bool:
        """Whether the newest decision about a file marks its label as doubtful."""
        return path in self._unsure_paths

    @cached_property
    def files_per_image(self) -> Counter[str]:
        """Number of files by image id."""
        return Counter(row.image_id for row in self.rows if row.image_id is not None)

    def decided_by(self, decisions: Decisions) -> AnalyzedFolder:
        """The same folder under other decisions."""
        return replace(self, opened=replace(self.opened, decisions=decisions))

    def rows_with(self, decisions: Decisions | None) -> list[FileRow]:
        """The rows with other decisions applied, or none."""
        return file_rows(self.dataset, self.files, self.facts, decisions)

    @property
    def thumbnails(self) -> Thumbnails:
        """A function from image ids to thumbnails."""
        return thumbnail_loader(self.dataset, self.files)

    def assignment(self, *, test_share: float | None, seed: int, earlier: Mapping[str, str] | None = None) -> Assignment:
        """Assign images to parts with near-duplicates kept together; see :func:`tellapart.dataset.parts.assign_parts`."""
        share = share_held_back(self.rows, test_share)
        assignment = assign_parts(self.rows, self.pairs, test_share=share, seed=seed, earlier=earlier)
        return with_decisions(assignment, self.rows_with(None), self.pairs, test_share=share, seed=seed, earlier=earlier)


def open_folder(
    folder: str | Path,
    *,
    reading: DatasetOptions = AS_FOUND,
    min_classes: int = 0,
    state: Path | None = None,
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> OpenedFolder:
    """Open a dataset with its decisions, before any image is read; arguments and errors as of :func:`analyze_folder`."""
    dataset = open_dataset(folder, reading, progress=progress)
    state_path, note = state_folder(dataset.root, state)
    decisions = read_decisions(state_path)
    check_labels(dataset, decisions, min_classes)
    return OpenedFolder(dataset, state_path, decisions, [*dataset.notes, *([note] if note else [])], num_workers)


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
    opened = open_folder(folder, reading=reading, min_classes=min_classes, state=state, num_workers=num_workers, progress=progress)
    return opened.analyze(spec.computed(device), progress=progress)


def analyze_files(
    files: Sequence[Path], spec: FeatureSpec, *, num_workers: int | None = None, progress: Progress = SILENT
) -> AnalyzedFolder:
    """Analyze single files, without decisions; nothing is written beside them. Errors as of :func:`analyze_folder`."""
    with TemporaryDirectory() as state:
        opened = OpenedFolder(files_dataset(files), Path(state), Decisions(()), [], num_workers)
        return opened.analyze(spec, progress=progress)


def _compared_pairs(
    features: FeatureMatrix, facts: Mapping[str, ImageFacts], thumbnails: Thumbnails, progress: Progress = SILENT
) -> list[ComparedPair]:
    hashes = np.stack([np.frombuffer(facts[i].hash, np.uint8) for i in features.image_ids])
    mirrored = np.stack([np.frombuffer(facts[i].mirror_hash, np.uint8) for i in features.image_ids])
    return cached_pairs(features, lambda: compare_pairs(hashes, mirrored, features, *signatures_and_images(thumbnails), progress=progress))


def signatures_and_images(thumbnails: Thumbnails) -> tuple[Signatures, Images]:
    """The functions that :func:`tellapart.curation.near_duplicates.compare_pairs` needs, from thumbnails."""

    def images(image_ids: Sequence[str]) -> dict[str, ByteArray]:
        return {image_id: decode(jpeg).pixels for image_id, jpeg in thumbnails(image_ids).items()}

    def signatures(image_ids: Sequence[str]) -> FloatArray:
        pixels, blank = images(image_ids), np.zeros(768, np.float16)
        return np.stack([signature(pixels[i]) if i in pixels else blank for i in image_ids])

    return signatures, images


def open_given_images(
    images: str | Path | Sequence[str | Path], reading: DatasetOptions = AS_FOUND, progress: Progress = SILENT
) -> Dataset:
    """Open a dataset from folders, manifests, files and patterns (:func:`resolve_image_arguments`); its notes go to ``progress``.

    Raises:
        OptionError: ``reading`` names a column, and no manifest was given.
    """
    given = [images] if isinstance(images, str | Path) else images
    is_table = any(Path(one).suffix.lower() in MANIFEST_SUFFIXES for one in given)
    _check_columns(reading, is_table=is_table)
    dataset = resolve_image_arguments(images, lambda where: open_images(where, reading, progress=progress))
    for note in dataset.notes:
        progress.note(note)
    return dataset


def _check_columns(reading: DatasetOptions, *, is_table: bool) -> None:
    named = [name for name in ("path_column", "label_column") if getattr(reading, name) is not None]
    if named and not is_table:
        raise OptionError(f"{named[0]} names a column of a table, and no table was given", hint="give the table in place of the images")


@contextmanager
def open_image_source(images: Any, reading: DatasetOptions = AS_FOUND, progress: Progress = SILENT) -> Iterator[Dataset]:
    """The dataset of :func:`open_given_images`, or of images in memory within the block.

    Raises:
        OptionError: as :func:`open_given_images`.
        DataError: no images were given, or one is not an image.
    """
    if isinstance(images, str | Path):
        yield open_given_images(images, reading, progress)
        return
    is_one = is_in_memory(images) and getattr(images, "ndim", 2) < 4
    images = [images] if is_one else image_list(images)
    if all(isinstance(image, str | Path) for image in images):
        yield open_given_images(images, reading, progress)
        return
    _check_columns(reading, is_table=False)
    with in_memory_dataset(images) as dataset:
        yield dataset
