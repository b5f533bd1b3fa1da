from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart import feature_extraction, predictor
from tellapart.augmentation.tta_views import VIEWS
from tellapart.dataset import open_dataset
from tellapart.dataset.image_analysis import ImageAnalysis, analyze_image
from tellapart.errors import OptionError
from tellapart.feature_extraction import extract
from tellapart.feature_spec import FeatureSpec
from tellapart.models.saved_model import load_model
from tellapart.predictor import PredictionSettings, check_crops, predict_files
from tellapart.run_folder import Run
from tests import folders


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return folders.write(tmp_path / "new", {f"{kind}.jpg": folders.class_photo(kind, 400) for kind in folders.KINDS})


def test_logits_are_the_mean_over_views_of_the_weighted_members(trained: Run, new: Path) -> None:
    model = load_model(trained.model_folder)
    (member,) = model.members
    two = replace(model, members=(member, replace(member, resize="pad", weight=3.0)))
    dataset = open_dataset(new)
    found = predict_files(two, dataset, PredictionSettings(views=2))
    logits = {
        (each.resize, view): each.logits(extract(dataset, FeatureSpec(each.backbones, each.resize, view=view)).features.values)
        for each in two.members
        for view in range(2)
    }
    first = 0.25 * logits["crop", 0] + 0.75 * logits["pad", 0]
    second = 0.25 * logits["crop", 1] + 0.75 * logits["pad", 1]
    assert np.allclose(found.first_view.logits, first)
    assert np.allclose(found.predictions.logits, (first + second) / 2)
    assert np.allclose(found.predictions.probabilities, model.probabilities((first + second) / 2))
    assert found.first_view.image_ids == found.predictions.image_ids


def test_all_views_of_a_image_come_from_one_decoding(trained: Run, new: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[str] = []

    def counted(data: bytes, image_id: str, *rest: object) -> ImageAnalysis:
        decoded.append(image_id)
        return analyze_image(data, image_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(feature_extraction, "analyze_image", counted)
    found = predict_files(load_model(trained.model_folder), open_dataset(new), PredictionSettings(views=3))
    assert len(decoded) == len(set(decoded)) == 3
    assert found.first_view is not found.predictions


def test_all_members_see_an_image_in_one_decoding_and_answer_as_alone(
    trained: Run, new: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[str] = []

    def counted(data: bytes, image_id: str, *rest: object) -> ImageAnalysis:
        decoded.append(image_id)
        return analyze_image(data, image_id, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(feature_extraction, "analyze_image", counted)
    model, dataset = load_model(trained.model_folder), open_dataset(new)
    (own,) = model.members
    smaller = replace(own, backbones=tuple(backbone.sized(160) for backbone in own.backbones))
    members = (own, replace(own, resize="squash", weight=3.0), replace(own, mirror=not own.mirror), smaller)
    together = predict_files(replace(model, members=members), dataset, PredictionSettings(views=2)).predictions
    assert len(decoded) == 2 * len(set(decoded)) == 6, "once for the three members of one size, once for the smaller one"
    shutil.rmtree(own_cache / "features")
    alone = [
        predict_files(replace(model, members=(member,)), dataset, PredictionSettings(views=2)).predictions.logits for member in members
    ]
    assert np.array_equal(together.logits, np.tensordot(np.array([1, 3, 1, 1]) / 6, np.stack(alone), axes=1))


def test_networks_that_would_not_lie_in_memory_together_read_the_images_in_turn(
    trained: Run, new: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, dataset = load_model(trained.model_folder), open_dataset(new)
    (own,) = model.members
    model = replace(model, members=(own, replace(own, resize="squash")))
    together = predict_files(model, dataset).predictions
    shutil.rmtree(own_cache / "features")
    monkeypatch.setattr(predictor, "TOGETHER_BYTES", 1)
    assert np.array_equal(predict_files(model, dataset).predictions.logits, together.logits)


class Corner:
    """Takes the first values of a square for its features."""

    def features(self, pixels: np.ndarray, *, mirror: bool) -> np.ndarray:
        return pixels.reshape(len(pixels), -1)[:, 30_000:31_280].astype(np.float32)


@pytest.mark.parametrize("augment", ["", "light"])
def test_views_made_together_are_those_made_alone(trained: Run, new: Path, own_cache: Path, augment: str) -> None:
    (member,) = load_model(trained.model_folder).members
    spec = FeatureSpec(member.backbones, member.resize, member.mirror, augment=augment)
    dataset = open_dataset(new)
    alone = [extract(dataset, replace(spec, view=number), network=lambda _: Corner()).features.values for number in range(3)]
    shutil.rmtree(own_cache / "features")
    together = extract(dataset, spec, views=range(3), network=lambda _: Corner()).views
    assert [seen.values.tolist() for seen in together] == [values.tolist() for values in alone]
    assert not np.array_equal(alone[0], alone[1])


def test_there_are_as_many_crops_as_there_are(trained: Run) -> None:
    (member,) = load_model(trained.model_folder).members
    check_crops(len(VIEWS), [member])
    check_crops(2 * len(VIEWS), [replace(member, mirror=False)])
    with pytest.raises(OptionError, match="at most 8"):
        check_crops(len(VIEWS) + 1, [replace(member, mirror=False), member])
    with pytest.raises(OptionError, match="at most 16"):
        check_crops(2 * len(VIEWS) + 1, [replace(member, mirror=False)])
