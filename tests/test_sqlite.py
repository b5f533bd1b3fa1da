from __future__ import annotations

import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tellapart import sqlite

OPEN = """
import sqlite3, sys, time
from tellapart.sqlite import write_ahead
while time.time() < float(sys.argv[2]):
    pass
for number in range(20):
    db = sqlite3.connect(f"{sys.argv[1]}/{number}.sqlite", timeout=30, isolation_level=None)
    write_ahead(db)
    db.execute("BEGIN IMMEDIATE")
    db.execute("CREATE TABLE IF NOT EXISTS t (x)")
    db.execute("INSERT INTO t VALUES (1)")
    db.execute("COMMIT")
"""


def test_several_processes_make_the_same_new_files_at_once(tmp_path: Path) -> None:
    start = str(time.time() + 2)
    several = [subprocess.Popen([sys.executable, "-c", OPEN, str(tmp_path), start]) for _ in range(4)]
    assert [one.wait(timeout=120) for one in several] == [0, 0, 0, 0]
    for number in range(20):
        assert sqlite3.connect(tmp_path / f"{number}.sqlite").execute("SELECT count(*) FROM t").fetchone() == (4,)


def test_who_is_told_to_wait_asks_again_and_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    class Busy:
        asked = 0

        def execute(self, words: str) -> None:
            self.asked += 1
            if self.asked < 4:
                raise sqlite3.OperationalError("database is locked")

    busy = Busy()
    sqlite.write_ahead(busy)  # type: ignore[arg-type]
    assert busy.asked == 4
    monkeypatch.setattr(sqlite, "PATIENCE_S", 0.0)
    with pytest.raises(sqlite3.OperationalError, match="locked"):
        sqlite.write_ahead(Busy())  # type: ignore[arg-type]
