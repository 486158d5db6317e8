"""Model, training step, training loop, and what is measured in it: gradient norms, probes, time."""

from harness.cells.random_state import seeded
from harness.training.evaluate import evaluate
from harness.training.history import History, clip_rate, largest
from harness.training.loop import conclude, continue_training, train
from harness.training.model import SequenceClassifier, count_parameters, encoded_size
from harness.training.options import TrainOptions
from harness.training.probes import PROBES, Probe, asked_probes
from harness.training.process import flush_denormals, keep_freed_memory, tf32_allowed, training_process
from harness.training.restored import restored_process
from harness.training.state import TrainingState
from harness.training.step import training_step

__all__ = [
    "PROBES",
    "History",
    "Probe",
    "SequenceClassifier",
    "TrainOptions",
    "TrainingState",
    "asked_probes",
    "clip_rate",
    "conclude",
    "continue_training",
    "count_parameters",
    "encoded_size",
    "evaluate",
    "flush_denormals",
    "keep_freed_memory",
    "largest",
    "restored_process",
    "seeded",
    "tf32_allowed",
    "train",
    "training_process",
    "training_step",
]
