from __future__ import annotations

import os
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from tellapart.collection import schema
from tellapart.collection.candidates import Offer, ResultPage
from tellapart.collection.ledger import BUSY, DUPLICATE, KEPT, QUEUED, REFUSED, WAITING, Claim, Ledger, Verdict
from tellapart.collection.search_cursors import DRY, FAILED, Cells
from tellapart.collection.status import kept_rows, next_chances, read_status, slice_ends, source_counts
from tellapart.errors import StorageError

HASH = bytes(16)


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


def offers(*names: str) -> tuple[Offer, ...]:
    return tuple(Offer(url=f"https://images.example/{name}.jpg", license="cc0-1.0", creator="Ann") for name in names)


def good(claim: Claim, file: str) -> Verdict:
    return Verdict(
        claim=claim, status=BUSY, sha256=file, image_id=file, hash=HASH, mirror_hash=HASH, signature=b"s", size_bytes=9, file=file
    )


def statuses(ledger: Ledger) -> Counter[str]:
    return Counter(row["status"] for row in ledger.rows("SELECT status FROM images"))


def tally_is_true(ledger: Ledger) -> bool:
    counted = {(r["label"], r["source"], r["status"]): r["number"] for r in ledger.rows("SELECT * FROM tally WHERE number <> 0")}
    real = Counter((r["label"], r["source"], r["status"]) for r in ledger.rows("SELECT label, source, status FROM images"))
    return counted == dict(real)


@pytest.fixture
def ledger(tmp_path: Path):
    with Ledger(tmp_path / "collection.sqlite", clock=Clock()) as made:
        yield made


def filled(ledger: Ledger, *names: str, label: str = "cat") -> list[Claim]:
    ledger.add_listed([(label, offer) for offer in offers(*names)], "list")
    return ledger.claim(label, "list", 100)


def test_an_address_has_one_row_whoever_offers_it(ledger: Ledger) -> None:
    assert ledger.add_listed([("cat", one) for one in offers("a", "b", "a")], "list") == 2
    other = Offer(url="HTTPS://Images.example:443/b.jpg#top")
    assert ledger.add_listed([("dog", other), ("dog", offers("c")[0])], "list") == 1
    assert statuses(ledger) == {QUEUED: 3}
    assert read_status(ledger).in_two_classes == 1
    assert tally_is_true(ledger)


def test_what_is_no_web_address_is_refused_and_says_why(ledger: Ledger) -> None:
    ledger.add_listed(
        [("cat", Offer(url=url)) for url in ("file:///etc/passwd", "images/a.jpg", "https://", "http://me:secret@x.example/")], "list"
    )
    reasons = {row["url"]: row["reason"] for row in ledger.rows("SELECT url, reason FROM images WHERE status = 'refused'")}
    assert len(reasons) == 4
    assert reasons["file:///etc/passwd"] == "scheme file is not http or https"
    assert reasons["https://"] == "no host in the address"


def test_every_status_is_reached_and_counted(ledger: Ledger) -> None:
    a, b, c, d = filled(ledger, "a", "b", "c", "d")
    ledger.record(
        lambda: [
            good(a, "cat/a.jpg"),
            Verdict(claim=b, status=DUPLICATE, reason="the same file is kept already", twin=a.id),
            Verdict(claim=c, status=REFUSED, reason="404 not found", http_code=404),
            Verdict(claim=d, status=WAITING, reason="timed out", next_try=ledger.clock() + 60),
        ]
    )
    assert statuses(ledger) == {BUSY: 1, DUPLICATE: 1, REFUSED: 1, WAITING: 1}
    ledger.confirm([a])
    assert statuses(ledger) == {KEPT: 1, DUPLICATE: 1, REFUSED: 1, WAITING: 1}
    assert tally_is_true(ledger)
    (row,) = kept_rows(ledger)
    assert (row["file"], row["license"], row["creator"]) == ("cat/a.jpg", "cc0-1.0", "Ann")


