from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch

from tellapart.errors import StorageError
from tellapart.training.checkpoint import Checkpoint, optimizer_tensors, restore_optimizer

STATES = {
    "learner": {"a.weight": torch.arange(6.0).view(2, 3), "count": torch.tensor(7)},
    "best": {"half": torch.ones(2, dtype=torch.bfloat16)},
}
FACTS = {"step": 3, "best_loss": math.inf, "history": [{"epoch": 1}], "notes": ["ä"]}


@pytest.fixture
def checkpoint(tmp_path: Path) -> Checkpoint:
    return Checkpoint(tmp_path / "deep" / "member-1.checkpoint")


def test_what_was_saved_comes_back(checkpoint: Checkpoint) -> None:
    assert checkpoint.load() is None
    checkpoint.save(STATES, FACTS)
    loaded = checkpoint.load()
    assert loaded is not None
    states, facts = loaded.states, loaded.facts
    assert facts == FACTS
    for name, state in STATES.items():
        assert states[name].keys() == state.keys()
        for key, value in state.items():
            assert torch.equal(states[name][key], value)
            assert states[name][key].dtype == value.dtype
    checkpoint.remove()
    checkpoint.remove()
    assert checkpoint.load() is None
    assert not list(checkpoint.path.parent.iterdir())


def test_an_empty_state_is_not_missed(checkpoint: Checkpoint) -> None:
    checkpoint.save({"learner": STATES["learner"], "best": {}}, {})
    loaded = checkpoint.load()
    assert loaded is not None
    assert "best" not in loaded.states


def test_tensors_that_share_memory_or_lie_otherwise_are_written_whole(checkpoint: Checkpoint) -> None:
    base = torch.arange(24.0).view(2, 3, 2, 2)
    last = base.clone().to(memory_format=torch.channels_last)
    checkpoint.save({"x": {"a": base, "same": base, "part": base[0], "turned": base.permute(1, 0, 2, 3), "last": last}}, {})
    loaded = checkpoint.load()
    assert loaded is not None
    found = loaded.states["x"]
    assert torch.equal(found["same"], base)
    assert torch.equal(found["part"], base[0])
    assert torch.equal(found["turned"], base.permute(1, 0, 2, 3))
    assert torch.equal(found["last"], base)


@pytest.mark.parametrize("kind", ["cut", "empty", "text", "header", "foreign", "no facts", "bit of a tensor", "bit of a fact"])
def test_a_damaged_one_is_none(checkpoint: Checkpoint, kind: str) -> None:
    from safetensors.torch import save_file

    checkpoint.save(STATES, FACTS)
    data = checkpoint.path.read_bytes()
    bits = {"bit of a tensor": data[:-1] + bytes([data[-1] ^ 1]), "bit of a fact": data.replace(b"epoch", b"epocl")}
    if kind == "foreign":
        save_file({"a": torch.ones(2)}, checkpoint.path)
    elif kind == "no facts":
        save_file({"a": torch.ones(2)}, checkpoint.path, metadata={"facts": "{"})
    else:
        checkpoint.path.write_bytes({"cut": data[:-3], "empty": b"", "text": b"x" * 99, "header": b"\xff" * 8 + data[8:], **bits}[kind])
    assert checkpoint.load() is None
    checkpoint.save(STATES, FACTS)
    assert checkpoint.load() is not None


def test_a_full_disk_leaves_the_old_one(small_disk: Path) -> None:
    checkpoint = Checkpoint(small_disk / "member-1.checkpoint")
    checkpoint.save(STATES, FACTS)
    with pytest.raises(StorageError, match="no space left"):
        checkpoint.save({"learner": {"large": torch.zeros(4 * 2**20)}}, {"step": 4})
    loaded = checkpoint.load()
    assert loaded is not None
    assert loaded.facts == FACTS
    assert [path.name for path in small_disk.iterdir()] == ["member-1.checkpoint"]


def test_a_place_that_cannot_be_written_is_a_storage_error() -> None:
    with pytest.raises(StorageError):
        Checkpoint(Path("/proc/nowhere/member-1.checkpoint")).save(STATES, FACTS)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_an_optimizer_goes_on_as_if_nothing_had_happened(checkpoint: Checkpoint, layout: torch.memory_format) -> None:
    """Fused AdamW goes along parameter and memory at once: both must be laid out alike."""

    def after(is_interrupted: bool) -> torch.Tensor:
        torch.manual_seed(0)
        network = torch.nn.Conv2d(3, 8, 3).to(memory_format=layout)
        optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
        for step in range(5):
            if is_interrupted and step == 2:
                checkpoint.save({"optimizer": optimizer_tensors(optimizer)}, {})
                loaded = checkpoint.load()
                assert loaded is not None
                optimizer = torch.optim.AdamW(network.parameters(), lr=0.1, fused=True)
                restore_optimizer(optimizer, loaded.states["optimizer"])
            torch.manual_seed(step)
            optimizer.zero_grad()
            network(torch.randn(4, 3, 8, 8).to(memory_format=layout)).square().mean().backward()
            optimizer.step()
        return network.weight.detach()

    assert torch.equal(after(True), after(False))


def test_an_empty_tensor_is_kept(checkpoint: Checkpoint) -> None:
    checkpoint.save({"judged": {"losses": torch.empty(0, dtype=torch.float64)}}, {})
    loaded = checkpoint.load()
    assert loaded is not None
    assert len(loaded.states["judged"]["losses"]) == 0
