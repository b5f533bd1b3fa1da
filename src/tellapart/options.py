"""Options are written once: a frozen dataclass is signature, validation, command-line flags and provenance.

>>> @dataclass(frozen=True, kw_only=True)
... class CropOptions(Options):
...     margin: float = option(0.1, "Room around the face, as a share of its width.", minimum=0.0)
>>> CropOptions.of(margin=0.2).margin
0.2
"""

from __future__ import annotations

import types
from collections.abc import Callable
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

from tellapart.errors import OptionError, closest_name

__all__ = ["Options", "dataclass", "num_workers_option", "option"]


def option(
    default: Any,
    help: str,
    *,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
    check: Callable[[Any], str | None] | None = None,
    metavar: str | None = None,
) -> Any:
    """Declare one option of an :class:`Options` dataclass.

    ``check`` returns what is wrong with a value, or None; ``metavar`` is the word shown in ``--help``.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices, "check": check, "metavar": metavar}
    return field(default=default, metadata=metadata)


def num_workers_option() -> Any:
    """The option that says how many threads read pictures; see :func:`tellapart.threads.worker_count`."""
    return option(None, "Threads that read pictures; by default one a core.", minimum=1, maximum=256)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Base of every options dataclass; checks all fields on construction and reports every problem at once."""

    def __post_init__(self) -> None:
        hints = get_type_hints(type(self))
        found = [problem for f in fields(self) for problem in _problems(f, getattr(self, f.name), hints[f.name])]
        if found:
            raise OptionError("\n".join(found))

    @classmethod
    def of(cls, **values: Any) -> Self:
        """Build from keyword arguments; a path may be a string, a tuple a list.

        Raises:
            OptionError: a name is unknown (it names the closest one), or a value is wrong.
        """
        names = [f.name for f in fields(cls)]
        unknown = [name for name in values if name not in names]
        if unknown:
            raise OptionError(
                "\n".join(f"there is no option {name!r}" for name in unknown),
                hint=closest_name(unknown[0], names) or f"the options are {', '.join(names)}",
            )
        hints = get_type_hints(cls)
        return cls(**{name: _fitted(value, value_type(hints[name])) for name, value in values.items()})

    def as_dict(self) -> dict[str, Any]:
        """Plain values (paths as strings), as saved beside a result."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in asdict(self).items()}


def _fitted(value: Any, wanted: type) -> Any:
    """A string as a path and a list as a tuple, where that is what is wanted."""
    if wanted is Path and isinstance(value, str):
        return Path(value)
    return tuple(value) if wanted is tuple and isinstance(value, list) else value


def value_type(hint: Any) -> type:
    """The one concrete type behind a hint such as ``int`` or ``float | None``."""
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(part for part in get_args(hint) if part is not type(None))
    found: type = get_origin(hint) or hint
    return found


def _problems(f: Any, value: Any, hint: Any) -> list[str]:
    """What is wrong with one value, as sentences that name the option and the value received."""
    if value is None:
        return [] if f.default is None or type(None) in get_args(hint) else [f"{f.name} must be given"]
    wanted, rule = value_type(hint), f.metadata
    is_fitting = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
    if wanted in (int, float) and isinstance(value, bool):
        is_fitting = False
    if not is_fitting:
        return [f"{f.name} must be of type {wanted.__name__}, got {value!r}"]
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
