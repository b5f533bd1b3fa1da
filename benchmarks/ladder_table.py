"""The ladder on real photos: every rung's accuracy and log loss, mean and range over seeds, and what it cost.

    python benchmarks/ladder_table.py PHOTOS [PHOTOS ...] [--seeds 3] [--steps scratch,probe,finetune,tta,calibration]
        [--backbone lite0] [--scratch-epochs 60] [--folds 3] [--keep FOLDER]

The table is printed anew as each seed ends. With ``--keep`` every seed's figures are kept in FOLDER, and a later call
takes those it finds there instead of training again. Where the folder has no part of its own to report, another seed
is also another split.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import tellapart
from tellapart.results import plain


class Lines:
    """Progress as plain lines."""

    def __init__(self) -> None:
        from tellapart.cli.terminal import Terminal

        self.stage = Terminal().stage

    def note(self, message: str) -> None:
        """One line."""
        print(message, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", default="scratch,probe,finetune,tta,calibration")
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--scratch-epochs", type=int)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--folds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    for photos in chosen.photos:
        name = "-".join(photos.resolve().parts[-2:])
        tables: list[dict[str, Any]] = []
        for seed in range(chosen.seeds):
            options = {
                "steps": chosen.steps,
                "backbone": chosen.backbone,
                "scratch_epochs": chosen.scratch_epochs,
                "epochs": chosen.epochs,
                "folds": chosen.folds,
                "seed": seed,
            }
            kept = chosen.keep / f"{name}-{seed}.json" if chosen.keep else None
            table = read(kept, options) or climbed(photos, options, chosen.out)
            if kept:
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_text(json.dumps({"options": options, "table": table}))
            tables.append(table)
            print(f"seed {seed}: {table['wall_s']:.0f} s, saved: {table['saved']}, load at its end {table['load']:.1f}", flush=True)
            show(name, tables)


def read(path: Path | None, options: dict[str, Any]) -> dict[str, Any] | None:
    """A seed's figures from an earlier call with the same options."""
    if path is None or not path.exists():
        return None
    found: dict[str, Any] = json.loads(path.read_text())
    return found["table"] if found["options"] == options else None


def climbed(photos: Path, options: dict[str, Any], out: Path | None) -> dict[str, Any]:
    """One seed's figures."""
    with tempfile.TemporaryDirectory() as work:
        begin = time.perf_counter()
        run = tellapart.ladder(photos, **options, out=out or Path(work) / "runs", state=Path(work) / "state", progress=Lines())
        part = next(iter(run.metrics.parts.values()))
        facts = {"wall_s": time.perf_counter() - begin, "saved": run.metrics.ladder.saved, "load": os.getloadavg()[1]}
        return {"n": part.n, "rungs": plain(part)["rungs"], **facts}


def show(name: str, tables: list[dict[str, Any]]) -> None:
    """The table over the seeds so far."""
    judged = spread([float(table["n"]) for table in tables], 0)
    print(f"\n{name}: {judged} images judged, {len(tables)} seeds\n")
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
    print(flush=True)


def spread(values: list[float], digits: int) -> str:
    if min(values) == max(values):
        return f"{values[0]:.{digits}f}"
    return f"{statistics.mean(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


if __name__ == "__main__":
    main()
