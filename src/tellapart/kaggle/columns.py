"""The meaning of the columns of a sample submission: class probabilities, or the predicted class."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice

from tellapart.errors import DataError, OptionError, closest_name
from tellapart.kaggle.sample_csv import SHOWN, Sample, first_names, repeated_names


@dataclass(frozen=True)
class Columns:
    """What to write into the columns.

    Attributes:
        classes: for each column to fill, the index of the class whose probability it holds; empty if it holds the predicted class.
        spelling: how to write each class if the one column holds the predicted class; else empty.
    """

    classes: tuple[int, ...] = ()
    spelling: tuple[str, ...] = ()


def columns_of(sample: Sample, class_names: Sequence[str], chosen: str | None = None) -> Columns:
    """Find the meaning of the columns of a sample, without guessing.

    Several columns: each must be a class (capitals, spaces, ``_``, ``-`` and singular or plural do not matter). One column of names:
    the predicted class. One column of numbers: the probability of ``chosen``, else of the class the column is named after.

    Args:
        sample: the sample submission.
        class_names: k classes, in the order of the probabilities.
        chosen: the class meant by the one column, or None.

    Raises:
        DataError: the columns or their values do not fit the classes; says which.
        OptionError: ``chosen`` is missing, unknown, or contradicts the sample.
    """
    if len(sample.columns) > 1:
        if chosen is not None:
            raise OptionError("class is for a sample with one column to fill; this one has a column for each class", hint="leave it out")
        return Columns(classes=_one_each(sample, class_names))
    column, known = sample.columns[0], f"the classes are {', '.join(class_names)}"
    values = tuple(dict.fromkeys(sample.values(column)))
    strangers = list(islice((value for value in values if class_of(value, class_names) is None), SHOWN))
    if not all(_is_number(value) for value in values):
        if strangers:
            raise DataError(
                f"{sample.path}: {column!r} holds {first_names(strangers)}, but neither only numbers nor only classes", hint=known
            )
        if chosen is not None:
            raise OptionError(f"the column {column!r} of the sample asks for class names, not for a probability", hint="leave class out")
        return Columns(spelling=_spelling(values, class_names))
    if chosen is None and not strangers and len(class_names) > 2 and class_of(column, class_names) is None:
        return Columns(spelling=_spelling(values, class_names))
    return Columns(classes=(_one_meant(column, chosen, class_names),))


def class_of(name: str, class_names: Sequence[str]) -> int | None:
    """The index of the class that matches a name: equal text, equal letters, or singular and plural; None if ambiguous."""
    folded = [_fold(known) for known in class_names]
    own = _fold(name)
    for are_same in (
        [known == name for known in class_names],
        [known == own for known in folded],
        [known in _plurals(own) or own in _plurals(known) for known in folded],
    ):
        if any(are_same):
            return are_same.index(True) if sum(are_same) == 1 else None
    return None


@lru_cache(maxsize=4096)
def _fold(name: str) -> str:
    return re.sub(r"[\s_\-]+", "", unicodedata.normalize("NFC", name).casefold())


def _plurals(name: str) -> tuple[str, ...]:
    return (f"{name}s", f"{name}es", f"{name[:-1]}ies" if name.endswith("y") else f"{name}s") if name else ()


def _is_number(value: str) -> bool:
    """Whether a cell is a number, or empty."""
    try:
        float(value.strip() or "0")
    except ValueError:
        return False
    return True


def _one_each(sample: Sample, class_names: Sequence[str]) -> tuple[int, ...]:
    """The class of each column, every class once."""
    class_of_column = {column: class_of(column, class_names) for column in sample.columns}
    extra = [column for column, number in class_of_column.items() if number is None]
    missing = [name for number, name in enumerate(class_names) if number not in class_of_column.values()]
    twice = repeated_names(class_names[number] for number in class_of_column.values() if number is not None)
    problems = [f"no class of the run is called {first_names(extra)}"] if extra else []
    problems += [f"there is no column for the class {first_names(missing)}"] if missing else []
    problems += [f"more than one column means the class {first_names(twice)}"] if twice else []
    if problems:
        raise DataError(f"the columns of {sample.path} are not the run's classes: {'; '.join(problems)}", hint=_lists(sample, class_names))
    return tuple(number for number in class_of_column.values() if number is not None)


def _lists(sample: Sample, class_names: Sequence[str]) -> str:
    return f"the id is taken from {sample.header[sample.id_place]!r}; the classes are {', '.join(class_names)}"


def _one_meant(column: str, chosen: str | None, class_names: Sequence[str]) -> int:
    """The index of the class whose probability the one column holds."""
    named, known = class_of(column, class_names), f"the classes are {', '.join(class_names)}"
    if chosen is None:
        if named is None:
            raise OptionError(f"which class does the column {column!r} of the sample mean? Say so with --class; {known}")
        return named
    meant = class_of(chosen, class_names)
    if meant is None:
        raise OptionError(f"class: there is no class {chosen!r}; {known}", hint=closest_name(chosen, class_names))
    if named is not None and meant != named:
        raise OptionError(
            f"class is {chosen!r}, but the column {column!r} of the sample is called after {class_names[named]!r}", hint="leave it out"
        )
    return meant


def _spelling(values: Sequence[str], class_names: Sequence[str]) -> tuple[str, ...]:
    """The spelling of each class: the run's, or the sample's if it shows every class."""
    if all(value in class_names for value in values):
        return tuple(class_names)
    written = {class_of(value, class_names): value for value in values}
    if len(written) == len(values) == len(class_names):
        return tuple(written[number] for number in range(len(class_names)))
    own = [value for value in values if value not in class_names]
    raise DataError(
        f"the sample writes classes otherwise than the run ({first_names(own)}), and does not show every class once",
        hint=f"name the class folders as the competition does and train again; the classes are {', '.join(class_names)}",
    )
