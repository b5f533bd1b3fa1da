from __future__ import annotations

from pathlib import Path

import pytest

from tellapart.dataset import Dataset, Entry, ImageFacts
from tellapart.dataset.catalog import FileState
from tellapart.dataset.file_rows import SET_ASIDE, UNREADABLE, USED, FileRow, load_rows, save_rows
from tellapart.dataset.row_building import file_rows
from tellapart.errors import StorageError


def rows_of(*files: tuple[str, str | None, str | None, str | None]) -> list[FileRow]:
    """Rows of files given as path, label, part and image id (None: unreadable)."""
    dataset = Dataset(Path("/photos"), tuple(Entry(path, label, part) for path, label, part, _ in files))
    states = [FileState(path, 10, 1, image_id, None if image_id else "cut off") for path, _, _, image_id in files]
    facts = {f[3]: ImageFacts(f[3], 640, 480, "JPEG", b"", b"", *[0.0] * 11) for f in files if f[3]}
    return file_rows(dataset, states, facts)


def test_every_file_has_a_row_in_its_place() -> None:
    rows = rows_of(("b.jpg", "cats", None, "1"), ("a.jpg", "dogs", None, None))
    assert [(r.path, r.status, r.reason, r.width) for r in rows] == [("b.jpg", USED, None, 640), ("a.jpg", UNREADABLE, "cut off", None)]


def test_an_exact_copy_is_set_aside_for_the_first_by_path() -> None:
    rows = rows_of(("b.jpg", "cats", None, "1"), ("a.jpg", "cats", None, "1"), ("c.jpg", "cats", None, "2"))
    assert [(r.path, r.status, r.reason) for r in rows] == [
        ("b.jpg", SET_ASIDE, "exact copy of a.jpg"),
        ("a.jpg", USED, None),
        ("c.jpg", USED, None),
    ]


def test_copies_in_different_parts_both_stay_for_the_leak_to_be_found() -> None:
    rows = rows_of(("train/a.jpg", "cats", "train", "1"), ("val/a.jpg", "cats", "val", "1"))
    assert [r.status for r in rows] == [USED, USED]


def test_one_image_under_two_labels_is_not_used_at_all() -> None:
    rows = rows_of(("cats/1.jpg", "cats", None, "1"), ("dogs/1.jpg", "dogs", None, "1"), ("dogs/2.jpg", "dogs", None, "2"))
    assert [(r.status, r.reason) for r in rows[:2]] == [(SET_ASIDE, "the same image stands under cats and dogs")] * 2
    assert rows[2].is_used
    assert rows[0].part is None


def test_an_unlabeled_copy_contradicts_nobody() -> None:
    rows = rows_of(("train/cats/1.jpg", "cats", "train", "1"), ("test/1.jpg", None, "test", "1"))
    assert [r.status for r in rows] == [USED, USED]


def test_rows_survive_the_disk(tmp_path: Path) -> None:
    full = FileRow("a\n猫.jpg", "1", "cats", "test", "g", USED, None, 640, 480, 10**12, 0.5, -0.25, ("2", "3"), (0.5, 0.25))
    bare = FileRow("b.jpg", None, None, None, None, UNREADABLE, "empty file", None, None, 0)
    save_rows([full, bare], tmp_path / "images.parquet")
    assert load_rows(tmp_path / "images.parquet") == [full, bare]


def test_names_that_are_not_utf8_are_written_as_escapes(tmp_path: Path) -> None:
    rows = rows_of(("caf\udce9/1.jpg", "caf\udce9", None, "1"))
    save_rows(rows, tmp_path / "images.parquet")
    assert load_rows(tmp_path / "images.parquet")[0].label == "caf\\xe9"


@pytest.mark.parametrize(
    "damage", [lambda p: p.unlink(), lambda p: p.write_bytes(b"PAR1no"), lambda p: p.write_bytes(p.read_bytes()[:-20])]
)
def test_damaged_rows_are_a_storage_error(tmp_path: Path, damage) -> None:
    path = tmp_path / "images.parquet"
    save_rows([FileRow("b.jpg", None, None, None, None, UNREADABLE, "empty file", None, None, 0)], path)
    damage(path)
    with pytest.raises(StorageError, match=r"images\.parquet"):
        load_rows(path)


def test_a_table_of_another_kind_is_a_storage_error(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"something": [1]}), tmp_path / "images.parquet")
    with pytest.raises(StorageError):
        load_rows(tmp_path / "images.parquet")
