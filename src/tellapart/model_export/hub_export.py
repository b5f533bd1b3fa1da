"""Exporting in the layout of timm and the Hugging Face hub: weights in safetensors, ``config.json``, and a model card."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.calibration import clip_probabilities
from tellapart.counts import count
from tellapart.errors import ModelError
from tellapart.interval import Interval
from tellapart.model_export.export_card import card_of, metadata_of
from tellapart.model_export.onnx_export import ExportedModel, ModelToExport, checked, write_card
from tellapart.model_export.parity import Answer, ModelAnswers, Parity
from tellapart.models.backbone_card import PROBABILITIES, Backbone
from tellapart.models.saved_model import Member, SavedModel
from tellapart.run_folder import Run
from tellapart.run_metrics import DataCounts

WEIGHTS, CONFIG, README = "model.safetensors", "config.json", "README.md"
CROP_MODES = {"crop": "center", "pad": "border", "squash": "squash"}
"""timm's names for our ways to become a square."""
HINT = "--to onnx exports every model"


def export_hub(source: ModelToExport, folder: Path) -> ExportedModel:
    """Write ``model.safetensors``, ``config.json``, ``README.md`` and ``card.json`` into an empty folder.

    Raises:
        ModelError: the model is more than one network of timm with a linear head, or timm answers otherwise than the run.
    """
    from safetensors.torch import save_file

    from tellapart.atomic_files import write_json
    from tellapart.models.portable_classifier import squares_of

    member, backbone = timm_member(source.model)
    network = _with_head(source.model, member, backbone)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, folder / WEIGHTS, metadata={"format": "pt"})
    write_json(folder / CONFIG, _config(source.model, member, backbone, network))
    squares = squares_of(source.model)
    exported = checked(source, squares, _answer(folder, source.model, member), None, is_int8=False)
    metadata = metadata_of(source.run, source.model, squares, "float32", has_familiarity=False)
    (folder / README).write_text(readme(source.run, metadata, exported.parity, is_mirrored=member.mirror), encoding="utf-8")
    write_card(folder, card_of(metadata, "hub", exported.parity, folder, exported.notes))
    return exported


def timm_member(model: SavedModel) -> tuple[Member, Backbone]:
    """The one member and the one backbone of a model that timm can load.

    Raises:
        ModelError: there is no such member; the message is the reason.
    """
    from tellapart.models.scratch_networks import NETS
    from tellapart.models.timm_networks import VARIANTS, check_network_name

    def refusal(reason: str) -> ModelError:
        return ModelError(f"timm has no such model: {reason}", hint=HINT)

    if len(model.members) > 1:
        raise refusal(f"it is the mean of {len(model.members)} members")
    member = model.members[0]
    if len(member.backbones) > 1:
        raise refusal(f"it joins {' and '.join(backbone.card.name for backbone in member.backbones)}")
    backbone = member.backbones[0]
    name = backbone.card.architecture
    if name in NETS or name in VARIANTS or backbone.card.layer not in ("", PROBABILITIES) or backbone.card.is_special:
        raise refusal(f"{backbone.card.name} is not one of its networks")
    check_network_name(name, [])
    if any(head.power != 1.0 for head in member.heads):
        raise refusal("its linear probe also uses the signed square root of the features (train --recipe finetune gives one linear head)")
    return member, backbone


def _with_head(model: SavedModel, member: Member, backbone: Backbone) -> Any:
    """Timm's network with the backbone's weights and one linear layer, the temperature divided in."""
    import timm
    import torch

    card = backbone.card
    network: Any = timm.create_model(card.architecture, num_classes=len(model.class_names), **_model_args(backbone)).eval()
    layer = network.get_classifier()
    if not isinstance(layer, torch.nn.Linear) or layer.in_features != card.num_features:
        raise ModelError(
            f"the last layer of timm's {card.architecture} is not one linear layer on {count(card.num_features, 'feature')}", hint=HINT
        )
    left = network.load_state_dict(backbone.state(), strict=False)
    own = {id(p) for p in layer.parameters()}
    names = {name for name, p in network.named_parameters() if id(p) in own}
    if set(left.missing_keys) != names or left.unexpected_keys:
        raise ModelError(f"the weights do not fit timm's {card.architecture}: {sorted(set(left.missing_keys) - names)[:3]}", hint=HINT)
    weight, bias = _one_head(member)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy((weight / model.temperature).T.astype(np.float32)))
        layer.bias.copy_(torch.from_numpy((bias / model.temperature).astype(np.float32)))
    return network


