from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

import tellapart
from tellapart.dataset import Dataset, Entry
from tellapart.dataset.decisions import RELABEL, Decision, Decisions
from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, USED, FileRow
from tellapart.dataset.parts import assign_parts, check_labels, with_decisions
from tellapart.errors import DataError


def row(path: str, label: str | None, part: str | None = None, *, image_id: str | None = None, group: str | None = None) -> FileRow:
    return FileRow(path, image_id or path, label, part, group, USED, None, 100, 100, 10)


def many(label: str, n: int, part: str | None = None) -> list[FileRow]:
    return [row(f"{part or 'all'}/{label}/{i}", label, part) for i in range(n)]


def parts(rows: list[FileRow]) -> Counter[tuple[str | None, str | None]]:
    return Counter((r.part, r.label) for r in rows if r.is_used)


def test_without_parts_of_the_users_a_share_becomes_the_test() -> None:
    found = assign_parts([*many("a", 20), *many("b", 10)], [], test_share=0.2, seed=0)
    assert parts(found.rows) == {("train", "a"): 16, ("test", "a"): 4, ("train", "b"): 8, ("test", "b"): 2}


@pytest.mark.parametrize("part", ["val", "test"])
def test_the_users_part_is_honoured_and_nothing_else_held_back(part: str) -> None:
    rows = [*many("a", 9, "train"), *many("b", 9, "train"), *many("a", 3, part), *many("b", 4, part)]
    found = assign_parts(rows, [], test_share=0.5, seed=0)
    assert parts(found.rows) == {("train", "a"): 9, ("train", "b"): 9, (part, "a"): 3, (part, "b"): 4}


def test_images_without_a_part_train_when_the_user_chose_one_to_report() -> None:
    found = assign_parts([*many("a", 5), *many("b", 5), *many("a", 3, "val"), *many("b", 3, "val")], [], test_share=0.2, seed=0)
    assert parts(found.rows)[("train", "a")] == 5


def test_decisions_are_counted_by_part_and_those_on_reported_images_are_said() -> None:
    before = [*many("a", 20), *many("b", 20)]
    parts_before = {r.path: r.part for r in assign_parts(before, [], test_share=0.2, seed=0).rows}
    tested = [number for number, r in enumerate(before) if parts_before[r.path] == "test"]
    learned = [number for number, r in enumerate(before) if parts_before[r.path] == "train"]
    rows = list(before)
    for number in (*tested[:2], *learned[:3]):
        rows[number] = rows[number].left_out("excluded: blurred")
    rows[learned[5]] = replace(rows[learned[5]], label="b")
    found = with_decisions(assign_parts(rows, [], test_share=0.2, seed=0), before, [], test_share=0.2, seed=0)
    part = found.rows[learned[5]].part
    wanted = {"train": {"excluded": 3, "relabeled": 0}, "test": {"excluded": 2, "relabeled": 0}}
    wanted[str(part)]["relabeled"] += 1
    assert found.decisions == wanted
    assert f"the test part: 2 excluded, {wanted['test']['relabeled']} relabeled" in found.notes[-1]
    untouched = assign_parts(before, [], test_share=0.2, seed=0)
    assert with_decisions(untouched, before, [], test_share=0.2, seed=0) == untouched


def test_a_train_folder_alone_is_split() -> None:
    found = assign_parts([*many("a", 10, "train"), *many("b", 10, "train")], [], test_share=0.2, seed=0)
    assert parts(found.rows)[("test", "a")] == 2


def test_images_without_a_label_are_set_aside() -> None:
    found = assign_parts([*many("a", 9), *many("b", 9), row("test/1", None, "test")], [], test_share=0.2, seed=0)
    (left,) = [r for r in found.rows if not r.is_used]
    assert (left.path, left.status, left.reason) == ("test/1", SET_ASIDE, "no label")
    assert parts(found.rows)[("test", "a")] == 2, "an unlabeled test folder is nothing to report on"


