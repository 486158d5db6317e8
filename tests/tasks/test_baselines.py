"""Measured baselines against predictors written as plain loops over samples, and over all sequences."""

import itertools
import math
from collections import Counter, defaultdict
from statistics import NormalDist

import pytest
import torch
from torch.nn.functional import cross_entropy, one_hot

from harness.tasks import (
    NO_LABEL,
    Baselines,
    Split,
    Task,
    TaskSpec,
    load_next_char,
    load_timeseries,
    make_adding,
    make_copy_memory,
    make_embedded_reber,
    make_majority,
    make_noisy_tones,
    measure_baselines,
)
from harness.tasks.next_char import BUNDLED
from harness.training.model import count_right, loss_of

SIZES = {"n_train": 300, "n_val": 20, "n_test": 400, "seed": 4}


def pairs_of(split):
    return zip(split.x.tolist(), split.y.tolist(), strict=True)


def majority_of(labels):
    """The most frequent label, of equal ones the lowest."""
    counts = Counter(labels)
    return min(counts, key=lambda label: (-counts[label], label))


@pytest.mark.parametrize("variant", ["half", "any", "hs97"])
@pytest.mark.parametrize("seq_len", [11, 30])
def test_adding(variant, seq_len):
    task = make_adding(seq_len=seq_len, variant=variant, **SIZES)
    squares, right, mean = [], [], 0.5 if variant == "hs97" else 1.0
    for steps, y in pairs_of(task.test):
        value, marker = steps[-1]
        answer = value + 0.5 if marker == 1 and variant != "hs97" else mean
        squares.append((answer - y) ** 2)
        right.append(abs(mean - y) < 0.04)
    assert variant == "hs97" or len({steps[-1][1] for steps in task.test.x.tolist()}) == 2
    measured = measure_baselines(task, task.test)
    assert measured.memoryless_loss == pytest.approx(sum(squares) / len(squares), rel=1e-12)
    assert measured.chance_accuracy == sum(right) / len(right)


@pytest.mark.parametrize(("seq_len", "num_classes"), [(7, 3), (9, 2)])
def test_majority_with_the_shares_of_all_sequences(seq_len, num_classes):
    counts = defaultdict(Counter)  # of the class, for each last symbol
    for row in itertools.product(range(num_classes), repeat=seq_len):
        (winner, most), *rest = Counter(row).most_common(2)
        if not rest or rest[0][1] < most:
            counts[row[-1]][winner] += 1
    sizes = {"n_train": 100, "n_val": 10, "n_test": 90, "seed": 4}
    task = make_majority(seq_len=seq_len, num_classes=num_classes, **sizes)
    losses = [-math.log(counts[row[-1]][y] / counts[row[-1]].total()) for row, y in pairs_of(task.test)]
    constant = majority_of(task.train.y.tolist())
    measured = measure_baselines(task, task.test)
    assert measured.memoryless_loss == pytest.approx(sum(losses) / len(losses), abs=1e-10)
    assert measured.chance_accuracy == sum(y == constant for y in task.test.y.tolist()) / len(task.test)


def test_next_char_with_dictionaries():
    story = BUNDLED.read_text(encoding="utf-8")
    letters, pairs, before = sorted(set(story)), Counter(itertools.pairwise(story)), Counter(story[:-1])
    common = Counter(story).most_common(1)[0][0]
    task = load_next_char(seq_len=20, n_test=300)
    losses, right = [], []
    for row, y in pairs_of(task.test):
        last, follows = letters[row[-1]], letters[y]
        losses.append(-math.log(pairs[last, follows] / before[last]))
        right.append(follows == common)
    measured = measure_baselines(task, task.test)
    assert measured.memoryless_loss == pytest.approx(sum(losses) / len(losses), abs=1e-12)
    assert measured.chance_accuracy == sum(right) / len(right)


