"""Tables and plots from what the stages left on disk. Knows no stage."""

from typing import TYPE_CHECKING

from drama.lazy import lazy_names
from drama.report.tables import print_results, print_summary

if TYPE_CHECKING:
    from drama.report.page import write_report

__all__ = ["print_results", "print_summary", "write_report"]

__getattr__ = lazy_names(__name__)
