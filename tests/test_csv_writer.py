from __future__ import annotations

import ast
import io
from pathlib import Path

import pytest

import tellapart
from tellapart.csv_writer import CsvWriter, csv_file, guard_cell, unguard_cell
from tellapart.dataset.delimited_files import table_rows

SOURCE = Path(tellapart.__file__).parent
FORMULAS = (
    "=1+1",
    "+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "\n=1",
    " =1",
    "＝1",
    "＋1",
    "－1",
    "＠x",
    "'=1",
    "''@x",
    "-",
    "\x00=1",
)
HARMLESS = ("", "cat", "-1", "+0.5", "-1e-05", "1", "a=b", "'quoted'", "O'Hara", "ü", "./-x.jpg", "0.1")


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_spreadsheet_runs_a_cell_and_reading_gives_it_back(cell: str) -> None:
    assert guard_cell(cell) == f"'{cell}" and unguard_cell(guard_cell(cell)) == cell
    assert guard_cell(cell, is_path=True) == f"./{cell}"


@pytest.mark.parametrize("cell", HARMLESS)
def test_what_no_spreadsheet_runs_stays(cell: str) -> None:
    assert guard_cell(cell) == guard_cell(cell, is_path=True) == unguard_cell(cell) == cell


def test_two_cells_never_become_one() -> None:
    cells = [*FORMULAS, *HARMLESS, *(f"'{cell}" for cell in FORMULAS)]
    assert len({guard_cell(cell) for cell in cells}) == len(set(cells))


def test_a_table_is_guarded_in_every_cell_and_its_header() -> None:
    text = io.StringIO()
    writer = CsvWriter(text, ["path", "=label", "n"])
    writer.write(["-a.jpg", "=x", -1.5])
    writer.write({"path": "@b.jpg", "=label": None, "n": "-2"})
    assert text.getvalue() == "path,'=label,n\r\n./-a.jpg,'=x,-1.5\r\n./@b.jpg,,-2\r\n"


def test_kaggles_rows_are_exact() -> None:
    text = io.StringIO()
    CsvWriter(text, ["=id", "p"], is_exact=True).write(["-abc", 0.5])
    assert text.getvalue() == "=id,p\n-abc,0.5\n"


def test_our_reader_of_tables_gives_labels_back(tmp_path: Path) -> None:
    with csv_file(tmp_path / "t.csv", ["path", "label"]) as writer:
        writer.write_all([("-a.jpg", "=x"), ("b.jpg", "'@y"), ("\udcff.jpg", "line\nbreak")])
    assert [row for _, row in table_rows(tmp_path / "t.csv")] == [
        ["path", "label"],
        ["./-a.jpg", "=x"],
        ["b.jpg", "'@y"],
        ["\\udcff.jpg", "line\nbreak"],
    ]


def test_csv_is_written_in_one_place() -> None:
    writers = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            is_writer = isinstance(node, ast.Attribute) and node.attr in ("writer", "DictWriter") and getattr(node.value, "id", "") == "csv"
            if is_writer or (isinstance(node, ast.Attribute) and node.attr == "to_csv"):
                writers.add(file.relative_to(SOURCE).as_posix())
    assert writers == {"csv_writer.py"}
