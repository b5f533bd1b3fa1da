from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.errors import DataError, ModelError, OptionError
from tellapart.evaluation import log_loss_interval
from tellapart.kaggle.submission_csv import floor_probabilities
from tellapart.run_folder import Run
from tests import folders, sample_images

KINDS = ("stripes", "dots", "plain", "dots", "stripes", "plain")
HEADER = "id,Plain,dots,STRIPE"


@pytest.fixture
def tests(tmp_path: Path) -> Path:
    """Test images 1.jpg to 6.jpg."""
    return folders.write(tmp_path / "test", {f"{i}.jpg": folders.class_photo(kind, 500 + i) for i, kind in enumerate(KINDS, start=1)})


@pytest.fixture(scope="module")
def pair(photos: Path, trained: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run on two classes."""
    where = tmp_path_factory.mktemp("pair")
    root = folders.some_of(photos, where / "photos", each=20, kinds=("dots", "stripes"))
    return tellapart.train(root, backbone="lite0", out=where / "runs", n_splits=0, learning_curve=False)


def sample(tmp_path: Path, header: str, *rows: str, data: bytes | None = None) -> Path:
    path = tmp_path / "sample_submission.csv"
    path.write_bytes("".join(f"{row}\n" for row in (header, *rows)).encode() if data is None else data)
    return path


def table(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_a_column_for_each_class_in_the_samples_order(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, HEADER, *(f"{i},0.3,0.3,0.3" for i in (4, 2, 6, 1, 3, 5)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    header, *rows = table(tmp_path / "out.csv")
    assert ",".join(header) == HEADER
    assert [row[0] for row in rows] == ["4", "2", "6", "1", "3", "5"]
    found = tellapart.predict(trained.folder, [tests / f"{row[0]}.jpg" for row in rows]).predictions
    values = np.array([[float(cell) for cell in row[1:]] for row in rows])
    assert values == pytest.approx(found.probabilities[:, [1, 0, 2]], abs=1e-12)
    assert values.sum(axis=1) == pytest.approx(1)
    assert written.columns == {"Plain": "plain", "dots": "dots", "STRIPE": "stripes"}
    assert (written.path, written.rows, written.matched_by) == (tmp_path / "out.csv", 6, "file name without suffix")
    assert (written.clip, written.clip_source) == (written.run_clip, "run")
    assert written.clip == json.loads((trained.model_folder / "model.json").read_text())["clip"]
    assert written.expected_log_loss is not None
    assert written.expected_log_loss == trained.metrics.parts["test"].log_loss
    assert (dict(written.unreadable), written.unused) == ({}, ())


def test_one_column_is_the_probability_of_the_class_meant(pair: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, "id,label", *(f"{i:03},0.5" for i in range(1, 7)))
    values = {}
    for name in ("dots", "stripes"):
        written = tellapart.submit(pair.folder, tests, sample=given, class_=name, out=tmp_path / f"{name}.csv")
        values[name] = [float(row[1]) for row in table(tmp_path / f"{name}.csv")[1:]]
        assert written.columns == {"label": name}
        assert written.matched_by == "number in the file name"
    assert np.add(values["dots"], values["stripes"]) == pytest.approx(1)
    assert [values["dots"][i] > 0.5 for i in (0, 1, 3, 4)] == [False, True, True, False]
    assert [row[0] for row in table(tmp_path / "dots.csv")[1:]] == [f"{i:03}" for i in range(1, 7)], "leading zeros stay"
    with pytest.raises(OptionError, match=r"which class does the column 'label' of the sample mean.*dots, stripes"):
        tellapart.submit(pair.folder, tests, sample=given)


def test_one_class_of_many_has_no_expected_log_loss(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, "id,dot", *(f"{i},0" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    assert written.expected_log_loss is None
    assert written.columns == {"dot": "dots"}


def test_a_column_of_names_gets_the_predicted_class(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, "file,kind", *(f"{i}.jpg,plain" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    found = tellapart.predict(trained.folder, [tests / f"{i}.jpg" for i in range(1, 7)]).predictions
    assert [row[1] for row in table(tmp_path / "out.csv")[1:]] == [found.class_names[i] for i in found.predicted]
    assert written.columns == {"kind": None}
    assert written.expected_log_loss is None
    assert written.expected_accuracy is not None
    assert written.expected_accuracy == trained.metrics.parts["test"].accuracy


def test_a_clip_raises_the_runs_own_and_never_lowers_it(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv", clip=0.1)
    values = np.array([[float(cell) for cell in row[1:]] for row in table(tmp_path / "out.csv")[1:]])
    assert values.min() == pytest.approx(0.1)
    assert values.sum(axis=1) == pytest.approx(1)
    assert (written.clip, written.clip_source) == (0.1, "--clip")
    judged = trained.predictions.part("test")
    assert written.expected_log_loss == log_loss_interval(replace(judged, probabilities=floor_probabilities(judged.probabilities, 0.1)))
    plain = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "plain.csv")
    low = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "low.csv", clip=0)
    assert (low.clip, low.clip_source) == (plain.clip, "run")
    assert (tmp_path / "low.csv").read_bytes() == (tmp_path / "plain.csv").read_bytes()
    with pytest.raises(OptionError, match="clip must be below 1 / 3"):
        tellapart.submit(trained.folder, tests, sample=given, clip=0.4)
    with pytest.raises(OptionError, match="clip must be at least 0"):
        tellapart.submit(trained.folder, tests, sample=given, clip=float("nan"))


def test_a_image_that_cannot_be_read_gets_the_class_shares_and_is_told(trained: Run, tests: Path, tmp_path: Path) -> None:
    folders.write(tests, {"2.jpg": sample_images.HTML, "5.jpg": b""})
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    assert dict(written.unreadable) == {"2": "not an image (looks like HTML)", "5": "empty file"}
    train = {c.name: c.train for c in trained.metrics.data.classes}
    shares = [train[name] / sum(train.values()) for name in ("plain", "dots", "stripes")]
    rows = table(tmp_path / "out.csv")[1:]
    assert len(rows) == 6
    for place in (1, 4):
        assert [float(cell) for cell in rows[place][1:]] == pytest.approx(shares)
    with pytest.raises(DataError, match="none of the 6 files could be read"):
        tellapart.submit(trained.folder, folders.write(tests, {f"{i}.jpg": b"" for i in range(1, 7)}), sample=given)


@pytest.mark.parametrize("inside", ["test", "competition/test", "competition/test/test"])
def test_folders_as_kaggle_packs_them(trained: Run, tests: Path, tmp_path: Path, inside: str) -> None:
    root = tmp_path / "data"
    shutil.copytree(tests, root / inside)
    folders.write(root / inside.partition("/test")[0].removesuffix("test"), {"train/dots/1.jpg": folders.class_photo("dots", 900)})
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, root, sample=given, out=tmp_path / "out.csv")
    assert (written.rows, written.unused) == (6, ()), "training images of the same name are no test images"


def test_extra_images_are_left_out_and_told(trained: Run, tests: Path, tmp_path: Path) -> None:
    folders.write(tests, {"extra.jpg": b"never read", "sub/other.jpg": b""})
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    assert set(written.unused) == {"extra.jpg", "sub/other.jpg"}
    assert dict(written.unreadable) == {}


def test_missing_images_are_an_error_and_nothing_is_written(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 9)))
    with pytest.raises(DataError, match="2 of 8 ids have no file: '7', '8'"):
        tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_ids_come_back_as_they_were(trained: Run, tmp_path: Path) -> None:
    names = ["caf\u00e9, no. 1", 'with "quotes"', "\u5c71", "0007"]
    root = folders.write(tmp_path / "test", {f"{name}.jpg": folders.class_photo("dots", 500 + i) for i, name in enumerate(names)})
    (root / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"")
    data = "\ufeffid,Plain,dots,STRIPE\r\n" + "".join('"{}",1,0,0\r\n'.format(name.replace('"', '""')) for name in names)
    written = tellapart.submit(trained.folder, root, sample=sample(tmp_path, "", data=data.encode()), out=tmp_path / "out.csv")
    assert [row[0] for row in table(tmp_path / "out.csv")] == ["id", *names]
    raw = (tmp_path / "out.csv").read_bytes()
    assert raw.startswith(b"id,Plain")
    assert b"\r" not in raw
    assert raw.endswith(b"\n")
    assert written.unused == ("caf\\xe9.jpg",)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is empty"),
        (b"id,Plain,dots,STRIPE\n", "no rows"),
        (b"id,Plain,dots,STRIPE\n1,0,0,1\n1,0,0,1\n", "more than once: '1'"),
        (b"id,Plain,dots,bird\n1,0,0,1\n", "no class of the run is called 'bird'; there is no column for the class 'stripes'"),
        (b"\xff\xd8\xff\xe0 an image", "not text in UTF-8"),
        (b"just words\nno table\n", "only one column"),
    ],
)
def test_a_bad_sample_is_a_clear_error(trained: Run, tests: Path, tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        tellapart.submit(trained.folder, tests, sample=sample(tmp_path, "", data=data), out=tmp_path / "out.csv")
    assert caught.value.hint
    assert not (tmp_path / "out.csv").exists()


def test_the_sample_is_never_overwritten(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    before = given.read_bytes()
    (tmp_path / "link.csv").symlink_to(given)
    os.link(given, tmp_path / "hard.csv")
    for out in (given, tmp_path / "test/../sample_submission.csv", tmp_path / "link.csv", tmp_path / "hard.csv"):
        with pytest.raises(OptionError, match="is the sample itself"):
            tellapart.submit(trained.folder, tests, sample=given, out=out)
    assert given.read_bytes() == before
    with pytest.raises(OptionError, match="sample must be given"):
        tellapart.submit(trained.folder, tests)
    with pytest.raises(OptionError, match=r"must end in \.csv"):
        tellapart.submit(trained.folder, tests, sample=given, out="x.txt")


def test_a_damaged_model_writes_nothing(trained: Run, tests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tellapart import calibration

    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    monkeypatch.setattr(calibration, "clip_probabilities", lambda probabilities, clip: np.full_like(probabilities, np.nan))
    with pytest.raises(ModelError, match="nothing was written: 6 of 6 rows hold"):
        tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_the_command_says_what_was_written(trained: Run, tests: Path, tmp_path: Path) -> None:
    folders.write(tests, {"2.jpg": b"", "extra.jpg": b""})
    given = sample(tmp_path, HEADER, *(f"{i},0,0,1" for i in range(1, 7)))
    words = ["submit", str(trained.folder), str(tests), "--sample", str(given), "--out", str(tmp_path / "out.csv"), "-q"]
    said = CliRunner().invoke(door, words).stdout
    assert said.startswith("6 rows, id = file name without suffix, Plain = p(plain), dots = p(dots), STRIPE = p(stripes)\n")
    assert "(the run's own, fitted out of fold)" in said
    assert "expected log loss 0." in said
    assert "1 of 6 images could not be read; their rows hold the training images' class shares (dots 33.3 %" in said
    assert "  2  (empty file)" in said
    assert "1 of 7 images have no id in the sample and were left out:\n  extra.jpg" in said
    assert said.rstrip().endswith("out.csv")
    clipped = CliRunner().invoke(door, [*words, "--clip", "0.1"]).stdout
    assert "clip 0.1 (--clip; the run's own is 0.0" in clipped
    content = json.loads(CliRunner().invoke(door, [*words, "--json"]).stdout)
    assert content["path"] == str(tmp_path / "out.csv")
    assert content["rows"] == 6
    assert content["ids"] == {"column": "id", "matched_by": "file name without suffix"}
    assert content["columns"] == {"Plain": "plain", "dots": "dots", "STRIPE": "stripes"}
    assert content["clip"]["source"] == "run"
    assert content["unreadable"] == {"2": "empty file"}
    assert content["unused"] == ["extra.jpg"]
    assert content["expected_log_loss"] == trained.metrics.parts["test"].log_loss.as_dict()


def test_views_are_averaged_as_predict_averages_them(trained: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, HEADER, *(f"{i},0.3,0.3,0.3" for i in range(1, 7)))
    written = tellapart.submit(trained.folder, tests, sample=given, out=tmp_path / "out.csv", tta=2, tta_augment="light")
    found = tellapart.predict(trained.folder, tests, tta=2, tta_augment="light").predictions
    values = np.array([[float(cell) for cell in row[1:]] for row in table(tmp_path / "out.csv")[1:]])
    assert values == pytest.approx(found.probabilities[:, [1, 0, 2]], abs=1e-12)
    assert written.views == written.as_dict()["views"] == 2
    said = CliRunner().invoke(
        door, ["submit", str(trained.folder), str(tests), "--sample", str(given), "--tta", "2", "--out", str(tmp_path / "o.csv")]
    )
    assert "averaged over 2 views of each image; the run was evaluated with one" in said.stdout


def test_the_command_asks_for_the_class(pair: Run, tests: Path, tmp_path: Path) -> None:
    given = sample(tmp_path, "id,label", *(f"{i},0.5" for i in range(1, 7)))
    words = ["submit", str(pair.folder), str(tests), "--sample", str(given), "--out", str(tmp_path / "out.csv"), "-q"]
    result = CliRunner().invoke(door, words)
    assert result.exit_code == 2
    assert "--class; the classes are dots, stripes" in result.stderr
    assert CliRunner().invoke(door, [*words, "--class", "dot"]).stdout.startswith("6 rows, id = file name without suffix, label = p(dots)")
