"""Writes ``cli.md`` and ``python.md`` from the code itself.

python docs/reference/generate.py            write both
python docs/reference/generate.py --check    say which is stale; exit code 1 if any
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import tellapart
from tellapart.cli.app import VERBS
from tellapart.cli.app import tellapart as door

HERE = Path(__file__).parent
ORIGIN = "<!-- Written by docs/reference/generate.py; do not edit. -->"


def pages() -> dict[Path, str]:
    """The text of every generated page."""
    return {HERE / "cli.md": cli_page(), HERE / "python.md": python_page()}


def cli_page() -> str:
    """Every verb with its arguments and options."""
    lines = ["# Command line", "", ORIGIN, "", _paragraph(door.help or ""), ""]
    lines += ["| verb | what it does |", "|---|---|"]
    lines += [f"| [`{verb}`](#tellapart-{verb}) | {words} |" for verb, words in VERBS.items()]
    lines += [
        "",
        "Exit code 0: done. 1: something you can mend; the message says what, and a hint says what to do. 2: the command was not",
        "understood. 130: interrupted (143: ended by SIGTERM, 129: by SIGHUP). Results go to standard output; progress and messages go to",
        "standard error.",
        "",
        "| variable | effect |",
        "|---|---|",
        "| `TELLAPART_CACHE` | folder of the cache; else `$XDG_CACHE_HOME/tellapart`, else `~/.cache/tellapart` |",
        "| `TELLAPART_MALLOC` | `default` leaves glibc's memory allocator as it is |",
        "| `NO_COLOR` | no colors |",
        "| `HF_HUB_OFFLINE` | `1`: do not ask the model hub for timm weights |",
    ]
    context = click.Context(door)
    for verb in VERBS:
        command = door.get_command(context, verb)
        if command is None:
            raise LookupError(f"the verb {verb} has no command")
        lines += ["", *_command_section(verb, command)]
    return "\n".join(lines) + "\n"


def _command_section(verb: str, command: click.Command) -> Iterator[str]:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    usage = " ".join(["tellapart", verb, "[OPTIONS]", *(f"{a.metavar}{'...' if a.nargs == -1 else ''}" for a in arguments)])
    yield from [f"## tellapart {verb}", "", "```text", usage, "```", "", _paragraph(command.help or ""), ""]
    yield from ["| option | default | meaning |", "|---|---|---|"]
    for option in options:
        yield f"| {_flag(option)} | {_default(option)} | {option.help} |"
    yield from ["", (command.epilog or "").replace("Example: ", "Example: `") + "`"]


def _flag(option: click.Option) -> str:
    names = " / ".join(f"`{name}`" for name in [*option.opts, *option.secondary_opts])
    if option.is_flag:
        return names
    if isinstance(option.type, click.Choice):
        return f"{names} {' or '.join(f'`{choice}`' for choice in option.type.choices)}"
    return f"{names} {option.metavar or option.type.name.upper()}"


def _default(option: click.Option) -> str:
    if option.is_flag and option.secondary_opts:
        return f"`{(option.opts if option.default else option.secondary_opts)[0]}`"
    return f"`{option.default}`" if option.show_default and option.default is not None else ""


def python_page() -> str:
    """Every public name with its signature and the first sentence of its docstring."""
    found: dict[str, list[str]] = {"Verbs": [], "Other functions": [], "Classes": [], "Errors": []}
    for name in tellapart.__all__:
        value = getattr(tellapart, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            found["Errors"].append(_line(name, value))
        elif inspect.isclass(value):
            found["Classes"] += _class_section(name, value)
        else:
            found["Verbs" if name in VERBS else "Other functions"].append(_line(name, value))
    lines = ["# Python", "", ORIGIN, ""]
    lines += [
        "Everything here is `tellapart.<name>`, loaded on first use. The options of a verb are the flags of the",
        "[command line](cli.md), with `_` for `-`: `--test-share 0.3` is `test_share=0.3`. Every error is a `TellapartError`.",
        "",
    ]
    for title, content in found.items():
        lines += [f"## {title}", *([] if content[0].startswith("\n") else [""]), *content, ""]
    return "\n".join(lines[:-1]).replace("\n\n\n", "\n\n") + "\n"


def _class_section(name: str, kind: type) -> Iterator[str]:
    yield f"\n### {name}\n"
    yield _line(name, kind)
    has_fields = dataclasses.is_dataclass(kind)
    for own, member in vars(kind).items():
        is_field = has_fields and own in kind.__dataclass_fields__
        if own.startswith("_") or own.endswith("_request") or is_field:
            continue
        if isinstance(member, property | functools.cached_property):
            yield f"- `.{own}`: {_sentence(member)}"
        elif inspect.isroutine(member):
            yield _line(own, getattr(kind, own), prefix=f"{name}." if isinstance(member, classmethod) else ".")


def _line(name: str, value: Any, prefix: str = "") -> str:
    return f"- `{prefix}{name}{_signature(value)}`: {_sentence(value)}"


def _signature(value: Any) -> str:
    """The signature with string annotations unquoted; a verb's ``**options`` by their names."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return "(message, *, hint=None)"
    shown, starred = [], False
    for parameter in inspect.signature(value).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        shown.append("**options" if parameter.kind is parameter.VAR_KEYWORD else _parameter(parameter))
    returns = inspect.signature(value).return_annotation
    arrow = f" -> {returns}" if isinstance(returns, str) and not inspect.isclass(value) else ""
    return f"({', '.join(shown)}){arrow}"


def _parameter(parameter: inspect.Parameter) -> str:
    text = parameter.name
    if isinstance(parameter.annotation, str):
        text += f": {parameter.annotation}"
    if parameter.default is not parameter.empty:
        default = repr(parameter.default)
        text += f" = {type(parameter.default).__name__.upper() if default.startswith('<') else default}"
    return text


def _sentence(value: Any) -> str:
    """The first sentence of a docstring, with Markdown's code marks."""
    first = (inspect.getdoc(value) or "").partition("\n\n")[0]
    return _marked(" ".join(first.split()))


def _paragraph(text: str) -> str:
    return _marked("\n\n".join(" ".join(part.split()) for part in text.strip().split("\n\n")))


def _marked(text: str) -> str:
    return text.replace("``", "`").replace(":func:", "").replace(":meth:", "").replace(":class:", "")


def main() -> None:
    """Write the pages, or with ``--check`` say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    importlib.import_module("tellapart.cli.command_table")
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not is_check:
            path.write_text(pages()[path], encoding="utf-8")
        print(f"{'stale' if is_check else 'written'}: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    if is_check and stale:
        sys.exit("run: python docs/reference/generate.py")


if __name__ == "__main__":
    main()
