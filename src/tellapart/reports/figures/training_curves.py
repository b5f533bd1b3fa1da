"""The training curves: loss and accuracy by epoch, on the training images and on those held out, one line per fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tellapart.reports.figures.svg import Figure, Scale, circle, line, polyline, share_range, text, tick_percent, x_axis, y_axis
from tellapart.reports.number_format import loss, percent

WIDTH, HEIGHT = 480.0, 400.0
LEFT, RIGHT, TOP, FLOOR = 58.0, 452.0, 66.0, 340.0
COLORED_FOLDS = 7
LEAST_LOSS = 1e-4
WIDE = 10.0
"""From which ratio of the largest to the smallest loss on their axis is logarithmic."""


def loss_figure(section: Mapping[str, Any] | None, what: str = "log loss", say: Callable[[float], str] = loss) -> Figure | None:
    """Loss by epoch: the log loss by default; ``say`` formats a value."""
    values = list(_values(section, "loss"))
    if section is None or not values:
        return None
    low, high = max(LEAST_LOSS, min(values)), max(LEAST_LOSS, *values)
    is_log = high / low >= WIDE
    if is_log:
        y = Scale(low / 1.2, high * 1.2, FLOOR, TOP, is_log=True)
    else:
        air = max((high - low) * 0.1, high * 0.02)
        y = Scale(max(0.0, low - air), high + air, FLOOR, TOP)
    label = f"{what} (logarithmic scale)" if is_log else what
    return _figure(section, "training-loss", _Curve("loss", what, label, y, lambda v: f"{v:g}", say))


def accuracy_figure(section: Mapping[str, Any] | None) -> Figure | None:
    """Accuracy by epoch."""
    values = list(_values(section, "accuracy"))
    if section is None or not values:
        return None
    low, high = share_range(values)
    y = Scale(low, high, FLOOR, TOP)
    return _figure(section, "training-accuracy", _Curve("accuracy", "accuracy", "accuracy", y, tick_percent(y.ticks()), percent))


def _values(section: Mapping[str, Any] | None, name: str) -> Iterator[float]:
    for fold in (section or {}).get("folds") or []:
        for side in ("train", "held_out"):
            yield from (value for value in fold[f"{side}_{name}"] if value is not None)


@dataclass(frozen=True)
class _Curve:
    """One quantity by epoch: its key in a fold, its name, the label and scale of its axis, and how ticks and values are written."""

    key: str
    what: str
    label: str
    y: Scale
    tick: Callable[[float], str]
    say: Callable[[float], str]


def _figure(section: Mapping[str, Any], name: str, curve: _Curve) -> Figure:
    folds = section["folds"]
    last = max(fold["epochs"][-1] for fold in folds)
    x = Scale(1, last, LEFT, RIGHT) if last > 1 else Scale(0.5, 1.5, LEFT, RIGHT)
    ticks = min(6, max(1, last - 1))
    parts = [y_axis(curve.y, LEFT, RIGHT, curve.label, curve.tick), x_axis(x, FLOOR, TOP, "epoch", lambda v: f"{v:,.0f}", ticks)]
    parts += [_lines(fold, curve, x, _color(number, len(folds))) for number, fold in enumerate(folds)]
    parts += [_best(fold, curve, x, len(folds)) for fold in folds]
    has_held_out = any(value is not None for fold in folds for value in fold[f"held_out_{curve.key}"])
    parts.append(_legend(folds, has_held_out))
    title = f"{curve.what[:1].upper()}{curve.what[1:]} by epoch"
    return Figure(name, title, _described(folds, curve) or f"{title}; nothing was held out.", WIDTH, HEIGHT, "".join(parts))


def _color(number: int, folds: int) -> str:
    return "" if folds == 1 else f" k{number}" if folds <= COLORED_FOLDS else " faint"


def _lines(fold: Mapping[str, Any], curve: _Curve, x: Scale, color: str) -> str:
    y, drawn = curve.y, ""
    for side, kind in (("train", "series trained"), ("held_out", "series")):
        for stretch in _stretches(fold["epochs"], fold[f"{side}_{curve.key}"]):
            points = [(x(epoch), y(min(max(value, y.low), y.high))) for epoch, value in stretch]
            drawn += polyline(points, kind + color) if len(points) > 1 else circle(*points[0], 2.5, "point" + color)
    return drawn


def _stretches(epochs: Sequence[int], values: Sequence[float | None]) -> list[list[tuple[int, float]]]:
    """The epochs with a number, broken where one is missing."""
    stretches: list[list[tuple[int, float]]] = [[]]
    for epoch, value in zip(epochs, values, strict=True):
        if value is not None:
            stretches[-1].append((epoch, value))
        elif stretches[-1]:
            stretches.append([])
    return [stretch for stretch in stretches if stretch]


def _at_best(fold: Mapping[str, Any], curve: _Curve) -> float | None:
    if fold["best"] is None:
        return None
    value: float | None = fold[f"held_out_{curve.key}"][fold["epochs"].index(fold["best"])]
    return value


def _best(fold: Mapping[str, Any], curve: _Curve, x: Scale, folds: int) -> str:
    y, value = curve.y, _at_best(fold, curve)
    if value is None:
        return ""
    where = f" of fold {fold['fold']}" if folds > 1 else ""
    tip = f"best epoch{where}: {fold['best']}, held out {curve.say(value)}"
    return circle(x(fold["best"]), y(min(max(value, y.low), y.high)), 5.5 if folds <= COLORED_FOLDS else 3.5, "best", tip)


def _legend(folds: Sequence[Mapping[str, Any]], has_held_out: bool) -> str:
    drawn, at = "", LEFT
    entries = [("series", "held out"), ("series trained", "training")] if has_held_out else [("series trained", "training")]
    for kind, words in entries:
        drawn += line(at, 12, at + 26, 12, kind + (" plain" if len(folds) > 1 else "")) + text(at + 34, 16, words, "small")
        at += 54 + 8 * len(words)
    if has_held_out:
        drawn += circle(at + 6, 12, 5.5, "best") + text(at + 18, 16, "epoch kept", "small")
    if 1 < len(folds) <= COLORED_FOLDS:
        drawn += text(RIGHT - 22 * len(folds) - 4, 36, "fold", "quiet small", "end")
        for number, fold in enumerate(folds):
            left = RIGHT - 22 * (len(folds) - number)
            drawn += line(left, 41, left + 16, 41, f"series k{number}") + text(left + 8, 34, str(fold["fold"]), "quiet small", "middle")
    return drawn


def _described(folds: Sequence[Mapping[str, Any]], curve: _Curve) -> str:
    sentences = []
    for fold in folds:
        value = _at_best(fold, curve)
        if value is not None:
            where = f"Fold {fold['fold']}: best" if len(folds) > 1 else "Best"
            sentences.append(f"{where} epoch {fold['best']} of {fold['trained']}, held-out {curve.what} {curve.say(value)}.")
    return " ".join(sentences)
