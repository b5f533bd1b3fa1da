"""The options of a run: those that differ from the default, and the command that repeats it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from typing import Any

from tellapart.reports.relative_links import place_name
from tellapart.run_metrics import RunOptions
from tellapart.training.options import TrainOptions

DEFAULTS = {f.name: f.default for f in fields(TrainOptions) if f.default is not MISSING}
NOT_REPEATED = ("name", "again", "out", "state", "device", "num_workers")
"""Options that say where and on what a run is made, not what it is."""


def changed_options(options: RunOptions) -> list[tuple[str, str]]:
    """The options that differ from the default, as flags with their values in words."""
    return [(_flag(name), _text(value)) for name, value in _changed(options.options)]


def repeating_command(options: RunOptions, folder: str | None) -> str:
    """The command that makes the run again, in the folder that the photos lie in; empty where the options do not say."""
    if not options.verb or not folder:
        return ""
    words = ["tellapart", options.verb, place_name(folder)]
    for name, value in _changed(options.options):
        if name in NOT_REPEATED:
            continue
        flag = _flag(name)
        words += [flag if value else "--no-" + flag[2:]] if isinstance(value, bool) else [flag, _text(value)]
    return shlex.join(words)


def _changed(options: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in options.items():
        if value not in (None, "") and value != DEFAULTS.get(name, False):
            yield name, value


def _flag(name: str) -> str:
    return "--" + name.strip("_").replace("_", "-")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
