"""The command group: a command is loaded when it is called, and errors are caught here alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

import click

from tellapart.cli.signals import INTERRUPTED, exit_code
from tellapart.cli.terminal import Styled, visible_usage_errors, wants_color, write_line
from tellapart.commands import COMMANDS, GROUPS
from tellapart.errors import OptionError, TellapartError
from tellapart.version import __version__

FAILED, USAGE = 1, 2


@contextmanager
def interruption_in_words() -> Iterator[None]:
    """Within, Ctrl-C ends the program with a sentence and our exit code, before click says "Aborted!"."""
    try:
        yield
    except KeyboardInterrupt:
        write_line(Styled(INTERRUPTED, fg="yellow"), to_stderr=True)
        raise SystemExit(exit_code()) from None


class CommandGroup(click.Group):
    """Loads a command only when it is called; turns our errors into two lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands in the order of their use."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module("tellapart.cli.click_commands").click_command(COMMANDS[cmd_name])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by group, without loading them."""
        for group in GROUPS:
            with formatter.section(group):
                formatter.write_dl([(row.name, row.summary) for row in COMMANDS.values() if row.group == group])

    def make_context(self, *values: Any, **extra: Any) -> click.Context:
        """Read the command line as far as the command."""
        with visible_usage_errors(), interruption_in_words():
            return super().make_context(*values, **extra)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or name those that begin with the word, else the closest one."""
        from tellapart.errors import closest_name

        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            longer = [name for name in COMMANDS if name.startswith(f"{args[0]}-")]
            hint = f"did you mean {' or '.join(map(repr, longer))}?" if longer else closest_name(args[0], COMMANDS)
            raise click.UsageError(f"there is no command {args[0]!r}" + (f"; {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; our errors become a sentence and a hint."""
        try:
            with visible_usage_errors(), interruption_in_words():
                return super().invoke(ctx)
        except TellapartError as error:
            write_line(Styled(f"error: {error}", fg="red"), to_stderr=True)
            if error.hint:
                write_line(Styled(f"hint: {error.hint}", fg="cyan"), to_stderr=True)
            ctx.exit(USAGE if isinstance(error, OptionError) else FAILED)


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: tellapart train photos")
@click.version_option(__version__, message="tellapart %(version)s")
@click.pass_context
def tellapart(ctx: click.Context) -> None:
    """Turn a folder of images into an image classifier, and know how far to trust it."""
    ctx.color = None if wants_color() else False
