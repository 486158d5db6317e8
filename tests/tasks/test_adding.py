"""The adding problem, recomputed sample by sample."""

import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import make_adding

VARIANTS = ("half", "any")  # hs97 is tested below


def marked(steps):
    return [t for t, (_, marker) in enumerate(steps) if marker == 1]


def check(split, seq_len, variant):
    """Everything that the docstring promises, in a loop over lists."""
    assert split.x.shape[1:] == (seq_len, 2)
    assert (str(split.x.dtype), str(split.y.dtype)) == ("torch.float32", "torch.float32")
    assert split.lengths.tolist() == [seq_len] * len(split)
    for steps, y in zip(split.x.tolist(), split.y.tolist(), strict=True):
        places = marked(steps)
        assert len(places) == 2
        assert all(marker in (0, 1) and 0 <= value < 1 for value, marker in steps)
        total = sum(value for value, marker in steps if marker == 1)
        assert y == float(np.float32(total))
        if variant == "half":
            assert places[0] < seq_len // 2 <= places[1]


@settings(max_examples=40, deadline=None)
@given(
    seq_len=st.integers(2, 40),
    variant=st.sampled_from(VARIANTS),
    sizes=st.tuples(*[st.integers(1, 12)] * 3),
    seed=st.integers(0, 2**40),
)
def test_every_target_is_the_sum_of_the_two_marked_values(seq_len, variant, sizes, seed):
    names = dict(zip(("n_train", "n_val", "n_test"), sizes, strict=True))
    task = make_adding(seq_len=seq_len, variant=variant, seed=seed, **names)
    assert (len(task.train), len(task.val), len(task.test)) == sizes
    for split in (task.train, task.val, task.test):
        check(split, seq_len, variant)


@pytest.mark.parametrize(
    ("variant", "seq_len", "pairs"),
    [
        ("half", 4, {(0, 2), (0, 3), (1, 2), (1, 3)}),
        ("half", 5, {(0, 2), (0, 3), (0, 4), (1, 2), (1, 3), (1, 4)}),
        ("any", 4, {(0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)}),
    ],
)
def test_every_allowed_pair_of_steps_is_equally_frequent(variant, seq_len, pairs):
    n = 6_000
    task = make_adding(seq_len=seq_len, variant=variant, n_train=n)
    counts = {}
    for steps in task.train.x.tolist():
        pair = tuple(marked(steps))
        counts[pair] = counts.get(pair, 0) + 1
    assert set(counts) == pairs
    share = 1 / len(pairs)
    for count in counts.values():
        assert abs(count - n * share) < 5 * np.sqrt(n * share * (1 - share))


def test_the_shortest_sequence_marks_both_steps():
    for variant in VARIANTS:
        task = make_adding(seq_len=2, variant=variant, n_train=5)
        assert task.train.x[:, :, 1].tolist() == [[1, 1]] * 5


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_constant_one_has_the_declared_chance_and_the_published_loss(variant):
    n = 100_000
    task = make_adding(seq_len=6, variant=variant, n_train=n)
    error = task.train.y.double().numpy() - 1
    # (u₁ + u₂ − 1)² has the variance 1/15 − 1/36 = 7/180; six standard errors.
    assert np.mean(error**2) == pytest.approx(1 / 6, abs=6 * np.sqrt(7 / 180 / n))
    right = np.mean(np.abs(error) < 0.04)
    assert right == pytest.approx(0.0784, abs=6 * np.sqrt(0.0784 * 0.9216 / n))
    assert task.spec.chance_accuracy == pytest.approx(0.0784, abs=1e-12)
    assert task.spec.tolerance == 0.04


@pytest.mark.parametrize(
    ("variant", "last_marked"), [("half", {5: 1 / 3, 6: 1 / 3}), ("any", {5: 2 / 5, 6: 1 / 3})]
)
def test_the_value_at_a_marked_last_step_gives_the_declared_loss(variant, last_marked):
    n = 100_000
    for seq_len, p in last_marked.items():
        task = make_adding(seq_len=seq_len, variant=variant, n_train=n)
        value, marker = task.train.x[:, -1].double().numpy().T
        assert np.mean(marker) == pytest.approx(p, abs=5 * np.sqrt(p * (1 - p) / n))
        squares = (task.train.y.double().numpy() - np.where(marker == 1, value + 0.5, 1)) ** 2
        error = 5 * np.std(squares) / np.sqrt(n)
        assert np.mean(squares) == pytest.approx(task.spec.memoryless_loss, abs=error)
        assert task.spec.memoryless_loss == pytest.approx(p / 12 + (1 - p) / 6)  # one unknown number, or two
    assert make_adding(seq_len=2, variant=variant).spec.memoryless_loss == pytest.approx(1 / 12)


def test_no_constant_guess_is_better_than_one():
    y = make_adding(seq_len=3, n_train=100_000).train.y.double().numpy()
    losses = {guess: np.mean((y - guess) ** 2) for guess in (0.9, 1.0, 1.1)}
    rights = {guess: np.mean(np.abs(y - guess) < 0.04) for guess in (0.7, 1.0, 1.3)}
    assert min(losses, key=losses.get) == max(rights, key=rights.get) == 1.0


