"""From the names and options of a collect to an order: which classes, from which sources, with which keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tellapart.collection.options import CONTACT_VARIABLE
from tellapart.errors import OptionError
from tellapart.options import WITHOUT

if TYPE_CHECKING:
    from tellapart.collection.options import CollectOptions
    from tellapart.collection.plans.plan import ClassPlan
    from tellapart.collection.search import SearchPreferences
    from tellapart.collection.sources import Source


@dataclass(frozen=True, kw_only=True)
class CollectionOrder:
    """What is to be collected, all names resolved."""

    plans: tuple[ClassPlan, ...]
    sources: Mapping[str, Source]
    """All that any class asks, by name."""
    asked: Mapping[str, tuple[str, ...]]
    """Names of sources by class."""
    usual: SearchPreferences
    """What the options ask of every image."""
    own: Mapping[str, SearchPreferences]
    """By class, where its plan asks for something else."""
    contact: str | None
    keys: Mapping[str, str]
    notes: tuple[str, ...]

    def preferences(self, label: str) -> SearchPreferences:
        """The requirements for the images of a class, from a plan, a name, a page, a list or an earlier run."""
        return self.own.get(label, self.usual)


def resolve_order(names: Sequence[str], options: CollectOptions, environment: Mapping[str, str]) -> CollectionOrder:
    """Resolve the options.

    Raises:
        OptionError: unknown sources or licenses, keys that are missing, options that do not go together.
    """
    from tellapart.collection.planner import PAGE_SOURCE
    from tellapart.collection.plans.plan import plan_of
    from tellapart.collection.search import SearchPreferences
    from tellapart.collection.sources import keys_of, source_named
    from tellapart.collection.sources.licenses import families_named
    from tellapart.collection.web_pages.page_source import Pages

    plans = plan_of(names, options.class_, options.plan)
    if options.page and not options.label:
        raise OptionError("the images of a page need a class", hint='name it with --label "border collie"')
    _check_idle(options, has_words=bool(plans))
    usual = SearchPreferences(licenses=families_named(words_of(options.licenses)), side=options.max_side)
    own = {plan.label: replace(usual, licenses=families_named(plan.licenses)) for plan in plans if plan.licenses}
    contact = resolve_contact(options.contact, environment)
    sources: dict[str, Source] = {}
    sources_of: dict[str, tuple[str, ...]] = {}
    notes: list[str] = []
    for plan in plans:
        named = plan.sources or words_of(options.sources)
        licenses = own.get(plan.label, usual).licenses
        usable = _usable([source_named(name) for name in named], licenses, contact, environment, notes)
        sources_of[plan.label] = tuple(source.name for source in usable)
        sources |= {source.name: source for source in usable}
    if plans and not sources:
        raise OptionError(
            "\n".join(["there is no source to ask", *dict.fromkeys(notes)]), hint="see tellapart sources, and name some with --sources"
        )
    if options.page:
        sources[PAGE_SOURCE] = Pages(options.next_page, options.pages)
    keys = {name: value for source in sources.values() for name, value in keys_of(source, environment).items()}
    return CollectionOrder(
        plans=plans,
        sources=sources,
        asked=sources_of,
        usual=usual,
        own=own,
        contact=contact,
        keys=keys,
        notes=tuple(dict.fromkeys(notes)),
    )


def _check_idle(options: CollectOptions, *, has_words: bool) -> None:
    """Refuse options that have no effect on this way of collecting.

    Raises:
        OptionError: one is, and would change nothing.
    """
    options_of = {
        "without --page": (bool(options.page), ("browser", "next_page", "pages")),
        "without --page or --urls": (bool(options.page or options.urls), ("label",)),
        "without classes to search for": (has_words, ("sources", "uneven_sources")),
    }
    usual = type(options)()
    idle = [
        f"{name} has no effect {complaint}"
        for complaint, (is_gone, names) in options_of.items()
        for name in names
        if not is_gone and getattr(options, name) != getattr(usual, name)
    ]
    if idle:
        raise OptionError("\n".join(idle), hint=WITHOUT)


def resolve_contact(given: str | None, environment: Mapping[str, str]) -> str | None:
    """The contact for servers: from the option, else from ``$TELLAPART_CONTACT``; None if neither is set."""
    return given or environment.get(CONTACT_VARIABLE) or None


def _usable(
    named: Sequence[Source], licenses: Sequence[str], contact: str | None, environment: Mapping[str, str], notes: list[str]
) -> list[Source]:
    """The sources that can be asked for a class: all that are named, or else an error; of the usual ones those that can, and notes."""
    from tellapart.collection.sources import all_sources, can_give, missing_keys

    usual = [source for source in all_sources().values() if source.card.is_default and source.card.asks == "words"]
    usable = []
    for source in named or usual:
        complaint, hint = None, None
        if missing := missing_keys(source, environment):
            complaint, hint = f"{source.name} needs a key in {' and '.join(missing)}", f"get one at {source.card.home}"
        elif source.card.needs_contact and not contact:
            complaint, hint = f"{source.name} wants to know whom to write to", "say so with --contact you@example.org"
        elif not can_give(source, licenses):
            complaint = f"{source.name} has no images under the licenses asked for"
        if complaint and named:
            raise OptionError(complaint, hint=hint)
        if complaint:
            notes.append(f"{complaint}, and is left out" + (f": {hint}" if hint else ""))
        else:
            usable.append(source)
    return usable


def words_of(text: str | None) -> tuple[str, ...]:
    """The words of a list with commas."""
    return tuple(word.strip() for word in (text or "").split(",") if word.strip())
