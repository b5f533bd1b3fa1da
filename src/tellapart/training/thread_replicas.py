"""Data parallelism over threads: replicas of the learner, each with its share of the batch on one core.

torch parallelizes every operation and waits for the slowest core after each; on a busy machine that is up to ten times
slower (docs/log.md). Replicas synchronize once per step. They share the parameters; each has its own running statistics
and dropout generator, so that a step does not depend on the order of threads.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from copy import deepcopy
from itertools import pairwise

import torch
from torch import nn

from tellapart.models.malloc import tune_malloc
from tellapart.training.learner import Learner

logger = logging.getLogger(__name__)

FEWEST = 4
"""Minimum number of images per replica; smaller batches use fewer replicas."""


class OwnDropout(nn.Module):
    """Dropout with its own random generator."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability
        self.seed = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """In training, x (...) with some values set to zero and the others scaled up."""
        if not self.training or not self.probability:
            return x
        generator = torch.Generator().manual_seed(self.seed)
        mask = torch.empty_like(x, dtype=torch.float32).bernoulli_(1 - self.probability, generator=generator)
        return x * mask.div_(1 - self.probability).to(x.dtype)


class Replicas:
    """Several learners with the same parameters.

    Args:
        learner: the first; its dropout layers are replaced.
        count: number of replicas; 1 is used where the network is random elsewhere than in dropout layers.
    """

    def __init__(self, learner: Learner, count: int) -> None:
        self.learner = learner
        self.count = count if is_repeatable(learner) else 1
        if self.count < count:
            logger.info("the network draws random numbers outside of dropout layers, so each step runs on one replica instead of %d", count)
        if self.count > 1:
            _own_dropout(learner)
        shared = {id(p): p for p in learner.parameters()}
        self._learners = [learner, *(deepcopy(learner, dict(shared)) for _ in range(self.count - 1))]
        self._pool = ThreadPoolExecutor(self.count)

    def step(self, x: torch.Tensor, losses: Callable[[slice, torch.Tensor], torch.Tensor], seed: int) -> tuple[float, torch.Tensor]:
        """Loss and logits (n, k) of a batch; the parameters' gradients are set.

        Args:
            x: images (n, 3, s, s).
            losses: from a slice of the batch and its logits to its contribution to the loss of the batch.
            seed: random seed of the dropout.
        """
        parts = _parts(len(x), min(self.count, max(1, len(x) // FEWEST)))
        parameters = list(self.learner.trained())

        def of_part(number: int) -> tuple[torch.Tensor, torch.Tensor, tuple[torch.Tensor, ...]]:
            part, learner = parts[number], self._learners[number]
            learner.train()
            _seed_dropout(learner, seed + number)
            logits = learner(x[part])
            loss = losses(part, logits)
            return loss.detach(), logits.detach(), torch.autograd.grad(loss, parameters)

        if self.count == 1:
            torch.manual_seed(seed)
            results = [of_part(0)]
        else:
            results = list(self._pool.map(of_part, range(len(parts))))
        for parameter, *gradients in zip(parameters, *(gradient for _, _, gradient in results), strict=True):
            total = torch.empty_like(parameter).copy_(gradients[0])  # laid out as the parameter is, which fused AdamW relies on
            for gradient in gradients[1:]:
                total += gradient
            parameter.grad = total
        return float(sum(loss for loss, _, _ in results)), torch.cat([logits for _, logits, _ in results])

    def set_precision(self, is_autocast: bool) -> None:
        """Turn autocast to bfloat16 on or off."""
        for learner in self._learners:
            learner.is_autocast = is_autocast

    def close(self) -> None:
        """Shut down the threads."""
        self._pool.shutdown()


@contextmanager
def one_thread_each(count: int) -> Iterator[None]:
    """Within, a torch operation uses one thread where there are several replicas."""
    tune_malloc()
    before = torch.get_num_threads()
    torch.set_num_threads(1 if count > 1 else before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def is_repeatable(network: nn.Module) -> bool:
    """Whether dropout layers are the only source of randomness in a network."""
    return not any(type(module).__name__ == "DropPath" or getattr(module, "drop_rate", 0) for module in network.modules())


def _parts(n: int, count: int) -> list[slice]:
    ends = [round(n * number / count) for number in range(count + 1)]
    return [slice(start, end) for start, end in pairwise(ends)]


def _own_dropout(network: nn.Module) -> None:
    for module in network.modules():
        for name, child in module.named_children():
            if type(child) is nn.Dropout:
                setattr(module, name, OwnDropout(child.p))


def _seed_dropout(network: nn.Module, seed: int) -> None:
    layers = [module for module in network.modules() if isinstance(module, OwnDropout)]
    for number, layer in enumerate(layers):
        layer.seed = (seed * 1_000_003 + number) % 2**63
