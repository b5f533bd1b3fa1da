"""Matching ids to files: by path, by name with or without suffix, or by the number in the name."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.kaggle.sample_csv import first_names, repeated_names

HINT = (
    "an id is a file's path in the folder given, its name with or without suffix, or the only number in its name;"
    " is this the folder of the competition's test images?"
)


@dataclass(frozen=True)
class FilesOfIds:
    """The file of each id.

    Attributes:
        places: for each id, the index of its file among the paths.
        matched_by: how the ids match files: ``path``, ``file name``, ``file name without suffix`` or ``number in the file name``.
        unused: indices of the files without an id.
    """

    places: tuple[int, ...]
    matched_by: str
    unused: tuple[int, ...]


def _number(name: str) -> str | None:
    """The only run of digits in a name, without leading zeros."""
    runs = re.findall(r"[0-9]+", name)
    return (runs[0].lstrip("0") or "0") if len(runs) == 1 else None


def _plain(text: str) -> str:
    return text


def _number_alone(text: str) -> str | None:
    return _number(text) if re.fullmatch(r"[0-9]+", text) else None


Way = tuple[Callable[[str], str | None], Callable[[str], str | None]]
WAYS: dict[str, Way] = {
    "path": (_plain, _plain),
    "file name": (lambda path: PurePosixPath(path).name, _plain),
    "file name without suffix": (lambda path: PurePosixPath(path).stem, _plain),
    "number in the file name": (lambda path: _number(PurePosixPath(path).stem), _number_alone),
}
"""By rule, the keys of a path and of an id that must be equal."""


def files_of_ids(ids: Sequence[str], paths: Sequence[str]) -> FilesOfIds:
    """Find the file of every id, by the only rule that gives each id exactly one file.

    Args:
        ids: n different ids.
        paths: m different paths relative to the folder, with ``/``; files without an id are allowed.

    Raises:
        DataError: no rule gives every id a file, or two rules disagree; the message names the first few.
    """
    id_names = [unicodedata.normalize("NFC", name.strip()) for name in ids]
    path_names = [unicodedata.normalize("NFC", path) for path in paths]
    by_rule = {name: _candidates(id_names, path_names, rule) for name, rule in WAYS.items()}
    whole = {name: tuple(c[0] for c in candidates) for name, candidates in by_rule.items() if _is_whole(candidates)}
    if not whole:
        raise _not_covered(ids, paths, max(by_rule.values(), key=_fit))
    (matched_by, matches), *others = whole.items()
    for other, different in others:
        if different != matches:
            row = next(i for i, (one, two) in enumerate(zip(matches, different, strict=True)) if one != two)
            raise DataError(
                f"the ids fit the files in two ways: by {matched_by}, {ids[row]!r} is {paths[matches[row]]!r};"
                f" by {other}, it is {paths[different[row]]!r}",
                hint="keep only the competition's test images in the folder",
            )
    return FilesOfIds(matches, matched_by, tuple(sorted(set(range(len(paths))) - set(matches))))


def _candidates(ids: Sequence[str], paths: Sequence[str], rule: Way) -> list[list[int]]:
    """For each id, the indices of all files that match by one rule."""
    of_path, of_id = rule
    indices: dict[str | None, list[int]] = defaultdict(list)
    for index, path in enumerate(paths):
        indices[of_path(path)].append(index)
    keys = [of_id(name) for name in ids]
    return [indices.get(key, []) if key is not None else [] for key in keys]


def _is_whole(candidates: Sequence[Sequence[int]]) -> bool:
    return all(len(c) == 1 for c in candidates) and len({c[0] for c in candidates}) == len(candidates)


def _fit(candidates: Sequence[Sequence[int]]) -> tuple[int, int]:
    """Number of ids with a file, and with exactly one."""
    return sum(len(c) > 0 for c in candidates), sum(len(c) == 1 for c in candidates)


def _not_covered(ids: Sequence[str], paths: Sequence[str], candidates: Sequence[Sequence[int]]) -> DataError:
    """The error for the rule that fits best."""
    missing = [name for name, c in zip(ids, candidates, strict=True) if not c]
    several = [(name, c) for name, c in zip(ids, candidates, strict=True) if len(c) > 1]
    shared = repeated_names(str(c[0]) for c in candidates if len(c) == 1)
    problems = []
    if missing:
        problems.append(f"{len(missing):,} of {count(len(ids), 'id has', 'ids have')} no file: {first_names(missing)}")
    if several:
        name, indices = several[0]
        problems.append(
            f"{len(several):,} of {count(len(ids), 'id fits', 'ids fit')} more than one file: "
            f"{name!r} could be {first_names(paths[p] for p in indices)}"
        )
    if shared:
        same = [name for name, c in zip(ids, candidates, strict=True) if [str(p) for p in c] == shared[:1]]
        problems.append(
            f"{len(shared):,} of {count(len(paths), 'file fits', 'files fit')} more than one id:"
            f" {paths[int(shared[0])]!r} could be {first_names(same)}"
        )
    unused = sorted(set(range(len(paths))) - {index for c in candidates for index in c})
    if unused:
        problems.append(f"{len(unused):,} of {count(len(paths), 'file has', 'files have')} no id: {first_names(paths[p] for p in unused)}")
    return DataError("\n".join(problems), hint=HINT)
