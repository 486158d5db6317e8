"""Figures and summary of the results on disk. Reads `harness.results` only and needs no screen."""

from harness.report.figures.cost import plot_accuracy_against_time
from harness.report.figures.curves import plot_curves
from harness.report.figures.gradient_flow import plot_gradient_flow
from harness.report.figures.heatmap import plot_accuracy_heatmap
from harness.report.figures.swept import plot_against
from harness.report.style import cell_styles
from harness.report.summary import paired_table, summary_markdown, summary_table, write_summary
from harness.report.write import is_current, write_figures, write_report

__all__ = [
    "cell_styles",
    "is_current",
    "paired_table",
    "plot_accuracy_against_time",
    "plot_accuracy_heatmap",
    "plot_against",
    "plot_curves",
    "plot_gradient_flow",
    "summary_markdown",
    "summary_table",
    "write_figures",
    "write_report",
    "write_summary",
]
