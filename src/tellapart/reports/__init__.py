"""The report of a run: plain dicts (``views``), standalone drawings (``figures``) and one HTML file (``page``)."""

from tellapart.reports.run_page import write_report
from tellapart.reports.run_view import report_view

__all__ = ["report_view", "write_report"]
