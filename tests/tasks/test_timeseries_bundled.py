"""The problems that aeon bundles, compared with their files; skipped without aeon."""

from pathlib import Path

import numpy as np
import pytest

from harness.tasks.files.timeseries import BUNDLED
from harness.tasks.timeseries import load_timeseries
from tests.tasks.series_files import rows

# Published: steps of the shortest and longest series, channels, classes, training and test series.
PUBLISHED = {
    "ACSF1": (1460, 1460, 1, 10, 100, 100),
    "ArrowHead": (251, 251, 1, 3, 36, 175),
    "BasicMotions": (100, 100, 6, 4, 40, 40),
    "GunPoint": (150, 150, 1, 2, 50, 150),
    "ItalyPowerDemand": (24, 24, 1, 2, 67, 1029),
    "JapaneseVowels": (7, 29, 12, 9, 270, 370),
    "OSULeaf": (427, 427, 1, 6, 200, 242),
    "PickupGestureWiimoteZ": (29, 361, 1, 10, 50, 50),
}


@pytest.fixture(scope="module")
def aeon_folder():
    module = pytest.importorskip("aeon.datasets", reason="the extra `dev` is installed in part")
    return Path(module.__file__).parent / "data"


def read_file(path):
    """(series as lists of steps, label) of a .ts file, read line by line without aeon."""
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.strip().lower() == "@data")
    samples = []
    for line in lines[start + 1 :]:
        *channels, label = line.strip().split(":")
        numbers = [[float(np.float32(float(value))) for value in channel.split(",")] for channel in channels]
        samples.append(([list(step) for step in zip(*numbers, strict=True)], label.lower()))
    return samples


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_problems_are_the_published_ones_sample_by_sample(aeon_folder, name):
    task = load_timeseries(name=name, normalize=False)
    shortest, longest, channels, classes, n_train, n_test = PUBLISHED[name]
    splits = (task.train, task.val, task.test)
    assert (task.spec.seq_len, task.spec.input_size, task.spec.num_classes) == (longest, channels, classes)
    assert min(int(split.lengths.min()) for split in splits) == shortest
    assert (len(task.train) + len(task.val), len(task.test)) == (n_train, n_test)
    published = read_file(aeon_folder / name / f"{name}_TEST.ts")
    assert rows(task.test) == [steps for steps, _ in published]
    labels = sorted({label for _, label in published}, key=str if name == "BasicMotions" else float)
    assert [labels[y] for y in task.test.y.tolist()] == [label for _, label in published]
    counts = [task.test.y.tolist().count(label) for label in range(classes)]
    assert task.spec.chance_accuracy == max(counts) / n_test


def test_badminton_comes_before_running_in_basic_motions(aeon_folder):
    task = load_timeseries(name="BasicMotions", normalize=False)
    names = ["badminton", "running", "standing", "walking"]
    published = read_file(aeon_folder / "BasicMotions" / "BasicMotions_TEST.ts")
    assert [names[y] for y in task.test.y.tolist()] == [label for _, label in published]


def test_the_version_of_equal_length_is_a_separate_problem(aeon_folder):
    task = load_timeseries(name="JapaneseVowels_eq")
    assert task.spec.data_source == "ucr-JapaneseVowels_eq"
    assert set(task.test.lengths.tolist()) == {25}
