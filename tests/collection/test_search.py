"""How a source is asked: what becomes of an answer, a refusal and a strange reply."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from tellapart.collection.acceptance import Acceptor
from tellapart.collection.candidates import Fetched, Offer, Query, Request, ResultPage
from tellapart.collection.ledger import Ledger
from tellapart.collection.network.rate_limits import Hosts
from tellapart.collection.planner import FEWEST_JUDGED
from tellapart.collection.retries import MAX_SEARCH_TRIES
from tellapart.collection.search import Searcher, SearchPreferences
from tellapart.collection.search_cursors import DRY, EXHAUSTED, FAILED, OPEN
from tellapart.collection.sources import HostLimit, SourceCard
from tellapart.collection.sources.protocol import SourceError
from tellapart.collection.storage.stores import open_destination
from tests.collection.conftest import NOW


class Lines:
    """A source whose answers are lines: ``next`` and a cursor, else the name of an image; ``!`` is a complaint."""

    name = "lines"
    card = SourceCard(title="Lines", home="", terms="", licenses="")

    def __init__(self) -> None:
        self.queries: list[tuple[Query, str | None]] = []

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        return [{}]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        self.queries.append((query, cursor))
        return Request(url="https://api.example/search", params={"q": query.keyword, "key": keys["LINES_KEY"]})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        lines = body.decode().split()
        if "!" in lines:
            raise SourceError("Lines says: slow down")
        names = [line for line in lines if not line.startswith("next")]
        offers = tuple(Offer(url=f"https://images.example/{name}.jpg") for name in names)
        return ResultPage(offers=offers, cursor=next((line[4:] for line in lines if line.startswith("next")), None))


class Asked:
    """Answers in turn, and what was asked."""

    def __init__(self, *answers: Fetched) -> None:
        self.answers, self.requests = list(answers), list[Request]()

    async def __call__(self, request: Request) -> Fetched:
        self.requests.append(request)
        return self.answers.pop(0)


def ok(text: str) -> Fetched:
    return Fetched(url="", verdict="ok", http_code=200, body=text.encode())


def refusal(verdict: str, code: int, text: str = "") -> Fetched:
    return Fetched(url="", verdict=verdict, reason=f"{code} no", http_code=code, body=text.encode())  # type: ignore[arg-type]


@pytest.fixture
def acceptor(ledger: Ledger, tmp_path: Path) -> Iterator[Acceptor]:
    made = Acceptor(ledger, open_destination(str(tmp_path / "photos")), {"cat": "cat"}, min_side=32)
    yield made
    made.close()


def searcher(acceptor: Acceptor, *answers: Fetched) -> tuple[Searcher, Lines, Asked]:
    source, asked = Lines(), Asked(*answers)
    hosts = Hosts(HostLimit(concurrency=1, per_minute=None))
    made = Searcher(
        acceptor, hosts, {"lines": source}, lambda _: asked, lambda _: SearchPreferences(licenses=("cc0",), side=300), {"LINES_KEY": "k"}
    )
    made.cells.add("cat", "lines", "felis", [{}])
    return made, source, asked


def turn(made: Searcher) -> int:
    async def once() -> int:
        cell = await made.claim("cat", "lines")
        assert cell is not None
        return await made.turn_page(cell)

    return asyncio.run(once())


def cell_of(ledger: Ledger) -> dict[str, object]:
    return dict(next(ledger.rows("SELECT status, cursor, tries, reason, next_try FROM cells")))


def test_a_page_is_asked_for_with_the_preferences_of_the_class_and_the_keys(acceptor: Acceptor, ledger: Ledger) -> None:
    made, source, asked = searcher(acceptor, ok("a b next2"), ok("b c"))
    assert [turn(made), turn(made)] == [2, 1]
    assert [(query.licenses, query.side, cursor) for query, cursor in source.queries] == [(("cc0",), 300, None), (("cc0",), 300, "2")]
    assert [request.params for request in asked.requests] == [{"q": "felis", "key": "k"}] * 2
    assert cell_of(ledger)["status"] == EXHAUSTED
    assert asyncio.run(made.claim("cat", "lines")) is None


def test_a_temporary_failure_is_tried_again_later_and_a_few_times_only(acceptor: Acceptor, ledger: Ledger) -> None:
    made, _, asked = searcher(acceptor, *[refusal("passing", 503)] * MAX_SEARCH_TRIES)
    assert turn(made) == 0
    cell = cell_of(ledger)
    assert (cell["status"], cell["tries"], cell["reason"]) == (OPEN, 1, "503 no")
    assert float(str(cell["next_try"])) > NOW
    for _ in range(MAX_SEARCH_TRIES - 1):
        with ledger.transaction() as db:
            db.execute("UPDATE cells SET next_try = 0")
        turn(made)
    assert cell_of(ledger)["status"] == FAILED and not asked.answers


def test_a_permanent_refusal_ends_the_search_with_the_words_of_the_source(acceptor: Acceptor, ledger: Ledger) -> None:
    made, *_ = searcher(acceptor, refusal("permanent", 401, "!"))
    assert turn(made) == 0
    assert cell_of(ledger) | {"next_try": 0} == {
        "status": FAILED, "cursor": None, "tries": 0, "reason": "401 no: Lines says: slow down", "next_try": 0
    }  # fmt: skip


@pytest.mark.parametrize(("body", "reason"), [("!", "Lines says: slow down"), ("\udcff", "the answer could not be understood")])
def test_an_answer_that_cannot_be_used_ends_one_search(acceptor: Acceptor, ledger: Ledger, body: str, reason: str) -> None:
    made, *_ = searcher(acceptor, Fetched(url="", verdict="ok", body=body.encode("utf-8", "surrogateescape")))
    assert turn(made) == 0
    cell = cell_of(ledger)
    assert cell["status"] == FAILED and str(cell["reason"]).startswith(reason)


def test_a_host_that_was_asked_counts_as_free_again_where_asking_breaks_off(acceptor: Acceptor) -> None:
    made, *_ = searcher(acceptor)
    with pytest.raises(IndexError):
        turn(made)
    with acceptor.ledger.transaction() as db:
        db.execute("UPDATE cells SET owner = NULL")
    cell = asyncio.run(made.claim("cat", "lines"))
    assert cell is not None and made.wait_s(cell) == 0


def test_a_search_whose_images_were_all_refused_is_closed_before_its_next_page(acceptor: Acceptor, ledger: Ledger) -> None:
    made, *_ = searcher(acceptor, ok(" ".join(f"i{number}" for number in range(FEWEST_JUDGED)) + " next2"))
    assert turn(made) == FEWEST_JUDGED
    with ledger.transaction() as db:
        db.execute("UPDATE images SET status = 'refused'")
    assert asyncio.run(made.claim("cat", "lines")) is None
    cell = cell_of(ledger)
    assert cell["status"] == DRY and str(FEWEST_JUDGED) in str(cell["reason"])
