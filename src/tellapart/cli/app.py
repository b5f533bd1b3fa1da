"""The door: a lazy group of verbs, and the one place where errors are caught."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from tellapart.cli.signals import exit_code
from tellapart.cli.terminal import Styled, visible_usage_errors, wants_color, write_line
from tellapart.errors import OptionError, TellapartError
from tellapart.version import __version__

VERBS = {
    "collect": "Collect images for classes, by keyword, from pages or lists.",
    "sources": "List where images can be collected from, and who answers today.",
    "check": "Find what is wrong with images and labels: broken, copied, blurred, off-subject, mislabeled.",
    "train": "Train a classifier on a folder of photos and judge it honestly.",
    "ladder": "Climb from guessing to folds and views, and see what each step is worth.",
    "curve": "Measure whether more photos would help a recipe.",
    "explore": "See what is in a folder: map, clusters, similar images, outliers.",
    "map": "Put every image at a place, alike ones near each other.",
    "cluster": "Sort images into groups that look alike, labels or not.",
    "similar": "Find the images most like one, or like each.",
    "predict": "Say what new images show.",
    "explain": "Show where a run looks when it answers.",
    "autoencode": "Train a network that gives images back through a few numbers.",
    "submit": "Write a checked Kaggle submission.",
    "evaluate": "Judge a run on new labeled photos.",
    "compare": "Say which of two runs is better, on the same images.",
    "ensemble": "Combine finished runs into one.",
    "report": "Write a run's report anew.",
    "exclude": "Leave images out from now on.",
    "relabel": "Give images another label.",
    "restore": "Have images as the folder has them again.",
    "undo": "Take back the last decisions.",
    "decisions": "List what was decided on single images, or apply a file of it.",
    "export": "Write a clean copy of the photos, as decided.",
    "crop": "Crop photos to faces, the subject or a thing, and set strangers aside.",
    "split": "Divide photos into train, val and test, copies kept together, and price a leak.",
    "augment": "Show what augmentation does to photos, or write an enlarged copy of them.",
    "balance": "Say how unequal the classes are, and write a list with fewer of the frequent ones.",
    "prepare": "Write photos as arrays or shards that any training loop can read.",
    "demo": "Go the whole way on photos of solar cells.",
    "doctor": "Check that everything needed is here and fits together.",
}
FAILED, USAGE = 1, 2


class CommandGroup(click.Group):
    """Loads a verb only when it is called; turns our errors into two lines and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The verbs in the order of their use."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load the command of a verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module("tellapart.cli.command_table").COMMANDS[cmd_name]
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the verbs without loading them."""
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def make_context(self, *values: Any, **extra: Any) -> click.Context:
        """Read the command line as far as the verb."""
        with visible_usage_errors():
            return super().make_context(*values, **extra)

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or name the closest one."""
        from tellapart.errors import closest_name

        if args and args[0] not in VERBS and not args[0].startswith("-"):
            hint = closest_name(args[0], VERBS)
            raise click.UsageError(f"there is no verb {args[0]!r}" + (f"; {hint}" if hint else ""), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; our errors become a sentence and a hint."""
        try:
            with visible_usage_errors():
                return super().invoke(ctx)
        except TellapartError as error:
            write_line(Styled(f"error: {error}", fg="red"), to_stderr=True)
            if error.hint:
                write_line(Styled(f"hint: {error.hint}", fg="cyan"), to_stderr=True)
            ctx.exit(USAGE if isinstance(error, OptionError) else FAILED)
        except KeyboardInterrupt:
            said = "interrupted; what is finished is kept, and the same command goes on from there"
            write_line(Styled(said, fg="yellow"), to_stderr=True)
            ctx.exit(exit_code())


@click.group(cls=CommandGroup, context_settings={"help_option_names": ["-h", "--help"]}, epilog="Example: tellapart train photos")
@click.version_option(__version__, message="tellapart %(version)s")
@click.pass_context
def tellapart(ctx: click.Context) -> None:
    """Turn a folder of images into an image classifier, and know how far to trust it."""
    ctx.color = None if wants_color() else False
