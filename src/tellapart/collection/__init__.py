"""Collecting images: from the names of classes to folders of photos, with the origin of each."""
