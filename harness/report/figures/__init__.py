"""The figures of the report: one file per figure or kind of figure, and the one list of them."""

from harness.report.figure_spec import FigureSpec
from harness.report.figures import accuracy_by_choice, accuracy_by_setting, time_per_step
from harness.report.figures.accuracy_by_time import ACCURACY_BY_TIME
from harness.report.figures.accuracy_heatmap import ACCURACY_HEATMAP
from harness.report.figures.grad_norm_curves import GRAD_NORM_CURVES
from harness.report.figures.gradient_flow import GRADIENT_FLOW, GRADIENT_FLOW_LOWER_LAYERS
from harness.report.figures.learning_curves import LEARNING_CURVES
from harness.report.figures.loss_by_length import LOSS_BY_LENGTH
from harness.report.figures.loss_curves import LOSS_CURVES
from harness.report.figures.published import PUBLISHED
from harness.report.figures.tuning import TUNING

FIGURES: tuple[FigureSpec, ...] = (
    accuracy_by_setting.BY_LENGTH,
    LOSS_BY_LENGTH,
    ACCURACY_HEATMAP,
    accuracy_by_setting.BY_HIDDEN_SIZE,
    accuracy_by_choice.BY_INIT,
    accuracy_by_choice.BY_READOUT,
    accuracy_by_setting.BY_LEARNING_RATE,
    accuracy_by_setting.BY_BATCH_SIZE,
    TUNING,
    time_per_step.BY_LENGTH,
    time_per_step.BY_HIDDEN_SIZE,
    ACCURACY_BY_TIME,
    PUBLISHED,
    LEARNING_CURVES,
    LOSS_CURVES,
    GRAD_NORM_CURVES,
    GRADIENT_FLOW,
    GRADIENT_FLOW_LOWER_LAYERS,
)
"""In the order in which they are drawn: first those of the whole folder, then those of each task."""
