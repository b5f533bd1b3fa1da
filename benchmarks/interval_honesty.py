"""Do our 95 % intervals hold the truth 95 % of the time?

A finite population of 20,000 images with a known truth, test sets drawn from it, and the share of their intervals that hold
the population's value. Ours beside what is usually done (Wilson on images as if none were duplicates; bootstrap percentiles).

    python benchmarks/interval_honesty.py [--splits 1000]
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tellapart.calibration import apply, softmax
from tellapart.evaluation.bootstrap import bootstrap, group_index, group_sums
from tellapart.evaluation.comparison import compare
from tellapart.evaluation.intervals import Interval, effective_size, wilson
from tellapart.evaluation.loss_intervals import loss_columns, mean_interval
from tellapart.evaluation.metrics import losses
from tellapart.evaluation.power_law import fit_power_law
from tellapart.evaluation.summary import evaluate
from tellapart.predictions import Predictions

POPULATION = 20_000
ACCURACIES, SIZES = (0.75, 0.9, 0.98), (100, 400, 1000)
DRAWS = 1000


class Tally:
    """How often intervals held the truth, and how wide they were."""

    def __init__(self) -> None:
        self.held: list[bool] = []
        self.widths: list[float] = []

    def add(self, interval: Interval, truth: float) -> None:
        """Note one interval."""
        self.held.append(interval.low <= truth <= interval.high)
        self.widths.append(interval.high - interval.low)

    def show(self, setting: str) -> None:
        """Print the row of the table."""
        covered, width = 100 * np.mean(self.held), np.median(self.widths)
        flag = "" if covered >= 93 else "  << below 93"
        print(f"{setting:62s} {95:7d} {covered:8.1f} {width:8.4f} {np.mean(self.widths):8.4f}{flag}", flush=True)


def logits_at(accuracy: float, rng: np.random.Generator, size: int = POPULATION, k: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Calibrated logits (n, k) of a Gaussian model right that often, and the targets (n,)."""
    targets, noise = rng.integers(0, k, size), rng.normal(size=(size, k))
    low, high = 0.0, 12.0
    for _ in range(40):
        margin = (low + high) / 2
        z = noise.copy()
        z[np.arange(size), targets] += margin
        low, high = (margin, high) if (z.argmax(axis=1) == targets).mean() < accuracy else (low, margin)
    return z * margin, targets


def accuracies(splits: int, rng: np.random.Generator) -> None:
    """Independent images."""
    for accuracy in ACCURACIES:
        right = np.zeros(POPULATION, dtype=bool)
        right[: round(accuracy * POPULATION)] = True
        for n in SIZES:
            tally = Tally()
            for _ in range(splits * 4):
                tally.add(wilson(int(rng.choice(right, n, replace=False).sum()), n), float(right.mean()))
            tally.show(f"accuracy {accuracy:.2f}, n {n}: Wilson")


