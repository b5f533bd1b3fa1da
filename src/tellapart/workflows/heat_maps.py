"""Grad-CAM and occlusion maps of images by a saved model; those of several members are averaged by weight."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.dataset.content_hashes import unchanged_bytes
from tellapart.errors import ImageError
from tellapart.progress import Progress

if TYPE_CHECKING:
    from tellapart.models.gradcam import MemberScore
    from tellapart.models.saved_model import SavedModel
    from tellapart.run_folder import Run

GRAD_CAM, OCCLUSION = "Grad-CAM", "occlusion"
STEPS_PER_SQUARE = 2
"""How often the occluded square is moved within its own side."""
SMALL, QUALITY = 192, 82


def heat_maps(
    model: SavedModel,
    files: Sequence[Path],
    targets: Sequence[int],
    progress: Progress,
    *,
    layer: str | None = None,
    scores: Sequence[MemberScore] = (),
    square: float = 0.0,
) -> tuple[list[ByteArray], list[dict[str, FloatArray]]]:
    """The network's inputs uint8 (s, s, 3), and their maps float32 (s, s) by name.

    Args:
        model: the saved model.
        files: n images.
        targets: the class explained of each.
        progress: receives every map.
        layer: of the network; None for its last convolution.
        scores: of the members, for an occlusion map; without them there is none.
        square: side of the occluded square, as a share of the input.

    Raises:
        ModelError: the network has no such layer, or none that can be explained.
    """
    from tellapart.dataset.image_analysis import decode_for
    from tellapart.images import ResizePolicy, resize
    from tellapart.models.gradcam import MemberNetwork, grad_cam, occlusion

    side = max(backbone.card.image_size for member in model.members for backbone in member.backbones)
    pixels_hidden = max(1, round(side * square))
    total = sum(member.weight for member in model.members)
    inputs: list[ByteArray] = []
    maps: list[dict[str, FloatArray]] = [{} for _ in files]

    def add(number: int, name: str, heat: FloatArray, weight: float) -> None:
        maps[number][name] = maps[number].get(name, np.zeros_like(heat)) + heat * np.float32(weight / total)

    with progress.stage("explaining", total=len(files) * len(model.members)) as advance:
        for place, member in enumerate(model.members):
            network = MemberNetwork(member)
            for number, (file, target) in enumerate(zip(files, targets, strict=True)):
                pixels = resize(decode_for(file.read_bytes(), [side]).pixels, side, cast(ResizePolicy, member.resize))
                inputs += [pixels] if place == 0 else []
                add(number, GRAD_CAM, grad_cam(network, pixels, target, layer=layer), member.weight)
                if scores:
                    step = max(1, pixels_hidden // STEPS_PER_SQUARE)
                    add(number, OCCLUSION, occlusion(scores[place].of(target), pixels, side=pixels_hidden, step=step), member.weight)
                advance(1)
    return inputs, maps


def mistake_maps(run: Run, n: int, progress: Progress) -> dict[str, bytes]:
    """Small JPEGs by image id: where the model looked in the n images that the report shows first, for the class it predicted.

    Images that are gone or have changed have none.

    Raises:
        ModelError: the saved model is damaged, or has no layer that can be explained.
    """
    from PIL import Image

    from tellapart.models.saved_model import load_model
    from tellapart.reports.gallery import gallery_order
    from tellapart.reports.gradcam_sheet import overlaid

    predictions = run.predictions
    there = [(i, Path(run.metrics.folder, predictions.paths[i])) for i in gallery_order(predictions)[:n].tolist()]
    there = [(i, file) for i, file in there if _has_id(file, predictions.image_ids[i])]
    model = load_model(run.model_folder)
    inputs, maps = heat_maps(model, [file for _, file in there], [int(predictions.predicted[i]) for i, _ in there], progress)
    found = {}
    for (i, _), pixels, heat in zip(there, inputs, maps, strict=True):
        jpeg = io.BytesIO()
        small = Image.fromarray(overlaid(pixels, heat[GRAD_CAM])).resize((SMALL, SMALL), Image.Resampling.BICUBIC)
        small.save(jpeg, "JPEG", quality=QUALITY)
        found[predictions.image_ids[i]] = jpeg.getvalue()
    return found


def _has_id(file: Path, image_id: str) -> bool:
    """Whether a file is still the image that it was."""
    try:
        return unchanged_bytes(file, image_id) is not None
    except (OSError, ImageError):
        return False
