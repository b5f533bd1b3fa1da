"""Defaults of the collector, in a module without imports so that options can use them."""

from __future__ import annotations

PER_CLASS = 500
"""Number of images per class that is searched by keyword."""
CONTACT_VARIABLE = "TELLAPART_CONTACT"
"""Environment variable with the e-mail or web address to send to servers."""
