from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tellapart.analyzed_folder import analyze_files, analyze_folder, open_folder
from tellapart.dataset.catalog import CATALOG
from tellapart.errors import DataError
from tellapart.feature_spec import FeatureSpec
from tellapart.models.pixel_features import pixel_backbone
from tests import folders, sample_images

PIXELS = FeatureSpec((pixel_backbone(16),), mirror=False)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    images = {f"{name}/{i}.jpg": sample_images.photo(10 * number + i) for number, name in enumerate("ab") for i in range(4)}
    return folders.write(tmp_path / "photos", images)


def test_further_features_are_of_the_same_images_in_the_same_order(root: Path) -> None:
    analyzed = analyze_folder(root, FeatureSpec(()))
    assert analyzed.features.values.shape == (8, 0)
    further = analyzed.extracted(PIXELS)
    assert further.image_ids == analyzed.features.image_ids
    assert np.array_equal(further.values, analyze_folder(root, PIXELS).features.values)


def test_files_from_outside_leave_no_trace_beside_them_and_their_duplicates_are_found(root: Path, tmp_path: Path) -> None:
    analyzed = analyze_folder(root, PIXELS)
    outside = folders.write(tmp_path / "elsewhere", {"again.jpg": sample_images.photo(1, quality=70)})
    again = analyze_files([outside / "again.jpg"], PIXELS)
    same = analyzed.duplicates_of(again, analyzed.features.image_ids)
    assert same == {row.image_id for row in analyzed.rows if row.path == "a/1.jpg"}
    assert [file.name for file in outside.iterdir()] == ["again.jpg"]


def test_a_folder_with_too_few_classes_is_refused_before_any_image_is_read(root: Path) -> None:
    with pytest.raises(DataError, match="has a label"):
        open_folder(root / "a", min_classes=2)
    assert not list(root.rglob(CATALOG))


def test_hashing_gives_the_ids_of_the_analysis_and_records_nothing(root: Path) -> None:
    opened = open_folder(root)
    files = opened.hash_files()
    assert not list(root.rglob(CATALOG))
    assert [file.image_id for file in files] == [file.image_id for file in opened.analyze(FeatureSpec(())).files]
