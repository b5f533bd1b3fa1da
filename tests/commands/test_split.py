from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.commands.split import SplitResult
from tellapart.dataset import open_dataset
from tellapart.errors import DataError, OptionError
from tests import folders, sample_images


def rows_of(manifest: Path) -> list[dict[str, str]]:
    with manifest.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def part_of(manifest: Path, key: str = "sha256") -> dict[str, str]:
    return {row[key]: row["part"] for row in rows_of(manifest)}


def split(root: Path, out: Path, **options: Any) -> SplitResult:
    return tellapart.split(root, out=out, **({"backbone": "none"} | options))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two classes of 20 small images, named by patient: five of each patient, who is in one class."""
    files = {
        f"{kind}/p{10 * (kind == 'b') + n // 5}_{n % 5}.jpg": sample_images.photo(100 * (kind == "b") + n, 48, 40)
        for kind in "ab"
        for n in range(20)
    }
    return folders.write(tmp_path / "photos", files)


def test_shares_are_met_in_every_class_and_the_manifest_is_what_other_verbs_take(root: Path, tmp_path: Path) -> None:
    before = folders.contents(root)
    found = split(root, tmp_path / "lists/split.csv", val=0.1, test=0.2)
    assert (found.strategy, found.images, found.groups, found.kept) == ("stratified", 40, 40, 0)
    assert found.parts == {"train": {"a": 14, "b": 14}, "val": {"a": 2, "b": 2}, "test": {"a": 4, "b": 4}}
    assert found.crossings.groups == 0
    again = open_dataset(tmp_path / "lists/split.csv")
    assert {(e.part, e.label) for e in again.entries} == {(part, label) for part in ("train", "val", "test") for label in "ab"}
    assert all(again.file(entry).is_file() for entry in again.entries)
    assert {k: v for k, v in folders.contents(root).items() if ".tellapart" not in k} == before


def test_seeds_give_other_splits_and_the_same_seed_the_same(root: Path, tmp_path: Path) -> None:
    parts = [split(root, tmp_path / f"{n}.csv", seed=seed) and part_of(tmp_path / f"{n}.csv") for n, seed in enumerate((0, 0, 1))]
    assert parts[0] == parts[1] != parts[2]


def test_what_a_pattern_catches_stays_together(root: Path, tmp_path: Path) -> None:
    found = split(root, tmp_path / "split.csv", pattern=r"(p\d+)_", val=0.0, test=0.25)
    assert found.groups == 8
    assert found.parts == {"train": {"a": 15, "b": 15}, "test": {"a": 5, "b": 5}}
    groups = {row["group"]: row["part"] for row in rows_of(tmp_path / "split.csv")}
    assert sorted(groups) == sorted(f"p{n}" for n in (0, 1, 2, 3, 10, 11, 12, 13))


def test_what_a_column_or_the_host_of_a_page_names_alike_stays_together(root: Path, tmp_path: Path) -> None:
    lines = ["file_name,label,group,page,creator"]
    for path in sorted(p.relative_to(root).as_posix() for p in root.rglob("*.jpg")):
        patient = path.partition("/")[2].partition("_")[0]
        lines.append(f"./{path},{path[0]},,https://www.site{int(patient[1:]) % 4}.org/{path},{patient}")
    (root / "ATTRIBUTION.csv").write_text("\n".join(lines) + "\n")
    assert split(root, tmp_path / "1.csv", group="Creator").groups == 8
    assert split(root, tmp_path / "2.csv", group="host").groups == 4
    assert {row["group"] for row in rows_of(tmp_path / "2.csv")} == {f"site{n}.org" for n in range(4)}
    assert split(root, tmp_path / "3.csv", group="page").groups == 40
    with pytest.raises(DataError, match="has no column license; its columns are file_name"):
        split(root, tmp_path / "4.csv", group="license")


def test_new_images_never_move_old_ones_and_join_their_copies(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "split.csv"
    split(root, out)
    before = part_of(out)
    folders.write(root, {f"a/new{n}.jpg": sample_images.photo(900 + n, 48, 40) for n in range(30)})
    (root / "a/p0_0.jpg").rename(root / "a/renamed.jpg")
    copies = {f"a/copy{n}.jpg": (root / f"a/p1_{n}.jpg").read_bytes() for n in range(5)}
    folders.write(root, copies)
    found = split(root, out, seed=5)
    after = part_of(out)
    assert {content: after[content] for content in before} == before
    assert (found.images, found.kept) == (70, 40)
    assert set(found.left_out.values()) == {f"exact copy of a/copy{n}.jpg" for n in range(5)}
    assert len(set(part_of(out, "path").values())) == 3
    assert split(root, out, reset=True, seed=5).kept == 0
    assert part_of(out) != after


def test_a_new_near_duplicate_joins_the_part_of_the_old_image(tmp_path: Path) -> None:
    images = [folders.class_image("plain", seed, side=300) for seed in range(12)]
    root = folders.write(
        tmp_path / "photos", {f"{'ab'[n % 2]}/{n:02}.jpg": sample_images.encoded(image, quality=92) for n, image in enumerate(images)}
    )
    out = tmp_path / "split.csv"
    split(root, out, val=0.0, test=0.3)
    before = {Path(path).name: part for path, part in part_of(out, "path").items()}
    folders.write(root, {f"{'ab'[n % 2]}/{n:02} again.jpg": sample_images.encoded(image, quality=75) for n, image in enumerate(images)})
    found = split(root, out, backbone="lite0", val=0.0, test=0.3)
    after = {Path(path).name: part for path, part in part_of(out, "path").items()}
    assert found.groups == 12
    assert after == before | {name.replace(".jpg", " again.jpg"): part for name, part in before.items()}


def test_another_file_can_say_what_to_keep(root: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.csv").write_text("path,part\nphotos/a/p0_0.jpg,test\nphotos/a/p0_1.jpg,val\n")
    found = split(root, tmp_path / "split.csv", previous=tmp_path / "mine.csv")
    parts = {Path(path).name: part for path, part in part_of(tmp_path / "split.csv", "path").items()}
    assert (parts["p0_0.jpg"], parts["p0_1.jpg"], found.kept) == ("test", "val", 2)


def test_random_places_no_image_by_the_others(root: Path, tmp_path: Path) -> None:
    split(root, tmp_path / "1.csv", strategy="random", test=0.4)
    before = part_of(tmp_path / "1.csv")
    assert len(set(before.values())) == 3
    for path in sorted(root.rglob("*_3.jpg")):
        path.unlink()
    folders.write(root, {f"b/new{n}.jpg": sample_images.photo(900 + n, 48, 40) for n in range(30)})
    split(root, tmp_path / "2.csv", strategy="random", test=0.4)
    after = part_of(tmp_path / "2.csv")
    assert len(after) == 62
    assert all(after[content] == before[content] for content in after.keys() & before.keys())


def test_folds_are_numbered_and_kept(root: Path, tmp_path: Path) -> None:
    out = tmp_path / "split.csv"
    found = split(root, out, folds=5, val=0.0, test=0.0, pattern=r"(p\d+)_")
    assert sum(found.folds.values()) == 40
    assert "'a', 'b': not in every one of the 5 folds, for want of groups" in found.notes
    fold_of = {row["sha256"]: row["fold"] for row in rows_of(out)}
    assert len({(row["group"], row["fold"]) for row in rows_of(out)}) == 8
    folders.write(root, {"a/new.jpg": sample_images.photo(901, 48, 40), "a/p0_9.jpg": sample_images.photo(902, 48, 40)})
    split(root, out, folds=5, val=0.0, test=0.0, pattern=r"(p\d+)_")
    rows = {row["sha256"]: row for row in rows_of(out)}
    assert {content: rows[content]["fold"] for content in fold_of} == fold_of
    assert len({row["fold"] for row in rows.values() if row["group"] == "p0"}) == 1
    with pytest.raises(OptionError, match="the earlier split has 5 folds, not 3"):
        split(root, out, val=0.0, test=0.0, folds=3)


def with_colors(image: Image.Image, seed: int) -> Image.Image:
    """An image with smooth colors laid over it, so that a model is less sure of its class than of the image itself."""
    grid = np.clip(np.random.default_rng(seed).normal(128, 110, (8, 8, 3)), 0, 255).astype(np.uint8)
    colors = np.asarray(Image.fromarray(grid).resize(image.size, Image.Resampling.BICUBIC), dtype=np.float32)
    return Image.fromarray(np.clip(np.asarray(image.convert("RGB")) + colors - 128, 0, 255).astype(np.uint8))


def test_a_bad_split_is_reproduced_marked_and_priced(tmp_path: Path) -> None:
    images = {
        kind: [with_colors(folders.class_image(kind, seed, side=200), seed + first) for seed in range(16)]
        for kind, first in (("dots", 0), ("plain", 1000))
    }
    files = {f"{kind}/{n:02}.jpg": sample_images.encoded(image, quality=90) for kind in images for n, image in enumerate(images[kind])}
    files |= {f"{kind}/x{n}.jpg": sample_images.encoded(images[kind][n], quality=40) for kind in images for n in range(4)}
    root = folders.write(tmp_path / "photos", files)
    out = tmp_path / "bad.csv"
    found = split(root, out, first_n=8, backbone="lite0")
    assert (found.strategy, found.parts["val"]) == ("first 8", {"dots": 8, "plain": 8})
    assert {Path(path).name for path, part in part_of(out, "path").items() if part == "val"} == {f"{n:02}.jpg" for n in range(8)}
    assert {row["strategy"] for row in rows_of(out)} == {"first 8"}
    crossed = found.crossings
    assert (crossed.images, crossed.near_pairs, crossed.exact_pairs, crossed.groups) == (8, 8, 0, 8)
    assert {tuple(sorted((Path(p.first).name, Path(p.second).name))) for p in crossed.pairs} == {
        (f"0{n}.jpg", f"x{n}.jpg") for n in range(4)
    }
    leak = found.leak
    assert (leak.kind, leak.part, leak.n, leak.images, leak.trained_on) == ("leaking", "val", 16, 8, 16)
    assert leak.naive.log_loss.value < leak.honest.log_loss.value
    assert leak.comparison.n == 16
    honest = split(root, tmp_path / "good.csv", backbone="lite0", test=0.4, val=0.0)
    assert honest.crossings.groups == 0
    assert honest.leak.kind == "would leak"
    said = CliRunner().invoke(door, ["split", str(root), "--out", str(tmp_path / "b.csv"), "--first-n", "8", "--backbone", "lite0", "-q"])
    assert "first 8: a bad split, made on purpose" in said.stdout
    assert "8 groups lie in several parts: 0 pairs of the same bytes, 8 of near-duplicates; 8 training images are affected" in said.stdout
    assert "with and without the 8 that leak" in said.stdout


def test_own_parts_are_kept_and_what_crosses_them_is_said(tmp_path: Path) -> None:
    photo = sample_images.photo(1, 48, 40)
    files = {
        f"{part}/{kind}/{n}.jpg": sample_images.photo(hash((part, kind, n)) % 9999 + 10, 48, 40)
        for part in ("train", "valid")
        for kind in "ab"
        for n in range(4)
    }
    root = folders.write(tmp_path / "photos", files | {"train/a/9.jpg": photo, "valid/a/9.jpg": photo})
    found = split(root, tmp_path / "split.csv")
    assert (found.strategy, found.crossings.exact_pairs, found.crossings.images) == ("own", 1, 1)
    assert found.parts == {"train": {"a": 5, "b": 4}, "val": {"a": 5, "b": 4}}
    assert any("--strategy stratified makes new ones" in note for note in found.notes)
    mended = split(root, tmp_path / "new.csv", strategy="stratified")
    assert (mended.strategy, mended.crossings.groups) == ("stratified", 0)


def test_decisions_are_followed(root: Path, tmp_path: Path) -> None:
    tellapart.exclude(root, "a/p0_0.jpg", reason="blurred")
    tellapart.relabel(root, "a/p0_1.jpg", to="b")
    found = split(root, tmp_path / "split.csv")
    assert found.left_out == {"a/p0_0.jpg": "excluded: blurred"}
    labels = {Path(row["path"]).name: row["label"] for row in rows_of(tmp_path / "split.csv")}
    assert "p0_0.jpg" not in labels
    assert labels["p0_1.jpg"] == "b"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"val": 0.5, "test": 0.5}, "leave nothing to train on"),
        ({"val": 0.0, "test": 0.0}, "nothing is held out"),
        ({"folds": 1}, "one fold holds nothing out"),
        ({"first_n": 3, "strategy": "random"}, "does not go with --strategy"),
        ({"pattern": "(unclosed"}, "is no regular expression"),
        ({"pattern": "a", "group": "b"}, "two ways to say the same"),
        ({"out": "x.txt"}, "must be a file that ends in .csv"),
    ],
)
def test_options_that_cannot_be_are_refused(root: Path, tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        split(root, **{"out": tmp_path / "split.csv"} | options)
    assert not list(tmp_path.glob("*.csv"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "/"}, "all 40 images are one group"),
        ({"pattern": "nothing like it"}, "matches none of the 40 paths"),
        ({"group": "page"}, "has no table with columns"),
        ({"first_n": 20}, "has only 20 images; taking the first 20 leaves none to train on"),
        ({"strategy": "own"}, "there are no parts to keep"),
        ({"previous": "absent.csv"}, "there is no file"),
    ],
)
def test_what_cannot_be_divided_is_a_clear_error_and_writes_nothing(
    root: Path, tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        split(root, tmp_path / "split.csv", **options)
    assert not list(tmp_path.glob("*.csv"))


def test_nothing_is_written_among_the_photos_or_over_a_table_that_is_no_split(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="is in the folder of the images"):
        split(root, root / "split.csv")
    (tmp_path / "notes.csv").write_text("name,remark\na,b\n")
    with pytest.raises(DataError, match="is no split"):
        split(root, tmp_path / "notes.csv")
    assert (tmp_path / "notes.csv").read_text() == "name,remark\na,b\n"
    split(root, tmp_path / "split.csv")
    with pytest.raises(OptionError, match="is the manifest that is read"):
        split(tmp_path / "split.csv", tmp_path / "split.csv")


def test_one_class_no_labels_and_odd_names_can_be_divided(tmp_path: Path) -> None:
    odd = ['ß, "1"\n.jpg', "a b.jpg", "=1.jpg", *(f"{n}.jpg" for n in range(7))]
    root = folders.write(tmp_path / "flat", {name: sample_images.photo(n, 48, 40) for n, name in enumerate(odd)})
    found = split(root, tmp_path / "flat.csv", test=0.3, val=0.0)
    assert found.parts == {"train": {"": 7}, "test": {"": 3}}
    assert {open_dataset(tmp_path / "flat.csv").file(e).resolve() for e in open_dataset(tmp_path / "flat.csv").entries} == {
        (root / name).resolve() for name in odd
    }
    one = folders.write(tmp_path / "one", {f"a/{name}": sample_images.photo(n, 48, 40) for n, name in enumerate(odd)})
    assert "there is only one class; a classifier needs two" in split(one, tmp_path / "one.csv").notes


def test_from_the_command_line(root: Path, tmp_path: Path) -> None:
    folders.write(root, {"a/broken.jpg": b""})
    words = ["split", str(root), "--out", str(tmp_path / "split.csv"), "--backbone", "none", "--quiet"]
    plain = CliRunner().invoke(door, words, catch_exceptions=False)
    assert plain.exit_code == 0, plain.output
    assert "40 images in 40 groups, stratified" in plain.stdout
    assert "1 left out:" in plain.stdout
    assert "1 x empty file" in plain.stdout
    assert "no group lies in two parts" in plain.stdout
    spoken = CliRunner().invoke(door, [*words, "--json"], catch_exceptions=False)
    assert json.loads(spoken.stdout)["kept"] == 40


def test_a_train_part_alone_is_divided_and_names_of_files_are_offered_as_labels(tmp_path: Path) -> None:
    names = [f"train/{kind}.{number}.jpg" for kind in ("cat", "dog") for number in range(10)]
    files = {name: sample_images.photo(seed, 40, 30) for seed, name in enumerate([*names, "test1/1.jpg"])}
    root = folders.write(tmp_path / "photos", files)
    unlabeled = split(root, tmp_path / "a.csv", backbone="none")
    assert any("--label-folder filename" in note and "(cat, dog)" in note for note in unlabeled.notes)
    labeled = split(root, tmp_path / "b.csv", backbone="none", label_folder="filename")
    assert {part: set(counts) for part, counts in labeled.parts.items()} == {part: {"cat", "dog"} for part in ("train", "val", "test")}
    assert list(labeled.left_out) == ["test1/1.jpg"]
