"""The ladder on real photos: every rung's accuracy and log loss, mean and range over seeds, and what it cost.

    python benchmarks/ladder_table.py PHOTOS [PHOTOS ...] [--seeds 3] [--rungs scratch,probe,finetune,views,calibration]
        [--backbone lite0] [--scratch-epochs 60] [--folds 3]

Where the folder has no part of its own to report, another seed is also another split.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tellapart


class Lines:
    """Progress as plain lines."""

    def __init__(self) -> None:
        from tellapart.cli.terminal import Terminal

        self.stage = Terminal().stage

    def note(self, message: str) -> None:
        """One line."""
        print(message, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rungs", default="scratch,probe,finetune,views,calibration")
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--scratch-epochs", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    for photos in chosen.photos:
        tables = []
        for seed in range(chosen.seeds):
            with tempfile.TemporaryDirectory() as work:
                begin = time.perf_counter()
                run = tellapart.ladder(
                    photos,
                    rungs=chosen.rungs,
                    backbone=chosen.backbone,
                    scratch_epochs=chosen.scratch_epochs,
                    epochs=chosen.epochs,
                    folds=chosen.folds,
                    seed=seed,
                    out=chosen.out or Path(work) / "runs",
                    state=Path(work) / "state",
                    progress=Lines(),
                )
                part = next(name for name in ("test", "val") if name in run.metrics)
                tables.append(run.metrics[part])
                print(f"seed {seed}: {time.perf_counter() - begin:.0f} s, saved: {run.metrics['ladder']['saved']}", flush=True)
        show(photos.name, tables)


def show(name: str, tables: list[dict[str, Any]]) -> None:
    print(f"\n{name}: {tables[0]['n']} images judged, {len(tables)} seeds\n")
    print("| rung | accuracy, % | log loss | seconds | images/s | seeds with p < 0.05 over the rung below |")
    print("|---|---|---|---|---|---|")
    for rungs in zip(*(table["rungs"] for table in tables), strict=True):
        accuracy = spread([100 * rung["accuracy"]["value"] for rung in rungs], 1)
        loss = spread([rung["log_loss"]["value"] for rung in rungs], 4)
        seconds = statistics.mean(rung["seconds"] for rung in rungs)
        speeds = [rung["images_per_s"] for rung in rungs if rung["images_per_s"]]
        speed = f"{statistics.mean(speeds):.0f}" if speeds else ""
        told = sum(bool(rung["gain"]) and rung["gain"]["p_value"] < 0.05 for rung in rungs)
        print(f"| {rungs[0]['name']} | {accuracy} | {loss} | {seconds:.0f} | {speed} | {told} of {len(rungs)} |")


def spread(values: list[float], digits: int) -> str:
    return f"{statistics.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
