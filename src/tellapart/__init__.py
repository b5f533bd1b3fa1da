"""tellapart: from a folder of images to a classifier you can trust.

>>> import tellapart
>>> run = tellapart.train("photos")                     # doctest: +SKIP
>>> tellapart.predict(run.folder, "new").predictions    # doctest: +SKIP

Everything below is loaded on first use; importing the package loads neither torch nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from tellapart.version import __version__ as __version__

if TYPE_CHECKING:
    from tellapart.classifier import ImageClassifier
    from tellapart.commands.augment import augment
    from tellapart.commands.autoencode import autoencode
    from tellapart.commands.balance import balance
    from tellapart.commands.check import check
    from tellapart.commands.cluster import cluster
    from tellapart.commands.collect import collect
    from tellapart.commands.compare import compare
    from tellapart.commands.crop import crop
    from tellapart.commands.curve import curve
    from tellapart.commands.decisions import decisions
    from tellapart.commands.demo import demo
    from tellapart.commands.doctor import doctor
    from tellapart.commands.ensemble import ensemble
    from tellapart.commands.evaluate import evaluate
    from tellapart.commands.exclude import exclude
    from tellapart.commands.explain import explain
    from tellapart.commands.explore import explore
    from tellapart.commands.export import export
    from tellapart.commands.ladder import ladder
    from tellapart.commands.map import map
    from tellapart.commands.predict import predict
    from tellapart.commands.prepare import prepare
    from tellapart.commands.relabel import relabel
    from tellapart.commands.report import report
    from tellapart.commands.restore import restore
    from tellapart.commands.similar import similar
    from tellapart.commands.sources import sources
    from tellapart.commands.split import split
    from tellapart.commands.submit import submit
    from tellapart.commands.train import train
    from tellapart.commands.undo import undo
    from tellapart.dataset import Dataset, open_dataset
    from tellapart.dataset_export.prepared import Prepared, open_prepared
    from tellapart.errors import DataError, ImageError, MissingExtra, ModelError, OptionError, StorageError, TellapartError
    from tellapart.evaluation import Comparison, Interval
    from tellapart.features import FeatureMatrix
    from tellapart.predictions import Predictions
    from tellapart.runs import Run, open_run

_HOMES = {
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
    "Prepared": "preparation.prepared",
    "Run": "runs",
    "StorageError": "errors",
    "TellapartError": "errors",
    "augment": "verbs.augment",
    "autoencode": "verbs.autoencode",
    "balance": "verbs.balance",
    "check": "verbs.check",
    "cluster": "verbs.cluster",
    "collect": "verbs.collect",
    "compare": "verbs.compare",
    "crop": "verbs.crop",
    "curve": "verbs.curve",
    "decisions": "verbs.decisions",
    "demo": "verbs.demo",
    "doctor": "verbs.doctor",
    "ensemble": "verbs.ensemble",
    "evaluate": "verbs.evaluate",
    "exclude": "verbs.exclude",
    "explain": "verbs.explain",
    "explore": "verbs.explore",
    "export": "verbs.export",
    "ladder": "verbs.ladder",
    "map": "verbs.map",
    "open_dataset": "dataset",
    "open_prepared": "preparation.prepared",
    "open_run": "runs",
    "predict": "verbs.predict",
    "prepare": "verbs.prepare",
    "relabel": "verbs.relabel",
    "report": "verbs.report",
    "restore": "verbs.restore",
    "similar": "verbs.similar",
    "sources": "verbs.sources",
    "split": "verbs.split",
    "submit": "verbs.submit",
    "train": "verbs.train",
    "undo": "verbs.undo",
}

__all__ = [
    "Comparison",
    "DataError",
    "Dataset",
    "FeatureMatrix",
    "ImageClassifier",
    "ImageError",
    "Interval",
    "MissingExtra",
    "ModelError",
    "OptionError",
    "Predictions",
    "Prepared",
    "Run",
    "StorageError",
    "TellapartError",
    "augment",
    "autoencode",
    "balance",
    "check",
    "cluster",
    "collect",
    "compare",
    "crop",
    "curve",
    "decisions",
    "demo",
    "doctor",
    "ensemble",
    "evaluate",
    "exclude",
    "explain",
    "explore",
    "export",
    "ladder",
    "map",
    "open_dataset",
    "open_prepared",
    "open_run",
    "predict",
    "prepare",
    "relabel",
    "report",
    "restore",
    "similar",
    "sources",
    "split",
    "submit",
    "train",
    "undo",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tellapart' has no attribute {name!r}")
    value = getattr(import_module(f"tellapart.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
