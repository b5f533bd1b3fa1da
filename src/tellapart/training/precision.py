"""bfloat16 or float32: whichever trains faster here, timed, never assumed."""

from __future__ import annotations

import time
from copy import deepcopy

import torch
from torch.nn import functional

from tellapart.training.feed import Feed
from tellapart.training.learner import Learner
from tellapart.types import IntArray

ROUNDS = 3
WORTH_IT = 0.9


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
