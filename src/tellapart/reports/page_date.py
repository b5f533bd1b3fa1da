"""The date of a page: that of the first time it was written with this content."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

_MADE = re.compile(r'"made": ?"([^"\\]{1,40})"')
View = Mapping[str, Any]


def dated_as_before(view: View, written: Path, text_of: Callable[[View], str]) -> View:
    """The view with the date of the file written before, if nothing else in that file would change; else the view as it is.

    Args:
        view: with its date in ``header["made"]``.
        written: the file written before, which need not exist.
        text_of: the text of that file, of a view.
    """
    try:
        before = written.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return view
    found = _MADE.search(before)
    if found is None:
        return view
    same = {**view, "header": {**view["header"], "made": found[1]}}
    return same if text_of(same) == before else view
