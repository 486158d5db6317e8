"""A training that is stopped after any step, saved and loaded, ends with the bits of an undisturbed one."""

import copy
import dataclasses
import functools
import math

import pytest
import torch

from harness.training import History, continue_training, loop, train
from harness.training.clock import Seconds
from harness.training.history import Segment
from harness.training.loop import conclude
from harness.training.probes import StepProbe
from tests.processes import run_code
from tests.training.results import without_clocks
from tests.training.resumed import CASES, Noisy, finish, same_bits

SEED = 4


@functools.cache
def undisturbed(name):
    """The outcome of a training that is never stopped."""
    return finish(CASES[name].begin(SEED))


def stopped_after_each_step(name):
    """The same state after 0, 1, 2, … training steps, to the end."""
    state, step = CASES[name].begin(SEED), 0
    while state.step == step:
        yield state
        step += 1
        continue_training(state, until=step)


def test_a_state_saved_after_any_step_ends_with_the_same_bits_in_a_fresh_process(tmp_path):
    # One test, since a process with torch in it takes seconds to start.
    saved = []
    for name in CASES:
        for state in stopped_after_each_step(name):
            saved.append(f"{name}-{state.step}")
            torch.save(state.state_dict(), tmp_path / f"{saved[-1]}.pt")
    code = "import runpy; runpy.run_module('tests.training.resumed', run_name='__main__', alter_sys=True)"
    done = run_code(code, str(tmp_path))
    assert done.returncode == 0, done.stderr
    outcomes = torch.load(tmp_path / "outcomes.pt", weights_only=True)
    assert outcomes.keys() == set(saved)
    assert len(saved) == sum(len(undisturbed(name)["history"]["norms"]) + 1 for name in CASES)
    expected = {key: undisturbed(key.rpartition("-")[0]) for key in saved}
    parts = [(key, part) for key in saved for part in ("history", "weights", "random")]
    assert [
        (key, part) for key, part in parts if not same_bits(outcomes[key][part], expected[key][part])
    ] == []


@pytest.mark.parametrize("name", CASES)
def test_stopping_after_every_step_changes_no_bit(name):
    for state in stopped_after_each_step(name):
        last = state
    assert same_bits(finish(last), undisturbed(name))


def test_the_cases_end_as_their_names_say():
    history = {name: undisturbed(name)["history"] for name in CASES}
    assert history["stop when solved"]["solved_step"] is not None
    assert 4 < len(history["stop when solved"]["norms"]) < 60
    assert history["many validation samples, solved"]["solved_step"] is not None
    assert 4 < len(history["many validation samples, solved"]["norms"]) < 60
    for name in CASES:
        *others, last = [row["val_samples"] for row in history[name]["evals"]]
        many = name.startswith("many")
        assert (set(others), last) == ({1000}, 1003) if many else {*others, last} == {8}
    assert history["diverging"]["diverged"] is not None
    assert history["diverging"]["test_loss"] is None
    assert len(history["whole passes, without probes"]["norms"]) == 9
    assert history["whole passes, without probes"]["probes"] == {}
    assert history["labels at steps"]["test_sequence_accuracy"] is not None
    ended_otherwise = {"stop when solved", "many validation samples, solved", "diverging"}
    for name in CASES.keys() - ended_otherwise - {"whole passes, without probes"}:
        assert len(history[name]["norms"]) == 11
        measured = {row["step"] for row in history[name]["probes"]["gradflow"]}
        left_out = history[name]["left_out"].get("gradflow", {}).keys()
        assert measured | left_out >= {1, 11} and bool(left_out) == (CASES[name].cell is Noisy)
        unknown = {"gates"} if name == "other generators and a buffer" else set()  # to the equations
        assert history[name]["notes"].keys() == unknown


@pytest.mark.parametrize(
    "name", ["adam", "adamw, cosine", "fresh samples, fused", "other generators and a buffer"]
)
@pytest.mark.parametrize("part", ["model", "optimizer", "stream", "history", "segment", "best", "random"])
def test_each_part_of_a_saved_state_decides_the_end(name, part):
    # Control for the tests above: they notice a part that is not restored.
    state = CASES[name].begin(SEED)
    continue_training(state, until=5)
    saved = copy.deepcopy(state.state_dict())
    other = CASES[name].begin(SEED + 1)
    continue_training(other, until=6)
    saved[part] = copy.deepcopy(other.state_dict()[part])
    if part == "best":
        saved["best"]["merit"] = [math.inf]  # else a better evaluation may follow, which replaces it
    resumed = CASES[name].begin(SEED)
    resumed.load_state_dict(saved)
    assert not same_bits(finish(resumed), undisturbed(name))


