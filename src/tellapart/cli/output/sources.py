"""What the verb ``sources`` says: a table of the sources, what is to be known of those named, or who answers."""

from __future__ import annotations

from typing import Any

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer, Line, Styled

COLORS = {
    "on": "green",
    "healthy": "green",
    "off": None,
    "needs a key": "yellow",
    "needs a contact": "yellow",
    "no key": "yellow",
    "no contact": "yellow",
}
HEAD = ("source", "", "by", "results a search", "requests", "licenses", "key")
CHECK_HEAD = ("source", "", "answer", "results", "image", "")
LONGEST_LISTED = 4
LEGEND = (
    "off: asked only where you name it with --sources, as its terms are against it",
    "tellapart sources NAME says more of one: its terms, its license data, and what speaks against it",
)


def sources_output(found: dict[str, Any]) -> Answer:
    """A line a source; a paragraph each where few were asked for; what came of a check."""
    rows = found["sources"]
    if any(one["health"] for one in rows):
        lines = _colored(aligned([CHECK_HEAD, *(_checked(one) for one in rows)]), rows, [one["health"]["state"] for one in rows])
    elif len(rows) <= LONGEST_LISTED:
        lines = [line for one in rows for line in _paragraph(one)]
    else:
        lines = _colored(aligned([HEAD, *(_row(one) for one in rows)]), rows, [one["state"] for one in rows])
        lines += ["", *LEGEND]
    lines += [Styled(f"{name} cannot be used: {reason}", fg="red") for name, reason in found["broken"].items()]
    return lines, found


def _colored(table: list[str], rows: list[dict[str, Any]], states: list[str]) -> list[Line]:
    """A table of sources with the state of each in its color."""
    width = max((len(one["name"]) for one in rows), default=0)
    lines: list[Line] = [*table]
    for line, (row, state) in enumerate(zip(table[1:], states, strict=True), start=1):
        at = row.index(state, width)
        lines[line] = Styled(state, fg=COLORS.get(state, "red"), before=row[:at], after=row[at + len(state) :])
    return lines


def _row(one: dict[str, Any]) -> list[str]:
    most = one["most_results"]
    asked = "words" if one["asks"] == "words" else "living things"
    return [one["name"], one["state"], asked, f"{most:,}" if most else "all", _pace(one["limit"]), _licenses(one), _keys(one)]


def _paragraph(one: dict[str, Any]) -> list[Line]:
    asked = "words" if one["asks"] == "words" else "names of living things"
    most = f"{one['most_results']:,} results a search" if one["most_results"] else "all results of a search"
    hosts = [f"{host}: {_pace(limit)}" for host, limit in one["image_hosts"].items()]
    facts = {
        "by": asked,
        "licenses": one["licenses"],
        "limits": "; ".join([most, _pace(one["limit"]), *hosts]),
        "key": _keys(one),
        "note": one["caveat"],
        "terms": one["terms"],
    }
    state = Styled(one["state"], fg=COLORS.get(one["state"]), before=f"{one['name']}: {one['title']}, {one['home']} (", after=")")
    return [state, *aligned([("", ""), *facts.items()], before="  ")[1:]]


def _checked(one: dict[str, Any]) -> list[str]:
    health = one["health"]
    results = f"{health['offers']:,}" if health["offers"] else ""
    total = f" of {health['total']:,}" if health["total"] and health["offers"] else ""
    is_image = health["state"] == "healthy"
    image = f"{health['image']}, {health['image_seconds']:.1f} s" if is_image else ""
    answer = f"{health['seconds']:.1f} s" if health["seconds"] is not None else ""
    return [one["name"], health["state"], answer, f"{results}{total}", image, health["said"]]


def _pace(limit: dict[str, Any]) -> str:
    rate = limit["per_minute"]
    shown = f"{rate:,.0f} a minute" if rate and rate >= 10 else f"{60 * rate:,.0f} an hour" if rate else ""
    daily = f"{limit['per_day']:,} a day" if limit["per_day"] else ""
    return ", ".join(filter(None, [shown, daily])) or f"{limit['concurrency']} at once"


def _licenses(one: dict[str, Any]) -> str:
    families = one["families"]
    own = [family for family in families if family not in ("cc0", "pdm") and not family.startswith("cc-")]
    return ", ".join(own) or ("Creative Commons" if families else "not said")


def _keys(one: dict[str, Any]) -> str:
    needed = [f"{name} ({'set' if is_set else 'not set'})" for name, is_set in one["keys"].items()]
    return ", ".join(needed + [f"{name} ({'set' if is_set else 'not needed'})" for name, is_set in one["optional_keys"].items()])
