"""tellapart: from a folder of images to a classifier you can trust.

>>> import tellapart
>>> run = tellapart.train("photos")                     # doctest: +SKIP
>>> tellapart.predict(run.folder, "new").predictions    # doctest: +SKIP

Everything here is loaded on first use; importing the package loads neither torch nor scikit-learn. What editors and type
checkers see stands in ``__init__.pyi``.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import Any

from tellapart.commands import COMMANDS
from tellapart.version import __version__ as __version__

HOMES = {
    "Comparison": "evaluation",
    "DataError": "errors",
    "Dataset": "dataset",
    "FeatureMatrix": "features",
    "ImageClassifier": "classifier",
    "ImageError": "errors",
    "Interval": "evaluation",
    "MissingExtra": "errors",
    "ModelError": "errors",
    "OptionError": "errors",
    "Predictions": "predictions",
    "Prepared": "dataset_export.prepared",
    "Run": "run_folder",
    "StorageError": "errors",
    "TellapartError": "errors",
    "TimeLimitError": "errors",
    "asgi": "commands.serve",
    "open_dataset": "dataset",
    "open_prepared": "dataset_export.prepared",
    "open_run": "run_folder",
    **{row.function: f"commands.{row.home}" for row in COMMANDS.values()},
}
"""By public name, the module it comes from: records, errors, what opens them, and the function of every command."""

__all__ = sorted(HOMES)


logging.getLogger(__name__).addHandler(logging.NullHandler())


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'tellapart' has no attribute {name!r}")
    value = getattr(import_module(f"tellapart.{HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
