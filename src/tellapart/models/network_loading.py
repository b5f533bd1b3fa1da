"""Load a backbone of any kind (timm, CLIP, pixels, faces) as a network that computes features."""

from __future__ import annotations

import threading

from tellapart.models.backbone_card import CLIP, PIXELS, PROBABILITIES, Backbone
from tellapart.models.feature_network import FeatureNetwork, Features


class LoadedNetworks:
    """Networks by backbone on one device, each loaded when it is first asked for and kept; safe to call from several threads."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._loaded: dict[Backbone, Features] = {}
        self._lock = threading.Lock()

    def __call__(self, backbone: Backbone) -> Features:
        """The network of a backbone."""
        with self._lock:
            if backbone not in self._loaded:
                self._loaded[backbone] = network_of(backbone, device=self._device)
            return self._loaded[backbone]


def network_of(backbone: Backbone, *, device: str = "auto") -> Features:
    """Load a backbone of any kind (timm, CLIP, pixels, faces) as a network that computes features."""
    if backbone.card.is_faces:
        from tellapart.models.face_features import FaceNetwork

        return FaceNetwork(backbone, device=device)
    if backbone.card.architecture == PIXELS:
        from tellapart.models.pixel_features import PixelFeatures

        return PixelFeatures(backbone)
    if backbone.card.architecture.startswith(CLIP):
        from tellapart.models.clip import ClipFeatures

        return ClipFeatures(backbone, device=device)
    if backbone.card.layer not in ("", PROBABILITIES):
        from tellapart.models.layer_features import LayerFeatures

        return LayerFeatures(backbone, device=device)
    return FeatureNetwork(backbone, device=device)
