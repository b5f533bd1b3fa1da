from __future__ import annotations

import csv
import os
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.cli.output.balance import _bar
from tellapart.commands.balance import advice
from tellapart.dataset import open_dataset
from tellapart.errors import DataError, OptionError
from tellapart.run_folder import Run
from tests import folders, sample_images


@pytest.fixture
def root(trained: Run, photos: Path, tmp_path: Path) -> Path:
    """24 images of dots, of which four are copies of a fifth in other files, and 8 of stripes."""
    place = folders.some_of(photos, tmp_path / "photos", each=20, kinds=("dots",))
    folders.some_of(photos, tmp_path / "photos", each=8, kinds=("stripes",))
    copies = {
        f"dots/copy {quality}.jpg": sample_images.encoded(folders.class_image("dots", 0), quality=quality) for quality in (40, 50, 60, 70)
    }
    return folders.write(place, copies)


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_counting_writes_nothing_and_says_what_to_do(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    found = tellapart.balance(root)
    assert [(one.label, one.train, one.kept, one.weight) for one in found.classes] == [
        ("dots", 24, 24, 0.6667),
        ("stripes", 8, 8, 2.0),
    ]
    assert (found.ratio, found.out, found.left_out) == (3.0, None, 0)
    assert "'stripes' has only 8 images" in found.advice
    assert folders.contents(root) == before
    assert [p.name for p in tmp_path.iterdir()] == ["photos"]


def test_undersampling_leaves_the_test_as_it_is_and_copies_out_first(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    plain = tellapart.train(root, backbone="lite0", n_splits=0, learning_curve=False, out=tmp_path / "runs")
    found = tellapart.balance(root, strategy="undersample", backbone="lite0", out=tmp_path / "lists" / "even list.csv")
    rows = listed(tmp_path / "lists/even list.csv")
    parts = Counter((row["part"], row["label"]) for row in rows)
    counts = {one.label: one.train for one in found.classes}
    assert parts[("train", "dots")] == parts[("train", "stripes")] == counts["stripes"] < counts["dots"]
    assert found.left_out == counts["dots"] - counts["stripes"]
    tested = {os.path.normpath(tmp_path / "lists" / row["path"]) for row in rows if row["part"] == "test"}
    assert tested == {str(root / row.path) for row in plain.rows if row.part == "test"}
    assert folders.contents(root) == before
    groups = Counter(row["group"] for row in rows if row["part"] == "train")
    assert set(groups.values()) == {1}, "no copy stays where another photo could"
    run = tellapart.train(tmp_path / "lists/even list.csv", backbone="lite0", n_splits=0, learning_curve=False, out=tmp_path / "runs")
    assert run.metrics.data.used == len(rows)
    assert run.metrics.parts["test"].n == plain.metrics.parts["test"].n


def test_a_cap_takes_at_most_so_many_and_keeps_your_parts_and_labels(root: Path, tmp_path: Path) -> None:
    for kind in ("dots", "stripes"):
        (root / f"train/{kind}").mkdir(parents=True)
        (root / f"val/{kind}").mkdir(parents=True)
        for number, file in enumerate(sorted((root / kind).iterdir())):
            file.rename(root / ("val" if number < 3 else "train") / kind / file.name)
        (root / kind).rmdir()
    tellapart.relabel(root, ["train/stripes/stripes 07.jpg"], to="dots")
    tellapart.exclude(root, ["val/dots/copy 40.jpg"])
    found = tellapart.balance(root, cap=6, backbone="lite0", out=tmp_path / "list.csv")
    assert found.strategy == "cap"
    parts = Counter((row["part"], row["label"]) for row in listed(tmp_path / "list.csv"))
    assert (parts[("train", "dots")], parts[("train", "stripes")], parts[("val", "stripes")]) == (6, 4, 3)
    assert sum(count for (part, _), count in parts.items() if part == "val") == 5
    read = open_dataset(tmp_path / "list.csv")
    assert all(read.file(entry).is_file() for entry in read.entries)


WRONG: dict[str, tuple[dict[str, object], str, str]] = {
    "oversample": ({"strategy": "oversample"}, "a row given twice is an exact copy", "--balance oversample --recipe finetune"),
    "weights": ({"strategy": "weights"}, "training does that itself", "--balance weights"),
    "cap without a number": ({"strategy": "cap"}, "cap needs a number", "--cap 500"),
    "a number without cap": ({"strategy": "undersample", "cap": 5}, "cap has no effect with --strategy undersample", "leave it out"),
    "a number with none": ({"strategy": "none", "cap": 5}, "cap has no effect with --strategy none", "leave it out"),
    "a list that is no table": ({"strategy": "undersample", "out": "list.txt"}, "must be a file that ends in .csv", ""),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_cannot_be_is_said_with_what_can(root: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    options, said, hint = WRONG[case]
    monkeypatch.chdir(root.parent)
    with pytest.raises(OptionError, match=said) as caught:
        tellapart.balance("photos", **options)
    assert hint in (caught.value.hint or "")


def test_a_list_is_never_written_over_another(root: Path, tmp_path: Path) -> None:
    (tmp_path / "list.csv").write_text("mine")
    with pytest.raises(OptionError, match="already exists"):
        tellapart.balance(root, cap=5, out=tmp_path / "list.csv")
    assert (tmp_path / "list.csv").read_text() == "mine"


def test_nothing_to_balance_is_said(tmp_path: Path) -> None:
    one = folders.write(tmp_path / "one", {f"a/{i}.jpg": sample_images.photo(i) for i in range(3)})
    with pytest.raises(DataError, match="only one class, 'a'"):
        tellapart.balance(one)
    loose = folders.write(tmp_path / "loose", {f"{i}.jpg": sample_images.photo(i) for i in range(3)})
    with pytest.raises(DataError, match="no image in "):
        tellapart.balance(loose)
    with pytest.raises(DataError, match="there is no folder"):
        tellapart.balance(tmp_path / "nowhere")


def test_advice_fits_the_numbers() -> None:
    assert advice({"a": 100, "b": 110}) == "the classes are about even: nothing to do"
    assert "--balance weights" in advice({"a": 100, "b": 700})
    assert advice({"a": 20, "b": 700}).startswith("'a' has only 20 images: more of them help more than any weighting")


def test_bars_show_what_is_kept() -> None:
    assert _bar(10, 10, 10, width=10) == "█" * 10
    assert _bar(5, 10, 10, width=10) == "█" * 5 + "░" * 5
    assert _bar(1, 1, 10_000, width=10) == "█"


def test_the_command_shows_bars_and_where_the_list_lies(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(door, ["balance", "photos"], catch_exceptions=False).stdout
    assert "dots         24           " + "█" * 40 + "  0.67" in told
    assert "the largest class has 3 times the training images of the smallest" in told
    told = CliRunner().invoke(door, ["balance", "photos", "--cap", "5", "--backbone", "lite0"], catch_exceptions=False).stdout
    assert "balanced.csv  (next: tellapart train balanced.csv)" in told
    assert "val and test keep their natural distribution" in told
