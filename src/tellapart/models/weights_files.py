"""Read weights files of any kind (.safetensors, .pth, Keras .h5) and load them into a timm network."""

from __future__ import annotations

import inspect
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tellapart.atomic_files import regular_file
from tellapart.errors import ModelError
from tellapart.models.architecture_guess import classifier_names, likeliest_network
from tellapart.models.keras_weights import read_keras_weights

if TYPE_CHECKING:
    import torch

Tensors = dict[str, "torch.Tensor"]
Colors = tuple[float, float, float]

WITHIN = ("state_dict_ema", "model_ema", "state_dict", "model_state_dict", "model", "net")
"""Where training scripts keep the tensors among other things; averaged ones first."""
PREFIXES = ("module.", "model.", "backbone.")
"""What wrappers (DataParallel, Lightning, OpenMMLab) put before every name."""
DEEPEST = 8
"""How deep the dictionary with the tensors may lie in others."""
ROOM, GROWTH = 64 << 20, 16
"""A file may unpack to so many bytes, or so many times its own size."""
OTHER_FILE = "give a .safetensors or .pth file of plain tensors"
RENAMINGS = ("checkpoint_filter_fn", "_filter_fn", "_filter_torchvision_pretrained")
"""timm's functions that turn a foreign file's names into its own."""


@dataclass(frozen=True, eq=False)
class WeightsFile:
    """A weights file that has been read.

    Attributes:
        path: where it lies.
        architecture: the network to put the tensors into: what was asked for, or the form of it that the file needs.
        tensors: by name, wrappers' prefixes removed.
        mean, std: of the input on the scale 0 to 1, where the kind of file decides them.
    """

    path: Path
    architecture: str
    tensors: Tensors
    mean: Colors | None = None
    std: Colors | None = None


def read_weights(path: Path, architecture: str) -> WeightsFile:
    """Read a .safetensors file, a .h5 file of Keras, or any other as a file of PyTorch.

    Args:
        path: the file.
        architecture: timm's name of the network it is meant for.

    Raises:
        ModelError: it cannot be read, holds no tensors, or is a Keras file of another network.
        MissingExtra: a Keras file, and h5py is not installed.
    """
    if path.suffix.lower() in (".h5", ".hdf5"):
        found = read_keras_weights(path)
        if found.network != architecture.partition(".")[0] and found.architecture != architecture:
            raise ModelError(
                f"{path} holds Keras's weights of {found.network}, not of {architecture}", hint=f"give --backbone {found.network}"
            )
        return WeightsFile(path, found.architecture, found.tensors, found.mean, found.std)
    tensors = plain_names(_tensors(path))
    if not tensors:
        raise ModelError(f"{path} cannot be read as weights: it holds no tensors", hint=OTHER_FILE)
    return WeightsFile(path, architecture, tensors)


def _tensors(path: Path) -> Tensors:
    try:
        regular_file(path)
        if path.suffix.lower() == ".safetensors":
            from safetensors.torch import load_file

            return dict(load_file(path))
        import torch

        _check_unpacked_size(path)
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(
            f"{path} cannot be read as weights: {error}", hint="give a .safetensors file or a .pth file of plain tensors"
        ) from error
    for _ in range(DEEPEST):
        if not isinstance(content, Mapping):
            return {}
        inner = next((content[name] for name in WITHIN if isinstance(content.get(name), Mapping)), None)
        if inner is None:
            return {str(key): value.detach() for key, value in content.items() if _is_plain(value)}
        content = inner
    raise ModelError(f"{path} cannot be read as weights: dictionaries lie more than {DEEPEST} deep in each other", hint=OTHER_FILE)


def _is_plain(value: Any) -> bool:
    """Whether a value is an ordinary tensor: one that is not sparse, quantized or without memory."""
    import torch

    return isinstance(value, torch.Tensor) and value.layout == torch.strided and not value.is_quantized and value.device.type == "cpu"


def _check_unpacked_size(path: Path) -> None:
    """See that a file of PyTorch, which is a zip archive, does not unpack to far more than it is.

    Raises:
        ValueError: it does.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        total = sum(member.file_size for member in archive.infolist())
    if total > ROOM + GROWTH * path.stat().st_size:
        raise ValueError(f"it unpacks to {total:,} bytes, and has {path.stat().st_size:,}")


def plain_names(tensors: Mapping[str, torch.Tensor]) -> Tensors:
    """The tensors with every prefix of ``PREFIXES`` removed from their names, in any order and number."""
    plain = {}
    for name, tensor in tensors.items():
        while name.startswith(PREFIXES):
            name = name.partition(".")[2]
        plain[name] = tensor
    return plain


def fit_weights(model: Any, file: WeightsFile, *, has_classifier: bool = False) -> None:
    """Put the tensors into a timm network; the classifier keeps what it has, and the file's may have any shape, unless it is wanted.

    Raises:
        ModelError: something is missing or has another shape; tells how much fits, and what network would.
    """
    starts = ("\0",) if has_classifier else classifier_names(model)
    own = {key: value for key, value in model.state_dict().items() if not key.startswith(starts)}
    tensors = file.tensors
    missing, wrong = _misfits(own, tensors)
    if missing or wrong:
        tensors = _renamed_by_timm(model, tensors)
        if _misfits(own, tensors) != ([], []):
            raise _does_not_fit(file, own, missing, wrong)
    fitting = {key: tensors[key] for key in own if key in tensors}
    if unusable := next((key for key, value in fitting.items() if not _is_finite(value)), None):
        raise ModelError(f"{file.path} cannot be used as weights: {unusable} holds values that are no numbers", hint=OTHER_FILE)
    model.load_state_dict(fitting, strict=False)


def _is_finite(tensor: torch.Tensor) -> bool:
    return bool(tensor.isfinite().all()) if tensor.is_floating_point() or tensor.is_complex() else True


def _misfits(own: Tensors, tensors: Tensors) -> tuple[list[str], list[str]]:
    """The network's tensors that the file lacks, and those of another shape; counters of batches may be lacking."""
    missing = [key for key in own if key not in tensors and not key.endswith("num_batches_tracked")]
    return missing, [key for key in own if key in tensors and tensors[key].shape != own[key].shape]


def _renamed_by_timm(model: Any, tensors: Tensors) -> Tensors:
    """A foreign file under timm's names (torchvision's VGG, Facebook's ConvNeXt ...), where timm's module can do that."""
    module = sys.modules[type(model).__module__]
    rename = next((getattr(module, name) for name in RENAMINGS if hasattr(module, name)), None)
    if rename is None:
        return tensors
    try:
        takes_model = "model" in inspect.signature(rename).parameters
        return dict(rename(dict(tensors), model) if takes_model else rename(dict(tensors)))
    except Exception:  # it was written for files of its own network only
        return tensors


def _does_not_fit(file: WeightsFile, own: Tensors, missing: list[str], wrong: list[str]) -> ModelError:
    count = sum(not key.endswith("num_batches_tracked") for key in own)
    first = ", ".join([*missing, *wrong][:3])
    likely = likeliest_network({key: tuple(value.shape) for key, value in file.tensors.items()})
    is_other = likely is not None and likely != file.architecture.partition(".")[0]
    return ModelError(
        f"{file.path} does not fit {file.architecture}: of its {count} tensors {count - len(missing) - len(wrong)} fit,"
        f" {len(missing)} are missing and {len(wrong)} have another shape (first: {first})",
        hint=f"the file looks like {likely}: give --backbone {likely}" if is_other else "give the timm name of the network it was made for",
    )
