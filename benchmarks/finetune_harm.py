"""Does fine-tuning ever do harm? The default fine-tuning (or --recipe auto) minus the probe, paired, over sets, sizes and seeds.

    python benchmarks/finetune_harm.py PHOTOS... --keep FOLDER [--sizes 100,300,1000] [--seeds 0,1,2] [--backbone lite2]
        [--image-size N] [--recipe finetune] [--time-limit 3m] [--judged 600]

Of each set so many photos are learned from, whole groups of near-duplicates at a time, and up to ``--judged`` of the others
judged: links in a folder with ``train`` and ``test``. What is kept in FOLDER is not made again, the probe of a set, size and
seed least of all. Accuracy: adjusted Wald interval and exact McNemar; log loss: paired bootstrap over groups. The last two
columns are the out-of-fold log loss minus that of the judged photos: a way of choosing that flatters is below 0 on average.
"""

from __future__ import annotations

import argparse
import os
import shutil
from pathlib import Path

import numpy as np

import tellapart
from tellapart.analyzed_folder import analyze_folder
from tellapart.evaluation import compare
from tellapart.evaluation.metrics import log_loss
from tellapart.feature_spec import spec_of
from tellapart.run_folder import Run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", nargs="+", type=Path)
    parser.add_argument("--keep", type=Path, required=True)
    parser.add_argument("--sizes", default="100,300,1000")
    parser.add_argument("--seeds", default="0,1,2")
    parser.add_argument("--backbone", default="lite2")
    parser.add_argument("--image-size", type=int)
    parser.add_argument("--recipe", default="finetune")
    parser.add_argument("--time-limit")
    parser.add_argument("--judged", type=int, default=600)
    parser.add_argument("--shuffle", action="store_true", help="labels at random: everything has to end at chance")
    chosen = parser.parse_args()
    print("set | n | seed | probe | this | accuracy, points | McNemar | log loss | log loss, out of fold - judged, probe | this | load")
    for photos in chosen.photos:
        for size in map(int, chosen.sizes.split(",")):
            for seed in map(int, chosen.seeds.split(",")):
                show(photos, size, seed, chosen)


def show(photos: Path, size: int, seed: int, chosen: argparse.Namespace) -> None:
    name = f"{photos.parent.name}-{photos.name}-{size}-{seed}" + ("-shuffled" if chosen.shuffle else "")
    folder = subset(photos, size, seed, chosen, chosen.keep / "photos" / name)
    width = f"{chosen.backbone}-{chosen.image_size or 'own'}"
    shared = {"backbone": chosen.backbone, "image_size": chosen.image_size, "seed": seed, "state": chosen.keep / "state" / name}
    probe = run(chosen.keep, f"{name}-{width}-probe", folder, **shared, n_splits=0, learning_curve=False)
    recipe = {"recipe": chosen.recipe} | ({"time_limit": chosen.time_limit} if chosen.time_limit else {})
    this = run(chosen.keep, f"{name}-{width}-{chosen.recipe}-{chosen.time_limit or 'all'}", folder, **shared, **recipe)
    found = compare(probe.predictions, this.predictions)
    flattering = [out_of_fold(each) - each.metrics.test.log_loss.value for each in (probe, this)]
    values = [[each.metrics.test.accuracy.value, each.metrics.test.log_loss.value] for each in (probe, this)]
    scores = [f"{100 * accuracy:.1f} %, {loss:.4f}" for accuracy, loss in values]
    points = " to ".join(f"{100 * end:+.1f}" for end in (found.accuracy.low, found.accuracy.high))
    print(
        f"{photos.name} | {size} | {seed} | {scores[0]} | {scores[1]} | {100 * found.accuracy.value:+.1f} ({points}) | {found.p_value:.2g}"
        f" | {found.log_loss.value:+.4f} ({found.log_loss.low:+.4f} to {found.log_loss.high:+.4f})"
        f" | {flattering[0]:+.4f} | {flattering[1]:+.4f} | {os.getloadavg()[0]:.0f}",
        flush=True,
    )


def out_of_fold(run: Run) -> float:
    """The log loss out of fold that the run itself would claim."""
    selection = run.metrics.selection
    claimed = selection.cross_fitted_log_loss
    if claimed is not None:
        return float(claimed)
    found = run.out_of_fold
    assert found is not None
    return log_loss(found.probabilities, found.targets)


def run(keep: Path, name: str, folder: Path, **options: object) -> Run:
    """A run with this name; the one that is kept if there is one."""
    if not (keep / name / "report.html").exists():
        tellapart.train(folder, out=keep, name=name, **options)
    return Run(keep / name)


def subset(photos: Path, size: int, seed: int, chosen: argparse.Namespace, folder: Path) -> Path:
    """Links to so many photos to learn from, and to photos to judge that show nothing of them."""
    if folder.exists():
        return folder
    analyzed = analyze_folder(photos, spec_of("lite0", image_size=128), state=chosen.keep / "state" / photos.name)
    assignment = analyzed.assignment(test_share=None, seed=seed)
    rng = np.random.default_rng([seed, size])
    used = [row for row in assignment.rows if row.is_used]
    by_group: dict[str, list[int]] = {}
    for number, row in enumerate(used):
        if row.part == "train":
            by_group.setdefault(row.group or "", []).append(number)
    train: list[int] = []
    for group in rng.permutation(sorted(by_group)):
        if len(train) < size:
            train += by_group[group]
    groups = {used[number].group for number in train}
    others = [number for number, row in enumerate(used) if row.group not in groups]
    reported = [number for number in others if used[number].part != "train"]
    more = [number for number in others if used[number].part == "train"]
    judged = [*rng.permutation(reported), *rng.permutation(more)][: chosen.judged]
    labels = [row.label for row in used]
    if chosen.shuffle:
        labels = rng.permutation(np.array(labels, dtype=object)).tolist()
    partial = folder.with_name(folder.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for part, numbers in (("train", train), ("test", judged)):
        for number in numbers:
            link = partial / part / str(labels[number]) / f"{number}{Path(used[number].path).suffix}"
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to((photos / used[number].path).resolve())
    partial.rename(folder)
    return folder


if __name__ == "__main__":
    main()
