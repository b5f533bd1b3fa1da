from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

import tellapart
from tellapart.analyzed_folder import analyze_folder
from tellapart.curation.near_duplicates import near_duplicates
from tellapart.dataset.groups import groups_together
from tellapart.feature_extraction import FeatureSpec
from tellapart.features import FeatureMatrix
from tests import folders, sample_images

COPIES: dict[str, Callable[[Image.Image], bytes]] = {
    "re-saved": lambda image: sample_images.encoded(image, quality=50),
    "half size": lambda image: sample_images.encoded(
        image.resize((image.width // 2, image.height // 2), Image.Resampling.LANCZOS), quality=90
    ),
    "mirrored": lambda image: sample_images.encoded(ImageOps.mirror(image), quality=90),
    "brighter": lambda image: sample_images.encoded(ImageEnhance.Brightness(image).enhance(1.08), quality=90),
    "as PNG": lambda image: sample_images.encoded(image, "PNG"),
}


def planted(folder: Path) -> list[list[str]]:
    """Write three classes of 14 different images and a changed copy of some; gives the pairs."""
    pairs = []
    for kind in folders.KINDS:
        images = [folders.class_image(kind, seed, side=400) for seed in range(14)]
        folders.write(folder, {f"{kind}/{number:02}.jpg": sample_images.encoded(image, quality=90) for number, image in enumerate(images)})
        for number, (name, copy) in enumerate(COPIES.items()):
            original = Image.open(BytesIO((folder / f"{kind}/{number:02}.jpg").read_bytes()))
            path = f"{kind}/{number:02} {name}.{'png' if 'PNG' in name else 'jpg'}"
            folders.write(folder, {path: copy(original)})
            pairs.append(sorted([path, f"{kind}/{number:02}.jpg"]))
    return pairs


def test_exactly_the_planted_copies_are_found_and_never_divided(tmp_path: Path) -> None:
    pairs = planted(tmp_path / "photos")
    run = tellapart.train(tmp_path / "photos", backbone="lite0", out=tmp_path, learning_curve=False, n_splits=0)
    duplicates = run.metrics["data"]["duplicates"]
    assert sorted(duplicates["groups"]) == sorted(pairs)
    assert (duplicates["exact_groups"], duplicates["near_groups"], duplicates["images"]) == (0, 15, 30)
    row_of = {row.path: row for row in run.rows}
    for pair in pairs:
        assert len({(row_of[path].group, row_of[path].part) for path in pair}) == 1, pair


def test_a_recipe_without_features_finds_the_same_copies(tmp_path: Path) -> None:
    pairs = planted(tmp_path / "photos")
    looked = analyze_folder(tmp_path / "photos", FeatureSpec(()), state=tmp_path / "state")
    path_of = {row.image_id: row.path for row in looked.rows}
    assert sorted(sorted(str(path_of[i]) for i in pair) for pair in looked.pairs) == sorted(pairs)


def matrix(values: np.ndarray) -> FeatureMatrix:
    return FeatureMatrix(tuple(f"id{i}" for i in range(len(values))), values.astype(np.float32), {})


def unlike(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Hashes, mirrored hashes, features and miniatures of n images that have nothing in common."""
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 256, (n, 16), dtype=np.uint8)
    mirrored = rng.integers(0, 256, (n, 16), dtype=np.uint8)
    small = rng.normal(size=(n, 768))
    return hashes, mirrored, rng.normal(size=(n, 64)), small / np.linalg.norm(small, axis=1, keepdims=True)


def found(hashes: np.ndarray, mirrored: np.ndarray, values: np.ndarray, small: np.ndarray) -> list[tuple[str, str]]:
    return near_duplicates(hashes, mirrored, matrix(values), lambda ids: small[[int(i[2:]) for i in ids]])


def test_unlike_images_are_no_duplicates() -> None:
    assert found(*unlike(300)) == []


def test_a_hash_alone_is_not_believed() -> None:
    hashes, mirrored, values, small = unlike(50)
    hashes[7] = hashes[3]
    assert found(hashes, mirrored, values, small) == []
    values[7] = values[3]
    assert found(hashes, mirrored, values, small) == [], "the miniatures still differ"
    small[7] = small[3]
    assert found(hashes, mirrored, values, small) == [("id3", "id7")]


def test_a_mirror_image_is_found_by_its_hash() -> None:
    hashes, mirrored, values, small = unlike(50)
    mirrored[7], values[7] = hashes[3], values[3]
    small[7] = small[3].reshape(16, 16, 3)[:, ::-1].ravel()
    assert found(hashes, mirrored, values, small) == [("id3", "id7")]


def test_flat_images_are_not_all_the_same() -> None:
    hashes, mirrored, values, small = unlike(20)
    hashes[:5], mirrored[:5], small[:5] = 0, 0, 0
    values[:5] = values[0]
    assert found(hashes, mirrored, values, small) == []


@pytest.mark.parametrize("n", [0, 1, 2])
def test_too_few_images_to_standardize_have_no_near_duplicates(n: int) -> None:
    assert found(*unlike(n)) == []


names = st.integers(0, 12).map(str)


@given(st.sets(names, min_size=1), st.lists(st.tuples(names, names)))
def test_groups_are_what_is_connected_whatever_the_order(alone: set[str], pairs: list[tuple[str, str]]) -> None:
    everyone = alone | {name for pair in pairs for name in pair}
    groups = groups_together(everyone, pairs)
    assert groups == groups_together(sorted(everyone, reverse=True), [pair[::-1] for pair in reversed(pairs)])
    assert set(groups) == everyone
    assert all(groups[a] == groups[b] for a, b in pairs)
    reach = {name: {name} for name in everyone}
    for _ in everyone:
        for a, b in pairs:
            reach[a] = reach[b] = reach[a] | reach[b] | set().union(*(reach[x] for x in reach[a] | reach[b]))
    assert all(groups[name] == min(reach[name]) for name in everyone)
