"""Decoding downloaded images in separate processes."""
