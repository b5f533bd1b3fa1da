from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tellapart.dataset.groups import column_groups, groups_together, pattern_complaint, pattern_groups
from tellapart.errors import DataError

IDS = st.text("abcdef", min_size=1, max_size=2)
NAMES = st.none() | st.sampled_from(["g1", "g2", "g3"])


@given(st.lists(st.tuples(IDS, NAMES, NAMES), max_size=12), st.lists(st.tuples(IDS, IDS), max_size=12))
def test_what_belongs_together_stays_together_and_nothing_else_does(
    rows: list[tuple[str, str | None, str | None]], pairs: list[tuple[str, str]]
) -> None:
    """A group is exactly what can be reached by pairs of known images, equal names in a grouping, and equal ids."""
    ids = [row[0] for row in rows]
    own, known = [row[1] for row in rows], [row[2] for row in rows]
    found = groups_together(ids, pairs, own, known)
    links = [{a, b} for a, b in pairs if a in ids and b in ids]
    for names in (own, known):
        named = [(image_id, name) for image_id, name in zip(ids, names, strict=True) if name]
        links += [{a, b} for a, x in named for b, y in named if x == y]

    def reached(start: str) -> set[str]:
        met = {start}
        while more := set().union(*(link for link in links if link & met), met) - met:
            met |= more
        return met

    assert found == {image_id: min(reached(image_id)) for image_id in ids}


def test_the_order_of_rows_and_pairs_changes_nothing() -> None:
    pairs = [("a", "b"), ("c", "d"), ("b", "c"), ("x", "nowhere")]
    assert groups_together("abcdx", pairs) == groups_together("xdcba", [pair[::-1] for pair in reversed(pairs)])
    assert groups_together("abcdx", pairs) == {**dict.fromkeys("abcd", "a"), "x": "x"}


def test_a_column_of_a_manifest_or_of_the_table_beside_the_photos(tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("path,label,Film\n./a/1.jpg,x,f1\na/2.jpg,x,\nb/1.jpg,y,f1\n")
    assert column_groups(table, ["a/1.jpg", "a/2.jpg", "b/1.jpg", "c.jpg"], "film") == ["f1", None, "f1", None]
    table.rename(tmp_path / "metadata.csv")
    assert column_groups(tmp_path, ["a/1.jpg"], "FILM") == ["f1"]


def test_the_host_of_page_or_else_of_url(tmp_path: Path) -> None:
    (tmp_path / "ATTRIBUTION.csv").write_text("file_name,url\n1.jpg,https://www.x.org/1\n2.jpg,http://cdn.x.org:80/2\n3.jpg,nonsense\n")
    assert column_groups(tmp_path, ["1.jpg", "2.jpg", "3.jpg"], "host") == ["x.org", "cdn.x.org", None]
    (tmp_path / "ATTRIBUTION.csv").write_text("file_name,page,url\n1.jpg,https://p.org/1,https://cdn.net/1\n2.jpg,http://[bad,\n")
    assert column_groups(tmp_path, ["1.jpg", "2.jpg"], "host") == ["p.org", None]


def test_tables_that_cannot_help_say_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"has no table with columns: neither metadata\.csv"):
        column_groups(tmp_path, ["1.jpg"], "page")
    (tmp_path / "metadata.csv").write_text("path,creator\n1.jpg,\n2.jpg,me\n")
    with pytest.raises(DataError, match="has no column page; its columns are path, creator"):
        column_groups(tmp_path, ["1.jpg"], "page")
    with pytest.raises(DataError, match="says nothing about any of the 2 images"):
        column_groups(tmp_path, ["1.jpg", "9.jpg"], "creator")


def test_a_pattern_groups_by_its_brackets_or_by_all_it_matches() -> None:
    paths = ["a/p1_1.jpg", "b/p1_2.jpg", "b/p2_1.jpg", "b/other.jpg"]
    assert pattern_groups(paths, r"(p\d+)_") == ["p1", "p1", "p2", None]
    assert pattern_groups(paths, r"p\d+") == ["p1", "p1", "p2", None]
    assert pattern_groups(paths, r"^(.)/(p\d)") == ["a\tp1", "b\tp1", "b\tp2", None]
    with pytest.raises(DataError, match=r"matches none of the 4 paths, such as 'a/p1_1\.jpg'"):
        pattern_groups(paths, "film")
    assert pattern_complaint("(p") is not None
    assert pattern_complaint(r"(p\d)") is None
