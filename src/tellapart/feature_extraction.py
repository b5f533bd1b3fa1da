"""Feature extraction: each image is decoded once and each vector computed once, across interruptions.

A worker thread reads, hashes and decodes a few files and runs them through the backbones; torch, the decoders and the hash
release the GIL, so one thread per core keeps the machine busy without processes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import BoolArray, FloatArray
from tellapart.cache_dir import cache_root
from tellapart.concurrency import prefetch, worker_count
from tellapart.dataset import Catalog, Dataset, Entry, ImageFacts
from tellapart.dataset.catalog import FileState
from tellapart.dataset.content_hashes import read_entry
from tellapart.dataset.image_analysis import ImageAnalysis, analyze_image
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import DataError, ImageError, StorageError
from tellapart.feature_spec import FeatureSpec
from tellapart.features import FeatureCache, FeatureMatrix
from tellapart.features.extraction_rates import record_rate
from tellapart.images.formats import READS
from tellapart.large_arrays import empty_rows
from tellapart.models.backbone_card import Backbone
from tellapart.models.devices import used_device
from tellapart.models.malloc import tune_malloc
from tellapart.printable import printable
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.models.feature_network import Features

BATCH = 8
SAVE_EVERY_S = 5.0
SAVE_AT_BYTES = 2**27
ATTEMPTS = 3
MISSING = "there is no such file"
_one_at_a_time = threading.Lock()
"""Extractions of one process run one at a time: torch's number of threads and its tracing are global."""


def cached_features(spec: FeatureSpec, image_ids: Sequence[str]) -> FeatureMatrix | None:
    """The cached features of images, even if their files are gone; None if the vector of one is missing."""
    different = list(dict.fromkeys(image_ids))
    caches = [FeatureCache(cache_root() / "features", spec.fingerprint(b), b.card.num_features) for b in spec.backbones]
    values, is_found = _read_vectors(caches, different)
    if not caches or not is_found.all():
        return None
    matrix = FeatureMatrix(tuple(different), values, spec.provenance())
    return matrix if len(different) == len(image_ids) else replace(matrix, image_ids=tuple(image_ids), values=matrix.of(image_ids))


def _read_vectors(caches: Sequence[FeatureCache], image_ids: Sequence[str]) -> tuple[FloatArray, BoolArray]:
    """The vectors of several caches beside each other, float32 (n, d), and whether each was found, bool (caches, n)."""
    values = empty_rows((len(image_ids), sum(cache.width for cache in caches)))
    is_found = np.zeros((len(caches), len(image_ids)), bool)
    start = 0
    for number, cache in enumerate(caches):
        is_found[number] = cache.read_into(image_ids, values[:, start : start + cache.width])
        start += cache.width
    return values, is_found


@dataclass(frozen=True, eq=False)
class Extraction:
    """The result of an extraction.

    Attributes:
        files: one state per dataset entry, in order: the image id, or the reason why there is none.
        facts: image facts by image id (empty without a catalog).
        features: of all readable images, in the first view.
        views: the features in every view, or of every spec.
    """

    files: tuple[FileState, ...]
    facts: dict[str, ImageFacts]
    features: FeatureMatrix
    views: tuple[FeatureMatrix, ...] = ()


def waiting_entries(dataset: Dataset, spec: FeatureSpec, catalog: Catalog | None) -> list[Entry]:
    """The files of a dataset of which something must still be computed."""
    work = _Work(dataset, [spec.computed(spec.device)], catalog, None)
    work.thumbnails.close()
    return [entry for entry in dataset.entries if work.cached_state(entry) is None]


