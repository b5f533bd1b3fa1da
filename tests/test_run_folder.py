from __future__ import annotations

import os
from pathlib import Path

import pytest

from tellapart.errors import StorageError
from tellapart.reports.runfiles import RunFiles
from tellapart.run_folder import Run

WRONG = [
    "",
    "[]",
    "null",
    "{",
    '{"class_names": "abc"}',
    '{"class_names": ["a", "a"]}',
    '{"run": 7}',
    "[" * 50_000,
    '{"n": NaN}',
    '{"a": 1, "a": 2}',
]


@pytest.mark.parametrize("content", WRONG)
def test_run_files_of_a_wrong_shape_are_clear_errors(tmp_path: Path, content: str) -> None:
    (tmp_path / "metrics.json").write_text(content)
    (tmp_path / "options.json").write_text(content)
    for read in (lambda: Run(tmp_path).metrics, lambda: Run(tmp_path).options, lambda: RunFiles.load(tmp_path)):
        with pytest.raises(StorageError, match=r"(metrics|options)\.json cannot be read"):
            read()


def test_a_damaged_line_of_the_history_is_said_with_its_number(tmp_path: Path) -> None:
    (tmp_path / "metrics.json").write_text("{}")
    (tmp_path / "history.jsonl").write_bytes(b'{"event": "epoch"}\n\xff\n')
    with pytest.raises(StorageError, match=r"history\.jsonl cannot be read: line 2"):
        RunFiles.load(tmp_path)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "metrics.json")
    with pytest.raises(StorageError, match="not a regular file"):
        assert Run(tmp_path).metrics
