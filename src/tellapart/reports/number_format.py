"""Numbers in words: how the report writes shares, intervals, differences and counts."""

from __future__ import annotations

from datetime import datetime

from tellapart.counts import count as count
from tellapart.counts import data_size
from tellapart.durations import duration_text
from tellapart.interval import IntervalDict

PARTS = {"test": "Test", "val": "Validation", "train": "Train"}
"""The parts as the report writes them."""
SPACE = "\N{NO-BREAK SPACE}"
MINUS = "\N{MINUS SIGN}"


def share(value: float, digits: int = 1) -> str:
    """``0.9714`` as ``97.1``; a share that is not quite 1 or 0 never reads as if it were."""
    if value in (0.0, 1.0):
        return f"{100 * value:.0f}"
    for decimals in range(digits, 6):
        text = f"{100 * value:.{decimals}f}"
        if float(text) not in (0.0, 100.0):
            return text
    return "99.99999" if value > 0.5 else "0.00001"


def percent(value: float, digits: int = 1) -> str:
    """``0.9714`` as ``97.1 %``."""
    return f"{share(value, digits)}{SPACE}%"


def loss(value: float) -> str:
    """A log loss with three decimals."""
    return f"{value:.3f}"


def signed(value: float, digits: int) -> str:
    """A difference with its sign, the minus a real one."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return (MINUS if value < 0 else "+") + text


def percent_interval(interval: IntervalDict) -> str:
    """``97.1 % (95 % interval 95.3 to 98.4 %)``."""
    return f"{percent(interval['value'])} (95{SPACE}% interval {share(interval['low'])} to {percent(interval['high'])})"


def percent_brief(interval: IntervalDict) -> str:
    """``97.1 % (95.3 to 98.4 %)``, where the surroundings say what stands in the brackets."""
    return f"{percent(interval['value'])} ({share(interval['low'])} to {percent(interval['high'])})"


def loss_brief(interval: IntervalDict) -> str:
    """``0.084 (0.062 to 0.110)``, where the surroundings say what stands in the brackets."""
    return f"{loss(interval['value'])} ({loss(interval['low'])} to {loss(interval['high'])})"


def loss_interval(interval: IntervalDict) -> str:
    """``0.084 (95 % interval 0.062 to 0.110)``."""
    return f"{loss(interval['value'])} (95{SPACE}% interval {loss(interval['low'])} to {loss(interval['high'])})"


def gain_words(accuracy: IntervalDict, log_loss: IntervalDict) -> str:
    """A paired difference: points of accuracy, and log loss."""
    points, low, high = (signed(100 * each, 1) for each in (accuracy["value"], accuracy["low"], accuracy["high"]))
    value, least, most = (signed(each, 3) for each in (log_loss["value"], log_loss["low"], log_loss["high"]))
    return f"{points} points ({low} to {high}); log loss {value} ({least} to {most})"


def p_value_words(p_value: float, n: int) -> str:
    """``p = 0.012``, and in words if the two are not significantly different on these n images."""
    text = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    return text if p_value < 0.05 else f"{text}: not significantly different on these {count(n, 'image')}"


def duration(seconds: float) -> str:
    """``0.3 s``, ``42 s``, ``12 min``, ``2 h 5 min``."""
    return duration_text(seconds).replace(" ", SPACE)


def size(size_bytes: float) -> str:
    """Bytes in the unit people read: ``81 kB``, ``2.3 GB``."""
    return data_size(size_bytes).replace(" ", SPACE)


def day(created: str | None) -> str:
    """An ISO time as ``21 November 2026, 10:00``; what cannot be read is given back as it is."""
    try:
        moment = datetime.fromisoformat(created or "")
    except ValueError:
        return created or ""
    zone = " UTC" if moment.utcoffset() is not None and not moment.utcoffset() else ""
    return f"{moment.day} {moment:%B %Y, %H:%M}{zone}"


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters on one line, an ellipsis where some were cut from the middle."""
    line = " ".join(text.split()) or "(empty)"
    if len(line) <= limit:
        return line
    head = (limit - 1) * 2 // 3
    return line[:head] + "…" + line[len(line) - (limit - 1 - head) :]
