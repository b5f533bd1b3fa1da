"""The commands: each verb's options as flags, its result as text or, with --json, as JSON."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import click
from click.core import ParameterSource

from tellapart.cli.flags import flags_of
from tellapart.cli.output import autoencode, check, cluster, collect, crop, decisions, explore, prepare, sources, split, train
from tellapart.cli.terminal import Answer, Terminal, write_answer, write_json


def _command(verb: str, options: str, arguments: tuple[click.Argument, ...], say: Callable[[Any], Answer]) -> click.Command:
    """The command of a verb: arguments, flags, the call, and what to say of its result."""
    module = import_module(f"tellapart.commands.{verb}")
    function: Callable[..., Any] = getattr(module, verb)
    names = [argument.name or "" for argument in arguments]

    @flags_of(getattr(module, options))
    @click.option("--json", "is_json", is_flag=True, help="Print the result as JSON.")
    @click.option("--quiet", "-q", "is_quiet", is_flag=True, help="No progress.")
    def run(is_json: bool, is_quiet: bool, **values: Any) -> None:
        positional = [values.pop(name) for name in names]
        found = function(*positional, progress=Terminal(is_quiet=is_quiet), **_given(values))
        lines, content = say(found)
        write_json(content) if is_json else write_answer(lines)

    summary, _, rest = (function.__doc__ or "").partition("\n\n")
    description = rest.partition("Args:")[0]
    command = click.command(verb, help=f"{summary.strip()}\n\n{_unindented(description)}", epilog=f"Example: {module.EXAMPLE}")(run)
    command.params = [*arguments, *command.params]
    return command


def _given(values: dict[str, Any]) -> dict[str, Any]:
    """The values that the user gave, not those that are defaults: an option that is given may be refused where it changes nothing."""
    context = click.get_current_context()
    return {name: value for name, value in values.items() if context.get_parameter_source(name) is not ParameterSource.DEFAULT}


def _unindented(text: str) -> str:
    return "\n".join(line.strip() for line in text.strip().splitlines())


def _argument(name: str, *, metavar: str, nargs: int = 1, is_required: bool = True) -> click.Argument:
    return click.Argument([name], metavar=metavar, nargs=nargs, required=is_required, type=str)


_FOLDER = _argument("folder", metavar="FOLDER")
_FILES = _argument("files", metavar="FILE...", nargs=-1)

COMMANDS: dict[str, click.Command] = {
    "collect": _command(
        "collect", "CollectOptions", (_argument("names", metavar="[CLASS]...", nargs=-1, is_required=False),), collect.of_collect
    ),
    "sources": _command(
        "sources", "SourcesOptions", (_argument("names", metavar="[NAME]...", nargs=-1, is_required=False),), sources.of_sources
    ),
    "check": _command("check", "CheckOptions", (_FOLDER,), check.of_check),
    "train": _command("train", "TrainOptions", (_FOLDER,), train.of_train),
    "ladder": _command("ladder", "LadderOptions", (_FOLDER,), train.of_ladder),
    "curve": _command("curve", "CurveOptions", (_FOLDER,), train.of_curve),
    "explore": _command("explore", "ExploreOptions", (_FOLDER,), explore.of_explore),
    "map": _command("map", "MapOptions", (_FOLDER,), explore.of_map),
    "cluster": _command("cluster", "ClusterOptions", (_FOLDER,), cluster.of_cluster),
    "similar": _command(
        "similar", "SimilarOptions", (_FOLDER, _argument("image", metavar="[IMAGE]", is_required=False)), cluster.of_similar
    ),
    "predict": _command(
        "predict",
        "PredictOptions",
        (_argument("run", metavar="RUN"), _argument("images", metavar="FILE|FOLDER|-...", nargs=-1)),
        train.of_predict,
    ),
    "explain": _command(
        "explain",
        "ExplainOptions",
        (_argument("run", metavar="RUN"), _argument("images", metavar="FILE|FOLDER|-...", nargs=-1)),
        train.of_explain,
    ),
    "autoencode": _command("autoencode", "AutoencodeOptions", (_FOLDER,), autoencode.of_autoencode),
    "submit": _command(
        "submit", "SubmitOptions", (_argument("run", metavar="RUN"), _argument("folder", metavar="TEST_FOLDER")), train.of_submit
    ),
    "evaluate": _command("evaluate", "EvaluateOptions", (_argument("run", metavar="RUN"), _FOLDER), train.of_evaluate),
    "compare": _command(
        "compare", "CompareOptions", (_argument("first", metavar="RUN"), _argument("second", metavar="RUN")), train.of_compare
    ),
    "ensemble": _command("ensemble", "EnsembleOptions", (_argument("runs", metavar="RUN", nargs=-1),), train.of_ensemble),
    "report": _command("report", "ReportOptions", (_argument("run", metavar="RUN"),), train.of_report),
    "exclude": _command("exclude", "ExcludeOptions", (_FOLDER, _FILES), decisions.of_exclude),
    "relabel": _command("relabel", "RelabelOptions", (_FOLDER, _FILES), decisions.of_relabel),
    "restore": _command("restore", "RestoreOptions", (_FOLDER, _FILES), decisions.of_restore),
    "undo": _command("undo", "UndoOptions", (_FOLDER,), decisions.of_undo),
    "decisions": _command("decisions", "DecisionsOptions", (_FOLDER,), decisions.of_decisions),
    "export": _command("export", "ExportOptions", (_FOLDER, _argument("out", metavar="OUT")), decisions.of_export),
    "crop": _command("crop", "CropOptions", (_FOLDER,), crop.of_crop),
    "split": _command("split", "SplitOptions", (_FOLDER,), split.of_split),
    "augment": _command("augment", "AugmentOptions", (_FOLDER,), train.of_augment),
    "balance": _command("balance", "BalanceOptions", (_FOLDER,), prepare.of_balance),
    "prepare": _command("prepare", "PrepareOptions", (_FOLDER,), prepare.of_prepare),
    "demo": _command("demo", "DemoOptions", (), train.of_train),
    "doctor": _command("doctor", "DoctorOptions", (), train.of_doctor),
}
