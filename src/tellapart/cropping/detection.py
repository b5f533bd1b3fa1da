"""Detect what to crop to in every photo of a data set: faces, the subject, or an object named by a word."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tellapart.array_types import ByteArray, FloatArray
from tellapart.cache_dir import cache_root
from tellapart.concurrency import prefetch, worker_count
from tellapart.dataset.content_hashes import unchanged_bytes
from tellapart.dataset.thumbnail_store import ThumbnailStore
from tellapart.errors import ImageError
from tellapart.images import decode, resize
from tellapart.progress import SILENT, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from tellapart.models.face_features import FaceNetwork

AT_ONCE = 8
VERSION = 1
"""Version of the detection, part of the cache key."""


@dataclass(frozen=True, eq=False)
class Detection:
    """The detections on one photo, in its pixels.

    Attributes:
        width, height: of the photo.
        boxes: float64 (m, 4), what to crop to; none where it is not there.
        eyes: float64 (m, 2, 2) for faces, else None.
        descriptors: float32 (m, d) for faces, else None.
        main: which of them the photo is most likely of.
    """

    width: int
    height: int
    boxes: FloatArray
    eyes: FloatArray | None = None
    descriptors: FloatArray | None = None
    main: int = 0

    def to_bytes(self) -> bytes:
        """As JSON; :meth:`from_bytes` restores the same numbers, bit for bit."""
        arrays = {name: None if (array := getattr(self, name)) is None else array.tolist() for name in ("boxes", "eyes", "descriptors")}
        return json.dumps({"width": self.width, "height": self.height, "main": self.main, **arrays}).encode()

    @classmethod
    def from_bytes(cls, content: bytes) -> Detection:
        """What :meth:`to_bytes` wrote."""
        values = json.loads(content)
        eyes, descriptors = values["eyes"], values["descriptors"]
        return cls(
            values["width"],
            values["height"],
            np.array(values["boxes"], np.float64).reshape(-1, 4),
            None if eyes is None else np.array(eyes, np.float64).reshape(-1, 2, 2),
            None if descriptors is None else np.array(descriptors, np.float32).reshape(len(descriptors), -1 if descriptors else 0),
            values["main"],
        )


class Detector(Protocol):
    """Detects objects on squares that show whole photos."""

    side: int
    policy: str
    fingerprint: str

    def __call__(self, squares: ByteArray, sizes: Sequence[tuple[int, int]]) -> list[Detection]:
        """What is on squares, uint8 (n, side, side, 3), of photos of these widths and heights."""
        ...


class FaceDetector:
    """Faces, with eyes and descriptors."""

    policy = "pad"

    def __init__(self, network: FaceNetwork) -> None:
        self._network = network
        self.side = network.card.image_size
        self.fingerprint = f"faces-{self.side}-{network.device}-{network.card.weights_sha256}"

    def __call__(self, squares: ByteArray, sizes: Sequence[tuple[int, int]]) -> list[Detection]:
        """The faces of each photo."""
        from tellapart.models.face_features import main_face

        faces_of_images = self._network.found(squares)
        described = self._network.described(squares, [faces.boxes for faces in faces_of_images], mirror=True)
        ends = np.cumsum([len(faces) for faces in faces_of_images])
        sightings = []
        for faces, (width, height), descriptors in zip(faces_of_images, sizes, np.split(described, ends[:-1]), strict=True):
            longer = max(width, height)
            border = [(self.side - max(1, round(self.side * each / longer))) // 2 for each in (width, height)]
            factor = longer / self.side
            own = faces.moved(factor, -border[0] * factor, -border[1] * factor)
            main = main_face(faces, self.side) if len(faces) else 0
            sightings.append(Detection(width, height, own.boxes, own.points[:, :2], descriptors, main))
        return sightings


class ActivationDetector:
    """The subject, or an object of some ImageNet classes."""

    policy = "squash"

    def __init__(self, word: str | None, device: str) -> None:
        from tellapart.models.gradcam import SIDE, SURE_ENOUGH, ActivationNetwork
        from tellapart.models.imagenet_classes import imagenet_classes

        self._classes = imagenet_classes(word) if word else ()
        self._network = ActivationNetwork(device=device)
        self.side = SIDE
        self.fingerprint = f"{self._network.fingerprint}-{self._classes}-{SURE_ENOUGH}"

    def __call__(self, squares: ByteArray, sizes: Sequence[tuple[int, int]]) -> list[Detection]:
        """One box a photo, or none."""
        from tellapart.cropping.geometry import activation_box
        from tellapart.models.gradcam import SURE_ENOUGH

        maps, sure = self._network.maps(squares, self._classes)
        sightings = []
        for activations, (width, height), probability in zip(maps, sizes, sure, strict=True):
            box = activation_box(activations, width, height) if probability >= SURE_ENOUGH else None
            sightings.append(Detection(width, height, box[None] if box is not None else np.zeros((0, 4))))
        return sightings


def make_detector(to: str, device: str) -> Detector:
    """A detector of ``faces``, the ``subject``, or the object that a word names.

    Raises:
        MissingExtra: faces, and their networks are not installed.
        OptionError: the packaged network knows no such thing.
    """
    if to == "faces":
        from tellapart.models.backbones import find_backbones
        from tellapart.models.face_features import FaceNetwork

        return FaceDetector(FaceNetwork(find_backbones("faces")[0], device=device))
    return ActivationDetector(None if to == "subject" else to, device)


def detect(
    files: Sequence[Path], image_ids: Sequence[str], find: Detector, *, num_workers: int | None = None, progress: Progress = SILENT
) -> list[Detection | str]:
    """Detect on each photo, with cached results; the reason as a text for photos that cannot be read.

    Args:
        files: the photos.
        image_ids: the sha256 of each.
        find: what to look for.
        num_workers: threads; None for one per core.
        progress: receives every photo.
    """
    name = hashlib.sha256(repr((VERSION, find.policy, find.fingerprint)).encode()).hexdigest()[:32]
    store = ThumbnailStore(cache_root() / "detections" / f"{name}.sqlite")
    try:
        known = {image_id: Detection.from_bytes(content) for image_id, content in store.read(list(dict.fromkeys(image_ids))).items()}
        missing = {image_id: file for file, image_id in zip(files, image_ids, strict=True) if image_id not in known}
        detected = dict(zip(missing, _detect_all(list(missing.items()), find, num_workers, progress) if missing else [], strict=True))
        store.write({image_id: one.to_bytes() for image_id, one in detected.items() if isinstance(one, Detection)})
    finally:
        store.close()
    return [known[image_id] if image_id in known else detected[image_id] for image_id in image_ids]


def _detect_all(files: Sequence[tuple[str, Path]], find: Detector, num_workers: int | None, progress: Progress) -> list[Detection | str]:
    """What is on each photo, given by its sha256 and its file, as the networks find it now."""
    import torch

    from tellapart.models.malloc import tune_malloc

    tune_malloc()
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    chunks = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
    workers = worker_count(num_workers)
    detections: list[Detection | str] = []
    try:
        with progress.stage("looking where to crop", total=len(files)) as advance:
            for some in prefetch(_detect_function(find), chunks, workers):
                detections += some
                advance(len(some))
    finally:
        torch.set_num_threads(before)
    return detections


def _detect_function(find: Detector) -> Callable[[Sequence[tuple[str, Path]]], list[Detection | str]]:
    """Reads some photos and looks at all of them at once; a detection is only of the bytes that its sha256 names."""

    def look(files: Sequence[tuple[str, Path]]) -> list[Detection | str]:
        squares, sizes, reasons = [], [], []
        for image_id, file in files:
            try:
                data = unchanged_bytes(file, image_id)
                if data is None:
                    reasons.append("it was changed while it was being read; run the command again")
                    continue
                image = decode(data, min_size=find.side)
            except ImageError as error:
                reasons.append(str(error))
                continue
            except OSError as error:
                reasons.append(f"cannot be read: {error.strerror or error}")
                continue
            squares.append(resize(image.pixels, find.side, "pad" if find.policy == "pad" else "squash"))
            sizes.append((image.width, image.height))
            reasons.append("")
        detections = iter(find(np.stack(squares), sizes) if squares else [])
        return [reason or next(detections) for reason in reasons]

    return look
