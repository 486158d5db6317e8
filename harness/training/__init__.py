"""Model, the one training loop, and what is measured on the way: gradient norms, gradient flow, time."""

from harness.training.evaluate import evaluate
from harness.training.history import History, clip_rate
from harness.training.loop import train
from harness.training.model import SequenceClassifier, count_parameters, encoded_size
from harness.training.options import TrainOptions
from harness.training.probes.gradient_flow import flow_slope, half_life
from harness.training.process import denormals_as_before, flush_denormals, keep_freed_memory

__all__ = [
    "History",
    "SequenceClassifier",
    "TrainOptions",
    "clip_rate",
    "count_parameters",
    "denormals_as_before",
    "encoded_size",
    "evaluate",
    "flow_slope",
    "flush_denormals",
    "half_life",
    "keep_freed_memory",
    "train",
]
