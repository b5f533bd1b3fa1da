"""From the options of a collection to its ledger: what the last command asked for, lists, and where the ledger lies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tellapart.collection import session
from tellapart.collection.ledger import LEDGER_FILE, Ledger
from tellapart.collection.options import PER_CLASS, CollectOptions
from tellapart.collection.order_resolution import resolve_order
from tellapart.dataset.catalog import STATE_FOLDER
from tellapart.errors import OptionError, StorageError
from tellapart.progress import SILENT


def options(**given: Any) -> CollectOptions:
    return CollectOptions.of(**given)


def ledger_with(path: Path, names: list[str], before: CollectOptions) -> Path:
    with Ledger(path) as ledger:
        ledger.note_command(json.dumps({"names": names, "options": before.as_dict()}))
    return path


def test_a_command_without_names_goes_on_with_the_last_and_what_is_given_now_wins(tmp_path: Path) -> None:
    before = options(per_class=30, licenses="cc0", time="1s", class_=("cat=felis,kitten",))
    file = ledger_with(tmp_path / LEDGER_FILE, ["dog"], before)
    names, again = session._asked_before(file, options(per_class=50))
    assert list(names) == ["dog"]
    assert (again.per_class, again.licenses, again.class_) == (50, "cc0", ("cat=felis,kitten",))
    assert again.time is None, "a time limit is of one command"


def test_an_option_of_an_older_version_is_passed_over(tmp_path: Path) -> None:
    file = tmp_path / LEDGER_FILE
    with Ledger(file) as ledger:
        ledger.note_command(json.dumps({"names": ["dog"], "options": {"per_class": 9, "speed": "fast"}}))
    assert session._asked_before(file, options())[1].per_class == 9


@pytest.mark.parametrize(("command", "error"), [(None, OptionError), ("{broken", StorageError), ('{"names": "dog"}', StorageError)])
def test_where_nothing_was_asked_for_it_is_said_what_to_give(tmp_path: Path, command: str | None, error: type[Exception]) -> None:
    with pytest.raises(OptionError, match="there is nothing to collect"):
        session._asked_before(tmp_path / "no ledger", options())
    with Ledger(tmp_path / LEDGER_FILE) as ledger:
        if command is not None:
            ledger.note_command(command)
    with pytest.raises(error):
        session._asked_before(tmp_path / LEDGER_FILE, options())


def test_the_ledger_lies_beside_the_images_or_for_a_bucket_in_the_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    assert session._state(options(out=str(tmp_path / "photos"))) == tmp_path / "photos" / STATE_FOLDER
    assert session._state(options(out=str(tmp_path), state=tmp_path / "elsewhere")) == tmp_path / "elsewhere"
    of_bucket = session._state(options(out="s3://photos/cats"))
    assert of_bucket.parent == tmp_path / "cache" / "collections"
    assert of_bucket == session._state(options(out="s3://photos/cats/")) != session._state(options(out="s3://photos/dogs"))


def test_every_class_gets_its_quota_and_one_cursor_for_each_source_and_keyword(ledger: Ledger) -> None:
    asked = options(class_=("cat=felis,kitten",), sources="openverse", contact="me@example.org")
    session._written_down(resolve_order(["dog"], asked, {}), asked, ledger, SILENT)
    assert ledger.quotas() == {"cat": PER_CLASS, "dog": PER_CLASS}
    cells = {(row["label"], row["source"], row["keyword"]) for row in ledger.rows("SELECT DISTINCT label, source, keyword FROM cells")}
    assert cells == {("cat", "openverse", "felis"), ("cat", "openverse", "kitten"), ("dog", "openverse", "dog")}


def test_of_a_list_only_addresses_under_the_licenses_asked_for_are_taken(tmp_path: Path, ledger: Ledger) -> None:
    file = tmp_path / "list.csv"
    file.write_text(
        "url,label,license\n"
        "https://a.example/1.jpg,cat,CC0\n"
        "https://a.example/2.jpg,cat,CC BY-NC 4.0\n"
        "https://a.example/3.jpg,dog,\n"
        "https://a.example/1.jpg,cat,CC0\n"
    )
    asked = options(urls=file, licenses="cc0")
    notes = session._written_down(resolve_order([], asked, {}), asked, ledger, SILENT)
    assert [row["url"] for row in ledger.rows("SELECT url FROM images")] == ["https://a.example/1.jpg"]
    assert ledger.quotas() == {"cat": None}, "a list without --per-class is taken whole"
    assert notes[0] == f"1 new address in {file}"
    assert any("2 addresses left out, not under the licenses asked for" in note for note in notes)


def test_the_status_of_what_was_never_collected_names_the_ledger_it_looked_for(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"nothing has been collected in .*nothing here"):
        session.collection_status(options(out=str(tmp_path / "nothing here"), status=True))
