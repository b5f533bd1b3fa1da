from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tellapart.curation.class_balance import (
    balance_sentence,
    class_weight,
    cramers_v,
    origins,
    source_table,
    telling_sentence,
    training_counts,
    undersample,
)
from tellapart.dataset.file_rows import SET_ASIDE, USED, FileRow


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


def drawn(path: str, label: str | None = "a", part: str | None = "train", group: str | None = None, status: str = USED) -> FileRow:
    return FileRow(path, path, label, part, group or path, status, None, None, None, 1)


def kept(rows: list[FileRow]) -> list[str]:
    return [one.path for one in rows if one.is_used]


def test_only_used_training_images_with_a_label_count() -> None:
    rows = [drawn("1"), drawn("2", part=None), drawn("3", "b"), drawn("4", part="test"), drawn("5", None), drawn("6", status=SET_ASIDE)]
    assert training_counts(rows) == {"a": 2, "b": 1}


def test_weights_are_those_of_training() -> None:
    import numpy as np

    from tellapart.training.linear_probe import class_weights

    own = class_weight({"a": 30, "b": 10, "c": 5})
    targets = np.repeat([0, 1, 2], [30, 10, 5])
    assert class_weights(targets, 3, "balanced") == pytest.approx([own["abc"[target]] for target in targets])


def test_copies_go_first_the_worse_before_the_better_then_drawn_ones() -> None:
    rows = [drawn(f"one {i}", group="one") for i in range(3)] + [drawn(f"single {i}") for i in range(4)]
    better = {"one 2": 0, "one 0": 1, "one 1": 2}
    for most, gone in ((6, {"one 1"}), (5, {"one 0", "one 1"})):
        assert set(kept(rows)) - set(kept(undersample(rows, most, better=better, seed=0))) == gone
    few = kept(undersample(rows, 3, better=better, seed=0))
    assert len(few) == 3
    assert {"one 0", "one 1"}.isdisjoint(few)
    reasons = Counter(one.reason for one in undersample(rows, 3, better=better, seed=0) if not one.is_used)
    assert reasons == {"left out to balance the classes": 2, "left out to balance the classes: another of its group is kept": 2}


def test_every_group_keeps_one_while_there_is_room() -> None:
    rows = [drawn(f"{album}{i}", group=album) for album in "abcd" for i in range(5)]
    assert Counter(path[0] for path in kept(undersample(rows, 4, better={}, seed=0))) == dict.fromkeys("abcd", 1)
    assert Counter(path[0] for path in kept(undersample(rows, 8, better={}, seed=0))) == dict.fromkeys("abcd", 2)


def test_other_parts_and_smaller_classes_stay() -> None:
    rows = [*(drawn(f"a{i}") for i in range(9)), *(drawn(f"t{i}", part="test") for i in range(9)), *(drawn(f"b{i}", "b") for i in range(2))]
    left = kept(undersample(rows, 3, better={}, seed=0))
    assert Counter(path[0] for path in left) == {"a": 3, "t": 9, "b": 2}


def test_the_draw_depends_on_the_seed_alone() -> None:
    rows = [drawn(f"{i:03}") for i in range(100)]
    first, same, other = (set(kept(undersample(rows, 50, better={}, seed=seed))) for seed in (0, 0, 1))
    assert first == same != other
    assert set(kept(undersample(rows[::-1], 50, better={}, seed=0))) == first
    assert set(kept(undersample(rows, 20, better={}, seed=0))) < first, "a smaller list is part of the larger"
