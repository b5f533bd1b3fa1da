"""tellapart collect: from the names of classes, pages or lists of addresses to class folders that say where each image came from."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

from tellapart.collection.options import CollectOptions
from tellapart.errors import OptionError
from tellapart.options import with_options
from tellapart.progress import AUTO, Progress


@with_options(CollectOptions)
def collect(names: str | Sequence[str] = (), *, options: CollectOptions, progress: Progress = AUTO) -> dict[str, Any]:
    """Collect images for classes, by keyword, from pages or from lists of addresses.

    Each name is a class and the words that find it. What is done is written down as it is done: the same command, or
    ``tellapart collect -o photos`` alone, goes on where an interrupted one stopped, and tries failures again that may pass.

    Args:
        names: one class or several, each also its keyword.
        progress: hears how far it is.
        options: as keywords; see :class:`CollectOptions`.

    Returns:
        ``out``, ``classes`` (for each: wanted, kept, duplicates, refused, waiting, queued, and images by source), ``reasons`` (why
        addresses failed: number, host, reason, advice), ``searches``, ``short`` (why classes did not reach their number), ``seconds``,
        ``uneven`` (sentences on shares that differ), ``notes``.

    Raises:
        OptionError: an option's name or value is wrong, or there is nothing to collect.
        DataError: a list cannot be read, or not one image came.
        StorageError: the disk is full or the destination cannot be written; what was collected is kept.
        MissingExtra: a browser or a bucket is asked for, and its package is not installed.
    """
    from tellapart.collection.session import collect_images, collection_status

    wanted = [names] if isinstance(names, str) else list(names)
    if options.status:
        if wanted:
            raise OptionError(f"{wanted[0]!r} has no effect with --status, which asks for nothing", hint="leave the names out, or --status")
        return collection_status(options)
    return collect_images(wanted, options, os.environ, progress)
