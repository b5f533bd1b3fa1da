"""What to collect, from where, and where to."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from tellapart.collection.defaults import CONTACT_VARIABLE, PER_CLASS
from tellapart.durations import duration_complaint
from tellapart.options import Options, dataclass, option, without

_asked = partial(option, only_for=without("status"))


@dataclass(frozen=True, kw_only=True)
class CollectOptions(Options):
    """What to collect, from where, and where to."""

    out: str = option("photos", "Folder or s3://bucket/prefix for the class folders.", metavar="DIR|URL")
    per_class: int | None = _asked(None, f"Images wanted of each class [default: {PER_CLASS} by keyword, all of a list].", minimum=1)
    class_: tuple[str, ...] = _asked(
        (), 'A class with several keywords: travel="road trip,ski trip". Repeat for each.', metavar="NAME=WORDS"
    )
    plan: Path | None = _asked(None, "Classes and keywords from a TOML or CSV file.", metavar="FILE")
    urls: Path | None = _asked(None, "Addresses from a CSV, TSV, Parquet (columns url, label) or text file.", metavar="FILE")
    page: tuple[str, ...] = _asked((), "A page to take images from, into --label. Repeat for several.", metavar="URL")
    label: str | None = _asked(None, "The class of what --page or a text file of --urls gives.")
    next_page: str | None = _asked(None, "How to find the next page: auto, a CSS selector, or an address with {page}.", metavar="RULE")
    pages: int = _asked(50, "Most pages to take from each --page.", minimum=1)
    browser: bool = _asked(False, "Open pages in a browser and scroll them.")
    sources: str | None = _asked(None, "Sources to ask, with commas [default: those that are on; see tellapart sources].", metavar="NAMES")
    licenses: str | None = _asked(None, "Licenses to take, with commas: cc0,pdm,cc-by,cc-by-sa,... [default: any].", metavar="NAMES")
    contact: str | None = _asked(None, f"Your e-mail or web address, told to every server [default: ${CONTACT_VARIABLE}].")
    max_side: int = _asked(1024, "Longer side in pixels to ask for, where a source keeps several sizes.", minimum=50)
    min_side: int = _asked(64, "Refuse images with a shorter side of fewer pixels.", minimum=1)
    resize: int | None = _asked(None, "Scale larger images down to so many pixels on their longer side.", minimum=16)
    crop: str | None = _asked(None, "A function of yours that says which box of an image to keep.", metavar="MODULE:FUNCTION")
    per_host: int = _asked(4, "Requests under way at one host.", minimum=1, maximum=256)
    host_rate: float = _asked(8.0, "Requests a second to one host; 0 for no limit.", minimum=0.0)
    concurrency: int = _asked(64, "Requests under way in all.", minimum=1, maximum=1024)
    time: str | None = _asked(None, "Stop after so long, as in 30m or 2h; the same command goes on.", check=duration_complaint)
    shards: bool = _asked(False, "Pack the images into tar files of 10,000 (always above a million).")
    uneven_sources: bool = _asked(False, "Let classes take different shares from the sources.")
    allow_private: bool = _asked(False, "Connect to addresses inside networks too.")
    status: bool = option(False, "Only tell how the collection stands, and why addresses failed.")
    state: Path | None = option(None, "Folder for the ledger [default: .tellapart beside the images].", metavar="DIR")
