"""Checkpoints: everything a training needs to resume exactly, in one safetensors file.

The header of the file also holds the JSON of all that is not a tensor, so that one rename replaces both.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, empty_like, uint8
from torch.optim import Optimizer

from tellapart.atomic_files import replacing
from tellapart.models.safetensors_files import disk_errors

State = dict[str, Tensor]


@dataclass(frozen=True, eq=False)
class Restored:
    """What a checkpoint holds: tensors by the name of their state, and the facts saved with them."""

    states: dict[str, State]
    facts: dict[str, Any]


@dataclass(frozen=True)
class Checkpoint:
    """The checkpoint file of a training; it can be removed when the training is finished."""

    path: Path

    def save(self, states: dict[str, State], facts: dict[str, Any]) -> None:
        """Replace the checkpoint by these named states and facts.

        Raises:
            StorageError: the disk is full or cannot be written; the old checkpoint stays.
        """
        tensors = {f"{name}/{key}": value.detach().contiguous() for name, state in states.items() for key, value in state.items()}
        with replacing(self.path) as partial, disk_errors():
            written = json.dumps(facts)
            save_file(_unshared(tensors), partial, metadata={"facts": written, "checksum": _checksum(tensors, written)})

    def load(self) -> Restored | None:
        """The states and facts, or None where there is no whole checkpoint."""
        states: dict[str, State] = {}
        try:
            with safe_open(self.path, framework="pt") as file:
                metadata = file.metadata()
                facts = json.loads(metadata["facts"])
                for key in file.keys():  # noqa: SIM118
                    name, _, rest = key.partition("/")
                    states.setdefault(name, {})[rest] = file.get_tensor(key).clone()  # its own memory, not the file's
        except (OSError, SafetensorError, ValueError, KeyError, TypeError):
            return None
        tensors = {f"{name}/{key}": value for name, state in states.items() for key, value in state.items()}
        return Restored(states, facts) if _checksum(tensors, metadata["facts"]) == metadata.get("checksum") else None

    def remove(self) -> None:
        """Delete the file."""
        self.path.unlink(missing_ok=True)


def _checksum(tensors: State, facts: str) -> str:
    """CRC-32 of all contents of a checkpoint."""
    checksum = zlib.crc32(facts.encode())
    for key, value in sorted(tensors.items()):
        checksum = zlib.crc32(f"{key} {value.dtype} {tuple(value.shape)}".encode(), checksum)
        if value.numel():
            checksum = zlib.crc32(value.cpu().contiguous().reshape(-1).view(uint8).numpy().data, checksum)
    return f"{checksum:08x}"


def _unshared(tensors: State) -> State:
    """The tensors, copied where two share memory, as safetensors requires."""
    pointers: set[int] = set()
    unshared = {}
    for key, value in tensors.items():
        unshared[key] = value.clone() if value.data_ptr() in pointers else value
        pointers.add(value.data_ptr())
    return unshared


def optimizer_tensors(optimizer: Optimizer) -> State:
    """State tensors of an optimizer, keyed by parameter number and name."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: Optimizer, tensors: State) -> None:
    """Load state tensors into an optimizer.

    They get the memory layout of their parameters, because fused AdamW ignores strides.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, State] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        state.setdefault(int(number), {})[name] = empty_like(like).copy_(value) if value.shape == like.shape else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
