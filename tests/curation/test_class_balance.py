from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tellapart.curation.class_balance import balance_sentence, cramers_v, origins, source_table, telling_sentence
from tellapart.dataset.file_rows import USED, FileRow


def row(path: str, label: str | None) -> FileRow:
    return FileRow(path, path, label, None, None, USED, None, 9, 9, 9)


def rows_of(**classes: list[str]) -> list[FileRow]:
    return [row(f"{label}/{name}", label) for label, names in classes.items() for name in names]


def test_sizes_of_classes_in_a_sentence() -> None:
    assert balance_sentence({"cats": 10}) is None
    assert balance_sentence({"cats": 100, "dogs": 90}) == (
        "the classes have about the same size (90 to 100)",
        pytest.approx(100 / 90),
    )
    sentence, ratio = balance_sentence({"cats": 100, "dogs": 20, "eels": 50}) or ("", 0)
    assert ratio == 5
    assert "'cats' has 100 images and 'dogs' 20, 5.0 times fewer" in sentence
    assert "--balance weights" in sentence


def test_cramers_v_is_one_for_a_giveaway_and_nought_for_a_fair_share() -> None:
    assert cramers_v([Counter(cats=50), Counter(dogs=50)]) == pytest.approx(1.0, abs=0.02)
    assert cramers_v([Counter(cats=25, dogs=25), Counter(cats=25, dogs=25)]) == 0
    assert cramers_v([Counter(cats=5), Counter(dogs=5)]) is None
    assert cramers_v([Counter(cats=50), Counter(cats=50)]) is None
    assert cramers_v([]) is None


def test_sources_come_from_the_table_of_a_collecting(tmp_path: Path) -> None:
    (tmp_path / "ATTRIBUTION.csv").write_text(
        "file_name,label,source,page,url,keyword\ncats/1.jpg,cats,,https://www.flickr.com/1,,tabby\n./cats/2.jpg,cats,bing,,,tom\ngone.jpg,x,y,,,z\n"
    )
    found = origins(tmp_path, [*rows_of(cats=["1.jpg"]), row("cats/2.jpg", "cats")])
    assert found.source_of == {"cats/1.jpg": "flickr.com", "cats/2.jpg": "bing"}
    assert found.keyword_of == {"cats/1.jpg": "tabby", "cats/2.jpg": "tom"}


def test_beginnings_of_names_are_sources_only_where_classes_share_them(tmp_path: Path) -> None:
    shared = rows_of(cats=["bing_1.jpg", "bing_2.jpg", "flickr-3.jpg"], dogs=["bing_4.jpg"])
    assert origins(tmp_path, shared).source_of["cats/flickr-3.jpg"] == "flickr"
    assert origins(tmp_path, rows_of(cats=["cat.1.jpg"], dogs=["dog.1.jpg"])).source_of == {}
    assert origins(tmp_path, rows_of(cats=["ab12cd.jpg"])).source_of == {}


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"a,b\n1,2\n", b"file_name\n"])
def test_a_table_that_tells_nothing_is_passed_over(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "metadata.csv").write_bytes(content)
    assert origins(tmp_path, rows_of(cats=["1.jpg"])).source_of == {}


def test_a_source_that_gives_the_class_away_is_told_and_a_fair_one_is_not() -> None:
    rows = rows_of(cats=[f"{i}" for i in range(50)], dogs=[f"{i}" for i in range(50)])
    giveaway = {r.path: "flickr" if (r.label == "cats") == (int(r.path.split("/")[1]) < 45) else "bing" for r in rows}
    sentence = telling_sentence("the source", source_table(rows, giveaway)) or ""
    assert "90 % of 'cats' but 10 % of 'dogs'" in sentence or "90 % of 'dogs' but 10 % of 'cats'" in sentence
    fair = {r.path: "flickr" if int(r.path.split("/")[1]) % 2 else "bing" for r in rows}
    assert telling_sentence("the source", source_table(rows, fair)) is None
    assert [(name, counts.total()) for name, counts in source_table(rows, fair)] == [("bing", 50), ("flickr", 50)]
