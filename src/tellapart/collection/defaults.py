"""What holds where nothing else is said; loads nothing, so that options can name it."""

from __future__ import annotations

PER_CLASS = 500
"""Images wanted of a class that is searched by keyword."""
CONTACT_VARIABLE = "TELLAPART_CONTACT"
"""Environment variable with the e-mail or web address that servers are told."""
