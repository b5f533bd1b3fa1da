"""The members of an ensemble, their weights, and the mean of their calibrated log odds as predictions and as one saved model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from tellapart import calibration
from tellapart.array_types import FloatArray, IntArray
from tellapart.errors import DataError
from tellapart.models.heads import LinearHead
from tellapart.models.saved_model import Classifier, Member, SavedModel, load_model
from tellapart.predictions import Predictions
from tellapart.run_folder import Run


@dataclass(frozen=True, eq=False)
class EnsembleMember:
    """A run as a member of an ensemble.

    Attributes:
        run: where it lies.
        model: its saved model; the tensors of networks stay on disk.
        class_names: the order of the ensemble's classes.
    """

    run: Run
    model: SavedModel
    class_names: tuple[str, ...]

    @property
    def title(self) -> str:
        """What it is called where it is compared."""
        return f"{self.run.name}: {self.run.predictions.source}"

    @property
    def order(self) -> list[int]:
        """For each of the ensemble's classes its index among the run's."""
        return [self.model.class_names.index(name) for name in self.class_names]

    def answers(self, predictions: Predictions, images: Predictions) -> Predictions:
        """The run's own ``predictions`` for the images of ``images``; as logits the calibrated log-odds, clip left out."""
        row_of = {image_id: row for row, image_id in enumerate(predictions.image_ids)}
        rows = np.array([row_of[image_id] for image_id in images.image_ids], dtype=np.int64)
        columns = np.ix_(rows, np.array(self.order))
        logits = predictions.logits[columns] / self.model.temperature
        return replace(images, probabilities=predictions.probabilities[columns], logits=logits, source=self.title)

    def networks(self, weight: float) -> list[Member]:
        """The members of its model with weights that make the sum of their logits ``weight`` times the run's calibrated log-odds."""
        total = sum(member.weight for member in self.model.members)
        share = weight / (self.model.temperature * total)
        return [
            replace(member, heads=tuple(_reorder_classes(head, self.order) for head in member.heads), weight=share * member.weight)
            for member in self.model.members
        ]


@dataclass(frozen=True, eq=False)
class Ensemble:
    """How members are put together.

    The ensemble's log-odds are the mean of the members' calibrated ones by ``weights``; ``temperature`` and ``clip`` make
    probabilities of them. A :class:`~tellapart.models.saved_model.Classifier` divides by the sum of its members' weights, which
    is :attr:`scale`; so its logits are these log-odds over ``scale``, and its temperature is ``temperature / scale``.

    Attributes:
        members: the runs.
        weights: float64 (r,), 1 in sum.
        temperature, clip: of the mean.
    """

    members: Sequence[EnsembleMember]
    weights: FloatArray
    temperature: float = 1.0
    clip: float = 0.0

    @property
    def scale(self) -> float:
        """The sum of the members' weights."""
        return sum(float(w) / member.model.temperature for w, member in zip(self.weights, self.members, strict=True))

    @property
    def classifier(self) -> Classifier:
        """What is to be saved; members that weigh nothing are not in it."""
        pairs = zip(self.weights, self.members, strict=True)
        networks = [network for weight, member in pairs if weight > 0 for network in member.networks(float(weight))]
        return Classifier(self.members[0].class_names, tuple(networks), self.temperature / self.scale, self.clip)

    def log_odds(self, answers: Sequence[Predictions]) -> FloatArray:
        """The mean, float64 (n, k), of the members' answers for the same images."""
        return np.asarray(np.tensordot(self.weights, np.stack([each.logits for each in answers]), axes=1))

    def predictions(self, answers: Sequence[Predictions]) -> Predictions:
        """The ensemble's predictions; logits as the saved model gives them."""
        mean = self.log_odds(answers)
        probabilities = calibration.apply(mean, self.temperature, self.clip)
        return replace(answers[0], probabilities=probabilities, logits=mean / self.scale, source=f"ensemble of {len(self.members)} runs")


