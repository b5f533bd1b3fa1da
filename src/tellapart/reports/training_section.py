"""The training section: learning curves by fold, cost, and the spread of the members' scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from tellapart.reports.number_format import count, duration, loss, percent, share
from tellapart.run_folder import EpochEvent, EpochScores, RunContent
from tellapart.run_metrics import FoldScores, TrainingCost

SHOWN_EPOCHS = 400


class FoldView(TypedDict):
    """The curves of a network: lists of the same length, None where nothing was held out or a number was infinite.

    ``best`` is the epoch whose weights were kept, ``trained`` how many there were. Of more than 400 epochs an even choice is given.
    """

    fold: int
    epochs: list[int]
    train_loss: list[float | None]
    train_accuracy: list[float | None]
    held_out_loss: list[float | None]
    held_out_accuracy: list[float | None]
    best: int | None
    trained: int
    seconds: float | None


class CurvesView(TypedDict):
    """The curves alone, and a sentence on them."""

    folds: list[FoldView]
    sentence: str


class MemberView(TypedDict):
    """A network's own scores on the images it was not trained on, also in words, and its best epoch."""

    fold: int
    n: int
    accuracy: float
    log_loss: float
    best: int | None
    accuracy_text: str
    log_loss_text: str


class TrainingView(CurvesView):
    """The training section; ``spread`` is that of the members' accuracy and log loss, None for one network."""

    cost: dict[str, Any]
    members: list[MemberView]
    spread: dict[str, SpreadView] | None
    members_sentence: str


class SpreadView(TypedDict):
    """Mean, smallest and largest of several values."""

    mean: float
    low: float
    high: float


def training_view(run: RunContent) -> TrainingView | None:
    """The curves of each fold, the cost, and the members' own scores with their spread; None where no network was trained."""
    folds = _folds(run.history)
    cost = run.metrics.training
    if not folds and cost is None:
        return None
    scores = run.metrics.selection.members if run.metrics.selection else []
    best = {fold["fold"]: fold["best"] for fold in folds}
    members = [_member(row, best.get(row.fold)) for row in scores]
    spread = _spreads(members)
    return {
        "folds": folds,
        "cost": cost.as_dict() if cost else {},
        "members": members,
        "spread": spread,
        "sentence": _sentence(folds, cost),
        "members_sentence": _agreement(len(members), spread),
    }


def _member(scores: FoldScores, best: int | None) -> MemberView:
    return {
        "fold": scores.fold,
        "n": scores.n,
        "accuracy": scores.accuracy,
        "log_loss": scores.log_loss,
        "best": best,
        "accuracy_text": percent(scores.accuracy),
        "log_loss_text": loss(scores.log_loss),
    }


def training_section(history: Sequence[EpochEvent]) -> CurvesView:
    """The curves alone, for the figures."""
    folds = _folds(history)
    return {"folds": folds, "sentence": _sentence(folds, None)}


def _folds(history: Sequence[EpochEvent]) -> list[FoldView]:
    by_fold: dict[int, list[EpochEvent]] = {}
    for event in history:
        by_fold.setdefault(event.fold or 1, []).append(event)
    return [_fold(number, events) for number, events in sorted(by_fold.items())]


def _fold(number: int, events: Sequence[EpochEvent]) -> FoldView:
    kept_epochs = [event for event in events if event.is_kept and event.held_out and event.held_out.loss is not None]
    best = kept_epochs[-1] if kept_epochs else None
    step = -(-len(events) // SHOWN_EPOCHS)
    shown = [event for i, event in enumerate(events) if i % step == 0 or event is best or i == len(events) - 1]
    return {
        "fold": number,
        "epochs": [event.epoch for event in shown],
        "train_loss": [_number(event, "train", "loss") for event in shown],
        "train_accuracy": [_number(event, "train", "accuracy") for event in shown],
        "held_out_loss": [_number(event, "held_out", "loss") for event in shown],
        "held_out_accuracy": [_number(event, "held_out", "accuracy") for event in shown],
        "best": best.epoch if best else None,
        "trained": len(events),
        "seconds": events[-1].seconds,
    }


def _number(event: EpochEvent, side: str, name: str) -> float | None:
    scores: EpochScores | None = getattr(event, side)
    return getattr(scores, name) if scores else None


def _spreads(members: Sequence[MemberView]) -> dict[str, SpreadView] | None:
    if len(members) < 2:
        return None
    return {"accuracy": _spread([row["accuracy"] for row in members]), "log_loss": _spread([row["log_loss"] for row in members])}


def _spread(values: Sequence[float]) -> SpreadView:
    return {"mean": sum(values) / len(values), "low": min(values), "high": max(values)}


def _sentence(folds: Sequence[FoldView], cost: TrainingCost | None) -> str:
    """What was trained, for how long, at what speed, and on what variations of the images."""
    planned, networks = cost.epochs if cost else None, len(folds)
    trained = [fold["trained"] for fold in folds]
    words = []
    if trained:
        low, high = min(trained), max(trained)
        each = f"{low:,} to {count(high, 'epoch')}" if low != high else count(high, "epoch")
        left_out = f" ({planned:,} planned)" if planned not in (None, high) else ""
        words.append((f"{networks} networks of {each}" if networks > 1 else each) + left_out)
    elif planned:
        words.append(count(planned, "epoch"))
    if cost is None:
        return f"{', '.join(words)}." if words else ""
    words.append(f"squares of {cost.image_size} pixels")
    text = f"{', '.join(words)}, in {duration(cost.seconds)}: {cost.images_per_s:,.0f} images a second."
    if cost.augmentation == "none":
        return f"{text} Without augmentation."
    return f"{text} Augmentation: {cost.augmentation.replace(',', ', ')}."


def _agreement(networks: int, spread: Mapping[str, SpreadView] | None) -> str:
    if spread is None:
        return ""
    accuracy, log_loss = spread["accuracy"], spread["log_loss"]
    return (
        f"{count(networks, 'network')}, each evaluated on the training images it was not trained on: accuracy {percent(accuracy['mean'])}"
        f" on average ({share(accuracy['low'])} to {percent(accuracy['high'])})"
        f", log loss {loss(log_loss['mean'])} ({loss(log_loss['low'])} to {loss(log_loss['high'])})."
    )
