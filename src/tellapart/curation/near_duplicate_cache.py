"""The cache of compared pairs, so that the next command on the same images does not compare them again."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tellapart.atomic_files import read_sealed, write_sealed
from tellapart.cache_dir import cache_root
from tellapart.curation.near_duplicates import VERSION, ComparedPair
from tellapart.errors import StorageError
from tellapart.features import FeatureMatrix

logger = logging.getLogger(__name__)

FOLDER = "near-duplicates"


def cached_pairs(features: FeatureMatrix, find: Callable[[], list[ComparedPair]]) -> list[ComparedPair]:
    """The compared pairs of these images from the cache, else from ``find``.

    The file name contains a digest of everything they depend on: the images, their features and the ``VERSION`` of the code.
    A damaged file is replaced; an error while writing the file is logged and ignored.
    """
    file = cache_root() / FOLDER / f"{_name(features)}.json"
    cached = _read(file)
    if cached is not None:
        return cached
    pairs = find()
    try:
        write_sealed(file, [asdict(pair) for pair in pairs])
    except StorageError as error:
        logger.warning("the compared pairs are not cached: %s", error)
    return pairs


def _read(file: Path) -> list[ComparedPair] | None:
    try:
        return [ComparedPair(**{**one, "framed": tuple(one["framed"])}) for one in read_sealed(file)]
    except (TypeError, KeyError):
        return None


def _name(features: FeatureMatrix) -> str:
    """A digest of the images in their order, of their features, and of the version of the code."""
    digest = hashlib.sha256("\n".join([str(VERSION), *features.image_ids]).encode())
    digest.update(repr((features.values.shape, str(features.values.dtype))).encode())
    digest.update(np.ascontiguousarray(features.values).data)
    return digest.hexdigest()[:32]