def test_near_duplicates_stay_together_through_others() -> None:
    rows = [*many("a", 30), *many("b", 30)]
    chain = [("all/a/0", "all/a/1"), ("all/a/1", "all/b/2"), ("all/a/5", "all/a/6")]
    for seed in range(10):
        found = assign_parts(rows, chain, test_share=0.4, seed=seed)
        by_path = {r.path: r for r in found.rows}
        assert len({(by_path[p].part, by_path[p].group) for p in ("all/a/0", "all/a/1", "all/b/2")}) == 1
        assert len({(by_path[p].part, by_path[p].group) for p in ("all/a/5", "all/a/6")}) == 1
        assert found.duplicate_groups == [["all/a/0", "all/a/1", "all/b/2"], ["all/a/5", "all/a/6"]]


def test_the_users_groups_stay_together_and_join_with_duplicates() -> None:
    rows = [row(f"{label}/{i}", label, group=f"{label}{i // 5}") for label in "ab" for i in range(20)]
    for seed in range(10):
        found = assign_parts(rows, [("a/0", "a/5")], test_share=0.3, seed=seed)
        held: dict[str, set[str | None]] = {}
        for r in found.rows:
            held.setdefault(f"{r.label}{min(int(r.path[2:]) // 5, 99)}", set()).add(r.part)
        assert all(len(found_parts) == 1 for found_parts in held.values())
        assert held["a0"] == held["a1"]
        assert {"train", "test"} == {r.part for r in found.rows}


def test_a_leak_is_taken_out_of_training_and_told() -> None:
    rows = [*many("a", 9, "train"), *many("b", 9, "train"), *many("a", 3, "val"), *many("b", 3, "val")]
    found = assign_parts(rows, [("train/a/4", "val/a/0"), ("train/b/1", "train/b/2"), ("train/b/2", "val/b/2")], test_share=0.2, seed=0)
    assert [found.rows[i].path for i in found.leaked] == ["train/a/4", "train/b/1", "train/b/2"]
    assert found.rows[4].reason == "shows the same as val/a/0 of the val part"
    assert found.rows[4].status == SET_ASIDE
    assert parts(found.rows)[("val", "a")] == 3, "what is reported stays as the user gave it"


def test_the_same_file_in_two_parts_is_a_leak() -> None:
    rows = [*many("a", 9, "train"), *many("b", 9, "train"), row("val/x", "a", "val", image_id="train/a/0"), *many("b", 2, "val")]
    found = assign_parts(rows, [], test_share=0.2, seed=0)
    assert [found.rows[i].path for i in found.leaked] == ["train/a/0"]
    assert ["train/a/0", "val/x"] in found.duplicate_groups


def test_a_class_without_training_images_is_left_out_and_said() -> None:
    rows = [*many("a", 9, "train"), *many("b", 9, "train"), *many("a", 3, "val"), *many("b", 3, "val"), *many("c", 2, "val")]
    found = assign_parts(rows, [], test_share=0.2, seed=0)
    assert found.notes[0] == "'c' has no training image, so its 2 images are left out"
    assert ("val", "c") not in parts(found.rows)


def test_classes_too_small_to_judge_are_said() -> None:
    notes = assign_parts([*many("a", 20), *many("b", 20), *many("c", 1)], [], test_share=0.2, seed=0).notes
    assert notes == ["'c' has only 1 image; its numbers mean little"]
    rows = [*many("a", 20, "train"), *many("b", 20, "train"), *many("a", 5, "val")]
    assert assign_parts(rows, [], test_share=0.2, seed=0).notes == ["'b' has no image in the reported part"]


def test_the_split_follows_the_seed() -> None:
    rows = [*many("a", 50), *many("b", 50)]
    splits = {tuple(r.part for r in assign_parts(rows, [], test_share=0.2, seed=seed).rows) for seed in (0, 0, 1, 2)}
    assert len(splits) == 3


