"""Figures and summary of the results on disk. Reads only `harness.results` and needs no screen."""

from harness.report.current import is_current
from harness.report.figures import (
    FIGURES,
    figures_of,
    plot_accuracy_by_time,
    plot_accuracy_heatmap,
    plot_by_choice,
    plot_by_setting,
    plot_curves,
    plot_gradient_flow,
    plot_other_lengths,
    plot_performance_profile,
    plot_solved_by_length,
)
from harness.report.pairs import paired_table
from harness.report.report_files import Report, make_report, write_figures, write_report
from harness.report.settings_table import summary_table
from harness.report.style import cell_styles
from harness.report.summary import summary_markdown, write_summary

__all__ = [
    "FIGURES",
    "Report",
    "cell_styles",
    "figures_of",
    "is_current",
    "make_report",
    "paired_table",
    "plot_accuracy_by_time",
    "plot_accuracy_heatmap",
    "plot_by_choice",
    "plot_by_setting",
    "plot_curves",
    "plot_gradient_flow",
    "plot_other_lengths",
    "plot_performance_profile",
    "plot_solved_by_length",
    "summary_markdown",
    "summary_table",
    "write_figures",
    "write_report",
    "write_summary",
]
