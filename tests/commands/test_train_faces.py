"""``train --backbone faces``: the model finds faces by itself, in whole new photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.errors import OptionError
from tellapart.models import face_weights
from tests import faces, folders, sample_images


def with_face(seed: int) -> bytes:
    left, top = np.random.default_rng(seed).integers(0, 120, 2).tolist()
    return sample_images.encoded(faces.placed(400, 320, (left, top, 0.8), seed=seed), quality=92)


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    files = {f"face/{i}.jpg": with_face(i) for i in range(12)}
    files |= {f"nobody/{i}.jpg": sample_images.photo(100 + i, 400, 320) for i in range(12)}
    return folders.write(tmp_path_factory.mktemp("people") / "photos", files)


def test_a_run_on_faces_answers_for_new_photos_without_the_extra(people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = tellapart.train(people, backbone="faces", out=tmp_path / "runs", learning_curve=False, n_splits=0)
    assert run.metrics.parts["test"].accuracy.value == 1
    monkeypatch.setattr(face_weights, "DESCRIBER", ("no_such_package_at_all", "x.pb", "0"))
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "other cache"))
    folders.write(tmp_path / "new", {"a.jpg": with_face(50), "b.jpg": sample_images.photo(200, 300, 400)})
    found = tellapart.predict(run.folder, tmp_path / "new").predictions
    assert [found.class_names[i] for i in found.probabilities.argmax(axis=1)] == ["face", "nobody"]


def test_faces_and_a_whole_photo_stand_side_by_side(people: Path, tmp_path: Path) -> None:
    run = tellapart.train(
        people, backbone="faces+lite0", out=tmp_path / "runs", learning_curve=False, n_splits=0, resize="squash", image_size=96
    )
    assert run.metrics.parts["test"].accuracy.value == 1


def test_faces_are_not_fine_tuned(people: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="only probed"):
        tellapart.train(people, backbone="faces", recipe="finetune", out=tmp_path / "runs")
    assert not (tmp_path / "runs").exists()
