"""tellapart collect: download images into class folders, by keyword, from web pages or from lists of URLs."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tellapart.collection.options import CollectOptions
from tellapart.errors import OptionError
from tellapart.options import with_options
from tellapart.progress import AUTO, Progress

if TYPE_CHECKING:
    from tellapart.collection.status import CollectResult


@with_options(CollectOptions)
def collect(names: str | Sequence[str] = (), *, options: CollectOptions, progress: Progress = AUTO) -> CollectResult:
    """Download images for classes, by keyword, from web pages or from lists of URLs.

    Each name is a class and its search keyword. Progress is saved continuously: the same command, or
    ``tellapart collect -o photos`` alone, resumes an interrupted collection and retries temporary failures.

    Args:
        names: one class or several, each also its keyword.
        progress: receives the progress.
        options: as keywords; see :class:`CollectOptions`.

    Raises:
        OptionError: an option's name or value is wrong, or there is nothing to collect.
        DataError: a list cannot be read, or no image was collected.
        StorageError: the disk is full or the destination cannot be written; what was collected is kept.
        MissingExtra: the package for a browser or a bucket is not installed.
    """
    from tellapart.collection.session import collect_images, collection_status

    class_names = [names] if isinstance(names, str) else list(names)
    if options.status:
        if class_names:
            raise OptionError(
                f"{class_names[0]!r} has no effect with --status, which downloads nothing", hint="leave the names out, or --status"
            )
        return collection_status(options)
    return collect_images(class_names, options, os.environ, progress)
