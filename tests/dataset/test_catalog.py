from __future__ import annotations

import os
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from tellapart.dataset.catalog import MIGRATIONS, Catalog, FileState, ImageFacts, state_folder
from tellapart.errors import StorageError

FACTS = ImageFacts("id1", 640, 480, "JPEG", b"h" * 16, b"m" * 16, 0.5, 0.25, 12.0, 0.1, 0.2, 0.3, 4.0, 250.0, 7.5, 80.0, 1.8)
FILE = FileState("cats/1.jpg", 1234, 1_700_000_000_123_456_789, "id1", None)
BROKEN = FileState("cats/2.jpg", 0, 5, None, "empty file")


def test_what_is_recorded_is_read_back(tmp_path: Path) -> None:
    with Catalog(tmp_path / "state/catalog.sqlite") as catalog:
        catalog.record([FILE, BROKEN], [FACTS])
    with Catalog(tmp_path / "state/catalog.sqlite") as catalog:
        assert catalog.files() == {"cats/1.jpg": FILE, "cats/2.jpg": BROKEN}
        assert catalog.facts(["id1", "unknown"]) == {"id1": FACTS}
        assert catalog.image_ids() == {"id1"}


def test_an_old_catalog_has_its_files_and_images_looked_at_again(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with sqlite3.connect(path) as old:
        MIGRATIONS[0](old)
        old.execute("PRAGMA user_version = 1")
        old.execute("INSERT INTO files VALUES (?, 1234, 5, 'id1', NULL)", (os.fsencode("cats/1.jpg"),))
        old.execute("INSERT INTO images VALUES ('id1', 640, 480, 'JPEG', x'00', x'01', 1, 2, 3, 4, 5, 6)")
    old.close()
    with Catalog(path) as catalog:
        assert catalog.files() == {}
        assert catalog.image_ids() == set(), "shorter facts do not count"
        catalog.record([], [FACTS])
        assert catalog.facts(["id1"]) == {"id1": FACTS}
    with Catalog(path) as again:
        assert again.image_ids() == {"id1"}, "a migration is done once"


def test_a_later_record_of_a_file_replaces_the_earlier(tmp_path: Path) -> None:
    changed = FileState(FILE.path, 99, 6, None, "cut off")
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        catalog.record([FILE], [FACTS])
        catalog.record([changed], [])
        assert catalog.files() == {FILE.path: changed}


@pytest.mark.parametrize("name", ["with\nnewline.jpg", "猫.jpg", "caf\udce9.jpg", "'; DROP TABLE files; --.jpg"])
def test_any_file_name_can_be_kept(tmp_path: Path, name: str) -> None:
    state = FileState(name, 1, 2, "id1", None)
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        catalog.record([state], [])
        assert catalog.files() == {name: state}


def filled(path: Path) -> Path:
    with Catalog(path) as catalog:
        facts = [replace(FACTS, image_id=f"id{i:04}") for i in range(500)]
        catalog.record([FileState(f"{i:04}.jpg", 1, 2, f"id{i:04}", None) for i in range(500)], facts)
    return path


def damaged(path: Path, kind: str) -> None:
    data = bytearray(path.read_bytes())
    if kind == "garbage":
        data[:] = os.urandom(5000)
    elif kind == "cut":
        del data[len(data) // 2 :]
    elif kind == "text":
        data[:] = b"this is not a database\n" * 50
    else:
        data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


@pytest.mark.parametrize("kind", ["garbage", "cut", "text", "pages"])
def test_a_damaged_catalog_is_set_aside_and_made_anew(tmp_path: Path, kind: str) -> None:
    path = filled(tmp_path / "catalog.sqlite")
    damaged(path, kind)
    with Catalog(path) as catalog:
        assert set(catalog.files()) <= {f"{i:04}.jpg" for i in range(500)}
        catalog.facts(["id0001"])
        catalog.image_ids()
        catalog.record([FILE], [FACTS])
        assert catalog.files()[FILE.path] == FILE
        assert catalog.notes == [f"the catalog {path} was damaged and is made anew; the old one is kept as catalog.damaged"]
    assert (tmp_path / "catalog.damaged").is_file()


def test_whichever_page_is_damaged_nothing_but_a_wrong_fact_can_come_of_it(tmp_path: Path) -> None:
    whole = filled(tmp_path / "catalog.sqlite").read_bytes()
    for page in range(0, len(whole), 4096):
        path = tmp_path / f"{page}.sqlite"
        path.write_bytes(whole[:page] + b"\xa5\x5a" * 2048 + whole[page + 4096 :])
        with Catalog(path) as catalog:
            assert len(catalog.files()) in (0, 500), page
            assert len(catalog.facts(catalog.image_ids())) in (0, 500), page
            catalog.record([FILE], [FACTS])


def test_an_empty_file_is_an_empty_catalog(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").touch()
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        assert catalog.files() == {}


def test_a_place_that_cannot_be_written_hints_at_another(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StorageError) as caught:
        Catalog(tmp_path / "file/catalog.sqlite")
    assert "--state" in str(caught.value.hint)


def test_a_folder_in_the_catalogs_place_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "catalog.sqlite").mkdir()
    with pytest.raises(StorageError, match=r"catalog\.sqlite"):
        Catalog(tmp_path / "catalog.sqlite")


def test_two_processes_can_make_the_same_catalog_at_once(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def make(number: int) -> None:
        try:
            with Catalog(tmp_path / "catalog.sqlite") as catalog:
                catalog.record([FileState(f"{number}.jpg", 1, 2, None, "x")], [])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        assert len(catalog.files()) == 8


def test_a_full_disk_while_recording_is_a_storage_error(tmp_path: Path) -> None:
    with Catalog(tmp_path / "catalog.sqlite") as catalog:
        catalog._db.execute("PRAGMA max_page_count = 6")
        with pytest.raises(StorageError, match="cannot be written"):
            catalog.record([FileState(f"{i}" * 100, 1, 2, "x" * 64, None) for i in range(1000)], [])
        assert catalog.files() == {}, "a transaction is whole or absent"


def test_the_state_lies_beside_the_photos_or_where_the_user_says(tmp_path: Path) -> None:
    assert state_folder(tmp_path, None) == (tmp_path / ".tellapart", None)
    assert list((tmp_path / ".tellapart").iterdir()) == [], "the probe is gone"
    assert state_folder(tmp_path, tmp_path / "mine") == (tmp_path / "mine", None)


def test_a_folder_that_cannot_be_written_has_its_state_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    where, note = state_folder(Path("/proc"), None)
    assert where.is_relative_to(tmp_path / "cache/state")
    assert note is not None
    assert "/proc cannot be written" in note
    assert state_folder(Path("/sys"), None)[0] != where, "each folder has a state of its own"


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE images SET width = 641 WHERE image_id = 'id0003'",
        "UPDATE images SET hash = x'00' WHERE image_id = 'id0003'",
        "UPDATE images SET brightness = 'a' WHERE image_id = 'id0003'",
        "UPDATE images SET format = CAST(x'ff' AS TEXT) WHERE image_id = 'id0003'",
        "UPDATE images SET checksum = NULL WHERE image_id = 'id0003'",
    ],
)
def test_a_row_that_is_not_as_it_was_written_is_measured_again(tmp_path: Path, change: str) -> None:
    path = filled(tmp_path / "catalog.sqlite")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    with Catalog(path) as catalog:
        assert len(catalog.image_ids()) == 499
        assert "id0003" not in catalog.facts(["id0003"])
        assert len(catalog.files()) == 500
        assert catalog.notes == ["rows of the catalog's table images that are damaged and are made anew: 1"]
        catalog.record([], [replace(FACTS, image_id="id0003", brightness=1)])
        assert catalog.facts(["id0003"])["id0003"].brightness == 1.0


@pytest.mark.parametrize("change", ["DROP TABLE images", "ALTER TABLE files DROP COLUMN reason", "PRAGMA user_version = -3"])
def test_a_catalog_without_its_tables_is_made_anew(tmp_path: Path, change: str) -> None:
    path = filled(tmp_path / "catalog.sqlite")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(change)
    with Catalog(path) as catalog:
        assert catalog.files() == {}
        assert len(catalog.notes) == 1


def test_a_catalog_of_a_newer_version_is_kept_and_another_made(tmp_path: Path) -> None:
    path = filled(tmp_path / "catalog.sqlite")
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with Catalog(path) as catalog:
        assert "of a newer version" in catalog.notes[0]


def test_files_of_an_older_catalog_are_read_once_more(tmp_path: Path) -> None:
    path = tmp_path / "catalog.sqlite"
    with closing(sqlite3.connect(path)) as db, db:
        for step in MIGRATIONS[:2]:
            step(db)
        db.execute("INSERT INTO files VALUES (?, 1234, 5, 'id1', NULL)", (b"cats/1.jpg",))
        db.execute("PRAGMA user_version = 2")
    state = FileState.of("cats/1.jpg", os.stat_result((0, (1 << 64) - 2, *range(15))), "id1", None)
    with Catalog(path) as catalog:
        assert catalog.files() == {}
        assert catalog.notes == []
        catalog.record([state], [])
        assert catalog.files() == {"cats/1.jpg": state}
    assert state.inode == -2, "SQLite's numbers have a sign"
    assert state.is_same_file(replace(state, image_id=None))
    assert not any(state.is_same_file(replace(state, **{name: 99})) for name in ("size_bytes", "mtime_ns", "ctime_ns", "inode"))
