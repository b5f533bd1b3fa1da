from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.commands.learning_curve import LearningCurveOptions
from tellapart.errors import OptionError
from tellapart.training import recipes
from tellapart.training.options import TrainOptions


@pytest.mark.parametrize("recipe", ["probe", "scratch"])
def test_more_photos_are_tried_for_any_recipe(photos: Path, tmp_path: Path, recipe: str) -> None:
    options = {"backbone": "lite0"} if recipe == "probe" else {"architecture": "tiny", "image_size": 32, "epochs": 1}
    found = tellapart.learning_curve(
        photos, recipe=recipe, sizes="24,48", draws=2, out=tmp_path / "curve.svg", state=tmp_path / "state", num_workers=1, **options
    )
    assert [point.n_train for point in found.points] == [24, 48]
    assert [len(point.accuracy) for point in found.points] == [2, 2]
    assert found.recipe == recipe
    assert "<svg" in (tmp_path / "curve.svg").read_text()
    json.dumps(found.as_dict(), allow_nan=False)


def test_words_that_are_no_sizes_are_refused(photos: Path) -> None:
    with pytest.raises(OptionError, match="is not a list of numbers of images"):
        tellapart.learning_curve(photos, sizes="many")
    with pytest.raises(OptionError, match=r"must end in \.svg"):
        tellapart.learning_curve(photos, out="curve.xls")


def test_every_option_of_a_training_reaches_it(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {
        "recipe": "finetune",
        "backbone": "lite0",
        "weights": "a.pth",
        "image_size": 64,
        "augment": "strong",
        "epochs": 3,
        "balance": "weights",
        "seed": 5,
        "device": "cpu",
        "precision": "float32",
        "num_workers": 1,
    }
    handed_on: list[TrainOptions] = []

    class Enough(Exception):
        pass

    def recipe(options: TrainOptions) -> None:
        handed_on.append(options)
        raise Enough

    monkeypatch.setattr(recipes, "recipe_runner", recipe)
    with pytest.raises(Enough):
        tellapart.learning_curve(photos, **given)
    assert {name: str(getattr(handed_on[0], name)) for name in given} == {name: str(value) for name, value in given.items()}
    common = {f.name for f in fields(LearningCurveOptions)} & {f.name for f in fields(TrainOptions)}
    assert common - set(given) == {"architecture", "test_share", "state", "out", "label_folder", "path_column", "label_column"}
