from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import normalized_mutual_info_score

from tellapart.exploration.cluster_associations import agreement, cluster_associations, quantile_bins, sources_of


def test_agreement_matches_classes_with_clusters_as_well_as_can_be() -> None:
    assigned = np.array([1, 1, 1, 0, 0, 2, 2, -1])
    labels = ["a", "a", "b", "b", "b", "b", None, "a"]
    found = agreement(assigned, labels)
    assert found is not None
    assert (found.accuracy, found.images) == (pytest.approx(4 / 7), 7)
    assert found.nmi == pytest.approx(normalized_mutual_info_score(["a", "a", "b", "b", "b", "b", "a"], [1, 1, 1, 0, 0, 2, -1]))
    perfect = agreement(np.array([2, 2, 0, 1]), ["x", "x", "y", "z"])
    assert perfect is not None
    assert (perfect.accuracy, perfect.nmi, perfect.ari) == (1, pytest.approx(1), 1)


def test_agreement_needs_two_labels() -> None:
    assert agreement(np.array([0, 1]), ["a", "a"]) is None
    assert agreement(np.array([0, 1]), [None, None]) is None
    nowhere = agreement(np.array([-1, -1]), ["a", "b"])
    assert nowhere is not None
    assert nowhere.accuracy == 0


def test_clusters_of_a_planted_background_follow_it_and_not_the_class() -> None:
    rng = np.random.default_rng(0)
    color, shape = rng.integers(0, 3, 300), rng.integers(0, 2, 300)
    clusters = np.where(rng.uniform(size=300) < 0.9, color, rng.integers(0, 3, 300))
    found = cluster_associations(clusters, {"class": shape.tolist(), "color": color, "source": None})
    assert found.nmi["color"] is not None and found.nmi["color"] > 0.6
    assert found.nmi["class"] == pytest.approx(0, abs=0.02)
    assert found.nmi["source"] is None
    assert found.sentence.startswith("These clusters follow color (NMI 0.")
    assert "more than class (" in found.sentence


def test_what_chance_gives_is_taken_off() -> None:
    rng = np.random.default_rng(1)
    many = rng.integers(0, 60, 120).tolist()
    found = cluster_associations(rng.integers(0, 5, 120), {"source": many}, subject="features")
    assert found.chance["source"] is not None and found.chance["source"] > 0.2
    assert found.nmi["source"] == pytest.approx(0, abs=0.08)
    assert found.sentence.startswith("These features follow none of what is known") or found.nmi["source"] >= 0.05


def test_images_outside_and_without_a_value_do_not_count() -> None:
    found = cluster_associations(np.array([0, 0, 1, 1, -1, 0]), {"class": ["a", "a", "b", "b", "a", None]})
    assert found.nmi["class"] == pytest.approx(1)
    assert cluster_associations(np.array([0, 0, 0]), {"class": ["a", "a", "b"]}).nmi["class"] == 0
    assert cluster_associations(np.array([-1, -1]), {"class": ["a", "b"]}).nmi["class"] is None
    assert cluster_associations(np.array([0, 1]), {}).sentence == "Nothing is known that these clusters could be compared with."


def test_numbers_become_groups_of_equal_size_and_colors_groups_that_lie_together() -> None:
    assert np.bincount(quantile_bins(np.arange(90.0), 3)).tolist() == [30, 30, 30]
    assert set(quantile_bins(np.ones(9), 4).tolist()) == {0} or len(set(quantile_bins(np.ones(9), 4).tolist())) == 1
    colors = np.repeat([[250, 0, 0], [0, 0, 250], [0, 250, 0]], 10, axis=0) + np.random.default_rng(0).normal(0, 5, (30, 3))
    groups = quantile_bins(colors.astype(np.float32), 3)
    assert [len(set(groups[i : i + 10].tolist())) for i in (0, 10, 20)] == [1, 1, 1]
    assert len(set(groups.tolist())) == 3
    assert len(set(quantile_bins(np.zeros((5, 3), np.float32), 3).tolist())) == 1


def test_sources_are_what_file_names_begin_with() -> None:
    names = [f"a/flickr_{i}.jpg" for i in range(10)] + [f"b/bing-{i}.jpg" for i in range(10)]
    assert sources_of(names) == ["flickr"] * 10 + ["bing"] * 10
    assert sources_of([f"{i}.jpg" for i in range(20)]) is None
    assert sources_of([f"{letter}.jpg" for letter in "abcdefghijklmnopqrst"]) is None
