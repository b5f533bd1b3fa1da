from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

import tellapart
from tellapart.errors import DataError, OptionError, StorageError, TellapartError
from tellapart.run_folder import Run, open_run

HEADING = {
    "run": "r-1",
    "folder": "/photos",
    "created": "2026-11-21T10:00:00+00:00",
    "recipe": "probe",
    "backbone": "lite2",
    "class_names": ["a", "b"],
}
PART = {
    "n": 2,
    "groups": 2,
    "confusion_matrix": [[1, 0], [0, 1]],
    "per_class": [],
    "coverage": [],
    **{key: {"value": 0.5, "low": 0, "high": 1} for key in ("accuracy", "log_loss", "macro_f1")},
    "ece": {"before": 0.1, "after": 0.0},
    "reliability": {"before": [], "after": []},
}
WRONG = {
    "": "Expecting value",
    "[]": "the content is a list",
    "null": "the content is null",
    "{": "Expecting property name",
    "[" * 50_000: "nested too deeply",
    '{"n": NaN}': "NaN is not a JSON number",
    '{"a": 1, "a": 2}': "'a' occurs twice",
}
WRONG_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"class_names": "abc"}, "class_names is 'abc', expected a list"),
    ({"class_names": ["a", "a"]}, "class_names has 'a' twice"),
    ({"run": 7}, "run is 7, expected text"),
    ({"notes": [7]}, r"notes\[0\] is 7, expected text"),
    ({"test": {}}, "test.n is missing"),
    ({"test": {**PART, "accuracy": {"value": 1.0, "low": "x", "high": 1.0}}}, "test.accuracy.low is 'x', expected a number"),
    ({"selection": {"n": 3, "temperature": 1.0, "clip": 0.0, "folds": 1.5}}, "selection.folds is 1.5, expected a whole number"),
    ({"decisions": {"test": {"excluded": "2"}}}, "decisions.test.excluded is '2'"),
]


def run_with(folder: Path, **values: Any) -> Run:
    (folder / "metrics.json").write_text(json.dumps(HEADING | values))
    return Run(folder)


@pytest.mark.parametrize("content", WRONG)
def test_run_files_that_are_no_objects_are_clear_errors(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    (tmp_path / "options.json").write_text(content)
    for read in (lambda: Run(tmp_path).metrics, lambda: Run(tmp_path).options, lambda: Run(tmp_path).content()):
        with pytest.raises(StorageError, match=rf"(metrics|options)\.json cannot be read: .*{WRONG[content]}"):
            read()


@pytest.mark.parametrize(("values", "complaint"), WRONG_FIELDS)
def test_a_damaged_field_is_named_with_its_path(tmp_path: Path, values: dict[str, Any], complaint: str) -> None:
    with pytest.raises(StorageError, match=rf"metrics\.json cannot be read: {complaint}"):
        assert run_with(tmp_path, **values).metrics


@pytest.mark.parametrize("name", HEADING)
def test_what_every_run_has_is_required(tmp_path: Path, name: str) -> None:
    (tmp_path / "metrics.json").write_text(json.dumps({key: value for key, value in HEADING.items() if key != name}))
    with pytest.raises(StorageError, match=f"{name} is missing"):
        assert Run(tmp_path).metrics


def test_runs_of_other_versions_open(tmp_path: Path) -> None:
    older = run_with(tmp_path, test=PART)
    assert older.metrics.leak is None and older.metrics.parts["test"].rungs == [] and older.metrics.parts["test"].familiarity is None
    newer = run_with(tmp_path, test={**PART, "new": 1}, new={"a": [1]})
    assert newer.metrics == older.metrics


def test_what_is_written_reads_the_same(tmp_path: Path) -> None:
    first = run_with(tmp_path, test=PART, notes=["n"], decisions={"test": {"excluded": 2}}).metrics
    (tmp_path / "metrics.json").write_text(json.dumps(first.as_dict()))
    assert Run(tmp_path).metrics == first
    assert "search" not in first.as_dict() and first.as_dict()["leak"] is None


def test_epochs_are_read_and_other_events_left_out(tmp_path: Path) -> None:
    lines = [
        '{"event": "trial", "name": "x"}',
        "",
        '{"event": "epoch", "epoch": 2, "train": {"loss": NaN, "accuracy": 0.5}, "held_out": null}',
    ]
    (tmp_path / "history.jsonl").write_text("\n".join(lines))
    (epoch,) = Run(tmp_path).history
    assert (epoch.epoch, epoch.held_out, epoch.is_kept) == (2, None, True)
    assert epoch.train is not None and (epoch.train.loss, epoch.train.accuracy) == (None, 0.5)


@pytest.mark.parametrize("line", [b"\xff", b"{", b'{"event": "epoch"}', b'{"event": "epoch", "epoch": "2"}'])
def test_a_damaged_line_of_the_history_is_said_with_its_number(tmp_path: Path, line: bytes) -> None:
    (tmp_path / "history.jsonl").write_bytes(b'{"event": "chosen"}\n' + line + b"\n")
    with pytest.raises(StorageError, match=r"history\.jsonl cannot be read: line 2"):
        assert Run(tmp_path).history


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.json")
    with pytest.raises(StorageError, match="not a regular file"):
        assert Run(tmp_path).metrics


@pytest.mark.parametrize("name", ["model/model.json", "model/member-1.safetensors", "predictions.parquet", "images.parquet"])
def test_a_missing_file_is_said_once_and_without_a_number(trained: Run, tmp_path: Path, name: str) -> None:
    """A run that was copied in half: the message held the path twice and "[Errno 2]"."""
    run = shutil.copytree(trained.folder, tmp_path / "half")
    (run / name).unlink()
    with pytest.raises(TellapartError) as caught:
        tellapart.predict(run, Path(__file__).parent) if name.startswith("model") else tellapart.report(run)
    assert str(caught.value).endswith("no such file or directory")
    assert str(caught.value).count(Path(name).name) == 1
    assert "Errno" not in str(caught.value)


def test_a_place_near_a_run_is_answered_with_the_run(tmp_path: Path) -> None:
    (tmp_path / "runs/photos-1/model").mkdir(parents=True)
    (tmp_path / "runs/photos-1/metrics.json").touch()
    (tmp_path / "empty").mkdir()
    for place, hint in [
        ("runs", "runs there: photos-1"),
        ("runs/photos-2", "runs there: photos-1"),
        ("runs/photos-1/model", f"give its folder: {tmp_path / 'runs/photos-1'}"),
        ("runs/photos-1/metrics.json", f"give its folder: {tmp_path / 'runs/photos-1'}"),
        ("empty/x", "tellapart train FOLDER makes one"),
    ]:
        with pytest.raises(DataError) as caught:
            open_run(tmp_path / place)
        assert caught.value.hint == hint
    with pytest.raises(OptionError, match="run must be a path, got None"):
        open_run(None)  # type: ignore[arg-type]
