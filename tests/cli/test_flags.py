from __future__ import annotations

import inspect
import shlex
from dataclasses import fields
from importlib import import_module
from pathlib import Path

import click
import pytest

from tellapart.cli.app import VERBS
from tellapart.cli.command_table import COMMANDS
from tellapart.errors import OptionError
from tellapart.options import Options, default_of

OWN = {"is_json", "is_quiet", "help"}


def options_of(verb: str) -> type[Options]:
    return getattr(import_module(f"tellapart.commands.{verb}"), f"{verb.capitalize()}Options")


def flags(verb: str) -> dict[str, click.Option]:
    return {str(p.name): p for p in COMMANDS[verb].params if isinstance(p, click.Option) and p.name not in OWN}


def cases() -> list[tuple[str, str]]:
    return [(verb, f.name) for verb in VERBS for f in fields(options_of(verb))]


def test_every_verb_has_its_module_function_options_example_and_command() -> None:
    modules = {p.stem for p in Path(import_module("tellapart.commands").__file__ or "").parent.glob("[a-z]*.py")}
    verbs = {name for name in modules if hasattr(import_module(f"tellapart.commands.{name}"), "EXAMPLE")}
    assert set(VERBS) == set(COMMANDS) == verbs
    for verb in VERBS:
        module = import_module(f"tellapart.commands.{verb}")
        assert callable(getattr(module, verb))
        assert module.EXAMPLE.startswith(f"tellapart {verb}")
        assert issubclass(options_of(verb), Options)
        assert inspect.signature(getattr(module, verb)).parameters["progress"].kind is inspect.Parameter.KEYWORD_ONLY


def test_flags_and_fields_are_the_same_in_the_same_order() -> None:
    for verb in VERBS:
        assert list(flags(verb)) == [f.name for f in fields(options_of(verb))]


def test_a_flags_default_and_help_are_the_fields() -> None:
    for verb, name in cases():
        check_flag(verb, name)


def check_flag(verb: str, name: str) -> None:
    field = next(f for f in fields(options_of(verb)) if f.name == name)
    flag = flags(verb)[name]
    context = click.Context(COMMANDS[verb])
    assert flag.type_cast_value(context, flag.get_default(context)) == default_of(field)
    assert flag.help == field.metadata["help"]
    assert len(field.metadata["help"]) > 10
    assert f"--{name.rstrip('_').replace('_', '-')}" in flag.opts
    if field.metadata["choices"]:
        assert isinstance(flag.type, click.Choice)
        assert tuple(flag.type.choices) == field.metadata["choices"]


def test_the_defaults_are_valid() -> None:
    for verb in VERBS:
        assert options_of(verb).of() == options_of(verb)()


def test_the_examples_can_be_parsed() -> None:
    for verb in VERBS:
        words = shlex.split(import_module(f"tellapart.commands.{verb}").EXAMPLE)[2:]
        COMMANDS[verb].make_context(verb, words, resilient_parsing=False)


def test_no_worker_at_all_is_refused() -> None:
    for verb in [verb for verb, name in cases() if name == "num_workers"]:
        with pytest.raises(OptionError, match="num_workers must be at least 1, got 0"):
            options_of(verb).of(num_workers=0)
