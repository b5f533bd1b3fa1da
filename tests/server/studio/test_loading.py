"""The folder is shown as it was known at once, and anew where it has changed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.progress import SILENT
from tellapart.server.studio.loading import Loader, Loading, load_workspace
from tellapart.server.studio.new_files import FileChanges
from tellapart.server.studio.scan import SNAPSHOT, FolderSource, read_snapshot, scan, usual_state, write_snapshot
from tellapart.server.studio.studio import Studio
from tellapart.server.studio.workspace import Choice, Workspace
from tests.server.studio.conftest import tiny


def loaded(source: FolderSource) -> tuple[list[Workspace], Loading]:
    """What a loader gives, in its order."""
    given: list[Workspace] = []
    loader = Loader(source, Loading(), given.append)
    loader.start()
    loader.thread.join()
    return given, loader.loading


def test_a_snapshot_gives_the_rows_that_were_read(pets: Path) -> None:
    (pets / "cats" / "caf\udce9.jpg").write_bytes(tiny(77))
    source = FolderSource(pets, AS_FOUND)
    made = scan(source, SILENT)
    write_snapshot(made, source)
    state = usual_state(source)
    assert state == made.state
    found = read_snapshot(made.state, source)
    assert found is not None and found.version == made.version and found.paths == made.paths and found.notes == made.notes
    assert Workspace(found).file(0).is_file()
    for one, other in zip(found.rows, made.rows, strict=True):
        assert [getattr(one, name) for name in ("path", "image_id", "label", "part", "status", "reason", "width", "size_bytes")] == [
            getattr(other, name) for name in ("path", "image_id", "label", "part", "status", "reason", "width", "size_bytes")
        ]


@pytest.mark.parametrize(
    "harm", [lambda data: data[:-9], lambda data: data.replace(b"cats", b"mice", 1), lambda data: b"", lambda data: b"[]"]
)
def test_a_damaged_snapshot_is_none(pets: Path, harm) -> None:
    source = FolderSource(pets, AS_FOUND)
    made = scan(source, SILENT)
    write_snapshot(made, source)
    file = made.state / SNAPSHOT
    file.write_bytes(harm(file.read_bytes()))
    assert read_snapshot(made.state, source) is None
    assert [one.version for one in loaded(source)[0]] == [made.version]


def test_another_reading_of_the_folder_has_no_snapshot_yet(pets: Path) -> None:
    source = FolderSource(pets, AS_FOUND)
    made = scan(source, SILENT)
    write_snapshot(made, source)
    assert read_snapshot(made.state, FolderSource(pets, DatasetOptions(label_folder="none"))) is None


def test_files_that_change_are_shown_anew(pets: Path) -> None:
    source = FolderSource(pets, AS_FOUND)
    (first,), loading = loaded(source)
    assert not loading.is_checking and loading.error is None
    assert [one.version for one in loaded(source)[0]] == [first.version]
    (pets / "cats" / "new.jpg").write_bytes(tiny(78))
    known, fresh = loaded(source)[0]
    assert known.version == first.version and "cats/new.jpg" in fresh.number_of


def test_new_files_are_counted_and_read_when_asked_for(pets: Path) -> None:
    studio = Studio(FolderSource(pets, AS_FOUND))
    studio.use(load_workspace(studio.source))
    studio.loading.is_checking = False
    assert studio.workspace is not None and studio.file_changes() == FileChanges()
    studio.workspace.decide(Choice("exclude", [0]))
    (pets / "cats" / "new.jpg").write_bytes(tiny(78))
    (pets / "birds").mkdir()
    assert studio.file_changes() == FileChanges(new=1)
    (pets / "birds" / "other.jpg").write_bytes(tiny(79))
    (pets / "dogs" / "drawing.jpg").unlink()
    (pets / "notes.txt").write_text("no image")
    assert studio.file_changes() == FileChanges(new=2, gone=1)
    studio.rescan()
    assert studio.loader is not None
    studio.loader.thread.join()
    assert {"cats/new.jpg", "birds/other.jpg"} <= studio.workspace.number_of.keys() and studio.file_changes() == FileChanges()
    assert studio.batches == (1,)
    studio.close()


def test_of_what_a_table_lists_no_file_is_new(pets: Path, tmp_path: Path) -> None:
    (pets / "table.csv").write_text("path,label\ncats/cats 1.jpg,cat\ndogs/dogs 1.jpg,dog\n")
    studio = Studio(FolderSource(pets / "table.csv", AS_FOUND, tmp_path / "state"))
    studio.use(load_workspace(studio.source))
    studio.loading.is_checking = False
    (pets / "cats" / "new.jpg").write_bytes(tiny(78))
    assert studio.file_changes() == FileChanges()
    studio.close()


def test_a_folder_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    given, loading = loaded(FolderSource(tmp_path, AS_FOUND))
    assert given == [] and "there are no images" in (loading.error or "")
