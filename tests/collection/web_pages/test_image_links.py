from __future__ import annotations

import pytest

from tellapart.collection.web_pages.image_links import Candidate, best_of, candidates_of


@pytest.mark.parametrize(
    ("srcset", "wanted"),
    [
        ("a.jpg", [("a.jpg", None, None)]),
        ("a.jpg 300w, b.jpg 1.5x", [("a.jpg", 300, None), ("b.jpg", None, 1.5)]),
        (
            "/w_300,h_200,c_fill/a.jpg 300w,/w_600,h_400/a.jpg 600w",
            [("/w_300,h_200,c_fill/a.jpg", 300, None), ("/w_600,h_400/a.jpg", 600, None)],
        ),
        ("a.jpg, b.jpg 2x,", [("a.jpg", None, None), ("b.jpg", None, 2)]),
        (",, a.jpg,\n\tb.jpg 2x", [("a.jpg", None, None), ("b.jpg", None, 2)]),
        ("a.jpg 300w 200h, b.jpg 5q, c.jpg 0w, d.jpg 1x 2w, e.jpg w, f.jpg (1,2) , g.jpg 7w", [("a.jpg", 300, None), ("g.jpg", 7, None)]),
        ("data:image/gif;base64,AAAA 1x, b.jpg 2x", [("data:image/gif;base64,AAAA", None, 1), ("b.jpg", None, 2)]),
        ("  ", []),
    ],
)
def test_candidates_are_parsed_as_browsers_do(srcset: str, wanted: list[tuple[str, float | None, float | None]]) -> None:
    assert [(c.url, c.width, c.density) for c in candidates_of(srcset)] == wanted


@pytest.mark.parametrize(
    ("srcset", "cap", "layout", "wanted"),
    [
        ("a 300w, b 2000w, c 2048w, d 4000w", 2048, None, "c"),
        ("a 3000w, b 2500w, c 4000w", 2048, None, "b"),
        ("a 1x, b 3x, c 2x", 2048, None, "b"),
        ("a 1x, b 3x, c 2x", 2048, 800, "c"),
        ("a 1x, b 2x", 2048, 1500, "a"),
        ("a, b", 2048, None, "a"),
        ("a, b 10w", 2048, None, "b"),
    ],
)
def test_the_largest_under_the_cap_or_the_smallest_above(srcset: str, cap: float, layout: float | None, wanted: str) -> None:
    chosen = best_of(list(candidates_of(srcset)), cap, layout)
    assert chosen is not None
    assert chosen.url == wanted


def test_of_nothing_there_is_no_best() -> None:
    assert best_of([], 100) is None
    assert best_of([Candidate("a")], 100) == Candidate("a")
