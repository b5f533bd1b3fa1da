from __future__ import annotations

from pathlib import Path

import pytest

import tellapart
from tellapart.errors import ModelError
from tellapart.features import extraction_rates
from tellapart.features.extraction_rates import known_rate, record_rate
from tellapart.models.backbone_catalog import LITE_PARAMETERS, SUGGESTED, _parameters, known_backbones, named_backbone
from tellapart.models.efficientnet_lite_weights import PACKAGED
from tellapart.run_folder import Run


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("row", SUGGESTED, ids=[row[0] for row in SUGGESTED])
def test_what_is_said_of_a_suggestion_is_what_timm_says(row: tuple[str, str, int, int, str]) -> None:
    import timm

    name, _, parameters, image_size, license = row
    config = timm.get_pretrained_cfg(name)
    assert name in timm.list_pretrained(name.partition(".")[0] + "*")
    assert config is not None
    assert (_parameters(name), config.input_size[-1], config.license) == (parameters, image_size, license)


def test_suggestions_go_from_small_to_large() -> None:
    sizes = [row[2] for row in SUGGESTED]
    assert sizes == sorted(sizes) and len(sizes) > 10


def test_packaged_ones_come_first_and_nothing_is_measured_unasked(empty_cache: Path) -> None:
    found = tellapart.backbones().backbones
    assert [one.name for one in found[:3]] == list(PACKAGED)
    assert {one.source for one in found[:3]} == {"packaged"}
    assert all(one.images_per_s is None for one in found)
    assert found[0].command == "tellapart train FOLDER --backbone lite0"
    assert not (empty_cache / "backbones").exists()


def test_the_parameters_of_the_packaged_ones_are_counted() -> None:
    counted = {name: _parameters(weights.architecture) for name, weights in PACKAGED.items()}
    assert counted == LITE_PARAMETERS


def test_a_network_used_from_a_file_is_listed_with_how_to_use_it_again(empty_cache: Path, tmp_path: Path) -> None:
    import timm
    import torch

    from tellapart.models.backbones import find_backbones

    torch.manual_seed(0)
    weights = tmp_path / "own.pth"
    torch.save(timm.create_model("mobilenetv3_small_050").state_dict(), weights)
    find_backbones("mobilenetv3_small_050", weights=weights)
    (one,) = [one for one in tellapart.backbones().backbones if one.name == "mobilenetv3_small_050"]
    assert (one.source, one.license) == ("file", None)
    assert one.command == "tellapart train FOLDER --backbone mobilenetv3_small_050 --weights FILE"


def test_any_timm_name_is_known_and_others_are_refused(empty_cache: Path) -> None:
    one = named_backbone("mobilenetv3_small_050.lamb_in1k", known_backbones())
    assert one.parameters == 567_000 or (one.parameters or 0) > 100_000
    assert one.license == "apache-2.0" and one.source == "fetched on first use"
    with pytest.raises(ModelError, match="no backbone"):
        tellapart.backbones("no_such_network")


def test_a_network_that_is_not_here_is_measured_without_its_weights(empty_cache: Path) -> None:
    (one,) = tellapart.backbones("mobilenetv3_small_050.lamb_in1k", measure=True).backbones
    assert one.images_per_s is not None and one.images_per_s > 0
    assert not list(empty_cache.glob("backbones/*"))


def test_the_speed_of_a_training_is_remembered(trained: Run) -> None:
    (one,) = tellapart.backbones("lite0").backbones
    assert one.images_per_s == known_rate("lite0", 224, "cpu", mirror=True)


def test_rates_are_kept_by_size_and_a_damaged_file_is_none(empty_cache: Path) -> None:
    record_rate("lite0", 224, "cpu", mirror=True, images=100, seconds=2.0)
    record_rate("lite0", 128, "cpu", mirror=False, images=100, seconds=1.0)
    record_rate("lite1", 240, "cpu", mirror=True, images=extraction_rates.FEWEST - 1, seconds=1.0)
    assert known_rate("lite0", 224, "cpu", mirror=True) == 50.0
    assert known_rate("lite0", 128, "cpu", mirror=False) == 100.0
    assert known_rate("lite0", 224, "cpu", mirror=False) is None and known_rate("lite1", 240, "cpu", mirror=True) is None
    for content in ("", "[1]", '{"lite0, 224 px, cpu, mirrored": NaN}', '{"lite0, 224 px, cpu, mirrored": "fast"}'):
        (empty_cache / extraction_rates.FILE).write_text(content)
        assert known_rate("lite0", 224, "cpu", mirror=True) is None
