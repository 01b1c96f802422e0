"""Tables and plots from what the stages left on disk. Knows no stage."""

from drama.report.page import write_report
from drama.report.tables import print_results, print_summary

__all__ = ["print_results", "print_summary", "write_report"]
