"""The contract of a cell in a command: tried once before the first run, refused in one line."""

import logging

import pytest
from hydra.core.hydra_config import HydraConfig

from harness.cli import main
from harness.experiment import cell_check
from harness.experiment.cell_check import check_contract, checked_plan, was_checked_by_the_command
from harness.experiment.combinations import compose_master, expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError, MeaninglessPairError
from harness.experiment.plan import plan
from harness.experiment.run import execute
from harness.results import store

ODD = "tests.cells.odd_cells"
SMALL = ["task.n_train=20", "task.n_val=20", "task.n_test=20"]


@pytest.fixture
def examined(monkeypatch):
    """The sizes of the cells that are tried."""
    seen = []

    def spy(cell, input_size, **options):
        seen.append(getattr(cell, "hidden_size", None) or cell.u.in_features)
        return cell_check_examine(cell, input_size, **options)

    cell_check_examine = cell_check.examine
    cell_check._examined.cache_clear()
    monkeypatch.setattr(cell_check, "examine", spy)
    yield seen
    cell_check._examined.cache_clear()


def custom(name, *more, task="adding"):
    return [f"task={task}", "task.seq_len=12", "cell=custom", f"cell._target_={name}", *more]


def test_each_cell_and_size_is_tried_once_in_a_grid(examined):
    grid = custom("tests.outside.LeakyCell", "cell.hidden_size=3,5", "seed=1,2", "train.lr=0.1,0.2")
    assert len(expand(grid)[1]) == 8
    assert sorted(examined) == [3, 5]


def test_cells_that_the_tests_have_tried_are_not_tried_again(examined):
    for name in ("lstm", "bilstm", "mingru", "transformer"):
        assert check_contract(plan(compose(["task=adding", f"cell={name}"]))) is None
    assert examined == []


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        (
            f"{ODD}.IgnoresBatchFirst",
            "mixes the sequences of a batch in evaluation mode: it reads (steps, batch",
        ),
        (f"{ODD}.KeepsItsState", "gives another output when it is called again"),
        (f"{ODD}.StepsFirst", "a cell's output must have shape (batch, steps, features)"),
        ("torch.nn.Linear", "with the arguments of torch.nn.RNN: got an unexpected keyword argument"),
    ],
)
def test_a_cell_that_breaks_the_contract_ends_a_command_with_one_line(cell, words, tmp_path, capsys):
    assert main([*custom(cell), f"results_dir={tmp_path}"]) == 2
    [line] = capsys.readouterr().err.splitlines()
    assert words in line
    assert not (tmp_path / "runs").exists()


def test_notes_are_said_once(caplog, examined):
    cell_check._say.cache_clear()
    with caplog.at_level(logging.WARNING, "harness.config"):
        for size in (3, 4):
            name = "tests.training.probes.third_party.BatchNorm"
            checked_plan(compose(custom(name, f"cell.hidden_size={size}")))
    assert caplog.text.count("BatchNorm couples the sequences of a batch in training mode") == 1


def test_a_cell_that_sees_later_steps_needs_sequences_of_one_length():
    with pytest.raises(
        MeaninglessPairError, match="an output of BothDirections depends on later steps, so pad"
    ):
        plan(compose(custom(f"{ODD}.BothDirections", *SMALL, task="embedded_reber")))
    assert "later steps" in plan(compose(custom(f"{ODD}.BothDirections"))).one_length


def test_token_ids_are_for_tasks_of_tokens():
    own = custom(f"{ODD}.OwnEmbedding", task="delayed_recall")
    assert (
        checked_plan(compose(own)).make_cell().embedding.num_embeddings
        == plan(compose(own)).task.spec.vocab_size
    )
    with pytest.raises(
        MeaninglessPairError, match="reads token ids itself, and the inputs of adding are real"
    ):
        plan(compose(custom(f"{ODD}.OwnEmbedding")))
    with pytest.raises(
        MeaninglessPairError, match="model.embedding_size=3 has nothing to embed; set it to null"
    ):
        plan(compose([*own, "model.embedding_size=3"]))


def test_batch_first_cannot_be_given():
    with pytest.raises(
        ConfigError, match="every cell is made with batch_first=True; leave batch_first of GRU out"
    ):
        plan(compose(["task=adding", "cell=gru", "+cell.batch_first=false"]))


def test_a_worker_of_our_own_sweeper_does_not_try_cells_again(monkeypatch):
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)  # an earlier test may have set it
    assert not was_checked_by_the_command()
    for sweeper, expected in (("harness", True), ("basic", False)):
        master, _ = compose_master(["task=adding,parity", f"hydra/sweeper={sweeper}"])
        HydraConfig.instance().set_config(master)
        assert was_checked_by_the_command() is expected


@pytest.mark.parametrize(("symbols", "said"), [(511, False), (600, True)])
def test_a_large_vocabulary_is_said_once_with_the_alternative(symbols, said, caplog):
    cell_check._say.cache_clear()
    recall = ["task=delayed_recall", f"task.num_classes={(symbols + 1) // 2}", "task.seq_len=5", *SMALL]
    for seed in (1, 2):
        checked_plan(compose([*recall, f"seed={seed}"]))
    checked_plan(compose([*recall, "model.embedding_size=4"]))
    assert caplog.text.count("learns 32 features in their place") == said


def test_a_cell_that_learns_to_read_later_steps_is_no_result(tiny):
    text = ["task=next_char", "task.labels=every_step", "task.seq_len=8", "task.n_train=200"]
    cell = ["cell=custom", "cell._target_=tests.outside.OpensBackwards", "~cell.num_layers", "~cell.dropout"]
    train = ["train.steps=20", "train.eval_every=20", "train.lr=0.1"]
    run = plan(compose([*tiny[-1:], *text, "task.n_val=20", *cell, "cell.hidden_size=4", *train]))
    execute(run, echo=False)
    row = store.read_row(run.folder)
    assert row["status"] == "failed"
    assert "once trained, its answers depend on later steps, and the next step is the label" in row["error"]
