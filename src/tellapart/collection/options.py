"""What to collect, from where, and where to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tellapart.durations import duration_complaint
from tellapart.options import Options, dataclass, option, without

PER_CLASS = 500
"""Number of images per class that is searched by keyword."""
CONTACT_VARIABLE = "TELLAPART_CONTACT"
"""Environment variable with the e-mail or web address to send to servers."""


_asked = partial(option, only_for=without("status"))


@dataclass(frozen=True, kw_only=True)
class CollectOptions(Options):
    """What to collect, from where, and where to."""

    out: str = option("photos", "Folder or s3://bucket/prefix for the class folders.", metavar="DIR|URL")
    per_class: int | None = _asked(None, f"Images per class [default: {PER_CLASS} by keyword, all of a list].", minimum=1)
    class_: tuple[str, ...] = _asked(
        (), 'A class with several keywords: travel="road trip,ski trip". Repeat for each.', metavar="NAME=WORDS"
    )
    plan: Path | None = _asked(None, "Classes and keywords from a TOML or CSV file.", metavar="FILE")
    urls: Path | None = _asked(None, "URLs from a CSV, TSV, Parquet (columns url, label) or text file.", metavar="FILE")
    page: tuple[str, ...] = _asked((), "A web page to download images from, into --label. Repeat for several.", metavar="URL")
    label: str | None = _asked(None, "The class of images from --page or from a text file of --urls.")
    next_page: str | None = _asked(None, "How to find the next page: auto, a CSS selector, or a URL with {page}.", metavar="RULE")
    pages: int = _asked(50, "Maximum number of pages to follow from each --page.", minimum=1)
    browser: bool = _asked(False, "Render pages in a headless browser and scroll them.")
    sources: str | None = _asked(
        None, "Sources to search, with commas [default: those that are on; see tellapart sources].", metavar="NAMES"
    )
    licenses: str | None = _asked(None, "Licenses to accept, with commas: cc0,pdm,cc-by,cc-by-sa,... [default: any].", metavar="NAMES")
    contact: str | None = _asked(None, f"Your e-mail or web address, sent to every server [default: ${CONTACT_VARIABLE}].")
    max_side: int = _asked(1024, "Longer side in pixels to request, if a source offers several sizes.", minimum=50)
    min_side: int = _asked(64, "Reject images whose shorter side has fewer pixels.", minimum=1)
    resize: int | None = _asked(None, "Downscale larger images to this longer side in pixels.", minimum=16)
    crop: str | None = _asked(None, "Your function that returns the box of an image to keep.", metavar="MODULE:FUNCTION")
    per_host: int = _asked(4, "Concurrent requests to one host.", minimum=1, maximum=256)
    host_rate: float = _asked(8.0, "Requests per second to one host; 0 for no limit.", minimum=0.0)
    concurrency: int = _asked(64, "Concurrent requests in total.", minimum=1, maximum=1024)
    time: str | None = _asked(None, "Stop after this time, such as 30m or 2h; the same command continues.", check=duration_complaint)
    shards: bool = _asked(False, "Pack the images into tar files of 10,000 (always above a million).")
    uneven_sources: bool = _asked(False, "Allow classes to get different shares of their images from each source.")
    allow_private: bool = _asked(False, "Allow connections to private network addresses.")
    status: bool = option(False, "Only show the status of the collection, and why downloads failed.")
    state: Path | None = option(None, "Folder for the ledger [default: .tellapart beside the images].", metavar="DIR")
