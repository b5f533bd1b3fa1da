"""Comparison of two models on the same images: the differences, and whether they are significant."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tellapart.array_types import BoolArray, FloatArray, IntArray
from tellapart.counts import count
from tellapart.errors import DataError
from tellapart.evaluation.bootstrap import DRAWS, group_index, group_sums
from tellapart.evaluation.intervals import Z, effective_sample_size, wilson
from tellapart.evaluation.loss_intervals import difference_columns, loss_columns, mean_interval
from tellapart.interval import Interval
from tellapart.part_metrics import Gain
from tellapart.predictions import Predictions
from tellapart.results import plain


@dataclass(frozen=True)
class Score:
    """The scores of one of two models on the images compared.

    Attributes:
        accuracy: proportion, 0 to 1.
        log_loss: in nats.
    """

    accuracy: Interval
    log_loss: Interval


@dataclass(frozen=True, eq=False)
class Comparison:
    """The second model against the first on the images both have predicted; differences are second minus first.

    Attributes:
        names: names of the first and the second.
        n: number of images compared; images without a known label are left out.
        groups: number of groups they form.
        accuracy: difference in accuracy (a proportion).
        log_loss: difference in log loss, in nats; negative if the second is better.
        p_value: of the exact McNemar test of equal accuracy.
        right_to_wrong: int (m,), rows of the first predictions that only the first got right.
        wrong_to_right: int (m,), rows of the first predictions that only the second got right.
        rows: int (n, 2), the row of each image compared in the first and in the second predictions.
        models: source of the predictions of the first and of the second.
        scores: of the first and of the second on these images; None if only the differences were computed.
    """

    names: tuple[str, str]
    n: int
    groups: int
    accuracy: Interval
    log_loss: Interval
    p_value: float
    right_to_wrong: IntArray
    wrong_to_right: IntArray
    rows: IntArray
    models: tuple[str, str] = ("", "")
    scores: tuple[Score, Score] | None = None

    @property
    def verdict(self) -> str:
        """The result as a sentence."""
        first, second = self.names if self.names[0] != self.names[1] else ("the first", "the second")
        images = f"on these {count(self.n, 'image')}"
        if self.p_value < 0.05:
            better, worse = (second, first) if self.accuracy.value > 0 else (first, second)
            gain = abs(100 * self.accuracy.value)
            ends = sorted(abs(100 * x) if x * self.accuracy.value > 0 else -abs(100 * x) for x in (self.accuracy.low, self.accuracy.high))
            points = f"{gain:.1f} points ({ends[0]:.1f} to {ends[1]:.1f})"
            return f"{better} beats {worse} by {points} of accuracy {images} (p = {self.p_value:.2g})"
        if self.log_loss.excludes_zero:
            better = second if self.log_loss.value < 0 else first
            return (
                f"{first} and {second} do not differ significantly in accuracy {images} (p = {self.p_value:.2g}), "
                f"but the log loss of {better} is lower by {abs(self.log_loss.value):.3f}"
            )
        return f"{first} and {second} do not differ significantly {images} (p = {self.p_value:.2g})"

    def as_dict(self) -> dict[str, Any]:
        """Plain numbers, names and the verdict, for JSON."""
        return {
            "names": list(self.names),
            **({"runs": self._runs(*self.scores)} if self.scores else {}),
            "n": self.n,
            "groups": self.groups,
            **plain(self.gain),
            "right_to_wrong": self.right_to_wrong.tolist(),
            "wrong_to_right": self.wrong_to_right.tolist(),
            "verdict": self.verdict,
        }

    def _runs(self, *scores: Score) -> list[dict[str, Any]]:
        return [
            {"name": name, "model": model, "accuracy": score.accuracy.as_dict(), "log_loss": score.log_loss.as_dict()}
            for name, model, score in zip(self.names, self.models, scores, strict=True)
        ]

    @property
    def gain(self) -> Gain:
        """Both differences and the p-value."""
        return Gain(self.accuracy, self.log_loss, self.p_value)

    def __str__(self) -> str:
        return self.verdict

    def _repr_html_(self) -> str:
        head = "<tr><th></th><th>run</th><th>model</th><th>accuracy (95 %)</th><th>log loss (95 %)</th></tr>"
        rows = ""
        for letter, name, model, score in zip("AB", self.names, self.models, self.scores or (None, None), strict=True):
            cells = (name, model, score.accuracy.percent() if score else "", str(score.log_loss) if score else "")
            rows += f"<tr><th>{letter}</th>{''.join(f'<td>{html.escape(cell)}</td>' for cell in cells)}</tr>"
        differences = ("B minus A", "", self.accuracy.points(), str(self.log_loss))
        rows += f"<tr><th></th>{''.join(f'<td>{cell}</td>' for cell in differences)}</tr>"
        return f"<p>{html.escape(self.verdict)}</p><table>{head}{rows}</table>"


def compare(first: Predictions, second: Predictions, *, draws: int = DRAWS, seed: int = 0) -> Comparison:
    """Compare the second model with the first on the images that both have, matched by content and path.

    Labels and groups are the second's, so that a relabeled folder is evaluated with its new labels.

    Raises:
        DataError: the class names differ, or no labeled image is in both.
    """
    rows = _matching_rows(first, second)
    a, b = first.where(rows[:, 0]), second.where(rows[:, 1])
    targets = b.targets
    order = [first.class_names.index(name) for name in second.class_names]
    p_first = a.probabilities[:, order]
    was_right, is_right = p_first.argmax(axis=1) == targets, b.is_right
    index, num_groups = group_index(b.groups)
    columns = difference_columns(p_first, b.probabilities, targets)
    return Comparison(
        names=(first.source, second.source),
        models=(first.source, second.source),
        n=len(targets),
        groups=num_groups,
        accuracy=_accuracy_difference(was_right, is_right, index),
        log_loss=mean_interval(group_sums(columns, index, num_groups), draws=draws, seed=seed),
        p_value=_grouped_mcnemar(was_right, is_right, index),
        right_to_wrong=rows[was_right & ~is_right, 0],
        wrong_to_right=rows[~was_right & is_right, 0],
        rows=rows,
    )


def score_both(first: Predictions, second: Predictions, rows: IntArray, *, draws: int = DRAWS, seed: int = 0) -> tuple[Score, Score]:
    """Score both models on the images compared, ``rows`` (n, 2) of a :class:`Comparison`, with the second's labels and groups."""
    a, b = first.where(rows[:, 0]), second.where(rows[:, 1])
    order = [first.class_names.index(name) for name in second.class_names]
    index, num_groups = group_index(b.groups)

    def score(probabilities: FloatArray) -> Score:
        right = probabilities.argmax(axis=1) == b.targets
        size = effective_sample_size(right.astype(np.float64), index)
        sums = group_sums(loss_columns(probabilities, b.targets), index, num_groups)
        return Score(wilson(int(right.sum()), len(right), effective_n=size), mean_interval(sums, lowest=0.0, draws=draws, seed=seed))

    return score(a.probabilities[:, order]), score(b.probabilities)


