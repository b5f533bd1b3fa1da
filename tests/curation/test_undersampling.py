from __future__ import annotations

from collections import Counter

import pytest

from tellapart.curation.undersampling import class_weight, training_counts, undersample
from tellapart.dataset.file_rows import SET_ASIDE, USED, FileRow


def row(path: str, label: str | None = "a", part: str | None = "train", group: str | None = None, status: str = USED) -> FileRow:
    return FileRow(path, path, label, part, group or path, status, None, None, None, 1)


def kept(rows: list[FileRow]) -> list[str]:
    return [one.path for one in rows if one.is_used]


def test_only_used_training_images_with_a_label_count() -> None:
    rows = [row("1"), row("2", part=None), row("3", "b"), row("4", part="test"), row("5", None), row("6", status=SET_ASIDE)]
    assert training_counts(rows) == {"a": 2, "b": 1}


def test_weights_are_those_of_training() -> None:
    import numpy as np

    from tellapart.training.linear_probe import class_weights

    own = class_weight({"a": 30, "b": 10, "c": 5})
    targets = np.repeat([0, 1, 2], [30, 10, 5])
    assert class_weights(targets, 3, "balanced") == pytest.approx([own["abc"[target]] for target in targets])


def test_copies_go_first_the_worse_before_the_better_then_drawn_ones() -> None:
    rows = [row(f"one {i}", group="one") for i in range(3)] + [row(f"single {i}") for i in range(4)]
    better = {"one 2": 0, "one 0": 1, "one 1": 2}
    for most, gone in ((6, {"one 1"}), (5, {"one 0", "one 1"})):
        assert set(kept(rows)) - set(kept(undersample(rows, most, better=better, seed=0))) == gone
    few = kept(undersample(rows, 3, better=better, seed=0))
    assert len(few) == 3
    assert {"one 0", "one 1"}.isdisjoint(few)
    reasons = Counter(one.reason for one in undersample(rows, 3, better=better, seed=0) if not one.is_used)
    assert reasons == {"left out to balance the classes": 2, "left out to balance the classes: another of its group is kept": 2}


def test_every_group_keeps_one_while_there_is_room() -> None:
    rows = [row(f"{album}{i}", group=album) for album in "abcd" for i in range(5)]
    assert Counter(path[0] for path in kept(undersample(rows, 4, better={}, seed=0))) == dict.fromkeys("abcd", 1)
    assert Counter(path[0] for path in kept(undersample(rows, 8, better={}, seed=0))) == dict.fromkeys("abcd", 2)


def test_other_parts_and_smaller_classes_stay() -> None:
    rows = [*(row(f"a{i}") for i in range(9)), *(row(f"t{i}", part="test") for i in range(9)), *(row(f"b{i}", "b") for i in range(2))]
    left = kept(undersample(rows, 3, better={}, seed=0))
    assert Counter(path[0] for path in left) == {"a": 3, "t": 9, "b": 2}


def test_the_draw_depends_on_the_seed_alone() -> None:
    rows = [row(f"{i:03}") for i in range(100)]
    first, same, other = (set(kept(undersample(rows, 50, better={}, seed=seed))) for seed in (0, 0, 1))
    assert first == same != other
    assert set(kept(undersample(rows[::-1], 50, better={}, seed=0))) == first
    assert set(kept(undersample(rows, 20, better={}, seed=0))) < first, "a smaller list is part of the larger"
