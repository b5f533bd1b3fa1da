from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tellapart.array_types import FloatArray, IntArray
from tellapart.errors import MissingExtra, OptionError
from tellapart.exploration import projection
from tellapart.exploration.projection import nearest_neighbors, neighbor_label_accuracy, neighbor_preservation, project
from tellapart.progress import NoProgress

METHODS = ("pca", "tsne")


def planted(each: int = 40, kinds: int = 3, width: int = 64, seed: int = 0) -> tuple[FloatArray, IntArray]:
    """Features of kinds far apart, and which is whose."""
    rng = np.random.default_rng(seed)
    centers = 4 * rng.standard_normal((kinds, width))
    kind = np.repeat(np.arange(kinds), each)
    return (centers[kind] + rng.standard_normal((len(kind), width))).astype(np.float32), kind


@pytest.mark.parametrize("method", METHODS)
def test_planted_clusters_stay_together(method: str) -> None:
    features, kind = planted()
    made = project(features, method=method)
    assert made.method == projection.TITLES[method]
    assert made.places.shape == (120, 2) and made.places.dtype == np.float32 and np.isfinite(made.places).all()
    alone = np.arange(len(kind))
    assert neighbor_label_accuracy(made.places, kind, alone, alone, k=5).mean() == 1.0
    for one in range(3):
        own = made.places[kind == one]
        others = np.linalg.norm(made.places[kind != one] - own.mean(axis=0), axis=1)
        assert np.linalg.norm(own - own.mean(axis=0), axis=1).max() < others.min()


def test_scikit_learn_places_where_open_tsne_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "find_spec", lambda name: None)
    features, kind = planted()
    made = project(features)
    assert (made.method, made.software) == ("t-SNE", "scikit-learn")
    assert neighbor_label_accuracy(made.places, kind, np.arange(120), np.arange(120), k=5).mean() == 1.0


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_gives_the_same_map(method: str) -> None:
    features, _ = planted(each=12)
    assert np.array_equal(project(features, method=method, seed=3).places, project(features, method=method, seed=3).places)


@pytest.mark.parametrize("method", METHODS)
def test_identical_images_lie_at_one_place_and_it_is_said(method: str) -> None:
    made = project(np.full((30, 16), 0.3, np.float32), method=method)
    assert np.array_equal(made.places, np.zeros((30, 2)))
    assert made.notes == ("all images have the same features, so they have the same position",)


def test_many_copies_of_one_image_do_not_spoil_the_others() -> None:
    features, kind = planted()
    copied = np.concatenate([features, np.repeat(features[:1], 60, axis=0)])
    made = project(copied)
    assert np.isfinite(made.places).all()
    assert neighbor_label_accuracy(made.places[:120], kind, np.arange(120), np.arange(120), k=5).mean() > 0.98


@pytest.mark.parametrize("n", [1, 2, 3, 9])
def test_few_images_get_a_map_by_pca(n: int) -> None:
    features, _ = planted(each=4)
    made = project(features[:n])
    assert made.method == "PCA" and made.places.shape == (n, 2) and np.isfinite(made.places).all()
    assert made.notes == (() if n == 1 else (f"{n} images are too few for t-SNE: PCA is used instead",))
    assert n == 1 or len(np.unique(made.places, axis=0)) == n


def test_a_perplexity_too_high_for_the_images_is_lowered_and_said() -> None:
    made = project(planted(each=7)[0], perplexity=50)
    assert made.notes == ("perplexity 6.7, a third of the 21 images",)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_no_numbers_are_refused(value: float) -> None:
    features, _ = planted()
    features[7, 3] = value
    with pytest.raises(ValueError, match="not finite"):
        project(features)


