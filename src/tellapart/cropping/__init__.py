"""Cropping: detect faces, subjects or named objects, choose, and cut."""
