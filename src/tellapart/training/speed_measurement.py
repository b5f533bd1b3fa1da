"""How fast a network trains on this machine: a few batches of noise through the loop of a real training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tellapart.images.pixel_store import PixelStore
from tellapart.training.distributed import Compute
from tellapart.training.fold_training import replicas_on
from tellapart.training.linear_probe import LabeledFeatures
from tellapart.training.loop import FoldRows, Loop
from tellapart.training.network_recipe import NetworkRecipe, learner_of
from tellapart.training.thread_replicas import one_thread_each

BATCHES = 2
"""Batches per epoch; the first epoch warms up, the second is measured."""


def training_speed(recipe: NetworkRecipe, num_classes: int, *, device: str, num_workers: int) -> float:
    """Images per second of training a recipe on images of its size.

    Args:
        recipe: the network and how to train it.
        num_classes: number of classes.
        device: where to compute.
        num_workers: threads that prepare batches.
    """
    n, size, replicas = BATCHES * recipe.plan.batch_size, recipe.card.image_size, replicas_on(device)
    ids = [f"{number:064}" for number in range(n)]
    targets = np.arange(n) % num_classes
    data = LabeledFeatures(np.zeros((n, recipe.card.num_features), np.float32), targets, ids, [str(k) for k in range(num_classes)])
    plan = replace(recipe.plan, epochs=2, time_s=None)
    rows = FoldRows(np.arange(n), np.empty(0, np.int64))
    with TemporaryDirectory() as folder, one_thread_each(replicas):
        store = PixelStore(Path(folder), size, recipe.resize)
        store.write(ids, np.random.default_rng(0).integers(0, 256, (n, size, size, 3), dtype=np.uint8))
        with store.open(ids) as pixels:
            feed = recipe.data_loader(pixels, targets, ids, device=device, num_workers=num_workers)
            learner = learner_of(replace(recipe, head=None), data, device)
            first, last = Loop(learner, feed, rows, plan, compute=Compute(replicas=replicas)).run().history
    return float(n / max(last["seconds"] - first["seconds"], 1e-9))
