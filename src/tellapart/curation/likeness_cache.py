"""Likenesses kept in the cache: the next verb on the same photos need not lay them over each other again."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from tellapart.curation import alignment, candidates, duplicates, miniatures
from tellapart.curation.duplicates import Likeness
from tellapart.errors import StorageError
from tellapart.features import FeatureMatrix
from tellapart.paths import cache_root, write_json

FOLDER = "likenesses"
_SAMPLE = 256


def kept_likenesses(features: FeatureMatrix, find: Callable[[], list[Likeness]]) -> list[Likeness]:
    """The likenesses of these images as they were found before, else as ``find`` finds them now.

    They depend on the images, on what a backbone sees of them, and on the code that tells copies, all of which name the file. A
    damaged file is made again, and one that cannot be written is not missed.
    """
    file = cache_root() / FOLDER / f"{_name(features)}.json"
    known = _read(file)
    if known is not None:
        return known
    found = find()
    with suppress(StorageError):
        write_json(file, [asdict(one) for one in found])
    return found


def _read(file: Path) -> list[Likeness] | None:
    try:
        return [Likeness(**{**one, "framed": tuple(one["framed"])}) for one in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _name(features: FeatureMatrix) -> str:
    """A digest of the images in their order, of some of their features, and of the code."""
    digest = hashlib.sha256("\n".join([_code(), *features.image_ids]).encode())
    values = features.values
    digest.update(repr((values.shape, str(values.dtype))).encode())
    digest.update(np.ascontiguousarray(values[:: max(1, len(values) // _SAMPLE)]).tobytes())
    return digest.hexdigest()[:32]


@cache
def _code() -> str:
    """The source of all that decides what a copy is, so that nobody has to remember a version number."""
    return "".join(inspect.getsource(module) for module in (alignment, candidates, duplicates, miniatures))
