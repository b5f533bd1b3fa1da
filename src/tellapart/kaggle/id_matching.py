"""Which file an id means: its path, its name with or without suffix, or the number in its name."""

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
        places: for each id the place of its file among the paths.
        matched_by: what of a file the ids are: ``path``, ``file name``, ``file name without suffix`` or ``number in the file name``.
        unused: places of the files that no id means.
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
"""What of a path, and what of an id, must be the same."""


def files_of_ids(ids: Sequence[str], paths: Sequence[str]) -> FilesOfIds:
    """Find the file of every id, in the only way that gives each id one file of its own.

    Args:
        ids: n different ids.
        paths: m different paths relative to the folder, with ``/``; files that no id means are allowed.

    Raises:
        DataError: no way gives every id a file, or two ways give different ones; names the first few.
    """
    wanted = [unicodedata.normalize("NFC", name.strip()) for name in ids]
    offered = [unicodedata.normalize("NFC", path) for path in paths]
    found = {name: _candidates(wanted, offered, way) for name, way in WAYS.items()}
    whole = {name: tuple(c[0] for c in candidates) for name, candidates in found.items() if _is_whole(candidates)}
    if not whole:
        raise _not_covered(ids, paths, max(found.values(), key=_fit))
    (matched_by, places), *others = whole.items()
    for other, different in others:
        if different != places:
            row = next(i for i, (one, two) in enumerate(zip(places, different, strict=True)) if one != two)
            raise DataError(
                f"the ids fit the files in two ways: by {matched_by}, {ids[row]!r} is {paths[places[row]]!r};"
                f" by {other}, it is {paths[different[row]]!r}",
                hint="keep only the competition's test images in the folder",
            )
    return FilesOfIds(places, matched_by, tuple(sorted(set(range(len(paths))) - set(places))))


def _candidates(ids: Sequence[str], paths: Sequence[str], way: Way) -> list[list[int]]:
    """For each id the places of all files it could mean in one way."""
    of_path, of_id = way
    places: dict[str | None, list[int]] = defaultdict(list)
    for place, path in enumerate(paths):
        places[of_path(path)].append(place)
    keys = [of_id(name) for name in ids]
    return [places.get(key, []) if key is not None else [] for key in keys]


def _is_whole(candidates: Sequence[Sequence[int]]) -> bool:
    return all(len(c) == 1 for c in candidates) and len({c[0] for c in candidates}) == len(candidates)


def _fit(candidates: Sequence[Sequence[int]]) -> tuple[int, int]:
    """How many ids have a file, and how many only one."""
    return sum(len(c) > 0 for c in candidates), sum(len(c) == 1 for c in candidates)


def _not_covered(ids: Sequence[str], paths: Sequence[str], candidates: Sequence[Sequence[int]]) -> DataError:
    """What is wrong in the way that fits best."""
    missing = [name for name, c in zip(ids, candidates, strict=True) if not c]
    several = [(name, c) for name, c in zip(ids, candidates, strict=True) if len(c) > 1]
    shared = repeated_names(str(c[0]) for c in candidates if len(c) == 1)
    said = []
    if missing:
        said.append(f"{len(missing):,} of {len(ids):,} ids have no file: {first_names(missing)}")
    if several:
        name, places = several[0]
        said.append(
            f"{len(several):,} of {len(ids):,} ids fit more than one file: {name!r} could be {first_names(paths[p] for p in places)}"
        )
    if shared:
        same = [name for name, c in zip(ids, candidates, strict=True) if [str(p) for p in c] == shared[:1]]
        said.append(
            f"{len(shared):,} of {count(len(paths), 'file fits', 'files fit')} more than one id:"
            f" {paths[int(shared[0])]!r} could be {first_names(same)}"
        )
    unused = sorted(set(range(len(paths))) - {place for c in candidates for place in c})
    if unused:
        said.append(f"{len(unused):,} of {count(len(paths), 'file has', 'files have')} no id: {first_names(paths[p] for p in unused)}")
    return DataError("\n".join(said), hint=HINT)
