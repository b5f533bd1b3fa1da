"""Drift of a served model: its latest answers beside those on the images that its run was evaluated on."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tellapart.array_types import FloatArray

LATEST = 1000
"""Answers that are compared."""


@dataclass
class Drift:
    """Label shares and confidence of the latest answers, beside those on the images that the run was evaluated on.

    Attributes:
        expected: share of each predicted label on the evaluated images; empty where they are not known.
        expected_confidence: mean probability of the predicted class there; None where it is not known.
        answers: predicted class and its probability of the latest answers.
    """

    expected: dict[str, float] = field(default_factory=dict)
    expected_confidence: float | None = None
    answers: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=LATEST))

    def note(self, class_names: Sequence[str], probabilities: Iterable[FloatArray]) -> None:
        """Add the answers for some images, each float64 (k,) in the order of ``class_names``."""
        self.answers.extend((class_names[int(p.argmax())], float(p.max())) for p in probabilities)

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        answers = list(self.answers)
        shares = Counter(label for label, _ in answers)
        return {
            "answers": len(answers),
            "predicted": {label: count / len(answers) for label, count in shares.items()},
            "confidence": float(np.mean([p for _, p in answers])) if answers else None,
            "expected": self.expected,
            "expected_confidence": self.expected_confidence,
        }


def expected_drift(where: Path) -> Drift:
    """What the run predicted on the images that it was evaluated on."""
    from tellapart.run_folder import Run

    folder = where.parent if where.name == "model" else where
    if not (folder / "predictions.parquet").is_file():
        return Drift()
    predictions = Run(folder).predictions
    shares = Counter(predictions.class_names[target] for target in predictions.predicted)
    return Drift({label: count / len(predictions) for label, count in shares.items()}, float(predictions.confidence.mean()))
