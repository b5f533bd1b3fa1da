"""The JavaScript of the pages keeps the house's measures; ``npm run check`` adds its types and its format."""

from __future__ import annotations

import re
from pathlib import Path

import tellapart.reports

STATIC = Path(tellapart.reports.__file__).parent / "static"
MAX_COLUMNS, MAX_LINES = 120, 80
OPENING = re.compile(r"=> \{$|\bfunction\b.*\) \{$|^\s*(?!if|for|while|switch|catch)[\w#]+\(.*\) \{$|^\s*\}?\) \{$")


def function_lengths(source: str) -> dict[int, int]:
    """Lines of each function by the number of its first line; prettier has put the closing brace under the line that begins it."""
    lines, found = source.split("\n"), {}
    for number, line in enumerate(lines):
        if not OPENING.search(line):
            continue
        indent = len(line) - len(line.lstrip())
        later = (at for at in range(number + 1, len(lines)) if lines[at].strip())
        ends = (at for at in later if len(lines[at]) - len(lines[at].lstrip()) <= indent)
        found[number + 1] = next(ends, len(lines) - 1) - number + 1
    return found


def test_no_line_is_wider_and_no_function_longer_than_the_law_allows() -> None:
    said = []
    for path in sorted(STATIC.glob("*.js")):
        source = path.read_text(encoding="utf-8")
        wide = [number for number, line in enumerate(source.split("\n"), 1) if len(line) > MAX_COLUMNS]
        said += [f"{path.name}:{number} is wider than {MAX_COLUMNS} columns" for number in wide]
        long = {number: length for number, length in function_lengths(source).items() if length > MAX_LINES}
        said += [f"{path.name}:{number} is a function of {length} lines" for number, length in long.items()]
    assert said == []


def test_a_function_is_measured_from_its_head_to_its_closing_brace() -> None:
    source = (
        "export function outer(a, {\n  b,\n}) {\n  const inner = () => {\n    if (a) {\n      b();\n    }\n  };\n  inner();\n}\n"
        "class One {\n  method(x) {\n    return x;\n  }\n}\n"
    )
    assert function_lengths(source) == {3: 8, 4: 5, 12: 3}
