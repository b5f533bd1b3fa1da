from __future__ import annotations

from pathlib import Path

from tellapart.dataset import Dataset, Entry
from tellapart.dataset.file_rows import SET_ASIDE, USED, FileRow
from tellapart.dataset_export.samples import Samples


def samples(rows: list[tuple[str, str, str | None, str | None]], *, seed: int = 0, is_shuffled: bool = False) -> Samples:
    """From (path, image id, label, part)."""
    entries = tuple(Entry(path, label, part) for path, _, label, part in rows)
    found = [FileRow(path, image_id, label, part, None, USED, None, None, None, 1) for path, image_id, label, part in rows]
    return Samples(Dataset(Path("/photos"), entries), found, seed=seed, is_shuffled=is_shuffled)


def paths(found: Samples) -> list[str]:
    return [found[i].path for i in range(len(found))]


def test_parts_come_in_order_and_numbers_are_those_of_the_alphabet() -> None:
    found = samples([("t", "1", "b", "test"), ("v", "2", "a", "val"), ("x", "3", "b", None), ("y", "4", "a", "train")])
    assert paths(found) == ["x", "y", "v", "t"]
    assert [found[i].target for i in range(4)] == [1, 0, 0, 1]
    assert [found[i].part for i in range(4)] == ["train", "train", "val", "test"]
    assert found.class_names == ("a", "b")
    assert found.counts() == {"train": 2, "val": 1, "test": 1}
    assert found[0].file == Path("/photos/x")
    assert found.notes == []


def test_the_order_is_drawn_from_seed_and_bytes_and_not_from_names() -> None:
    rows = [(f"{i:03}", f"id {i}", "ab"[i // 50], None) for i in range(100)]
    one, same, other = (samples(rows, seed=seed, is_shuffled=True) for seed in (0, 0, 1))
    assert paths(one) == paths(same) != paths(other)
    assert paths(one) != sorted(paths(one)) == paths(samples(rows))
    assert {one[i].target for i in range(20)} == {0, 1}
    renamed = samples([(f"z{99 - i:03}", image_id, label, part) for i, (_, image_id, label, part) in enumerate(rows)], is_shuffled=True)
    assert [renamed[i].image_id for i in range(100)] == [one[i].image_id for i in range(100)]
    assert "tellapart split" in one.notes[0]


def test_what_would_lie_to_a_training_is_left_out() -> None:
    found = samples(
        [
            ("a1", "1", "a", "train"),
            ("a2", "2", "a", "train"),
            ("a2 again", "2", "a", "test"),
            ("loose", "3", None, "train"),
            ("kaggle", "4", None, "test"),
            ("c", "5", "c", "test"),
            ("b", "6", "b", "train"),
        ]
    )
    assert paths(found) == ["a1", "b", "a2 again", "kaggle"]
    assert [found[i].target for i in range(4)] == [0, 1, 0, -1]
    assert found.left_out == {
        "a2": "exact copy of a2 again of the test part",
        "loose": "no label",
        "c": "its class has no training image",
    }


def test_rows_set_aside_stay_so_and_a_set_without_labels_is_kept() -> None:
    rows = [FileRow(str(i), str(i), None, None, None, USED if i else SET_ASIDE, None if i else "why", 1, 1, 1) for i in range(3)]
    found = Samples(Dataset(Path("/"), tuple(Entry(str(i)) for i in range(3))), rows, seed=0, is_shuffled=False)
    assert paths(found) == ["1", "2"]
    assert found.left_out == {"0": "why"}
    assert (found.class_names, found[0].target) == ((), -1)


def test_the_fingerprint_knows_everything_that_matters() -> None:
    rows = [("a1", "1", "a", "train"), ("b1", "2", "b", "train"), ("b2", "3", "b", "test")]
    own = samples(rows).fingerprint("words")
    assert own == samples(rows).fingerprint("words")
    others = [
        samples(rows).fingerprint("other words"),
        samples([*rows[:2], ("b2", "4", "b", "test")]).fingerprint("words"),
        samples([*rows[:2], ("b2", "3", "a", "test")]).fingerprint("words"),
        samples([*rows[:2], ("b2", "3", "b", "val")]).fingerprint("words"),
        samples(rows[::-1]).fingerprint("words"),
        samples(rows[:2]).fingerprint("words"),
    ]
    assert len({own, *others}) == 7
