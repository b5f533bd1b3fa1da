"""bfloat16 or float32: whichever trains faster here, timed, never assumed.

What was found is kept in the cache, so that the same training takes the same format again.
"""

from __future__ import annotations

import hashlib
import json
import time
from copy import deepcopy

import torch
from torch.nn import functional

from tellapart.paths import cache_root, write_json
from tellapart.training.feed import Feed
from tellapart.training.learner import Learner
from tellapart.types import IntArray

ROUNDS = 3
WORTH_IT = 0.9


def settled_precision(name: str, learner: Learner, feed: Feed, rows: IntArray) -> bool:
    """The answer of :func:`faster_precision`, asked once on this machine for a network of this name and this batch."""
    processor = [torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), torch.__version__]
    asked = repr((name, feed.pixels.size, len(rows), feed.device, processor))
    path = cache_root() / "precision" / f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    try:
        return bool(json.loads(path.read_text(encoding="utf-8"))["is_autocast"])
    except (OSError, ValueError, KeyError, TypeError):
        is_autocast = faster_precision(learner, feed, rows)
        write_json(path, {"is_autocast": is_autocast, "asked": asked})
        return is_autocast


def faster_precision(learner: Learner, feed: Feed, rows: IntArray) -> bool:
    """Whether two steps in bfloat16 take less than nine tenths of two in float32; the learner stays as it is."""
    if feed.device != "cpu":
        return True
    x = torch.cat(list(feed.plain(rows, len(rows))))
    targets = torch.from_numpy(feed.targets[rows])
    trial = deepcopy(learner).train()
    seconds = {}
    for is_autocast in (False, True):
        trial.is_autocast = is_autocast
        seconds[is_autocast] = min(_step(trial, x, targets) for _ in range(ROUNDS))
    return seconds[True] < WORTH_IT * seconds[False]


def _step(learner: Learner, x: torch.Tensor, targets: torch.Tensor) -> float:
    start = time.perf_counter()
    functional.cross_entropy(learner(x), targets).backward()  # type: ignore[no-untyped-call]
    return time.perf_counter() - start