def test_umap_is_given_places_seed_and_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stand-in: the real one compiles itself for half a minute; benchmarks/map_speed.py runs it."""
    asked: dict[str, Any] = {}

    class Umap:
        def __init__(self, **options: Any) -> None:
            asked.update(options)

        def fit_transform(self, places: FloatArray) -> FloatArray:
            asked["shape"] = places.shape
            return places[:, :2].astype(np.float64)

    monkeypatch.setitem(sys.modules, "umap", SimpleNamespace(UMAP=Umap))
    made = project(planted(each=4)[0], method="umap", seed=5)
    assert (made.method, made.software, made.places.dtype) == ("UMAP", "umap-learn", np.float32)
    assert asked == {"n_neighbors": 11, "random_state": 5, "n_jobs": 1, "shape": (12, 11)}


def test_an_unknown_method_and_a_missing_extra_are_said(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="unknown method 'som'"):
        project(planted()[0], method="som")
    monkeypatch.setitem(sys.modules, "umap", None)
    with pytest.raises(MissingExtra, match="umap-learn is not installed"):
        project(planted()[0], method="umap")


def test_of_too_many_images_some_are_drawn_and_the_others_placed_amid_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "MAX_TSNE_IMAGES", {"openTSNE": 90, "scikit-learn": 90})
    features, kind = planted(each=60)
    made = project(features, perplexity=20)
    assert made.notes == ("t-SNE ran on 90 images drawn at random; each other image is at the mean of its 5 nearest neighbors among them",)
    assert neighbor_label_accuracy(made.places, kind, np.arange(180), np.arange(180), k=5).mean() == 1.0


def test_progress_reaches_its_end() -> None:
    told: dict[str, tuple[int | None, list[int]]] = {}

    class Heard(NoProgress):
        @contextmanager
        def stage(self, title: str, total: int | None = None, unit: str = "images") -> Iterator[Callable[[int], None]]:
            told[title] = (total, [])
            yield told[title][1].append

    project(planted(each=12)[0], progress=Heard())
    [(total, counts)] = told.values()
    assert sum(counts) == total


def test_neighbors_kept_is_one_for_the_same_space_and_chance_for_noise() -> None:
    rng = np.random.default_rng(0)
    circle = rng.uniform(0, 2 * np.pi, 400)
    flat = np.stack([np.cos(circle), np.sin(circle)], axis=1).astype(np.float32)
    assert neighbor_preservation(flat, flat) == pytest.approx(1.0, abs=0.01)
    noise = neighbor_preservation(flat, rng.standard_normal((400, 2)).astype(np.float32))
    assert noise == pytest.approx(10 / 399, abs=0.02)
    assert neighbor_preservation(flat[:2], flat[:2]) is None


def test_the_nearest_come_in_order_and_never_from_the_own_group() -> None:
    line = np.array([[0.0], [1.0], [3.0], [7.0]], np.float32)
    [found] = nearest_neighbors(line, np.array([0, 3]), np.array([0, 1, 2, 3]), 2)
    assert found.tolist() == [[1, 2], [2, 1]]
    [found] = nearest_neighbors(line, np.array([0]), np.array([0, 0, 1, 1]), 3)
    assert found.tolist() == [[2, 3, -1]]


def test_blocks_do_not_change_what_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    values, rows, alone = rng.standard_normal((50, 8)).astype(np.float32), np.arange(50), np.arange(50)
    whole = np.concatenate(list(nearest_neighbors(values, rows, alone, 5, is_cosine=True)))
    monkeypatch.setattr(projection, "_CELLS", 350)
    blocks = list(nearest_neighbors(values, rows, alone, 5, is_cosine=True))
    assert len(blocks) == 8 and np.array_equal(np.concatenate(blocks), whole)
    units = values / np.linalg.norm(values, axis=1, keepdims=True)
    cosines = units @ units.T - 2 * np.eye(50)
    assert np.array_equal(whole, np.argsort(-cosines, axis=1)[:, :5])


def test_copies_have_no_vote() -> None:
    """Two copies of each image, labels at random: with its copy each answer would be right."""
    rng = np.random.default_rng(0)
    one = rng.standard_normal((200, 8)).astype(np.float32)
    twice, labels, groups = np.repeat(one, 2, axis=0), np.repeat(rng.integers(0, 4, 200), 2), np.repeat(np.arange(200), 2)
    rows = np.arange(400)
    assert neighbor_label_accuracy(twice, labels, rows, rows, k=1).mean() == 1.0
    assert neighbor_label_accuracy(twice, labels, groups, rows, k=1).mean() == pytest.approx(0.25, abs=0.08)


def test_a_tie_goes_to_the_nearest_and_unlabeled_images_do_not_vote() -> None:
    line = np.array([[0.0], [1.0], [-1.5], [0.1]], np.float32)
    labels, groups = np.array([1, 1, 0, -1]), np.arange(4)
    assert neighbor_label_accuracy(line, labels, groups, np.array([0]), k=2).tolist() == [True]
    assert neighbor_label_accuracy(line, np.array([0, 1, 0, -1]), groups, np.array([0]), k=2).tolist() == [False]


def test_neighbors_kept_counts_shares() -> None:
    """On a circle everything is kept; with two far points exchanged, some of it."""
    angle = np.linspace(0, 2 * np.pi, 60, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    assert neighbor_preservation(circle, circle, k=2) == 1.0
    exchanged = circle.copy()
    exchanged[[0, 30]] = exchanged[[30, 0]]
    assert neighbor_preservation(circle, exchanged, k=2) == pytest.approx(1 - (2 * 2 + 4 * 1) / 120)
