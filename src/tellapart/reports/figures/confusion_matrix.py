"""The confusion matrix, at most the 20 most confused classes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tellapart.reports.figures.svg import Figure, rectangle, text
from tellapart.reports.number_format import count, percent, shortened

MOST_CLASSES = 20
DEEPEST = 0.65


def confusion_figure(section: Mapping[str, Any], class_names: Sequence[str]) -> Figure | None:
    """Rows are the truth, columns the prediction; the deeper the color, the larger the share of the row."""
    matrix = section["matrix"]
    if not matrix:
        return None
    shown = sorted(section["order"][:MOST_CLASSES])
    labels = [shortened(class_names[k], 16 if len(shown) <= 8 else 13) for k in shown]
    cell = 104 if len(shown) <= 2 else max(26, min(74, 420 // len(shown)))
    slanted = max(len(label) for label in labels) * 8 > cell - 6
    left = 24 + 8 * max(len(label) for label in labels)
    top = 50 if not slanted else 44 + 5.6 * max(len(label) for label in labels)
    size = cell * len(shown)
    parts = [text(left + size / 2, 16, "predicted", "quiet", "middle"), text(left - 10, top - 12, "true ↓", "quiet", "end")]
    for j, label in enumerate(labels):
        x = left + cell * (j + 0.5)
        parts.append(text(x, top - 10, label, "", "middle") if not slanted else _slanted(x, top - 8, label))
        parts.append(text(left - 10, top + cell * (j + 0.5) + 5, label, "", "end"))
    for row, i in enumerate(shown):
        parts += [_cell(matrix[i], i, j, class_names, (left + column * cell, top + row * cell, cell)) for column, j in enumerate(shown)]
    hidden = "" if len(shown) == len(matrix) else f" Only the {len(shown)} most confused of {count(len(matrix), 'class', 'classes')}."
    right = sum(row[i] for i, row in enumerate(matrix))
    words = f"{right:,} of {count(sum(map(sum, matrix)), 'image')} lie on the diagonal.{hidden}"
    title = f"Confusion matrix, {section['title'].lower()}"
    width = left + size + (36 + 3 * len(labels[-1]) if slanted else 12)
    return Figure(f"confusion-{section['part']}", title, words, max(300, width), top + size + 12, "".join(parts))


def _slanted(x: float, y: float, label: str) -> str:
    return f'<g transform="translate({x:.1f} {y:.1f}) rotate(-45)">{text(0, 0, label)}</g>'


def _cell(row: Sequence[int], i: int, j: int, class_names: Sequence[str], place: tuple[float, float, float]) -> str:
    x, y, cell = place
    share = row[j] / (sum(row) or 1)
    kind = "cell none" if not row[j] else "cell" if i == j else "cell off"
    tip = f"{class_names[i]} taken for {class_names[j]}: {row[j]:,} ({percent(share)} of the row)"
    depth = f'rx="3" fill-opacity="{0.08 + (DEEPEST - 0.08) * (share if i == j else share**0.5):.2f}"' if row[j] else 'rx="3"'
    drawn = rectangle(x + 1, y + 1, cell - 2, cell - 2, kind, tip, depth)
    if not row[j]:
        return drawn
    middle, level = x + cell / 2, y + cell / 2 + 5
    if cell < 60:
        return drawn + text(middle, level, str(row[j]) if row[j] < 1000 or cell > 40 else "1k+", "small", "middle")
    return drawn + text(middle, level - 7, f"{row[j]:,}", "strong", "middle") + text(middle, level + 11, percent(share), "small", "middle")