def mcnemar(right_to_wrong: int, wrong_to_right: int) -> float:
    """Exact two-sided p-value of equally likely changes (McNemar 1947): twice the binomial tail."""
    n, k = right_to_wrong + wrong_to_right, min(right_to_wrong, wrong_to_right)
    if n == 0:
        return 1.0
    logs = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) - n * math.log(2) for i in range(k + 1)]
    return min(1.0, 2.0 * math.fsum(math.exp(value) for value in logs))


def _grouped_mcnemar(was_right: BoolArray, is_right: BoolArray, index: IntArray) -> float:
    """McNemar with each group as one image, counted for the model that got more of it right."""
    net = np.bincount(index, weights=is_right.astype(np.float64) - was_right)
    return mcnemar(int((net < 0).sum()), int((net > 0).sum()))


def _accuracy_difference(was_right: BoolArray, is_right: BoolArray, index: IntArray) -> Interval:
    """Paired difference of accuracy with the adjusted Wald interval of Bonett & Price (2012), at the effective sample size.

    Unlike a bootstrap, it covers well when few or no images changed.
    """
    n = len(is_right)
    size = effective_sample_size(is_right.astype(np.float64) - was_right, index)
    lost, won = ((was_right & ~is_right).sum() * size / n, (~was_right & is_right).sum() * size / n)
    p_lost, p_won = (lost + 1) / (size + 2), (won + 1) / (size + 2)
    half = Z * math.sqrt((p_lost + p_won - (p_won - p_lost) ** 2) / (size + 2))
    value, center = float((won - lost) / size), float(p_won - p_lost)
    return Interval(value, max(-1.0, min(value, center - half)), min(1.0, max(value, center + half)))


def _matching_rows(first: Predictions, second: Predictions) -> IntArray:
    """Rows, int64 (n, 2), of the labeled images in both, in the second's order."""
    if set(first.class_names) != set(second.class_names):
        raise DataError(
            f"the class names differ: {', '.join(first.class_names)} against {', '.join(second.class_names)}",
            hint="compare two runs over the same classes",
        )
    row_of = {key: row for row, key in enumerate(zip(first.image_ids, first.paths, strict=True))}
    keys = zip(second.image_ids, second.paths, second.targets.tolist(), strict=True)
    rows = [(row_of[i, path], row) for row, (i, path, target) in enumerate(keys) if target >= 0 and (i, path) in row_of]
    if not rows:
        raise DataError(
            f"{first.source} ({count(len(first), 'image')}) and {second.source}"
            f" ({count(len(second), 'image')}) have no labeled image in common",
            hint="compare runs that report on the same folder and the same part",
        )
    return np.array(rows, dtype=np.int64)
