"""Reading and validating JSON that may be damaged or come from other programs.

A shape is a function of a value and its location; it returns the value or raises :class:`ShapeError`. Shapes are composed of the
functions below::

    CARD = fields({"name": text(), "size": whole(1, 4096), "tags": several(text())})
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, is_dataclass
from dataclasses import fields as dataclass_fields
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

from tellapart.atomic_files import regular_file
from tellapart.errors import StorageError, reason_of

Shape = Callable[[Any, str], Any]
LARGEST = 1 << 30
"""Largest file that is read, in bytes."""


class ShapeError(ValueError):
    """Content that is not valid JSON or has the wrong shape; the message says where, and what was expected."""


def read_json(path: Path, shape: Shape, *, largest: int = LARGEST) -> Any:
    """Read and validate a JSON file.

    Args:
        path: a regular file in UTF-8.
        shape: the shape of the content.
        largest: maximum size of the file in bytes.

    Raises:
        OSError: it cannot be read, or is not a regular file.
        ShapeError: it is not valid JSON, or has the wrong shape.
    """
    with regular_file(path).open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ShapeError(f"the file has more than {largest:,} bytes")
    return parse_json(data, shape)


def read_json_of(command: str, path: Path, shape: Shape) -> Any:
    """The content of a JSON file that a command of ours writes; None where there is none.

    Raises:
        StorageError: it is damaged.
    """
    try:
        return read_json(path, shape)
    except FileNotFoundError:
        return None
    except (OSError, ShapeError) as error:
        raise StorageError(f"{path} cannot be read: {reason_of(error)}", hint=f"tellapart {command} writes it anew") from error


def parse_json(data: bytes | str, shape: Shape) -> Any:
    """Parse and validate JSON text; NaN, infinity and duplicate keys are refused.

    Raises:
        ShapeError: it is not valid JSON, or has the wrong shape.
    """
    try:
        content = json.loads(
            data if isinstance(data, str) else data.decode("utf-8"),
            parse_constant=_refuse_constant,
            object_pairs_hook=_refuse_duplicate_keys,
        )
    except RecursionError as error:
        raise ShapeError("lists or objects are nested too deeply") from error
    except ValueError as error:
        raise error if isinstance(error, ShapeError) else ShapeError(str(error)) from error
    return shape(content, "")


def checked_record(record: Mapping[str, object]) -> dict[str, object]:
    """The record with a checksum of itself as ``crc32``; :func:`is_intact` looks at it."""
    return {**record, "crc32": _record_checksum(record)}


def is_intact(record: Mapping[str, Any]) -> bool:
    """Whether a record has the checksum it was written with; a record without a checksum counts as intact."""
    return "crc32" not in record or record["crc32"] == _record_checksum({key: value for key, value in record.items() if key != "crc32"})


def _record_checksum(record: Mapping[str, Any]) -> str:
    return f"{zlib.crc32(json.dumps(record, sort_keys=True).encode('ascii')):08x}"


def fields(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None, *, is_open: bool = True) -> Shape:
    """An object with these fields; unknown fields are allowed if ``is_open``."""
    known = {**required, **(optional or {})}

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, where, "an object")
        for name in required:
            if name not in value:
                raise ShapeError(f"{_place(where, name)} is missing")
        if not is_open and (strange := value.keys() - known.keys()):
            raise ShapeError(f"{_place(where, min(strange))} is not known")
        return {name: known[name](item, _place(where, name)) if name in known else item for name, item in value.items()}

    return check


@cache
def record(kind: type[Any]) -> Shape:
    """An object that becomes an instance of a dataclass; the annotations of its fields say what their values look like.

    A field with a default, or one that may be None, may be absent. Unknown fields are ignored. Fields are numbers, text, flags, lists,
    tuples of any length, dictionaries with text as keys, ``Any``, other dataclasses, and each of these or None.
    """
    known = get_type_hints(kind)
    shapes = {f.name: _shape_of(known[f.name]) for f in dataclass_fields(kind)}
    without_default = [f.name for f in dataclass_fields(kind) if f.default is MISSING and f.default_factory is MISSING]
    absent = {name: None for name in without_default if _takes_none(known[name])}
    required = [name for name in without_default if name not in absent]
    check = fields(
        {name: shapes[name] for name in shapes if name in required}, {name: shapes[name] for name in shapes if name not in required}
    )

    def build(value: Any, where: str) -> Any:
        content = check(value, where)
        return kind(**absent | {name: content[name] for name in shapes if name in content})

    return build


def _shape_of(hint: Any) -> Shape:
    origin, arguments = get_origin(hint), get_args(hint)
    if _takes_none(hint):
        (some,) = (one for one in arguments if one is not type(None))
        return maybe(_shape_of(some))
    if origin is list:
        return several(_shape_of(arguments[0]))
    if origin is tuple:
        items = several(_shape_of(arguments[0]))
        return lambda value, where: tuple(items(value, where))
    if origin is dict:
        return mapping(_shape_of(arguments[1]))
    if isinstance(hint, type) and is_dataclass(hint):
        return record(hint)
    return SIMPLE[hint]


def _takes_none(hint: Any) -> bool:
    return type(None) in get_args(hint)


def mapping(item: Shape) -> Shape:
    """An object whose values all have the same shape."""

    def check(value: Any, where: str) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong(value, where, "an object")
        return {name: item(one, _place(where, name)) for name, one in value.items()}

    return check


def several(item: Shape, least: int = 0, most: int | None = None, *, is_unique: bool = False) -> Shape:
    """A list of ``least`` to ``most`` values of a shape, without duplicates if ``is_unique``."""

    def check(value: Any, where: str) -> list[Any]:
        if not isinstance(value, list):
            raise _wrong(value, where, "a list")
        if len(value) < least or (most is not None and len(value) > most):
            count = f"{least}" if least == most else f"at least {least}" if most is None else f"{least} to {most}"
            raise ShapeError(f"{where or 'the list'} has {len(value):,} items, expected {count}")
        items = [item(one, f"{where}[{number}]") for number, one in enumerate(value)]
        if is_unique and len(set(items)) < len(items):
            duplicate = next(one for number, one in enumerate(items) if one in items[:number])
            raise ShapeError(f"{where or 'the list'} has {duplicate!r} twice")
        return items

    return check


def text(*choices: str, least: int = 0) -> Shape:
    """Text of at least ``least`` characters; one of the choices if there are any."""

    def check(value: Any, where: str) -> str:
        if not isinstance(value, str) or len(value) < least:
            raise _wrong(value, where, "text" if least == 0 else "text that is not empty")
        if choices and value not in choices:
            raise _wrong(value, where, f"one of {', '.join(choices)}")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            raise _wrong(value, where, "text that can be written as UTF-8") from error
        return value

    return check


def whole(low: int, high: int) -> Shape:
    """An integer from ``low`` to ``high``."""

    def check(value: Any, where: str) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise _wrong(value, where, f"a whole number from {low} to {high}")
        return value

    return check


def real(low: float = -math.inf, high: float = math.inf, *, is_above: bool = False) -> Shape:
    """A finite number from ``low`` to ``high``; above ``low`` if ``is_above``."""

    def check(value: Any, where: str) -> float:
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        try:
            number = float(value) if is_number else math.nan
        except OverflowError:
            number = math.inf
        if not math.isfinite(number) or not low <= number <= high or (is_above and number == low):
            what = "a number" if low == -math.inf else f"a number {'above' if is_above else 'from'} {low:g}"
            raise _wrong(value, where, what + ("" if high == math.inf else f" to {high:g}"))
        return number

    return check


def flag(value: Any, where: str) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise _wrong(value, where, "true or false")
    return value


def anything(value: Any, where: str) -> Any:
    """Any value."""
    return value


SIMPLE: dict[Any, Shape] = {str: text(), bool: flag, int: whole(-(2**63), 2**63), float: real(), Any: anything}


def maybe(shape: Shape) -> Shape:
    """A value of a shape, or null."""

    def check(value: Any, where: str) -> Any:
        return None if value is None else shape(value, where)

    return check


def _refuse_duplicate_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        names = [name for name, _ in pairs]
        raise ShapeError(f"{next(name for name in names if names.count(name) > 1)!r} occurs twice in one object")
    return content


def _refuse_constant(word: str) -> float:
    raise ShapeError(f"{word} is not a JSON number")


def _place(where: str, name: str) -> str:
    return f"{where}.{name}" if where else name


def _wrong(value: Any, where: str, expected: str) -> ShapeError:
    shown = "null" if value is None else repr(value) if isinstance(value, str | int | float) else f"a {type(value).__name__}"
    return ShapeError(f"{where or 'the content'} is {shown if len(shown) <= 60 else shown[:57] + '...'}, expected {expected}")
