"""The sources of pictures, one module each."""

from tellapart.collection.sources.source import HostLimit, Source, SourceCard, SourceError

__all__ = ["HostLimit", "Source", "SourceCard", "SourceError"]
