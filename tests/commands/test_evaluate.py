from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, OptionError
from tellapart.predictions import Predictions
from tellapart.run_folder import Run
from tests import folders, sample_images
from tests.listeners import Heard


def newer(to: Path) -> Path:
    return folders.write(to, {f"{kind}/{seed}.jpg": folders.class_photo(kind, 200 + seed) for kind in folders.KINDS for seed in range(4)})


def test_new_photos_are_judged_and_what_is_left_out_is_counted(trained: Run, photos: Path, tmp_path: Path) -> None:
    root = newer(tmp_path / "new")
    seen = next(row for row in trained.rows if row.part == "train")
    held_back = next(row for row in trained.rows if row.part == "test")
    for row in (seen, held_back):
        (root / str(row.label) / Path(row.path).name).write_bytes((photos / row.path).read_bytes())
    extra = {"checks/1.jpg": sample_images.photo(301), "5.jpg": sample_images.photo(302), "dots/broken.jpg": b""}
    numbers = tellapart.evaluate(trained.folder, folders.write(root, extra), out=tmp_path / "out.parquet")
    assert numbers.n == 13
    counts = {name: getattr(numbers, name) for name in ("seen_in_training", "unknown_class", "unlabeled", "unreadable")}
    assert counts == {"seen_in_training": 1, "unknown_class": 1, "unlabeled": 1, "unreadable": 1}
    assert numbers.accuracy.value > 0.7
    assert [sum(row) for row in numbers.confusion_matrix] == [row.support for row in numbers.per_class]
    assert len(Predictions.load(tmp_path / "out.parquet")) == 13


def test_a_class_the_run_knows_by_another_spelling_is_named(trained: Run, tmp_path: Path) -> None:
    names = {"dots": "DOTS", "plain": "plain", "stripes": "stripe"}
    files = {f"{names[kind]}/{seed}.jpg": folders.class_photo(kind, 200 + seed) for kind in folders.KINDS for seed in range(2)}
    files["zebra/1.jpg"] = sample_images.photo(301)
    heard = Heard()
    found = tellapart.evaluate(trained.folder, folders.write(tmp_path / "new", files), progress=heard)
    assert found.unknown_labels == {"DOTS": 2, "stripe": 2, "zebra": 1} and (found.n, found.unknown_class) == (2, 5)
    said = [note for note in found.notes if "does not know" in note]
    assert [name for note in said for name in ("'DOTS', but 'dots'", "'stripe', but 'stripes'") if name in note] and len(said) == 2
    assert set(said) <= set(heard.notes)


def test_the_runs_own_test_part_gives_the_runs_own_numbers(trained: Run, photos: Path, tmp_path: Path) -> None:
    for row in trained.rows:
        if row.part == "test":
            folders.write(tmp_path / "again", {row.path: (photos / row.path).read_bytes()})
    numbers = tellapart.evaluate(trained.folder, tmp_path / "again")
    assert numbers.n == 18
    assert numbers.confusion_matrix == trained.metrics.parts["test"].confusion_matrix
    assert numbers.log_loss.value == pytest.approx(trained.metrics.parts["test"].log_loss.value, abs=0.01)


def test_near_duplicates_and_groups_of_training_images_are_left_out(trained: Run, photos: Path, tmp_path: Path) -> None:
    root = newer(tmp_path / "new")
    rows = [row for row in trained.rows if row.part == "train"]
    again, mirrored, cropped = (folders.Image.open(photos / row.path) for row in rows[:3])
    width, height = cropped.size
    copies = {
        f"{rows[0].label}/again.jpg": sample_images.encoded(again, quality=60),
        f"{rows[1].label}/mirrored.png": sample_images.encoded(mirrored.transpose(folders.Image.Transpose.FLIP_LEFT_RIGHT), name="PNG"),
        f"{rows[2].label}/cropped.jpg": sample_images.encoded(cropped.crop((8, 6, width - 8, height - 6)), quality=85),
    }
    numbers = tellapart.evaluate(trained.folder, folders.write(root, copies))
    assert (numbers.n, numbers.near_duplicate_of_training, numbers.seen_in_training) == (12, 3, 0)
    assert numbers.left_out == {
        path: f"near-duplicate of the training image {row.path}" for path, row in sorted(zip(copies, rows, strict=False))
    }
    said = CliRunner().invoke(door, ["evaluate", str(trained.folder), str(root), "-q"]).stdout
    assert "3 left out: they are near-duplicates of training images" in said


