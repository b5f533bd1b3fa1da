"""Counts are written by ``counts.count``, so that one is never "1 images"."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tellapart

SOURCE = Path(tellapart.__file__).parent

NOUN = (
    "addresses|cells|classes|clusters|columns|copies|cores|crops|decisions|epochs|faces|features|files|folds|groups|images|labels|members|"
    "networks|pages|pairs|parts|paths|photos|predictions|probes|rows|shards|units"
)
DIRECT = re.compile(rf"(?:</b>)? (?:{NOUN})\b(?! in float)")
DESCRIBED = re.compile(rf"(?:</b>)? (?:[a-z-]+ )?(?:{NOUN})\b")


def loose_counts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Line and number of each ``{number} nouns`` of an f-string whose function does not ask how many there are."""
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            asked = {
                text for function in functions if function.lineno <= node.lineno <= (function.end_lineno or 0) for text in asks(function)
            }
            yield from ((node.lineno, number) for number in plurals(node) if number not in asked)


def plurals(text: ast.JoinedStr) -> Iterator[str]:
    """The numbers that a plural follows. Not: constants such as ``MOST``, measures with decimals, and parts of a text."""
    for value, after in zip(text.values, text.values[1:], strict=False):
        if isinstance(value, ast.FormattedValue) and isinstance(after, ast.Constant) and not is_slice(value.value):
            number, form = ast.unparse(value.value), ast.unparse(value.format_spec) if value.format_spec else ""
            is_counted = "," in form or number.startswith("len(")
            if (
                (DESCRIBED if is_counted else DIRECT).match(str(after.value))
                and "." not in form
                and not number.rpartition(".")[2].isupper()
            ):
                yield number


def is_slice(node: ast.expr) -> bool:
    """Whether it is a part of a text, such as ``suffix[1:]``, and no number."""
    return isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice)


def asks(function: ast.FunctionDef) -> set[str]:
    """What a function compares with something."""
    return {ast.unparse(node.left) for node in ast.walk(function) if isinstance(node, ast.Compare)}


def test_a_count_agrees_with_its_noun() -> None:
    loose = []
    for path in sorted(SOURCE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        loose += [f"{path.relative_to(SOURCE).as_posix()}:{line}: {number}" for line, number in loose_counts(tree)]
    assert loose == []


@pytest.mark.parametrize(
    ("line", "is_loose"),
    [
        ('f"{len(a)} images"', True),
        ('f"{n:,} near pairs"', True),
        ('f"<b>{n}</b> rows"', True),
        ('f"{n:.1f} epochs"', False),
        ('f"{MOST} images"', False),
        ('f"{suffix[1:]} shards"', False),
        ("f\"{count(n, 'image')}\"", False),
        ('f"{n} images" if n > 1 else "one"', False),
    ],
)
def test_a_loose_count_is_found(line: str, is_loose: bool) -> None:
    assert bool(list(loose_counts(ast.parse(f"def said(n, a):\n    return {line}")))) == is_loose