def test_a_failure_that_may_pass_is_tried_again_when_it_is_due_and_a_final_one_never(ledger: Ledger) -> None:
    a, b = filled(ledger, "a", "b")
    due = ledger.clock() + 60
    ledger.record(lambda: [Verdict(claim=a, status=WAITING, next_try=due), Verdict(claim=b, status=REFUSED, reason="410 gone")])
    assert ledger.claim("cat", "list", 9) == []
    ledger.clock.now += 61
    (again,) = ledger.claim("cat", "list", 9)
    assert (again.id, again.tries) == (a.id, 2)


def test_the_same_file_cannot_be_kept_twice(ledger: Ledger) -> None:
    a, b = filled(ledger, "a", "b")
    ledger.record(lambda: [good(a, "cat/x.jpg")])
    assert ledger.owner_of("cat/x.jpg") == (a.id, "cat")
    with pytest.raises(StorageError, match="UNIQUE"):
        ledger.record(lambda: [good(b, "cat/x.jpg")])
    assert statuses(ledger) == {BUSY: 2}


def test_a_batch_that_fails_half_way_leaves_nothing_of_itself(ledger: Ledger) -> None:
    a, b = filled(ledger, "a", "b")

    def broken():
        yield good(a, "cat/a.jpg")
        raise RuntimeError("bug")

    with pytest.raises(RuntimeError):
        ledger.record(broken)
    assert ledger.owner_of("cat/a.jpg") is None
    assert [row["accepted"] for row in ledger.rows("SELECT accepted FROM images")] == [None, None]
    ledger.record(lambda: [good(b, "cat/b.jpg")])


def dead_collector(path: Path, clock: Clock, *, machine: str | None = None, process: int = 999_999_999) -> Ledger:
    left = Ledger(path, clock=clock)
    left.__enter__()
    left._db.execute("UPDATE collectors SET process = ?, machine = coalesce(?, machine) WHERE owner = ?", (process, machine, left.owner))
    return left


def test_what_a_killed_collector_held_goes_back_and_what_it_had_written_is_kept(tmp_path: Path) -> None:
    clock = Clock()
    dead = dead_collector(tmp_path / "c.sqlite", clock)
    a, b, _ = filled(dead, "a", "b", "c")
    dead.record(lambda: [good(a, "cat/a.jpg"), good(b, "cat/b.jpg")])
    dead._db.close()
    with Ledger(tmp_path / "c.sqlite", clock=clock) as ledger:
        assert ledger.claim("cat", "list", 9) == []
        assert ledger.recover(lambda name, size: (name, size) == ("cat/a.jpg", 9)) == 2
        assert {row["url"][-5:]: row["status"] for row in ledger.rows("SELECT url, status FROM images")} == {
            "a.jpg": KEPT,
            "b.jpg": QUEUED,
            "c.jpg": QUEUED,
        }
        assert [claim.tries for claim in ledger.claim("cat", "list", 9)] == [1, 1]
        assert ledger.owner_of("cat/b.jpg") is None
        assert tally_is_true(ledger)


@pytest.mark.parametrize(("machine", "process", "silent_s", "is_gone"), [
    (None, os.getppid(), 0.0, False),
    (None, os.getppid(), 61.0, True),
    ("another", 1, 30.0, False),
    ("another", 1, 61.0, True),
    (None, 999_999_999, 0.0, True),
])  # fmt: skip
def test_who_is_taken_for_gone(tmp_path: Path, machine: str | None, process: int, silent_s: float, is_gone: bool) -> None:
    clock = Clock()
    dead = dead_collector(tmp_path / "c.sqlite", clock, machine=machine, process=process)
    filled(dead, "a")
    dead._db.close()
    clock.now += silent_s
    with Ledger(tmp_path / "c.sqlite", clock=clock) as ledger:
        assert ledger.recover(lambda name, size: False) == int(is_gone)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """A ledger of a collector that was killed while it wrote two files and had a third address in hand."""
    dead = dead_collector(tmp_path / "c.sqlite", Clock())
    a, b, _ = filled(dead, "a", "b", "c")
    dead.record(lambda: [good(a, "cat/a.jpg"), good(b, "cat/b.jpg")])
    dead._db.close()
    return tmp_path / "c.sqlite"


