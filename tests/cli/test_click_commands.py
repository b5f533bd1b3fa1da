from __future__ import annotations

import inspect
import shlex
from dataclasses import fields
from functools import cache
from importlib import import_module
from pathlib import Path

import click
import pytest

from tellapart import commands
from tellapart.cli.click_commands import click_command
from tellapart.cli.click_commands import options_of as options_of_row
from tellapart.commands import COMMANDS
from tellapart.errors import OptionError
from tellapart.options import Options, default_of

OWN = {"is_json", "is_quiet", "is_opened", "help"}


def options_of(name: str) -> type[Options]:
    return options_of_row(COMMANDS[name])


@cache
def command(name: str) -> click.Command:
    return click_command(COMMANDS[name])


def flags(verb: str) -> dict[str, click.Option]:
    return {str(p.name): p for p in command(verb).params if isinstance(p, click.Option) and p.name not in OWN}


def cases() -> list[tuple[str, str]]:
    return [(verb, f.name) for verb in COMMANDS for f in fields(options_of(verb))]


def test_every_row_has_its_function_options_and_example() -> None:
    for name, row in COMMANDS.items():
        function = getattr(import_module(f"tellapart.commands.{row.home}"), row.function)
        assert row.example.startswith(f"tellapart {name}")
        assert issubclass(options_of(name), Options)
        assert inspect.signature(function).parameters["progress"].kind is inspect.Parameter.KEYWORD_ONLY
    assert {row.home for row in COMMANDS.values()} == {p.stem for p in Path(commands.__file__).parent.glob("[a-z]*.py")}


def test_flags_and_fields_are_the_same_in_the_same_order() -> None:
    for verb in COMMANDS:
        assert list(flags(verb)) == [f.name for f in fields(options_of(verb))]


def test_a_flags_default_and_help_are_the_fields() -> None:
    for verb, name in cases():
        check_flag(verb, name)


def check_flag(verb: str, name: str) -> None:
    field = next(f for f in fields(options_of(verb)) if f.name == name)
    flag = flags(verb)[name]
    context = click.Context(command(verb))
    assert flag.type_cast_value(context, flag.get_default(context)) == default_of(field)
    assert flag.help == field.metadata["help"]
    assert len(field.metadata["help"]) > 10
    assert f"--{name.rstrip('_').replace('_', '-')}" in flag.opts
    if field.metadata["choices"]:
        assert isinstance(flag.type, click.Choice)
        assert tuple(flag.type.choices) == field.metadata["choices"]


def test_the_defaults_are_valid() -> None:
    for verb in COMMANDS:
        assert options_of(verb).of() == options_of(verb)()


def test_the_examples_can_be_parsed() -> None:
    for verb in COMMANDS:
        words = shlex.split(COMMANDS[verb].example)[2:]
        command(verb).make_context(verb, words, resilient_parsing=False)


def test_no_worker_at_all_is_refused() -> None:
    for verb in [verb for verb, name in cases() if name == "num_workers"]:
        with pytest.raises(OptionError, match="num_workers must be at least 1, got 0"):
            options_of(verb).of(num_workers=0)
