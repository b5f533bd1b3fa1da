from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import tellapart
from tellapart.errors import ModelError
from tellapart.models.backbones import find_backbones
from tellapart.models.heads import LinearHead
from tellapart.models.saved import CARD, Classifier, Member, load_model, save_model
from tellapart.runs import Run

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
    root = Path(trained.metrics["folder"])
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
    with pytest.raises(ModelError, match="no usable model"):
        load_model(folder)


def test_a_model_of_a_newer_version_says_so(tmp_path: Path, own_cache: Path) -> None:
    folder = saved(tmp_path / "model")
    card = json.loads((folder / CARD).read_text())
    (folder / CARD).write_text(json.dumps({**card, "format": 99}))
    with pytest.raises(ModelError, match="newer tellapart") as caught:
        load_model(folder)
    assert "upgrade" in str(caught.value.hint)
