"""The plan: which classes to collect, and which words find them."""

from __future__ import annotations

import csv
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tellapart.counts import count
from tellapart.dataset.delimited_files import TEXT_SUFFIXES, table_rows, text_lines
from tellapart.errors import DataError, OptionError, closest_name
from tellapart.printable import name_complaint

PLAN_SUFFIXES = (".toml", *TEXT_SUFFIXES)
TOP_KEYS = ("classes", "per_class", "sources", "licenses")
CLASS_KEYS = ("keywords", "per_class", "sources", "licenses")
LABEL_COLUMNS = ("class", "label")


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """A class as somebody wrote it down, before it is checked."""

    label: str
    keywords: tuple[tuple[str, str], ...]
    """Each with the place it stands in, for messages."""
    place: str
    per_class: int | None = None
    sources: tuple[str, ...] | None = None
    licenses: tuple[str, ...] | None = None

    def replaced(self, *, label: str, keywords: tuple[tuple[str, str], ...]) -> Given:
        """The same with other words."""
        return replace(self, label=label, keywords=keywords)


def file_entries(file: Path, problems: list[str]) -> list[Given]:
    """The classes a plan file names, in its order; what is wrong with the file goes to ``problems``.

    TOML holds ``[classes]`` with ``label = ["keyword", ...]``, or a table ``[classes.label]`` with ``keywords`` and, if
    they differ from those at the top, ``per_class``, ``sources``, ``licenses``. A CSV or TSV file has the columns
    ``class`` (or ``label``) and ``keyword``.
    """
    suffix = file.suffix.lower()
    if suffix not in PLAN_SUFFIXES:
        problems.append(f"{file}: a plan is a file ending with {', '.join(PLAN_SUFFIXES)}")
        return []
    try:
        entries = _toml_entries(file, problems) if suffix == ".toml" else _table_entries(file, problems)
    except DataError as error:
        problems.append(str(error))
        return []
    if not entries and not problems:
        problems.append(f"{file}: the plan names no class")
    return entries


def _table_entries(file: Path, problems: list[str]) -> list[Given]:
    rows = table_rows(file)
    line, header = next(rows, (1, []))
    names = [name.lower() for name in header]
    label = next((names.index(name) for name in LABEL_COLUMNS if name in names), None)
    keyword = names.index("keyword") if "keyword" in names else None
    if label is None or keyword is None:
        missing = "class" if label is None else "keyword"
        close = closest_name(missing, names)
        problems.append(
            f"{file}, line {line}: there is no column {missing}; the columns are {', '.join(header)}" + (f" ({close})" if close else "")
        )
        return []
    entries: dict[str, Given] = {}
    for line, cells in rows:
        place = f"{file}, line {line}"
        if len(cells) != len(header):
            problems.append(f"{place}: {count(len(cells), 'cell')} where the header has {len(header)}")
            continue
        name, word = cells[label], cells[keyword]
        before = entries.get(name)
        keywords = (*(before.keywords if before else ()), (word, place))
        entries[name] = Given(label=name, keywords=keywords, place=before.place if before else place)
    return list(entries.values())


def _toml_entries(file: Path, problems: list[str]) -> list[Given]:
    lines = [line for _, line in text_lines(file)]
    try:
        content = tomllib.loads("\n".join(lines))
    except tomllib.TOMLDecodeError as error:
        twice = _repeated_line(lines) if "overwrite" in str(error) or "twice" in str(error) else None
        problems.append(f"{file}, line {twice}: this name is given before already" if twice else f"{file}: not TOML: {error}")
        return []
    page = _Page(file, lines, problems)
    page.check_keys(content, TOP_KEYS, "")
    whole = page.settings(content, "")
    classes = content.get("classes", {})
    if isinstance(classes, list):
        classes = {name: [name] for name in classes if isinstance(name, str)}
    if not isinstance(classes, Mapping):
        problems.append(f"{page.place('classes')}: classes must be a table, got {classes!r}")
        return []
    return [entry for label, value in classes.items() if (entry := page.entry(label, value, whole))]


def _repeated_line(lines: Sequence[str]) -> int | None:
    """The number of the first line that begins a key or table begun before; the parser names only where it gave up."""
    table, keys = "", set()
    for number, line in enumerate(lines, start=1):
        head = line.strip()
        if head.startswith("["):
            table = head
        key = (table, head.partition("=")[0].strip().strip("\"'") if "=" in head else "")
        if head and (head.startswith("[") or "=" in head):
            if key in keys:
                return number
            keys.add(key)
    return None


