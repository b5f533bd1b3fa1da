from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tellapart.errors import DataError, StorageError
from tellapart.progress import NoProgress
from tellapart.training.run_writer import new_run_folder


def test_a_run_appears_under_the_next_free_number(tmp_path: Path) -> None:
    (tmp_path / "runs/pets-1").mkdir(parents=True)
    (tmp_path / "runs/pets-3").mkdir()
    with new_run_folder(tmp_path / "runs", "pets") as (partial, final):
        assert final == tmp_path / "runs/pets-2"
        assert not final.exists()
        (partial / "metrics.json").touch()
    assert (final / "metrics.json").exists()
    assert not partial.exists()


def test_a_run_has_the_name_it_is_given_and_a_number_only_where_that_is_taken(tmp_path: Path) -> None:
    class Listening(NoProgress):
        def note(self, message: str) -> None:
            heard.append(message)

    heard: list[str] = []
    for wanted, notes in (("r1", []), ("r1-2", ["there is a run r1 already, so this one is r1-2"]), ("r1-3", ["r1-3"])):
        heard.clear()
        with new_run_folder(tmp_path, "pets", given="r1", progress=Listening()) as (_, final):
            assert final == tmp_path / wanted
        assert len(heard) == len(notes)
        assert all(note in one for note, one in zip(notes, heard, strict=True))


def test_runs_written_at_once_do_not_take_each_others_name(tmp_path: Path) -> None:
    everyone_writes = threading.Barrier(4)
    names: list[str] = []

    def write(number: int) -> None:
        with new_run_folder(tmp_path, "pets") as (partial, final):
            (partial / "who").write_text(str(number))
            everyone_writes.wait(timeout=20)
            names.append(final.name)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(names) == ["pets-1", "pets-2", "pets-3", "pets-4"]
    assert {(tmp_path / name / "who").read_text() for name in names} == {"0", "1", "2", "3"}
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)


def test_an_interrupted_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_run_folder(tmp_path, "pets") as (partial, _):
        (partial / "metrics.json").touch()
        raise KeyboardInterrupt
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a/b", ".hidden", "..", "nul\0l"])
def test_a_name_no_run_can_have_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="cannot be the name of a run"), new_run_folder(tmp_path, name):
        pass


def test_a_place_that_cannot_be_written_is_a_storage_error() -> None:
    with pytest.raises(StorageError, match="/proc"), new_run_folder(Path("/proc/runs"), "pets"):
        pass
