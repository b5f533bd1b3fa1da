"""95 % intervals: Wilson for proportions, the delta method for AUC, and effective sample sizes of grouped images."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.counts import count
from tellapart.evaluation.bootstrap import group_index
from tellapart.interval import Interval
from tellapart.part_metrics import PartMetrics

Z = 1.959963984540054
"""The 97.5 % point of the normal distribution."""
PRIOR_GROUPS = 2
"""Weight, in groups, of the worst case in which all images of a group share one outcome."""


def wilson(right: float, n: int, *, effective_n: float | None = None) -> Interval:
    """The 95 % score interval of a proportion (Wilson 1927).

    Args:
        right: number of successes, 0 to ``n``.
        n: number of images.
        effective_n: effective sample size, if the images are not independent.

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


def effective_images(interval: Interval, n: int) -> float:
    """The effective sample size of the Wilson interval of an accuracy over n images, from its width; at most n."""
    low, high = 1e-6, float(n)
    for _ in range(80):
        middle = (low + high) / 2
        of_middle = wilson(interval.value * n, n, effective_n=middle)
        if of_middle.high - of_middle.low > interval.high - interval.low:
            low = middle
        else:
            high = middle
    return high


def effective_size_sentence(part: PartMetrics) -> str | None:
    """A sentence on the effective sample size of a part whose images form groups; None where each image is its own group."""
    n, groups = part.n, part.groups
    if groups == n:
        return None
    effective = max(1, round(effective_images(part.accuracy, n)))
    noun = "group" if groups == 1 else "groups"
    sentence = f"{count(n, 'image')} in {groups:,} {noun} that stay together have an effective sample size of about {effective:,}"
    return f"{sentence}; the intervals account for it" if effective < n else None


def perfect_score_interval(support: IntArray, weight: float) -> Interval:
    """The interval of a macro average without any error, where resampling shows no spread.

    A mean of the classes' proportions varies like a proportion of k^2 / sum(1 / support) images (for balanced classes: of all
    images), times the weight of an image among its duplicates; the lower end is Wilson's bound for no errors in as many.

    Args:
        support: int (k,), images per class.
        weight: effective sample size over number of images.
    """
    present = support[support > 0]
    size = weight * len(present) ** 2 / float((1.0 / present).sum())
    return Interval(1.0, 1.0 / (1.0 + Z * Z / size), 1.0)


def logit_interval(value: float, influence: FloatArray) -> Interval:
    """The interval of a score between 0 and 1 by the delta method on the logit scale.

    In ``benchmarks/interval_honesty.py`` bootstrap percentiles of an AUC of 0.998 from 100 images cover the truth two times in
    three; this does 97 times in 100, in one pass. With one group the interval is 0 to 1.

    Args:
        value: the score, strictly between 0 and 1.
        influence: float (g,), the contribution of each group to the score.
    """
    groups = len(influence)
    if groups < 2:
        return Interval(value, 0.0, 1.0)
    deviation = math.sqrt(float(np.square(influence).sum()) * groups / (groups - 1))
    half = Z * deviation / (value * (1.0 - value))
    center = math.log(value / (1.0 - value))
    low, high = (0.5 * (1.0 + math.tanh((center + side) / 2.0)) for side in (-half, half))
    return Interval(value, min(low, value), max(high, value))


def effective_size(group_sizes: IntArray) -> float:
    """The effective sample size of groups, int (g,), whose images share one outcome: n^2 / sum of squares.

    Kish (1965), with the images of a group fully dependent: exact for duplicates, too cautious for less similar images.
    """
    sizes = np.asarray(group_sizes, dtype=np.float64)
    squares = float(np.square(sizes).sum())
    return float(sizes.sum()) ** 2 / squares if squares else 0.0


def effective_sample_size(values: FloatArray, index: IntArray) -> float:
    """The effective sample size of a mean over grouped images.

    The design effect (Kish 1965) is estimated from the scatter of the groups' sums. Few informative groups say little, so the
    worst case, in which all images of a group share one outcome, is averaged in with the weight of ``PRIOR_GROUPS`` groups. Lies
    between :func:`effective_size` and n; simulated in ``benchmarks/interval_honesty.py``.

    Args:
        values: float (n,), the value of each image.
        index: int (n,), the group of each image from 0.
    """
    n, sizes = len(values), np.bincount(index)
    worst = n / effective_size(sizes)
    if worst <= 1.0:
        return float(n)
    deviations = values - values.mean()
    scatter = float(np.square(deviations).sum())
    sums = np.bincount(index, weights=deviations)
    groups = len(sizes)
    observed = worst if scatter == 0.0 else float(np.square(sums).sum()) / scatter * groups / max(1, groups - 1)
    informative = len(np.unique(index[(sizes[index] > 1) & (values != np.median(values))]))
    effect = (informative * min(max(observed, 1.0), worst) + PRIOR_GROUPS * worst) / (informative + PRIOR_GROUPS)
    return float(n / effect)


def share_interval(values: BoolArray, groups: Sequence[str]) -> Interval:
    """The share of true values, bool (n,) with n > 0, with its Wilson interval at the effective sample size of n groups."""
    index, _ = group_index(groups)
    return wilson(int(values.sum()), len(values), effective_n=effective_sample_size(values.astype(np.float64), index))
