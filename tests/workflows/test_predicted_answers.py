from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from PIL import Image

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.errors import OptionError
from tellapart.models.model_card import CARD, sealed_card
from tellapart.models.saved_model import CONFORMAL, load_model
from tellapart.run_folder import Run
from tests import folders


def noise(seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (160, 160, 3), dtype=np.uint8))


def photo(kind: str = "dots") -> Image.Image:
    return folders.class_image(kind, 300)


def test_an_unfamiliar_image_is_answered_unknown_in_every_form(trained: Run, tmp_path: Path) -> None:
    noise().save(tmp_path / "noise.png")
    photo().save(tmp_path / "photo.png")
    found = tellapart.predict(trained.folder, tmp_path, unknown=0.05, out=tmp_path.parent / "answers.parquet")
    rows = {Path(row["path"]).name: row for row in found.records()}
    assert rows["noise.png"]["predicted"] == "unknown" and rows["noise.png"]["familiarity"] <= 0.05
    assert rows["photo.png"]["predicted"] == "dots" and rows["photo.png"]["familiarity"] > 0.05
    assert max(rows["noise.png"][f"p({name})"] for name in found.predictions.class_names) == rows["noise.png"]["probability"]
    table = pq.read_table(tmp_path.parent / "answers.parquet").to_pylist()
    assert [(row["predicted"], row["familiarity"]) for row in table] == [(row["predicted"], row["familiarity"]) for row in found.records()]
    shown = CliRunner().invoke(door, ["predict", str(trained.folder), str(tmp_path), "--unknown", "0.05"])
    assert "unknown" in shown.output and "(familiarity 0.0" in shown.output


def test_without_the_option_familiarity_is_told_and_changes_nothing(trained: Run) -> None:
    found = tellapart.predict(trained.folder, [noise(), photo()])
    assert found.familiarity is not None and found.familiarity[0] < 0.05 < found.familiarity[1]
    assert found.answered[1] == "dots" and "unknown" not in found.answered
    assert list(found.to_frame().columns)[-3:] == ["familiarity", "status", "reason"]


def test_copies_of_unknown_images_have_a_folder_of_their_own(trained: Run, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    noise().save(tmp_path / "new" / "noise.png")
    photo().save(tmp_path / "new" / "photo.png")
    tellapart.predict(trained.folder, tmp_path / "new", unknown=0.05, sort_into=tmp_path / "sorted", sheet=tmp_path / "sheet.png")
    assert [path.parent.name for path in sorted((tmp_path / "sorted").rglob("*.png"))] == ["dots", "unknown"]


def test_prediction_sets_and_the_most_probable_classes_are_columns(trained: Run, tmp_path: Path) -> None:
    found = tellapart.predict(trained.folder, [photo(), b"no image"], coverage=0.95, top=2)
    row, unreadable = found.records()
    probabilities = {name: row[f"p({name})"] for name in found.predictions.class_names}
    assert row["top"] == " | ".join(sorted(probabilities, key=lambda name: -probabilities[name])[:2])
    assert row["prediction_set"].split(" | ")[0] == row["predicted"]
    assert unreadable["prediction_set"] is None and unreadable["top"] is None


REFUSED = {
    "a finer share than it can tell": ({"unknown": 0.001}, "finer than this model can resolve"),
    "a higher coverage than it can tell": ({"coverage": 0.999}, "finer than this model can resolve"),
    "more classes than there are": ({"top": 4}, "at most 3"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_the_model_cannot_answer_is_refused(name: str, trained: Run) -> None:
    options, words = REFUSED[name]
    with pytest.raises(OptionError, match=words):
        tellapart.predict(trained.folder, [photo()], **options)


def older(run: Run, to: Path) -> Path:
    """The model as a version that knew nothing of familiarity wrote it."""
    shutil.copytree(run.model_folder, to)
    (to / CONFORMAL).unlink()
    card = json.loads((to / CARD).read_text())
    (to / CARD).write_text(sealed_card({key: value for key, value in card.items() if key not in ("conformal", "sha256")}, to))
    return to


def test_an_older_model_predicts_and_says_that_it_knows_no_familiarity(trained: Run, tmp_path: Path) -> None:
    folder = older(trained, tmp_path / "model")
    assert load_model(folder).familiarity is None
    assert "familiarity" not in tellapart.predict(folder, [photo()]).columns
    for options in ({"unknown": 0.05}, {"coverage": 0.9}):
        with pytest.raises(OptionError) as error:
            tellapart.predict(folder, [photo()], **options)
        assert "train it again" in str(error.value.hint)


def test_a_class_called_unknown_is_not_mixed_up_with_the_answer(trained: Run, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained.model_folder, folder)
    card = json.loads((folder / CARD).read_text())
    card["class_names"][0] = "unknown"
    (folder / CARD).write_text(sealed_card({key: value for key, value in card.items() if key != "sha256"}, folder))
    with pytest.raises(OptionError, match="class of its own called unknown"):
        tellapart.predict(folder, [photo()], unknown=0.05)
