"""Commands for click: options as flags, the result as text or, with --json, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, get_type_hints

import click
from click.core import ParameterSource

from tellapart.cli.terminal import Answer, Terminal, write_answer, write_json
from tellapart.commands import Argument, Command
from tellapart.options import Options, default_of, flag_of, value_type

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]
SHORT = {"out": ("-o",), "k": ("-k",), "n": ("-n",)}


def flags_of(options: type[Options]) -> Decorator:
    """A decorator that adds one flag for each field, in the order of the fields."""
    hints = get_type_hints(options)

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for f in reversed(fields(options)):
            command = _flag(f, value_type(hints[f.name]))(command)
        return command

    return decorate


def _flag(f: Any, kind: type) -> Decorator:
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


def click_command(row: Command) -> click.Command:
    """A command's arguments, its flags, the call, and what is printed of its result."""
    module = import_module(f"tellapart.commands.{row.home}")
    function: Callable[..., Any] = getattr(module, row.function)
    output: Callable[[Any], Answer] = getattr(import_module(f"tellapart.cli.output.{row.home}"), f"{row.function}_output")

    @flags_of(options_of(row))
    @_open_flag(row)
    @click.option("--json", "is_json", is_flag=True, help="Print the result as JSON.")
    @click.option("--quiet", "-q", "is_quiet", is_flag=True, help="No progress.")
    def run(is_json: bool, is_quiet: bool, is_opened: bool = False, **values: Any) -> None:
        named = {argument.name: values.pop(argument.name) for argument in row.arguments}
        named = {name: value for name, value in named.items() if value is not None}  # left out: the function's own default
        result = function(**named, progress=Terminal(is_quiet=is_quiet), **_given(values))
        lines, content = output(result)
        write_json(content() if callable(content) else content) if is_json else write_answer(lines)
        if is_opened:
            _open_page(result if row.page == "." else getattr(result, row.page))

    summary, _, rest = (function.__doc__ or "").partition("\n\n")
    description = rest.partition("Args:")[0]
    command = click.command(row.name, help=f"{summary.strip()}\n\n{_unindented(description)}", epilog=f"Example: {row.example}")(run)
    command.params = [*map(_click_argument, row.arguments), *command.params]
    return command


def _open_flag(row: Command) -> Callable[[Any], Any]:
    """``--open`` for a command that writes a page."""
    if not row.page:
        return lambda command: command
    return click.option("--open", "is_opened", is_flag=True, help="Open the page in the browser.")


def _open_page(page: Path | None) -> None:
    """Open a page in the user's browser.

    Raises:
        OptionError: the command wrote none.
        StorageError: no browser could be started.
    """
    import webbrowser

    from tellapart.errors import OptionError, StorageError

    if page is None:
        raise OptionError("--open has no page to open: none was written", hint="name a page to write; see --help")
    if not webbrowser.open(page.absolute().as_uri()):
        raise StorageError(f"no browser could be started for {page}", hint="open the file yourself")


def options_of(row: Command) -> type[Options]:
    """The options class of a command."""
    kind: type[Options] = getattr(import_module(f"tellapart.commands.{row.home}"), row.function).options
    return kind


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """The values that the user gave, not those that are defaults: an option that is given may be refused where it changes nothing."""
    context = click.get_current_context()
    return {name: value for name, value in values.items() if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _click_argument(argument: Argument) -> click.Argument:
    nargs = -1 if argument.is_many else 1
    return click.Argument([argument.name], metavar=argument.shown, nargs=nargs, required=argument.is_required, type=str)