def duplicates(splits: int, rng: np.random.Generator, agreement: float) -> None:
    """A fifth of the images in groups of 2 to 5; a duplicate agrees with its group in ``agreement`` of cases, else is drawn anew."""
    for accuracy in ACCURACIES:
        sizes = np.concatenate([rng.integers(2, 6, POPULATION // 5 * 2 // 7), np.ones(POPULATION * 4 // 5, dtype=np.int64)])
        group = np.repeat(np.arange(len(sizes)), sizes)
        follows = rng.random(len(group)) < agreement
        right = np.where(follows, (rng.random(len(sizes)) < accuracy)[group], rng.random(len(group)) < accuracy)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        right_in = np.add.reduceat(right, starts)
        for n in SIZES:
            naive, ours = Tally(), Tally()
            for _ in range(splits * 4):
                order = rng.permutation(len(sizes))[:n]
                chosen = order[: int(np.searchsorted(np.cumsum(sizes[order]), n)) + 1]
                good, count = int(right_in[chosen].sum()), int(sizes[chosen].sum())
                naive.add(wilson(good, count), float(right.mean()))
                ours.add(wilson(good, count, effective_n=effective_size(sizes[chosen])), float(right.mean()))
            naive.show(f"accuracy {accuracy:.2f}, n {n}, duplicates agree {agreement:.1f}: naive")
            ours.show(f"accuracy {accuracy:.2f}, n {n}, duplicates agree {agreement:.1f}: ours")


def models(accuracy: float, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Probabilities and targets of a calibrated model, an overconfident one, and a calibrated one with 1 % wrong labels."""
    logits, targets = logits_at(accuracy, rng)
    flipped = np.where(rng.random(POPULATION) < 0.01, 1 - targets, targets)
    return {
        "calibrated": (apply(logits, 1.0, 5e-4), targets),
        "overconfident": (apply(logits, 0.4, 5e-4), targets),
        "1 % label noise": (apply(logits, 1.0, 5e-4), flipped),
    }


def log_losses(splits: int, rng: np.random.Generator) -> None:
    """Log loss: bootstrap percentiles against ours."""
    for accuracy in ACCURACIES:
        for name, (p, targets) in models(accuracy, rng).items():
            truth = float(losses(p, targets).mean())
            for n in SIZES:
                plain, ours = Tally(), Tally()
                for seed in range(splits):
                    rows = rng.choice(POPULATION, n, replace=False)
                    columns = loss_columns(p[rows], targets[rows])
                    plain.add(bootstrap(lambda t: t[:, 0] / t[:, 1], columns[:, :2], DRAWS, seed), truth)
                    ours.add(mean_interval(columns, lowest=0.0, draws=DRAWS, seed=seed), truth)
                plain.show(f"log loss {truth:.3f} ({accuracy:.2f} {name}), n {n}: percentiles")
                ours.show(f"log loss {truth:.3f} ({accuracy:.2f} {name}), n {n}: ours")


def predictions(p: np.ndarray, targets: np.ndarray, rows: np.ndarray) -> Predictions:
    names = tuple(f"class {i}" for i in range(p.shape[1]))
    ids = tuple(str(i) for i in rows)
    labels = tuple(names[t] for t in targets[rows])
    return Predictions(ids, ids, labels, p[rows], np.log(p[rows]), names, ("test",) * len(rows), ids, "simulation")


def differences(splits: int, rng: np.random.Generator) -> None:
    """Two models on the same images: the intervals of their differences."""
    for accuracy in ACCURACIES:
        logits, targets = logits_at(accuracy, rng)
        jitter = rng.normal(size=logits.shape) * logits.std() * 0.2
        first, second = softmax(logits), apply(logits + jitter, 1.1, 5e-4)
        gap = float((second.argmax(1) == targets).mean() - (first.argmax(1) == targets).mean())
        loss_gap = float((losses(second, targets) - losses(first, targets)).mean())
        for n in SIZES:
            ours, plain, loss = Tally(), Tally(), Tally()
            for seed in range(splits):
                rows = rng.choice(POPULATION, n, replace=False)
                result = compare(predictions(first, targets, rows), predictions(second, targets, rows), draws=DRAWS, seed=seed)
                changed = (second[rows].argmax(1) == targets[rows]).astype(float) - (first[rows].argmax(1) == targets[rows])
                columns = np.stack([changed, np.ones(n)], axis=1)
                plain.add(bootstrap(lambda t: t[:, 0] / t[:, 1], columns, DRAWS, seed), gap)
                ours.add(result.accuracy, gap)
                loss.add(result.log_loss, loss_gap)
            plain.show(f"difference of accuracy {gap:+.4f} at {accuracy:.2f}, n {n}: percentiles")
            ours.show(f"difference of accuracy {gap:+.4f} at {accuracy:.2f}, n {n}: ours")
            loss.show(f"difference of log loss {loss_gap:+.4f} at {accuracy:.2f}, n {n}: ours")


def other_scores(splits: int, rng: np.random.Generator) -> None:
    """Macro F1 and AUC, three classes."""
    for accuracy in ACCURACIES:
        logits, targets = logits_at(accuracy, rng, k=3)
        p = softmax(logits)
        whole = evaluate(predictions(p, targets, np.arange(POPULATION)), draws=10)
        for n in SIZES:
            tallies = {"macro_f1": Tally(), "auc": Tally()}
            for seed in range(splits // 2):
                part = evaluate(predictions(p, targets, rng.choice(POPULATION, n, replace=False)), draws=DRAWS, seed=seed)
                for name, tally in tallies.items():
                    tally.add(Interval.from_dict(part[name]), whole[name]["value"])
            for name, tally in tallies.items():
                tally.show(f"{name} {whole[name]['value']:.4f} at {accuracy:.2f}, n {n}: ours")


def grouped_losses(splits: int, rng: np.random.Generator) -> None:
    """Log loss with a fifth of the images in groups of 2 to 5 exact duplicates: groups ignored against ours."""
    p, targets = models(0.9, rng)["calibrated"]
    for n in SIZES:
        naive, ours = Tally(), Tally()
        truth = float(losses(p, targets).mean())
        for seed in range(splits):
            singles, copied = rng.choice(POPULATION, n * 4 // 5, replace=False), rng.choice(POPULATION, n // 5 * 2 // 7)
            rows = np.concatenate([singles, np.repeat(copied, rng.integers(2, 6, len(copied)))])
            columns = loss_columns(p[rows], targets[rows])
            index, count = group_index([str(row) for row in rows])
            naive.add(mean_interval(columns, lowest=0.0, draws=DRAWS, seed=seed), truth)
            ours.add(mean_interval(group_sums(columns, index, count), lowest=0.0, draws=DRAWS, seed=seed), truth)
        naive.show(f"log loss {truth:.3f}, n {n}, exact duplicates: groups ignored")
        ours.show(f"log loss {truth:.3f}, n {n}, exact duplicates: ours")


def learning_curves(splits: int, rng: np.random.Generator) -> None:
    """Five sizes, three seeds: the error at twice as many images, and what they gain."""
    sizes = np.array([50, 100, 200, 400, 800])
    for floor, scale, power in ((0.02, 1.5, 0.5), (0.0, 1.0, 0.35), (0.1, 5.0, 0.9), (0.0, 0.6, 0.5), (0.03, 0.6, 0.5)):
        level, gain = Tally(), Tally()
        truth = {int(n): floor + scale * float(n) ** -power for n in (*sizes, 1600)}
        for seed in range(splits):
            errors = [np.maximum(0.0, truth[int(n)] + rng.normal(0, 0.025 * truth[int(n)] ** 0.5, 3)).tolist() for n in sizes]
            law = fit_power_law(sizes.tolist(), errors, seed=seed)
            level.add(law.predict_at(1600), truth[1600])
            gain.add(law.gain(800, 1600), truth[800] - truth[1600])
        level.show(f"curve {floor} + {scale} n^-{power}: error at twice the images")
        gain.show(f"curve {floor} + {scale} n^-{power}: gain of twice the images")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--splits", type=int, default=1000, help="simulated test sets per setting (closed forms get four times as many)")
    splits, rng, start = parser.parse_args().splits, np.random.default_rng(7), time.perf_counter()
    print(f"{'setting':62s} {'nominal':>7s} {'covered':>8s} {'median w':>8s} {'mean w':>8s}")
    accuracies(splits, rng)
    for agreement in (1.0, 0.5):
        duplicates(splits, rng, agreement)
    log_losses(splits, rng)
    grouped_losses(splits, rng)
    differences(splits, rng)
    other_scores(splits, rng)
    learning_curves(splits, rng)
    print(f"{splits} splits a setting, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
