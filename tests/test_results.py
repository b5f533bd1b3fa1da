"""Results of commands as plain values and as a table."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from tellapart.results import Result


@dataclass(frozen=True)
class Part(Result):
    name: str
    share: float | None


@dataclass(frozen=True)
class Whole(Result):
    out: Path
    parts: tuple[Part, ...]
    counts: dict[str, int]


def test_nested_records_paths_and_tuples_become_plain_values():
    found = Whole(Path("some/where"), (Part("a", 0.5), Part("b", None)), {"cats": 3})
    expected = {"out": "some/where", "parts": [{"name": "a", "share": 0.5}, {"name": "b", "share": None}], "counts": {"cats": 3}}
    assert found.as_dict() == expected == json.loads(json.dumps(found.as_dict()))


def test_the_table_of_a_notebook_escapes_what_it_shows_and_cuts_long_lists():
    shown = Whole(Path("<b>"), tuple(Part(str(i), None) for i in range(9)), {"<script>": 1})._repr_html_()
    assert "<script>" not in shown and "&lt;b&gt;" in shown
    assert "and 4 more" in shown
