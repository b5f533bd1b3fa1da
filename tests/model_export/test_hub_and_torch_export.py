"""The folders for timm and for torch: loaded by those alone, they answer as the run does; what timm has no form for is refused."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from tellapart.errors import ModelError
from tellapart.model_export.hub_export import export_hub, timm_member
from tellapart.model_export.onnx_export import ModelToExport
from tellapart.model_export.torch_export import export_torch
from tellapart.models.backbone_card import Backbone, BackboneCard
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Member, SavedModel
from tellapart.progress import SILENT
from tellapart.run_folder import Run
from tests import folders

NETWORK = "mobilenetv3_small_050"
SIZE = 64
NASTY = "dogs & <b>|*"


def made_model(folder: Path, **changes: Any) -> SavedModel:
    """A fine-tuned network as it is saved, with made weights: one linear head on features averaged with the mirror image."""
    import timm

    torch.manual_seed(0)
    network = timm.create_model(NETWORK, num_classes=0)
    folder.mkdir(exist_ok=True)
    save_file(network.state_dict(), folder / "tensors.safetensors")
    rng, width = np.random.default_rng(0), 1024
    card = BackboneCard(NETWORK, NETWORK, "", SIZE, (0.4, 0.5, 0.6), (0.3, 0.2, 0.25), width)
    weight = rng.normal(size=(width, 3)).astype(np.float32)
    head = LinearHead(1.0, np.full(width, 0.1, np.float32), np.full(width, 2.0, np.float32), weight, np.zeros(3, np.float32))
    member = Member((Backbone(card, folder / "tensors.safetensors"),), "crop", True, (head, replace(head, weight=-0.5 * weight)))
    model = SavedModel(("dots", "plain", NASTY), (member,), 1.7, 0.001, folder=folder, details={})
    return replace(model, **changes)


@pytest.fixture
def source(trained: Run, tmp_path: Path) -> ModelToExport:
    return ModelToExport(trained, made_model(tmp_path / "model"), SILENT)


@pytest.mark.filterwarnings("ignore")
def test_timm_loads_the_folder_and_answers_as_the_run(source: ModelToExport, tmp_path: Path) -> None:
    import timm

    (tmp_path / "hub").mkdir()
    found = export_hub(source, tmp_path / "hub")
    assert found.parity.same_pixels.largest < 1e-5 and found.parity.same_pixels.n == 90
    loaded = timm.create_model(f"local-dir:{tmp_path / 'hub'}", pretrained=True)
    assert loaded.pretrained_cfg["label_names"] == ["dots", "plain", NASTY]
    assert loaded.pretrained_cfg["crop_pct"] == 1.0 and tuple(loaded.pretrained_cfg["mean"]) == (0.4, 0.5, 0.6)
    assert {path.name for path in (tmp_path / "hub").iterdir()} == {"model.safetensors", "config.json", "README.md", "card.json"}


@pytest.mark.filterwarnings("ignore")
def test_the_model_card_has_the_numbers_and_leaves_the_licenses_to_fill_in(source: ModelToExport, tmp_path: Path) -> None:
    (tmp_path / "hub").mkdir()
    export_hub(source, tmp_path / "hub")
    text = (tmp_path / "hub/README.md").read_text(encoding="utf-8")
    accuracy = source.run.metrics.parts["test"].accuracy
    assert text.startswith("---\nlibrary_name: timm\n") and "license_name: FILL IN" in text
    assert f"{accuracy.percent()}" in text
    assert "(model(x) + model(x.flip(3))) / 2" in text and "temperature 1.700" in text
    assert "other splits of the same photos gave an accuracy of" in text
    assert "<b>" not in text and str(source.run.folder) not in text
    for heading in ("How good it is", "Use", "Calibration", "Data", "Limits", "License"):
        assert f"\n## {heading}\n" in text


def test_what_timm_has_no_form_for_is_refused_with_the_reason(tmp_path: Path) -> None:
    model = made_model(tmp_path / "model")
    (member,) = model.members
    tiny = Backbone(replace(member.backbones[0].card, architecture="tiny", name="tiny"), Path())
    cases = (
        ((member, member), "the mean of 2 members"),
        ((replace(member, backbones=member.backbones * 2),), "it joins"),
        ((replace(member, backbones=(tiny,)),), "tiny is not one of its networks"),
        ((replace(member, heads=(replace(member.heads[0], power=0.5),)),), "signed square root"),
    )
    for members, said in cases:
        with pytest.raises(ModelError, match=said) as caught:
            timm_member(replace(model, members=members))
        assert caught.value.hint == "--to onnx exports every model"


@pytest.mark.filterwarnings("ignore")
def test_the_torch_folder_runs_without_tellapart_and_without_a_pickle(source: ModelToExport, tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    found = export_torch(source, tmp_path / "torch")
    assert found.parity.same_pixels.largest < 1e-5
    with zipfile.ZipFile(tmp_path / "torch/model.pt2") as archive:
        assert [name for name in archive.namelist() if name.endswith((".pkl", ".pickle"))] == []
        assert not any(archive.read(name)[:2] in (b"\x80\x02", b"\x80\x04") for name in archive.namelist())
    photo = tmp_path / "1.jpg"
    photo.write_bytes(folders.class_photo("dots", 7))
    words = [sys.executable, "-I", str(tmp_path / "torch/predict.py"), str(photo)]
    printed = subprocess.run(words, capture_output=True, text=True, check=True, cwd="/").stdout.strip()
    assert any(printed.startswith(f"{photo}: {name} 0.") for name in ("dots", "plain", NASTY))
    card = json.loads((tmp_path / "torch/card.json").read_text(encoding="utf-8"))
    assert card["to"] == "torch" and card["parity"]["other_decoder"] is None
