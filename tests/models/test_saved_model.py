from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.errors import ModelError
from tellapart.models.backbones import find_backbones
from tellapart.models.heads import LinearHead
from tellapart.models.model_card import CARD, sealed_card
from tellapart.models.saved_model import Classifier, Member, load_model, save_model
from tellapart.run_folder import Run

WEIGHTS = "member-1.safetensors"


def heads(seed: int = 0, d: int = 6, k: int = 3) -> list[LinearHead]:
    rng = np.random.default_rng(seed)

    def values(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    return [LinearHead(power, values(d), np.abs(values(d)) + 0.1, values(d, k), values(k)) for power in (1.0, 0.5)]


def saved(folder: Path) -> Path:
    members = tuple(Member(find_backbones("lite0", image_size=96), "pad", False, tuple(heads(seed)), 1.0 + seed) for seed in (0, 1))
    save_model(folder, Classifier(("a", "<b>", "猫"), members, 1.25, 0.001), {"run": "x-1"})
    return folder


def test_a_saved_model_says_the_same_when_read_back(tmp_path: Path, own_cache: Path) -> None:
    model = load_model(saved(tmp_path / "model"))
    features = np.random.default_rng(1).normal(size=(20, 6)).astype(np.float32)
    of_members = [member.logits(features) for member in model.members]
    for seed, logits in enumerate(of_members):
        assert np.array_equal(logits, np.mean([head.logits(features) for head in heads(seed)], axis=0))
    assert np.allclose(model.logits(of_members), (of_members[0] + 2 * of_members[1]) / 3)
    assert np.allclose(model.probabilities(of_members[0]).sum(axis=1), 1)
    assert (model.class_names, model.temperature, model.clip) == (("a", "<b>", "猫"), 1.25, 0.001)
    assert [(m.resize, m.mirror, m.weight) for m in model.members] == [("pad", False, 1.0), ("pad", False, 2.0)]
    assert [b.card for b in model.members[0].backbones] == [b.card for b in find_backbones("lite0", image_size=96)]
    assert model.details["run"] == "x-1"


def test_a_saved_model_is_a_card_and_a_file_a_member_and_no_pickle(tmp_path: Path, own_cache: Path) -> None:
    folder = saved(tmp_path / "model")
    assert {p.name for p in folder.iterdir()} == {CARD, WEIGHTS, "member-2.safetensors"}
    (length,) = np.frombuffer((folder / WEIGHTS).read_bytes()[:8], "<u8")
    header = json.loads((folder / WEIGHTS).read_bytes()[8 : 8 + int(length)])
    assert {"head.0.weight", "head.1.bias", "backbone.0.conv_stem.weight"} <= header.keys()


def test_the_backbone_comes_out_as_it_went_in(tmp_path: Path, own_cache: Path) -> None:
    model = load_model(saved(tmp_path / "model"))
    (backbone,) = find_backbones("lite0")
    before, after = backbone.state(), model.members[1].backbones[0].state()
    assert before.keys() == after.keys()
    assert all((before[key] == after[key]).all() for key in before)


def test_a_saved_model_predicts_the_same_without_any_cache(trained: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "empty"))
    shutil.copytree(trained.model_folder, tmp_path / "elsewhere")
    reported = trained.predictions
    root = Path(trained.metrics.folder)
    found = tellapart.predict(tmp_path / "elsewhere", [root / path for path in reported.paths]).predictions
    assert found.image_ids == reported.image_ids
    assert np.abs(found.probabilities - reported.probabilities).max() < 0.02
    assert not (tmp_path / "empty/backbones").exists()


DAMAGES = {
    "no card": lambda f: (f / CARD).unlink(),
    "no weights": lambda f: (f / WEIGHTS).unlink(),
    "no folder": lambda f: shutil.rmtree(f),
    "card cut": lambda f: (f / CARD).write_text((f / CARD).read_text()[:100]),
    "card not utf-8": lambda f: (f / CARD).write_bytes(b"\xff\xfe"),
    "card a list": lambda f: (f / CARD).write_text("[]"),
    "card without heads": lambda f: (f / CARD).write_text('{"format": 1}'),
    "weights cut": lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-1000]),
    "weights empty": lambda f: (f / WEIGHTS).write_bytes(b""),
    "weights garbage": lambda f: (f / WEIGHTS).write_bytes(b"\xff" * 5000),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_model_is_a_clear_error(tmp_path: Path, own_cache: Path, damage: str) -> None:
    folder = saved(tmp_path / "model")
    DAMAGES[damage](folder)
    named = WEIGHTS if "weights" in damage else CARD
    with pytest.raises(ModelError, match=f"no usable model in .*model: {re.escape(named)}") as caught:
        load_model(folder)
    is_absent = damage in ("no card", "no folder")
    assert ("give the folder of a finished run" if is_absent else "copy the run again") in str(caught.value.hint)


