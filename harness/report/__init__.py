"""Figures and summary of the results on disk. Reads only `harness.results` and needs no screen."""

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
    plot_solved_by_length,
)
from harness.report.report_files import is_current, write_figures, write_report
from harness.report.style import cell_styles
from harness.report.summary import paired_table, summary_markdown, summary_table, write_summary

__all__ = [
    "FIGURES",
    "cell_styles",
    "figures_of",
    "is_current",
    "paired_table",
    "plot_accuracy_by_time",
    "plot_accuracy_heatmap",
    "plot_by_choice",
    "plot_by_setting",
    "plot_curves",
    "plot_gradient_flow",
    "plot_other_lengths",
    "plot_solved_by_length",
    "summary_markdown",
    "summary_table",
    "write_figures",
    "write_report",
    "write_summary",
]
