from __future__ import annotations

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

import tellapart
from tellapart.cli.app import tellapart as door
from tellapart.cli.output import sources
from tellapart.cli.terminal import Styled
from tellapart.collection.sources import SOURCES
from tellapart.collection.sources.health import Health
from tellapart.commands.sources import SourcesResult


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TELLAPART_CONTACT", *(key for source in SOURCES.values() for key in (*source.card.keys, *source.card.optional_keys))):
        monkeypatch.delenv(name, raising=False)


def said(found: SourcesResult) -> str:
    return "\n".join(map(str, sources.sources_output(found)[0]))


def test_all_are_a_line_each() -> None:
    lines = said(tellapart.sources()).splitlines()
    assert lines[0].split() == ["source", "by", "results", "a", "search", "requests", "licenses", "key"]
    shown = {line.split()[0]: line for line in lines[1 : 1 + len(SOURCES)]}
    assert list(shown) == list(SOURCES)
    assert "60 a minute, 10,000 a day" in shown["inaturalist"]
    assert "FLICKR_API_KEY (not set)" in shown["flickr"]
    assert "50 an hour" in shown["unsplash"]
    assert "not said" in shown["bing"]
    assert all(len(line) < 140 for line in lines)
    assert lines[-1].startswith("tellapart sources NAME says more")


def test_named_ones_are_told_in_full() -> None:
    text = said(tellapart.sources(["pexels", "wikimedia"]))
    assert "pexels: Pexels, https://www.pexels.com (off)" in text
    assert SOURCES["pexels"].card.caveat in text
    assert "upload.wikimedia.org: 2 at once" in text


def test_only_the_state_is_colored() -> None:
    found = tellapart.sources()
    renamed = tuple(replace(one, name=f"on {one.name}") for one in found.sources)
    first = sources.sources_output(replace(found, sources=renamed))[0][1]
    assert isinstance(first, Styled)
    assert (first.text, first.fg) == ("on", "green")
    assert first.before.startswith("on openverse")


def test_a_check_tells_who_answers() -> None:
    found = tellapart.sources(["openverse", "flickr", "gbif"])
    health = (
        Health(state="healthy", seconds=0.31, offers=20, total=9_000, image="JPEG, 120 kB", image_seconds=0.2),
        Health(state="no key", said="FLICKR_API_KEY not set"),
        Health(state="no answer", said="timed out", seconds=20.0),
    )
    checked = tuple(replace(one, health=answer) for one, answer in zip(found.sources, health, strict=True))
    found = SourcesResult(checked, {"attic": "ImportError: no"})
    lines = said(found).splitlines()
    assert lines[1].split() == ["openverse", "healthy", "0.3", "s", "20", "of", "9,000", "JPEG,", "120", "kB,", "0.2", "s"]
    assert lines[2].endswith("FLICKR_API_KEY not set")
    assert lines[3].split() == ["gbif", "no", "answer", "20.0", "s", "timed", "out"]
    assert lines[4] == "attic cannot be used: ImportError: no"


def test_the_command_lists_and_writes_json() -> None:
    result = CliRunner().invoke(door, ["sources", "openverse", "--json"], catch_exceptions=False)
    assert result.exit_code == 0
    assert [one["name"] for one in json.loads(result.stdout)["sources"]] == ["openverse"]
    unknown = CliRunner().invoke(door, ["sources", "openvers"])
    assert unknown.exit_code == 2
    assert "did you mean 'openverse'?" in unknown.output
