from __future__ import annotations

import numpy as np
import pytest
import torch

from tellapart.models.mtcnn import Faces, Mtcnn, _apart, cut, halved
from tests import sample_images


def test_a_cut_averages_all_it_covers_and_is_black_outside() -> None:
    pixels = sample_images.photo_pixels(1, 256, 256)[None]
    levels = halved(pixels, "cpu")
    assert [level.shape[2] for level in levels] == [256, 128, 64, 32, 16]
    boxes = torch.tensor([[0.0, 0.0, 256.0, 256.0], [64.0, 32.0, 88.0, 56.0], [200.0, 200.0, 300.0, 300.0]])
    squares = cut(levels, boxes, 24) * 128 + 127.5
    assert abs(float(squares[0].mean()) - float(pixels.mean())) < 2
    assert np.abs(squares[1].permute(1, 2, 0).numpy() - pixels[0, 32:56, 64:88]).mean() < 8
    assert float(squares[2][:, 20:, :].abs().max()) == 0


def test_a_box_within_a_surer_one_goes() -> None:
    boxes = np.array([[0.0, 0, 100, 100], [10, 10, 60, 60], [90, 90, 190, 190], [20, 0, 120, 100]])
    assert _apart(boxes) == [0, 2]


def test_faces_move_into_another_image() -> None:
    faces = Faces(np.array([[10.0, 20, 30, 50]]), np.full((1, 5, 2), 10.0), np.array([0.9]))
    moved = faces.moved(2.0, -5.0, 7.0)
    assert moved.boxes.tolist() == [[15.0, 47.0, 55.0, 107.0]]
    assert moved.points[0, 0].tolist() == [15.0, 27.0]
    assert faces.areas.tolist() == [600.0]


@pytest.mark.parametrize("side", [13, 48, 200])
def test_untrained_networks_and_tiny_images_do_no_harm(side: int) -> None:
    torch.manual_seed(0)
    network = Mtcnn().eval()
    found = network.found(np.random.default_rng(0).integers(0, 256, (2, side, side, 3), dtype=np.uint8))
    assert len(found) == 2
    assert all(faces.boxes.shape[1:] == (4,) for faces in found)
