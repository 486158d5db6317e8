"""Tasks for sequence classification, each a function from arguments to tensors. Usable on their own.

The prefix of a function says where the samples come from: `make_` generates them, `load_` reads what is on
disk or bundled, `fetch_` downloads. All need only torch and NumPy; if a loader needs another package that is
not installed, its error names it.
"""

from harness.tasks.adding import make_adding
from harness.tasks.arrays import load_arrays
from harness.tasks.associative_recall import make_associative_recall
from harness.tasks.baselines import MeasuredBaselines, measure_baselines
from harness.tasks.bracket_matching import make_bracket_matching
from harness.tasks.cifar10 import fetch_cifar10, load_cifar10
from harness.tasks.copy_memory import make_copy_memory
from harness.tasks.csv_table import load_csv
from harness.tasks.delayed_recall import make_delayed_recall
from harness.tasks.embedded_reber import make_embedded_reber
from harness.tasks.fashion_mnist import fetch_fashion_mnist, load_fashion_mnist
from harness.tasks.files.timeseries import fetch_timeseries
from harness.tasks.idx import load_idx
from harness.tasks.listops import make_listops
from harness.tasks.majority import make_majority
from harness.tasks.mnist import fetch_mnist, load_mnist
from harness.tasks.modular_sum import make_modular_sum
from harness.tasks.next_char import load_next_char
from harness.tasks.noisy_tones import make_noisy_tones
from harness.tasks.parity import make_parity
from harness.tasks.selective_copy import make_selective_copy
from harness.tasks.sine_frequency import make_sine_frequency
from harness.tasks.task import NO_LABEL, Baselines, Split, Task, TaskSpec
from harness.tasks.temporal_order import make_temporal_order
from harness.tasks.text import load_text
from harness.tasks.timeseries import load_timeseries
from harness.tasks.two_sequence import make_two_sequence

__all__ = [
    "NO_LABEL",
    "Baselines",
    "MeasuredBaselines",
    "Split",
    "Task",
    "TaskSpec",
    "fetch_cifar10",
    "fetch_fashion_mnist",
    "fetch_mnist",
    "fetch_timeseries",
    "load_arrays",
    "load_cifar10",
    "load_csv",
    "load_fashion_mnist",
    "load_idx",
    "load_mnist",
    "load_next_char",
    "load_text",
    "load_timeseries",
    "make_adding",
    "make_associative_recall",
    "make_bracket_matching",
    "make_copy_memory",
    "make_delayed_recall",
    "make_embedded_reber",
    "make_listops",
    "make_majority",
    "make_modular_sum",
    "make_noisy_tones",
    "make_parity",
    "make_selective_copy",
    "make_sine_frequency",
    "make_temporal_order",
    "make_two_sequence",
    "measure_baselines",
]
