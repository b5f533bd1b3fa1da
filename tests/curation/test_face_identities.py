from __future__ import annotations

import numpy as np
import pytest

from tellapart.array_types import FloatArray
from tellapart.curation import face_identities as module
from tellapart.curation.face_identities import clusters, identities
from tellapart.features.matrix import unit_rows


def faces(person: int, count: int, seed: int = 0, noise: float = 0.6) -> FloatArray:
    """Descriptors of one person: cosines of about 0.73 among each other, of about 0 with those of others."""
    center = np.random.default_rng([7, person]).normal(size=64)
    drawn = np.random.default_rng([seed, person, count]).normal(size=(count, 64)) * noise
    return unit_rows(np.asarray(center + drawn, np.float32))


def test_each_person_is_a_cluster_the_largest_first() -> None:
    found = clusters(np.concatenate([faces(1, 3), faces(2, 9), faces(3, 1)]))
    assert found.tolist() == [1] * 3 + [0] * 9 + [2]


@pytest.mark.parametrize("count", [0, 1])
def test_few_faces_are_no_trouble(count: int) -> None:
    assert clusters(faces(1, count)).tolist() == [0] * count


def test_faces_beyond_the_limit_join_the_nearest_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_FACES", 20)
    found = clusters(np.concatenate([faces(1, 40), faces(2, 25), faces(9, 1)]))
    assert set(found[:40].tolist()) == {0}
    assert set(found[40:65].tolist()) == {1}
    assert found[65] == 2


def test_strangers_are_not_main_and_one_who_stands_in_the_wrong_class_is_named() -> None:
    descriptors = np.concatenate([faces(1, 12), faces(3, 2), faces(2, 2, seed=5), faces(2, 10), faces(4, 1)])
    labels = ["bezos"] * 16 + ["gates"] * 11
    told, people = identities(descriptors, labels)
    assert [identity.is_main for identity in told] == [True] * 12 + [False] * 4 + [True] * 10 + [False]
    assert {identity.size for identity in told[:12]} == {12}
    assert [identity.size for identity in told[12:16]] == [2] * 4
    assert [identity.also_in for identity in told[12:16]] == [(), (), ("gates",), ("gates",)]
    assert told[-1].also_in == ()
    assert {name: len(centers) for name, centers in people.centers.items()} == {"bezos": 1, "gates": 1}


def test_a_class_of_many_people_has_no_strangers() -> None:
    descriptors = np.concatenate([faces(person, 2) for person in range(8)] + [faces(20, 6)])
    told, people = identities(descriptors, ["crowd"] * 16 + ["one"] * 6)
    assert all(identity.is_main for identity in told)
    assert len(people.centers["crowd"]) == 0
    assert len(people.centers["one"]) == 1


def test_two_people_may_share_a_class() -> None:
    told, people = identities(np.concatenate([faces(1, 10), faces(2, 6), faces(3, 1)]), ["pair"] * 17)
    assert [identity.is_main for identity in told] == [True] * 16 + [False]
    assert len(people.centers["pair"]) == 2


def test_the_likest_main_person_is_found_whatever_the_class() -> None:
    _, people = identities(np.concatenate([faces(1, 8), faces(2, 8)]), ["a"] * 8 + ["b"] * 8)
    likeness = people.likest(np.concatenate([faces(2, 1, seed=9), faces(5, 1)]))
    assert likeness[0] > 0.6
    assert likeness[1] < 0.4
    assert people.classes_of(faces(2, 30).mean(axis=0)) == ("b",)
    assert people.likest(np.zeros((0, 64), np.float32)).shape == (0,)
