"""Which slice is searched next, and when a slice or the whole search is over."""

from __future__ import annotations

import pytest

from tellapart.collection.candidates import Offer, ResultPage
from tellapart.collection.ledger import Ledger
from tellapart.collection.search_cursors import DRY, EXHAUSTED, FAILED, OPEN, Cell, Cells
from tests.collection.conftest import NOW


@pytest.fixture
def cells(ledger: Ledger) -> Cells:
    made = Cells(ledger)
    made.add("cat", "inaturalist", "felis", [{}, {"year": "2020"}, {"year": "2021"}])
    return made


def claimed(cells: Cells) -> Cell:
    cell = cells.claim("cat", "inaturalist")
    assert cell is not None
    return cell


def statuses(ledger: Ledger) -> list[str]:
    return [row["status"] for row in ledger.rows("SELECT status FROM cells ORDER BY rank")]


def offers(*names: str) -> tuple[Offer, ...]:
    return tuple(Offer(url=f"https://images.example/{name}.jpg") for name in names)


def test_the_first_facet_comes_first_and_a_claimed_one_is_given_to_nobody_else(cells: Cells) -> None:
    assert [dict(claimed(cells).facet) for _ in range(3)] == [{}, {"year": "2020"}, {"year": "2021"}]
    assert cells.claim("cat", "inaturalist") is None
    assert cells.claim("dog", "inaturalist") is None and cells.claim("cat", "flickr") is None


def test_a_page_is_turned_to_the_next_until_there_is_none(cells: Cells, ledger: Ledger) -> None:
    assert cells.turn_page(claimed(cells), ResultPage(offers=offers("a", "b"), cursor="2")) == 2
    again = claimed(cells)
    assert (again.cursor, again.pages) == ("2", 1)
    assert cells.turn_page(again, ResultPage(offers=offers("b", "c"))) == 1
    assert statuses(ledger) == [EXHAUSTED, OPEN, OPEN]


@pytest.mark.parametrize(("total", "expected"), [(2, EXHAUSTED), (3, OPEN), (None, OPEN)])
def test_facets_are_closed_only_where_the_whole_search_showed_everything(
    cells: Cells, ledger: Ledger, total: int | None, expected: str
) -> None:
    cells.turn_page(claimed(cells), ResultPage(offers=offers("a", "b"), total=total))
    assert statuses(ledger) == [EXHAUSTED, expected, expected]


def test_a_facet_that_ends_closes_no_other(cells: Cells, ledger: Ledger) -> None:
    whole, facet = claimed(cells), claimed(cells)
    cells.let_go(whole)
    cells.turn_page(facet, ResultPage(offers=offers("a"), total=1))
    assert statuses(ledger) == [OPEN, EXHAUSTED, OPEN]


def test_stale_pages_are_counted_in_a_row(cells: Cells) -> None:
    known = offers(*map(str, range(20)))
    counted = []
    for page in (known, known, (*known[1:], *offers("new")), (*known[2:], *offers("newer", "newest")), known):
        cell = claimed(cells)
        cells.turn_page(cell, ResultPage(offers=page, cursor="more"))
        counted.append(cells.harvest(cell, 9)[2])
        for other in iter(lambda: cells.claim("cat", "inaturalist"), None):
            if other.id == cell.id:
                break
        cells.let_go(cell)
    assert counted == [0, 1, 2, 0, 1]


def test_a_postponed_slice_waits_for_its_time_and_a_failed_one_for_the_next_run(cells: Cells, ledger: Ledger) -> None:
    first, second, third = (claimed(cells) for _ in range(3))
    cells.postpone(first, "timed out", NOW + 60)
    cells.close(second, FAILED, "no key")
    cells.close(third, DRY, "little is new")
    assert cells.claim("cat", "inaturalist") is None
    cells.reopen()
    assert [claimed(cells).id, claimed(cells).id] == [first.id, second.id]
    assert cells.claim("cat", "inaturalist") is None
    assert statuses(ledger)[2] == DRY


def test_a_claimed_slice_that_is_let_go_has_lost_no_try(cells: Cells) -> None:
    cells.let_go(claimed(cells))
    assert claimed(cells).tries == 0
