"""Load a backbone of any kind (timm, CLIP, pixels, faces) as a network that computes features."""

from __future__ import annotations

from tellapart.models.backbone_card import CLIP, PIXELS, PROBABILITIES, Backbone
from tellapart.models.feature_network import FeatureNetwork, Features


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
