from __future__ import annotations

from dataclasses import replace
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from tellapart.collection.sources import (
    SOURCES,
    SourceCard,
    all_sources,
    broken_sources,
    can_give,
    facets_of,
    keys_of,
    missing_keys,
    registry,
    source_named,
)
from tellapart.errors import OptionError

OPEN = ["openverse", "wikimedia", "inaturalist", "gbif"]


class Attic:
    """A source of somebody else."""

    name = "attic"
    card = SourceCard(title="Attic", home="https://attic.example", terms="", licenses="", is_default=True)

    def facets(self, keyword: str) -> list[dict[str, str]]:
        return [{}]

    def request(self, query: Any, cursor: Any, keys: Any) -> Any: ...

    def parse(self, body: Any, query: Any, cursor: Any) -> Any: ...


class Cardless:
    name = "cardless"


class Failing:
    def __init__(self) -> None:
        raise ZeroDivisionError("on its own account")


class Renamed(Attic):
    name = "cellar"


class Mute(Attic):
    name = "mute"
    parse = None  # type: ignore[assignment]


@pytest.fixture
def plugins(monkeypatch: pytest.MonkeyPatch) -> None:
    here = f"{__name__}:"
    found = [
        EntryPoint("attic", f"{here}Attic", registry.GROUP),
        EntryPoint("bing", f"{here}Attic", registry.GROUP),
        EntryPoint("cardless", f"{here}Cardless", registry.GROUP),
        EntryPoint("failing", f"{here}Failing", registry.GROUP),
        EntryPoint("mute", f"{here}Mute", registry.GROUP),
        EntryPoint("gone", "no_such_package.source:It", registry.GROUP),
        EntryPoint("renamed", f"{here}Renamed", registry.GROUP),
    ]
    monkeypatch.setattr(registry, "entry_points", lambda group: found if group == registry.GROUP else [])


def test_ours_stand_in_the_order_in_which_they_are_asked() -> None:
    assert list(SOURCES) == [*OPEN, "flickr", "pexels", "pixabay", "unsplash", "duckduckgo", "bing"]
    assert all(name == source.name for name, source in SOURCES.items())
    assert list(all_sources())[: len(SOURCES)] == list(SOURCES)
    assert broken_sources() == {}


def test_sources_of_other_packages_join_and_broken_ones_are_told(plugins: None) -> None:
    assert list(all_sources()) == [*SOURCES, "attic"]
    assert isinstance(source_named("attic"), Attic)
    assert source_named("bing") is SOURCES["bing"]
    broken = broken_sources()
    assert list(broken) == ["bing (tests.collection.sources.test_registry:Attic)", "cardless", "failing", "gone", "mute", "renamed"]
    assert "another source has this name" in broken["bing (tests.collection.sources.test_registry:Attic)"]
    assert "no card" in broken["cardless"]
    assert "ZeroDivisionError: on its own account" in broken["failing"]
    assert "no_such_package" in broken["gone"]
    assert "it has no parse" in broken["mute"]
    assert "it calls itself 'cellar', its entry point 'renamed'" in broken["renamed"]
    with pytest.raises(OptionError, match=r"'failing' cannot be used: .*ZeroDivisionError"):
        source_named("failing")


def test_an_unknown_name_brings_the_closest() -> None:
    with pytest.raises(OptionError, match="there is no source 'Flicker'") as caught:
        source_named("Flicker")
    assert caught.value.hint == "did you mean 'flickr'?"
    with pytest.raises(OptionError) as caught:
        source_named("xyz")
    assert "openverse, wikimedia" in str(caught.value.hint)


def test_only_its_own_keys_are_handed_to_a_source() -> None:
    environment = {"FLICKR_API_KEY": " f ", "OPENVERSE_TOKEN": "", "HOME": "/root"}
    assert keys_of(SOURCES["flickr"], environment) == {"FLICKR_API_KEY": "f"}
    assert keys_of(SOURCES["openverse"], environment) == {}
    assert missing_keys(SOURCES["flickr"], {}) == ["FLICKR_API_KEY"]
    assert missing_keys(SOURCES["openverse"], {}) == []


def test_slices_of_unwanted_licenses_are_not_asked() -> None:
    openverse = SOURCES["openverse"]
    assert facets_of(openverse, "oak") == list(openverse.facets("oak"))
    kept = facets_of(openverse, "oak", ("cc0", "cc-by"))
    assert {facet["license"] for facet in kept if "license" in facet} == {"cc0", "cc-by"}
    assert [facet for facet in kept if "license" not in facet] == [facet for facet in openverse.facets("oak") if "license" not in facet]
    assert can_give(openverse, ("cc0",)) and not can_give(openverse, ("pexels",)) and can_give(SOURCES["bing"], ())


def test_the_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        SOURCES["mine"] = Attic()  # type: ignore[index]
    assert replace(Attic.card, title="x").title == "x"
