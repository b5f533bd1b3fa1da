"""Features of faces: detected in whole photos, cropped, and embedded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from tellapart.array_types import ByteArray, FloatArray
from tellapart.errors import ModelError
from tellapart.models import facenet
from tellapart.models.backbone_card import Backbone
from tellapart.models.devices import chosen_device
from tellapart.models.face_weights import PREFIXES
from tellapart.models.facenet import FaceNet
from tellapart.models.feature_network import FeatureNetwork
from tellapart.models.mtcnn import Faces, Mtcnn, Sharpness, cut, halved

MARGIN = 0.12
"""What is seen around the box of a face, as a share of its sides, on each side."""


class FaceNetwork(FeatureNetwork):
    """The backbone ``faces``: the descriptor of the main face of each photo, and whether there is one.

    Safe to call from several threads at once, as its parent. It computes in float32: both networks are small.
    """

    def __init__(self, backbone: Backbone, *, device: str = "auto") -> None:
        self.card = backbone.card
        self.precision = "float32"
        self.device = chosen_device(device)
        self.detector, self.describer = Mtcnn().eval(), FaceNet().eval()
        state = backbone.state()
        try:
            for prefix, network in zip(PREFIXES, (self.detector, self.describer), strict=True):
                network.load_state_dict({name.removeprefix(prefix): t.float() for name, t in state.items() if name.startswith(prefix)})
                network.requires_grad_(False).to(self.device).to(memory_format=torch.channels_last)
        except (RuntimeError, ValueError) as error:
            raise ModelError(f"the tensors of {self.card.name} do not fit: {error}") from error

    def features(self, pixels: ByteArray, *, mirror: bool) -> FloatArray:
        """Descriptor of the main face and 1, or zeros: float32 (n, 513) of whole photos as uint8 squares (n, side, side, 3)."""
        faces_of_images = self.found(pixels)
        values = np.zeros((len(pixels), facenet.WIDTH + 1), np.float32)
        with_face = [number for number, faces in enumerate(faces_of_images) if len(faces)]
        if with_face:
            boxes = [faces.boxes[[main_face(faces, pixels.shape[1])]] for faces in (faces_of_images[number] for number in with_face)]
            values[with_face, :-1] = self.described(pixels[with_face], boxes, mirror=mirror)
            values[with_face, -1] = 1.0
        return values

    def found(self, pixels: ByteArray, sharpness: Sharpness | None = None) -> list[Faces]:
        """The faces in each of uint8 (n, side, side, 3)."""
        return self.detector.found(pixels, sharpness or Sharpness())

    def described(self, pixels: ByteArray, boxes: Sequence[FloatArray], *, mirror: bool) -> FloatArray:
        """Descriptors of length 1, float32 (m, 512), of all boxes of all images in their order.

        Args:
            pixels: uint8 (n, side, side, 3).
            boxes: for each image (k, 4), in its pixels.
            mirror: whether a descriptor is averaged with that of the mirror image.
        """
        with torch.inference_mode():
            descriptors = [
                self._of_image(pixels[number : number + 1], each, mirror=mirror) for number, each in enumerate(boxes) if len(each)
            ]
        return np.concatenate(descriptors) if descriptors else np.zeros((0, facenet.WIDTH), np.float32)

    def _of_image(self, pixels: ByteArray, boxes: FloatArray, *, mirror: bool) -> FloatArray:
        around = torch.from_numpy(widened(boxes, MARGIN)).to(self.device).float()
        faces = cut(halved(pixels, self.device), around, facenet.SIDE).contiguous(memory_format=torch.channels_last)
        values: FloatArray = self._descriptors(faces, mirror=mirror).float().cpu().numpy()
        return values

    def _descriptors(self, faces: torch.Tensor, *, mirror: bool) -> torch.Tensor:
        """Descriptors of the faces (m, 3, side, side) of one photo; a dense layer rounds differently for another number of rows."""
        descriptors: torch.Tensor = self.describer(faces)
        if not mirror:
            return descriptors
        mirrored = self.describer(faces.flip(3).contiguous(memory_format=torch.channels_last))
        return torch.nn.functional.normalize(descriptors + mirrored)


def widened(boxes: FloatArray, margin: float) -> FloatArray:
    """Boxes (m, 4) with a share of their width and height added on each side."""
    size = boxes[:, 2:] - boxes[:, :2]
    return np.concatenate([boxes[:, :2] - margin * size, boxes[:, 2:] + margin * size], axis=1)


def main_face(faces: Faces, side: int) -> int:
    """The face a photo is most likely of: the largest, where those near the edge count for less."""
    centers = (faces.boxes[:, :2] + faces.boxes[:, 2:]) / 2
    off = np.linalg.norm(centers / side - 0.5, axis=1)
    return int(np.argmax(faces.areas * np.maximum(0.2, 1 - off) * faces.scores))
