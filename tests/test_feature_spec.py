from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import save_file

import tellapart
from tellapart.analyzed_folder import analyze_folder
from tellapart.errors import DataError, ModelError, OptionError
from tellapart.feature_spec import FeatureSpec, spec_of
from tellapart.features import FeatureMatrix
from tellapart.models.timm_networks import build_network
from tellapart.run_folder import Run
from tests import folders


@pytest.fixture
def few(photos: Path, tmp_path: Path) -> Path:
    return folders.some_of(photos, tmp_path / "few", 3)


def seen(folder: Path, spec: FeatureSpec) -> FeatureMatrix:
    return analyze_folder(folder, spec, device="cpu").features


def test_pixels_are_the_image_made_small(few: Path) -> None:
    found = seen(few, spec_of("pixels", image_size=8))
    assert found.values.shape == (9, 3 * 8 * 8)
    assert 0 <= found.values.min() < found.values.max() <= 1
    again = seen(few, spec_of("pixels"))
    assert again.values.shape == (9, 3 * 32 * 32)
    coarse = again.values.reshape(9, 8, 4, 8, 4, 3).mean(axis=(2, 4)).reshape(9, -1)
    np.testing.assert_allclose(coarse, found.values, atol=0.15)


def test_imagenet_gives_probabilities_of_a_thousand_classes(few: Path) -> None:
    found = seen(few, spec_of("imagenet:lite0"))
    assert found.values.shape == (9, 1000)
    np.testing.assert_allclose(found.values.sum(axis=1), 1, atol=1e-3)
    assert found.provenance["layer"] == "probabilities"


def test_the_features_of_a_run_are_its_own_networks(few: Path, trained: Run) -> None:
    own = seen(few, spec_of(f"run:{trained.folder}"))
    np.testing.assert_allclose(own.values, seen(few, spec_of("lite0")).values, atol=0.02)
    assert seen(few, spec_of(f"run:{trained.folder}", layer="blocks.2")).values.shape == (9, 40)


def test_layers_of_joined_networks_stand_side_by_side_and_apart_in_the_cache(few: Path) -> None:
    early, late = (seen(few, spec_of("lite0", layer=layer)) for layer in ("blocks.0", "blocks.4"))
    assert early.values.shape[1] != late.values.shape[1]
    assert seen(few, spec_of("lite0")).values.shape[1] == 1280


def test_a_classifiers_weights_from_a_file(few: Path, tmp_path: Path) -> None:
    model = build_network("resnet10t")
    save_file({key: value.contiguous() for key, value in model.state_dict().items()}, tmp_path / "whole.safetensors")
    found = seen(few, spec_of("imagenet:resnet10t", weights=tmp_path / "whole.safetensors", image_size=64))
    assert found.values.shape == (9, 1000)
    headless = {key: value.contiguous() for key, value in model.state_dict().items() if not key.startswith("fc.")}
    save_file(headless, tmp_path / "headless.safetensors")
    with pytest.raises(ModelError, match="2 are missing"):
        spec_of("imagenet:resnet10t", weights=tmp_path / "headless.safetensors")


def test_a_probe_on_pixels_is_a_run_like_any_other(photos: Path, tmp_path: Path) -> None:
    run = tellapart.train(photos, backbone="pixels", out=tmp_path / "runs", state=tmp_path / "state", n_splits=0, learning_curve=False)
    assert tellapart.predict(run.folder, photos).predictions.class_names == run.class_names
    with pytest.raises(OptionError, match="not fine-tuned"):
        tellapart.train(photos, recipe="finetune", backbone="pixels", out=tmp_path / "runs", state=tmp_path / "state")


@pytest.mark.parametrize(
    ("features", "options", "error", "said"),
    [
        ("pixels", {"layer": "blocks.1"}, OptionError, "no layers"),
        ("imagenet", {"layer": "blocks.1"}, OptionError, "last layer itself"),
        ("imagenet:lite9", {}, ModelError, "no backbone 'lite9'"),
        ("run:nowhere", {}, DataError, "no finished run"),
        ("lite0", {"layer": "block.1"}, ModelError, "no layer 'block.1'"),
        ("autoencoder", {}, OptionError, "has to be trained first"),
    ],
)
def test_what_is_not_there_is_said(features: str, options: dict[str, str], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        spec_of(features, **options)
