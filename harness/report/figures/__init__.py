"""The figures of the report: one file per figure or kind of figure, and the one list of them."""

from harness.report.by_choice import plot_by_choice
from harness.report.by_setting import plot_by_setting
from harness.report.curves import plot_curves
from harness.report.figure_spec import FigureSpec, ReportData
from harness.report.figures import accuracy_by_setting, time_per_step
from harness.report.figures.accuracy_by_cell import ACCURACY_BY_CELL
from harness.report.figures.accuracy_by_swept import specs_of_swept
from harness.report.figures.accuracy_by_time import ACCURACY_BY_TIME, plot_accuracy_by_time
from harness.report.figures.accuracy_heatmap import ACCURACY_HEATMAP, plot_accuracy_heatmap
from harness.report.figures.gates import GATES, plot_gates
from harness.report.figures.grad_norm_curves import GRAD_NORM_CURVES
from harness.report.figures.gradient_flow import GRADIENT_FLOW, GRADIENT_FLOW_LOWER_LAYERS
from harness.report.figures.learning_curves import LEARNING_CURVES
from harness.report.figures.loss_by_length import LOSS_BY_LENGTH
from harness.report.figures.loss_curves import LOSS_CURVES
from harness.report.figures.other_lengths import ACCURACY_AT_OTHER_LENGTHS, plot_other_lengths
from harness.report.figures.performance_profile import PERFORMANCE_PROFILE, plot_performance_profile
from harness.report.figures.published import PUBLISHED
from harness.report.figures.solved_by_length import SOLVED_BY_LENGTH, plot_solved_by_length
from harness.report.figures.spectra import SPECTRA, plot_spectra
from harness.report.figures.time_scales import TIME_SCALES
from harness.report.figures.training_loss import TRAINING_LOSS
from harness.report.figures.tuning import TUNING
from harness.report.flow_lines import plot_gradient_flow

__all__ = [
    "FIGURES",
    "figures_of",
    "plot_accuracy_by_time",
    "plot_accuracy_heatmap",
    "plot_by_choice",
    "plot_by_setting",
    "plot_curves",
    "plot_gates",
    "plot_gradient_flow",
    "plot_other_lengths",
    "plot_performance_profile",
    "plot_solved_by_length",
    "plot_spectra",
]

FIGURES: tuple[FigureSpec, ...] = (
    SOLVED_BY_LENGTH,
    accuracy_by_setting.BY_LENGTH,
    ACCURACY_BY_CELL,
    LOSS_BY_LENGTH,
    ACCURACY_HEATMAP,
    ACCURACY_AT_OTHER_LENGTHS,
    accuracy_by_setting.BY_HIDDEN_SIZE,
    TUNING,
    time_per_step.BY_LENGTH,
    time_per_step.BY_HIDDEN_SIZE,
    ACCURACY_BY_TIME,
    PERFORMANCE_PROFILE,
    TIME_SCALES,
    PUBLISHED,
    LEARNING_CURVES,
    LOSS_CURVES,
    TRAINING_LOSS,
    GRAD_NORM_CURVES,
    GRADIENT_FLOW,
    GRADIENT_FLOW_LOWER_LAYERS,
    GATES,
    SPECTRA,
)
"""In the order in which they are drawn: first those of the whole folder, then those of each task."""


def figures_of(data: ReportData) -> tuple[FigureSpec, ...]:
    """`FIGURES`, and a figure for each further setting that was swept, before the one of the tuning."""
    at = FIGURES.index(TUNING)
    return (*FIGURES[:at], *specs_of_swept(data), *FIGURES[at:])