def test_nobody_waits_while_the_destination_is_asked_for_what_was_begun(left: Path) -> None:
    asked = []

    def slow(name: str, size: int) -> bool:
        with sqlite3.connect(left, timeout=0) as other:
            other.execute("UPDATE classes SET wanted = 1")
        asked.append(name)
        return name == "cat/a.jpg"

    with Ledger(left, clock=Clock()) as ledger:
        assert ledger.recover(slow) == 2
        assert sorted(asked) == ["cat/a.jpg", "cat/b.jpg"]
        assert statuses(ledger) == {KEPT: 1, QUEUED: 2}
        assert ledger.recover(slow) == 0


def test_two_who_recover_at_once_do_it_once(left: Path) -> None:
    with Ledger(left, clock=Clock()) as one, Ledger(left, clock=Clock()) as two:
        taken: list[Claim] = []

        def overtaken(name: str, size: int) -> bool:
            if not taken:
                assert two.recover(lambda name, size: False) == 3
                taken.extend(two.claim("cat", "list", 9))
            return True

        assert one.recover(overtaken) == 0
        assert len(taken) == 3
        assert {row["owner"] for row in one.rows("SELECT owner FROM images")} == {two.owner}
        assert statuses(one) == {BUSY: 3}
        assert tally_is_true(one)


@pytest.mark.parametrize("sign", ["a beat", "another file"])
def test_who_comes_back_while_it_is_recovered_keeps_what_it_has(tmp_path: Path, sign: str) -> None:
    clock = Clock()
    with Ledger(tmp_path / "c.sqlite", clock=clock) as sleeper, Ledger(tmp_path / "c.sqlite", clock=clock) as ledger:
        sleeper._db.execute("UPDATE collectors SET machine = 'another' WHERE owner = ?", (sleeper.owner,))
        a, b = filled(sleeper, "a", "b")
        sleeper.record(lambda: [good(a, "cat/a.jpg")])
        clock.now += 100
        ledger.beat()

        def woken(name: str, size: int) -> bool:
            if sign == "a beat":
                sleeper.beat()
            else:
                sleeper.record(lambda: [good(b, "cat/b.jpg")])
            return True

        assert ledger.recover(woken) == 0
        assert {row["owner"] for row in ledger.rows("SELECT owner FROM images")} == {sleeper.owner}
        assert statuses(ledger) == {BUSY: 2}


def test_the_requests_of_two_collectors_are_counted_together(tmp_path: Path) -> None:
    clock = Clock()
    with Ledger(tmp_path / "c.sqlite", clock=clock) as one, Ledger(tmp_path / "c.sqlite", clock=clock) as two:
        one.note_spent({"api.example": 30, "other.example": 1})
        two.note_spent({"api.example": 5})
        one.note_spent({"api.example": 2})
        assert two.spent() == {"api.example": 37, "other.example": 1}
        clock.now += 20 * 3600
        two.note_spent({"api.example": 4})
        assert one.spent() == {"api.example": 41, "other.example": 1}
        clock.now += 6 * 3600
        one.note_spent({})
        assert one.spent() == {"api.example": 4}


def test_a_ledger_of_before_keeps_what_it_had_counted(tmp_path: Path) -> None:
    clock = Clock()
    with closing(sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)) as db:
        schema.MIGRATIONS[0](db)
        db.execute("PRAGMA user_version = 1")
        db.execute("INSERT INTO spent VALUES ('api.example', 9, ?), ('old.example', 9, ?)", (clock.now - 3600, clock.now - 30 * 3600))
    with Ledger(tmp_path / "c.sqlite", clock=clock) as ledger:
        ledger.note_spent({"api.example": 1})
        assert ledger.spent() == {"api.example": 10}


