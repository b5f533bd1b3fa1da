"""The same backbone fine-tuned for as many epochs by tellapart, by fastai's fine_tune and by a plain timm loop.

    python benchmarks/finetune_parity.py PHOTOS [--fastai-python PYTHON] [--backbone lite0] [--epochs 4] [--seed 0]
        [--peers fastai,timm] [--keep FOLDER]

PHOTOS has the folders `train` and one of `val`, `valid`, `validation` or `test`. Everybody gets links to the photos that
tellapart uses (copies and unreadable files left out), the same weights, and is judged on the same photos, matched by
path: exact McNemar for accuracy, a paired bootstrap over groups for log loss, ours minus theirs. "4 epochs" are four
of everything; before them fastai's fine_tune adds one of the head alone, and tellapart fits the head to the backbone's
features. Of the training photos tellapart holds one in five out to choose its epoch and temperature; the others learn
from all. Images a second are those of the fastest epoch of everything: ours with the judging of held-out photos, the
others' without any. The load stands beside them: other work on the machine makes them ratios at best, and poor ones.
``--keep`` keeps what each has answered, so that a peer can be added later.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

import tellapart
from tellapart.array_types import FloatArray
from tellapart.evaluation import accuracy_interval, compare, log_loss_interval
from tellapart.predictions import Predictions
from tellapart.run_folder import Run

HERE = Path(__file__).parent
SMALLEST = 1e-7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--fastai-python", default=sys.executable)
    parser.add_argument("--backbone", default="lite0")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--peers", default="fastai,timm")
    parser.add_argument("--keep", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work, keep = Path(folder), chosen.keep or Path(folder) / "kept"
        keep.mkdir(parents=True, exist_ok=True)
        run, load = trained(chosen, keep, work)
        part = next(name for name in ("val", "test") if name in run.metrics)
        wanted = run.predictions.part(part)
        pace = speed(epochs_of(run), load)
        for title, ours in (("ours", wanted), ("ours, without temperature", plain(wanted))):
            print(f"{title:26}{scores(ours)}  {pace}", flush=True)
        valid = linked(run, chosen.photos, work / "photos", part)
        weights = weights_of(chosen.backbone, work)
        for peer in chosen.peers.split(","):
            kept = keep / f"{peer}.json"
            python = chosen.fastai_python if peer == "fastai" else sys.executable
            script = str(HERE / "peers" / f"{peer}_habit.py")
            load, begin = os.getloadavg()[0], time.perf_counter()
            if not kept.exists():
                command = [python, script, chosen.backbone, str(work / "photos"), valid, str(weights), str(chosen.epochs), str(kept)]
                subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
                kept.write_text(json.dumps({**json.loads(kept.read_text()), "load": load, "wall_s": time.perf_counter() - begin}))
            told = json.loads(kept.read_text())
            theirs = answers_of(peer, told, wanted)
            pace = speed([(each["images"], each["seconds"]) for each in told["epochs"][-chosen.epochs :]], told["load"])
            print(f"{peer:26}{scores(theirs)}  {pace}, {told['wall_s']:.0f} s in all", flush=True)
            for title, ours in (("ours", wanted), ("ours, without temperature", plain(wanted))):
                found = compare(theirs, ours)
                print(
                    f"  {title} - {peer}: accuracy {100 * found.accuracy.value:+.1f} points"
                    f" ({100 * found.accuracy.low:+.1f} to {100 * found.accuracy.high:+.1f}), McNemar p = {found.p_value:.3g}"
                    f" ({len(found.wrong_to_right)} put right, {len(found.right_to_wrong)} got wrong); log loss {found.log_loss.value:+.4f}"
                    f" ({found.log_loss.low:+.4f} to {found.log_loss.high:+.4f}), n = {found.n}",
                    flush=True,
                )


def trained(chosen: argparse.Namespace, keep: Path, work: Path) -> tuple[Run, float]:
    """Our run, and the load before it; the one kept by an earlier call if there is one."""
    note = keep / "ours.load"
    if not note.exists():
        load = os.getloadavg()[0]
        options = {"backbone": chosen.backbone, "epochs": chosen.epochs, "seed": chosen.seed}
        tellapart.train(chosen.photos, recipe="finetune", **options, out=keep, state=work / "state", name="ours")
        note.write_text(str(load))
    return Run(keep / "ours"), float(note.read_text())


def linked(run: Run, photos: Path, folder: Path, part: str) -> str:
    """Links to the photos that the run used, as train and another folder, whose name is returned."""
    name = ""
    for row in run.rows:
        if row.is_used and row.part in ("train", part):
            name = name if row.part == "train" else Path(row.path).parts[0]
            link = folder / row.path
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((photos / row.path).resolve())
    return name


def weights_of(backbone: str, work: Path) -> Path:
    """The backbone's weights under timm's names."""
    from safetensors.torch import save_file

    from tellapart.models.backbones import find_backbones

    (found,) = find_backbones(backbone)
    path = work / "weights.safetensors"
    save_file({name: tensor.contiguous() for name, tensor in found.state().items()}, path)
    return path


def answers_of(peer: str, told: dict[str, Any], wanted: Predictions) -> Predictions:
    """A peer's answers as predictions for the same photos."""
    order = [told["class_names"].index(name) for name in wanted.class_names]
    probabilities = np.array([told["answers"][path] for path in wanted.paths])[:, order]
    return with_probabilities(wanted, probabilities, peer)


def plain(ours: Predictions) -> Predictions:
    """Our answers without temperature."""
    powers = np.exp(ours.logits - ours.logits.max(axis=1, keepdims=True))
    return with_probabilities(ours, powers / powers.sum(axis=1, keepdims=True), "ours, uncalibrated")


def with_probabilities(like: Predictions, probabilities: FloatArray, source: str) -> Predictions:
    clipped = np.clip(probabilities, SMALLEST, 1)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return replace(like, probabilities=clipped, logits=np.log(clipped), source=source)


def scores(predictions: Predictions) -> str:
    right, loss = accuracy_interval(predictions), log_loss_interval(predictions)
    return (
        f"accuracy {100 * right.value:.1f} % ({100 * right.low:.1f} to {100 * right.high:.1f}),"
        f" log loss {loss.value:.4f} ({loss.low:.4f} to {loss.high:.4f})"
    )


def epochs_of(run: Run) -> list[tuple[float, float]]:
    """Images and seconds of each epoch of our training."""
    events = [json.loads(line) for line in (run.folder / "history.jsonl").read_text().splitlines()]
    ends = [0.0, *(event["seconds"] for event in events)]
    images = run.metrics.training.images / len(events)
    return [(images, end - begin) for begin, end in pairwise(ends)]


def speed(epochs: Sequence[tuple[float, float]], load: float) -> str:
    return f"{max(images / seconds for images, seconds in epochs):.1f} images/s (load before it {load:.1f})"


if __name__ == "__main__":
    main()
