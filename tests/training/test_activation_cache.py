from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import nn

from tellapart.progress import SILENT
from tellapart.training.activation_cache import activation_feed
from tests.training import toy_feed


class Counted(nn.Module):
    """Frozen stages that count the images they have seen."""

    seen = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen += len(x)
        return x[:, :, ::8, ::8]


def test_kept_activations_are_read_again_and_made_anew_when_a_bit_has_changed(tmp_path: Path) -> None:
    feed = toy_feed.feed_of(tmp_path, *toy_feed.squares(6))
    lower, path, rows = Counted(), tmp_path / "member-1.activations", np.arange(6)

    def kept() -> tuple[int, list[torch.Tensor]]:
        before = lower.seen
        found = list(activation_feed(lower, feed, path, SILENT).plain(rows, 6))
        return lower.seen - before, found

    first, values = kept()
    again, same = kept()
    data = bytearray(path.read_bytes())
    data[5] ^= 1
    path.write_bytes(data)
    third, mended = kept()
    assert (first, again, third) == (7, 1, 7), "one image tells the shape"
    assert all(torch.equal(one, other) for one, other in zip(values, same, strict=True))
    assert all(torch.equal(one, other) for one, other in zip(values, mended, strict=True))
