"""The same command gives the same bytes: in a cold cache, in another cold one, and in a warm one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tests import folders

RECIPES: dict[str, dict[str, Any]] = {
    "probe": {"backbone": "lite0", "n_splits": 3},
    "finetune": {"recipe": "finetune", "backbone": "lite0", "image_size": 64, "epochs": 1, "unfreeze": "1", "augment": "none"},
    "scratch": {"recipe": "scratch", "architecture": "tiny", "image_size": 32, "epochs": 2},
}
TIMES = {"run", "created", "seconds", "images_per_s"}


def without_times(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: without_times(value) for key, value in content.items() if key not in TIMES}
    return [without_times(value) for value in content] if isinstance(content, list) else content


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_cold_and_a_warm_cache_give_the_same_bytes(
    recipe: str, photos: Path, own_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = folders.some_of(photos, tmp_path / "photos", each=20 if recipe == "probe" else 6)
    shutil.copytree(own_cache, tmp_path / "second cache")
    runs = []
    for cache, num_workers in (("own cache", 1), ("second cache", 2), ("second cache", 3)):
        monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / cache))
        given = {"seed": 3, "num_workers": num_workers, "state": tmp_path / cache, **RECIPES[recipe]}
        runs.append(tellapart.train(root, out=tmp_path / "runs", name="run", **given))
    first = runs[0]
    assert first.metrics["precision"] in (["float32"], ["bfloat16"])
    for other in runs[1:]:
        assert without_times(json.loads(json.dumps(first.metrics))) == without_times(json.loads(json.dumps(other.metrics)))
        for name in ("predictions.parquet", "out_of_fold.parquet", "images.parquet", "model/member-1.safetensors"):
            assert (first.folder / name).read_bytes() == (other.folder / name).read_bytes(), name
