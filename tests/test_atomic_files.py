from __future__ import annotations

import errno
import json
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from tellapart.atomic_files import (
    beside,
    name_being_written,
    remove_abandoned,
    replacing,
    replacing_folder,
    storage_error,
    write_json,
    write_text,
)
from tellapart.errors import StorageError


def dead_process() -> int:
    with subprocess.Popen(["true"]) as process:
        process.wait()
    return process.pid


def test_a_file_appears_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "deep/er/a.txt", "häl\nlo")
    assert (tmp_path / "deep/er/a.txt").read_text(encoding="utf-8") == "häl\nlo"
    assert [p.name for p in (tmp_path / "deep/er").iterdir()] == ["a.txt"]


def test_who_reads_the_old_file_goes_on_reading_it_whole(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "old " * 100_000)
    with (tmp_path / "a.txt").open() as reader:
        assert reader.read(4) == "old "
        write_text(tmp_path / "a.txt", "new")
        assert reader.read().count("old") == 99_999


@pytest.mark.parametrize("error", [ValueError("x"), KeyboardInterrupt()])
def test_whatever_happens_the_old_file_stays_and_nothing_else(tmp_path: Path, error: BaseException) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(type(error)), replacing(path) as partial:
        partial.write_text("ne")
        raise error
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS, errno.EIO])
def test_an_error_of_the_disk_is_a_storage_error_and_leaves_no_partial_file(tmp_path: Path, number: int) -> None:
    with pytest.raises(StorageError) as caught, replacing(tmp_path / "a.txt") as partial:
        partial.write_text("ne")
        raise OSError(number, os.strerror(number))
    assert "a.txt" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_disk_that_fills_at_the_sync_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="no space left"):
        write_text(tmp_path / "a.txt", "hello")
    assert list(tmp_path.iterdir()) == []


def test_a_real_full_disk_is_a_storage_error(small_disk: Path) -> None:
    write_text(small_disk / "kept.txt", "kept")
    with pytest.raises(StorageError, match="no space left") as caught:
        write_text(small_disk / "big.txt", "x" * 10_000_000)
    assert caught.value.hint
    assert [p.name for p in small_disk.iterdir()] == ["kept.txt"]


def test_the_sentences_name_the_place_and_the_way_out() -> None:
    full = storage_error(OSError(errno.ENOSPC, "No space left on device"), Path("/a/b"))
    closed = storage_error(OSError(errno.EROFS, "Read-only file system"), Path("/a/b"))
    assert str(full) == "no space left on the disk while writing /a/b"
    assert "free some space" in str(full.hint)
    assert str(closed) == "/a/b cannot be written: Read-only file system"
    assert "--out" in str(closed.hint)


def test_a_folder_appears_whole_and_replaces_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/old").touch()
    with replacing_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
        assert (tmp_path / "run/old").exists()
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["new"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/old").touch()
    with pytest.raises(KeyboardInterrupt), replacing_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
        raise KeyboardInterrupt
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def left_by(path: Path, process: int, *, kind: str = "partial", machine: str | None = None) -> Path:
    """The hidden name beside ``path`` that a process of this or another machine gave."""
    words = beside(path, kind).name.split(".")
    words[-3], words[-4] = str(process), machine or words[-4]
    return path.with_name(".".join(words))


def test_names_being_written_are_told_from_all_others(tmp_path: Path) -> None:
    for name in ("run-1", "a.b.partial", ".hidden", "caf\udce9", "with\nline"):
        assert name_being_written(beside(tmp_path / name).name) == name
        assert name_being_written(name) is None
    assert beside(tmp_path / "a") != beside(tmp_path / "a"), "no two writers share a name"


def test_only_what_dead_processes_of_this_machine_left_is_removed(tmp_path: Path) -> None:
    dead = dead_process()
    run = tmp_path / "run-1"
    stay = [left_by(run, os.getppid()), left_by(run, dead, machine="0123abcd"), tmp_path / f".run-2.{dead}.partial"]
    go = [left_by(run, dead), left_by(tmp_path / "run.2", dead), left_by(run, os.getpid())]
    for path in [*stay, *go, tmp_path / f"mine.{dead}.partial", tmp_path / ".run-3.word.partial"]:
        path.mkdir()
    left_by(tmp_path / "file", dead).touch()
    remove_abandoned(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {*(p.name for p in stay), f"mine.{dead}.partial", ".run-3.word.partial"}


def test_a_run_of_another_machine_on_a_shared_disk_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "node", lambda: "elsewhere")
    theirs = left_by(tmp_path / "run-1", dead_process())
    monkeypatch.undo()
    theirs.mkdir()
    with replacing_folder(tmp_path / "run-2"), replacing(tmp_path / "a.txt") as partial:
        partial.touch()
    assert theirs.is_dir()


def test_another_thread_does_not_remove_what_this_process_is_writing(tmp_path: Path) -> None:
    with replacing(tmp_path / "a.txt") as partial, replacing_folder(tmp_path / "run") as folder:
        partial.touch()
        remove_abandoned(tmp_path)
        assert partial.exists()
        assert folder.exists()


CRASH = """
import os, shutil, sys
from pathlib import Path
from tellapart.atomic_files import replacing_folder
real, done = os.replace, []
def replace(source, target):
    done.append(source)
    if len(done) >= int(sys.argv[2]):
        os._exit(9)
    real(source, target)
os.replace, shutil.rmtree = replace, lambda *_, **__: os._exit(9)
with replacing_folder(Path(sys.argv[1])) as partial:
    (partial / "new").touch()
"""


@pytest.mark.parametrize(("rename", "content"), [(1, "old"), (2, "old"), (3, "new")])
def test_a_crash_while_a_folder_is_replaced_leaves_one_complete(tmp_path: Path, rename: int, content: str) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/old").touch()
    assert subprocess.run([sys.executable, "-c", CRASH, tmp_path / "run", str(rename)], check=False).returncode == 9
    remove_abandoned(tmp_path)
    assert [p.name for p in (tmp_path / "run").iterdir()] == [content]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_a_new_folder_that_cannot_get_its_name_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run/old").touch()
    real = os.replace

    def replace(source: Path, target: Path) -> None:
        if source.name.endswith(".partial"):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(StorageError), replacing_folder(tmp_path / "run") as partial:
        (partial / "new").touch()
    assert [p.name for p in (tmp_path / "run").iterdir()] == ["old"]
    assert [p.name for p in tmp_path.iterdir()] == ["run"]


def test_json_refuses_what_is_not_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"ü": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"ü": [1, None]}
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_names_that_are_not_utf8_survive_json(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"path": "caf\udce9"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"path": "caf\udce9"}
