"""Reading a folder layout: which file has which label and belongs to which part.

Understood as they are::

    photos/<class>/*                      class folders
    photos/{train,val,test}/<class>/*     parts, then class folders (valid, validation, training, testing too)
    photos/test/* and photos/test/test/*  a flat, unlabelled test part (Kaggle)
    photos/*                              no labels
"""

from __future__ import annotations

from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.entry import Entry
from tellapart.dataset.image_files import image_files

PART_FOLDERS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "test": "test",
    "testing": "test",
}


def folder_entries(root: Path) -> tuple[list[Entry], list[str]]:
    """Every image file below ``root`` with its label and part, in sorted order, and notes on what was passed over."""
    files, unread = image_files(root)
    wrapper = _wrapper(files)
    tops = {parts[len(wrapper)] for parts in (f.split("/") for f in files) if len(parts) > len(wrapper) + 1}
    parts = {top: PART_FOLDERS[top.lower()] for top in tops if top.lower() in PART_FOLDERS}
    if "train" in parts.values() or (parts and len(parts) == len(tops)):
        entries, notes = _by_part(files, wrapper, parts)
        return entries, unread + notes
    return [Entry(path=f, label=_first_folder(f, len(wrapper))) for f in files], unread


def _wrapper(files: list[str]) -> tuple[str, ...]:
    """The single folder around everything, as unzipping leaves it, when there are folders inside it."""
    found: tuple[str, ...] = ()
    while True:
        depth = len(found)
        split = [f.split("/") for f in files]
        names = {parts[depth] for parts in split if len(parts) > depth + 1}
        is_wrapped = len(names) == 1 and all(len(parts) > depth + 2 for parts in split)
        if not is_wrapped or next(iter(names)).lower() in PART_FOLDERS:
            return found
        found = (*found, next(iter(names)))


def _first_folder(path: str, depth: int) -> str | None:
    parts = path.split("/")
    return parts[depth] if len(parts) > depth + 1 else None


def _by_part(files: list[str], wrapper: tuple[str, ...], parts: dict[str, str]) -> tuple[list[Entry], list[str]]:
    depth, entries, passed_over = len(wrapper), [], 0
    for path in files:
        top = _first_folder(path, depth)
        if top not in parts:
            passed_over += 1
            continue
        label = _first_folder(path, depth + 1)
        if label is not None and label.lower() == top.lower():
            label = None
        entries.append(Entry(path=path, label=label, part=parts[top]))
    notes = (
        [f"{count(passed_over, 'picture lies', 'pictures lie')} outside {', '.join(sorted(parts))} and were passed over"]
        if passed_over
        else []
    )
    return entries, notes
