"""The report of a run: plain dicts (``views``), standalone drawings (``figures``) and one HTML file (``page``)."""

from tellapart.reports.page import write_report
from tellapart.reports.views import report_view

__all__ = ["report_view", "write_report"]
