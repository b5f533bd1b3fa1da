"""The recorded answers of every source, and what is asked of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tellapart.collection.candidates import Query, ResultPage
from tellapart.collection.sources import SOURCES

FOLDER = Path(__file__).parent / "fixtures"
KEYS = {
    "OPENVERSE_TOKEN": "",
    "FLICKR_API_KEY": "flickr key",
    "PEXELS_API_KEY": "pexels key",
    "PIXABAY_API_KEY": "pixabay key",
    "UNSPLASH_ACCESS_KEY": "unsplash key",
}
KEYWORDS = {"inaturalist": "Danaus plexippus", "gbif": "Puma concolor"}
PAGES: Mapping[str, list[tuple[str, ...]]] = {
    "openverse": [("page1.json", "page2.json")],
    "wikimedia": [("search1.json", "search2.json"), ("category1.json", "category2.json")],
    "inaturalist": [("page1.json", "page2.json")],
    "gbif": [("page1.json", "page2.json")],
    "flickr": [("page1.json", "page2.json")],
    "pexels": [("page1.json", "page2.json")],
    "pixabay": [("page1.json", "page2.json")],
    "unsplash": [("page1.json", "page2.json")],
    "duckduckgo": [("token.html", "page1.json", "page2.json")],
    "bing": [("page1.html", "page2.html", "empty.html")],
}
"""What a source answers page after page, to the end."""


def recorded(name: str) -> bytes:
    return (FOLDER / name).read_bytes()


def recordings(source: str) -> list[str]:
    return sorted(f"{source}/{path.name}" for path in (FOLDER / source).iterdir())


def query(source: str, **preferences: object) -> Query:
    return Query(**{"keyword": KEYWORDS.get(source, "oak tree"), **preferences})  # type: ignore[arg-type]


def cursor_for(name: str) -> str | None:
    """The place in the results at which an answer can come; DuckDuckGo's pages come after a token."""
    return "vqd=4-1;s=0" if name.startswith("duckduckgo/") and name.endswith(".json") else None


def parsed(name: str, **preferences: object) -> ResultPage:
    """What a source makes of a recorded answer."""
    source = name.partition("/")[0]
    return SOURCES[source].parse(recorded(name), query(source, **preferences), cursor_for(name))
