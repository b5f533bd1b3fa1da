"""Groups: images that must stay on one side of every split, because they show the same object or belong together.

The user's own groups come from a column of the manifest, a pattern in the file names, or the source page of the images.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from tellapart.counts import count
from tellapart.dataset.delimited_files import named_rows
from tellapart.dataset.labeled_folder import ATTRIBUTION, MANIFEST_NAMES
from tellapart.dataset.manifest import MANIFEST_SUFFIXES
from tellapart.dataset.table_columns import columns_of, named_column
from tellapart.dataset.table_paths import ListedFiles
from tellapart.errors import DataError, closest_name


def groups_together(image_ids: Iterable[str], pairs: Iterable[tuple[str, str]], *groupings: Sequence[str | None]) -> dict[str, str]:
    """The group of each image: connected components of near-duplicates and of groups that images share.

    Splits, folds, intervals and evaluation all use this function, so that the same images always stay together.

    Args:
        image_ids: one per row; an image may occur several times.
        pairs: image ids of near-duplicates; pairs with an image that is not among ``image_ids`` are ignored.
        groupings: each a group name per row, None for a row without one: rows with one name stay together.

    Returns:
        By image id, the smallest id of its group.
    """
    rows = list(image_ids)
    parent = {image_id: image_id for image_id in rows}

    def root(name: str) -> str:
        while parent[name] != name:
            parent[name] = parent[parent[name]]
            name = parent[name]
        return name

    joined = [pair for grouping in groupings for pair in _joining_pairs(grouping, rows)]
    for first, second in (*pairs, *joined):
        if first in parent and second in parent:
            low, high = sorted((root(first), root(second)))
            parent[high] = low
    return {image_id: root(image_id) for image_id in parent}


def _joining_pairs(grouping: Sequence[str | None], image_ids: Sequence[str]) -> list[tuple[str, str]]:
    """Pairs that connect the images of each group with its first one."""
    first: dict[str, str] = {}
    return [(first.setdefault(group, name), name) for group, name in zip(grouping, image_ids, strict=True) if group is not None]


HOST, PAGE_NAMES = "host", ("page", "url")
"""``host`` is not a column: it is the host of an image's page or URL."""


def column_groups(where: Path, paths: Sequence[str], column: str) -> list[str | None]:
    """The group of each file, as a column of the manifest (or of the table ``collect`` wrote) has it; None where it is empty.

    Args:
        where: the manifest, or the folder of the photos.
        paths: of the files, relative to the data set's root.
        column: its name, in any case; ``host`` for the site that ``page`` or ``url`` names.

    Raises:
        DataError: there is no table, no such column, or not one of the files is in it.
    """
    table = _table(where)
    names = PAGE_NAMES if column.lower() == HOST else (column,)
    header: list[str] = []
    indices: dict[str, int] = {}

    def choice(columns: Sequence[str]) -> dict[str, int]:
        header.extend(columns)
        indices["path"] = columns_of(table, columns).paths[0]
        group = next((index for name in names if (index := named_column(columns, name)) is not None), None)
        indices.update({"group": group} if group is not None else {})
        return indices

    rows = list(named_rows(table, choice))
    if "group" not in indices:
        raise DataError(
            f"{table} has no column {' or '.join(names)}; its columns are {', '.join(header)}",
            hint=closest_name(column, header) or "name one of its columns, or use --pattern",
        )
    files = ListedFiles(table.parent, "", lambda: paths)
    group_of = {files.path_of(row.get("path", ""))[0]: row.get("group", "") for _, row in rows}
    groups = [group_of.get(posixpath.normpath(path)) or None for path in paths]
    if not any(groups):
        raise DataError(f"{table}: the column {column!r} says nothing about any of the {count(len(paths), 'image')}")
    return [None if value is None else _host(value) for value in groups] if column.lower() == HOST else groups


def pattern_groups(paths: Sequence[str], pattern: str) -> list[str | None]:
    """The group of each file: what the pattern's brackets catch in its path, or all that it matches; None where it does not.

    Raises:
        DataError: it matches no path.
    """
    expression = re.compile(pattern)
    groups = [_caught(expression.search(path)) for path in paths]
    if not any(groups):
        raise DataError(
            f"the pattern {pattern!r} matches none of the {count(len(paths), 'path')}, such as {paths[0] if paths else ''!r}",
            hint="brackets catch the group: --pattern '(patient[0-9]+)' or --pattern '([^/_]+)_[0-9]+'",
        )
    return groups


def pattern_complaint(pattern: str) -> str | None:
    """What is wrong with a pattern, or None."""
    try:
        re.compile(pattern)
    except re.error as error:
        return f"{pattern!r} is no regular expression: {error}"
    return None


def _caught(match: re.Match[str] | None) -> str | None:
    if match is None:
        return None
    caught = [part for part in match.groups() if part is not None]
    return "\t".join(caught) if match.re.groups else match.group(0) or None


def _host(value: str) -> str | None:
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return None
    return host.removeprefix("www.") if host else None


def _table(where: Path) -> Path:
    """The table that belongs to a data set."""
    if where.suffix.lower() in MANIFEST_SUFFIXES and not where.is_dir():
        return where
    for name in (*MANIFEST_NAMES, ATTRIBUTION):
        if (where / name).is_file():
            return where / name
    raise DataError(
        f"{where} has no table with columns: neither {', '.join(MANIFEST_NAMES)} nor {ATTRIBUTION}",
        hint="group by file names with --pattern, or give a manifest",
    )
