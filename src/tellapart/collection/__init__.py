"""Collecting images: from the names of classes to folders of photos that say where each came from."""