def test_next_char_measured_on_its_whole_text_is_the_declared_baseline(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("the cat sat on the mat; that was that. " * 30 + "zebra")
    task = load_next_char(seq_len=3, path=path)
    letters = sorted(set(path.read_text()))
    ids = torch.tensor([letters.index(letter) for letter in path.read_text()])
    whole = Split(ids[:-1, None], ids[1:], torch.ones(len(ids) - 1, dtype=torch.int64))
    measured = measure_baselines(task, whole)
    assert measured.memoryless_loss == pytest.approx(task.spec.memoryless_loss, abs=1e-12)
    assert measured.chance_accuracy == pytest.approx(task.spec.chance_accuracy, abs=1 / len(ids))


@pytest.mark.parametrize("variant", ["all_steps", "last_steps"])
def test_copy_memory(variant):
    task = make_copy_memory(seq_len=33, variant=variant, **SIZES)
    train = task.train.y.tolist()
    constant = [majority_of([y[t] for y in train]) for t in range(33)]
    losses, right = [], []
    for _, labels in pairs_of(task.test):
        for t, label in enumerate(labels):
            if label != NO_LABEL:
                losses.append(math.log(8) if t >= 23 else 0.0)  # a blank before is certain
                right.append(label == constant[t])
    measured = measure_baselines(task, task.test)
    assert measured.memoryless_loss == pytest.approx(sum(losses) / len(losses), abs=1e-12)
    assert measured.chance_accuracy == sum(right) / len(right)
    assert len(right) == 400 * (33 if variant == "all_steps" else 10)


def test_noisy_tones_with_normal_densities_around_the_sines():
    task = make_noisy_tones(seq_len=20, variant="phase", num_classes=3, cycles=2, snr_db=-3, **SIZES)
    normals = [
        NormalDist(math.sin(2 * math.pi * (2 * 19 / 20 + k / 3)), math.sqrt(10**0.3 / 2)) for k in range(3)
    ]
    losses = []
    for row, y in pairs_of(task.test):
        densities = [normal.pdf(row[-1][0]) for normal in normals]
        losses.append(-math.log(densities[y] / sum(densities)))
    measured = measure_baselines(task, task.test).memoryless_loss
    assert measured == pytest.approx(sum(losses) / len(losses), abs=5e-4)  # sines are multiples of 2⁻¹²


@pytest.mark.parametrize(
    "task",
    [make_copy_memory(seq_len=30, **SIZES), make_majority(seq_len=20, **SIZES), make_adding(**SIZES)],
    ids=lambda task: task.spec.name,
)
def test_baselines_are_measured_like_the_answers_of_a_model(task):
    spec, (x, y) = task.spec, (task.test.x, task.test.y)
    at = torch.arange(spec.seq_len).repeat(len(x), 1) if spec.target == "steps" else task.test.lengths - 1
    seen = x if spec.target == "steps" else x[:, -1]
    predict = task.baselines.memoryless
    answer = predict(seen.flatten(0, 1), at.flatten()) if spec.target == "steps" else predict(seen, at)
    answer = answer.view(*y.shape, -1) if spec.target != "value" else answer
    measured = measure_baselines(task, task.test)
    assert measured.memoryless_loss == pytest.approx(
        loss_of(answer, y.to(answer.dtype) if spec.target == "value" else y).item(), rel=1e-6
    )
    if spec.target == "value":
        constant = torch.ones(len(y))
    else:
        constant = (
            one_hot(torch.mode(task.train.y, dim=0).values, spec.num_classes).float().expand(*y.shape, -1)
        )
    labels, right, _ = count_right(constant, y, spec.tolerance).tolist()
    assert measured.chance_accuracy == right / labels


def test_the_chance_of_recorded_series_is_that_of_the_definition_which_knows_the_test_labels():
    pytest.importorskip("aeon", reason="the extra `dev` is installed in part")
    task = load_timeseries()
    assert measure_baselines(task, task.test) == (task.spec.chance_accuracy, None)
    assert majority_of(task.train.y.tolist()) != majority_of(task.test.y.tolist())


def test_a_predictor_sees_the_labelled_steps_alone():
    task = make_embedded_reber(seq_len=30, **SIZES)
    calls = []

    def spy(x, steps):
        calls.append((x.tolist(), steps.tolist()))
        return torch.zeros(len(x), 2) - math.log(2)

    watched = Task(task.spec, task.make_split, baselines=Baselines(memoryless=spy))
    measure_baselines(watched, task.test)
    [(inputs, steps)] = calls
    assert set(inputs) == {task.test.x[0, task.test.lengths[0] - 1].item()}  # E, which ends every string
    assert steps == (task.test.lengths - 1).tolist()


def task_of(target, baselines, **changes):
    given = {
        "name": "own",
        "variant": "v",
        "target": target,
        "seq_len": 3,
        "input_size": 1,
        "citation": "none",
    }
    given |= {"chance_accuracy": 0.5, "data_source": "generated"}
    x, y = torch.zeros(4, 3, 1), torch.tensor([0, 1, 1, 0])
    split = Split(x, y.float() if target == "value" else y, torch.full((4,), 3))
    return Task(TaskSpec(**(given | changes)), lambda *_: split, baselines=baselines)


def test_a_task_that_states_no_predictor_is_not_measured():
    task = task_of("class", None, num_classes=2)
    assert measure_baselines(task, task.test) == (None, None)
    task = task_of("class", Baselines(), num_classes=2)
    assert measure_baselines(task, task.test) == (0.5, None)


def test_what_cannot_be_measured_is_refused():
    with pytest.raises(ValueError, match="baselines of own must state chance, a constant value, not None"):
        task_of("value", Baselines(memoryless=lambda x, steps: x[:, 0]))
    task = task_of("class", Baselines(memoryless=lambda x, steps: x), num_classes=2)
    with pytest.raises(ValueError, match=r"of own must answer 4 steps with shape \(4, 2\), not \(4, 1\)"):
        measure_baselines(task, task.test)


def test_a_certain_answer_that_is_wrong_has_an_infinite_loss():
    certain = torch.tensor([0.0, -math.inf])
    task = task_of("class", Baselines(memoryless=lambda x, _: certain.expand(len(x), 2)), num_classes=2)
    assert measure_baselines(task, task.test).memoryless_loss == math.inf
    assert cross_entropy(certain.expand(4, 2), task.test.y).item() == math.inf
