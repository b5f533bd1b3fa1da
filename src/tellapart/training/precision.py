"""bfloat16 or float32: whichever trains faster here, timed, never assumed.

What was found is kept in the cache, so that the same training takes the same format again.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from copy import deepcopy

import torch

from tellapart.paths import cache_root, write_json
from tellapart.training.feed import Feed
from tellapart.training.learner import Learner
from tellapart.types import IntArray

ROUNDS = 3
WORTH_IT = 0.9


def settled(question: tuple[object, ...], answer: Callable[[], str]) -> str:
    """The answer to a question about speed, found out once on this machine and build."""
    asked = repr((*question, torch.backends.cpu.get_cpu_capability(), torch.get_num_threads(), torch.__version__))
    path = cache_root() / "precision" / f"{hashlib.sha256(asked.encode()).hexdigest()[:16]}.json"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))["answer"])
    except (OSError, ValueError, KeyError, TypeError):
        found = answer()
        write_json(path, {"answer": found, "asked": asked})
        return found


def settled_precision(name: str, learner: Learner, feed: Feed, rows: IntArray) -> bool:
    """The answer of :func:`faster_precision`, asked once on this machine for a network of this name and this batch."""
    question = ("scratch", name, feed.pixels.size, len(rows), feed.device)
    return settled(question, lambda: "bfloat16" if faster_precision(learner, feed, rows) else "float32") == "bfloat16"


def faster_precision(learner: Learner, feed: Feed, rows: IntArray) -> bool:
    """Whether two steps in bfloat16 take less than nine tenths of two in float32; the learner stays as it is."""
    if feed.device != "cpu":
        return True
    x = torch.cat(list(feed.plain(rows, len(rows))))
    trial = deepcopy(learner).train()
    seconds = {}
    for is_autocast in (False, True):
        trial.is_autocast = is_autocast
        seconds[is_autocast] = min(_step(trial, x) for _ in range(ROUNDS))
    return seconds[True] < WORTH_IT * seconds[False]


def _step(learner: Learner, x: torch.Tensor) -> float:
    start = time.perf_counter()
    learner(x).square().mean().backward()
    return time.perf_counter() - start
