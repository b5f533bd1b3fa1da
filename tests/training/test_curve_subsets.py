from __future__ import annotations

from collections import Counter

import pytest

from tellapart.dataset.file_rows import USED, FileRow
from tellapart.dataset.parts import Assignment
from tellapart.errors import DataError
from tellapart.training.curve_subsets import curve_of, drawn, sizes_of, subset


def row(number: int, label: str, part: str = "train", group: str | None = None) -> FileRow:
    name = f"{label}{number}"
    return FileRow(
        path=name, image_id=name, label=label, part=part, group=group or name, status=USED, reason=None, width=8, height=8, size_bytes=1
    )


@pytest.fixture
def assignment() -> Assignment:
    cats = [row(i, "cat", group=f"pair{i // 2}") for i in range(60)]
    dogs = [row(i, "dog") for i in range(30)]
    return Assignment([*cats, *dogs, *(row(i, "dog", "test") for i in range(100, 110))], [], [], [])


def test_sizes_rise_and_end_with_all_there_are(assignment: Assignment) -> None:
    assert sizes_of(assignment, (1 / 8, 1 / 4, 1 / 2, 1.0)) == [11, 22, 45, 90]
    assert sizes_of(assignment, [50, 20, 2000]) == [20, 50, 90]
    with pytest.raises(DataError, match="too few"):
        sizes_of(assignment, [5, 20])


def test_a_draw_takes_whole_groups_in_the_classes_shares(assignment: Assignment) -> None:
    kept = drawn(assignment.rows, range(90), 30, seed=0)
    counts = Counter(assignment.rows[i].label for i in kept)
    assert counts == {"cat": 20, "dog": 10}
    assert all(assignment.rows[i].group != assignment.rows[j].group for i in kept for j in range(90) if j not in kept)
    assert drawn(assignment.rows, range(90), 30, seed=0) == kept != drawn(assignment.rows, range(90), 30, seed=1)


def test_a_subset_changes_the_training_part_only(assignment: Assignment) -> None:
    found = list(subset(assignment, 30, 3))
    assert len(found) == 3
    for smaller in found:
        assert sum(r.is_used and r.part == "train" for r in smaller.rows) == 30
        assert [r for r in smaller.rows if r.part == "test"] == [r for r in assignment.rows if r.part == "test"]
    (whole,) = subset(assignment, 90, 3)
    assert whole.rows == assignment.rows


def test_the_curve_counts_what_was_really_trained_on() -> None:
    def metrics(n: int, accuracy: float) -> dict:
        part = {"n": 100, "accuracy": {"value": accuracy}, "log_loss": {"value": 1 - accuracy}}
        return {"test": part, "data": {"classes": [{"train": n // 2}, {"train": n - n // 2}]}}

    found = curve_of([(100, [metrics(98, 0.8), metrics(102, 0.82)]), (400, [metrics(400, 0.9), metrics(400, 0.91)])])
    assert (found["part"], found["n"]) == ("test", 100)
    assert [p["n_train"] for p in found["points"]] == [100, 400]
    assert found["points"][0]["accuracy"] == [0.8, 0.82]
    assert found["twice"]["n_train"] == 800
    assert found["twice"]["accuracy"]["value"] > 0.9
