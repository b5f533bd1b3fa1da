from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.curation.near_duplicate_cache import FOLDER, cached_pairs
from tellapart.curation.near_duplicates import VERSION, ComparedPair, compare_pairs
from tellapart.features import FeatureMatrix
from tellapart.images.perceptual_hash import difference_hashes, signature
from tests import folders

FOUND = [ComparedPair("a", "b", 0.97, is_mirrored=True, framed=("b",)), ComparedPair("b", "c", 0.7, is_copy=False)]


def matrix(*ids: str, first: float = 0.0) -> FeatureMatrix:
    return FeatureMatrix(ids, np.arange(first, first + 4 * len(ids), dtype=np.float32).reshape(len(ids), 4), {})


def changed(row: int) -> FeatureMatrix:
    """One value of one row, in a matrix of more rows than a sample would look at."""
    found = matrix("a", "b", "c")
    found.values[row, 2] += 1
    return found


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    return tmp_path / FOLDER


def never() -> list[ComparedPair]:
    raise AssertionError("asked again")


def test_what_was_found_is_found_again(kept: Path) -> None:
    assert cached_pairs(matrix("a", "b", "c"), lambda: FOUND) == FOUND
    assert cached_pairs(matrix("a", "b", "c"), never) == FOUND
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize(
    "other", [matrix("a", "b", "d"), matrix("a", "b"), matrix("a", "b", "c", first=1.0), matrix("b", "a", "c"), changed(1)]
)
def test_other_images_or_features_are_looked_at_anew(kept: Path, other: FeatureMatrix) -> None:
    cached_pairs(matrix("a", "b", "c"), lambda: FOUND)
    assert cached_pairs(other, list) == []


@pytest.mark.parametrize("content", ["", "[{}]", '[{"first": "a"}]', "{", "[1]", "flipped"])
def test_a_damaged_file_is_made_again(kept: Path, content: str) -> None:
    cached_pairs(matrix("a", "b", "c"), lambda: FOUND)
    (file,) = kept.iterdir()
    whole = file.read_text()
    file.write_text(whole.replace("0.97", "0.87") if content == "flipped" else content)
    assert file.read_text() != whole
    assert cached_pairs(matrix("a", "b", "c"), lambda: FOUND[:1]) == FOUND[:1]
    assert cached_pairs(matrix("a", "b", "c"), never) == FOUND[:1]


def test_a_cache_that_cannot_be_written_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file"))
    assert cached_pairs(matrix("a", "b", "c"), lambda: FOUND) == FOUND


def test_the_version_goes_up_when_the_code_says_something_else() -> None:
    """If this fails because copies are now told otherwise: raise VERSION in curation/near_duplicates.py, then mend this test."""
    photos = [np.asarray(folders.class_image(kind, seed, side=128).convert("RGB")) for kind in folders.KINDS for seed in range(3)]
    photos += [photos[0][:, ::-1], photos[1][6:90, 8:120], photos[2] // 2 + 40, np.pad(photos[4], ((9, 9), (9, 9), (0, 0)))]
    ids = [f"{number:02}" for number in range(len(photos))]
    of = dict(zip(ids, photos, strict=True))
    hashes, mirrored = (np.stack([np.frombuffer(difference_hashes(photo)[side], np.uint8) for photo in photos]) for side in (0, 1))
    features = FeatureMatrix(tuple(ids), np.stack([photo.mean(axis=(0, 1)) for photo in photos]).astype(np.float32), {})
    found = compare_pairs(
        hashes, mirrored, features, lambda wanted: np.stack([signature(of[i]) for i in wanted]), lambda wanted: {i: of[i] for i in wanted}
    )
    said = sorted((one.first, one.second, round(one.similarity, 2), one.is_copy, one.is_mirrored, one.framed) for one in found)
    expected = [("00", "09", 0.98, True, True, ()), ("01", "10", 0.99, True, False, ()), ("02", "11", 0.99, True, False, ())]
    assert (VERSION, said) == (1, expected)
