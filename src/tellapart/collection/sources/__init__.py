"""The sources of images, one module each."""

from tellapart.collection.sources.protocol import HostLimit, Source, SourceCard, SourceError
from tellapart.collection.sources.registry import (
    SOURCES,
    all_sources,
    broken_sources,
    can_give,
    facets_of,
    keys_of,
    missing_keys,
    source_named,
)

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
