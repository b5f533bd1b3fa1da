"""The planner: which class needs images, from which source to take them next, and when a search is exhausted.

Pure functions of the ledger's counts. All classes are collected from the same sources in the same shares: where cats
come from one site and dogs from another, a network learns to tell the sites apart.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tellapart.counts import count

JUDGED = 60
"""A slice is judged by its last so many addresses."""
FEWEST_JUDGED = 40
DRY_SHARE = 0.05
"""A slice is no longer searched if at most this share of its results is new and accepted."""
STALE_PAGES = 2
MOST_AHEAD = 1.25
ALLOWANCE = 10
"""From one source a class may take so many times what the poorest class has from there, and so many more."""
LIST_SOURCE, PAGE_SOURCE = "list", "pages"
LISTED_BY_HAND = frozenset({LIST_SOURCE, PAGE_SOURCE})

Counts = Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceCounts:
    """What one class has from one source."""

    kept: int = 0
    busy: int = 0
    """Being fetched or written, by whichever collector."""
    queued: int = 0
    is_open: bool = False
    """Whether the source may have more results."""

    @property
    def is_ended(self) -> bool:
        """Whether nothing is left to search or fetch."""
        return not (self.is_open or self.queued or self.busy)


Supplies = Mapping[str, Mapping[str, SourceCounts]]
"""By class, then by source."""


def shortfalls(supplies: Supplies, quotas: Mapping[str, int | None]) -> dict[str, int]:
    """How many more images each class needs in addition to those in progress; classes in the order of their need."""
    needs = {}
    for label, quota in quotas.items():
        held = sum(one.kept + one.busy for one in supplies.get(label, {}).values())
        needs[label] = 1 << 60 if quota is None else max(0, quota - held)
    share = {label: needs[label] / (quotas[label] or 1 << 60) for label in needs}
    return {label: needs[label] for label in sorted(needs, key=lambda name: -share[name])}


def ceilings(supplies: Supplies, needs: Mapping[str, int], *, is_even: bool = True) -> dict[str, int]:
    """How many images any class may take from each source: somewhat more than the class that has fewest from there.

    Classes that have all they need (``needs``, from :func:`shortfalls`) hold nobody back, unless the source could give
    them no more. What was listed by hand has no ceiling; with ``is_even=False`` nothing has.
    """
    ceiling_of: dict[str, int] = {}
    if not is_even or len(supplies) < 2:
        return ceiling_of
    for source in {source for sources in supplies.values() for source in sources} - LISTED_BY_HAND:
        those = {label: sources[source] for label, sources in supplies.items() if source in sources}
        binding = [one.kept + one.busy for label, one in those.items() if one.is_ended or needs.get(label)]
        if len(those) > 1 and binding:
            ceiling_of[source] = int(min(binding) * MOST_AHEAD) + ALLOWANCE
    return ceiling_of


def sources_by_need(supplies: Mapping[str, SourceCounts], ceiling: Mapping[str, int]) -> list[tuple[str, int]]:
    """For one class: the sources to take from, the one it has fewest images from first, and how many more each may give."""
    room = {name: ceiling.get(name, 1 << 60) - one.kept - one.busy for name, one in supplies.items()}
    allowed = [name for name in supplies if room[name] > 0]
    return [(name, room[name]) for name in sorted(allowed, key=lambda name: supplies[name].kept + supplies[name].busy)]


def exhaustion_reason(judged: int, stored: int, stale_pages: int) -> str | None:
    """Why a slice is no longer searched, or None."""
    if stale_pages >= STALE_PAGES:
        return f"its last {stale_pages} pages held next to nothing new"
    if judged >= FEWEST_JUDGED and stored <= DRY_SHARE * judged:
        return f"of its last {count(judged, 'address', 'addresses')} {stored} gave a new image"
    return None


def unevenness(supplies: Supplies) -> list[str]:
    """Sentences about sources that give one class a quite different share than another: a shortcut for any classifier."""
    shares: dict[str, dict[str, float]] = {}
    for label, sources in supplies.items():
        stored = sum(one.kept for one in sources.values())
        if stored >= ALLOWANCE:
            for source, one in sources.items():
                shares.setdefault(source, {})[label] = one.kept / stored
    sentences = []
    for source, share in sorted(shares.items()):
        if len(share) < 2:
            continue
        low, high = min(share, key=share.__getitem__), max(share, key=share.__getitem__)
        if share[high] - share[low] > 0.2:
            sentences.append(f"{source} gave {share[high]:.0%} of {high} but {share[low]:.0%} of {low}: a classifier may learn the source")
    return sentences


def reasons_for_shortage(label: str, supplies: Supplies, missing: int, ends: Mapping[str, Counts], ceiling: Mapping[str, int]) -> list[str]:
    """Why a class will not reach its number: a sentence a source.

    ``ends`` counts, by source, the slices of this class that ended, by ``exhausted``, ``dry`` and ``failed``.
    """
    sentences = [f"{label}: {missing:,} fewer than asked for"]
    for source, one in sorted(supplies.get(label, {}).items()):
        if source in ceiling and one.kept + one.busy >= ceiling[source] and (one.queued or one.is_open):
            poorest = min((name for name in supplies if source in supplies[name]), key=lambda name: supplies[name][source].kept)
            sentences.append(
                f"{source} has more, left alone because {poorest} has only {supplies[poorest][source].kept:,} from there"
                " (--uneven-sources takes them)"
            )
            continue
        counted = [f"{number:,} {_END_WORDS[kind]}" for kind, number in ends.get(source, {}).items() if number and kind in _END_WORDS]
        sentences.append(f"{source} gave {one.kept:,}" + (f" ({_listed(counted)})" if counted else ""))
    return sentences


_END_WORDS = {
    "exhausted": "searches came to their end",
    "dry": "given up as next to nothing in them was new",
    "failed": "failed",
}


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
