"""What is in the user's folder: files, labels, parts, groups; never changed by us."""

from tellapart.dataset.catalog import Catalog, ImageFacts
from tellapart.dataset.dataset import Dataset, Entry, open_dataset

__all__ = ["Catalog", "Dataset", "Entry", "ImageFacts", "open_dataset"]
