"""Figures and summary of the results on disk. Reads `harness.results` only and needs no screen."""

from harness.report.against import plot_against
from harness.report.cost import plot_accuracy_against_time
from harness.report.curves import plot_curves
from harness.report.flow import plot_gradient_flow
from harness.report.heatmap import plot_accuracy_heatmap
from harness.report.speed import plot_speed, write_speed_figures
from harness.report.style import cell_styles
from harness.report.write import is_current, write_figures, write_report

__all__ = [
    "cell_styles",
    "is_current",
    "plot_accuracy_against_time",
    "plot_accuracy_heatmap",
    "plot_against",
    "plot_curves",
    "plot_gradient_flow",
    "plot_speed",
    "write_figures",
    "write_report",
    "write_speed_figures",
]
