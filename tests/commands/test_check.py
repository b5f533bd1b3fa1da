from __future__ import annotations

import csv
import json
import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image, ImageFilter

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.cli.output.check import check_output
from tellapart.commands.check import CheckResult
from tellapart.curation.issues import NAMES
from tellapart.dataset.decisions import read_decisions, undo_batch
from tellapart.errors import DataError, OptionError
from tests import folders, sample_images

EACH = 20


@pytest.fixture(scope="module")
def sound(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes, nothing planted."""
    return folders.some_of(photos, tmp_path_factory.mktemp("sound") / "photos", each=EACH, kinds=("dots", "stripes"))


@pytest.fixture
def root(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sound, tmp_path / "photos", ignore=shutil.ignore_patterns(".tellapart")))


def check(root: Path, tmp_path: Path, **options: Any) -> CheckResult:
    return tellapart.check(root, out=tmp_path / "check", **{"backbone": "lite0", **options})


def flagged(found: CheckResult) -> dict[str, set[str]]:
    """Paths by issue, from review.json."""
    view = json.loads(found.review.with_suffix(".json").read_text())
    return {issue["name"]: {view["rows"][row]["path"] for row in issue["rows"]} for issue in view["issues"] if issue["rows"]}


def table(found: CheckResult) -> dict[str, dict[str, str]]:
    with found.table.open(newline="", encoding="utf-8") as file:
        return {row["path"]: row for row in csv.DictReader(file)}


def put(root: Path, name: str, content: bytes | Image.Image) -> str:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else sample_images.encoded(content, "PNG"))
    return name


def test_every_planted_fault_is_found_where_it_was_planted(root: Path, tmp_path: Path) -> None:
    dots = sorted(path.name for path in (root / "dots").iterdir())
    image = folders.class_image("dots", 99, 300)
    planted = {
        "unreadable": put(root, "dots/page.jpg", sample_images.HTML),
        "exact_duplicate": put(root, "dots/z copy.jpg", (root / "dots" / dots[0]).read_bytes()),
        "near_duplicate": put(root, "dots/again.jpg", sample_images.encoded(Image.open(root / "dots" / dots[1]), quality=40)),
        "small": put(root, "dots/small.png", folders.class_image("dots", 71, 50)),
        "blurred": put(root, "dots/blurred.png", folders.class_image("dots", 72, 300).filter(ImageFilter.GaussianBlur(9))),
        "dark": put(root, "dots/dark.png", image.point(lambda level: level // 5)),
        "bright": put(root, "dots/bright.png", folders.class_image("dots", 73, 300).point(lambda level: 210 + level // 6)),
        "flat": put(root, "dots/flat.png", Image.new("RGB", (300, 300), (120, 130, 140))),
        "odd_aspect": put(root, "dots/strip.png", folders.class_image("dots", 74, 500).resize((700, 120))),
        "gray": put(root, "dots/gray.png", folders.class_image("dots", 75, 300).convert("L")),
    }
    contradicted = {f"stripes/{dots[2]}", f"dots/{dots[2]}"}
    put(root, f"stripes/{dots[2]}", (root / "dots" / dots[2]).read_bytes())
    before = folders.contents(root)
    found = check(root, tmp_path)
    seen = flagged(found)
    for name, path in planted.items():
        assert path in seen[name], name
    assert seen["unreadable"] == {"dots/page.jpg"}
    assert seen["exact_duplicate"] == {"dots/z copy.jpg"}
    assert seen["near_duplicate"] == {"dots/again.jpg"}, "the first copy is larger, and stays"
    assert seen["contradiction"] == contradicted
    assert seen["flat"] == {"dots/flat.png"}
    assert seen["odd_aspect"] == {"dots/strip.png"}
    assert seen["small"] == {"dots/small.png"}
    assert "looks like HTML" in next(issue.reason or "" for issue in found.issues if issue.name == "unreadable")
    assert folders.contents(root) == before
    rows = table(found)
    assert len(rows) == found.files == 2 * EACH + len(planted) + 1
    for row in rows.values():
        assert all(0 <= float(row[name]) <= 1 for name in NAMES if row.get(name))
    assert rows["dots/page.jpg"]["dark"] == "", "what cannot be read is not measured"
    assert "exact_duplicate" in rows["dots/z copy.jpg"]["issues"].split()


def test_a_swapped_label_is_suggested_back_and_never_applied(photos: Path, tmp_path: Path) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=30, kinds=("dots", "stripes"))
    name = sorted((root / "dots").iterdir())[4].name
    (root / "dots" / name).rename(root / "stripes" / name)
    found = check(root, tmp_path)
    assert f"stripes/{name}" in flagged(found)["mislabeled"]
    row = table(found)[f"stripes/{name}"]
    assert row["suggested"] == "dots"
    assert float(row["mislabeled"]) < 0.5 < float(row["probability"])
    assert 0 < found.noise < 0.2
    assert {one.path for one in found.doubtful} <= flagged(found)["mislabeled"] | flagged(found).get("outlier", set())
    assert f"stripes/{name}" in {one.path for one in found.doubtful}
    assert {one.name: one.proposal for one in found.issues}["outlier"] is None
    lines, _ = check_output(replace(found, issues=tuple(one for one in found.issues if one.proposal is None)))
    assert not any("to exclude at once" in str(line) or "speaks against" in str(line) for line in lines)
    with pytest.raises(OptionError, match=r"never changed by a check.*relabel"):
        check(root, tmp_path, apply="duplicates,mislabeled")


def test_applying_writes_decisions_touches_no_file_and_can_be_undone(root: Path, tmp_path: Path) -> None:
    first = sorted((root / "dots").iterdir())[0]
    copy = put(root, "dots/z copy.jpg", first.read_bytes())
    broken = put(root, "stripes/page.jpg", sample_images.HTML)
    before = folders.contents(root)
    found = check(root, tmp_path, apply="duplicates,broken")
    assert {(one.path, one.action) for one in found.applied.changed} == {(copy, "exclude"), (broken, "exclude")}
    assert found.applied.counts == {"unreadable": 1, "exact_duplicate": 1}
    assert folders.contents(root) == before
    state = root / ".tellapart"
    assert {(one.path, one.why, one.is_of_file) for one in read_decisions(state).log} >= {(copy, "exact_duplicate", True)}
    assert table(found)[copy]["reason"] == "excluded: exact_duplicate"
    again = check(root, tmp_path, apply="duplicates,broken")
    assert again.applied.changed == (), "what is excluded is not found again"
    assert "exact_duplicate" not in flagged(again)
    assert len(read_decisions(state).log) == 2
    undo_batch(state)
    assert flagged(check(root, tmp_path))["exact_duplicate"] == {copy}


def test_leaks_take_out_the_training_copy(sound: Path, tmp_path: Path) -> None:
    root = tmp_path / "photos"
    for kind in ("dots", "stripes"):
        names = sorted(path.name for path in (sound / kind).iterdir())
        for part, own in (("train", names[:14]), ("test", names[13:])):
            (root / part / kind).mkdir(parents=True)
            for name in own:
                shutil.copy2(sound / kind / name, root / part / kind / name)
    found = check(root, tmp_path, apply="leaks")
    leaked = {f"train/{kind}/{sorted(p.name for p in (sound / kind).iterdir())[13]}" for kind in ("dots", "stripes")}
    assert flagged(found)["leak"] == leaked == {one.path for one in found.applied.changed}


def test_a_placeholder_is_told_from_a_photo_that_came_twice(root: Path, tmp_path: Path) -> None:
    sign = Image.new("RGB", (200, 200), (230, 230, 230))
    sign.paste((200, 30, 30), (40, 90, 160, 110))
    names = {put(root, f"{kind}/sign {number}.png", sign) for kind, number in (("dots", 1), ("dots", 2), ("stripes", 3))}
    found = check(root, tmp_path, backbone="none", apply="placeholders")
    assert flagged(found)["placeholder"] == names
    assert {one.path for one in found.applied.changed} == names


def test_without_a_backbone_what_it_needs_is_said_to_be_left_out(root: Path, tmp_path: Path) -> None:
    first, second = sorted((root / "dots").iterdir())[:2]
    put(root, "dots/z copy.jpg", first.read_bytes())
    put(root, "dots/again.jpg", sample_images.encoded(Image.open(second), quality=40))
    found = check(root, tmp_path, backbone="none")
    assert found.skipped == {"outlier": "it needs a backbone", "mislabeled": "it needs a backbone"}
    assert flagged(found)["exact_duplicate"] == {"dots/z copy.jpg"}
    assert flagged(found)["near_duplicate"] == {"dots/again.jpg"}
    assert any("by their pixels alone" in note for note in found.notes)
    assert found.doubtful == ()
    assert found.noise is None


def test_images_without_labels_or_of_one_class_are_checked_for_the_rest(sound: Path, tmp_path: Path) -> None:
    flat = tmp_path / "flat"
    shutil.copytree(sound / "dots", flat)
    put(flat, "page.jpg", sample_images.HTML)
    found = check(flat, tmp_path)
    assert found.skipped == {"mislabeled": "the images have no labels"}
    assert flagged(found)["unreadable"] == {"page.jpg"}
    one = tmp_path / "one"
    shutil.copytree(sound / "dots", one / "dots")
    (one / "none").mkdir()
    shutil.copytree(sound / "dots", one / "train" / "dots")
    shutil.rmtree(one / "dots")
    assert check(one, tmp_path).skipped == {"mislabeled": "there is only one class"}


def test_only_the_chosen_issues_are_looked_for(root: Path, tmp_path: Path) -> None:
    found = check(root, tmp_path, issues="broken,dark", backbone="none")
    assert [issue.name for issue in found.issues] == ["unreadable", "dark"]
    assert found.skipped == {}
    with pytest.raises(OptionError, match="small cannot be applied"):
        check(root, tmp_path, issues="broken,dark", apply="small")
    with pytest.raises(OptionError, match=r"there is no issue 'drak'.*dark"):
        check(root, tmp_path, issues="drak")


def test_a_class_is_never_emptied(root: Path, tmp_path: Path) -> None:
    for path in (root / "stripes").iterdir():
        with Image.open(path) as image:
            put(root, f"stripes/{path.stem}.png", image.convert("L"))
        path.unlink()
    with pytest.raises(DataError, match=r"gray would leave no image of 'stripes', so nothing was decided"):
        check(root, tmp_path, backbone="none", apply="gray")
    assert not read_decisions(root / ".tellapart").log


def test_results_never_lie_among_the_photos(root: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only read"):
        tellapart.check(root, out=root / "check", backbone="none")
    assert not (root / "check").exists()


def test_names_of_any_kind_are_kept_apart(root: Path, tmp_path: Path) -> None:
    names = ["dots/=1+1.jpg", "dots/with\nnewline, and comma.jpg", "dots/猫.jpg", os.fsdecode(b"dots/caf\xe9.jpg")]
    for number, name in enumerate(names):
        put(root, name, folders.class_photo("dots", 200 + number))
    rows = table(check(root, tmp_path, backbone="none"))
    assert {"dots/=1+1.jpg", "dots/with\nnewline, and comma.jpg", "dots/猫.jpg", "dots/caf\\xe9.jpg"} <= rows.keys()


def test_nothing_readable_is_a_clear_sentence(tmp_path: Path) -> None:
    put(tmp_path, "photos/dots/page.jpg", sample_images.HTML)
    with pytest.raises(DataError, match=r"dots/page\.jpg cannot be read: not an image"):
        tellapart.check(tmp_path / "photos", out=tmp_path / "check", backbone="none")


def test_the_command_shows_a_table_and_the_way_on(root: Path, tmp_path: Path) -> None:
    put(root, "dots/page.jpg", sample_images.HTML)
    arguments = ["check", str(root), "--out", str(tmp_path / "check"), "--backbone", "none", "--quiet"]
    shown = CliRunner().invoke(door, arguments)
    assert shown.exit_code == 0, shown.output
    assert "Unreadable" in shown.output
    assert "dots/page.jpg" in shown.output
    assert "review.html" in shown.output
    said = json.loads(CliRunner().invoke(door, [*arguments, "--json", "--apply", "broken"]).output)
    assert said["applied"]["counts"] == {"unreadable": 1}
    refused = CliRunner().invoke(door, [*arguments, "--apply", "mislabeled"])
    assert refused.exit_code == 2
    assert "tellapart relabel" in refused.output
