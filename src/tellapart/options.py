"""Options are written once: a frozen dataclass is signature, validation, command-line flags and provenance.

>>> @dataclass(frozen=True, kw_only=True)
... class CropOptions(Options):
...     margin: float = option(0.1, "Room around the face, as a share of its width.", minimum=0.0)
>>> CropOptions.of(margin=0.2).margin
0.2

An option that would change nothing is refused: ``only_for`` declares what an option needs of other options to have an
effect. This is checked wherever the option is given, even with its default value.

>>> @dataclass(frozen=True, kw_only=True)
... class Toy(Options):
...     to: str = option("faces", "What to crop to.", choices=("faces", "subject"))
...     align: bool = option(False, "Level the eyes.", only_for=when("to", "faces"))
>>> Toy.of(to="subject", align=True)
Traceback (most recent call last):
tellapart.errors.OptionError: align has no effect with --to subject; it goes with --to faces
"""

from __future__ import annotations

import os
import re
import types
from collections.abc import Callable, Iterable, Mapping, Sequence, Set
from dataclasses import MISSING, asdict, dataclass, field, fields
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Self, TypeVar, Union, get_args, get_origin, get_type_hints

from tellapart.errors import OptionError, closest_name

__all__ = [
    "Options",
    "dataclass",
    "given",
    "option",
    "when",
    "when_not",
    "with_options",
    "without",
]

Condition = Callable[[Any], str | None]
"""From a command's options to why another option has no effect with them, or None: ``with --to subject``, ``without --out``."""

R = TypeVar("R")
WITHOUT = "leave it out, or say what it goes with"


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    check: Callable[[Any], str | None] | None = None,
    metavar: str | None = None,
    only_for: Condition | tuple[Condition, ...] = (),
) -> Any:
    """Declare one option of an :class:`Options` dataclass.

    ``check`` returns what is wrong with a value, or None; ``metavar`` is the word shown in ``--help``; ``only_for`` is
    what has to hold for the option to change anything, see :func:`when`, :func:`when_not`, :func:`given` and :func:`without`.
    """
    rules = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices, "check": check, "metavar": metavar}
    return field(default=default, metadata={**rules, "only_for": only_for if isinstance(only_for, tuple) else (only_for,)})


def when(other: str, *values: Any) -> Condition:
    """The option ``other`` has to be one of these values."""

    def complaint(options: Any) -> str | None:
        value = getattr(options, other)
        if value in values:
            return None
        fitting = " or ".join([said(other, values[0]), *(str(one) for one in values[1:])])
        return f"with {said(other, value)}; it goes with {fitting}"

    return complaint


def when_not(other: str, *values: Any) -> Condition:
    """The option ``other`` may be anything but these values."""

    def complaint(options: Any) -> str | None:
        value = getattr(options, other)
        return f"with {said(other, value)}" if value in values else None

    return complaint


def given(other: str) -> Condition:
    """The option ``other`` has to be given."""

    def complaint(options: Any) -> str | None:
        return None if getattr(options, other) else f"without {flag_of(other)}"

    return complaint


def without(other: str) -> Condition:
    """The option ``other`` must not be given."""

    def complaint(options: Any) -> str | None:
        value = getattr(options, other)
        return f"with {said(other, value)}" if value else None

    return complaint


def flag_of(name: str) -> str:
    """An option as it is written on the command line.

    >>> flag_of("class_")
    '--class'
    """
    return "--" + name.rstrip("_").replace("_", "-")


