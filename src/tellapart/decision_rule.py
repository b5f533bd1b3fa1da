"""Which answer an image gets where not every error costs the same: the answer with the lowest expected cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

import numpy as np

from tellapart.array_types import FloatArray, IntArray
from tellapart.counts import count
from tellapart.dataset.delimited_files import table_rows
from tellapart.errors import DataError, OptionError, closest_name
from tellapart.json_files import ShapeError, fields, real, several, text
from tellapart.predictions import Predictions

ABSTENTIONS = ("unknown", "abstain")
"""Names of a column of costs that is no class: what no answer costs."""
HIGHEST = 1e9
DECISION_SHAPE = fields({"answers": several(text(least=1), is_unique=True), "costs": several(several(real(0, HIGHEST))), "source": text()})
"""What :class:`DecisionFields` look like in a file that is read."""


class DecisionFields(TypedDict):
    """A rule of decision in a file: the answers, their costs by true class, and where it comes from."""

    answers: list[str]
    costs: list[list[float]]
    source: str


@dataclass(frozen=True, eq=False)
class DecisionRule:
    """The costs of answers.

    Attributes:
        answers: the classes in the model's order, and after them perhaps an abstention.
        costs: float64 (k, a), of each answer (columns) for an image of each class (rows); not negative.
        source: where they come from, as users write it: ``costs costs.csv``, ``recall dogs=0.99``.
    """

    answers: tuple[str, ...]
    costs: FloatArray
    source: str

    @classmethod
    def from_fields(cls, known: DecisionFields, class_names: Sequence[str]) -> DecisionRule:
        """The rule that a file holds, of :data:`DECISION_SHAPE`.

        Raises:
            ShapeError: it is not about these classes, or costs are missing.
        """
        answers, count = known["answers"], len(class_names)
        if answers[:count] != list(class_names) or [len(row) for row in known["costs"]] != [len(answers)] * count:
            raise ShapeError("decision does not fit the classes")
        return cls(tuple(answers), np.array(known["costs"], dtype=np.float64), known["source"])

    def as_fields(self) -> DecisionFields:
        """The rule for a file."""
        return {"answers": list(self.answers), "costs": self.costs.tolist(), "source": self.source}

    def chosen(self, probabilities: FloatArray) -> IntArray:
        """The number of the cheapest answer, int64 (n,), for calibrated probabilities (n, k); of equally cheap ones the most probable."""
        expected = np.asarray(probabilities, dtype=np.float64) @ self.costs
        width = self.costs.shape[0]
        order = np.concatenate([np.asarray(probabilities), np.full((len(expected), expected.shape[1] - width), -1.0)], axis=1)
        is_cheapest = expected <= expected.min(axis=1, keepdims=True) * (1 + 1e-12)
        return np.asarray(np.where(is_cheapest, order, -2.0).argmax(axis=1), dtype=np.int64)

    def answered(self, predictions: Predictions) -> tuple[str, ...]:
        """The answer for each image."""
        return tuple(self.answers[index] for index in self.chosen(predictions.probabilities).tolist())


def recall_rule(class_names: Sequence[str], factors: FloatArray, source: str) -> DecisionRule:
    """The rule by which missing an image of a class costs its factor, float (k,): the largest of factor times probability is answered."""
    costs = np.repeat(np.asarray(factors, dtype=np.float64)[:, None], len(class_names), axis=1)
    np.fill_diagonal(costs, 0.0)
    return DecisionRule(tuple(class_names), costs, source)


@dataclass(frozen=True, eq=False)
class CostTable:
    """A table of costs as a file has it; its names are yet to be compared with the classes.

    Attributes:
        path: the file.
        truths, answers: names of the rows and of the columns.
        costs: float64 (rows, columns).
    """

    path: Path
    truths: tuple[str, ...]
    answers: tuple[str, ...]
    costs: FloatArray

    def rule(self, class_names: Sequence[str]) -> DecisionRule:
        """The rule for these classes.

        Raises:
            OptionError: a name is not a class, or a class has no row or no column; all of it at once.
        """
        extra = [name for name in self.answers if name in ABSTENTIONS and name not in class_names]
        strange = [name for name in dict.fromkeys([*self.truths, *self.answers]) if name not in class_names and name not in extra]
        problems = [f"{self.path}: there is no class {name!r}" for name in strange]
        for what, names in (("row", self.truths), ("column", self.answers)):
            problems += [f"{self.path}: the class {name!r} has no {what}" for name in class_names if name not in names]
        if problems:
            hint = closest_name(strange[0], class_names) if strange else None
            raise OptionError("\n".join(problems), hint=hint or f"the classes are {', '.join(class_names)}")
        rows = [self.truths.index(name) for name in class_names]
        columns = [self.answers.index(name) for name in [*class_names, *extra]]
        return DecisionRule((*class_names, *extra), self.costs[np.ix_(rows, columns)], f"costs {self.path.name}")


def read_costs(path: Path) -> CostTable:
    """Read a CSV file of costs: a row for each true class, a column for each answer, ``unknown`` or ``abstain`` among them if you like.

    Raises:
        DataError: it cannot be read, or holds something that is not a cost; says where.
    """
    rows = list(table_rows(path))
    if len(rows) < 3:
        raise DataError(
            f"{path} is no table of costs: it has {count(len(rows), 'row')}", hint="a header with the answers, and a row for each class"
        )
    header = [name.strip() for name in rows[0][1]]
    answers, truths, costs = header[1:], [], []
    for line, cells in rows[1:]:
        if len(cells) != len(header):
            raise DataError(f"{path}, line {line}: {count(len(cells), 'cell')}, and the header has {len(header)}")
        truths.append(cells[0].strip())
        costs.append([_cost(path, line, name, cell) for name, cell in zip(answers, cells[1:], strict=True)])
    for what, names in (("row", truths), ("column", answers)):
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise DataError(f"{path}: there are two {what}s {twice!r}")
    table = np.array(costs, dtype=np.float64)
    if (table == table[:, :1]).all():
        raise DataError(f"{path}: every answer costs the same, so the costs decide nothing", hint="0 for right answers, more for errors")
    return CostTable(path, tuple(truths), tuple(answers), table)


def _cost(path: Path, line: int, name: str, cell: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= HIGHEST:
        raise DataError(f"{path}, line {line}, column {name!r}: {cell.strip()!r} is no cost", hint="costs are numbers from 0 on")
    return value


def parse_recalls(words: str) -> dict[str, float]:
    """``dogs=0.99,cats=0.9`` as numbers by class.

    Raises:
        ValueError: it is not of this form; the message says what is wrong.
    """
    recalls: dict[str, float] = {}
    for item in words.split(","):
        name, equals, number = item.strip().rpartition("=")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not equals or not name.strip() or not 0 < value < 1:
            raise ValueError(f"{item.strip()!r} is no class with its recall between 0 and 1, such as dogs=0.99")
        if name.strip() in recalls:
            raise ValueError(f"{name.strip()!r} is named twice")
        recalls[name.strip()] = value
    return recalls
