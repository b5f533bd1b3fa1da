"""What ``tellapart sources`` prints: a table of all sources, a paragraph on each one named, or the results of a check."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.cli.formatting import aligned
from tellapart.cli.terminal import Answer, Line, Styled

if TYPE_CHECKING:
    from tellapart.collection.sources.health import Health
    from tellapart.collection.sources.protocol import HostLimit
    from tellapart.commands.sources import SourceInfo, SourcesResult

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


def sources_output(result: SourcesResult) -> Answer:
    """One line per source; a paragraph each if only a few were named; the results of a check."""
    rows = result.sources
    checks = [one.health for one in rows if one.health]
    if checks:
        table = aligned([CHECK_HEAD, *(_checked(one, health) for one, health in zip(rows, checks, strict=True))])
        lines = _colored(table, rows, [health.state for health in checks])
    elif len(rows) <= LONGEST_LISTED:
        lines = [line for one in rows for line in _paragraph(one)]
    else:
        lines = _colored(aligned([HEAD, *(_row(one) for one in rows)]), rows, [one.state for one in rows])
        lines += ["", *LEGEND]
    lines += [Styled(f"{name} cannot be used: {reason}", fg="red") for name, reason in result.broken.items()]
    return lines, result.as_dict()


def _colored(table: list[str], rows: Sequence[SourceInfo], states: Sequence[str]) -> list[Line]:
    """A table of sources with the state of each in its color."""
    width = max((len(one.name) for one in rows), default=0)
    lines: list[Line] = [*table]
    for line, (row, state) in enumerate(zip(table[1:], states, strict=True), start=1):
        at = row.index(state, width)
        lines[line] = Styled(state, fg=COLORS.get(state, "red"), before=row[:at], after=row[at + len(state) :])
    return lines


def _row(one: SourceInfo) -> list[str]:
    most = one.card.most_results
    searched_by = "words" if one.card.asks == "words" else "living things"
    return [one.name, one.state, searched_by, f"{most:,}" if most else "all", _pace(one.card.limit), _licenses(one), _keys(one)]


def _paragraph(one: SourceInfo) -> list[Line]:
    searched_by = "words" if one.card.asks == "words" else "names of living things"
    most = f"{one.card.most_results:,} results a search" if one.card.most_results else "all results of a search"
    hosts = [f"{host}: {_pace(limit)}" for host, limit in one.card.image_hosts.items()]
    facts = {
        "by": searched_by,
        "licenses": one.card.licenses,
        "limits": "; ".join([most, _pace(one.card.limit), *hosts]),
        "key": _keys(one),
        "note": one.card.caveat,
        "terms": one.card.terms,
    }
    state = Styled(one.state, fg=COLORS.get(one.state), before=f"{one.name}: {one.card.title}, {one.card.home} (", after=")")
    return [state, *aligned([("", ""), *facts.items()], before="  ")[1:]]


def _checked(one: SourceInfo, health: Health) -> list[str]:
    results = f"{health.offers:,}" if health.offers else ""
    total = f" of {health.total:,}" if health.total and health.offers else ""
    is_image = health.state == "healthy"
    image = f"{health.image}, {health.image_seconds or 0:.1f} s" if is_image else ""
    answer = f"{health.seconds:.1f} s" if health.seconds is not None else ""
    return [one.name, health.state, answer, f"{results}{total}", image, health.said]


def _pace(limit: HostLimit) -> str:
    rate = limit.per_minute
    shown = f"{rate:,.0f} a minute" if rate and rate >= 10 else f"{60 * rate:,.0f} an hour" if rate else ""
    daily = f"{limit.per_day:,} a day" if limit.per_day else ""
    return ", ".join(filter(None, [shown, daily])) or f"{limit.concurrency} at once"


def _licenses(one: SourceInfo) -> str:
    families = one.card.families
    own = [family for family in families if family not in ("cc0", "pdm") and not family.startswith("cc-")]
    return ", ".join(own) or ("Creative Commons" if families else "not said")


def _keys(one: SourceInfo) -> str:
    needed = [f"{name} ({'set' if is_set else 'not set'})" for name, is_set in one.keys.items()]
    return ", ".join(needed + [f"{name} ({'set' if is_set else 'not needed'})" for name, is_set in one.optional_keys.items()])
