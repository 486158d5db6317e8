"""Figures and summary of the results on disk. Reads only `harness.results` and needs no screen."""

from harness.report.by_setting import plot_by_setting
from harness.report.curves import plot_curves
from harness.report.figures import FIGURES
from harness.report.figures.accuracy_by_time import plot_accuracy_by_time
from harness.report.figures.accuracy_heatmap import plot_accuracy_heatmap
from harness.report.flow_lines import plot_gradient_flow
from harness.report.pairs import paired_table
from harness.report.report_files import Report, is_current, make_report, write_figures, write_report
from harness.report.settings_table import summary_table
from harness.report.style import cell_styles
from harness.report.summary import summary_markdown, write_summary

__all__ = [
    "FIGURES",
    "Report",
    "cell_styles",
    "is_current",
    "make_report",
    "paired_table",
    "plot_accuracy_by_time",
    "plot_accuracy_heatmap",
    "plot_by_setting",
    "plot_curves",
    "plot_gradient_flow",
    "summary_markdown",
    "summary_table",
    "write_figures",
    "write_report",
    "write_summary",
]
