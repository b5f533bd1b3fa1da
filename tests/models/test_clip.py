from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tellapart.errors import ModelError
from tellapart.models.backbone_card import Backbone
from tellapart.models.backbones import find_backbones
from tellapart.models.clip import word_features, word_probabilities
from tellapart.models.clip_networks import build_clip, open_clip
from tellapart.models.network_loading import network_of
from tellapart.models.zero_shot import zero_shot

SMALL = {
    "embed_dim": 32,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
NAME = "clip:small-test"


@pytest.fixture(scope="module", autouse=True)
def small_network(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A network of open_clip's kind, small enough for a test."""
    path = tmp_path_factory.mktemp("configs") / "small-test.json"
    path.write_text(json.dumps(SMALL))
    open_clip().add_model_config(path)


@pytest.fixture(scope="module")
def weights(small_network: None, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained CLIP's weights in a file."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("clip") / "open_clip.safetensors"
    save_file({key: value.contiguous().clone() for key, value in build_clip(NAME).state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def backbone(weights: Path) -> Backbone:
    return find_backbones(NAME, weights=weights)[0]


def test_images_are_where_open_clip_puts_them(backbone: Backbone, weights: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    found = network_of(backbone, device="cpu").features(pixels, mirror=False)
    model = open_clip().create_model("small-test", pretrained=str(weights)).eval()
    mean, std = (torch.tensor(value).view(3, 1, 1) for value in (backbone.card.mean, backbone.card.std))
    with torch.inference_mode():
        x = (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255 - mean) / std
        expected = model.encode_image(x, normalize=True).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert backbone.card.num_features == found.shape[1]


def test_words_are_where_open_clip_puts_them(backbone: Backbone, weights: Path) -> None:
    found, scale = word_features(backbone, ["cheetah", "fox"], ("a photo of a {}.",))
    model = open_clip().create_model("small-test", pretrained=str(weights)).eval()
    tokens = open_clip().get_tokenizer("small-test")(["a photo of a cheetah.", "a photo of a fox."])
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert scale == pytest.approx(float(model.logit_scale.detach().exp()))


def test_several_sentences_of_a_word_are_averaged(backbone: Backbone) -> None:
    (one, _), (two, _), (both, _) = (word_features(backbone, ["fox"], t) for t in (("{}",), ("a {}",), ("{}", "a {}")))
    mean = (one + two) / np.linalg.norm(one + two)
    np.testing.assert_allclose(both, mean, atol=1e-5)


def test_the_nearest_word_is_the_likeliest() -> None:
    words = np.eye(3, dtype=np.float32)
    found = word_probabilities(np.array([[0.1, 2.0, 0.0], [5.0, 0.0, 0.0]], np.float32), words, 10.0)
    assert found.argmax(axis=1).tolist() == [1, 0]
    np.testing.assert_allclose(found.sum(axis=1), 1)
    cosine = np.array([0.1, 2.0, 0.0]) / np.hypot(0.1, 2.0)
    np.testing.assert_allclose(found[0], np.exp(10 * cosine) / np.exp(10 * cosine).sum(), rtol=1e-5)


def test_an_unknown_name_and_a_file_that_does_not_fit(tmp_path: Path, weights: Path) -> None:
    with pytest.raises(ModelError, match="no network 'small-text'") as error:
        find_backbones("clip:small-text", weights=weights)
    assert "small-test" in str(error.value.hint)
    save_file({"a": torch.zeros(1)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="does not fit small-test"):
        find_backbones(NAME, weights=tmp_path / "other.safetensors")


def test_a_clip_is_asked_for_any_word(backbone: Backbone) -> None:
    features = np.random.default_rng(0).normal(size=(4, backbone.card.num_features)).astype(np.float32)
    found = zero_shot(backbone, features, ["a thing of no name", "fox"])
    np.testing.assert_allclose(found[:, :-1], word_probabilities(features, *word_features(backbone, ["a thing of no name", "fox"])))
