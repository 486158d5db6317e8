"""`match_params`: hidden sizes whose models have nearly the same number of trained parameters."""

import pytest

import harness
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.compose_grid import GridComposer
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.match_params import matched_hidden_size
from harness.experiment.plan import plan
from harness.experiment.run import make_model
from harness.training import count_parameters

LEAKY = ["cell=custom", "cell._target_=tests.outside.LeakyCell"]


def planned(*overrides):
    return plan(compose(list(overrides)))


def n_params(run):
    return count_parameters(make_model(run)[0])


@pytest.mark.parametrize(
    "cell", [["cell=rnn"], ["cell=gru", "cell.num_layers=2"], ["cell=lstm"], ["cell=bilstm"], LEAKY]
)
@pytest.mark.parametrize(
    "model",
    [
        ["task=adding"],
        ["task=delayed_recall", "model.embedding_size=5"],
        ["task=adding", "model.readout=all"],
    ],
)
def test_no_other_hidden_size_comes_nearer(cell, model):
    run = planned(*cell, *model, "match_params=3000")
    size = run.cell_options["hidden_size"]
    assert abs(n_params(run) - 3000) <= 150
    for other in (size - 1, size + 1):
        given = planned(*cell, *model, f"cell.hidden_size={other}")
        assert abs(n_params(given) - 3000) >= abs(n_params(run) - 3000)


def test_the_size_of_a_gru_is_that_of_its_formula():
    def parameters(H):  # three gates of H·(2 + H) weights and 2·H biases, and a head of one value
        return 3 * H * (2 + H + 2) + H + 1

    best = min(range(1, 300), key=lambda H: abs(parameters(H) - 20_000))
    run = planned("task=adding", "cell=gru", "match_params=20000")
    assert run.cell_options["hidden_size"] == best
    assert run.run_id.startswith(f"adding-gru-h{best}-T100-s1-")


def test_the_size_and_the_target_are_part_of_the_run_and_of_its_row(tiny):
    base = planned("task=adding")
    assert planned("task=adding", "match_params=null").run_id == base.run_id
    assert "match_params" not in base.identity.config and base.columns()["match_params"] is None
    tiny = [line for line in tiny if not line.startswith("cell.hidden_size")]
    run = planned(*tiny, "cell=gru", "match_params=500")
    config = run.identity.config
    assert (config["match_params"], config["cell"]["hidden_size"]) == (500, run.cell_options["hidden_size"])
    row = harness.run(*tiny, "cell=gru", "match_params=500")
    assert (row["status"], row["match_params"], row["hidden_size"]) == (
        "ok",
        500,
        config["cell"]["hidden_size"],
    )
    assert row["n_params"] == n_params(run) and abs(row["n_params"] - 500) <= 25


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["cell=gru", "match_params=30"], "have 17 (cell.hidden_size=1) and 39 (cell.hidden_size=2) trained"),
        (["cell=gru", "match_params=1"], "have 17 (cell.hidden_size=1) and 39 (cell.hidden_size=2) trained"),
        (["match_params=0"], "match_params must be a whole number of at least 1, not 0"),
        (["match_params=2147483649"], "match_params must be a whole number of at most 2147483648"),
        (["match_params=big"], "match_params"),
        (["match_params=500", "cell.hidden_size=8"], "cell.hidden_size=8 cannot be given too"),
        (["match_params=500", "++cell.hidden_size=8"], "cannot be given too; remove one of the two"),
        (
            ["cell=custom", "cell._target_=tests.outside.NoTuple", "match_params=500"],
            "at cell.hidden_size=2 it",
        ),
        (["-m", "match_params=500", "cell.hidden_size=8,16"], "cell.hidden_size=8 cannot be given too"),
        (["-m", "match_params=null,500", "cell.hidden_size=8"], "cell.hidden_size=8 cannot be given too"),
        (["-m", "experiment=hidden_sizes", "match_params=500"], "cannot be given too"),
    ],
)
def test_what_cannot_be_matched_is_wrong_input(overrides, part, capsys, tmp_path):
    task = [] if "experiment=hidden_sizes" in overrides else ["task=adding"]
    assert main([*overrides, *task, f"results_dir={tmp_path}"]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1


def test_a_cell_that_does_not_grow_is_refused():
    with pytest.raises(ConfigError, match=r"cannot be met.*set cell\.hidden_size instead"):
        planned("task=adding", "cell=custom", "cell._target_=tests.experiment.test_match_params.fixed_size",
                "match_params=20000")  # fmt: skip


def fixed_size(input_size, hidden_size, **options):
    from torch import nn

    return nn.GRU(input_size, 3, batch_first=True)


def test_a_size_in_a_yaml_is_replaced_and_one_file_serves_a_grid():
    _, jobs = expand(["experiment=memory", "match_params=3000", "task.seq_len=50"])
    sizes = {
        (job.plan.cell_name, job.plan.task.spec.name): job.plan.cell_options["hidden_size"] for job in jobs
    }
    assert len({size for (_, task), size in sizes.items() if task == "adding"}) == 3
    assert all(abs(n_params(job.plan) - 3000) <= 150 for job in jobs[:3])
    with pytest.raises(ConfigError, match="cannot be given too"):
        GridComposer().compose(["match_params=500", "cell.hidden_size=3"])


def test_the_search_is_made_once_for_the_combinations_of_a_grid():
    seeds = ",".join(map(str, range(1, 41)))
    grid = ["task=adding", "cell=rnn,lstm,gru", "match_params=20000", f"seed={seeds}"]
    matched_hidden_size.cache_clear()
    _, jobs = expand(grid)
    assert len(jobs) == 120 and matched_hidden_size.cache_info().misses == 3
