from __future__ import annotations

import numpy as np

from tellapart.curation.near_duplicates import ComparedPair
from tellapart.dataset.file_rows import USED, FileRow
from tellapart.features import FeatureMatrix
from tellapart.training.leakage import LeakageEstimate, NoEstimate, crossings, estimate_leakage


def row(name: str, part: str, label: str = "a", group: str | None = None, image_id: str | None = None) -> FileRow:
    return FileRow(f"{part}/{label}/{name}.jpg", image_id or name, label, part, group or name, USED, None, 9, 9, 9)


def test_pairs_across_the_parts_are_counted_by_kind_and_those_of_training_come_first() -> None:
    given = [
        row("1", "train", group="g1"),
        row("2", "val", group="g1"),
        row("3", "train", group="g2", image_id="same"),
        row("4", "test", group="g2", image_id="same"),
        row("5", "val", group="g3"),
        row("6", "test", group="g3"),
        row("7", "train", group="g4"),
        row("8", "train", group="g4"),
        row("9", "train", group="film"),
        row("10", "val", group="film"),
    ]
    known = [
        ComparedPair("1", "2", 0.9),
        ComparedPair("5", "6", 0.9),
        ComparedPair("7", "8", 0.9),
        ComparedPair("7", "10", 0.7, is_copy=False),
        ComparedPair("1", "gone", 1.0),
    ]
    found = crossings(given, known)
    assert (found.exact_pairs, found.near_pairs, found.groups) == (1, 2, 4)
    assert found.images == 3
    assert [(pair.kind, pair.first, pair.parts) for pair in found.pairs] == [
        ("exact", "train/a/3.jpg", "train, test"),
        ("near", "train/a/1.jpg", "train, val"),
        ("near", "val/a/5.jpg", "val, test"),
    ]


def labeled(n: int, leaks: int, *, seed: int = 0) -> tuple[list[FileRow], FeatureMatrix]:
    """Noise that says nothing of the class; copies in training tell some validation images by heart."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(2 * n + leaks, 30)).astype(np.float32)
    given = [row(f"t{i}", "train", "ab"[i % 2]) for i in range(n)] + [row(f"v{i}", "val", "ab"[i % 2], group=f"v{i}") for i in range(n)]
    for i in range(leaks):
        given.append(row(f"c{i}", "train", "ab"[i % 2], group=f"v{i}"))
        values[2 * n + i] = values[n + i]
    return given, FeatureMatrix(tuple(one.image_id or "" for one in given), values, {})


def test_leakage_inflates_the_score_and_the_comparison_is_paired() -> None:
    found = estimate_leakage(*labeled(60, 60), seed=0)
    assert isinstance(found, LeakageEstimate)
    assert (found.kind, found.part, found.n, found.images, found.trained_on) == ("leaking", "val", 60, 60, 60)
    assert found.honest.accuracy.low < 0.5 < found.honest.accuracy.high
    assert found.naive.accuracy.value > found.honest.accuracy.high
    assert found.comparison.p_value < 0.01
    assert found.comparison.names == ("the honest split", "the leaking one")


def test_an_honest_split_is_compared_with_one_that_divides_its_groups() -> None:
    given, features = labeled(60, 0)
    given = [
        one if one.part == "train" else row(one.image_id or "", "val", one.label or "", group=f"g{(n - 60) // 4 * 2 + n % 2}")
        for n, one in enumerate(given)
    ]
    values = features.values.copy()
    first = {}
    for n, one in enumerate(given):
        if one.part == "val":
            values[n] = values[first.setdefault(one.group, n)]
    found = estimate_leakage(given, FeatureMatrix(features.image_ids, values, {}), seed=0)
    assert isinstance(found, LeakageEstimate)
    assert (found.kind, found.n, found.images, found.trained_on) == ("would leak", 30, 30, 60)
    assert found.naive.accuracy.value > found.honest.accuracy.value


def test_without_a_leak_or_without_enough_images_there_is_a_reason() -> None:
    def reason(rows: list[FileRow], features: FeatureMatrix) -> str:
        found = estimate_leakage(rows, features, seed=0)
        assert isinstance(found, NoEstimate)
        return found.reason

    assert "no leakage to estimate" in reason(*labeled(30, 0))
    assert "too few" in reason(*labeled(4, 4))
    given, features = labeled(30, 2)
    assert "too few" in reason([one for one in given if one.label == "a"], features)
