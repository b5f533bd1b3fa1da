from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tellapart.dataset.groups import groups_together

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
