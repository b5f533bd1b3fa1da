"""Features of images: the feature matrix that probes, neighbors, maps and clusters are computed from, and its cache."""

from tellapart.features.cache import FeatureCache
from tellapart.features.matrix import FeatureMatrix

__all__ = ["FeatureCache", "FeatureMatrix"]