@dataclass(frozen=True, slots=True)
class _Page:
    """A TOML file with its lines, which its parser forgets."""

    file: Path
    lines: Sequence[str]
    problems: list[str]

    def entry(self, label: str, value: Any, whole: Mapping[str, Any]) -> Given | None:
        start = self._line_of(label)
        place = self._named(start)
        settings, words = dict(whole), value
        if label in TOP_KEYS and not isinstance(value, Mapping):
            self.problems.append(f"{place}: {label} stands below [classes], where it would be a class; put it above that line")
            return None
        if isinstance(value, Mapping):
            self.check_keys(value, CLASS_KEYS, label)
            settings |= self.settings(value, label)
            words = value.get("keywords", [label])
        if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
            self.problems.append(f'{place}: the keywords of {label!r} must be a list such as ["road trip", "ski trip"], got {words!r}')
            return None
        if not words:
            self.problems.append(f"{place}: the class {label!r} has no keywords")
            return None
        return Given(label=label, keywords=tuple(self._words(words, start)), place=place, **settings)

    def settings(self, table: Mapping[str, Any], label: str) -> dict[str, Any]:
        """What a table says beside its keywords."""
        settings: dict[str, Any] = {}
        of = f" of {label!r}" if label else ""
        if "per_class" in table:
            number = table["per_class"]
            if isinstance(number, bool) or not isinstance(number, int) or number < 1:
                self.problems.append(
                    f"{self.place('per_class', label)}: per_class{of} must be a whole number of at least 1, got {number!r}"
                )
            else:
                settings["per_class"] = number
        for key in ("sources", "licenses"):
            listed = table.get(key)
            if key not in table:
                continue
            if isinstance(listed, list) and listed and all(isinstance(name, str) and name.strip() for name in listed):
                settings[key] = tuple(name.strip().lower() for name in listed)
            else:
                self.problems.append(f"{self.place(key, label)}: {key}{of} must be a list of names, got {listed!r}")
        return settings

    def check_keys(self, table: Mapping[str, Any], known: Sequence[str], label: str) -> None:
        for key in table:
            if key not in known:
                close = closest_name(key, known)
                meant = f" ({close})" if close else f"; the keys are {', '.join(known)}"
                self.problems.append(
                    f"{self.place(key, label)}: there is no key {key!r}" + (f" in the class {label!r}" if label else "") + meant
                )

    def place(self, key: str, label: str = "") -> str:
        """Where a key stands: the first line that begins with it, after that of its class."""
        return self._named(self._line_of(key, self._line_of(label) if label else 0))

    def _named(self, line: int) -> str:
        return f"{self.file}, line {line}" if line else str(self.file)

    def _line_of(self, key: str, after: int = 0) -> int:
        """The number of the line, counted from 1, on which a key or its table begins; 0 where it is not seen."""
        for number, line in enumerate(self.lines[max(0, after - 1) :], start=max(1, after)):
            head = line.strip()
            for form in (key, f'"{key}"', f"'{key}'"):
                if head.startswith((f"[classes.{form}]", f"[{form}]")) or (
                    head.startswith(form) and head[len(form) :].lstrip()[:1] in ("=", ".")
                ):
                    return number
        return after

    def _words(self, words: Sequence[str], start: int) -> list[tuple[str, str]]:
        """Each keyword with its place; a keyword twice in one class stands on its second line the second time."""
        keywords, line = [], max(1, start)
        for word in words:
            forms = (f'"{word}"', f"'{word}'")
            line = next((n for n in range(line, len(self.lines) + 1) if any(form in self.lines[n - 1] for form in forms)), line)
            keywords.append((word, self._named(line)))
        return keywords


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
        file: a plan as TOML, CSV or TSV (:mod:`tellapart.collection.plans.plan`).

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
    first_entries: dict[str, Given] = {}
    for entry in given:
        if complaint := label_complaint(entry.label):
            yield f"{entry.place}: {entry.label!r} cannot be the name of a class: {complaint}"
            continue
        first = first_entries.setdefault(entry.label.casefold(), entry)
        if first is not entry:
            also = "" if first.label == entry.label else f" (as {first.label!r}; capitals make no other folder)"
            where = "twice" if first.place == entry.place else f"in {first.place} already"
            yield f"{entry.place}: the class {entry.label!r} is given {where}{also}"


def _keyword_problems(given: Sequence[Given]) -> Iterator[str]:
    first_entries: dict[str, tuple[Given, str]] = {}
    for entry in given:
        for word, place in entry.keywords:
            if not word:
                if entry.label:
                    yield f"{place}: a keyword of the class {entry.label!r} is empty"
            elif word.casefold() not in first_entries:
                first_entries[word.casefold()] = entry, place
            else:
                first, first_place = first_entries[word.casefold()]
                if first is entry:
                    yield f"{place}: the keyword {word!r} of the class {entry.label!r} is given twice"
                elif first.label.casefold() != entry.label.casefold():
                    yield (
                        f"{place}: the keyword {word!r} of the class {entry.label!r} is one of {first.label!r} too"
                        f" ({first_place}); the same images would be found for both"
                    )