def test_closing_gives_everything_back(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c.sqlite") as ledger:
        filled(ledger, "a", "b")
    with Ledger(tmp_path / "c.sqlite") as ledger:
        assert statuses(ledger) == {QUEUED: 2}
        assert len(ledger.claim("cat", "list", 9)) == 2


def test_two_collectors_never_take_the_same_address(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c.sqlite") as one, Ledger(tmp_path / "c.sqlite") as two:
        one.add_listed([("cat", offer) for offer in offers(*map(str, range(50)))], "list")
        taken = [claim.id for turn in range(10) for who in (one, two) for claim in who.claim("cat", "list", 3)]
        assert len(taken) == len(set(taken)) == 50


@pytest.mark.parametrize("late", ["confirm", "give_back", "put_off"])
def test_who_comes_back_late_leaves_alone_what_was_taken_over(tmp_path: Path, late: str) -> None:
    clock = Clock()
    gone = dead_collector(tmp_path / "c.sqlite", clock, machine="another", process=1)
    claims = filled(gone, "a")
    clock.now += 61
    with Ledger(tmp_path / "c.sqlite", clock=clock) as ledger:
        assert ledger.recover(lambda name, size: False) == 1
        (taken,) = ledger.claim("cat", "list", 1)
        getattr(gone, late)(claims, *(("slow", clock.now + 9) if late == "put_off" else ()))
        assert statuses(ledger) == {"busy": 1}
        ledger.give_back([taken])
        assert statuses(ledger) == {QUEUED: 1}
    gone._db.close()


def test_the_best_ranked_of_every_keyword_come_first(ledger: Ledger) -> None:
    cells = Cells(ledger)
    for keyword in ("red fox", "fox cub"):
        cells.add("fox", "site", keyword, [{}])
    for word in ("red", "cub"):
        cell = cells.claim("fox", "site")
        assert cell is not None
        cells.turn_page(cell, ResultPage(offers=offers(f"{word}1", f"{word}2", f"{word}3")))
    assert sorted(claim.url[23:-4] for claim in ledger.claim("fox", "site", 2)) == ["cub1", "red1"]


def test_keywords_are_paged_by_turns_and_facets_come_last(ledger: Ledger) -> None:
    cells = Cells(ledger)
    cells.add("fox", "site", "red fox", [{}, {"size": "large"}])
    cells.add("fox", "site", "fox cub", [{}])
    seen = []
    for turn in range(5):
        cell = cells.claim("fox", "site")
        assert cell is not None
        seen.append((cell.keyword, dict(cell.facet), cell.cursor))
        cells.turn_page(cell, ResultPage(offers=offers(f"{turn}"), cursor="2" if cell.cursor is None else None))
    assert seen == [
        ("red fox", {}, None),
        ("fox cub", {}, None),
        ("red fox", {}, "2"),
        ("fox cub", {}, "2"),
        ("red fox", {"size": "large"}, None),
    ]


def test_slices_are_not_asked_where_the_whole_was_shown(ledger: Ledger) -> None:
    cells = Cells(ledger)
    cells.add("fox", "site", "red fox", [{}, {"size": "large"}])
    cells.add("fox", "site", "fox cub", [{}, {"size": "large"}])
    for total in (2, 200):
        cell = cells.claim("fox", "site")
        assert cell is not None
        cells.turn_page(cell, ResultPage(offers=offers(f"{total}a", f"{total}b"), total=total))
    assert slice_ends(ledger, "fox") == {"site": {"exhausted": 3, "open": 1}}


def test_a_page_of_nothing_new_is_stale_and_judged_addresses_make_the_harvest(ledger: Ledger) -> None:
    cells = Cells(ledger)
    cells.add("fox", "site", "red fox", [{}])
    for page in range(3):
        cell = cells.claim("fox", "site")
        assert cell is not None
        cells.turn_page(cell, ResultPage(offers=offers(*"abcde"), cursor=str(page)))
    cell = cells.claim("fox", "site")
    assert cell is not None
    first, *rest = ledger.claim("fox", "site", 4)
    ledger.record(lambda: [good(first, "fox/a.jpg"), *(Verdict(claim=claim, status=REFUSED) for claim in rest)])
    ledger.confirm([first])
    assert cells.harvest(cell, 60) == (4, 1, 2)
    assert cells.harvest(cell, 3) == (3, 0, 2)


def test_a_failed_search_is_opened_again_and_a_dry_one_is_not(ledger: Ledger) -> None:
    cells = Cells(ledger)
    for keyword, status in (("a", FAILED), ("b", DRY)):
        cells.add("fox", "site", keyword, [{}])
        cell = cells.claim("fox", "site")
        assert cell is not None
        cells.close(cell, status, "said so")
    assert read_status(ledger).search_failures == (("site", "said so", 1),)
    cells.reopen()
    assert slice_ends(ledger, "fox") == {"site": {"open": 1, "dry": 1}}
    cells.add("fox", "site", "b", [{}])
    assert slice_ends(ledger, "fox") == {"site": {"open": 1, "dry": 1}}


def test_a_postponed_search_waits_and_tells_when_its_chance_comes(ledger: Ledger) -> None:
    cells = Cells(ledger)
    cells.add("fox", "site", "a", [{}])
    cell = cells.claim("fox", "site")
    assert cell is not None
    cells.postpone(cell, "429 too many requests", ledger.clock() + 30)
    assert cells.claim("fox", "site") is None
    assert next_chances(ledger) == {("fox", "site", True): ledger.clock() + 30}
    ledger.clock.now += 31
    again = cells.claim("fox", "site")
    assert again is not None
    assert again.tries == 1


def test_supplies_tell_what_is_open_queued_busy_and_kept(ledger: Ledger) -> None:
    ledger.want({"cat": 5, "dog": None})
    a, b, _ = filled(ledger, "a", "b", "c")
    ledger.record(lambda: [good(a, "cat/a.jpg"), Verdict(claim=b, status=WAITING, next_try=ledger.clock() + 9)])
    ledger.confirm([a])
    Cells(ledger).add("dog", "site", "dog", [{}])
    held = source_counts(ledger)
    assert (held["cat"]["list"].kept, held["cat"]["list"].busy, held["cat"]["list"].queued) == (1, 1, 1)
    assert held["dog"]["site"].is_open
    assert ledger.quotas() == {"cat": 5, "dog": None}


def test_put_off_and_given_back_addresses_do_not_count_a_try(ledger: Ledger) -> None:
    a, b = filled(ledger, "a", "b")
    ledger.put_off([a], "its host rests", ledger.clock() + 9)
    ledger.give_back([b])
    ledger.clock.now += 10
    assert [claim.tries for claim in ledger.claim("cat", "list", 9)] == [1, 1]


def test_reasons_are_counted_by_host_and_explained(ledger: Ledger) -> None:
    claims = filled(ledger, *map(str, range(5)))
    ledger.record(lambda: [Verdict(claim=c, status=REFUSED, reason="403 forbidden", http_code=403) for c in claims[:4]])
    (reason,) = read_status(ledger).reasons
    assert (reason.number, reason.host, reason.reason) == (4, "images.example", "403 forbidden")
    assert "more slowly" in reason.advice


def test_a_damaged_ledger_is_never_thrown_away(tmp_path: Path) -> None:
    path = tmp_path / "collection.sqlite"
    path.write_bytes(b"this is no database" * 100)
    with pytest.raises(StorageError, match=r"collection\.sqlite cannot be used"):
        Ledger(path)
    assert path.read_bytes().startswith(b"this is no database")


def test_a_locked_ledger_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Ledger(tmp_path / "c.sqlite") as ledger:
        ledger._db.execute("PRAGMA busy_timeout = 50")
        other = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked"):
            ledger.beat()
        other.execute("ROLLBACK")
        other.close()


def test_a_ledger_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c.sqlite") as ledger:
        ledger._db.execute(f"PRAGMA user_version = {len(schema.MIGRATIONS) + 1}")
    with pytest.raises(StorageError, match="written by a newer tellapart") as caught:
        Ledger(tmp_path / "c.sqlite")
    assert caught.value.hint == "pip install -U tellapart"


DAMAGES = {
    "UPDATE images SET status = 'kepu' WHERE id = 2": "table images, row 2",
    "UPDATE images SET url = x'00' WHERE id = 3": "table images, row 3",
    "UPDATE images SET position = 'first' WHERE id = 1": "table images, row 1",
    "UPDATE images SET width = 1.5 WHERE id = 1": "table images, row 1",
    "UPDATE tally SET number = number + 1": "table tally, row 'cat'",
    "DELETE FROM tally": "table tally, row 'cat'",
    "INSERT INTO commands (command) VALUES ('{')": "table commands, row 1",
    "INSERT INTO classes VALUES ('dog', 'many', 0, NULL)": "table classes, row 'dog'",
    "DROP TABLE spent": "table spent is not as it was made",
    "DROP TRIGGER counted_new": "trigger counted_new is not as it was made",
    "CREATE TRIGGER mine AFTER INSERT ON images BEGIN DELETE FROM classes; END": "trigger mine is not as it was made",
    "ALTER TABLE images DROP COLUMN twin": "table images is not as it was made",
    "PRAGMA user_version = -1": "newer",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_ledger_is_said_with_its_table_and_row(tmp_path: Path, damage: str) -> None:
    with Ledger(tmp_path / "c.sqlite") as ledger:
        filled(ledger, "a", "b", "c")
    with closing(sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)) as db:
        db.execute(damage)
    before = (tmp_path / "c.sqlite").read_bytes()
    with pytest.raises(StorageError, match=DAMAGES[damage]):
        Ledger(tmp_path / "c.sqlite")
    assert (tmp_path / "c.sqlite").read_bytes() == before, "it is not thrown away"


def test_a_damaged_page_of_a_ledger_is_said_with_its_table(tmp_path: Path) -> None:
    with Ledger(tmp_path / "c.sqlite") as ledger:
        filled(ledger, *map(str, range(200)))
        page = ledger._db.execute("SELECT rootpage FROM sqlite_master WHERE name = 'images'").fetchone()[0]
        ledger._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray((tmp_path / "c.sqlite").read_bytes())
    data[(page - 1) * 4096 : page * 4096] = b"\xa5" * 4096
    (tmp_path / "c.sqlite").write_bytes(data)
    with pytest.raises(StorageError, match="is damaged: table images: ") as caught:
        Ledger(tmp_path / "c.sqlite")
    assert "backup" in str(caught.value.hint)


@pytest.mark.parametrize("kind", [b"https://images.example/a.jpg", b"Ann"])
def test_a_changed_letter_of_an_address_or_credit_is_damage(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "collection.sqlite"
    with Ledger(path, clock=Clock()) as ledger:
        filled(ledger, "a", "b")
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = path.read_bytes()
    assert kind in data
    path.write_bytes(data.replace(kind, kind[:-1] + b"x"))
    with pytest.raises(StorageError, match="table images, row 1"), Ledger(path):
        pass


def test_a_ledger_without_checksums_gets_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "collection.sqlite"
    with Ledger(path, clock=Clock()) as ledger:
        filled(ledger, "a", "b")
    with closing(sqlite3.connect(path)) as db:
        for table in schema.FIXED:
            db.execute(f"ALTER TABLE {table} DROP COLUMN checksum")
        db.execute("PRAGMA user_version = 2")
        db.commit()
    with Ledger(path, clock=Clock()) as ledger:
        assert [row["url"] for row in ledger.rows("SELECT url FROM images WHERE checksum IS NOT NULL")] == [
            f"https://images.example/{name}.jpg" for name in "ab"
        ]