@dataclass
class _Outcome:
    """The result of a worker for one file, with only those pixels that are stored."""

    file: FileState
    look: ImageAnalysis | None = None
    vectors: list[FloatArray | None] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Bytes of its pixels."""
        return sum(square.nbytes for square in self.look.pixels) if self.look else 0


def extract(
    dataset: Dataset,
    spec: FeatureSpec,
    *,
    views: Sequence[int] | None = None,
    catalog: Catalog | None = None,
    network: Callable[[Backbone], Features] | None = None,
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> Extraction:
    """Extract the features of every readable image of a dataset, computing only what is not cached.

    Args:
        dataset: the files.
        spec: the features to compute.
        views: view numbers, all computed from one decoding of each image; None for that of ``spec``.
        catalog: stores the image facts; None to store nothing in the image folder.
        network: loads the network of a backbone, by default on the device of ``spec``; called only if something must be computed.
        num_workers: worker threads; None for one per core.
        progress: progress receiver.

    Raises:
        DataError: no file could be read.
        StorageError: the disk is full or cannot be written; finished work is kept.
    """
    specs = [spec] if views is None else [replace(spec, view=number) for number in views]
    return extract_together(dataset, specs, catalog=catalog, network=network, num_workers=num_workers, progress=progress)


def extract_together(
    dataset: Dataset,
    specs: Sequence[FeatureSpec],
    *,
    catalog: Catalog | None = None,
    network: Callable[[Backbone], Features] | None = None,
    num_workers: int | None = None,
    progress: Progress = SILENT,
) -> Extraction:
    """Extract several kinds of features from one decoding of each image; ``views`` of the result has those of each spec.

    Their networks lie in memory together. The specs have the same ``largest`` square, so that each of them gives what it gives
    alone. Arguments and errors are those of :func:`extract`; pixels are kept for the first spec.
    """
    specs = [spec.computed(spec.device) for spec in specs]
    work = _Work(dataset, specs, catalog, network)
    num_workers = worker_count(num_workers)
    try:
        for _ in range(ATTEMPTS):
            outcomes = work.run(num_workers, progress)
            image_ids = _image_ids(dataset, outcomes)
            if not work.remove_damaged(image_ids):
                break
        else:
            raise StorageError(
                f"features that were just written to {cache_root()} cannot be read back", hint="choose another disk with TELLAPART_CACHE"
            )
    finally:
        work.thumbnails.close()
    files = tuple(outcomes[entry.path] for entry in dataset.entries)
    if not image_ids:
        reasons = sorted({f.reason or "" for f in files})
        what = f"{printable(files[0].path)} cannot" if len(files) == 1 else f"none of the {len(files):,} files could"
        raise DataError(f"{what} be read: {'; '.join(reasons[:3])}", hint=None if reasons == [MISSING] else READS)
    facts = catalog.facts(image_ids) if catalog else {}
    matrices = tuple(FeatureMatrix(tuple(image_ids), values, spec.provenance()) for spec, values in zip(specs, work.values, strict=True))
    return Extraction(files, facts, matrices[0], matrices)


def _image_ids(dataset: Dataset, outcomes: Mapping[str, FileState]) -> list[str]:
    """The different images of a dataset that could be read, in its order."""
    return list(dict.fromkeys(state.image_id for entry in dataset.entries if (state := outcomes[entry.path]).image_id))


@dataclass(eq=False)
class _Lane:
    """What is computed for each image by one backbone in one view.

    Attributes:
        spec: the view, among others.
        backbone: the network.
        cache: where the vectors lie.
        cached: images whose vectors lie there.
        num_computed: vectors computed by this extraction.
    """

    spec: FeatureSpec
    backbone: Backbone
    cache: FeatureCache
    cached: set[str]
    num_computed: int = 0

    @property
    def square(self) -> tuple[int, str]:
        """Side and resize policy of the pixels it needs."""
        return self.spec.square_of(self.backbone)


class _Work:
    """The state of one extraction."""

    def __init__(
        self, dataset: Dataset, specs: Sequence[FeatureSpec], catalog: Catalog | None, network: Callable[[Backbone], Features] | None
    ) -> None:
        self.dataset, self.specs, self.catalog = dataset, specs, catalog
        self.values: list[FloatArray] = []
        """For each spec the features of the images last asked for, the backbones beside each other."""
        lanes: dict[str, _Lane] = {}
        for spec in specs:
            for backbone in spec.backbones:
                fingerprint = spec.fingerprint(backbone)
                if fingerprint not in lanes:
                    cache = FeatureCache(cache_root() / "features", fingerprint, backbone.card.num_features)
                    lanes[fingerprint] = _Lane(spec, backbone, cache, cache.image_ids())
        self.by_fingerprint, self.lanes = lanes, list(lanes.values())
        self.pixel_stores = specs[0].pixel_stores()
        stored = [(size, specs[0].resize) for size in specs[0].pixel_sizes]
        self.squares = [*dict.fromkeys(lane.square for lane in self.lanes), *stored]
        """Side and resize policy of the squares made of an image: those of the lanes, then those to keep."""
        self.kept = [store.image_ids() for store in self.pixel_stores]
        self.thumbnails = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        self.known = catalog.files() if catalog else {}
        self.with_facts = catalog.image_ids() if catalog else set()
        self.networks = _Networks(specs, network)

    def run(self, num_workers: int, progress: Progress) -> dict[str, FileState]:
        """Compute and save what is missing; the state of every file by path."""
        states: dict[str, FileState] = {}
        waiting: list[Entry] = []
        for entry in self.dataset.entries:
            state = self.cached_state(entry)
            if state is None:
                waiting.append(entry)
            else:
                states[entry.path] = state
        if waiting:
            begun = time.monotonic()
            with progress.stage("reading images", total=len(waiting)) as advance:
                self._compute(waiting, num_workers, states, advance)
            self._record_rate(len(waiting), time.monotonic() - begun)
        return states

    def _record_rate(self, images: int, seconds: float) -> None:
        """Keep the speed of a single network that computed (nearly) all of these images."""
        if len(self.lanes) == 1 and self.lanes[0].num_computed >= 0.9 * images:
            (lane,) = self.lanes
            card, device, new = lane.backbone.card, used_device(lane.spec.device), lane.num_computed
            record_rate(card.name, card.image_size, device, mirror=lane.spec.mirror, images=new, seconds=seconds)

    def remove_damaged(self, image_ids: list[str]) -> bool:
        """Read the vectors of these images into ``values``; whether cached vectors or squares turned out to be damaged."""
        is_damaged, self.values = False, []
        for spec in self.specs:
            lanes = [self.by_fingerprint[spec.fingerprint(backbone)] for backbone in spec.backbones]
            values, is_found = _read_vectors([lane.cache for lane in lanes], image_ids)
            self.values.append(values)
            for lane, is_read in zip(lanes, is_found, strict=True):
                missing = {image_ids[row] for row in np.flatnonzero(~is_read).tolist()}
                lane.cached -= missing
                is_damaged = is_damaged or bool(missing)
        for store, stored in zip(self.pixel_stores, self.kept, strict=True):
            lost = store.remove_damaged(set(image_ids))
            stored -= lost
            is_damaged = is_damaged or bool(lost)
        return is_damaged

    def cached_state(self, entry: Entry) -> FileState | None:
        """The state of a file if everything about it is cached, else None."""
        try:
            status = os.stat(self.dataset.file(entry))
        except OSError as error:
            return FileState(
                entry.path,
                0,
                0,
                None,
                MISSING if isinstance(error, FileNotFoundError) else f"cannot be read: {error.strerror}",
            )
        old = self.known.get(entry.path)
        if old is None or old.image_id is None or not old.is_same_file(FileState.of(entry.path, status, None, None)):
            return None
        return old if self._is_complete(old.image_id) else None

    def _is_complete(self, image_id: str) -> bool:
        has_facts = self.catalog is None or image_id in self.with_facts
        return has_facts and all(image_id in known for known in [*(lane.cached for lane in self.lanes), *self.kept])

    def _compute(self, waiting: Sequence[Entry], num_workers: int, states: dict[str, FileState], advance: Callable[[int], None]) -> None:
        unsaved: list[_Outcome] = []
        last_saved = time.monotonic()
        try:
            with closing(self._outcomes(waiting, num_workers)) as batches:
                for outcomes in batches:
                    unsaved.extend(outcomes)
                    states.update((o.file.path, o.file) for o in outcomes)
                    advance(len(outcomes))
                    held = sum(outcome.size_bytes for outcome in unsaved)
                    if time.monotonic() - last_saved > SAVE_EVERY_S or held > SAVE_AT_BYTES:
                        self._save(unsaved)
                        unsaved, last_saved = [], time.monotonic()
        finally:
            self._save(unsaved)

    def _outcomes(self, waiting: Sequence[Entry], num_workers: int) -> Generator[list[_Outcome]]:
        """Yield the outcomes of batches in order, with a bounded number of batches in progress."""
        with _one_at_a_time, closing(self.networks):
            yield from prefetch(self._batch, (waiting[i : i + BATCH] for i in range(0, len(waiting), BATCH)), num_workers)

    def _batch(self, entries: Sequence[Entry]) -> list[_Outcome]:
        outcomes = [self._read(entry) for entry in entries]
        for index, lane in enumerate(self.lanes):
            todo = [o for o in outcomes if o.look is not None and o.file.image_id not in lane.cached]
            if not todo:
                continue
            square = self.squares.index(lane.square)
            pixels = np.stack([o.look.pixels[square] for o in todo if o.look is not None])
            pixels = lane.spec.apply_view(pixels, [o.file.image_id or "" for o in todo])
            for outcome, vector in zip(todo, self.networks[lane.backbone].features(pixels, mirror=lane.spec.mirror), strict=True):
                outcome.vectors[index] = vector
        first_stored = len(self.squares) - len(self.pixel_stores)
        for outcome in outcomes:
            if outcome.look is not None:
                outcome.look = replace(outcome.look, pixels=outcome.look.pixels[first_stored:])
        return outcomes

    def _read(self, entry: Entry) -> _Outcome:
        state, data = read_entry(self.dataset, entry)
        if data is None or state.image_id is None:
            return _Outcome(state, None, [])
        if self._is_complete(state.image_id):
            return _Outcome(state, None, [None] * len(self.lanes))
        try:
            look = analyze_image(data, state.image_id, [size for size, _ in self.squares], [policy for _, policy in self.squares])
        except ImageError as error:
            return _Outcome(replace(state, image_id=None, reason=str(error)), None, [])
        return _Outcome(state, look, [None] * len(self.lanes))

    def _save(self, outcomes: Sequence[_Outcome]) -> None:
        """Save thumbnails, vectors and, last, the catalog, which records that they exist."""
        analyzed = {o.file.image_id: o for o in outcomes if o.look is not None and o.file.image_id}
        self.thumbnails.write({i: o.look.thumbnail for i, o in analyzed.items() if o.look is not None})
        for index, lane in enumerate(self.lanes):
            vectors = {i: v for i, o in analyzed.items() if (v := o.vectors[index]) is not None}
            if vectors:
                lane.cache.write(list(vectors), np.stack(list(vectors.values())))
                lane.cached.update(vectors)
                lane.num_computed += len(vectors)
        for number, store in enumerate(self.pixel_stores):
            squares = {i: o.look.pixels[number] for i, o in analyzed.items() if o.look is not None and i not in self.kept[number]}
            if squares:
                store.write(list(squares), np.stack(list(squares.values())))
                self.kept[number].update(squares)
        if self.catalog:
            self.catalog.record([o.file for o in outcomes], [o.look.facts for o in analyzed.values() if o.look is not None])


class _Networks:
    """The networks of specs, loaded on first use; while they are loaded, torch uses one thread per call.

    All are loaded at once, before any of them runs: ``torch.fx`` traces a network by patching ``nn.Module`` globally, so a
    network that runs in another thread would become part of the trace.
    """

    def __init__(self, specs: Sequence[FeatureSpec], make: Callable[[Backbone], Features] | None) -> None:
        self._make = make or partial(_network, device=specs[0].device)
        self._backbones = list(dict.fromkeys(backbone for spec in specs for backbone in spec.backbones))
        self._loaded: dict[Backbone, Features] = {}
        self._threads_before: int | None = None
        self._lock = threading.Lock()

    def __getitem__(self, backbone: Backbone) -> Features:
        with self._lock:
            if not self._loaded:
                if self._threads_before is None:
                    self._threads_before = _set_torch_threads(1)
                self._loaded = {one: self._make(one) for one in self._backbones}
            return self._loaded[backbone]

    def close(self) -> None:
        """Release the networks and restore torch's number of threads."""
        with self._lock:
            self._loaded.clear()
            if self._threads_before is not None:
                _set_torch_threads(self._threads_before)
                self._threads_before = None


def _set_torch_threads(count: int) -> int:
    """Set the number of threads per torch call and return the previous one."""
    tune_malloc()
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    return before


def _network(backbone: Backbone, *, device: str) -> Features:
    from tellapart.models.network_loading import network_of

    return network_of(backbone, device=device)
