"""A checkpoint: all a training needs to go on as if nothing had happened, in one file.

The tensors lie in a safetensors file, whose header also holds the JSON of everything else: one rename replaces both.
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


@dataclass(frozen=True)
class Checkpoint:
    """Where a training's state is kept; it is worth nothing once the training is done."""

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

    def load(self) -> tuple[dict[str, State], dict[str, Any]] | None:
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
        return (states, facts) if _checksum(tensors, metadata["facts"]) == metadata.get("checksum") else None

    def remove(self) -> None:
        """Forget it."""
        self.path.unlink(missing_ok=True)


def _checksum(tensors: State, facts: str) -> str:
    """Of all that a checkpoint holds: one changed bit makes it another."""
    checksum = zlib.crc32(facts.encode())
    for key, value in sorted(tensors.items()):
        checksum = zlib.crc32(f"{key} {value.dtype} {tuple(value.shape)}".encode(), checksum)
        if value.numel():
            checksum = zlib.crc32(value.cpu().contiguous().reshape(-1).view(uint8).numpy().data, checksum)
    return f"{checksum:08x}"


def _unshared(tensors: State) -> State:
    """Tensors of which no two share memory, as safetensors wants them."""
    seen: set[int] = set()
    found = {}
    for key, value in tensors.items():
        found[key] = value.clone() if value.data_ptr() in seen else value
        seen.add(value.data_ptr())
    return found


def optimizer_tensors(optimizer: Optimizer) -> State:
    """What an optimizer remembers, by the number of the parameter and the name."""
    state = optimizer.state_dict()["state"]
    return {f"{number}.{name}": value for number, entry in state.items() for name, value in entry.items()}


def restore_optimizer(optimizer: Optimizer, tensors: State) -> None:
    """Let an optimizer remember these tensors.

    They are laid out in memory as their parameters are: fused AdamW goes along both at once and does not look at strides.
    """
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    state: dict[int, State] = {}
    for key, value in tensors.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        state.setdefault(int(number), {})[name] = empty_like(like).copy_(value) if value.shape == like.shape else value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
