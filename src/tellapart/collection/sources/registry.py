"""Registry of sources: ours, and those of other packages under the entry point group ``tellapart.sources``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType

from tellapart.collection.sources.bing import Bing
from tellapart.collection.sources.duckduckgo import DuckDuckGo
from tellapart.collection.sources.flickr import Flickr
from tellapart.collection.sources.gbif import Gbif
from tellapart.collection.sources.inaturalist import INaturalist
from tellapart.collection.sources.openverse import Openverse
from tellapart.collection.sources.pexels import Pexels
from tellapart.collection.sources.pixabay import Pixabay
from tellapart.collection.sources.protocol import Source, SourceCard
from tellapart.collection.sources.unsplash import Unsplash
from tellapart.collection.sources.wikimedia import Wikimedia
from tellapart.errors import OptionError, closest_name

GROUP = "tellapart.sources"
_OWN: tuple[Source, ...] = (
    *(Openverse(), Wikimedia(), INaturalist(), Gbif()),
    *(Flickr(), Pexels(), Pixabay(), Unsplash()),
    *(DuckDuckGo(), Bing()),
)
SOURCES: Mapping[str, Source] = MappingProxyType({source.name: source for source in _OWN})
"""The built-in sources by name, in the order in which they are used."""
METHODS = ("facets", "request", "parse")


def all_sources() -> dict[str, Source]:
    """Every source by name, ours first; those of other packages that cannot be used are left out (:func:`broken_sources`)."""
    return _looked_up()[0]


def broken_sources() -> dict[str, str]:
    """The sources of other packages that cannot be used, and why."""
    return _looked_up()[1]


def source_named(name: str) -> Source:
    """The source of a name.

    Raises:
        OptionError: there is none, or it cannot be used; the hint is the closest name.
    """
    sources, broken = _looked_up()
    if name in sources:
        return sources[name]
    if name in broken:
        raise OptionError(f"the source {name!r} cannot be used: {broken[name]}", hint="tellapart sources lists those that can")
    raise OptionError(f"there is no source {name!r}", hint=closest_name(name.lower(), sources) or f"the sources are {', '.join(sources)}")


def missing_keys(source: Source, environment: Mapping[str, str]) -> list[str]:
    """The environment variables a source needs that are not set."""
    return [name for name in source.card.keys if not environment.get(name, "").strip()]


def keys_of(source: Source, environment: Mapping[str, str]) -> dict[str, str]:
    """The keys of a source that are set, and nothing else of the environment."""
    named = (*source.card.keys, *source.card.optional_keys)
    return {name: environment[name].strip() for name in named if environment.get(name, "").strip()}


def can_give(source: Source, licenses: Sequence[str]) -> bool:
    """Whether a source can have images of one of some license families (none: of any)."""
    return not licenses or bool(set(licenses) & set(source.card.families))


def facets_of(source: Source, keyword: str, licenses: Sequence[str] = ()) -> list[Mapping[str, str]]:
    """The slices of a source, without those of a license that was not requested."""
    return [facet for facet in source.facets(keyword) if not licenses or facet.get("license", licenses[0]) in licenses]


def _looked_up() -> tuple[dict[str, Source], dict[str, str]]:
    sources, broken = dict(SOURCES), dict[str, str]()
    for entry in sorted(entry_points(group=GROUP), key=lambda one: one.name):
        if entry.name in sources:
            broken[entry.name if entry.name not in SOURCES else f"{entry.name} ({_origin(entry)})"] = "another source has this name"
            continue
        try:
            sources[entry.name] = _loaded(entry)
        except Exception as error:  # a plugin may raise anything; it must not take the others with it
            broken[entry.name] = f"{_origin(entry)}: {type(error).__name__}: {error}"
    return sources, broken


def _loaded(entry: EntryPoint) -> Source:
    """The source behind an entry point: an instance, or a class that is called without arguments."""
    named = entry.load()
    source: Source = named() if isinstance(named, type) else named
    if not isinstance(getattr(source, "card", None), SourceCard):
        raise TypeError("it has no card of the kind SourceCard")
    if lacking := [method for method in METHODS if not callable(getattr(source, method, None))]:
        raise TypeError(f"it has no {' and no '.join(lacking)}")
    if getattr(source, "name", None) != entry.name:
        raise TypeError(f"it calls itself {getattr(source, 'name', None)!r}, its entry point {entry.name!r}")
    return source


def _origin(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist else entry.value
