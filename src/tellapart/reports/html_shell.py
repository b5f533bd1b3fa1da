"""The HTML shell of every page: one self-contained file with styles, modules and data, without requests to other machines."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from tellapart.reports.figures import figure_css, theme_css

if TYPE_CHECKING:
    from jinja2 import Environment, Template


def render_page(
    template: str,
    *,
    modules: Sequence[str],
    styles: Sequence[str],
    payload: Mapping[str, Any],
    thumbnails: Mapping[str, str],
    vendored: Mapping[str, str] | None = None,
    **words: Any,
) -> str:
    """A page as text.

    Args:
        template: a file beside this one that extends ``frame.html``.
        modules: its files of ``static/``; the first is started.
        styles: files of ``static/``, after the colors and the rules of figures.
        payload: what its modules read, as JSON.
        thumbnails: data URLs by image_id.
        vendored: source of further modules by name, which are not among our files.
        **words: variables of the template, ``view`` with its ``header`` among them.
    """
    return page_template(template).render(
        **words,
        styles=theme_css() + figure_css() + "".join(static_text(name) for name in styles),
        payload=script_json(payload),
        thumbnails=script_json(thumbnails),
        import_map=script_json({"imports": module_urls(modules, vendored or {})}),
        entry=modules[0],
    )


def page_template(name: str) -> Template:
    """A template beside this file."""
    return _templates().get_template(name)


def view_json(view: Mapping[str, Any]) -> str:
    """The view without its images as JSON, one line per section."""
    lines = [
        f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False, allow_nan=False)}" for key, value in view.items() if key != "images"
    ]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def script_json(content: Any) -> str:
    """JSON that cannot end the ``<script>`` it stands in, nor break a line of JavaScript."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def static_text(name: str) -> str:
    """One of the files in ``static/``."""
    return files("tellapart.reports").joinpath(f"static/{name}").read_text(encoding="utf-8")


def module_urls(names: Sequence[str], vendored: Mapping[str, str] | None = None) -> dict[str, str]:
    """The import map of a page: each module unchanged in a ``data:`` URL, since a page from disk cannot import a neighbor.

    Args:
        names: files of ``static/``.
        vendored: source of further modules by name.
    """
    sources = {**{name: static_text(name) for name in names if name not in (vendored or {})}, **(vendored or {})}
    return {f"tellapart/{name}": _data_url(source) for name, source in sources.items()}


def _data_url(source: str) -> str:
    return "data:text/javascript;charset=utf-8," + quote(source)


@lru_cache(maxsize=1)
def _templates() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(loader=PackageLoader("tellapart.reports", "."), autoescape=True, trim_blocks=True, undefined=StrictUndefined)


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
    match = _MADE.search(before)
    if match is None:
        return view
    same = {**view, "header": {**view["header"], "made": match[1]}}
    return same if text_of(same) == before else view
