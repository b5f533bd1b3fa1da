"""The command lines of what can be started from the studio."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from tellapart.dataset.options import AS_FOUND, DatasetOptions
from tellapart.errors import OptionError
from tellapart.options import flag_of
from tellapart.server.studio.scan import FolderSource
from tellapart.training.options import TrainOptions

TRAIN, CHECK, EXPLORE = "train", "check", "explore"
KINDS = (TRAIN, CHECK, EXPLORE)
TRAIN_OPTIONS = ("recipe", "backbone", "image_size", "augment", "epochs", "folds", "time_limit", "name")
"""What can be chosen of a training in the studio; the command line knows more."""


def arguments_of(kind: str, source: FolderSource, out: Path, chosen: Mapping[str, Any]) -> list[str]:
    """The arguments of a command.

    Args:
        kind: one of :data:`KINDS`.
        source: the folder.
        out: where it writes to.
        chosen: options by name; only a training has any.

    Raises:
        OptionError: an option's name or value is wrong; all of them are named.
    """
    if unknown := [name for name in chosen if kind != TRAIN or name not in TRAIN_OPTIONS]:
        raise OptionError(f"{kind} has no option {unknown[0]!r} here")
    values = {name: value for name, value in chosen.items() if value not in (None, "")}
    if kind == TRAIN:
        TrainOptions.of(**values)
    state = [("state", str(source.state.expanduser().absolute()))] if source.state else []
    options = [("out", str(out.expanduser().absolute())), *_reading(source.reading), *state, *values.items()]
    flags = [word for name, value in options for word in (flag_of(name), str(value))]
    return [kind, _place(source.folder), *flags, "--json"]


def _reading(reading: DatasetOptions) -> Sequence[tuple[str, Any]]:
    named = [(one.name, getattr(reading, one.name)) for one in fields(DatasetOptions)]
    return [(name, value) for name, value in named if value != getattr(AS_FOUND, name)]


def _place(folder: str | Path) -> str:
    """The folder as the command line takes it from any working directory."""
    return str(folder) if "://" in str(folder) else str(Path(folder).expanduser().absolute())
