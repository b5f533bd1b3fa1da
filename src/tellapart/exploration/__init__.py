"""Clusters, neighbors and 2-D projections of features."""
