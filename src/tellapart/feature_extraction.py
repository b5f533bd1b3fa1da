"""From files to features: each image decoded once, each vector computed once, whatever interrupts.

A worker thread takes a few files, reads, hashes, decodes and runs them through the backbones; torch, the decoders
and the hash all release the interpreter lock, so as many workers as cores keep the machine busy without processes.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.augmentation.counter_rng import image_keys
from tellapart.augmentation.policy import parse_augmentation
from tellapart.augmentation.tta_views import view
from tellapart.cache_dir import cache_root
from tellapart.concurrency import ahead, worker_count
from tellapart.counts import count
from tellapart.dataset import Catalog, Dataset, Entry, ImageFacts
from tellapart.dataset.catalog import FileState
from tellapart.dataset.image_analysis import ImageAnalysis, analyze_image
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import DataError, ImageError
from tellapart.features import FeatureCache, FeatureMatrix
from tellapart.images.pixel_store import PixelStore
from tellapart.models.backbone_card import PIXELS, Backbone
from tellapart.models.devices import used_device
from tellapart.models.malloc import tune_malloc
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from tellapart.models.feature_network import Features

PREPROCESSING = 2
"""Raised when the same file gives other pixels than before: 2 reads deep, negative and XMP-turned images right."""
BATCH = 8
SAVE_EVERY_S = 5.0
SAVE_AT_BYTES = 2**27
_one_at_a_time = threading.Lock()
"""Extractions of one process take turns: torch's number of threads and its tracing are the process's."""


@dataclass(frozen=True)
class FeatureSpec:
    """What is wanted of each image.

    Attributes:
        backbones: networks whose features are wanted.
        resize: how an image becomes a square.
        mirror: whether features are averaged with those of the mirror image.
        pixel_sizes: sides of the squares to be kept in the pixel store.
        view: which view of an image the networks see; 0 is the image as it is (see ``preparation.views``).
        augment: words of the augmentation that other views are drawn from; by default they are crops.
        device: where the networks run.
    """

    backbones: tuple[Backbone, ...]
    resize: str = "crop"
    mirror: bool = True
    pixel_sizes: tuple[int, ...] = ()
    view: int = 0
    augment: str = ""
    device: str = "auto"

    def computed(self, device: str, precision: str = "auto") -> FeatureSpec:
        """The same features, made on a device and in a number format: every backbone then has the one it will run in.

        Raises:
            OptionError: bfloat16 is asked of a network that runs in float32 only.
            ModelError: the device is not there.
        """
        device = used_device(device)
        return replace(self, device=device, backbones=tuple(b.in_precision(precision, device) for b in self.backbones))

    def viewed(self, pixels: ByteArray, image_ids: Sequence[str]) -> ByteArray:
        """Squares, uint8 (n, s, s, 3), as the networks shall see them."""
        if not self.view:
            return pixels
        if self.augment:
            return view(pixels, self.view, augmentation=parse_augmentation(self.augment), keys=image_keys(tuple(image_ids)))
        return view(pixels, 2 * self.view if self.mirror else self.view)

    @property
    def sizes(self) -> list[int]:
        """Sides of the squares an image is needed in: one a backbone, then those to keep."""
        return [b.card.image_size for b in self.backbones] + list(self.pixel_sizes)

    @property
    def policies(self) -> list[str]:
        """How an image becomes each of those squares."""
        return [self.resize_of(b) for b in self.backbones] + [self.resize] * len(self.pixel_sizes)

    def resize_of(self, backbone: Backbone) -> str:
        """How an image becomes the square a backbone sees; one that looks for faces sees the whole of it."""
        return "pad" if backbone.card.is_faces else self.resize

    def pixel_stores(self) -> tuple[PixelStore, ...]:
        """Where the squares to keep are kept."""
        return tuple(PixelStore(cache_root() / "pixels", size, self.resize) for size in self.pixel_sizes)

    def fingerprint(self, backbone: Backbone) -> str:
        """Names everything the vectors of one backbone depend on, except the image."""
        card = backbone.card
        resize = self.resize_of(backbone)
        used = backbone.in_precision("auto", used_device(self.device)) if card.architecture != PIXELS else backbone
        network = (card.architecture, backbone.digest, card.image_size, card.mean, card.std, used.precision, used_device(self.device))
        made_with: tuple[object, ...] = (PREPROCESSING, *network, resize, self.mirror)
        made_with += (card.layer,) if card.layer else ()
        content = (*made_with, self.view, self.augment) if self.view else made_with
        return f"{re.sub('[/:]', '_', card.name)}-{hashlib.sha256(repr(content).encode()).hexdigest()[:16]}"

    def provenance(self) -> dict[str, object]:
        """For the feature matrix and the saved model."""
        names = "+".join(b.card.name for b in self.backbones)
        layers = "+".join(dict.fromkeys(b.card.layer or "pooled" for b in self.backbones))
        return {"backbone": names, "layer": layers, "resize": self.resize, "mirror": self.mirror}


def cached_features(spec: FeatureSpec, image_ids: Sequence[str]) -> FeatureMatrix | None:
    """The features of images as the cache holds them, whether or not their files are still there; None where one is missing."""
    blocks = []
    for backbone in spec.backbones:
        cache = FeatureCache(cache_root() / "features", spec.fingerprint(backbone), backbone.card.num_features)
        found = cache.read(image_ids)
        if len(found) < len(set(image_ids)):
            return None
        blocks.append(np.stack([found[image_id] for image_id in image_ids]))
    return FeatureMatrix(tuple(image_ids), np.hstack(blocks), spec.provenance()) if blocks else None


@dataclass(frozen=True, eq=False)
class Extraction:
    """What became of every file.

    Attributes:
        files: one a data set entry, in its order: image id, or the reason why there is none.
        facts: by image id (empty without a catalog).
        features: of all images that could be read, in the first view asked for.
        views: the same in every view asked for.
    """

    files: tuple[FileState, ...]
    facts: dict[str, ImageFacts]
    features: FeatureMatrix
    views: tuple[FeatureMatrix, ...] = ()


@dataclass
class _Outcome:
    """What a worker found out about one file; of its pixels only those to keep are held on to."""

    file: FileState
    look: ImageAnalysis | None = None
    vectors: list[FloatArray | None] = field(default_factory=list)

    @property
    def size_bytes(self) -> int:
        """Memory held by pixels."""
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
    """Features of every readable image of a data set, computed only where the cache lacks them.

    Args:
        dataset: the files.
        spec: the features wanted.
        views: which views are wanted, from one decoding of each image; None for the one of ``spec``.
        catalog: where facts are kept; None leaves no trace beside the photos.
        network: makes the network of a backbone, on the spec's device if left out; called only if something must be computed.
        num_workers: worker threads; None for one a core.
        progress: hears of every image.

    Raises:
        DataError: not one file could be read.
        StorageError: the disk is full or cannot be written; what is finished is kept.
    """
    spec = spec.computed(spec.device)
    specs = [spec] if views is None else [replace(spec, view=number) for number in views]
    work = _Work(dataset, specs, catalog, network)
    num_workers = worker_count(num_workers)
    try:
        outcomes = work.run(num_workers, progress)
        if work.remove_damaged({f.image_id for f in outcomes.values() if f.image_id}):
            outcomes = work.run(num_workers, progress)
    finally:
        work.thumbnails.close()
    files = tuple(outcomes[entry.path] for entry in dataset.entries)
    image_ids = list(dict.fromkeys(f.image_id for f in files if f.image_id))
    if not image_ids:
        reasons = sorted({f.reason or "" for f in files})
        raise DataError(
            f"none of the {count(len(files), 'file')} could be read: {'; '.join(reasons[:3])}",
            hint="tellapart reads JPEG, PNG, WebP, GIF, BMP, TIFF, AVIF, JPEG 2000, TGA, PPM and PSD images, and HEIC with the extra heic",
        )
    facts = catalog.facts(image_ids) if catalog else {}
    matrices = tuple(work.matrix(image_ids, place) for place in range(len(specs)))
    return Extraction(files, facts, matrices[0], matrices)


class _Work:
    """The state of one extraction."""

    def __init__(
        self, dataset: Dataset, specs: Sequence[FeatureSpec], catalog: Catalog | None, network: Callable[[Backbone], Features] | None
    ) -> None:
        self.dataset, self.spec, self.catalog = dataset, specs[0], catalog
        spec, root = specs[0], cache_root() / "features"
        self.lanes = [(one, number) for one in specs for number in range(len(spec.backbones))]
        """A view and a backbone each: what is computed of an image."""
        in_lanes = [(one, spec.backbones[number]) for one, number in self.lanes]
        self.caches = [FeatureCache(root, one.fingerprint(b), b.card.num_features) for one, b in in_lanes]
        self.cached = [cache.image_ids() for cache in self.caches]
        self.vectors: list[dict[str, FloatArray]] = [{} for _ in self.caches]
        self.pixel_stores = spec.pixel_stores()
        self.kept = [store.image_ids() for store in self.pixel_stores]
        self.thumbnails = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        self.known = catalog.files() if catalog else {}
        self.with_facts = catalog.image_ids() if catalog else set()
        self.networks = _Networks(spec, network)

    def run(self, num_workers: int, progress: Progress) -> dict[str, FileState]:
        """The state of every file by path; computes and saves what is missing on the way."""
        states: dict[str, FileState] = {}
        waiting: list[Entry] = []
        for entry in self.dataset.entries:
            state = self._settled(entry)
            if state is None:
                waiting.append(entry)
            else:
                states[entry.path] = state
        if waiting:
            with progress.stage("reading images", total=len(waiting)) as advance:
                self._compute(waiting, num_workers, states, advance)
        return states

    def remove_damaged(self, image_ids: set[str]) -> bool:
        """Gather the vectors of these images; whether some, or some squares, were promised by the cache and turned out damaged."""
        is_damaged = False
        for cache, cached, gathered in zip(self.caches, self.cached, self.vectors, strict=True):
            gathered.update(cache.read(image_ids - gathered.keys()))
            missing = image_ids - gathered.keys()
            cached -= missing
            is_damaged = is_damaged or bool(missing)
        for store, kept in zip(self.pixel_stores, self.kept, strict=True):
            lost = store.remove_damaged(image_ids)
            kept -= lost
            is_damaged = is_damaged or bool(lost)
        return is_damaged

    def matrix(self, image_ids: Sequence[str], place: int) -> FeatureMatrix:
        """The gathered features of these images in one of the views, backbones side by side."""
        width = len(self.spec.backbones)
        blocks = [np.stack([gathered[i] for i in image_ids]) for gathered in self.vectors[place * width : (place + 1) * width]]
        values = np.hstack(blocks) if blocks else np.empty((len(image_ids), 0), np.float32)
        return FeatureMatrix(tuple(image_ids), values, self.spec.provenance())

    def _settled(self, entry: Entry) -> FileState | None:
        """The state of a file of which everything is known, else None."""
        try:
            status = os.stat(self.dataset.file(entry))
        except OSError as error:
            return FileState(
                entry.path, 0, 0, None, "there is no such file" if isinstance(error, FileNotFoundError) else str(error.strerror)
            )
        old = self.known.get(entry.path)
        if old is None or old.image_id is None or not old.is_same_file(FileState.of(entry.path, status, None, None)):
            return None
        return old if self._is_complete(old.image_id) else None

    def _is_complete(self, image_id: str) -> bool:
        has_facts = self.catalog is None or image_id in self.with_facts
        return has_facts and all(image_id in known for known in [*self.cached, *self.kept])

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
        """Outcomes of batches, in order, with a bounded number of batches under way."""
        with _one_at_a_time, closing(self.networks):
            yield from ahead(self._batch, (waiting[i : i + BATCH] for i in range(0, len(waiting), BATCH)), num_workers)

    def _batch(self, entries: Sequence[Entry]) -> list[_Outcome]:
        outcomes = [self._read(entry) for entry in entries]
        for lane, (spec, number) in enumerate(self.lanes):
            todo = [o for o in outcomes if o.look is not None and o.file.image_id not in self.cached[lane]]
            if not todo:
                continue
            pixels = np.stack([o.look.pixels[number] for o in todo if o.look is not None])
            pixels = spec.viewed(pixels, [o.file.image_id or "" for o in todo])
            for outcome, vector in zip(todo, self.networks[number].features(pixels, mirror=spec.mirror), strict=True):
                outcome.vectors[lane] = vector
        for outcome in outcomes:
            if outcome.look is not None:
                outcome.look = replace(outcome.look, pixels=outcome.look.pixels[len(self.spec.backbones) :])
        return outcomes

    def _read(self, entry: Entry) -> _Outcome:
        path = self.dataset.file(entry)
        state = FileState(entry.path, 0, 0, None, None)
        try:
            status = os.stat(path)
            state = FileState.of(entry.path, status, None, None)
            if not stat.S_ISREG(status.st_mode):
                return _Outcome(replace(state, reason="not a file"), None, [])
            data = path.read_bytes()
            image_id = hashlib.sha256(data).hexdigest()
            read = replace(state, image_id=image_id)
            if self._is_complete(image_id):
                return _Outcome(read, None, [None] * len(self.lanes))
            look = analyze_image(data, image_id, self.spec.sizes, self.spec.policies)
        except ImageError as error:
            return _Outcome(replace(state, reason=str(error)), None, [])
        except OSError as error:
            return _Outcome(replace(state, reason=f"cannot be read: {error.strerror or error}"), None, [])
        return _Outcome(read, look, [None] * len(self.lanes))

    def _save(self, outcomes: Sequence[_Outcome]) -> None:
        """Thumbnails, vectors, and last the catalog, which says that they are there."""
        looked = {o.file.image_id: o for o in outcomes if o.look is not None and o.file.image_id}
        self.thumbnails.write({i: o.look.thumbnail for i, o in looked.items() if o.look is not None})
        for number, cache in enumerate(self.caches):
            vectors = {i: o.vectors[number] for i, o in looked.items() if o.vectors[number] is not None}
            if vectors:
                cache.write(list(vectors), np.stack([v for v in vectors.values() if v is not None]))
            self.vectors[number].update((i, v) for i, v in vectors.items() if v is not None)
        for number, store in enumerate(self.pixel_stores):
            squares = {i: o.look.pixels[number] for i, o in looked.items() if o.look is not None and i not in self.kept[number]}
            if squares:
                store.write(list(squares), np.stack(list(squares.values())))
                self.kept[number].update(squares)
        if self.catalog:
            self.catalog.record([o.file for o in outcomes], [o.look.facts for o in looked.values() if o.look is not None])


class _Networks:
    """The networks of a spec, loaded when one is first needed; while they are, torch uses one thread a call.

    All are loaded at once, before any of them runs: ``torch.fx`` traces a network by patching ``nn.Module`` for the
    whole process, so that a network at work in another thread would be taken for a part of the one being traced.
    """

    def __init__(self, spec: FeatureSpec, make: Callable[[Backbone], Features] | None) -> None:
        self._make = make or partial(_network, device=spec.device)
        self._backbones = spec.backbones
        self._loaded: list[Features] = []
        self._threads_before: int | None = None
        self._lock = threading.Lock()

    def __getitem__(self, number: int) -> Features:
        with self._lock:
            if not self._loaded:
                if self._threads_before is None:
                    self._threads_before = _set_torch_threads(1)
                self._loaded = [self._make(backbone) for backbone in self._backbones]
            return self._loaded[number]

    def close(self) -> None:
        """Let go of the networks and give torch its threads back."""
        with self._lock:
            self._loaded.clear()
            if self._threads_before is not None:
                _set_torch_threads(self._threads_before)
                self._threads_before = None


def _set_torch_threads(count: int) -> int:
    """Set the number of threads of a torch call; what it was before."""
    tune_malloc()
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    return before


def _network(backbone: Backbone, *, device: str) -> Features:
    from tellapart.models.network_loading import network_of

    return network_of(backbone, device=device)