def test_images_of_a_group_that_was_trained_on_are_left_out(photos: Path, tmp_path: Path) -> None:
    lines = [f"{path},{path.parent.name},{path.name[-6]},train" for path in sorted(photos.rglob("*.jpg"))[:60] if path.name[-6] != "2"]
    lines += [f"{path},{path.parent.name},held,test" for path in sorted(photos.rglob("*.jpg"))[:60] if path.name[-6] == "2"]
    (tmp_path / "old.csv").write_text("path,label,group,part\n" + "\n".join(lines), encoding="utf-8")
    run = tellapart.train(tmp_path / "old.csv", backbone="lite0", n_splits=0, learning_curve=False, out=tmp_path / "runs")
    root = newer(tmp_path / "new")
    table = "path,label,group\n" + "\n".join(f"{kind}/{i}.jpg,{kind},{i}" for kind in ("dots", "plain") for i in range(4))
    (root / "metadata.csv").write_text(table, encoding="utf-8")
    numbers = tellapart.evaluate(run.folder, root / "metadata.csv")
    assert (numbers.n, numbers.group_in_training) == (4, 4)
    assert set(numbers.left_out) == {f"{kind}/{i}.jpg" for kind in ("dots", "plain") for i in (0, 1)}


def test_near_duplicates_of_each_other_count_as_one_group(trained: Run, tmp_path: Path) -> None:
    root = newer(tmp_path / "new")
    folders.write(root, {"dots/0 again.jpg": sample_images.encoded(folders.class_image("dots", 200), quality=70)})
    tellapart.evaluate(trained.folder, root, out=tmp_path / "out.parquet")
    judged = Predictions.load(tmp_path / "out.parquet")
    group_of = dict(zip(judged.paths, judged.groups, strict=True))
    assert group_of["dots/0.jpg"] == group_of["dots/0 again.jpg"]
    assert len(set(judged.groups)) == 12


def test_without_photos_and_cache_near_duplicates_are_found_by_hash_and_said(
    trained: Run, photos: Path, tmp_path: Path, own_cache: Path
) -> None:
    run = tmp_path / "mailed"
    shutil.copytree(trained.folder, run)
    metrics = json.loads((run / "metrics.json").read_text(encoding="utf-8"))
    (run / "metrics.json").write_text(json.dumps({**metrics, "folder": str(tmp_path / "gone")}), encoding="utf-8")
    row = next(row for row in trained.rows if row.part == "train")
    again = sample_images.encoded(folders.Image.open(photos / row.path), quality=75)
    numbers = tellapart.evaluate(run, folders.write(newer(tmp_path / "new"), {f"{row.label}/again.jpg": again}))
    assert numbers.left_out == {f"{row.label}/again.jpg": f"near-duplicate of the training image {row.path}"}
    assert "by hash alone" in numbers.notes[0]


def test_a_folder_of_other_classes_is_refused_with_both_sets_of_names(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"'checks', 'waves', the run knows 'dots', 'plain', 'stripes'"):
        tellapart.evaluate(
            trained.folder,
            folders.write(tmp_path / "new", {"checks/1.jpg": sample_images.photo(301), "waves/2.jpg": sample_images.photo(302)}),
        )


def test_the_predictions_are_not_written_under_a_name_that_misleads(trained: Run, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"out\.csv must end in \.parquet"):
        tellapart.evaluate(trained.folder, newer(tmp_path / "new"), out=tmp_path / "out.csv")


