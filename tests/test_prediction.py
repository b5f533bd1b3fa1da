from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tellapart import prediction
from tellapart.dataset import open_dataset
from tellapart.errors import OptionError
from tellapart.extraction import Extraction, FeatureSpec, extract
from tellapart.models.saved import load_model
from tellapart.prediction import check_crops, predict_files
from tellapart.preparation.views import VIEWS
from tellapart.runs import Run
from tests import folders


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return folders.write(tmp_path / "new", {f"{kind}.jpg": folders.class_photo(kind, 400) for kind in folders.KINDS})


def test_logits_are_the_mean_over_views_of_the_weighted_members(trained: Run, new: Path) -> None:
    model = load_model(trained.model_folder)
    (member,) = model.members
    two = replace(model, members=(member, replace(member, resize="pad", weight=3.0)))
    dataset = open_dataset(new)
    found = predict_files(two, dataset, views=2)
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


def test_each_view_of_each_member_is_extracted_once(trained: Run, new: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(dataset: object, spec: FeatureSpec, **rest: object) -> Extraction:
        asked.append(spec.view)
        return extract(dataset, spec, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(prediction, "extract", counted)
    found = predict_files(load_model(trained.model_folder), open_dataset(new), views=3)
    assert asked == [0, 1, 2]
    assert found.first_view is not found.predictions


def test_there_are_as_many_crops_as_there_are(trained: Run) -> None:
    (member,) = load_model(trained.model_folder).members
    check_crops(len(VIEWS), [member])
    check_crops(2 * len(VIEWS), [replace(member, mirror=False)])
    with pytest.raises(OptionError, match="at most 8"):
        check_crops(len(VIEWS) + 1, [replace(member, mirror=False), member])
    with pytest.raises(OptionError, match="at most 16"):
        check_crops(2 * len(VIEWS) + 1, [replace(member, mirror=False)])
