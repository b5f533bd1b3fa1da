"""The same command once more: what would be the same is left as it is, and this is said."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.run_folder import Run
from tests import folders
from tests.listeners import Heard

QUICK: dict[str, Any] = {"features": "lite0", "vocabulary": "none"}
WRITERS: dict[str, Callable[[Path, Path, Path, Heard], object]] = {
    "check": lambda run, root, out, heard: tellapart.check(root, backbone="none", out=out, progress=heard),
    "explore": lambda run, root, out, heard: tellapart.explore(root, k=2, map="pca", out=out, progress=heard, **QUICK),
    "explore --only map": lambda run, root, out, heard: tellapart.explore(
        root, only="map", map="pca", features="lite0", out=out, progress=heard
    ),
    "similar --all": lambda run, root, out, heard: tellapart.similar(
        root, all_=True, features="lite0", out=out / "all.csv", progress=heard
    ),
    "predict": lambda run, root, out, heard: tellapart.predict(run, root, out=out / "a.csv", progress=heard),
    "predict to Parquet": lambda run, root, out, heard: tellapart.predict(run, root, out=out / "a.parquet", progress=heard),
    "predict --sheet": lambda run, root, out, heard: tellapart.predict(run, root, sheet=out / "sheet.jpg", progress=heard),
    "evaluate --report": lambda run, root, out, heard: tellapart.evaluate(run, root, report=out / "report", progress=heard),
    "cluster": lambda run, root, out, heard: tellapart.cluster(root, k=2, out=out, progress=heard, **QUICK),
    "evaluate": lambda run, root, out, heard: tellapart.evaluate(run, root, out=out / "e.parquet", progress=heard),
    "explain": lambda run, root, out, heard: tellapart.explain(
        run, sorted(root.rglob("*.jpg"))[:1], occlusion=False, out=out / "e.jpg", progress=heard
    ),
    "augment": lambda run, root, out, heard: tellapart.augment(root, out=out / "a.jpg", progress=heard),
}


@pytest.fixture(scope="module")
def root(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folders.some_of(photos, tmp_path_factory.mktemp("again") / "photos", each=4)


@pytest.fixture(scope="module")
def run(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run that has not seen the images of ``root``."""
    others = {f"{kind}/{kind} {seed}.jpg": folders.class_photo(kind, seed) for kind in folders.KINDS for seed in range(700, 710)}
    folder = folders.write(tmp_path_factory.mktemp("others") / "others", others)
    return tellapart.train(folder, backbone="lite0", n_splits=0, learning_curve=False, out=folder.parent / "runs")


def marks(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path): (path.stat().st_ino, path.stat().st_mtime_ns) for path in sorted(folder.rglob("*")) if path.is_file()}


@pytest.mark.parametrize("name", WRITERS)
def test_a_page_or_table_that_would_be_the_same_is_not_rewritten(run: Run, root: Path, tmp_path: Path, name: str) -> None:
    first, second = Heard(), Heard()
    WRITERS[name](run.folder, root, tmp_path / "out", first)
    before = marks(tmp_path / "out")
    assert before and not any("nothing has changed" in note for note in first.notes)
    WRITERS[name](run.folder, root, tmp_path / "out", second)
    assert marks(tmp_path / "out") == before
    assert [note for note in second.notes if "nothing has changed" in note and "nothing was rewritten" in note]


RUNNERS: dict[str, Callable[[Path, Run, dict[str, Any]], Run]] = {
    "ladder": lambda root, run, options: tellapart.ladder(root, steps="probe", backbone="lite0", **options),
    "autoencode": lambda root, run, options: tellapart.autoencode(root, epochs=1, image_size=32, latent=4, **options),
    "ensemble": lambda root, run, options: tellapart.ensemble([run.folder, twin(run)], **options),
}


def twin(run: Run) -> Path:
    """Another training on the same folder."""
    others = Path(run.metrics.folder)
    return tellapart.train(others, backbone="lite0", n_splits=0, learning_curve=False, resize="squash", out=run.folder.parent).folder


@pytest.mark.parametrize("name", RUNNERS)
def test_a_run_that_exists_is_not_made_again_unless_asked_to(run: Run, root: Path, tmp_path: Path, name: str) -> None:
    first = RUNNERS[name](root, run, {"out": tmp_path, "progress": Heard()})
    heard = Heard()
    assert RUNNERS[name](root, run, {"out": tmp_path, "progress": heard}).folder == first.folder
    assert any(f"the run {first.name} has the same options and images" in note for note in heard.notes)
    assert RUNNERS[name](root, run, {"out": tmp_path, "again": True, "progress": Heard()}).folder != first.folder


def test_other_bytes_in_the_file_of_weights_are_another_training(root: Path, tmp_path: Path) -> None:
    import timm
    import torch
    from safetensors.torch import save_file

    def train(seed: int) -> Run:
        torch.manual_seed(seed)
        save_file(timm.create_model("test_resnet", num_classes=0).state_dict(), tmp_path / "own.safetensors")
        options: dict[str, Any] = {"backbone": "test_resnet", "weights": tmp_path / "own.safetensors", "image_size": 32}
        return tellapart.train(root, n_splits=0, learning_curve=False, out=tmp_path / "runs", **options)

    first = train(0)
    assert train(0).folder == first.folder
    assert train(1).folder != first.folder
