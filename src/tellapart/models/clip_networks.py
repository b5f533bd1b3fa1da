"""Networks of open_clip (MIT; the extra clip): built, and filled with weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tellapart.errors import MissingExtra, ModelError, closest_name
from tellapart.models.backbone_card import CLIP, BackboneCard
from tellapart.models.hub import hub_within_reach


def open_clip() -> Any:
    """The package.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import open_clip as package
    except ModuleNotFoundError as error:
        if error.name != "open_clip":
            raise
        raise MissingExtra("open_clip is not installed, and words need it", hint="pip install 'tellapart[clip]'") from error
    return package


def build_clip(architecture: str) -> Any:
    """A network of open_clip's without weights, in evaluation mode; ``architecture`` is ``clip:`` and its name.

    Raises:
        ModelError: open_clip knows no such name.
        MissingExtra: open_clip is not installed.
    """
    package, name = open_clip(), architecture.removeprefix(CLIP).partition("/")[0]
    if name not in package.list_models():
        hint = closest_name(name, package.list_models()) or "open_clip.list_models() names them"
        raise ModelError(f"open_clip has no network {name!r}", hint=hint)
    return package.create_model(name, pretrained=None, load_weights=False, pretrained_text=False).eval()


def filled_clip(architecture: str, weights: Path | None) -> Any:
    """The network with its weights: from a file, or from the hub; ``clip:NAME/TAG`` chooses among the hub's.

    Raises:
        ModelError: the file does not fit, or the hub cannot be reached.
    """
    package, model = open_clip(), build_clip(architecture)
    name, _, tag = architecture.removeprefix(CLIP).partition("/")
    if weights is not None:
        try:
            package.load_checkpoint(model, str(weights), strict=True, weights_only=True)
        except Exception as error:
            reason = " ".join(str(error).split())[:300]
            raise ModelError(f"{weights} does not fit {name}: {reason}", hint="give the open_clip name it was made for") from error
        return model
    tags = package.list_pretrained_tags_by_model(name)
    with hub_within_reach() as silence:
        try:
            return package.create_model(name, pretrained=tag or next(iter(tags), None), require_pretrained=True).eval()
        except Exception as error:
            raise ModelError(
                f"the weights of {name} could not be fetched from the model hub: {silence or f'{type(error).__name__}: {error}'}",
                hint="download them yourself and give --weights FILE",
            ) from error


def clip_card(architecture: str, model: Any, sha256: str) -> BackboneCard:
    """What there is to know of a network: input size, colors and width."""
    preprocessing = open_clip().get_model_preprocess_cfg(model)
    size = preprocessing["size"]
    side = int(size[0] if isinstance(size, Sequence) else size)
    with torch.inference_mode():
        width = model.encode_image(torch.zeros(1, 3, side, side)).shape[1]
    mean, std = tuple(preprocessing["mean"]), tuple(preprocessing["std"])
    return BackboneCard(architecture, architecture, sha256, side, mean, std, int(width))
