"""Some hundred mutations of each file that is read back; ``benchmarks/fuzz.py`` reads as many as one likes."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

import tellapart
from tellapart.errors import ModelError
from tellapart.models import model_card
from tellapart.reports.run_view import report_view
from tellapart.run_folder import Run, open_run
from tests import folders, fuzzing, sample_images

COUNT = int(os.environ.get("TELLAPART_MUTATIONS", "60"))


@pytest.mark.parametrize("name", fuzzing.SUBJECTS)
def test_a_mutated_file_is_refused_or_gives_the_same_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    seen = fuzzing.run(name, COUNT, 0, tmp_path)
    assert sum(seen.values()) == COUNT
    assert seen[fuzzing.REFUSED] or seen[fuzzing.SAID], "some mutations are noticed"


def resealed(words: str) -> str:
    """The card of a model with the right checksum of itself, as its maker would write it."""
    try:
        card = {key: value for key, value in json.loads(words).items() if key != "sha256"}
        return json.dumps({**card, "sha256": model_card._digest(card)})
    except (ValueError, RecursionError):
        return words


def test_a_strangers_card_is_refused_or_answers_with_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    file = fuzzing.SUBJECTS["model.json"].write(tmp_path / "whole")
    assert fuzzing.read_strange_trees(file, lambda: _finite(fuzzing.SUBJECTS["model.json"].read(file)), resealed, COUNT, 0)


def _finite(answer: tuple[object, bytes, object, object]) -> None:
    assert np.isfinite(np.frombuffer(answer[1])).all(), "an answer is no number"


@pytest.mark.parametrize("name", ["metrics.json", "options.json"])
def test_a_strangers_run_is_refused_or_shown(tmp_path: Path, trained: Run, name: str) -> None:
    shutil.copytree(trained.folder, tmp_path / "run")

    def read() -> None:
        run = open_run(tmp_path / "run")
        report_view(run.folder, lambda image_ids: {})
        run._repr_html_()
        run.as_dict()

    assert fuzzing.read_strange_trees(tmp_path / "run" / name, read, str, COUNT, 0)


def test_a_strangers_prepared_set_is_refused_or_opened_and_never_taken_for_ours(tmp_path: Path) -> None:
    root = folders.write(tmp_path / "photos", {f"{'ab'[i % 2]}/{i}.jpg": sample_images.photo(i, 40, 40) for i in range(4)})
    tellapart.prepare(root, size=16, out=tmp_path / "new")

    def read() -> None:
        tellapart.open_prepared(tmp_path / "new")
        tellapart.prepare(root, size=16, out=tmp_path / "new")

    assert fuzzing.read_strange_trees(tmp_path / "new/prepared.json", read, str, COUNT, 0)


@pytest.mark.parametrize(
    ("name", "change"),
    {
        "float64": lambda values: values.astype(np.float64),
        "whole numbers": lambda values: values.astype(np.int32),
        "nothing": lambda values: values[:0],
        "another shape": lambda values: values.reshape(1, *values.shape),
        "longer": lambda values: np.concatenate([values, values]),
        "no number": lambda values: np.full_like(values, np.nan),
        "endless": lambda values: np.full_like(values, np.inf),
    }.items(),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_strangers_tensors_are_refused(tmp_path: Path, name: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
    """Each tensor in turn, with the checksums that its maker would write."""
    file = fuzzing.SUBJECTS["model.json"].write(tmp_path / "whole")
    tensors, card = load_file(file.with_name("member-1.safetensors")), json.loads(file.read_text(encoding="utf-8"))
    changed = [{**tensors, key: change(values)} for key, values in tensors.items()]
    changed += [{**tensors, "stranger": np.zeros(3, np.float32)}] if name == "nothing" else []
    for each in changed:
        save_file(each, file.with_name("member-1.safetensors"))
        card["checksums"]["member-1.safetensors"] = model_card._file_digest(file.with_name("member-1.safetensors"))
        file.write_text(resealed(json.dumps(card)), encoding="utf-8")
        with pytest.raises(ModelError):
            fuzzing.SUBJECTS["model.json"].read(file)
