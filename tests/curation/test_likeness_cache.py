from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.curation.duplicates import Likeness
from tellapart.curation.likeness_cache import FOLDER, kept_likenesses
from tellapart.features import FeatureMatrix

FOUND = [Likeness("a", "b", 0.97, is_mirrored=True, framed=("b",)), Likeness("b", "c", 0.7, is_copy=False)]


def matrix(*ids: str, first: float = 0.0) -> FeatureMatrix:
    return FeatureMatrix(ids, np.arange(first, first + 4 * len(ids), dtype=np.float32).reshape(len(ids), 4), {})


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path))
    return tmp_path / FOLDER


def never() -> list[Likeness]:
    raise AssertionError("asked again")


def test_what_was_found_is_found_again(kept: Path) -> None:
    assert kept_likenesses(matrix("a", "b", "c"), lambda: FOUND) == FOUND
    assert kept_likenesses(matrix("a", "b", "c"), never) == FOUND
    assert len(list(kept.iterdir())) == 1


@pytest.mark.parametrize("other", [matrix("a", "b", "d"), matrix("a", "b"), matrix("a", "b", "c", first=1.0), matrix("b", "a", "c")])
def test_other_images_or_features_are_looked_at_anew(kept: Path, other: FeatureMatrix) -> None:
    kept_likenesses(matrix("a", "b", "c"), lambda: FOUND)
    assert kept_likenesses(other, list) == []


@pytest.mark.parametrize("content", ["", "[{}]", '[{"first": "a"}]', "{", "[1]"])
def test_a_damaged_file_is_made_again(kept: Path, content: str) -> None:
    kept_likenesses(matrix("a", "b", "c"), lambda: FOUND)
    (file,) = kept.iterdir()
    file.write_text(content)
    assert kept_likenesses(matrix("a", "b", "c"), lambda: FOUND[:1]) == FOUND[:1]
    assert kept_likenesses(matrix("a", "b", "c"), never) == FOUND[:1]


def test_a_cache_that_cannot_be_written_is_not_missed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "file"))
    assert kept_likenesses(matrix("a", "b", "c"), lambda: FOUND) == FOUND