@pytest.mark.parametrize("generator", ["torch", "numpy", "python"])
def test_each_random_generator_decides_the_end(generator):
    # Control for the tests above: the third-party cell draws from each of them.
    name = "other generators and a buffer"
    state = CASES[name].begin(SEED)
    continue_training(state, until=5)
    saved = copy.deepcopy(state.state_dict())
    saved["random"][generator] = CASES[name].begin(SEED + 1).state_dict()["random"][generator]
    resumed = CASES[name].begin(SEED)
    resumed.load_state_dict(saved)
    outcome = finish(resumed)
    assert outcome["history"]["norms"][:5] == undisturbed(name)["history"]["norms"][:5]
    assert outcome["history"]["norms"][5:] != undisturbed(name)["history"]["norms"][5:]


def test_two_trainings_loaded_from_one_state_do_not_share_it():
    state = CASES["adam"].begin(SEED)
    continue_training(state, until=6)
    saved = copy.deepcopy(state.state_dict())
    before = copy.deepcopy(saved)
    for _ in range(2):
        resumed = CASES["adam"].begin(SEED + 1)
        resumed.load_state_dict(saved)
        assert same_bits(finish(resumed), undisturbed("adam"))
        assert same_bits(saved, before)


def test_train_is_begin_continue_and_conclude():
    state = CASES["adam"].begin(SEED)
    history = train(state.model, state.task, state.options, order=state.stream.order)
    assert same_bits(without_clocks(history), undisturbed("adam")["history"])


@pytest.mark.parametrize("name", ["adamw, cosine", "many validation samples", "diverging"])
def test_a_state_saved_between_the_last_step_and_its_evaluation_ends_with_the_same_bits(name):
    state = CASES[name].begin(SEED)
    total = len(undisturbed(name)["history"]["norms"])
    continue_training(state, until=total - 1)
    probes = [probe for probe in state.probes if isinstance(probe, StepProbe)]
    at = {probe.name: probe.steps(11, state.eval_every) for probe in probes}
    loop._advance(state, total, lambda step: [probe for probe in probes if step in at[probe.name]])
    assert (state.step, len(state.segment), state.next_evaluation) == (total, total % 4 or 4, total)
    saved = copy.deepcopy(state.state_dict())
    resumed = CASES[name].begin(SEED + 1)
    resumed.load_state_dict(saved)
    assert same_bits(finish(resumed), undisturbed(name))


def test_stopping_at_a_step_that_was_made_before_trains_nothing():
    state = CASES["adam"].begin(SEED)
    for until, step in ((0, 0), (5, 5), (3, 5), (5, 5), (6, 6), (99, 11), (None, 11)):
        continue_training(state, until=until)
        assert state.step == step
    assert state.next_evaluation is None


def test_weights_are_the_last_ones_until_the_end_and_then_the_best():
    state = CASES["lstm"].begin(SEED)
    continue_training(state)
    last = copy.deepcopy(state.model.state_dict())
    best = copy.deepcopy(state.best.weights)
    history = conclude(state)
    assert history.best_step == state.best.step
    assert same_bits(state.model.state_dict(), best)
    if state.best.step < 11:
        assert not same_bits(last, best)


def test_a_state_of_another_training_is_refused_and_says_what_differs():
    for name in ("adam", "rmsprop"):
        with pytest.raises(ValueError, match=f"another training .options: .*'optimizer': '{name}'.* there"):
            CASES["sgd"].begin(SEED).load_state_dict(CASES[name].begin(SEED).state_dict())
    with pytest.raises(ValueError, match="another training .model: "):
        CASES["embedding"].begin(SEED).load_state_dict(CASES["adam"].begin(SEED).state_dict())
    state = CASES["adam"].begin(SEED)
    saved = state.state_dict()
    for change in (
        {"lr": 0.5},
        {"batch_size": 9},
        {"clip": 0.5},
        {"eval_every": 9},
        {"schedule": "cosine"},
        {"stop_when_solved": True},
    ):
        state.options = dataclasses.replace(CASES["adam"].begin(SEED).options, **change)
        with pytest.raises(ValueError, match="options: .*load it with the same config"):
            state.load_state_dict(saved)


def test_a_state_continues_with_other_probes():
    with_probe = CASES["adam"].begin(SEED)
    continue_training(with_probe, until=3)
    saved = with_probe.state_dict()
    without = CASES["adam"].begin(SEED)
    without.options = dataclasses.replace(without.options, gradflow=not without.options.gradflow)
    without.load_state_dict(saved)
    assert without.step == 3


def test_a_segment_and_a_history_survive_their_own_state_dict():
    segment = Segment(
        losses=[torch.tensor(0.5)],
        norms=[torch.tensor(float("inf"))],
        counts=[torch.tensor([3, 2, 1])],
        samples=7,
        spent=Seconds(3.0, 2.0),
        probed=1,
        spent_probed=Seconds(1.0, 0.5),
    )
    assert Segment.from_state_dict(segment.state_dict(), torch.device("cpu")) == segment
    history = History(norms=[1.0], train_cpu_s=2.5, notes={"gradflow": "why"}, diverged="so")
    history.close(segment, n_train=5, val_loss=1.0, val_accuracy=0.5, val_samples=9, clip=1.0)
    assert History.from_state_dict(history.state_dict(), {}) == history
