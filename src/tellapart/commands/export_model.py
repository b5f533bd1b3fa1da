"""tellapart export-model: write a run's model for other programs, checked against the run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.errors import closest_name
from tellapart.options import Options, dataclass, option, when, with_options
from tellapart.progress import AUTO, Progress
from tellapart.results import Result

if TYPE_CHECKING:
    from tellapart.model_export.onnx_export import ExportedModel, ModelToExport
    from tellapart.model_export.parity import Parity

FORMATS = ("onnx", "web", "torch", "hub")
NOT_MADE = {
    "coreml": "its converter runs on macOS only where the result could be checked; convert model.onnx or the torch folder there",
    "litert": "its converter needs TensorFlow, which does not fit beside torch here; convert model.onnx in an environment of its own",
    "openvino": "OpenVINO reads model.onnx as it is",
    "tensorrt": "TensorRT reads model.onnx as it is",
    "torchscript": "torch has given it up",
}
"""Formats that others offer, and why this command does not."""


def _is_format(name: str) -> str | None:
    if name in FORMATS:
        return None
    if name in NOT_MADE:
        return f"{name} is not made: {NOT_MADE[name]}"
    hint = closest_name(name, FORMATS)
    return f"there is no format {name!r}; choose one of {', '.join(FORMATS)}" + (f" ({hint})" if hint else "")


@dataclass(frozen=True, kw_only=True)
class ExportModelOptions(Options):
    """How to export a model."""

    to: str = option(
        "onnx",
        "Format: onnx for any program that runs ONNX, web for a page that classifies photos in a browser, torch for a program of "
        "torch.export, hub for a folder that timm loads.",
        check=_is_format,
        metavar="FORMAT",
    )
    out: Path | None = option(None, "New folder to write; by default RUN/export/FORMAT, which is replaced.", metavar="DIR")
    int8: bool = option(
        False,
        "Quantize to 8-bit integers: a quarter of the size, but a different model, which is evaluated again.",
        only_for=when("to", "onnx", "web"),
    )
    single: bool = option(
        False,
        "One HTML file that carries model and runtime, and works from disk; by default a folder to serve.",
        only_for=when("to", "web"),
    )
    runtime: Path | None = option(
        None, "Folder with onnxruntime-web; by default npm fetches it once.", metavar="DIR", only_for=when("to", "web")
    )


@dataclass(frozen=True, kw_only=True)
class ExportModelResult(Result):
    """What was exported.

    Attributes:
        out: the folder.
        to: the format.
        number_format: ``float32`` or ``int8``.
        files: size in bytes of each file in the folder.
        parity: how the answers compare with the run's.
        notes: what else is worth knowing.
    """

    out: Path
    to: str
    number_format: str
    files: dict[str, int]
    parity: Parity
    notes: tuple[str, ...]


@with_options(ExportModelOptions)
def export_model(run: str | Path, *, options: ExportModelOptions, progress: Progress = AUTO) -> ExportModelResult:
    """Write a run's model for other programs, and check that it answers as the run does.

    Its answers are compared with the run's on at least 500 of the run's photos, or on all that can still be read. Nothing is written
    if a probability differs by 0.00001 on the same pixels, or by more than rounding explains in a steep model, or a label differs.

    Args:
        run: a run folder.
        progress: receives progress.
        options: as keywords; see :class:`ExportModelOptions`.

    Raises:
        OptionError: an option is wrong, or ``out`` is not empty.
        DataError: there is no such run, or no training photo is left to calibrate ``int8`` on.
        ModelError: the model cannot be exported (it says why), or the exported one answers otherwise.
        MissingExtra: a package that the format needs is not installed.
        StorageError: the disk is full or cannot be written; nothing is left behind.
    """
    from tellapart.atomic_files import replacing_folder
    from tellapart.model_export.onnx_export import ModelToExport
    from tellapart.models.saved_model import load_model
    from tellapart.output_guards import check_new_folder
    from tellapart.run_folder import open_classifier_run

    opened = open_classifier_run(run)
    out = _out_folder(opened.folder, options)
    if options.out is not None:
        check_new_folder(out)
    source = ModelToExport(opened, load_model(opened.model_folder), progress)
    with replacing_folder(out) as partial:
        exported = _exported(source, partial, options)
    return ExportModelResult(
        out=out,
        to=options.to,
        number_format="int8" if options.int8 else "float32",
        files={path.relative_to(out).as_posix(): path.stat().st_size for path in sorted(out.rglob("*")) if path.is_file()},
        parity=exported.parity,
        notes=exported.notes,
    )


def _exported(source: ModelToExport, folder: Path, options: ExportModelOptions) -> ExportedModel:
    """Write the format that was chosen."""
    if options.to == "web":
        from tellapart.workflows.web_export import export_web

        return export_web(source, folder, runtime=options.runtime, is_single=options.single, is_int8=options.int8)
    if options.to == "torch":
        from tellapart.model_export.torch_export import export_torch

        return export_torch(source, folder)
    if options.to == "hub":
        from tellapart.model_export.hub_export import export_hub

        return export_hub(source, folder)
    from tellapart.model_export.onnx_export import export_onnx

    return export_onnx(source, folder, is_int8=options.int8)


def _out_folder(run: Path, options: ExportModelOptions) -> Path:
    if options.out is not None:
        return options.out.expanduser().absolute()
    return run / "export" / (options.to + ("-single" if options.single else "") + ("-int8" if options.int8 else ""))
