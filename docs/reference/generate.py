"""Writes ``cli.md``, ``python.md`` and the stub file of the package from the code itself.

python docs/reference/generate.py            write both
python docs/reference/generate.py --check    say which is stale; exit code 1 if any
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import functools
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

import tellapart
from tellapart.cli.app import tellapart as app
from tellapart.cli.click_commands import click_command
from tellapart.commands import COMMANDS, GROUPS

HERE = Path(__file__).parent
STUB = Path(tellapart.__file__).with_suffix(".pyi")
ORIGIN = "<!-- Written by docs/reference/generate.py; do not edit. -->"


def pages() -> dict[Path, str]:
    """The text of every generated page."""
    return {HERE / "cli.md": cli_page(), HERE / "python.md": python_page(), STUB: stub()}


def cli_page() -> str:
    """Every command with its arguments and options."""
    lines = ["# Command line", "", ORIGIN, "", _paragraph(app.help or ""), ""]
    for group in GROUPS:
        lines += ["", f"**{group}**", "", "| command | what it does |", "|---|---|"]
        lines += [f"| [`{name}`](#tellapart-{name}) | {row.summary} |" for name, row in COMMANDS.items() if row.group == group]
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
    for name, row in COMMANDS.items():
        lines += ["", *_command_section(name, click_command(row))]
    return "\n".join(lines) + "\n"


def _command_section(name: str, command: click.Command) -> Iterator[str]:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    options = [p for p in command.params if isinstance(p, click.Option)]
    usage = " ".join(["tellapart", name, "[OPTIONS]", *(str(a.metavar) for a in arguments)])
    yield from [f"## tellapart {name}", "", "```text", usage, "```", "", _paragraph(command.help or ""), ""]
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
    found: dict[str, list[str]] = {"Commands": [], "Other functions": [], "Classes": [], "Errors": []}
    functions = {row.function for row in COMMANDS.values()}
    for name in tellapart.__all__:
        value = getattr(tellapart, name)
        if inspect.isclass(value) and issubclass(value, Exception):
            found["Errors"].append(_line(name, value))
        elif inspect.isclass(value):
            found["Classes"] += _class_section(name, value)
        else:
            found["Commands" if name in functions else "Other functions"].append(_line(name, value))
    lines = ["# Python", "", ORIGIN, ""]
    lines += [
        "Everything here is `tellapart.<name>`, loaded on first use. The options of a command are the flags of the",
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
    """The signature with string annotations unquoted; those of a command end in ``**options``."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return "(message, *, hint=None)"
    shown, starred = [], False
    is_command = inspect.isfunction(value) and hasattr(value, "__wrapped__")
    own = {*inspect.signature(value.__wrapped__).parameters} - {"options"} if is_command else None
    for parameter in inspect.signature(value).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and not starred:
            shown.append("*")
            starred = True
        if own is not None and parameter.name not in own:
            continue
        shown.append(_parameter(parameter))
    shown += ["**options"] if own is not None else []
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


def stub() -> str:
    """``__init__.pyi``: every public name, each command with its real keywords."""
    functions = {row.function for row in COMMANDS.values()}
    lines = ["# Written by docs/reference/generate.py; do not edit.", "from collections.abc import Sequence", "from pathlib import Path"]
    lines += ["from typing import Any", "", "from tellapart.progress import Progress"]
    lines += ["from tellapart.version import __version__ as __version__"]
    lines += [f"from tellapart.{tellapart.HOMES[n]} import {n} as {n}" for n in tellapart.__all__ if n not in functions]
    made, needed = [], set()
    for name in sorted(functions):
        value = getattr(tellapart, name)
        shown = inspect.signature(value)
        needed |= _named(value, str(shown.return_annotation))
        parameters = [_stub_parameter(p) for p in shown.parameters.values()]
        star = next(n for n, p in enumerate(shown.parameters.values()) if p.kind is p.KEYWORD_ONLY)
        parameters.insert(star, "*")
        made += ["", f"def {name}(", *(f"    {text}," for text in parameters), f") -> {shown.return_annotation}: ..."]
    lines += sorted(f"from {module} import {name}" for module, name in needed)
    return "\n".join([*lines, *made]) + "\n"


def _named(value: Any, annotation: str) -> set[tuple[str, str]]:
    """The classes of ours that an annotation names, each with the module it is imported from where the function is defined."""
    tree = ast.parse(inspect.getsource(inspect.getmodule(value)))
    homes = {alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    homes |= {node.name: value.__module__ for node in tree.body if isinstance(node, ast.ClassDef)}
    words = set(re.findall(r"\w+", annotation))
    return {(home, name) for name, home in homes.items() if name in words and home.startswith("tellapart") and name not in tellapart.HOMES}


def _stub_parameter(parameter: inspect.Parameter) -> str:
    default = "" if parameter.default is parameter.empty else " = ..."
    return f"{parameter.name}: {parameter.annotation}{default}"


def main() -> None:
    """Write the pages, or with ``--check`` say which are stale."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    is_check = parser.parse_args().check
    stale = [path for path, text in pages().items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    for path in stale:
        if not is_check:
            path.write_text(pages()[path], encoding="utf-8")
        print(f"{'stale' if is_check else 'written'}: {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")
    if is_check and stale:
        sys.exit("run: python docs/reference/generate.py")


if __name__ == "__main__":
    main()
