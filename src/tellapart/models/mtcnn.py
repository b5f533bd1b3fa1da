"""MTCNN: a cascade of three small networks that detect faces.

Zhang et al., "Joint Face Detection and Alignment using Multi-task Cascaded Convolutional Networks" (2016). Nothing is kept
between calls, so that several threads may share the networks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from torchvision.ops import nms, roi_align

from tellapart.array_types import ByteArray, FloatArray

CELL = 12
STRIDE = 2
SHRINK = 0.709
"""Each level of the pyramid as a share of the one before."""
MOST_CANDIDATES = 200
"""Maximum number of candidate boxes per image that go to the next network, those with the highest scores."""


@dataclass(frozen=True)
class Sharpness:
    """Thresholds of the three networks, and the smallest face as a share of the square's side."""

    thresholds: tuple[float, float, float] = (0.6, 0.7, 0.5)
    smallest: float = 0.06


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces found in one image, the surest first.

    Attributes:
        boxes: float64 (m, 4): left, top, right, bottom in pixels.
        points: float64 (m, 5, 2): x and y of the eye on the image's left, that on its right, the nose, and both corners of the mouth.
        scores: float64 (m,), 0 to 1.
    """

    boxes: FloatArray
    points: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    @property
    def areas(self) -> FloatArray:
        """Square pixels of each box, float64 (m,)."""
        return np.asarray((self.boxes[:, 2] - self.boxes[:, 0]) * (self.boxes[:, 3] - self.boxes[:, 1]))

    def rows(self, index: Sequence[int]) -> Faces:
        """Some of them."""
        chosen = np.asarray(index, dtype=np.int64)
        return Faces(self.boxes[chosen], self.points[chosen], self.scores[chosen])

    def moved(self, factor: float, left: float, top: float) -> Faces:
        """In the pixels of another image: each coordinate times ``factor``, plus ``left`` and ``top``."""
        shift = np.array([left, top])
        return Faces(self.boxes * factor + np.tile(shift, 2), self.points * factor + shift, self.scores)


class _Closer(nn.Module):
    """The second or third network: from a square to the score, the offsets of the box, and the landmarks.

    Args:
        widths: of the convolutions, and last of the dense layer.
        kernels: of the convolutions.
        pools: sides of the pooling after each convolution; 0 for none.
        has_points: whether it also finds points.
    """

    def __init__(self, widths: tuple[int, ...], kernels: tuple[int, ...], pools: tuple[int, ...], *, has_points: bool) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 3
        for width, kernel, pool in zip(widths, kernels, pools, strict=False):
            layers += [nn.Conv2d(before, width, kernel), nn.PReLU(width)]
            layers += [nn.MaxPool2d(pool, 2, ceil_mode=True)] if pool else []
            before = width
        self.layers = nn.Sequential(*layers)
        self.dense = nn.Sequential(nn.Linear(9 * before, widths[-1]), nn.PReLU(widths[-1]))
        self.sure = nn.Linear(widths[-1], 2)
        self.shift = nn.Linear(widths[-1], 4)
        self.points = nn.Linear(widths[-1], 10) if has_points else None

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
        """Squares (m, 3, side, side): probability of a face (m,), shares of the box to move its edges by (m, 4), points (m, 10)."""
        features = self.dense(self.layers(x).flatten(1))
        points = self.points(features) if self.points is not None else None
        return self.sure(features).softmax(1)[:, 1], self.shift(features), points


class _Proposals(nn.Module):
    """The first network, which slides over a whole image."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, 10, 3),
            nn.PReLU(10),
            nn.MaxPool2d(2, 2, ceil_mode=True),
            nn.Conv2d(10, 16, 3),
            nn.PReLU(16),
            nn.Conv2d(16, 32, 3),
            nn.PReLU(32),
        )
        self.sure = nn.Conv2d(32, 2, 1)
        self.shift = nn.Conv2d(32, 4, 1)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Images (n, 3, h, w): probabilities (n, places down, places across) and shifts (n, 4, places down, places across)."""
        features = self.layers(x)
        return self.sure(features).softmax(1)[:, 1], self.shift(features)


class Mtcnn(nn.Module):
    """The three networks in sequence."""

    def __init__(self) -> None:
        super().__init__()
        self.first = _Proposals()
        self.second = _Closer((28, 48, 64, 128), (3, 3, 2), (3, 3, 0), has_points=False)
        self.third = _Closer((32, 64, 64, 128, 256), (3, 3, 3, 2), (3, 3, 2, 0), has_points=True)

    def found(self, pixels: ByteArray, sharpness: Sharpness = Sharpness()) -> list[Faces]:
        """The faces of each square of uint8 (n, side, side, 3); one image at a time, because another number of rows rounds differently."""
        with torch.inference_mode():
            return [
                self._faces(halved(pixels[number : number + 1], self.first.sure.weight.device), sharpness) for number in range(len(pixels))
            ]

    def _faces(self, levels: list[torch.Tensor], sharpness: Sharpness) -> Faces:
        boxes = self._proposed(levels, sharpness)
        boxes = self._refined(levels, boxes, sharpness.thresholds[1])
        return self._described(levels, boxes, sharpness.thresholds[2])

    def _proposed(self, levels: list[torch.Tensor], sharpness: Sharpness) -> torch.Tensor:
        """Square boxes (m, 4), from images of all sizes."""
        side = levels[0].shape[2]
        scale = CELL / max(CELL, sharpness.smallest * side)
        boxes: list[torch.Tensor] = []
        scores: list[torch.Tensor] = []
        while scale * side >= CELL or not boxes:
            small = max(CELL, int(np.ceil(scale * side)))
            level = next(level for level in reversed(levels) if level.shape[2] >= small or level is levels[0])
            (sure,), (shift,) = self.first((torch.nn.functional.interpolate(level, (small, small), mode="bilinear") - 127.5) / 128)
            top, left = (sure > sharpness.thresholds[0]).nonzero(as_tuple=True)
            corner = torch.stack([left, top], 1).float() * STRIDE
            boxes_of_cells = torch.cat([corner, corner + CELL], 1) * (side / small)
            best = nms(boxes_of_cells, sure[top, left], 0.5)
            top, left = top[best], left[best]
            boxes.append(_shifted(boxes_of_cells[best], shift[:, top, left].T))
            scores.append(sure[top, left])
            scale *= SHRINK
        all_boxes = torch.cat(boxes)
        return _squared(all_boxes[nms(all_boxes, torch.cat(scores), 0.7)[:MOST_CANDIDATES]])

    def _refined(self, levels: list[torch.Tensor], boxes: torch.Tensor, threshold: float) -> torch.Tensor:
        """The square boxes that the second network lets through, moved as it says."""
        if not len(boxes):
            return boxes
        sure, shift, _ = self.second(cut(levels, boxes, 24))
        passed = sure > threshold
        boxes, sure, shift = boxes[passed], sure[passed], shift[passed]
        best = nms(boxes, sure, 0.7)
        return _squared(_shifted(boxes[best], shift[best]))

    def _described(self, levels: list[torch.Tensor], boxes: torch.Tensor, threshold: float) -> Faces:
        """The faces that the third network is sure of, with their landmarks."""
        if not len(boxes):
            return _none()
        sure, shift, points = self.third(cut(levels, boxes, 48))
        size = (boxes[:, 2:] - boxes[:, :2])[:, None]
        landmarks = points.view(-1, 2, 5).transpose(1, 2) * size + boxes[:, None, :2]
        passed = (sure > threshold).nonzero()[:, 0]
        passed = passed[sure[passed].argsort(descending=True)]
        faces = Faces(*(values[passed].double().cpu().numpy() for values in (_shifted(boxes, shift), landmarks, sure)))
        return faces.rows(_apart(faces.boxes))


def _none() -> Faces:
    return Faces(np.zeros((0, 4)), np.zeros((0, 5, 2)), np.zeros(0))


def halved(pixels: ByteArray, device: torch.device | str) -> list[torch.Tensor]:
    """Images of uint8 (n, h, w, 3) as float (n, 3, h, w), then with half the sides, a quarter, and so on."""
    levels = [torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))).to(device).float()]
    while min(levels[-1].shape[2:]) >= 2 * CELL:
        levels.append(torch.nn.functional.avg_pool2d(levels[-1], 2))
    return levels


def cut(levels: list[torch.Tensor], boxes: torch.Tensor, side: int) -> torch.Tensor:
    """Boxes of one image as squares, gray levels from -1 to 1, black outside the image.

    A box is cut from the level at which a pixel of the square covers less than two of the image, so that nothing is skipped.

    Args:
        levels: of :func:`halved`, each (1, 3, h, w).
        boxes: (m, 4) in pixels of the first level.
        side: of the squares (m, 3, side, side).
    """
    squares = boxes.new_empty(len(boxes), 3, side, side)
    level_of = ((boxes[:, 2:] - boxes[:, :2]).amax(1) / side).clamp(min=1).log2().long().clamp(max=len(levels) - 1)
    for number, level in enumerate(levels):
        mine = level_of == number
        if mine.any():
            squares[mine] = roi_align(level, [boxes[mine]], side, 0.5**number, sampling_ratio=2, aligned=True)
    return (squares - 127.5) / 128


def _shifted(boxes: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """Boxes with their edges moved by shares of their width and height."""
    size = boxes[:, 2:] - boxes[:, :2]
    return boxes + shift * size.repeat(1, 2)


def _squared(boxes: torch.Tensor) -> torch.Tensor:
    """The smallest squares around boxes, with the same centers."""
    center, half = (boxes[:, :2] + boxes[:, 2:]) / 2, (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    return torch.cat([center - half, center + half], 1)


def _apart(boxes: FloatArray, most: float = 0.7) -> list[int]:
    """Non-maximum suppression: of boxes sorted by score, those that overlap no box with a higher score by more than ``most``."""
    selected: list[int] = []
    areas = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    for number, box in enumerate(boxes):
        size = np.minimum(boxes[selected, 2:], box[2:]) - np.maximum(boxes[selected, :2], box[:2])
        common = np.maximum(size, 0).prod(axis=1)
        if not (common > most * np.minimum(areas[selected], areas[number])).any():
            selected.append(number)
    return selected


@dataclass(frozen=True)
class _Names:
    """How the tensors of one of the files are called, and where they go.

    Attributes:
        own: the network here.
        convs: numbers of its convolutions in the files, and places of theirs here.
        slopes: number of the first of its slopes in the files.
        dense: the dense layer before the heads.
        heads: sureness, shift of the box, points.
    """

    own: str
    convs: tuple[tuple[int, int], ...]
    slopes: int
    dense: str | None
    heads: tuple[str | None, ...]


_NAMES = {
    "pnet": _Names("first", ((0, 0), (1, 3), (2, 5)), 0, None, ("conv2d_3", "conv2d_4", None)),
    "rnet": _Names("second", ((5, 0), (6, 3), (7, 6)), 3, "dense", ("dense_1", "dense_2", None)),
    "onet": _Names("third", ((8, 0), (9, 3), (10, 6), (11, 9)), 7, "dense_3", ("dense_4", "dense_5", "dense_6")),
}


def mtcnn_state(networks: Mapping[str, Mapping[str, FloatArray]]) -> dict[str, torch.Tensor]:
    """The tensors of :class:`Mtcnn` from those of the three ONNX files ``pnet``, ``rnet`` and ``onet``.

    The files were made for images turned over their diagonal; here the kernels are turned instead.
    """
    state: dict[str, FloatArray] = {}
    for network, names in _NAMES.items():
        tensors, own = networks[network], names.own
        for count, (number, index) in enumerate(names.convs):
            name = _numbered("conv2d", number)
            state[f"{own}.layers.{index}.weight"] = tensors[f"{name}/kernel:0"].swapaxes(2, 3)
            state[f"{own}.layers.{index}.bias"] = tensors[f"{name}/bias:0"]
            slope = f"{_numbered('p_re_lu', names.slopes + count)}_initializer"
            state[f"{own}.layers.{index + 1}.weight"] = next(t for key, t in tensors.items() if key.startswith(slope)).ravel()
        for head, source in zip(("sure", "shift", "points"), names.heads, strict=True):
            if source is not None:
                kernel = tensors[f"{source}/kernel:0"]
                state[f"{own}.{head}.weight"] = kernel.T if names.dense else kernel.swapaxes(2, 3)
                state[f"{own}.{head}.bias"] = tensors[f"{source}/bias:0"]
        if names.dense:
            kernel = tensors[f"{names.dense}/kernel:0"]
            width = kernel.shape[1]
            state[f"{own}.dense.0.weight"] = kernel.reshape(3, 3, -1, width).transpose(3, 2, 1, 0).reshape(width, -1)
            state[f"{own}.dense.0.bias"] = tensors[f"{names.dense}/bias:0"]
            state[f"{own}.dense.1.weight"] = tensors["slope"]
    return {name: torch.from_numpy(np.array(values, np.float32, order="C")) for name, values in state.items()}


def _numbered(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name
