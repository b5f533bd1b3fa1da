"""Counter-based random numbers: functions of seed, epoch and image, independent of order, batches, workers and interruptions.

>>> import numpy as np
>>> keys = np.array([image_key("00000000000000ff" + 48 * "0")], np.uint64)
>>> bool((uniforms(0, 3, keys, 5)[:, :2] == uniforms(0, 3, keys, 2)).all())
True
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tellapart.array_types import IntArray

_GOLDEN = 0x9E3779B97F4A7C15
_EPOCH = 0xD1B54A32D192ED03
_MASK = (1 << 64) - 1


def image_key(image_id: str) -> int:
    """The first 64 bits of an image id (the sha256 of a file as hex digits).

    Raises:
        ValueError: not hex digits.
    """
    return int(image_id[:16], 16)


def image_keys(image_ids: list[str] | tuple[str, ...]) -> NDArray[np.uint64]:
    """The keys of several images, uint64 (n,)."""
    return np.array([image_key(image_id) for image_id in image_ids], np.uint64)


def uniforms(seed: int, epoch: int, keys: IntArray, count: int) -> NDArray[np.float64]:
    """``count`` uniform numbers in [0, 1) for each key, float64 (n, count).

    A number depends on seed, epoch, its key and its column only: more keys or more columns change none of the others.

    Args:
        seed: any whole number; its lowest 64 bits count.
        epoch: the pass, the view or the copy it is for.
        keys: uint64 (n,), one an image.
        count: columns.
    """
    stream = _mix(np.array([(seed * _GOLDEN + epoch * _EPOCH + _GOLDEN) & _MASK], np.uint64))
    states = _mix(_mix(np.asarray(keys, np.uint64)) ^ stream)
    columns = np.arange(1, count + 1, dtype=np.uint64) * np.uint64(_GOLDEN)
    bits = _mix(states[:, None] + columns[None, :])
    return np.ldexp((bits >> np.uint64(11)).astype(np.float64), -53)


def _mix(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """splitmix64's finisher: every bit of the result depends on every bit of the value."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
