from __future__ import annotations

import json
from pathlib import Path

import pytest

import tellapart
from tellapart.errors import OptionError


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
