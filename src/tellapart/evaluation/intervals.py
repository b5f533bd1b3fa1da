"""Intervals: Wilson for proportions, a bootstrap over groups for everything else; always 95 %."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray, IntArray

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
DRAWS = 2000
"""Bootstrap draws behind every interval that is not closed-form."""
BLOCK_ROWS, BLOCK_CELLS = 64, 2_000_000
"""Most draws and most weights held at once: 16 MB of float64."""
ONE_THREAD = 250_000
"""Multiplications up to which OpenBLAS starts no threads."""
WARY = 2
"""Groups' worth of doubt about how alike the images of a group are."""


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval, in the value's own unit."""

    value: float
    low: float
    high: float

    def as_dict(self) -> dict[str, float]:
        """``{"value", "low", "high"}``, the form used in ``metrics.json``."""
        return {"value": self.value, "low": self.low, "high": self.high}

    @classmethod
    def from_dict(cls, form: dict[str, float]) -> Interval:
        """What :meth:`as_dict` gave, back again."""
        return cls(float(form["value"]), float(form["low"]), float(form["high"]))

    def percent(self, digits: int = 1) -> str:
        """A proportion for reading, ``97.1 % (95.3 to 98.4)``."""
        value, low, high = (f"{100 * x:.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} % ({low} to {high})"

    def points(self, digits: int = 1) -> str:
        """A difference of proportions for reading, ``+1.2 points (-0.3 to +2.7)``."""
        value, low, high = (f"{100 * x:+.{digits}f}" for x in (self.value, self.low, self.high))
        return f"{value} points ({low} to {high})"

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside the interval: a difference that can be told apart from none."""
        return self.low > 0 or self.high < 0

    def __str__(self) -> str:
        return f"{self.value:.3f} ({self.low:.3f} to {self.high:.3f})"

    def _repr_html_(self) -> str:
        is_proportion = self.low >= 0 and self.high <= 1
        start, stop = (0.0, 1.0) if is_proportion else (min(self.low, 0.0), max(self.high, 0.0))
        span = (stop - start) or 1.0
        low, value, high = (4 + 152 * (x - start) / span for x in (self.low, self.value, self.high))
        text = self.percent() if is_proportion else str(self)
        return (
            f'<svg width="160" height="14" role="img" aria-label="{text}" style="vertical-align:middle">'
            '<line x1="4" x2="156" y1="7" y2="7" stroke="currentColor" stroke-opacity="0.25"/>'
            f'<line x1="{low:.1f}" x2="{high:.1f}" y1="7" y2="7" stroke="currentColor" stroke-width="4"/>'
            f'<circle cx="{value:.1f}" cy="7" r="4" fill="currentColor"/></svg> {text}'
        )


def wilson(right: float, n: int, *, effective_n: float | None = None) -> Interval:
    """The 95 % score interval of a proportion (Wilson 1927), with fewer independent images if ``effective_n`` says so.

    Raises:
        ValueError: ``n`` or ``effective_n`` is not positive, or ``right`` is not in 0..n.
    """
    size = float(n if effective_n is None else effective_n)
    if n <= 0 or size <= 0 or not 0 <= right <= n:
        raise ValueError(f"wilson needs 0 <= right <= n and n > 0, received right={right}, n={n}, effective_n={effective_n}")
    p = right / n
    shrink = 1 + Z * Z / size
    center = (p + Z * Z / (2 * size)) / shrink
    half = Z / shrink * math.sqrt(p * (1 - p) / size + Z * Z / (4 * size * size))
    return Interval(p, min(p, max(0.0, center - half)), max(p, min(1.0, center + half)))


def images_worth(interval: Interval, n: int) -> float:
    """How many independent images the Wilson interval of an accuracy over n images was made for, from its width; n at most."""
    low, high = 1e-6, float(n)
    for _ in range(80):
        middle = (low + high) / 2
        of_middle = wilson(interval.value * n, n, effective_n=middle)
        if of_middle.high - of_middle.low > interval.high - interval.low:
            low = middle
        else:
            high = middle
    return high


def groups_sentence(numbers: Mapping[str, Any]) -> str | None:
    """What the images of a part are worth where groups hold them together; None where each stands for itself or nothing was measured.

    Args:
        numbers: a part of ``metrics.json``: ``n``, ``groups``, ``accuracy``.
    """
    n, groups = numbers["n"], numbers.get("groups")
    if not groups or groups == n or not numbers.get("accuracy"):
        return None
    worth = max(1, round(images_worth(Interval.from_dict(numbers["accuracy"]), n)))
    noun = "group" if groups == 1 else "groups"
    said = f"{n:,} images in {groups:,} {noun} that stay together are worth about {worth:,} independent ones"
    return f"{said}; the intervals say so" if worth < n else None


def perfect_score_interval(support: IntArray, worth: float) -> Interval:
    """The interval of a mean over classes of support (k,) when nothing went wrong, where resampling has nothing to show.

    A mean of the classes' shares varies like a proportion of k^2 / sum(1 / support) images (for equal classes: of them all),
    times what an image is worth among its duplicates; Wilson's bound for no errors in as many is the lower end.
    """
    present = support[support > 0]
    size = worth * len(present) ** 2 / float((1.0 / present).sum())
    return Interval(1.0, 1.0 / (1.0 + Z * Z / size), 1.0)


def logit_interval(value: float, influence: FloatArray) -> Interval:
    """A score strictly between 0 and 1 whose groups move it by ``influence`` (g,): the delta method on the logit scale.

    In ``benchmarks/interval_honesty.py`` bootstrap percentiles of an AUC of 0.998 from 100 images hold the truth two times in
    three; this does 97 times in 100, at the cost of one pass. With one group nothing is known.
    """
    groups = len(influence)
    if groups < 2:
        return Interval(value, 0.0, 1.0)
    deviation = math.sqrt(float(np.square(influence).sum()) * groups / (groups - 1))
    half = Z * deviation / (value * (1.0 - value))
    center = math.log(value / (1.0 - value))
    low, high = (0.5 * (1.0 + math.tanh((center + side) / 2.0)) for side in (-half, half))
    return Interval(value, min(low, value), max(high, value))


def group_index(groups: Sequence[str]) -> tuple[IntArray, int]:
    """Each image's group as a number (n,), in order of first appearance, and how many groups there are."""
    numbers: dict[str, int] = {}
    index = np.fromiter((numbers.setdefault(group, len(numbers)) for group in groups), dtype=np.int64, count=len(groups))
    return index, len(numbers)


def effective_size(group_sizes: IntArray) -> float:
    """How many independent images groups of these sizes (g,) are worth when a group is right or wrong as one: n^2 / sum of squares.

    Kish (1965), with the images of a group taken as fully dependent: exact for duplicates, too cautious for mere relatives.
    """
    sizes = np.asarray(group_sizes, dtype=np.float64)
    squares = float(np.square(sizes).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


def effective_sample_size(values: FloatArray, index: IntArray) -> float:
    """How many independent images the mean of ``values`` (n,) over grouped images (group numbers ``index``) is worth.

    The design effect (Kish 1965) is estimated from the scatter of the groups' sums. What that cannot know while few groups
    show anything unusual is taken from the worst case, in which all images of a group share one fate, with the weight of
    ``WARY`` groups. Lies between :func:`effective_size` and n; simulated in ``benchmarks/interval_honesty.py``.
    """
    n, sizes = len(values), np.bincount(index)
    worst = n / effective_size(sizes)
    if worst <= 1.0:
        return float(n)
    deviations = values - values.mean()
    scatter = float(np.square(deviations).sum())
    sums = np.bincount(index, weights=deviations)
    groups = len(sizes)
    seen = worst if scatter == 0.0 else float(np.square(sums).sum()) / scatter * groups / max(1, groups - 1)
    telling = len(np.unique(index[(sizes[index] > 1) & (values != np.median(values))]))
    effect = (telling * min(max(seen, 1.0), worst) + WARY * worst) / (telling + WARY)
    return float(n / effect)


def group_sums(columns: FloatArray, index: IntArray, num_groups: int) -> FloatArray:
    """Columns (n, m) summed within groups: float64 (num_groups, m)."""
    if num_groups == len(index):
        return np.asarray(columns, dtype=np.float64)  # every image its own group, already in order of appearance
    order = np.argsort(index, kind="stable")
    starts = np.searchsorted(index[order], np.arange(num_groups))
    return np.asarray(np.add.reduceat(np.asarray(columns, dtype=np.float64)[order], starts, axis=0))


def group_weights(num_groups: int, draws: int = DRAWS, seed: int = 0) -> Iterator[FloatArray]:
    """How often each group is drawn, in blocks (b, num_groups) of float64 that never hold more than 16 MB or one draw.

    Multinomial counts, ``num_groups`` draws with replacement; the block size does not change them.
    """
    rng = np.random.default_rng(seed)
    rows = max(1, min(BLOCK_ROWS, BLOCK_CELLS // max(1, num_groups)))
    for start in range(0, draws, rows):
        block = np.empty((min(rows, draws - start), num_groups))
        for row in block:
            row[:] = np.bincount(rng.integers(0, num_groups, num_groups, dtype=np.int32), minlength=num_groups)
        yield block


def resampled_sums(sums: FloatArray, draws: int = DRAWS, seed: int = 0) -> FloatArray:
    """Totals of the group sums (g, m) over ``draws`` resamplings of the groups: (draws, m).

    Multiplied in pieces small enough for OpenBLAS to stay in one thread: its threads wait on each other so eagerly that a
    product of 10 ms takes a second when another process holds a core.
    """
    across = np.ascontiguousarray(sums.T)
    totals = np.zeros((len(across), draws))
    done = 0
    for block in group_weights(len(sums), draws, seed):
        into = totals[:, done : done + len(block)]
        step = max(1, ONE_THREAD // (len(across) * len(block)))
        for start in range(0, len(sums), step):
            into += across[:, start : start + step] @ block[:, start : start + step].T
        done += len(block)
    return totals.T


def percentile_interval(value: float, resampled: FloatArray) -> Interval:
    """The middle 95 % of resampled values (draws,), undefined ones left out, widened to hold the value itself."""
    kept = resampled[np.isfinite(resampled)]
    low, high = np.percentile(kept, [2.5, 97.5]) if len(kept) else (value, value)
    return Interval(float(value), min(float(low), float(value)), max(float(high), float(value)))


def bootstrap(statistic: Callable[[FloatArray], FloatArray], sums: FloatArray, draws: int = DRAWS, seed: int = 0) -> Interval:
    """Percentile interval of a statistic of group sums (g, m); ``statistic`` maps totals (d, m) to values (d,)."""
    value = float(statistic(sums.sum(axis=0, keepdims=True))[0])
    return percentile_interval(value, statistic(resampled_sums(sums, draws, seed)))
