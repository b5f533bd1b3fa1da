"""Features of images: the matrix that probes, neighbors, maps and clusters are functions of, and its cache."""

from tellapart.features.cache import FeatureCache
from tellapart.features.matrix import FeatureMatrix

__all__ = ["FeatureCache", "FeatureMatrix"]