def _one_head(member: Member) -> tuple[FloatArray, FloatArray]:
    """The mean of a member's heads as one: weight (d, k) and bias (k,), float64, standardization included."""
    weights, biases = [], []
    for head in member.heads:
        weight = head.weight.astype(np.float64) / head.scale.astype(np.float64)[:, None]
        weights.append(weight)
        biases.append(head.bias - head.mean.astype(np.float64) @ weight)
    return np.mean(weights, axis=0), np.mean(biases, axis=0)


def _model_args(backbone: Backbone) -> dict[str, Any]:
    """What timm's network is built with beyond its name."""
    import timm

    config: Any = timm.get_pretrained_cfg(backbone.card.architecture)
    is_fixed = config is not None and config.fixed_input_size and config.input_size[-1] != backbone.card.image_size
    return {"img_size": backbone.card.image_size} if is_fixed else {}


def _config(model: SavedModel, member: Member, backbone: Backbone, network: Any) -> dict[str, Any]:
    """``config.json`` as ``timm.models.push_to_hf_hub`` writes it."""
    card = backbone.card
    names = list(model.class_names)
    return {
        "architecture": card.architecture.partition(".")[0],
        "num_classes": len(names),
        "num_features": card.num_features,
        "label_names": names,
        **({"model_args": _model_args(backbone)} if _model_args(backbone) else {}),
        "pretrained_cfg": {
            "custom_load": False,
            "input_size": [3, card.image_size, card.image_size],
            "fixed_input_size": bool(_model_args(backbone)),
            "interpolation": "bicubic",
            "crop_pct": 1.0,
            "crop_mode": CROP_MODES[member.resize],
            "mean": list(card.mean),
            "std": list(card.std),
            "num_classes": len(names),
            "label_names": names,
            "classifier": network.pretrained_cfg["classifier"],
            "first_conv": network.pretrained_cfg["first_conv"],
        },
    }


def _answer(folder: Path, model: SavedModel, member: Member) -> Answer:
    """What timm answers that loads the folder, with the mean over the mirror image and the clip as the run has them."""
    import timm
    import torch

    loaded: Any = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()
    mean, std = (torch.tensor(loaded.pretrained_cfg[name]).view(1, 3, 1, 1) for name in ("mean", "std"))

    def answer(squares: Sequence[ByteArray]) -> ModelAnswers:
        x = (torch.from_numpy(np.ascontiguousarray(squares[0])).permute(0, 3, 1, 2) / 255 - mean) / std
        with torch.inference_mode():
            logits = loaded(x)
            if member.mirror:
                logits = (logits + loaded(x.flip(3))) / 2
        return ModelAnswers(clip_probabilities(torch.softmax(logits.double(), dim=1).numpy(), model.clip))

    return answer


FILL_IN = "FILL IN"
FRONT = f"""---
library_name: timm
pipeline_tag: image-classification
tags:
- image-classification
- timm
- tellapart
license: other
license_name: {FILL_IN}
license_link: {FILL_IN}
---
"""


def readme(run: Run, metadata: Mapping[str, Any], parity: Parity, *, is_mirrored: bool) -> str:
    """The text of the card.

    Args:
        run: the run that was exported.
        metadata: of the exported model.
        parity: its comparison with the run.
        is_mirrored: whether the run averages with the mirror image.
    """
    names = metadata["class_names"]
    sections = [
        f"# {_plain(metadata['run'])}",
        f"An image classifier for {count(len(names), 'class', 'classes')}: {', '.join(map(_plain, names))}.",
        "## How good it is\n" + _scores(run),
        "## How it was made\n" + _method(run, metadata),
        "## Use\n" + _use(is_mirrored=is_mirrored, clip=metadata["clip"]),
        "## Calibration\n" + _calibration(run, metadata),
        "## Data\n" + _data(run),
        "## Limits\n" + _limits(run),
        "## This export\n" + _parity(parity),
        "## License\n" + "\n".join(f"- of {what}: {FILL_IN}" for what in ("this model", "the photos", "the weights it started from")),
    ]
    return FRONT + "\n" + "\n\n".join(sections) + "\n"


def _plain(text: Any) -> str:
    """Text that Markdown and HTML leave as it is."""
    return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#" else letter for letter in str(text)).replace("\n", " ")


def _interval(interval: Interval, factor: float = 1.0, unit: str = "", digits: int = 3) -> str:
    value, low, high = (f"{factor * x:.{digits}f}" for x in (interval.value, interval.low, interval.high))
    return f"{value}{unit} ({low} to {high})"


