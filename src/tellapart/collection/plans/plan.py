"""The plan: which classes to collect, and which words find them."""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tellapart.collection.plans.plan_files import Given, file_entries
from tellapart.errors import OptionError
from tellapart.printable import name_complaint

MOST_NAME_BYTES = 200
HINT = 'a class is a name ("bill gates"), --class travel="road trip,ski trip", or a row of a --plan file'


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassPlan:
    """One class to collect. What is None stands as the options say."""

    label: str
    """The class, and the name of its folder."""
    keywords: tuple[str, ...]
    """What is searched for, in the order given; at least one."""
    per_class: int | None = None
    """How many images."""
    sources: tuple[str, ...] | None = None
    """Names of sources; whether they exist is not checked here."""
    licenses: tuple[str, ...] | None = None
    """Families of licenses wanted."""


def plan_of(names: Sequence[str], classes: Sequence[str], file: Path | None) -> tuple[ClassPlan, ...]:
    """The classes to collect, in the order given; none where nothing is given.

    Args:
        names: each is a class and its own keyword.
        classes: each is ``label=keyword,keyword``; a keyword that holds a comma stands in quotation marks.
        file: a plan as TOML, CSV or TSV (:mod:`tellapart.collection.plans.plan_files`).

    Raises:
        OptionError: every problem at once, each with the place it stands in.
    """
    problems: list[str] = []
    given = [Given(label=name, keywords=((name, "the names"),), place="the names") for name in names]
    given += [entry for text in classes for entry in _flag_entries(text, problems)]
    given += file_entries(file, problems) if file is not None else []
    tidied = [_tidied(entry) for entry in given]
    problems += _label_problems(tidied)
    problems += _keyword_problems(tidied)
    if problems:
        raise OptionError("\n".join(dict.fromkeys(problems)), hint=HINT)
    return tuple(
        ClassPlan(
            label=entry.label,
            keywords=tuple(keyword for keyword, _ in entry.keywords),
            per_class=entry.per_class,
            sources=entry.sources,
            licenses=entry.licenses,
        )
        for entry in tidied
    )


def tidy_name(text: str) -> str:
    """A name as people mean it: composed letters, single blanks, none at its ends."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def label_complaint(label: str) -> str | None:
    """What keeps a label from being a class and the name of its folder, or None."""
    if not label:
        return "it is empty"
    if not label.isprintable():
        return "it holds a character that cannot be seen"
    if len(label.encode(errors="surrogateescape")) > MOST_NAME_BYTES:
        return f"it is longer than {MOST_NAME_BYTES} bytes"
    return name_complaint(label)


def _tidied(entry: Given) -> Given:
    return entry.replaced(label=tidy_name(entry.label), keywords=tuple((tidy_name(word), place) for word, place in entry.keywords))


def _flag_entries(text: str, problems: list[str]) -> list[Given]:
    """What ``--class text`` gives; what is wrong with it goes to ``problems``."""
    place = f"--class {text}"
    label, equals, listed = text.partition("=")
    try:
        rows = list(csv.reader([listed], skipinitialspace=True, strict=True))
    except csv.Error:
        problems.append(f"{place}: the quotation marks do not match")
        return []
    words = [word for word in rows[0] if word.strip()] if rows else []
    if not equals or not words:
        problems.append(f"{place}: there are no keywords; write it as travel=road trip,ski trip")
        return []
    return [Given(label=label, keywords=tuple((word, place) for word in words), place=place)]


def _label_problems(given: Sequence[Given]) -> Iterator[str]:
    seen: dict[str, Given] = {}
    for entry in given:
        if complaint := label_complaint(entry.label):
            yield f"{entry.place}: {entry.label!r} cannot be the name of a class: {complaint}"
            continue
        first = seen.setdefault(entry.label.casefold(), entry)
        if first is not entry:
            also = "" if first.label == entry.label else f" (as {first.label!r}; capitals make no other folder)"
            where = "twice" if first.place == entry.place else f"in {first.place} already"
            yield f"{entry.place}: the class {entry.label!r} is given {where}{also}"


def _keyword_problems(given: Sequence[Given]) -> Iterator[str]:
    seen: dict[str, tuple[Given, str]] = {}
    for entry in given:
        for word, place in entry.keywords:
            if not word:
                if entry.label:
                    yield f"{place}: a keyword of the class {entry.label!r} is empty"
            elif word.casefold() not in seen:
                seen[word.casefold()] = entry, place
            else:
                first, first_place = seen[word.casefold()]
                if first is entry:
                    yield f"{place}: the keyword {word!r} of the class {entry.label!r} is given twice"
                elif first.label.casefold() != entry.label.casefold():
                    yield (
                        f"{place}: the keyword {word!r} of the class {entry.label!r} is one of {first.label!r} too"
                        f" ({first_place}); the same images would be found for both"
                    )
