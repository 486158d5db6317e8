"""Cells whose constructor has a parameter `seq_len` get the task's, and are refused at other lengths."""

import torch
from torch import nn

from harness.cells import gets_seq_len, revision_of, why_not_other_lengths, with_seq_len
from harness.cells.zoo.mingru import MinGRU
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.config import compose
from harness.experiment.plan import plan

LENGTHS = ["task=adding", "task.seq_len=10", "task.eval_lengths=[2x]"]
POSITIONS = ["cell=custom", "cell._target_=tests.cells.test_seq_len.Positions", "cell.hidden_size=3"]


class Positions(nn.Module):
    """A third-party cell with a weight for each step."""

    def __init__(self, input_size, hidden_size, seq_len, num_layers=1, batch_first=True, dropout=0.0):
        super().__init__()
        self.cell = nn.GRU(input_size, hidden_size, batch_first=True)
        self.at = nn.Parameter(torch.zeros(seq_len, hidden_size))

    def forward(self, x, state=None):
        return self.cell(x)[0] + self.at[: x.shape[1]], None


class Any(Positions):
    other_lengths = True


def planned(*overrides):
    return plan(compose(list(overrides)))


def test_the_constructor_says_whether_it_gets_the_length_and_an_option_takes_its_place():
    assert gets_seq_len(Positions, {}) and not gets_seq_len(Positions, {"seq_len": 4})
    assert not gets_seq_len(nn.LSTM, {}) and not gets_seq_len(len, {})
    assert with_seq_len(Positions, {"seq_len": 4}, 9) == {"seq_len": 4}


def test_a_cell_is_made_for_the_length_of_its_task_wherever_it_is_made():
    for seq_len in (7, 12):
        run = planned("task=adding", f"task.seq_len={seq_len}", *POSITIONS)
        assert len(run.make_cell().at) == seq_len and "seq_len" not in run.cell_options
    sizes = {
        planned("task=adding", f"task.seq_len={seq_len}", *POSITIONS[:2], "match_params=2000").cell_options[
            "hidden_size"
        ]
        for seq_len in (7, 100)
    }
    assert len(sizes) == 2  # the weights of the steps count


def test_such_a_third_party_cell_is_another_than_that_of_0_2_which_got_nothing():
    assert planned("task=adding", *POSITIONS).identity.revisions == "cell 1, training 1"
    given = planned("task=adding", *POSITIONS, "+cell.seq_len=100")
    assert given.identity.revisions == "training 1" and given.cell_options["seq_len"] == 100


def test_tests_at_other_lengths_are_refused_in_one_line_and_left_out_of_a_grid(capsys, tmp_path):
    assert main([*LENGTHS, *POSITIONS, f"results_dir={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert "Positions is made for the task's number of steps, 10, so it cannot be tested at 20" in error
    assert "set task.eval_lengths=[]" in error and error.count("\n") == 1
    planned(*LENGTHS, *POSITIONS, "task.eval_lengths=[]")
    planned(*LENGTHS, *POSITIONS, "task.eval_lengths=[1x]")
    planned(*LENGTHS, "cell=custom", "cell._target_=tests.cells.test_seq_len.Any")
    _, jobs = expand([*LENGTHS, *POSITIONS, "task.eval_lengths=[],[2x]"])
    assert len(jobs) == 1
    assert why_not_other_lengths(nn.GRU(2, 3), nn.GRU, {}) is None


def test_a_raised_revision_of_a_cell_of_this_package_makes_its_runs_again(monkeypatch):
    before = planned("task=adding", "cell=mingru")
    assert before.identity.revisions == "training 1" and revision_of(MinGRU) == 0
    monkeypatch.setattr(MinGRU, "revision", 3)
    from harness.experiment import building

    building.check_cell.cache_clear()
    after = planned("task=adding", "cell=mingru")
    building.check_cell.cache_clear()
    assert after.identity.revisions == "cell 3, training 1"
    assert after.identity.setting != before.identity.setting
    assert revision_of(type("Mine", (MinGRU,), {})) == 3  # its numbers come from this package, too
