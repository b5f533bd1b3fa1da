"""tellapart: from a folder of pictures to a classifier you can trust.

>>> import tellapart
>>> run = tellapart.train("photos")                     # doctest: +SKIP
>>> tellapart.predict(run.folder, "new").predictions    # doctest: +SKIP

Everything below is loaded on first use; importing the package loads neither torch nor scikit-learn.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from tellapart.classifier import ImageClassifier
    from tellapart.dataset import Dataset, open_dataset
    from tellapart.errors import DataError, ImageError, MissingExtra, ModelError, OptionError, StorageError, TellapartError
    from tellapart.evaluation import Comparison, Interval
    from tellapart.features import FeatureMatrix
    from tellapart.predictions import Predictions
    from tellapart.preparation.prepared import Prepared, open_prepared
    from tellapart.runs import Run, open_run
    from tellapart.verbs.augment import augment
    from tellapart.verbs.autoencode import autoencode
    from tellapart.verbs.balance import balance
    from tellapart.verbs.check import check
    from tellapart.verbs.cluster import cluster
    from tellapart.verbs.collect import collect
    from tellapart.verbs.compare import compare
    from tellapart.verbs.crop import crop
    from tellapart.verbs.curve import curve
    from tellapart.verbs.decisions import decisions
    from tellapart.verbs.demo import demo
    from tellapart.verbs.doctor import doctor
    from tellapart.verbs.ensemble import ensemble
    from tellapart.verbs.evaluate import evaluate
    from tellapart.verbs.exclude import exclude
    from tellapart.verbs.explain import explain
    from tellapart.verbs.explore import explore
    from tellapart.verbs.export import export
    from tellapart.verbs.ladder import ladder
    from tellapart.verbs.map import map
    from tellapart.verbs.predict import predict
    from tellapart.verbs.prepare import prepare
    from tellapart.verbs.relabel import relabel
    from tellapart.verbs.report import report
    from tellapart.verbs.restore import restore
    from tellapart.verbs.similar import similar
    from tellapart.verbs.sources import sources
    from tellapart.verbs.split import split
    from tellapart.verbs.submit import submit
    from tellapart.verbs.train import train
    from tellapart.verbs.undo import undo

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
