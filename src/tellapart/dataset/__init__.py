"""Datasets: the files, labels, parts and groups in the user's folder, which is never changed."""

from tellapart.dataset.catalog import Catalog, ImageFacts
from tellapart.dataset.dataset import Dataset, open_dataset
from tellapart.dataset.entry import Entry

__all__ = ["Catalog", "Dataset", "Entry", "ImageFacts", "open_dataset"]
