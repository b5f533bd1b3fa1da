"""What several verbs need when they look at pictures: networks, thumbnails, and pairs that show the same."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tellapart.curation.duplicates import near_duplicates
from tellapart.dataset import Dataset, open_dataset
from tellapart.dataset.catalog import FileState
from tellapart.dataset.dataset import files_dataset
from tellapart.dataset.manifest import MANIFEST_SUFFIXES
from tellapart.dataset.rows import FileRow, file_rows
from tellapart.dataset.thumbnails import ThumbnailStore
from tellapart.errors import DataError, ImageError
from tellapart.extraction import Extraction
from tellapart.images import decode
from tellapart.images.hashing import signature
from tellapart.images.thumbnails import thumbnail
from tellapart.models.backbones import Backbone
from tellapart.models.saved import CARD
from tellapart.paths import cache_root
from tellapart.runs import open_run
from tellapart.training.parts import Assignment, assign
from tellapart.types import FloatArray

if TYPE_CHECKING:
    from tellapart.models.network import FeatureNetwork

Thumbnails = Callable[[Sequence[str]], Mapping[str, bytes]]


def networks(device: str) -> Callable[[Backbone], FeatureNetwork]:
    """Makes the network of a backbone on a device."""

    def network(backbone: Backbone) -> FeatureNetwork:
        from tellapart.models.network import FeatureNetwork

        return FeatureNetwork(backbone, device=device)

    return network


def thumbnails(dataset: Dataset, files: Sequence[FileState]) -> Thumbnails:
    """Gives thumbnails by image id: from the cache, else made from the files."""
    path_of = {file.image_id: dataset.root / file.path for file in files if file.image_id}

    def found(image_ids: Sequence[str]) -> Mapping[str, bytes]:
        wanted = list(dict.fromkeys(image_ids))
        store = ThumbnailStore(cache_root() / "thumbnails.sqlite")
        try:
            known = store.read(wanted)
            made = {}
            for image_id in wanted:
                if image_id not in known and image_id in path_of:
                    try:
                        made[image_id] = thumbnail(decode(path_of[image_id].read_bytes(), min_size=128).pixels)
                    except (OSError, ImageError):
                        continue
            store.write(made)
        finally:
            store.close()
        return {**known, **made}

    return found


def thumbnails_of_rows(root: Path, rows: Sequence[FileRow]) -> Thumbnails:
    """Gives thumbnails of a finished run's images: from the cache, or from the photos if they still lie where they were."""
    files = [FileState(row.path, row.size_bytes, 0, row.image_id, row.reason) for row in rows]
    return thumbnails(Dataset(root, ()), files)


def assignment_of(dataset: Dataset, extraction: Extraction, *, test_share: float, seed: int) -> Assignment:
    """Who trains and who is tested, near-duplicates kept together; see :func:`tellapart.training.parts.assign`."""
    rows = file_rows(dataset, extraction.files, extraction.facts)
    return assign(rows, similar_pairs(dataset, extraction), test_share=test_share, seed=seed)


def similar_pairs(dataset: Dataset, extraction: Extraction) -> list[tuple[str, str]]:
    """Pairs of image ids of near-duplicates."""
    image_ids = extraction.features.image_ids
    hashes = np.stack([np.frombuffer(extraction.facts[i].hash, np.uint8) for i in image_ids])
    mirrored = np.stack([np.frombuffer(extraction.facts[i].mirror_hash, np.uint8) for i in image_ids])
    small = thumbnails(dataset, extraction.files)

    def signatures(wanted: Sequence[str]) -> FloatArray:
        pictures = small(wanted)
        blank = np.zeros(768, np.float16)
        return np.stack([signature(decode(pictures[i]).pixels) if i in pictures else blank for i in wanted])

    return near_duplicates(hashes, mirrored, extraction.features, signatures)


def model_folder(run: str | Path) -> Path:
    """The saved model of a run folder; a model folder is taken as it is."""
    folder = Path(run).expanduser()
    return folder if (folder / CARD).is_file() else open_run(folder).model_folder


def pictures_dataset(pictures: str | Path | Sequence[str | Path]) -> Dataset:
    """A data set from one folder, manifest or file, or from several files."""
    several = [pictures] if isinstance(pictures, str | Path) else list(pictures)
    if len(several) == 1 and (Path(several[0]).is_dir() or Path(several[0]).suffix.lower() in MANIFEST_SUFFIXES):
        return open_dataset(several[0])
    if not several:
        raise DataError("no pictures were given", hint="give files or a folder")
    return files_dataset(several)
