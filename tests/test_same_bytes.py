"""The same command gives the same bytes: in a cold cache, in another cold one, and in a warm one."""

from __future__ import annotations

import re
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
    assert first.metrics.precision in (["float32"], ["bfloat16"])
    for other in runs[1:]:
        assert without_times(first.metrics.as_dict()) == without_times(other.metrics.as_dict())
        for name in ("predictions.parquet", "out_of_fold.parquet", "images.parquet", "model/member-1.safetensors"):
            assert (first.folder / name).read_bytes() == (other.folder / name).read_bytes(), name


def test_check_gives_the_same_bytes_whatever_command_has_read_the_images_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {f"{kind}/{seed}.jpg": folders.class_photo(kind, seed, side=800) for kind in ("dots", "stripes") for seed in range(3)}
    root = folders.write(tmp_path / "photos", files)
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    tellapart.check(root, backbone="none", out=tmp_path / "alone")
    shutil.rmtree(root / ".tellapart")
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "second cache"))
    tellapart.train(root, out=tmp_path / "runs", folds=1, **{**RECIPES["scratch"], "image_size": 224, "epochs": 1})
    tellapart.check(root, backbone="none", out=tmp_path / "after")
    files_of = {name: sorted((tmp_path / name).rglob("*.*")) for name in ("alone", "after")}
    assert len(files_of["alone"]) == len(files_of["after"]) == 3
    for one, other in zip(files_of["alone"], files_of["after"], strict=True):
        assert untimed(one.read_text()) == untimed(other.read_text()), one.name


def untimed(page: str) -> str:
    return re.sub(r'"made": ?"[^"]*"', "", page)
