"""A step of fine-tuning on a CPU: ours beside the plain timm loop, and that loop with channels last.

    python benchmarks/finetune_step.py [--threads 1] [--rounds 5] [--steps 2]

A step is forward, loss, backward and AdamW(fused=True) on images of noise. The plain loop is what most people write:
float32, rows of channels (NCHW), training mode, the allocator as it is. Each way runs in a process of its own, since
malloc is tuned for a whole process; they take turns, the first turn is not counted. Processor time of one thread
(the default) is robust beside other work; for wall time give ``--threads 2`` on an idle machine.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

CASES = [("whole network", 224, 16, None), ("whole network", 128, 32, None), ("last 2 stages", 224, 16, 2), ("last 2 stages", 128, 32, 2)]
WAYS = ["ours", "timm", "timm, channels last"]
CACHED = "ours, lower stages kept"
LAST_STAGES = ("blocks.5", "blocks.6", "conv_head", "bn2", "classifier")
CLASSES = 10


def made_step(way: str, size: int, batch: int, stages: int | None) -> tuple[Callable[[], None], str]:
    """One step of training, and a word on what runs."""
    import torch
    from torch.nn import functional

    from tellapart.models.timm_networks import build_network

    torch.manual_seed(0)
    x, y = torch.randn(batch, 3, size, size), torch.randint(0, CLASSES, (batch,))
    model = build_network("tf_efficientnet_lite0")
    note = "float32"
    if way.startswith("ours"):
        from tellapart.models.finetunable import finetunable_network

        model.reset_classifier(0)
        body = finetunable_network(model, size)
        note = f"{body.precision}, rewritten: {body.is_rewritten}"
        for _, parameters in body.stages()[: -stages if stages else 0]:
            for p in parameters:
                p.requires_grad_(False)
        below, above = body.split_at(len(body.stages()) - stages) if way == CACHED and stages else (torch.nn.Identity(), body)
        x = below(x.contiguous(memory_format=torch.channels_last))
        network = torch.nn.Sequential(above, torch.nn.Linear(1280, CLASSES))
    else:
        model.reset_classifier(CLASSES)
        for name, p in model.named_parameters():
            p.requires_grad_(stages is None or name.startswith(LAST_STAGES))
        network = model
        if way.endswith("channels last"):
            network, x = network.to(memory_format=torch.channels_last), x.contiguous(memory_format=torch.channels_last)
    network.train()
    optimizer = torch.optim.AdamW([p for p in network.parameters() if p.requires_grad], lr=1e-5, fused=True)

    def step() -> None:
        optimizer.zero_grad()
        functional.cross_entropy(network(x), y).backward()
        optimizer.step()

    return step, note


def work(way: str, size: int, batch: int, stages: int | None, threads: int, steps: int) -> None:
    """Run so many steps for every line on the standard input, and answer with the seconds they took."""
    if way.startswith("ours"):
        from tellapart.models.malloc import tune_malloc

        tune_malloc()
    import torch

    torch.set_num_threads(threads)
    step, note = made_step(way, size, batch, stages)
    print(json.dumps(note), flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        for _ in range(steps):
            step()
        print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]), flush=True)


def compare(label: str, size: int, batch: int, stages: int | None, chosen: argparse.Namespace) -> None:
    ways = [*WAYS, *([CACHED] if stages else [])]
    workers = {}
    for way in ways:
        command = [sys.executable, __file__, "--work", json.dumps([way, size, batch, stages, chosen.threads, chosen.steps])]
        workers[way] = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    notes = {way: json.loads(worker.stdout.readline()) for way, worker in workers.items() if worker.stdout}
    taken: dict[str, list[tuple[float, float]]] = {way: [] for way in ways}
    for _ in range(chosen.rounds + 1):
        for way, worker in workers.items():
            assert worker.stdin and worker.stdout
            worker.stdin.write("go\n")
            worker.stdin.flush()
            taken[way].append(json.loads(worker.stdout.readline()))
    for worker in workers.values():
        worker.communicate()
    images = batch * chosen.steps
    wall, processor = ({way: images / statistics.median(t[k] for t in times[1:]) for way, times in taken.items()} for k in (0, 1))
    print(
        f"\n{label}, lite0 at {size} px, batches of {batch}, {chosen.threads} threads, median of {chosen.rounds} rounds (images a second)"
    )
    for way in ways:
        ratio, of_processor = wall["ours"] / wall[way], processor["ours"] / processor[way]
        print(
            f"{way:<25} wall {wall[way]:7.1f}  ours / this = {ratio:4.2f}"
            f"   per processor second {processor[way]:7.1f}  ours / this = {of_processor:4.2f}   {notes[way]}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=2)
    parser.add_argument("--work", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.work:
        way, size, batch, stages, threads, steps = json.loads(chosen.work)
        return work(way, size, batch, stages, threads, steps)
    for case in CASES:
        compare(*case, chosen)
    return None


if __name__ == "__main__":
    main()
