from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import EntryPoint
from typing import Any

import pytest

import tellapart
from tellapart.collection.candidates import Offer, Query, Request, ResultPage
from tellapart.collection.sources import SOURCES, SourceCard, SourceError, json_fields, registry
from tellapart.errors import OptionError
from tests import sample_images

ASKED: list[tuple[str, str]] = []
PLACE = {"host": ""}


class Server(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        ASKED.append((self.path, self.headers["User-Agent"]))
        path = self.path.partition("?")[0]
        image = {"url": f"{PLACE['host']}/oak.jpg"}
        code, body = {
            "/search": (200, json.dumps({"results": [image], "total": 7}).encode()),
            "/refuse": (403, json.dumps({"detail": "not you"}).encode()),
            "/oak.jpg": (200, sample_images.photo()),
        }.get(path, (404, b""))
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing."""


class Attic:
    """A source of somebody else, on this machine."""

    name, path = "attic", "search"
    card = SourceCard(title="Attic", home="https://attic.example", terms="", licenses="none")

    def facets(self, keyword: str) -> Sequence[Mapping[str, str]]:
        return [{}]

    def request(self, query: Query, cursor: str | None, keys: Mapping[str, str]) -> Request:
        return Request(url=f"{PLACE['host']}/{self.path}", params={"q": query.keyword})

    def parse(self, body: bytes, query: Query, cursor: str | None) -> ResultPage:
        found = json_fields.document(body)
        if "results" not in found:
            raise SourceError(f"Attic says: {found['detail']}")
        return ResultPage(offers=tuple(Offer(url=one["url"]) for one in found["results"]), total=found["total"])


class Cellar(Attic):
    name, path = "cellar", "refuse"


@pytest.fixture
def attic(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two sources on a server of our own: one that answers, one that refuses."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    PLACE["host"] = f"http://127.0.0.1:{server.server_port}"
    ASKED.clear()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    found = [EntryPoint(kind.name, f"{__name__}:{kind.__name__}", registry.GROUP) for kind in (Attic, Cellar)]
    monkeypatch.setattr(registry, "entry_points", lambda group: found)
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELLAPART_CONTACT", *(key for source in SOURCES.values() for key in (*source.card.keys, *source.card.optional_keys))):
        monkeypatch.delenv(name, raising=False)


def states(**options: Any) -> dict[str, str]:
    return {one.name: one.state for one in tellapart.sources(**options).sources}


def test_all_are_listed_with_how_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    found = states()
    assert list(found)[: len(SOURCES)] == list(SOURCES)
    assert (found["openverse"], found["wikimedia"], found["flickr"]) == ("on", "needs a contact", "needs a key")
    assert {found[name] for name in ("pexels", "pixabay", "unsplash", "duckduckgo", "bing")} == {"off"}
    monkeypatch.setenv("FLICKR_API_KEY", "secret")
    monkeypatch.setenv("PEXELS_API_KEY", "secret")
    later = states(contact="me@example.org")
    assert (later["wikimedia"], later["flickr"], later["pexels"]) == ("on", "on", "off")
    monkeypatch.setenv("TELLAPART_CONTACT", "me@example.org")
    assert states()["wikimedia"] == "on"


def test_what_is_told_can_be_written_as_json_and_holds_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLICKR_API_KEY", "secret")
    found = tellapart.sources("flickr").as_dict()
    (flickr,) = found["sources"]
    assert (flickr["keys"], flickr["optional_keys"], flickr["health"]) == ({"FLICKR_API_KEY": True}, {}, None)
    assert flickr["limit"] == {"concurrency": 1, "per_minute": 60, "per_day": None}
    assert "secret" not in json.dumps(found)
    wikimedia = tellapart.sources(["wikimedia", "wikimedia"]).as_dict()["sources"]
    assert [one["image_hosts"]["upload.wikimedia.org"]["concurrency"] for one in json.loads(json.dumps(wikimedia))] == [2]


def test_a_check_asks_each_once_and_tells_what_came(attic: None) -> None:
    found = tellapart.sources(["attic", "cellar", "flickr"], check=True, allow_private=True, contact="me@example.org").as_dict()
    attic_, cellar, flickr = (one["health"] for one in found["sources"])
    assert (attic_["state"], attic_["offers"], attic_["total"]) == ("healthy", 1, 7)
    assert attic_["image"].startswith("JPEG, ")
    assert cellar["state"] == "no answer"
    assert cellar["said"].endswith("Attic says: not you")
    assert "403" in cellar["said"]
    assert flickr["state"] == "no key"
    assert sorted(path for path, _ in ASKED) == ["/oak.jpg", "/refuse?q=oak+tree", "/search?q=oak+tree"]
    assert all("me@example.org" in agent for _, agent in ASKED)


def test_private_addresses_are_refused_unless_allowed(attic: None) -> None:
    health = tellapart.sources("attic", check=True).sources[0].health
    assert health is not None
    assert health.state == "no answer"
    assert ASKED == []


def test_it_works_where_a_loop_runs_already(attic: None) -> None:
    async def notebook() -> str:
        return str(tellapart.sources("attic", check=True, allow_private=True).as_dict()["sources"][0]["health"]["state"])

    assert asyncio.run(notebook()) == "healthy"


def test_broken_sources_of_other_packages_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "entry_points", lambda group: [EntryPoint("gone", "no_such_package:It", group)])
    assert "no_such_package" in tellapart.sources().broken["gone"]
    assert tellapart.sources("openverse").broken == {}


def test_unknown_names_options_and_contacts_are_errors() -> None:
    with pytest.raises(OptionError, match="no source 'flicker'"):
        tellapart.sources("flicker")
    with pytest.raises(OptionError, match="no option 'chek'"):
        tellapart.sources(chek=True)
    with pytest.raises(OptionError, match="cannot be part of a User-Agent"):
        tellapart.sources("openverse", check=True, contact="a\nb")


def test_the_commands_start_without_a_loop() -> None:
    code = (
        "import sys\nfrom tellapart.cli.click_commands import click_command\nfrom tellapart.commands import COMMANDS\n"
        "click_command(COMMANDS['sources'])\nprint(*sys.modules)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "tellapart.commands.sources" in loaded
    assert "asyncio" not in loaded
