"""How fast features were computed here, by backbone, input size and device: measured whenever many are, and kept in the cache."""

from __future__ import annotations

import json
import math

from tellapart.atomic_files import write_json
from tellapart.cache_dir import cache_root

FILE = "rates.json"
FEWEST = 32
"""Images below which the time mostly goes into loading the network."""


def record_rate(name: str, image_size: int, device: str, *, mirror: bool, images: int, seconds: float) -> None:
    """Keep that ``images`` took ``seconds``, files read and decoded; too few images say nothing and are not kept.

    Args:
        name: of the backbone.
        image_size: side of its input in pixels.
        device: where it ran.
        mirror: whether each image was computed twice, once mirrored.
        images: number of images.
        seconds: wall time.
    """
    if images >= FEWEST and seconds > 0:
        write_json(cache_root() / FILE, {**_rates(), _key(name, image_size, device, mirror=mirror): images / seconds})


def known_rate(name: str, image_size: int, device: str, *, mirror: bool) -> float | None:
    """Images a second when these features were last computed here; None if they never were."""
    rate = _rates().get(_key(name, image_size, device, mirror=mirror))
    return rate if isinstance(rate, float) and math.isfinite(rate) and rate > 0 else None


def _key(name: str, image_size: int, device: str, *, mirror: bool) -> str:
    return f"{name}, {image_size} px, {device}{', mirrored' if mirror else ''}"


def _rates() -> dict[str, float]:
    try:
        rates = json.loads((cache_root() / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return rates if isinstance(rates, dict) else {}
