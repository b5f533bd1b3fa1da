"""The training section: learning curves by fold, cost, and the spread of the members' scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.number_format import count, duration, loss, percent, share
from tellapart.reports.runfiles import RunFiles

SHOWN_EPOCHS = 400
CURVES = (("train", "loss"), ("train", "accuracy"), ("held_out", "loss"), ("held_out", "accuracy"))


def training_view(run: RunFiles) -> dict[str, Any] | None:
    """The curves of each fold, the cost, and the members' own scores with their spread; None where no network was trained.

    A fold has ``epochs`` and, of the same length, ``train_loss``, ``train_accuracy``, ``held_out_loss`` and
    ``held_out_accuracy`` (None where nothing was held out, or where a number was infinite); ``best`` is the epoch whose
    weights were kept, ``trained`` how many there were. Of more than 400 epochs an even choice is given.
    """
    folds = _folds(run.history)
    cost: Mapping[str, Any] = run.metrics.get("training") or {}
    if not folds and not cost:
        return None
    members = [dict(row) for row in (run.metrics.get("selection") or {}).get("members") or []]
    best = {fold["fold"]: fold["best"] for fold in folds}
    members = [{**row, "best": best.get(row.get("fold")), **_texts(row)} for row in members]
    spread = {name: _spread([row[name] for row in members if row.get(name) is not None]) for name in ("accuracy", "log_loss")}
    return {
        "folds": folds,
        "cost": dict(cost),
        "members": members,
        "spread": spread if len(members) > 1 else None,
        "sentence": _sentence(folds, cost),
        "members_sentence": _agreement(members, spread),
    }


def training_section(history: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The curves alone, for the figures."""
    folds = _folds(history)
    return {"folds": folds, "sentence": _sentence(folds, {})}


def _folds(history: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    by_fold: dict[int, list[Mapping[str, Any]]] = {}
    for event in history:
        if event.get("event") == "epoch":
            by_fold.setdefault(event.get("fold") or 1, []).append(event)
    return [_fold(number, events) for number, events in sorted(by_fold.items())]


def _fold(number: int, events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    judged = [event for event in events if _number(event, "held_out", "loss") is not None]
    kept = [event for event in judged if event.get("is_kept", True)]
    best = kept[-1] if kept else None
    step = -(-len(events) // SHOWN_EPOCHS)
    shown = [event for i, event in enumerate(events) if i % step == 0 or event is best or i == len(events) - 1]
    curves = {f"{side}_{name}": [_number(event, side, name) for event in shown] for side, name in CURVES}
    return {
        "fold": number,
        "epochs": [event["epoch"] for event in shown],
        **curves,
        "best": best["epoch"] if best else None,
        "trained": len(events),
        "seconds": events[-1].get("seconds"),
    }


def _number(event: Mapping[str, Any], side: str, name: str) -> float | None:
    value = (event.get(side) or {}).get(name)
    return float(value) if value is not None and math.isfinite(value) else None


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    accuracy, log_loss = row.get("accuracy"), row.get("log_loss")
    return {
        "accuracy_text": "" if accuracy is None else percent(accuracy),
        "log_loss_text": "" if log_loss is None else loss(log_loss),
    }


def _spread(values: Sequence[float]) -> dict[str, float] | None:
    return {"mean": sum(values) / len(values), "low": min(values), "high": max(values)} if values else None


def _sentence(folds: Sequence[Mapping[str, Any]], cost: Mapping[str, Any]) -> str:
    """What was trained, for how long, at what speed, and on what variations of the images."""
    planned, networks = cost.get("epochs"), len(folds)
    trained = [fold["trained"] for fold in folds]
    words = []
    if trained:
        low, high = min(trained), max(trained)
        each = f"{low:,} to {high:,} epochs" if low != high else count(high, "epoch")
        left_out = f" ({planned:,} planned)" if planned not in (None, high) else ""
        words.append((f"{networks} networks of {each}" if networks > 1 else each) + left_out)
    elif planned:
        words.append(count(planned, "epoch"))
    if size := cost.get("image_size"):
        words.append(f"squares of {size} pixels")
    found = ", ".join(words).removesuffix(".")
    if (seconds := cost.get("seconds")) is not None:
        found += f", in {duration(seconds)}" if found else duration(seconds)
        if cost.get("images_per_s") is not None:
            found += f": {cost['images_per_s']:,.0f} images a second"
    text = found[:1].upper() + found[1:] + "." if found else ""
    if (varied := cost.get("augmentation")) is not None:
        text += " The images were shown as they are." if varied == "none" else f" Augmentation: {str(varied).replace(',', ', ')}."
    return text.strip()


def _agreement(members: Sequence[Mapping[str, Any]], spread: Mapping[str, Mapping[str, float] | None]) -> str:
    accuracy, log_loss = spread["accuracy"], spread["log_loss"]
    if len(members) < 2 or not accuracy:
        return ""
    text = (
        f"{len(members)} networks, each judged on the training images it did not learn from: accuracy {percent(accuracy['mean'])}"
        f" on average ({share(accuracy['low'])} to {percent(accuracy['high'])})"
    )
    if log_loss:
        text += f", log loss {loss(log_loss['mean'])} ({loss(log_loss['low'])} to {loss(log_loss['high'])})"
    return text + "."
