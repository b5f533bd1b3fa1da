"""Results of tellapart that lie among the photos: known by what they hold, and no photos of the user's."""

from __future__ import annotations

from collections.abc import Set

_MARKS = (
    frozenset({"metrics.json", "options.json", "model"}),
    frozenset({"prepared.json", "samples.parquet"}),
    frozenset({"clusters.json", "clusters.csv"}),
)
"""What a run, a prepared data set and clusters hold. All are written into new folders only, so that no photos lie in them."""


def is_result_folder(names: Set[str]) -> bool:
    """Whether a folder with entries of these names is a run, a prepared data set, or clusters.

    >>> is_result_folder({"metrics.json", "options.json", "model", "figures"}), is_result_folder({"metrics.json", "1.jpg"})
    (True, False)
    """
    return any(marks <= names for marks in _MARKS)
