"""What commands return: small frozen dataclasses that give plain values for JSON, and a table in a notebook."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from html import escape
from pathlib import Path
from typing import Any

MAX_SHOWN = 5
"""Values of a list that a notebook shows."""


@dataclass(frozen=True)
class Result:
    """Base of what commands return.

    >>> @dataclass(frozen=True)
    ... class Counted(Result):
    ...     out: Path
    ...     images: int
    >>> Counted(Path("out.csv"), 3).as_dict()
    {'out': 'out.csv', 'images': 3}
    """

    def as_dict(self) -> dict[str, Any]:
        """Plain values, as ``--json`` prints them: paths as strings, records as dictionaries, tuples as lists, ``class_`` as ``class``."""
        return {f.name.rstrip("_"): plain(getattr(self, f.name)) for f in fields(self)}

    def _repr_html_(self) -> str:
        rows = "".join(f"<tr><th>{escape(name)}</th><td>{escape(_summary(value))}</td></tr>" for name, value in self.as_dict().items())
        return f"<table>{rows}</table>"


def plain(value: Any) -> Any:
    """A value as JSON has it: paths as strings, records as dictionaries, tuples as lists."""
    if hasattr(value, "as_dict"):
        return value.as_dict()
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value


def _summary(value: Any) -> str:
    """A plain value as one line of text: the first values of a list, and how many more there are."""
    if isinstance(value, dict):
        value = [f"{key}: {_summary(one)}" for key, one in value.items()]
    elif not isinstance(value, list):
        return "" if value is None else str(value)
    more = f" and {len(value) - MAX_SHOWN:,} more" if len(value) > MAX_SHOWN else ""
    return ", ".join(_summary(one) for one in value[:MAX_SHOWN]) + more