def test_a_model_of_a_newer_version_says_so(tmp_path: Path, own_cache: Path) -> None:
    folder = saved(tmp_path / "model")
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(ModelError, match="newer tellapart") as caught:
        load_model(folder)
    assert "upgrade" in str(caught.value.hint)


def card_of(folder: Path) -> dict:
    return json.loads((folder / CARD).read_text(encoding="utf-8"))


def reseal(folder: Path, card: dict | None = None) -> None:
    """Let the checksums be right again, as somebody would who means harm."""
    card = {name: value for name, value in (card or card_of(folder)).items() if name not in ("checksums", "sha256")}
    (folder / CARD).write_text(sealed_card(card, folder), encoding="utf-8")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of one small member, not to be changed."""
    from tellapart.models.pixel_features import pixel_backbone

    folder = tmp_path_factory.mktemp("saved") / "model"
    member = Member((pixel_backbone(),), "crop", True, tuple(heads()))
    save_model(folder, Classifier(("a", "b", "c"), (member,), 1.25, 0.001), {"run": "x-1", "tellapart": "0.1"})
    return folder


WRONG: dict[str, tuple[tuple, object]] = {
    "temperature nan": (("temperature",), float("nan")),
    "temperature negative": (("temperature",), -1.0),
    "temperature zero": (("temperature",), 0),
    "temperature huge": (("temperature",), 10**400),
    "temperature text": (("temperature",), "1.0"),
    "temperature true": (("temperature",), True),
    "clip 2": (("clip",), 2),
    "clip negative": (("clip",), -0.1),
    "clip half": (("clip",), 0.5),
    "classes twice": (("class_names",), ["a", "a", "b"]),
    "classes two": (("class_names",), ["a", "b"]),
    "classes four": (("class_names",), ["a", "b", "c", "d"]),
    "classes none": (("class_names",), []),
    "classes text": (("class_names",), "abc"),
    "classes numbers": (("class_names",), [1, 2, 3]),
    "class empty": (("class_names",), ["a", "", "c"]),
    "class no utf-8": (("class_names",), ["a", "\ud800", "c"]),
    "format text": (("format",), "1"),
    "format true": (("format",), True),
    "format zero": (("format",), 0),
    "members none": (("members",), []),
    "members object": (("members",), {}),
    "member null": (("members", 0), None),
    "weight nan": (("members", 0, "weight"), float("nan")),
    "weight zero": (("members", 0, "weight"), 0),
    "weight list": (("members", 0, "weight"), [1]),
    "tensors absolute": (("members", 0, "tensors"), "/dev/zero"),
    "tensors above": (("members", 0, "tensors"), "../member-1.safetensors"),
    "tensors elsewhere": (("members", 0, "tensors"), "x/../member-1.safetensors"),
    "tensors absent": (("members", 0, "tensors"), "member-2.safetensors"),
    "tensors null": (("members", 0, "tensors"), None),
    "heads none": (("members", 0, "heads"), []),
    "heads three": (("members", 0, "heads"), [{"power": 1.0}] * 3),
    "power nan": (("members", 0, "heads", 0, "power"), float("nan")),
    "power negative": (("members", 0, "heads", 0, "power"), -1),
    "resize unknown": (("members", 0, "preprocessing", "resize"), "stretch"),
    "mirror number": (("members", 0, "preprocessing", "mirror"), 1),
    "image size 20000": (("members", 0, "backbones", 0, "image_size"), 20000),
    "image size zero": (("members", 0, "backbones", 0, "image_size"), 0),
    "image size real": (("members", 0, "backbones", 0, "image_size"), 224.5),
    "mean short": (("members", 0, "backbones", 0, "mean"), [0.5]),
    "std zero": (("members", 0, "backbones", 0, "std"), [0.5, 0, 0.5]),
    "std nan": (("members", 0, "backbones", 0, "std"), [0.5, float("nan"), 0.5]),
    "features negative": (("members", 0, "backbones", 0, "num_features"), -5),
    "architecture list": (("members", 0, "backbones", 0, "architecture"), ["x"]),
    "backbones none": (("members", 0, "backbones"), []),
    "checksums none": (("checksums",), {}),
    "run a number": (("run",), 7),
}


def put(content: object, path: tuple, value: object) -> None:
    for step in path[:-1]:
        content = content[step]  # type: ignore[index]
    content[path[-1]] = value  # type: ignore[index]


@pytest.mark.parametrize("kind", WRONG)
@pytest.mark.parametrize("is_sealed", [False, True])
def test_a_card_with_a_wrong_value_is_a_clear_error(model: Path, tmp_path: Path, kind: str, is_sealed: bool) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    card = card_of(folder)
    put(card, *WRONG[kind])
    (folder / CARD).write_text(json.dumps(card))
    if is_sealed and kind not in ("checksums none", "temperature nan", "weight nan", "power nan", "std nan", "class no utf-8"):
        reseal(folder)
    with pytest.raises(ModelError, match="no usable model") as caught:
        load_model(folder)
    assert caught.value.hint


@pytest.mark.parametrize(
    "path", [("temperature",), ("members", 0, "weight"), ("members", 0, "backbones", 0, "mean", 1), ("class_names", 0)]
)
def test_a_value_that_could_be_right_and_was_not_written_is_noticed(model: Path, tmp_path: Path, path: tuple) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    card = card_of(folder)
    put(card, path, "z" if path[0] == "class_names" else 1.5)
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"model\.json has been changed since it was written"):
        load_model(folder)
    reseal(folder)
    assert len(load_model(folder).class_names) == 3


def test_cards_that_are_no_proper_json_are_clear_errors(model: Path, tmp_path: Path) -> None:
    text = (model / CARD).read_text()
    folder = shutil.copytree(model, tmp_path / "model")
    for content in ("[" * 100_000, text.replace('"clip"', '"temperature": 1.0, "clip"'), text + "x", "null", "1", '"model"'):
        (folder / CARD).write_text(content)
        with pytest.raises(ModelError, match="no usable model"):
            load_model(folder)


def turned(tensors: dict, name: str, change: object) -> dict:
    return {key: change(value) if key == name else value for key, value in tensors.items()}  # type: ignore[operator]


TENSORS = {
    "nan weight": ("head.0.weight", lambda t: t.fill_(float("nan"))),
    "infinite bias": ("head.1.bias", lambda t: t.fill_(float("inf"))),
    "scale zero": ("head.0.scale", lambda t: t.zero_()),
    "scale negative": ("head.0.scale", lambda t: -t),
    "mean of one": ("head.0.mean", lambda t: t[:1].clone()),
    "bias of one": ("head.0.bias", lambda t: t[:1].clone()),
    "bias of rank 2": ("head.0.bias", lambda t: t[None].clone()),
    "weight of one row": ("head.1.weight", lambda t: t[:1].clone()),
    "weight of one class": ("head.1.weight", lambda t: t[:, :1].clone()),
    "weight flat": ("head.1.weight", lambda t: t.flatten()),
    "double": ("head.0.weight", lambda t: t.double()),
    "whole": ("head.0.mean", lambda t: t.int()),
}


@pytest.mark.parametrize("kind", TENSORS)
def test_tensors_that_do_not_fit_or_are_no_numbers_are_clear_errors(model: Path, tmp_path: Path, kind: str) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(model, tmp_path / "model")
    save_file(turned(load_file(folder / WEIGHTS), *TENSORS[kind]), folder / WEIGHTS)
    with pytest.raises(ModelError, match=r"member-1\.safetensors has been changed since it was written"):
        load_model(folder)
    reseal(folder)
    with pytest.raises(ModelError, match=r"no usable model in .*head\.\d\."):
        load_model(folder)


def test_a_tensor_that_is_lacking_is_a_clear_error(model: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = shutil.copytree(model, tmp_path / "model")
    save_file({name: value for name, value in load_file(folder / WEIGHTS).items() if name != "head.1.scale"}, folder / WEIGHTS)
    reseal(folder)
    with pytest.raises(ModelError, match=r"head\.1\.scale"):
        load_model(folder)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_pipe_or_a_folder_in_place_of_a_file_is_not_waited_for(model: Path, tmp_path: Path, name: str) -> None:
    folder = shutil.copytree(model, tmp_path / "model")
    (folder / name).unlink()
    os.mkfifo(folder / name)
    with pytest.raises(ModelError, match="not a regular file"):
        load_model(folder)
    (folder / name).unlink()
    (folder / name).mkdir()
    with pytest.raises(ModelError, match="no usable model"):
        load_model(folder)


def test_an_answer_that_is_no_number_is_said(model: Path) -> None:
    (member,) = load_model(model).members
    with pytest.raises(ModelError, match="no numbers"):
        member.logits(np.full((2, 6), np.nan, np.float32))
    with pytest.raises(ModelError, match="gives 7 features, and the head takes 6"):
        member.logits(np.zeros((2, 7), np.float32))