def ensemble_members(runs: Sequence[Run]) -> list[EnsembleMember]:
    """The runs as members, classes in the first run's order.

    Raises:
        DataError: their classes differ; says which.
        ModelError: a saved model is damaged.
    """
    members = [EnsembleMember(run, load_model(run.model_folder), runs[0].class_names) for run in runs]
    names = set(runs[0].class_names)
    for member in members[1:]:
        own = set(member.model.class_names)
        if own != names:
            lacks = [f"does not know {name!r}" for name in sorted(names - own)] + [
                f"knows {name!r} besides" for name in sorted(own - names)
            ]
            raise DataError(
                f"the classes of {member.run.folder} are not those of {runs[0].folder}: it {', '.join(lacks)}",
                hint="an ensemble needs runs over the same classes",
            )
    return members


def _reorder_classes(head: LinearHead, order: Sequence[int]) -> LinearHead:
    return replace(head, weight=np.ascontiguousarray(head.weight[:, order]), bias=head.bias[order])


PRIOR = 1.0
MAX_STEPS = 100
TOLERANCE = 1e-10


def fit_weights(log_odds: Sequence[FloatArray], targets: IntArray, *, prior: float = PRIOR) -> FloatArray:
    """Fit the weights (not negative, sum 1) of an average of r models' log-odds that minimize the log loss.

    The scale of the sum is fitted with the weights, because the temperature is fitted again later; so a model is not preferred
    for being confident. With v the weights times that scale, the sum of the images' losses plus ``prior * sum(r v - log(r v))``
    is minimized: a gamma prior with its mode at equal weights. The prior is as strong as a few images, so few images move the
    weights little. The objective is strictly convex and is solved by Newton's method.

    Args:
        log_odds: r arrays, float64 (n, k), of the same images and classes, each calibrated.
        targets: integer labels (n,); rows of -1 are ignored.
        prior: strength of the prior.

    Returns:
        Weights (r,), float64; equal if no image has a label.

    >>> import numpy as np
    >>> sure, blind = np.array([[3.0, 0], [0, 3], [0, 3]]), np.zeros((3, 2))
    >>> [bool(weight > 0.5) for weight in fit_weights([sure, blind], np.array([0, 1, 1]))]
    [True, False]
    """
    known = targets >= 0
    y = targets[known]
    margins = np.stack([np.asarray(each, np.float64)[known] for each in log_odds])  # loss = log sum exp(v @ margins)
    margins -= margins[:, np.arange(len(y)), y][:, :, None]
    v = np.full(len(margins), 1 / len(margins))
    value, gradient, hessian = _objective(v, margins, prior)
    for _ in range(MAX_STEPS):
        step = np.linalg.solve(hessian, gradient)
        decrement = float(gradient @ step)
        if decrement < TOLERANCE:
            break
        size = min(1.0, 0.9 / max(float((step / v).max()), 1e-12))
        while (trial := _objective(v - size * step, margins, prior))[0] > value - 0.1 * size * decrement and size > TOLERANCE:
            size /= 2
        v, (value, gradient, hessian) = v - size * step, trial
    return np.asarray(v / v.sum())


def _objective(v: FloatArray, margins: FloatArray, prior: float) -> tuple[float, FloatArray, FloatArray]:
    """The objective at v (r,) for margins (r, n, k): its value, gradient (r,) and Hessian (r, r)."""
    r = len(v)
    scores = np.tensordot(v, margins, axes=1)
    peaks = scores.max(axis=1, keepdims=True)
    powers = np.exp(scores - peaks)
    totals = powers.sum(axis=1, keepdims=True)
    p = powers / totals
    losses = peaks + np.log(totals)
    means = (margins * p).sum(axis=2)
    spread = (margins * np.sqrt(p)).reshape(r, -1)
    value = float(losses.sum()) + prior * float((r * v - np.log(r * v)).sum())
    gradient = means.sum(axis=1) + prior * (r - 1 / v)
    hessian = spread @ spread.T - means @ means.T + np.diag(prior / np.square(v))
    return value, gradient, hessian
