from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tellapart.training.data_loader import Batch
from tellapart.training.sampler import batches_of, epoch_rows
from tests.training import toy_feed

N = 30
PIXELS, TARGETS = toy_feed.squares(N)
BATCHES = batches_of(epoch_rows(TARGETS, "none", seed=0, epoch=0), 7)


def same(first: list[Batch], second: list[Batch]) -> bool:
    pairs = zip(first, second, strict=True)
    return all(torch.equal(a.x, b.x) and torch.equal(a.targets, b.targets) for a, b in pairs)


@pytest.fixture
def whole(tmp_path: Path) -> list[Batch]:
    return list(toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="strong").epoch(BATCHES, seed=0, epoch=0))


@pytest.mark.parametrize("num_workers", [0, 1, 4])
@pytest.mark.parametrize("first", [0, 3])
def test_batches_are_the_same_whatever_made_them(tmp_path: Path, whole: list[Batch], num_workers: int, first: int) -> None:
    feed = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="strong", num_workers=num_workers)
    assert same(list(feed.epoch(BATCHES, seed=0, epoch=0, first=first)), whole[first:])


def test_a_batch_holds_its_rows_as_a_network_wants_them(tmp_path: Path) -> None:
    feed = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="none")
    for batch, rows in zip(feed.epoch(BATCHES, seed=0, epoch=0), BATCHES, strict=True):
        assert batch.targets.tolist() == TARGETS[rows].tolist()
        assert batch.targets.dtype == torch.int64
        assert batch.x.is_contiguous(memory_format=torch.channels_last)
        wanted = (torch.from_numpy(PIXELS[rows]).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5
        assert torch.allclose(batch.x, wanted, atol=1e-6)


def test_means_and_deviations_are_those_of_each_color(tmp_path: Path) -> None:
    feed = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="none", mean=(0.1, 0.2, 0.3), std=(0.5, 1.0, 2.0))
    (x,) = feed.plain(np.array([4]), 8)
    wanted = (torch.from_numpy(PIXELS[4]).permute(2, 0, 1) / 255 - torch.tensor([0.1, 0.2, 0.3])[:, None, None]) / torch.tensor(
        [0.5, 1.0, 2.0]
    )[:, None, None]
    assert torch.allclose(x[0], wanted, atol=1e-6)


def test_plain_images_come_in_order_and_are_not_augmented(tmp_path: Path) -> None:
    rows = np.array([5, 1, 28, 0, 7])
    for num_workers in (0, 3):
        feed = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="strong", num_workers=num_workers)
        x = torch.cat(list(feed.plain(rows, 2)))
        assert torch.allclose(x, (torch.from_numpy(PIXELS[rows]).permute(0, 3, 1, 2) / 255 - 0.5) / 0.5, atol=1e-6)


def test_epochs_seeds_and_repeats_are_augmented_anew(tmp_path: Path) -> None:
    feed = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, augment="strong")
    twice = [np.array([3, 8, 3]), np.array([8, 3])]
    seen = [torch.cat([b.x for b in feed.epoch(twice, seed=seed, epoch=epoch)]) for seed, epoch in ((0, 0), (0, 1), (1, 0))]
    for x in seen:
        of_three, of_eight = x[[0, 2, 4]], x[[1, 3]]
        assert len(torch.unique(of_three.flatten(1), dim=0)) == 3
        assert len(torch.unique(of_eight.flatten(1), dim=0)) == 2
    assert len(torch.unique(torch.stack([x[0].flatten() for x in seen]), dim=0)) == 3


def test_an_abandoned_epoch_leaves_no_thread(tmp_path: Path) -> None:
    import threading

    before = threading.active_count()
    batches = toy_feed.feed_of(tmp_path, PIXELS, TARGETS, num_workers=4).epoch(BATCHES, seed=0, epoch=0)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
