"""Class activation maps (CAM) of a packaged ImageNet classifier: where the subject of an image is, or a class.

The features before pooling, weighted by a class's row of the classifier, show how much each place contributes to that
class (Zhou et al., 2016). Without a class, the maps of the most probable classes are averaged by their probability.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch

from tellapart.array_types import ByteArray, FloatArray
from tellapart.models.devices import chosen_device
from tellapart.models.efficientnet_lite import PACKAGED, packaged_state
from tellapart.models.normalization import Normalization
from tellapart.models.timm_networks import build_network

NETWORK = "lite0"
SIDE = 320
"""Of the square the whole image is squashed to: maps of 10 x 10."""
FIRST_FEW = 5
SURE_ENOUGH = 0.1
"""Probability of all classes of a word together from which on its thing is taken to be there."""


class ActivationNetwork:
    """A packaged classifier that gives class activation maps; thread-safe."""

    def __init__(self, *, device: str = "auto") -> None:
        packaged = PACKAGED[NETWORK]
        self.device = chosen_device(device)
        model = build_network(packaged.architecture)
        model.load_state_dict(packaged_state(packaged, [len(stage) for stage in model.blocks]), strict=True)
        self._model = model.requires_grad_(False).to(self.device, memory_format=torch.channels_last)
        self._normalized = Normalization((0.5, 0.5, 0.5), (0.5, 0.5, 0.5), SIDE, self.device)

    @property
    def fingerprint(self) -> str:
        """Names the weights and the device, on both of which the maps depend."""
        weights = hashlib.sha256(self._model.classifier.weight.detach().cpu().numpy().tobytes()).hexdigest()
        return f"{NETWORK}-{SIDE}-{self.device}-{weights}"

    def maps(self, pixels: ByteArray, classes: Sequence[int] = ()) -> tuple[FloatArray, FloatArray]:
        """Class activation maps of images.

        Args:
            pixels: uint8 (n, 320, 320, 3), whole images squashed.
            classes: indices of ImageNet classes; none for the most probable classes of each image.

        Returns:
            Maps float32 (n, 10, 10), and the total probability of ``classes``, float32 (n,); 1 without classes.
        """
        with torch.inference_mode():
            features = self._model.forward_features(self._normalized(pixels))
            probabilities = self._model.forward_head(features).softmax(1)
            is_wanted = torch.zeros_like(probabilities[0])
            is_wanted[list(classes) or slice(None)] = 1.0
            wanted = probabilities * is_wanted
            strongest = wanted.topk(min(FIRST_FEW, int(is_wanted.sum())), dim=1)
            shares = strongest.values / strongest.values.sum(1, keepdim=True).clamp(min=1e-12)
            rows = (self._model.classifier.weight[strongest.indices] * shares[..., None]).sum(1)
            maps = torch.einsum("nchw,nc->nhw", features, rows)
        sure = wanted.sum(1) if len(classes) else torch.ones(len(pixels))
        return maps.float().cpu().numpy(), sure.float().cpu().numpy()
