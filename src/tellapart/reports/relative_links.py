"""Remove absolute paths from a page: it names the folder of the photos and the relative path to it.

A page is mailed and published. Where the photos lie on the machine that made it is nobody else's business, and a whole
path usually holds the user's name.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
from collections.abc import Callable, Container, Iterable, Mapping
from functools import partial
from pathlib import Path, PurePath
from typing import Any, TypeVar, cast
from urllib.parse import quote

PATHS = ("path", "groups")
"""Under which keys of a view the paths of files stand."""


View = TypeVar("View", bound=Mapping[str, Any])


def without_absolute_paths(view: View, page: Path) -> View:
    """The view of a page as it may be given away.

    No text of it says where the photos lie on this machine; of other whole paths (images that a manifest lists) the ends
    in which they differ are left. In its header ``folder`` and ``state`` become names, and ``root`` gives way to ``links``:
    relative URLs of ``folder``, ``root`` and ``state`` from the page, None where there is none. ``place`` tells pages of
    different folders apart.

    Args:
        view: with a ``header`` that says ``folder``, and perhaps ``root`` (where the paths begin) and ``state``.
        page: the folder that the page lies in.
    """
    header = dict(view["header"])
    root, state = header.pop("root", None) or header["folder"], header.get("state")
    links = {"folder": way_to(header["folder"], page), "root": way_to(root, page) if _is_folder(root) else None}
    public: dict[str, Any] = without_places({**view, "header": header}, [header["folder"], root, *([state] if state else [])])
    if "options" in public:
        public["options"] = _mapped(public["options"], lambda text: PurePath(text).name if PurePath(text).is_absolute() else text)
    public = _without_whole_paths(public)
    public["header"] |= {
        "folder": place_name(header["folder"]),
        "ways": {**links, "state": way_to(state, page) if state else None},
        "place": hashlib.sha256(_whole(header["folder"]).encode("utf-8", "replace")).hexdigest()[:16],
    }
    if state:
        public["header"]["state"] = place_name(state)
    return cast("View", public)


def decisions_command(header: Mapping[str, Any]) -> str:
    """The command that applies what a page decided, as it holds in the folder that the photos lie in; of a published header."""
    state = f" --state {shlex.quote(header['state'])}" if header.get("state") else ""
    return f"tellapart decisions {shlex.quote(header['folder'])} --apply decisions.jsonl{state}"


def place_name(place: str) -> str:
    """The name of a folder or a file, without the way to it; a bucket keeps its address."""
    return place if "://" in place else PurePath(_whole(place)).name or place


def way_to(place: str, page: Path) -> str | None:
    """The relative URL of a place from the folder ``page``; None if it is not there, or the way would name folders above one's own."""
    try:
        if "://" in place or not Path(place).expanduser().exists():
            return None
        there, here = Path(place).expanduser().resolve(), page.resolve()
        shared = Path(os.path.commonpath([there, here]))
    except (OSError, ValueError, RuntimeError):
        return None
    if shared == Path(shared.anchor) or shared in _home().parents:
        return None
    return quote(os.path.relpath(there, here).replace(os.sep, "/"))


def without_places(content: Any, places: Iterable[str]) -> Any:
    """JSON-able content in whose texts these folders, and the user's home, are called by their names alone."""
    names = {_whole(place): place_name(place) for place in places if "://" not in place}
    names |= {os.path.realpath(place): name for place, name in names.items()}
    names[str(_home())] = "~"
    wholes = sorted((place for place in names if PurePath(place).name), key=len, reverse=True)
    if not wholes:
        return content
    known = re.compile(rf"(?<![\w/.~-])({'|'.join(map(re.escape, wholes))})(?![\w-]|\.\w)")
    return _mapped(content, partial(known.sub, lambda match: names[match[1]]))


def _without_whole_paths(content: Any) -> Any:
    """Content with what the whole paths of its files have in common cut off them."""
    wholes: set[str] = set()

    def noticed(text: str) -> str:
        if os.path.isabs(text):  # noqa: PTH117
            wholes.add(text)
        return text

    _mapped(content, noticed, PATHS)
    if not wholes:
        return content
    shared = os.path.commonpath([os.path.dirname(text) for text in wholes])  # noqa: PTH120
    return _mapped(content, lambda text: os.path.relpath(text, shared) if text in wholes else text, PATHS)


def _mapped(content: Any, change: Callable[[str], str], keys: Container[str] | None = None, *, is_meant: bool = False) -> Any:
    """Content with all its strings changed, or only those under one of the keys."""
    if isinstance(content, str):
        return change(content) if os.sep in content and (is_meant or keys is None) else content
    if isinstance(content, Mapping):
        return {key: _mapped(value, change, keys, is_meant=keys is not None and key in keys) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_mapped(value, change, keys, is_meant=is_meant) for value in content]
    return content


def _whole(place: str) -> str:
    """The absolute path of a place; a bucket's address as it is."""
    return place if "://" in place else os.path.abspath(os.path.expanduser(place))  # noqa: PTH100, PTH111


def _is_folder(place: str) -> bool:
    try:
        return Path(place).is_dir()
    except (OSError, ValueError):
        return False


def _home() -> Path:
    try:
        return Path.home().resolve()
    except (OSError, RuntimeError):
        return Path()
