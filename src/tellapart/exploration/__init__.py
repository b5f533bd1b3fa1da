"""Seeing what is in a set of features."""
