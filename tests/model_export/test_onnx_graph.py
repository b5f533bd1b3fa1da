"""The graph computes what the saved model computes: several squares, members, powers, mirror images, temperature and clip."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tellapart.array_types import ByteArray
from tellapart.conformal import ConformalScale
from tellapart.errors import ModelError
from tellapart.features.matrix import unit_rows
from tellapart.images import resize
from tellapart.model_export.onnx_graph import described, network_graph, photo_square, with_photo_input
from tellapart.model_export.quantization import quantized
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.face_weights import FACES
from tellapart.models.heads import LinearHead
from tellapart.models.network_loading import network_of
from tellapart.models.onnx_classifier import OnnxClassifier, input_names
from tellapart.models.out_of_distribution import Familiarity, Standard, distances, energies
from tellapart.models.pixel_features import pixel_backbone
from tellapart.models.portable_classifier import PortableClassifier, Square, check_portable, squares_of
from tellapart.models.saved_model import Classifier, Member
from tellapart.models.scratch_networks import build_image_network

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")
SIZE = 48
SHAPES = [(75, 100), (100, 75), (48, 48), (30, 20), (500, 61), (61, 500), (3, 300), (300, 1), (49, 97), (1, 1), (400, 50), (401, 50)]


@cache
def session(policy: str) -> Any:
    nodes, result = photo_square("photo", SIZE, policy, "square_")
    photo = onnx.helper.make_tensor_value_info("photo", onnx.TensorProto.UINT8, [1, "H", "W", 3])
    square = onnx.helper.make_tensor_value_info(result, onnx.TensorProto.UINT8, [1, SIZE, SIZE, 3])
    model = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "square", [photo], [square]), opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=8
    )
    onnx.checker.check_model(model, full_check=True)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def photo(height: int, width: int) -> ByteArray:
    """Smooth colors with hard edges and bright corners, so that a wrong weight at the border shows."""
    noise = np.random.default_rng(height * 1000 + width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    small = Image.fromarray(noise).resize((max(1, width // 3), max(1, height // 3)))
    pixels = np.array(small.resize((width, height)))
    pixels[0], pixels[:, -1] = 255, 0
    return pixels


@pytest.mark.parametrize("policy", ["crop", "pad", "squash"])
@pytest.mark.parametrize("shape", SHAPES)
def test_the_square_is_that_of_resize(policy: str, shape: tuple[int, int]) -> None:
    pixels = photo(*shape)
    (found,) = session(policy).run(None, {"photo": pixels[None]})
    off = np.abs(found[0].astype(int) - resize(pixels, SIZE, policy))  # type: ignore[arg-type]
    assert found.shape == (1, SIZE, SIZE, 3)
    assert off.max() <= 2 and (off > 0).mean() < 0.03


@pytest.mark.parametrize("policy", ["crop", "squash"])
def test_the_border_is_weighed_as_the_middle_is(policy: str) -> None:
    pixels = photo(160, 200)
    (found,) = session(policy).run(None, {"photo": pixels[None]})
    off = np.abs(found[0].astype(int) - resize(pixels, SIZE, policy))  # type: ignore[arg-type]
    border = np.concatenate([off[0], off[-1], off[:, 0], off[:, -1]])
    assert border.max() <= 1


pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")
CLASSES = ("cats", "dogs & <b>", "birds")


def head(width: int, power: float, seed: int) -> LinearHead:
    rng = np.random.default_rng(seed)
    mean, scale = rng.random(width, np.float32), 0.5 + rng.random(width, np.float32)
    weight = rng.normal(size=(width, len(CLASSES))).astype(np.float32) / np.float32(width**0.5)
    return LinearHead(power, mean, scale, weight, rng.normal(size=len(CLASSES)).astype(np.float32))


def tiny_backbone(folder: Path, size: int = 24) -> Backbone:
    torch.manual_seed(0)
    network = build_image_network("tiny", 2, size)
    save_file({key: value.contiguous() for key, value in network.backbone.state_dict().items()}, folder / "tiny.safetensors")
    return Backbone(
        BackboneCard("tiny", "tiny", "", size, (0.4, 0.5, 0.6), (0.5, 0.4, 0.3), network.num_features), folder / "tiny.safetensors"
    )


def classifier(folder: Path) -> Classifier:
    """Two members: a join of a network and of pixels with two heads, and pixels of another size, padded."""
    joined = (tiny_backbone(folder), pixel_backbone(8))
    width = sum(backbone.card.num_features for backbone in joined)
    first = Member(joined, "crop", True, (head(width, 1.0, 1), head(width, 0.5, 2)), weight=3.0)
    second = Member((pixel_backbone(12),), "pad", False, (head(432, 1.0, 3),), weight=1.0)
    return Classifier(CLASSES, (first, second), temperature=0.7, clip=0.01)


def loaded(made: Classifier, path: Path, change: Any = None, metadata: dict[str, Any] | None = None) -> OnnxClassifier:
    portable = PortableClassifier(made)
    graph = network_graph(portable)
    graph = with_photo_input(change(graph) if change else graph, portable.squares)
    inputs = {n: {"size": s.size, "resize": s.resize} for n, s in zip(input_names(portable.squares), portable.squares, strict=True)}
    known: dict[str, Any] = {} if made.familiarity is None else {"familiarity_groups": made.familiarity.scale.groups}
    known |= {"format": 1, "class_names": list(CLASSES), "inputs": inputs, "run": "made", "versions": {"tellapart": "0"}}
    path.write_bytes(described(graph, known | (metadata or {})).SerializeToString())
    return OnnxClassifier(path)


def expected(made: Classifier, squares: dict[Square, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """By the networks and heads of the saved model, in float32."""
    logits = []
    for member in made.members:
        features = [
            network_of(b.in_precision("float32", "cpu"), device="cpu").features(
                squares[Square(b.card.image_size, member.resize)], mirror=member.mirror
            )
            for b in member.backbones
        ]
        logits.append(member.logits(np.hstack(features)))
    return made.probabilities(made.logits(logits))


def first_features(made: Classifier, squares: list[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """The features of the first member."""
    first, by_square = made.members[0], dict(zip(squares_of(made), squares, strict=True))
    networks = [network_of(backbone.in_precision("float32", "cpu"), device="cpu") for backbone in first.backbones]
    sides = [by_square[Square(backbone.card.image_size, first.resize)] for backbone in first.backbones]
    return np.hstack([one.features(side, mirror=first.mirror) for one, side in zip(networks, sides, strict=True)])


def made_familiarity(features: np.ndarray[Any, Any], energy: Standard | None) -> Familiarity:
    """A familiarity on which images of such features are spread."""
    rng = np.random.default_rng(1)
    units = unit_rows(rng.normal(size=(40, features.shape[1])).astype(np.float32)).astype(np.float16)
    scale = ConformalScale.of(rng.normal(size=60), [f"group {n // 2}" for n in range(60)])
    return Familiarity(units, Standard.of(distances(features, units)), energy, scale)


def noise(made: Classifier, count: int) -> list[np.ndarray[Any, Any]]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (count, s.size, s.size, 3), dtype=np.uint8) for s in squares_of(made)]


def test_members_squares_powers_and_the_calibration_are_inside(tmp_path: Path) -> None:
    made = classifier(tmp_path)
    model, squares = loaded(made, tmp_path / "model.onnx"), noise(made, 5)
    assert [square.name for square in model.squares] == ["pixels_8", "pixels_12", "pixels_24"]
    assert [square.resize for square in model.squares] == ["crop", "pad", "crop"]
    probabilities, logits, familiarity = model.answers(squares)
    assert logits.shape == (5, 3) and familiarity is None
    assert np.abs(probabilities - expected(made, dict(zip(squares_of(made), squares, strict=True)))).max() < 1e-5
    alone = model.answers([square[:1] for square in squares]).probabilities
    assert alone[0] == pytest.approx(probabilities[0], abs=1e-6)
    photo = model.photo_answers(np.full((30, 40, 3), 200, np.uint8)).probabilities
    assert photo.shape == (1, 3) and photo.sum() == pytest.approx(1)


def test_members_with_the_same_network_share_it(tmp_path: Path) -> None:
    backbone = tiny_backbone(tmp_path)
    one, two = (Member((backbone,), "crop", True, (head(64, 1.0, seed),)) for seed in (1, 2))
    assert len(PortableClassifier(Classifier(CLASSES, (one, two), 1.0, 0.0)).networks) == 1
    assert len(PortableClassifier(Classifier(CLASSES, (one, replace(two, mirror=False)), 1.0, 0.0)).networks) == 2


def test_whole_numbers_are_another_model_of_nearly_the_same_answers(tmp_path: Path) -> None:
    backbone = tiny_backbone(tmp_path)
    made = Classifier(CLASSES, (Member((backbone,), "crop", False, (head(64, 1.0, 1),)),), 1.0, 0.0)
    squares = noise(made, 8)
    exact = loaded(made, tmp_path / "float.onnx")
    rough = loaded(made, tmp_path / "int8.onnx", lambda graph: quantized(graph, squares_of(made), [(one,) for one in squares[0]]))
    exact_answers, found = exact.answers(squares).probabilities, rough.answers(squares).probabilities
    assert 1e-6 < np.abs(exact_answers - found).max() < 0.2
    assert (tmp_path / "int8.onnx").stat().st_size < 0.6 * (tmp_path / "float.onnx").stat().st_size


def test_faces_are_refused_with_the_reason() -> None:
    half = (0.5, 0.5, 0.5)
    backbone = Backbone(BackboneCard(FACES, FACES, "", 224, half, half, 4), Path())
    with pytest.raises(ModelError, match="faces cannot be exported: it searches each photo for faces") as caught:
        check_portable(Classifier(CLASSES, (Member((backbone,), "crop", True, (head(4, 1.0, 0),)),), 1.0, 0.0))
    assert "tellapart crop" in str(caught.value.hint)


def test_metadata_are_plain_json(tmp_path: Path) -> None:
    made = Classifier(CLASSES, (Member((pixel_backbone(8),), "squash", False, (head(192, 1.0, 1),)),), 1.0, 0.0)
    model = loaded(made, tmp_path / "model.onnx")
    assert model.class_names == CLASSES
    assert json.loads(json.dumps(model.metadata))["inputs"] == {"pixels": {"size": 8, "resize": "squash"}}


@pytest.mark.parametrize("has_energy", [False, True])
def test_the_familiarity_is_that_of_the_saved_model(tmp_path: Path, has_energy: bool) -> None:
    made = classifier(tmp_path)
    squares = noise(made, 12)
    features = first_features(made, squares)
    energy = Standard.of(energies(loaded(made, tmp_path / "plain.onnx").answers(squares).logits)) if has_energy else None
    familiarity = made_familiarity(features, energy)
    model = loaded(replace(made, familiarity=familiarity), tmp_path / "model.onnx")
    found = model.answers(squares)
    p_values = familiarity.p_values(features, found.logits)
    assert len(np.unique(p_values)) > 5
    assert found.familiarity == pytest.approx(p_values, abs=1e-6)
    photo = model.photo_answers(np.full((30, 40, 3), 200, np.uint8))
    assert photo.familiarity is not None and photo.familiarity.shape == (1,)


def test_a_file_whose_familiarity_is_missing_is_refused(tmp_path: Path) -> None:
    made = classifier(tmp_path)
    with pytest.raises(ModelError, match="does not give the outputs that its metadata names"):
        loaded(made, tmp_path / "model.onnx", metadata={"familiarity_groups": 30.0})


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"familiarity_groups": 0}, "familiarity_groups"),
        ({"true_classes": {"scores": [0.2, 0.1], "weights": [1.0, 1.0]}}, "do not ascend"),
        ({"true_classes": {"scores": [0.1, 0.2], "weights": [1.0]}}, "not as many"),
        ({"true_classes": {"scores": [], "weights": []}}, "scores"),
        ({"decision": {"answers": ["others", "b", "c"], "costs": [[0.0, 1.0, 1.0]] * 3, "source": "costs"}}, "does not fit the classes"),
    ],
)
def test_metadata_that_cannot_be_true_are_refused(tmp_path: Path, content: dict[str, Any], said: str) -> None:
    made = Classifier(CLASSES, (Member((pixel_backbone(8),), "squash", False, (head(192, 1.0, 1),)),), 1.0, 0.0)
    with pytest.raises(ModelError, match=said):
        loaded(made, tmp_path / "model.onnx", metadata=content)
