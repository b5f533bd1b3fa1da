"""The pretrained networks at hand (packaged, cached) and well-chosen ones of timm, with what is known of each without fetching it.

Sizes, parameters and licenses of the networks suggested are those that timm states; a test compares them.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tellapart.atomic_files import read_sealed
from tellapart.cache_dir import cache_root
from tellapart.concurrency import available_cores
from tellapart.models.backbone_card import CLIP, PROBABILITIES, Backbone, BackboneCard
from tellapart.models.efficientnet_lite_weights import PACKAGED
from tellapart.models.face_weights import FACES
from tellapart.results import Result

if TYPE_CHECKING:
    import torch

AT_HAND = ("packaged", "cached", "file")
MEASURED_BATCHES = 3
"""Batches of 8 images that each core computes while a network is measured, after one that does not count."""


@dataclass(frozen=True)
class KnownBackbone(Result):
    """What is known of a pretrained network.

    Attributes:
        name: as for ``--backbone``.
        family: how it was pretrained.
        source: ``packaged``: installed with tellapart; ``cached``: used before; ``file``: used before, from a file of yours;
            ``fetched on first use``.
        parameters: number of parameters of the backbone; None where it is not known.
        image_size: side of its input in pixels.
        license: of the weights; None where it is not known.
    """

    name: str
    family: str
    source: str
    parameters: int | None
    image_size: int
    license: str | None

    @property
    def is_at_hand(self) -> bool:
        """Whether its weights are on this machine."""
        return self.source in AT_HAND


SUPERVISED, LARGER_LABELS = "ImageNet labels", "labels of ImageNet-12k or -21k"
DINOV2, DINOV3, TEXTS = "DINOv2, without labels", "DINOv3, without labels", "CLIP, images and texts"
SIGLIP = "SigLIP, images and texts"
SUGGESTED = (
    ("mobilenetv4_conv_small.e2400_r224_in1k", SUPERVISED, 2_493_024, 224, "apache-2.0"),
    ("efficientnet_b0.ra_in1k", SUPERVISED, 4_007_548, 224, "apache-2.0"),
    ("vit_tiny_patch16_224.augreg_in21k", LARGER_LABELS, 5_524_416, 224, "apache-2.0"),
    ("convnext_nano.in12k_ft_in1k", LARGER_LABELS, 14_952_560, 224, "apache-2.0"),
    ("tf_efficientnetv2_s.in21k", LARGER_LABELS, 20_177_488, 300, "apache-2.0"),
    ("vit_small_patch16_dinov3.lvd1689m", DINOV3, 21_586_944, 256, "dinov3-license"),
    ("vit_small_patch14_dinov2.lvd142m", DINOV2, 22_056_192, 518, "apache-2.0"),
    ("resnet50.a1_in1k", SUPERVISED, 23_508_032, 224, "apache-2.0"),
    ("convnext_tiny.in12k_ft_in1k", LARGER_LABELS, 27_820_128, 224, "apache-2.0"),
    ("vit_base_patch16_dinov3.lvd1689m", DINOV3, 85_641_216, 256, "dinov3-license"),
    ("vit_base_patch14_dinov2.lvd142m", DINOV2, 86_579_712, 518, "apache-2.0"),
    ("vit_base_patch16_siglip_224.v2_webli", SIGLIP, 92_884_224, 224, "apache-2.0"),
    ("vit_large_patch14_clip_224.openai", TEXTS, 303_179_776, 224, "apache-2.0"),
    ("vit_large_patch14_dinov2.lvd142m", DINOV2, 304_367_616, 518, "apache-2.0"),
)
"""Name, family, parameters, input size and license of networks worth fetching, from small to large."""
LITE_PARAMETERS = {"lite0": 3_371_008, "lite1": 4_135_680, "lite2": 4_811_072}


def known_backbones() -> list[KnownBackbone]:
    """The networks at hand, then those suggested that are not."""
    backbones = [
        KnownBackbone(name, SUPERVISED, "packaged", LITE_PARAMETERS[name], weights.image_size, "apache-2.0")
        for name, weights in PACKAGED.items()
        if weights.path() is not None
    ]
    backbones += _cached({one.name for one in backbones})
    names = {one.name for one in backbones}
    return backbones + [_suggested(row) for row in SUGGESTED if row[0] not in names]


def named_backbone(name: str, known: Sequence[KnownBackbone]) -> KnownBackbone:
    """What is known of one network: any timm name will do.

    Raises:
        ModelError: timm knows no such name.
    """
    for one in known:
        if one.name == name:
            return one
    import timm

    from tellapart.models.timm_networks import check_network_name

    check_network_name(name, [*PACKAGED, FACES])
    config: Any = timm.get_pretrained_cfg(name, allow_unregistered=True)
    license = config.license if config is not None else None
    size = config.input_size[-1] if config is not None else 224
    return KnownBackbone(name, "see timm", "fetched on first use", _parameters(name), size, license)


def measured_rate(one: KnownBackbone, device: str) -> float:
    """Images a second of the network alone, each also mirrored, without reading files; weights do not matter, so they are random.

    Raises:
        ModelError: the device is not available.
    """
    import numpy as np
    import torch

    from tellapart.models.backbones import find_backbones
    from tellapart.models.devices import chosen_device
    from tellapart.models.network_loading import network_of

    backbone = find_backbones(one.name)[0] if one.source == "packaged" else _untrained(one)
    network = network_of(backbone, device=device)
    workers = available_cores() if chosen_device(device) == "cpu" else 1
    pixels = np.random.default_rng(0).integers(0, 256, (8, one.image_size, one.image_size, 3), dtype=np.uint8)
    before = torch.get_num_threads()
    torch.set_num_threads(1 if workers > 1 else before)
    try:
        network.features(pixels, mirror=True)
        begun = time.monotonic()
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda _: network.features(pixels, mirror=True), range(workers * MEASURED_BATCHES)))
        return workers * MEASURED_BATCHES * len(pixels) / (time.monotonic() - begun)
    finally:
        torch.set_num_threads(before)


@dataclass(frozen=True)
class UntrainedBackbone(Backbone):
    """A network with random weights, to measure its speed."""

    def state(self) -> dict[str, torch.Tensor]:
        """Random tensors."""
        from tellapart.models.feature_network import bare_network

        return dict(bare_network(self.card).state_dict())


def _untrained(one: KnownBackbone) -> Backbone:
    half = (0.5, 0.5, 0.5)
    return UntrainedBackbone(BackboneCard(one.name, one.name, "", one.image_size, half, half, 0), cache_root())


def _parameters(name: str) -> int:
    """Number of parameters without the classifier; nothing is computed or allocated."""
    import timm
    import torch

    with torch.device("meta"):
        return sum(p.numel() for p in timm.create_model(name, num_classes=0).parameters())


def _suggested(row: tuple[str, str, int, int, str]) -> KnownBackbone:
    name, family, parameters, image_size, license = row
    return KnownBackbone(name, family, "fetched on first use", parameters, image_size, license)


def _cached(others: set[str]) -> list[KnownBackbone]:
    """The networks whose converted weights lie in the cache; those of files are named so."""
    backbones = {}
    rows = {row[0]: row for row in SUGGESTED}
    for path in sorted((cache_root() / "backbones").glob("*.json")):
        try:
            content = read_sealed(path)
            card = BackboneCard.from_dict(content)
        except (OSError, ValueError, KeyError, TypeError):
            continue
        is_whole = path.with_suffix(".safetensors").is_file()
        if not is_whole or card.name in others or card.layer == PROBABILITIES:
            continue
        is_of_hub = path.stem.endswith("-hub")
        row = rows.get(card.name)
        family = "faces" if card.name == FACES else "CLIP" if card.name.startswith(CLIP) else row[1] if row else "see timm"
        source = "cached" if is_of_hub or card.name == FACES else "file"
        size = row[2] if row else None
        backbones[card.name, source] = KnownBackbone(
            card.name, family, source, size, card.image_size, row[4] if row and is_of_hub else None
        )
    return list(backbones.values())
