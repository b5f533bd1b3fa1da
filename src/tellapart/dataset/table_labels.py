"""The labels of a table: from one column, or from a 0/1 column for each class; several labels for one image are refused."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tellapart.counts import count
from tellapart.dataset.table_columns import Columns, shown_columns
from tellapart.errors import DataError
from tellapart.printable import printable

Row = tuple[int, dict[str, str]]
_LISTS, _WORDY = "|;", ",/+& "
"""Marks that part labels; the second ones occur within names, too."""
_WHOLE = re.compile(r"-?\d+(\.0*)?")
TRUTH = {"1": True, "1.0": True, "true": True, "yes": True, "0": False, "0.0": False, "false": False, "no": False, "": False}
"""How programs write yes and no."""
_ABSENT = {"nan", "null", "<na>", "n/a", "#n/a"}
"""How programs write a cell without a value."""
_NUMBER = re.compile(r"[-+]?(\d+[.,]?\d*|[.,]\d+)(e[-+]?\d+)?", re.IGNORECASE)
_FEW_ROWS, _OWN_VALUES = 10, 0.9
"""From so many rows on, more different values than this share of them are no classes."""
_ROWS_OF_A_NUMBER, _MANY_NUMBERS = 3, 50
"""Fewer rows than this for each number with a fraction, or more such numbers than this: they measure something."""
NAMED = 6


@dataclass(frozen=True)
class TableLabels:
    """The labels of a table.

    Attributes:
        labels: of each row; None for none.
        column: where they come from, as written; None where no column is known for them.
        is_guess: whether the names of the columns say nothing of labels.
        notes: sentences on them.
        unfit: sentences on columns whose values are not classes.
    """

    labels: list[str | None]
    column: str | None
    is_guess: bool
    notes: list[str]
    unfit: list[str] = field(default_factory=list)


def table_labels(file: Path, place: str, rows: Sequence[Row], columns: Columns, path: int, *, is_named: bool) -> TableLabels:
    """The labels of the rows of a table.

    Args:
        file: the table.
        place: what a row is called: ``line`` or ``row``.
        rows: with their numbers.
        columns: of the table.
        path: the column of the paths.
        is_named: whether the user names the column of the labels.

    Raises:
        DataError: several labels for one image, in one column or in several; says where.
    """
    column, is_guess, notes, unfit = _label_column(file, rows, columns, path, is_named=is_named)
    if column is None:
        indicators = None if unfit else _from_indicators(file, place, rows, columns)
        return indicators or TableLabels([None] * len(rows), None, False, notes, unfit)
    labels = _as_whole_numbers([_label(f"{file}, {place} {line}", row.get(str(column), "")) for line, row in rows])
    absent = [number for number, label in enumerate(labels) if label is not None and label.casefold() in _ABSENT]
    if absent:
        first = absent[0]
        notes = [
            *notes,
            f"{printable(file.name)}: {count(len(absent), 'row has', 'rows have')} no label: {labels[first]!r} in {place} {rows[first][0]} "
            "is how programs write a missing value",
        ]
        labels = [None if number in set(absent) else label for number, label in enumerate(labels)]
    _check_single(f"{file}, column {columns.header[column]}", {label for label in labels if label is not None}, is_named=is_named)
    return TableLabels(labels, columns.header[column], is_guess, notes, unfit)


def _as_whole_numbers(labels: list[str | None]) -> list[str | None]:
    """Labels such as ``1.0`` beside ``0`` as whole numbers, where all are: one class has one name."""
    given = [label for label in labels if label is not None and label.casefold() not in _ABSENT]
    if not all(_WHOLE.fullmatch(label) for label in given):
        return labels
    return [label and re.sub(r"\.0*$", "", label) for label in labels]


def _label_column(
    file: Path, rows: Sequence[Row], columns: Columns, path: int, *, is_named: bool
) -> tuple[int | None, bool, list[str], list[str]]:
    """The column of the labels, whether it is a guess, notes, and sentences on columns whose values are not classes."""
    labels = [index for index in columns.labels if index != path]
    is_guess = False
    if not labels and len(columns.others) == 1 and columns.others[0] != path:
        values = Counter(row.get(str(columns.others[0]), "") for _, row in rows)
        if 2 <= len(values) <= len(rows) / 2:
            labels, is_guess = [columns.others[0]], True
    if not labels:
        names = [name for index, name in enumerate(columns.header) if index != path]
        sentence = f"its other columns are {shown_columns(names)}; --label-column names one" if names else "it has no other column"
        return None, False, [f"{printable(file.name)} has no column known to hold labels: {sentence}"], []
    reasons = {index: _no_classes([row.get(str(index), "") for _, row in rows]) for index in labels}
    unfit = [_unfit(file, columns.header[index], reason, is_named=is_named) for index, reason in reasons.items() if reason]
    fit = labels if is_named else [index for index in labels if not reasons[index]]
    if not fit:
        return None, False, [], unfit
    others = [columns.header[index] for index in labels if index != fit[0]]
    sentence = f"labels come from the column {columns.header[fit[0]]!r}, not from {', '.join(map(repr, others))}"
    return fit[0], is_guess, [f"{printable(file.name)}: {sentence}"] if others else [], unfit


def _no_classes(cells: Sequence[str]) -> str | None:
    """Why the values of a column are not classes: nearly every row has its own, or they are numbers that measure; else None."""
    given = [cell for cell in cells if cell and cell.casefold() not in _ABSENT]
    different = len(set(given))
    counted = f"{different:,} different values in {count(len(given), 'row')}"
    if len(given) >= _FEW_ROWS and different > _OWN_VALUES * len(given):
        return f"{counted}, so nearly every image has its own"
    if not all(_NUMBER.fullmatch(cell) for cell in given) or all(float(cell.replace(",", ".")).is_integer() for cell in given):
        return None
    if different > max(2, min(_MANY_NUMBERS, len(given) / _ROWS_OF_A_NUMBER)):
        return f"{counted}, numbers with fractions such as {given[0]}"
    return None


def _unfit(file: Path, column: str, reason: str, *, is_named: bool) -> str:
    start = f"{printable(file.name)}: the column {printable(column)!r} holds {reason}"
    if is_named:
        return f"{start}; each value is a class, because --label-column names this column"
    return f"{start}: no classes; --label-column names another column, or this one if each value is a class"


def _from_indicators(file: Path, place: str, rows: Sequence[Row], columns: Columns) -> TableLabels | None:
    """The labels of a one-hot table, with a column of 0 and 1 for each class; None for another table.

    Raises:
        DataError: all further columns hold 0 and 1, and a row has several 1s.
    """
    cells = {column: [row.get(str(column), "").casefold() for _, row in rows] for column in columns.others}
    classes = [column for column, own in cells.items() if all(cell in TRUTH for cell in own) and any(own)]
    if len(classes) < 2:
        return None
    labels: list[str | None] = []
    for number, (line, _) in enumerate(rows):
        ones = [columns.header[column] for column in classes if TRUTH[cells[column][number]]]
        if len(ones) > 1:
            if len(classes) < len(columns.others):
                return None
            raise DataError(
                f"{file}, {place} {line}: a 1 in each of the columns {_named(ones)}: several labels; an image has one class here",
                hint="keep one class for each image, or name the one column that is meant with --label-column",
            )
        labels.append(ones[0] if ones else None)
    if not any(labels):
        return None
    names = [columns.header[column] for column in classes]
    notes = [f"{printable(file.name)}: labels come from its {count(len(names), 'column')} of 0 and 1, a class each: {_named(names)}"]
    without = labels.count(None)
    if without:
        notes.append(f"{printable(file.name)}: {count(without, 'row has', 'rows have')} no 1 in these columns, and so no label")
    return TableLabels(labels, " + ".join(names[:NAMED]), True, notes)


def _named(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(repr(printable(name)) for name in names[:NAMED]) + (f" and {rest:,} more" if rest > 0 else "")


def _label(place: str, text: str) -> str | None:
    """The label in a cell; a list of one is that one.

    Raises:
        DataError: a list of several.
    """
    if text[:1] not in tuple("[({") or text[-1:] not in tuple("])}"):
        return text or None
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        if text[0] != "(" and len(re.split(r"[,;|\s]+", text[1:-1].strip())) > 1:
            raise _several(place, text) from None
        return text
    if not isinstance(value, list | tuple | set):
        if isinstance(value, dict):
            raise _several(place, text)
        return text
    is_joined = len(value) == 1 and len(re.findall(r"'[^']*'|\"[^\"]*\"", text)) > 1  # numpy prints ['a' 'b']
    if len(value) > 1 or is_joined:
        raise _several(place, text)
    return next((str(one).strip() for one in value if one is not None), None) or None


def _check_single(place: str, labels: set[str], *, is_named: bool) -> None:
    """Refuse lists of labels, such as ``cat|dog`` beside ``cat``.

    Blanks and commas occur within names, too; where the user names the column, such labels are taken as they are.
    """
    for mark in _LISTS + ("" if is_named else _WORDY):
        pieces = {label: [piece.strip() for piece in label.split(mark) if piece.strip()] for label in labels}
        several = sorted(label for label, own in pieces.items() if len(own) > 1)
        if not several:
            continue
        used = Counter(piece for own in pieces.values() for piece in set(own))
        if mark in _LISTS:
            lists = [label for label in several if any(used[piece] > 1 for piece in pieces[label])]
        else:
            lists = [label for label in several if all(piece in labels for piece in pieces[label])]
            if not lists and len(labels) > len(used) and len({len(own) for own in pieces.values()}) > 1:
                lists = several
        if lists:
            raise _several(place, lists[0], is_sure=mark in _LISTS)


def _several(place: str, text: str, *, is_sure: bool = True) -> DataError:
    hint = "keep one label for each image, or name another column with --label-column"
    if not is_sure:
        hint = "keep one label for each image; if it is the name of one class, name the column with --label-column"
    return DataError(f"{place}: the label {text!r} is a list of several; an image has one class here", hint=hint)