def _scores(run: Run) -> str:
    lines = ["| images | accuracy (95 %) | log loss (95 %) | macro F1 (95 %) |", "|---|---|---|---|"]
    for name, part in run.metrics.parts.items():
        accuracy, loss, f1 = _interval(part.accuracy, 100, " %", 1), _interval(part.log_loss), _interval(part.macro_f1)
        lines.append(f"| {part.n:,} of the part {name}, never seen in training | {accuracy} | {loss} | {f1} |")
    first = next(iter(run.metrics.parts.values()), None)
    lines += ["", "| class | images | precision | recall |", "|---|---|---|---|"]
    lines += [
        f"| {_plain(row.name)} | {row.support:,} | {_share(row.precision)} | {_share(row.recall)} |"
        for row in (first.per_class if first else [])
    ]
    if sensitivity := run.metrics.split_sensitivity:
        low, high = (f"{100 * x:.1f} %" for x in (sensitivity.accuracy.low, sensitivity.accuracy.high))
        lines += [
            "",
            f"{count(len(sensitivity.splits), 'other split')} of {sensitivity.images('photos')} gave an accuracy of {low} to {high}.",
        ]
    return "\n".join(lines)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _method(run: Run, metadata: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in metadata["versions"].items())
    return f"Recipe {metadata['recipe']} on {_plain(metadata['backbone'])}, made {run.metrics.created[:10]}. Versions: {versions}."


def _use(*, is_mirrored: bool, clip: float) -> str:
    mirror = (
        "The scores above are for the mean of the logits of an image and of its mirror image:\n"
        "`logits = (model(x) + model(x.flip(3))) / 2`. "
        if is_mirrored
        else ""
    )
    return (
        "```python\nimport timm\nfrom PIL import Image\n\n"
        'model = timm.create_model("local-dir:FOLDER", pretrained=True).eval()   # or "hf-hub:YOU/NAME"\n'
        "transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))\n"
        'x = transform(Image.open("photo.jpg").convert("RGB"))[None]\n'
        'print(dict(zip(model.pretrained_cfg["label_names"], model(x).softmax(1)[0].tolist())))\n```\n'
        f"{mirror}Probabilities are then raised to at least {clip:.2g} and normalized."
    )


def _calibration(run: Run, metadata: Mapping[str, Any]) -> str:
    part = next(iter(run.metrics.parts.values()), None)
    error = (
        f" Expected calibration error on held-out images: {part.ece['before']:.3f} before, {part.ece['after']:.3f} after." if part else ""
    )
    return (
        f"The logits are divided by the temperature {metadata['temperature']:.3f}, which is part of the last layer's weights here. "
        f"It was fitted on out-of-fold training images.{error}"
    )


def _data(run: Run) -> str:
    data = run.metrics.data or DataCounts(files=0, used=0, unreadable=0, set_aside=0)
    lines = [f"{data.used:,} of {count(data.files, 'file')} were used; their sha256 is `{run_hash(run)}`."]
    lines += ["", "| class | train | val | test |", "|---|---|---|---|"]
    lines += [f"| {_plain(row.name)} | {row.train:,} | {row.val:,} | {row.test:,} |" for row in data.classes]
    lines += ["", f"Where the photos come from, who made them and whom they show: {FILL_IN}"]
    return "\n".join(lines)


def run_hash(run: Run) -> str:
    """The first digits of the hash of the data."""
    from tellapart.models.model_card import read_card

    return str(read_card(run.model_folder).get("data_sha256", ""))[:16]


def _limits(run: Run) -> str:
    lines = [
        "- It answers with one of its classes for every photo, also for one that shows none of them.",
        "- The scores hold for photos like the ones it was tested on, from the same source.",
        "- Near-duplicates of training photos were kept out of the test; what else photos of one source share was not.",
    ]
    lines += [f"- {_plain(note)}" for note in run.metrics.notes]
    return "\n".join([*lines, f"- Not meant for: {FILL_IN}"])


def _parity(parity: Parity) -> str:
    same = parity.same_pixels
    lines = [f"On {count(same.n, 'image')}, the same pixels: probabilities differ from the run's by at most {same.largest:.1e}, no label."]
    if parity.score:
        accuracy, difference = parity.score.accuracy, parity.score.accuracy_difference
        lines.append(
            f"Accuracy of this export on {count(parity.score.n, 'image')}: {_interval(accuracy, 100, ' %', 1)}; "
            f"difference to the run, in points: {_interval(difference, 100, '', 1)}."
        )
    return " ".join(lines)
