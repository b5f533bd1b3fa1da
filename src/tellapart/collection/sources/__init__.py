"""The sources of pictures, one module each."""

from tellapart.collection.sources.catalogue import (
    SOURCES,
    all_sources,
    broken_sources,
    can_give,
    facets_of,
    keys_of,
    missing_keys,
    source_named,
)
from tellapart.collection.sources.source import HostLimit, Source, SourceCard, SourceError

__all__ = [
    "SOURCES",
    "HostLimit",
    "Source",
    "SourceCard",
    "SourceError",
    "all_sources",
    "broken_sources",
    "can_give",
    "facets_of",
    "keys_of",
    "missing_keys",
    "source_named",
]
