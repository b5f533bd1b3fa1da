"""What is in the user's folder: files, labels, parts, groups; never changed by us."""

from tellapart.dataset.catalog import Catalog, ImageFacts
from tellapart.dataset.dataset import Dataset, open_dataset
from tellapart.dataset.entry import Entry

__all__ = ["Catalog", "Dataset", "Entry", "ImageFacts", "open_dataset"]
