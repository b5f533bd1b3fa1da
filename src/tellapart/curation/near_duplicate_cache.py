"""Likenesses kept in the cache: the next verb on the same photos need not lay them over each other again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path

import numpy as np

from tellapart.atomic_files import read_sealed, write_sealed
from tellapart.cache_dir import cache_root
from tellapart.curation.near_duplicates import VERSION, ComparedPair
from tellapart.errors import StorageError
from tellapart.features import FeatureMatrix

FOLDER = "likenesses"


def cached_pairs(features: FeatureMatrix, find: Callable[[], list[ComparedPair]]) -> list[ComparedPair]:
    """The likenesses of these images as they were found before, else as ``find`` finds them now.

    They depend on the images, on their features, and on the code that tells copies (its ``VERSION``), all of which name the
    file. A damaged file is made again, and one that cannot be written is not missed.
    """
    file = cache_root() / FOLDER / f"{_name(features)}.json"
    known = _read(file)
    if known is not None:
        return known
    found = find()
    with suppress(StorageError):
        write_sealed(file, [asdict(one) for one in found])
    return found


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