def unreadable(path: str, label: str) -> FileRow:
    return FileRow(path, None, label, None, None, UNREADABLE, "not an image (looks like text)", None, None, 10)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([row("1", None), row("2", None)], "no usable image has a label"),
        (many("a", 9), "there is only one class, 'a'"),
        ([*many("a", 9), unreadable("b/1", "b")], "only the class 'a' has usable images; those of 'b' are left out: not an image"),
        ([unreadable("a/1", "a"), unreadable("b/1", "b")], "the first unusable file is a/1: not an image"),
        ([*many("a", 1), *many("b", 1)], "too few different images"),
        ([*many("a", 9, "train"), *many("b", 9, "val")], "fewer than two classes have training images"),
        ([*many("a", 9, "test"), *many("b", 9, "test")], "fewer than two classes have training images"),
    ],
)
def test_what_cannot_be_split_is_a_clear_error(rows: list[FileRow], said: str) -> None:
    with pytest.raises(DataError, match=said):
        assign_parts(rows, [], test_share=0.2, seed=0)


def test_one_group_around_everything_leaves_nothing_to_test() -> None:
    rows = [row(f"{label}/{i}", label, group="one") for label in "ab" for i in range(5)]
    with pytest.raises(DataError, match="too few different images"):
        assign_parts(rows, [], test_share=0.2, seed=0)


def test_a_class_whose_files_are_all_unreadable_is_named() -> None:
    rows = [*many("cats", 20), *many("dogs", 20), *[unreadable(f"green/{i}.heic", "green") for i in range(6)]]
    notes = assign_parts(rows, [], test_share=0.2, seed=0).notes
    assert notes == [f"none of the 6 images of the class 'green' is used, mostly because: {rows[-1].reason}"]


def listed(*labels: tuple[str | None, str | None]) -> Dataset:
    return Dataset(Path("/photos"), tuple(Entry(f"{i}.jpg", label, part) for i, (label, part) in enumerate(labels)), ("layout: as it is",))


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        (listed((None, None)), r"no image in /photos has a label \(layout: as it is\)"),
        (listed(("a", None), (None, None)), r"only one class, 'a'; a classifier needs two \(layout: as it is\)"),
        (listed(("a", "train"), ("b", "test")), "the train part has 'a'"),
        (listed(("a", "test"), ("b", "test")), "the train part has none"),
    ],
)
def test_too_few_classes_are_refused_by_the_listing_alone(dataset: Dataset, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        check_labels(dataset, Decisions(), 2)
    assert caught.value.hint
    check_labels(dataset, Decisions(), 0)
    check_labels(dataset, Decisions((Decision(RELABEL, "0.jpg", "x", new="b", batch=1),)), 2)


def test_two_classes_pass(tmp_path: Path) -> None:
    check_labels(listed(("a", None), ("b", "train"), ("c", "test")), Decisions(), 2)


@pytest.mark.parametrize("verb", ["train", "ladder", "learning_curve", "balance"])
def test_no_image_is_read_where_the_listing_shows_one_class(tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cats").mkdir()
    (tmp_path / "cats/1.jpg").write_bytes(b"never read")
    monkeypatch.setattr("tellapart.analyzed_folder.extract", lambda *_, **__: pytest.fail("images were read"))
    monkeypatch.setattr("tellapart.feature_extraction.extract", lambda *_, **__: pytest.fail("images were read"))
    with pytest.raises(DataError, match="only one class, 'cats'"):
        getattr(tellapart, verb)(tmp_path)


def test_many_small_classes_are_one_sentence() -> None:
    rows = [one for number in range(40) for one in many(f"c{number:02}", 2)]
    notes = assign_parts(rows, [], test_share=0.5, seed=0).notes
    assert notes == [
        "40 classes have fewer than 10 images each; their numbers mean little: 'c00' has only 2 images; its numbers mean little, and so on"
    ]
    strange = [*many("a", 9, "train"), *many("b", 9, "train"), *(one for name in "vwxyz" for one in many(name, 2, "test"))]
    said = assign_parts([*strange, *many("a", 3, "test")], [], test_share=0.2, seed=0).notes
    assert [note for note in said if note.startswith("5 classes have no training image, so their 10 images are left out: 'v' has")]
