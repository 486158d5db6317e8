"""`init=` as a config group: identity, columns, pairs that mean nothing, what stays the same at a seed."""

import pytest
import torch

import harness
from harness.cli.main import main
from harness.experiment.combinations import expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from harness.experiment.run import make_model
from harness.training import seeded


def planned(*overrides):
    return plan(compose(list(overrides)))


def test_torchs_own_initialisation_is_neutral_and_every_other_is_another_run():
    base = planned("task=adding")
    assert base.init.label == "torch"
    assert "init" not in base.identity.config
    for same in ("init=torch", "~init"):
        assert planned("task=adding", same).run_id == base.run_id
    ids = {
        planned("task=adding", f"init={name}").run_id for name in ("keras", "chrono", "xavier", "forget_bias")
    }
    ids |= {planned("task=adding", "init=forget_bias", "init.bias=2").run_id}
    assert len(ids | {base.run_id}) == 6


def test_all_other_weights_of_a_model_equal_those_of_torchs_initialisation_at_the_same_seed():
    weights = {}
    for name in ("torch", "keras", "chrono"):
        run = planned("task=delayed_recall", "cell=gru", "model.embedding_size=3", f"init={name}")
        with seeded(run.seed):
            model, _ = make_model(run)
            weights[name] = {key: value.clone() for key, value in model.state_dict().items()}, torch.rand(1)
    (plain, after), *others = weights.values()
    for state, after_too in others:
        assert torch.equal(after, after_too)
        equal = {key for key in plain if torch.equal(plain[key], state[key])}
        assert {key for key in plain if not key.startswith("cell.")} <= equal
        assert equal != plain.keys()


def test_a_run_records_its_initialisation(tiny):
    row = harness.run(*tiny, "cell=lstm", "init=forget_bias", "init.bias=2")
    assert (row["status"], row["init"]) == ("ok", "forget_bias=2")
    assert harness.run(*tiny, "cell=lstm")["init"] == "torch"
    assert harness.load_model(harness.run(*tiny, "init=keras", "keep_weights=true")["folder"]) is not None


@pytest.mark.parametrize(
    ("overrides", "part"),
    [
        (["cell=lstm", "init=identity"], "init=identity is defined for rnn_relu"),
        (["cell=rnn", "init=chrono"], "init=chrono is defined for lstm, gru"),
        (["cell=custom", "cell._target_=tests.outside.LeakyCell", "init=keras"], "use init=torch"),
        (["init=kears"], "did you mean 'keras'"),
        (["init=forget_bias", "init.bias=.inf"], "init.bias"),
        (["init=forget_bias", "init.bias=big"], "init.bias must be a finite number, not 'big'"),
    ],
)
def test_a_pair_that_means_nothing_is_wrong_input_when_asked_for_alone(overrides, part, capsys):
    assert main(["task=adding", *overrides]) == 2
    error = capsys.readouterr().err
    assert part in error and error.count("\n") == 1


def test_a_grid_leaves_such_pairs_out_and_counts_them_in_one_line(tiny, tmp_path, caplog):
    _, jobs = expand([*tiny, "cell=rnn,rnn_relu,lstm,gru", "init=torch,identity,chrono"])
    pairs = [(job.plan.cell_name, job.plan.init.name) for job in jobs]
    assert pairs == [("rnn", "torch"), ("rnn_relu", "torch"), ("rnn_relu", "identity"), ("lstm", "torch"),
                     ("lstm", "chrono"), ("gru", "torch"), ("gru", "chrono")]  # fmt: skip
    [line] = [record.getMessage() for record in caplog.records if "left out" in record.getMessage()]
    assert line.startswith("5 combinations are left out: init=identity is defined for rnn_relu")
    with pytest.raises(ConfigError, match="defined for rnn_relu"):
        expand([*tiny, "cell=lstm,gru", "init=identity"])


@pytest.mark.usefixtures("without_figures")
def test_the_report_tells_initialisations_apart(tiny, tmp_path):
    assert main(["-m", *tiny, "cell=gru", "init=torch,keras", "seed=1,2", "hydra/launcher=basic"]) == 0
    text = (tmp_path / "results" / "summary.md").read_text()
    assert "| init |" in text and "| keras |" in text and "| torch |" in text