def test_nothing_left_to_judge_is_a_clear_error(trained: Run, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        tellapart.evaluate(trained.folder, folders.write(tmp_path / "new", {"checks/1.jpg": sample_images.photo(301)}))
    seen = next(row for row in trained.rows if row.part == "train")
    with pytest.raises(DataError):
        tellapart.evaluate(trained.folder, folders.write(tmp_path / "old", {seen.path: (photos / seen.path).read_bytes()}))


@pytest.mark.parametrize(
    ("names", "layout"),
    [
        (("train/1.jpg", "train/2.jpg", "test/3.jpg"), "layout: train/ and test/, no class folders, 3 images"),
        (("1.jpg", "2.jpg"), "layout: no class folders, 2 images"),
        (("images/1.jpg", "images/2.jpg"), "layout: no class folders under images/, 2 images"),
    ],
)
def test_a_folder_without_labels_is_refused_with_its_layout_before_an_image_is_read(
    trained: Run, tmp_path: Path, names: tuple[str, ...], layout: str
) -> None:
    """It said "3 unlabeled", and not why."""
    root = folders.write(tmp_path / "new", dict.fromkeys(names, b"no image"))
    with pytest.raises(DataError, match=f"no image in .*new has a label .{layout}") as caught:
        tellapart.evaluate(trained.folder, root)
    assert "put the images of each class into a folder of its own" in str(caught.value.hint)


def test_several_views_stand_beside_one_view_of_the_same_images(trained: Run, tmp_path: Path) -> None:
    root = newer(tmp_path / "new")
    one, several = tellapart.evaluate(trained.folder, root), tellapart.evaluate(trained.folder, root, tta=3)
    found = several.tta
    assert one.tta is None and found is not None
    assert found.views == 3
    right = {numbers.n: round(numbers.accuracy.value * numbers.n) for numbers in (one, several)}
    assert len(right) == 1, "the same images are judged"
    assert several.accuracy.value - one.accuracy.value == pytest.approx(found.accuracy.value)
    assert several.log_loss.value - one.log_loss.value == pytest.approx(found.log_loss.value)
    assert found.log_loss.value != 0
    assert (len(found.wrong_to_right) - len(found.right_to_wrong)) / 12 == pytest.approx(found.accuracy.value)
    assert 0 < found.p_value <= 1
    assert "one view" in found.verdict
    assert "3 views" in found.verdict
    said = CliRunner().invoke(door, ["evaluate", str(trained.folder), str(root), "--tta", "3", "-q"]).stdout
    assert found.verdict in said
    assert f"right to wrong: {len(found.right_to_wrong)}, wrong to right: {len(found.wrong_to_right)}" in said


def test_images_that_views_turned_are_named(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart.models.saved_model import Member

    root, count = newer(tmp_path / "new"), [0]
    logits = Member.logits

    def second_view_upside_down(self: Member, features: np.ndarray) -> np.ndarray:
        count[0] += 1
        found = logits(self, features)
        found[0] *= -9 if count[0] == 2 else 1
        return found

    monkeypatch.setattr(Member, "logits", second_view_upside_down)
    found = tellapart.evaluate(trained.folder, root, tta=2).tta
    assert found is not None
    assert found.right_to_wrong == ("dots/0.jpg",)
    assert found.wrong_to_right == ()


def test_the_report_is_about_the_new_images_alone(trained: Run, tmp_path: Path) -> None:
    found = tellapart.evaluate(trained.folder, newer(tmp_path / "new"), report=tmp_path / "report")
    assert found.report == tmp_path / "report" / "report.html"
    view = json.loads((tmp_path / "report" / "report.json").read_text(encoding="utf-8"))
    (part,) = view["header"]["parts"]
    assert (part["n"], part["accuracy"]["value"]) == (found.n, found.accuracy.value)
    assert {image["path"] for image in view["gallery"]["images"]} <= {f"{kind}/{seed}.jpg" for kind in folders.KINDS for seed in range(4)}
    text = found.report.read_text(encoding="utf-8")
    assert "Duplicates</h3>" not in text and "Leaks between" not in text and str(tmp_path) not in text
    (tmp_path / "new" / "dots" / "0.jpg").unlink()
    again = tellapart.evaluate(trained.folder, tmp_path / "new", report=tmp_path / "report")
    assert json.loads((tmp_path / "report/report.json").read_text(encoding="utf-8"))["header"]["parts"][0]["n"] == again.n == found.n - 1
    (tmp_path / "report" / "mine.txt").touch()
    with pytest.raises(OptionError, match="is not empty"):
        tellapart.evaluate(trained.folder, tmp_path / "new", report=tmp_path / "report")
    with pytest.raises(OptionError, match="inside the image folder"):
        tellapart.evaluate(trained.folder, tmp_path / "new", report=tmp_path / "new" / "report")
