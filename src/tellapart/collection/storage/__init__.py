"""Storing images: destinations, file names, and the table of credits."""
