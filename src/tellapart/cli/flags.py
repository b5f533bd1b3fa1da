"""Command-line flags out of an options dataclass."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, get_type_hints

import click

from tellapart.options import Options, default_of, flag_of, value_type

Command = Callable[..., Any]
SHORT = {"out": ("-o",), "k": ("-k",), "n": ("-n",)}


def flags_of(options: type[Options]) -> Callable[[Command], Command]:
    """A decorator that adds one flag for each field, in the order of the fields."""
    hints = get_type_hints(options)

    def decorate(command: Command) -> Command:
        for f in reversed(fields(options)):
            command = _flag(f, value_type(hints[f.name]))(command)
        return command

    return decorate


def _flag(f: Any, kind: type) -> Callable[[Command], Command]:
    name = flag_of(f.name)
    default, rule = default_of(f), f.metadata
    if kind is bool:
        return click.option(f"{name}/--no-{name[2:]}", f.name, default=default, show_default=True, help=rule["help"])
    if kind is tuple:
        return click.option(name, f.name, type=str, multiple=True, default=default, metavar=rule["metavar"] or "TEXT", help=rule["help"])
    shown: Any = click.Choice(rule["choices"]) if rule["choices"] else kind
    metavar = rule["metavar"] or (None if rule["choices"] else {int: "N", float: "X", str: "TEXT"}.get(kind, "PATH"))
    text = str(default) if default is not None and kind not in (int, float) else default
    return click.option(
        *SHORT.get(f.name, ()),
        name,
        f.name,
        type=_PathType() if kind.__name__ == "Path" else shown,
        default=text,
        show_default=default is not None,
        metavar=metavar,
        help=rule["help"],
    )


class _PathType(click.ParamType[Any]):
    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        from pathlib import Path

        return Path(value)