def said(name: str, value: Any) -> str:
    """An option and its value as they are written on the command line."""
    flag = flag_of(name)
    if isinstance(value, bool):
        return flag if value else f"--no-{flag[2:]}"
    return f"{flag} {value}"


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every options dataclass; checks all fields on construction and reports every problem at once."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        problems = [problem for f in fields(self) for problem in _problems(f, getattr(self, f.name), hints[f.name])]
        if problems:
            raise OptionError("\n".join(problems))
        if idle := self._idle([f.name for f in fields(self) if getattr(self, f.name) != f.default]):
            raise OptionError("\n".join(idle), hint=WITHOUT)

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Build from keyword arguments; a path may be a string, a tuple a list.

        Raises:
            OptionError: a name is unknown (it names the closest one), a value is wrong, or an option would change nothing.
        """
        names = [f.name for f in fields(cls)]
        unknown = [name for name in values if name not in names]
        if unknown:
            raise OptionError(
                "\n".join(f"there is no option {name!r}" for name in unknown),
                hint=closest_name(unknown[0], names) or f"the options are {', '.join(names)}",
            )
        hints = get_type_hints(cls)
        made = cls(**{name: _fitted(value, value_type(hints[name])) for name, value in values.items()})
        named = [name for name in names if values.get(name) is not None]
        if idle := made._idle(named):
            raise OptionError("\n".join(idle), hint=WITHOUT)
        object.__setattr__(made, "_named", frozenset(named))
        return made

    @classmethod
    def from_others(cls, **values: Any) -> Self:
        """Like :meth:`of`, for values that come from another command's options: those that would change nothing are left out."""
        usual = {f.name: f.default for f in fields(cls)}
        made = object.__new__(cls)
        for name, value in {**usual, **values}.items():
            object.__setattr__(made, name, value)
        return cls.of(**{name: value for name, value in values.items() if not made._idle([name])})

    def _idle(self, names: Sequence[str]) -> list[str]:
        """Why options of these names would change nothing, as sentences."""
        problems = []
        for f in fields(self):
            complaints = [condition(self) for condition in f.metadata["only_for"]] if f.name in names else []
            problems += [f"{f.name} has no effect {complaint}" for complaint in complaints if complaint][:1]
        return problems

    def is_given(self, name: str) -> bool:
        """Whether the user named an option: it differs from its default, or was given with it."""
        usual = next(f.default for f in fields(self) if f.name == name)
        return getattr(self, name) != usual or name in getattr(self, "_named", ())

    def as_dict(self) -> dict[str, Any]:
        """Plain values (paths as strings), as saved beside a result."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def with_options(
    kind: type[Options], *, adapt: Callable[[dict[str, Any]], dict[str, Any]] = dict
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """A decorator: the function's parameter ``options`` becomes a keyword for each option, in signature and docstring too.

    Args:
        kind: the options.
        adapt: other forms of the keywords that are welcome, made into those of ``kind``.
    """

    def decorate(function: Callable[..., R]) -> Callable[..., R]:
        own = [parameter for parameter in signature(function).parameters.values() if parameter.name != "options"]
        by_name = {parameter.name: parameter for parameter in own}

        @wraps(function)
        def call(*arguments: Any, **keywords: Any) -> R:
            mine = {name: value for name, value in keywords.items() if name in by_name}
            options = adapt({name: value for name, value in keywords.items() if name not in by_name})
            given = [_argument(value, parameter) for value, parameter in zip(arguments, own, strict=False)]
            mine = {name: _argument(value, by_name[name]) for name, value in mine.items()}
            return function(*given, *arguments[len(given) :], options=kind.of(**options), **mine)

        keywords = [Parameter(f.name, Parameter.KEYWORD_ONLY, default=f.default, annotation=f.type) for f in fields(kind)]
        call.__signature__ = signature(function).replace(parameters=[*own, *keywords])  # type: ignore[attr-defined]
        documented = "".join(f"\n        {f.name}: {f.metadata['help']}" for f in fields(kind))
        call.__doc__ = re.sub(r"\n +options: [^\n]*", lambda _: documented, function.__doc__ or "", count=1)
        call.options = kind  # type: ignore[attr-defined]
        return call

    return decorate


def as_path(value: Any, name: str) -> str | Path:
    """One path, for an argument of that name; a Run is the path of its folder.

    Raises:
        OptionError: it is no path.
    """
    if isinstance(value, str | Path):
        return value
    path = os.fspath(value) if isinstance(value, os.PathLike) else None
    if isinstance(path, str):
        return Path(path)
    hint = "give the folder of the images, or a CSV file with the columns path and label" if name == "folder" else "give one path"
    raise OptionError(f"{name} must be a path, got {_kind_of(value)}", hint=hint)


def as_paths(value: Any, name: str) -> list[str | Path]:
    """Several paths in their order, for an argument of that name; one path is a list of one.

    Raises:
        OptionError: they are no paths, or in no order.
    """
    is_one = isinstance(value, str | bytes | os.PathLike | Mapping | Set) or hasattr(value, "columns") or not isinstance(value, Iterable)
    return [as_path(one, name) for one in ([value] if is_one else value)]


def _argument(value: Any, parameter: Parameter) -> Any:
    """An argument of a command as its annotation wants it; what holds no path stays as it is."""
    wanted = str(parameter.annotation).removesuffix(" | None")
    if value is None and parameter.default is None:
        return None
    if wanted == "str | Path":
        return as_path(value, parameter.name)
    return as_paths(value, parameter.name) if wanted.endswith("Sequence[str | Path]") else value


def _kind_of(value: Any) -> str:
    """What was given, in few words: a short value itself, else its type."""
    text = repr(value)
    return text if len(text) <= 40 and "\n" not in text else f"a {type(value).__name__}"


def _fitted(value: Any, kind: type) -> Any:
    """A string as a path, a list as a tuple and a number of numpy as one of Python, where that is what is wanted."""
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    if kind is Path and isinstance(value, str):
        return Path(value)
    return tuple(value) if kind is tuple and isinstance(value, list) else value


def value_type(hint: Any) -> type:
    """The one concrete type behind a hint such as ``int`` or ``float | None``."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    kind: type = get_origin(hint) or hint
    return kind


def _problems(f: Any, value: Any, hint: Any) -> list[str]:
    """What is wrong with one value, as sentences that name the option and the value received."""
    if value is None:
        return [] if f.default is None or type(None) in get_args(hint) else [f"{f.name} must be given"]
    kind, rule = value_type(hint), f.metadata
    is_fitting = isinstance(value, int | float) if kind is float else isinstance(value, kind)
    if kind in (int, float) and isinstance(value, bool):
        is_fitting = False
    if not is_fitting:
        return [f"{f.name} must be of type {kind.__name__}, got {value!r}"]
    if rule.get("choices") and value not in rule["choices"]:
        close = closest_name(str(value), rule["choices"])
        return [f"{f.name} must be one of {', '.join(rule['choices'])}; got {value!r}" + (f" ({close})" if close else "")]
    if rule.get("minimum") is not None and not value >= rule["minimum"]:
        return [f"{f.name} must be at least {rule['minimum']}, got {value}"]
    if rule.get("maximum") is not None and not value <= rule["maximum"]:
        return [f"{f.name} must be at most {rule['maximum']}, got {value}"]
    complaint = rule["check"](value) if rule.get("check") else None
    return [f"{f.name}: {complaint}"] if complaint else []


def default_of(f: Any) -> Any:
    """The default of a dataclass field, or None where it has none."""
    return None if f.default is MISSING else f.default
