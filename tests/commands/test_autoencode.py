from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import tellapart
from tellapart.analyzed_folder import analyze_folder
from tellapart.cache_dir import cache_root
from tellapart.errors import DataError, ModelError, OptionError
from tellapart.feature_spec import spec_of
from tellapart.images.pixel_store import PixelStore
from tellapart.models import autoencoder
from tellapart.models.autoencoder import saved_decoder
from tellapart.models.saved_model import load_model
from tellapart.run_folder import Run
from tellapart.training import loop as loop_module
from tellapart.training.reconstruction import Reconstruction
from tests import folders, sample_images

QUICK: dict[str, Any] = {"image_size": 32, "latent": 6, "epochs": 2, "batch_size": 8, "lr": 5e-3, "num_workers": 1}
EACH = 14


def ran(photos: Path, where: Path, **options: Any) -> Run:
    return tellapart.autoencode(photos, out=where / "runs", state=where / "state", **{**QUICK, **options})


@pytest.fixture(scope="module")
def few(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """14 images of each of three classes."""
    return folders.some_of(photos, tmp_path_factory.mktemp("few") / "some photos", EACH)


@pytest.fixture(scope="module")
def run(few: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    return ran(few, tmp_path_factory.mktemp("autoencoded"))


def rows_of(run: Run) -> list[dict[str, str]]:
    with (run.folder / "reconstruction.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_run_has_everything_and_the_photos_stay_as_they_were(few: Path, tmp_path: Path) -> None:
    before = folders.contents(few)
    run = ran(few, tmp_path)
    assert folders.contents(few) == before
    assert run.name == "some photos-autoencoder-1"
    files = {path.relative_to(run.folder).as_posix() for path in run.folder.rglob("*") if path.is_file()}
    assert {"metrics.json", "options.json", "history.jsonl", "images.parquet", "reconstruction.csv", "report.html", "report.json"} <= files
    assert {"model/model.json", "model/member-1.safetensors", "model/decoder.safetensors"} <= files
    assert not list((tmp_path / "runs").glob(".*"))


def test_the_error_is_that_of_images_it_neither_learned_from_nor_was_chosen_by(run: Run) -> None:
    metrics = run.as_dict()
    data = metrics["data"]
    assert data["trained_on"] + data["chose"] + data["held_back"] == data["used"] == 3 * EACH
    assert min(data["chose"], data["held_back"]) >= 3
    rows = rows_of(run)
    held = [float(row["error"]) for row in rows if row["part"] == "test"]
    learned = [float(row["error"]) for row in rows if row["part"] == "train" and row["chose_epoch"] == "0"]
    assert len(held) == metrics["held_back"]["n"] == data["held_back"]
    assert metrics["held_back"]["error"]["value"] == pytest.approx(np.mean(held), abs=1e-7)
    assert metrics["trained_on"]["error"]["value"] == pytest.approx(np.mean(learned), abs=1e-7)
    side = metrics["held_back"]["error"]
    assert side["low"] < side["value"] < side["high"]
    assert metrics["components"] == 6


def test_scores_are_ordered_and_errors_over_the_median_of_their_side(run: Run) -> None:
    rows = rows_of(run)
    scores = [float(row["score"]) for row in rows]
    assert scores == sorted(scores, reverse=True)
    for is_learned in (False, True):
        chosen = [row for row in rows if (row["part"] == "train" and row["chose_epoch"] == "0") == is_learned]
        middle = float(np.median([float(row["error"]) for row in chosen]))
        assert [float(row["score"]) for row in chosen] == pytest.approx([float(row["error"]) / middle for row in chosen], abs=1e-3)


def test_its_numbers_are_features_like_any_other_and_the_decoder_draws_them(run: Run, few: Path, tmp_path: Path) -> None:
    spec = spec_of(f"run:{run.folder}")
    features = analyze_folder(few, spec, state=tmp_path).features
    assert features.values.shape == (3 * EACH, 6)
    assert features.values.std(axis=0).min() > 0
    card = load_model(run.model_folder).members[0].backbones[0].card
    assert (card.name, card.image_size, card.num_features) == ("autoencoder-small", 32, 6)
    decoder = saved_decoder(run.model_folder, card.architecture, card.image_size, card.num_features)
    drawn = decoder(torch.from_numpy(features.values[:2])).numpy()
    with PixelStore(cache_root() / "pixels", 32, "crop").open(features.image_ids) as squares:
        originals = squares.take(np.arange(3 * EACH)).transpose(0, 3, 1, 2) / 255
    drawn = decoder(torch.from_numpy(features.values)).numpy()
    told = {row["image_id"]: float(row["error"]) for row in rows_of(run)}
    wanted = [told[image_id] for image_id in features.image_ids]
    assert np.square(drawn - originals).mean(axis=(1, 2, 3)) == pytest.approx(wanted, rel=0.02)


def test_the_page_is_whole_and_asks_for_nothing(run: Run) -> None:
    page = run.report.read_text(encoding="utf-8")
    for words in ("Original, reconstruction, difference", "Outliers", "Latent traversal", "Dead units", "color and layout"):
        assert words in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page
    view = json.loads((run.folder / "report.json").read_text(encoding="utf-8"))
    assert [group["name"] for group in view["examples"]] == ["best", "median", "worst"]
    errors = [[one["mean_squared_error"] for one in group["images"]] for group in view["examples"]]
    assert max(errors[0]) <= min(errors[1])
    assert max(errors[1]) <= min(errors[2])
    assert 1 <= len(view["traversal"]) <= 6
    assert {path.stem for path in (run.folder / "figures").iterdir()} == {"training-loss", "latents-one", "latents-two", "latents-class"}


class Killing:
    """Ends the training after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    @contextmanager
    def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
        def advance(count: int) -> None:
            self.left -= title.startswith("autoencoder")
            if self.left < 0:
                raise KeyboardInterrupt

        yield advance

    def note(self, message: str) -> None:
        pass


def test_a_training_that_was_killed_ends_with_the_same_weights(
    few: Path, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module, "CHECKPOINT_EVERY_S", -1.0)
    sessions = 0
    while True:
        try:
            again = tellapart.autoencode(few, out=tmp_path / "runs", state=tmp_path / "state", progress=Killing(3), **QUICK)
            break
        except KeyboardInterrupt:
            sessions += 1
    assert sessions >= 2
    for name in ("member-1.safetensors", "decoder.safetensors"):
        assert (again.model_folder / name).read_bytes() == (run.model_folder / name).read_bytes()
    history = [[json.loads(line) for line in (one.folder / "history.jsonl").read_text().splitlines()] for one in (run, again)]
    assert [event["held_out"] for event in history[0]] == [event["held_out"] for event in history[1]]


def test_the_seed_decides(few: Path, run: Run, tmp_path: Path) -> None:
    other = ran(few, tmp_path, seed=1)
    assert (other.model_folder / "decoder.safetensors").read_bytes() != (run.model_folder / "decoder.safetensors").read_bytes()


def test_one_image_is_learned_and_nothing_is_claimed(tmp_path: Path) -> None:
    photos = folders.write(tmp_path / "one", {"a\u00e9 b.jpg": sample_images.photo(1)})
    run = ran(photos, tmp_path)
    assert run.autoencoder_metrics.held_back is None
    assert run.autoencoder_metrics.units.dead is None
    assert "too few different images to hold any back" in " ".join(run.autoencoder_metrics.notes)
    assert "none could be held out" in run.report.read_text(encoding="utf-8")


def test_identical_images_count_once(tmp_path: Path) -> None:
    photos = folders.write(tmp_path / "same", {f"{i}.png": sample_images.photo(1, name="PNG") for i in range(5)})
    run = ran(photos, tmp_path)
    assert run.autoencoder_metrics.data.used == 1
    assert run.autoencoder_metrics.data.set_aside == 4


def test_images_of_one_color_each_and_no_labels(tmp_path: Path) -> None:
    flat = {f"{i:02}.png": sample_images.encoded(np.full((40, 40, 3), 12 * i, np.uint8), "PNG") for i in range(20)}
    run = ran(folders.write(tmp_path / "flat", flat), tmp_path)
    side = run.autoencoder_metrics.held_back.error if run.autoencoder_metrics.held_back else run.autoencoder_metrics.trained_on.error
    assert math.isfinite(side.value)
    assert "Of all images" in run.report.read_text(encoding="utf-8")


class Muted(torch.nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * torch.tensor([1.0, 1, 0, 1, 1, 0])


def test_planted_dead_units_are_named(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def muted(image_size: int, latent: int | None) -> autoencoder.Autoencoder:
        made = autoencoder._small(image_size, latent)
        return autoencoder.Autoencoder(torch.nn.Sequential(made.encoder, Muted()), made.decoder, made.num_features)

    monkeypatch.setitem(autoencoder.AUTOENCODERS, "small", muted)
    run = ran(few, tmp_path, seed=5)
    assert run.autoencoder_metrics.units.dead == [2, 5]
    assert "2, 5" in run.report.read_text(encoding="utf-8")
    assert not {2, 5} & {one["unit"] for one in json.loads((run.folder / "report.json").read_text())["traversal"]}


def test_a_loss_that_is_no_number_is_a_sentence_and_leaves_no_run(few: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Reconstruction, "loss", lambda self, answers, x, targets: answers.mean() * math.nan)
    with pytest.raises(ModelError, match="the loss became infinite in epoch 1"):
        ran(few, tmp_path, seed=9)
    assert not (tmp_path / "runs").exists()


def test_the_users_own_test_folder_is_what_is_reported(photos: Path, tmp_path: Path) -> None:
    folders.some_of(photos, tmp_path / "parted" / "train", 12)
    folders.some_of(photos, tmp_path / "parted" / "test", 4, start=12)
    run = ran(tmp_path / "parted", tmp_path)
    assert run.autoencoder_metrics.held_back.n == 12


def test_copies_of_one_photo_never_lie_on_both_sides(few: Path, tmp_path: Path) -> None:
    photos = folders.some_of(few, tmp_path / "copied", 10)
    for path in sorted(photos.rglob("*.jpg")):
        with Image.open(path) as image:
            image.convert("RGB").save(path.with_name(f"again {path.name}"), quality=60)
    run = ran(photos, tmp_path, test_share=0.5, epochs=1)
    part = {row.path: row.part for row in run.rows}
    copies = [(path, path.replace("/", "/again ")) for path in part if "again" not in path]
    assert len(copies) == 30
    assert {part[path] for path, _ in copies} == {"train", "test"}
    assert all(part[path] == part[copy] for path, copy in copies)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"image_size": 40}, "multiple of 16, got 40"),
        ({"architecture": "classic", "latent": 6}, "latent has no effect with --architecture classic"),
        ({"architecture": "smal"}, "small"),
        ({"augment": "strong"}, "flip"),
    ],
)
def test_wrong_options_are_said(few: Path, tmp_path: Path, options: dict[str, Any], said: str) -> None:
    with pytest.raises(OptionError, match=said):
        ran(few, tmp_path, **options)


def test_a_folder_without_images_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError):
        ran(tmp_path / "empty", tmp_path)


def test_what_needs_classes_says_that_there_are_none(run: Run, few: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="has no classes"):
        tellapart.predict(run.folder, few)
    for verb in (tellapart.report, lambda where: tellapart.compare(where, where), lambda where: tellapart.evaluate(where, few)):
        with pytest.raises(DataError, match="has no classes"):
            verb(run.folder)