@pytest.mark.parametrize("variant", VARIANTS)
def test_spec_describes_the_samples(variant):
    spec = make_adding(seq_len=9, variant=variant).spec
    assert (spec.name, spec.variant, spec.target) == ("adding", variant, "value")
    assert (spec.seq_len, spec.input_size, spec.vocab_size, spec.num_classes) == (9, 2, None, 1)
    assert spec.data_source == "generated"
    assert ("1511.06464" if variant == "half" else "1803.01271") in spec.citation
    assert spec.is_solved(0.05, 0.0)
    assert not spec.is_solved(0.06, 1.0)


def test_a_length_below_two_and_an_unknown_variant_are_refused():
    with pytest.raises(
        ValueError, match="seq_len must be a whole number of at least 2, not 1; the nearest is 2"
    ):
        make_adding(seq_len=1)
    with pytest.raises(
        ValueError, match="variant must be one of half, any, hs97, not 'haf'; did you mean 'half'"
    ):
        make_adding(variant="haf")


@pytest.mark.parametrize("seq_len", [3, 100_000])
def test_memory_stays_below_twice_the_result(seq_len):
    tracemalloc.start()
    x = make_adding(seq_len=seq_len, n_train=3_000_000 // seq_len, n_val=2, n_test=2).train.x
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # At T = 3 the step numbers of the markers take a large share.
    assert peak < (2 if seq_len > 3 else 5) * x.numel() * 4


# --- hs97 ---------------------------------------------------------------------------------------------


def hs97_target(steps):
    return 0.5 + sum(value for value, marker in steps if marker == 1) / 4


@settings(max_examples=40, deadline=None)
@given(seq_len=st.integers(11, 60), n=st.integers(1, 40), seed=st.integers(0, 2**40))
def test_hs97_is_the_task_of_1997_at_a_fixed_length(seq_len, n, seed):
    task = make_adding(seq_len=seq_len, variant="hs97", n_train=n, n_val=2, n_test=3, seed=seed)
    assert (task.train.x.shape, len(task.val), len(task.test)) == ((n, seq_len, 2), 2, 3)
    assert (str(task.train.x.dtype), str(task.train.y.dtype)) == ("torch.float32", "torch.float32")
    for steps, y in zip(task.train.x.tolist(), task.train.y.tolist(), strict=True):
        places = marked(steps)
        assert len(places) == 2
        assert any(
            first < 10 and second in [t for t in range(seq_len) if t != first][: seq_len // 2 - 1]
            for first, second in (places, places[::-1])
        )
        assert steps[0] == [0, 1] if places[0] == 0 else steps[0][1] == -1
        assert steps[-1][1] == -1
        assert all(steps[t][1] == 0 for t in range(1, seq_len - 1) if t not in places)
        assert all(-1 <= value < 1 for value, _ in steps)
        assert y == float(np.float32(hs97_target(steps)))


def test_hs97_draws_every_pair_with_the_probability_worked_by_hand():
    n, seq_len = 20_000, 12
    expected = {}
    for first in range(10):
        free = [t for t in range(seq_len) if t != first][: seq_len // 2 - 1]
        for second in free:
            pair = tuple(sorted((first, second)))
            expected[pair] = expected.get(pair, 0) + 1 / 10 / len(free)
    task = make_adding(seq_len=seq_len, variant="hs97", n_train=n)
    counts = {}
    for steps in task.train.x.tolist():
        counts[tuple(marked(steps))] = counts.get(tuple(marked(steps)), 0) + 1
    assert set(counts) == set(expected)
    for pair, share in expected.items():
        assert abs(counts[pair] - n * share) < 5 * np.sqrt(n * share * (1 - share))


@pytest.mark.parametrize("seq_len", [11, 40])
def test_hs97_a_constant_half_has_the_declared_baselines(seq_len):
    n = 100_000
    task = make_adding(seq_len=seq_len, variant="hs97", n_train=n)
    error = task.train.y.double().numpy() - 0.5
    squares, right = error**2, np.abs(error) < 0.04
    assert np.mean(squares) == pytest.approx(task.spec.memoryless_loss, abs=5 * np.std(squares) / np.sqrt(n))
    assert np.mean(right) == pytest.approx(task.spec.chance_accuracy, abs=5 * np.sqrt(0.154 * 0.846 / n))
    # p = 1/10 + 9/10 · 1/m, m the free steps for the second marker: 4 of 11 steps, 19 of 40.
    p = 0.1 + 0.9 / {11: 4, 40: 19}[seq_len]
    assert task.spec.memoryless_loss == pytest.approx(p / 3 / 16 + (1 - p) * 2 / 3 / 16)
    assert task.spec.chance_accuracy == pytest.approx(p * 0.16 + (1 - p) * 0.1536)
    losses = {guess: np.mean((error + 0.5 - guess) ** 2) for guess in (0.49, 0.5, 0.51)}
    assert min(losses, key=losses.get) == 0.5


def test_the_worked_examples_of_hs97():
    assert hs97_target([(0.3, -1), (-0.5, 1), (0.1, 0), (0.9, 1)]) == pytest.approx(0.6)
    assert hs97_target([(0.0, 1), (0.1, 0), (0.25, 1), (-0.7, 0)]) == 0.5625


def test_spec_and_shortest_length_of_hs97():
    spec = make_adding(variant="hs97").spec
    assert (spec.name, spec.variant, spec.target, spec.tolerance) == ("adding", "hs97", "value", 0.04)
    assert spec.is_solved(0.0125, 0.0) and not spec.is_solved(0.0126, 1.0)
    with pytest.raises(ValueError, match="seq_len must be .* at least 11, not 10; the nearest is 11"):
        make_adding(seq_len=10, variant="hs97")
