from __future__ import annotations

import pytest

from tellapart.cli import terminal
from tellapart.cli.terminal import Terminal
from tellapart.counts import count


@pytest.mark.parametrize(
    ("number", "words", "said"),
    [
        (0, ("image",), "0 images"),
        (1, ("image",), "1 image"),
        (2, ("class", "classes"), "2 classes"),
        (1, ("class", "classes"), "1 class"),
        (12_345, ("file is", "files are"), "12,345 files are"),
        (1, ("file is", "files are"), "1 file is"),
    ],
)
def test_a_count_has_its_noun_in_the_right_number(number: int, words: tuple[str, ...], said: str) -> None:
    assert count(number, *words) == said


@pytest.mark.parametrize(
    ("unit", "said"), [("images", "1 image in"), ("addresses", "1 address in"), ("classes", "1 class in"), ("pages", "1 page in")]
)
def test_progress_counts_one_as_one(unit: str, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terminal, "WORTH_A_LINE_S", 0.0)
    with Terminal().stage("reading", unit=unit) as advance:
        advance(1)
    assert said in capsys.readouterr().err
