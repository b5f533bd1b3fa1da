"""The pages of the studio: empty pages that their modules fill, with the styles and modules of the self-contained reports."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files

from tellapart.reports.figures import figure_css, theme_css
from tellapart.reports.html_shell import page_template, static_text

STYLES = ("page.css", "parts.css", "review.css", "explore.css", "studio.css")
IMPORTED = re.compile(r'from "tellapart/([\w.]+)"')
SPECIFIER, ADDRESS = 'from "tellapart/', 'from "/static/'
"""Modules name each other as the import map of a mailed page has them; a page without inline scripts has no map."""


@dataclass(frozen=True, slots=True)
class StudioPage:
    """One page.

    Attributes:
        path: its address.
        name: of its module, ``studio_<name>.js``.
        title: in the head of every page.
    """

    path: str
    name: str
    title: str


PAGES = (
    StudioPage("/", "overview", "Overview"),
    StudioPage("/gallery", "gallery", "Gallery"),
    StudioPage("/label", "label", "Label"),
    StudioPage("/review", "review", "Review"),
    StudioPage("/matrix", "matrix", "Matrix"),
    StudioPage("/map", "map", "Map"),
    StudioPage("/runs", "runs", "Runs"),
)


def studio_page(path: str, folder: str) -> str:
    """The HTML of the page at ``path``, for a folder of that name."""
    page = next(one for one in PAGES if one.path == path)
    return page_template("studio.html").render(page=page, pages=PAGES, folder=folder, modules=modules_of(f"studio_{page.name}.js"))


@lru_cache(maxsize=32)
def modules_of(name: str) -> tuple[str, ...]:
    """A module and all that it imports, so that a page can ask for them at once and not one after the other."""
    modules, waiting = {name: None}, [name]
    while waiting:
        for other in IMPORTED.findall(static_text(waiting.pop())):
            if other not in modules:
                modules[other] = None
                waiting.append(other)
    return tuple(modules)


@lru_cache(maxsize=1)
def studio_css() -> str:
    """The styles of all pages."""
    return theme_css() + figure_css() + "".join(static_text(name) for name in STYLES)


@lru_cache(maxsize=128)
def studio_module(name: str) -> str | None:
    """A module of ``static/`` that names others by their address here; None where there is none of that name."""
    return static_text(name).replace(SPECIFIER, ADDRESS) if name in _modules() else None


@lru_cache(maxsize=1)
def _modules() -> frozenset[str]:
    return frozenset(file.name for file in files("tellapart.reports").joinpath("static").iterdir() if file.name.endswith(".js"))
