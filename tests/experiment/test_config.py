import dataclasses

import pytest
import torch
from omegaconf import OmegaConf

from harness.experiment import building
from harness.experiment.combinations import expand
from harness.experiment.conf_files import conf_dir, entries
from harness.experiment.config import compose, options
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from harness.tasks.common import arguments
from harness.training import SequenceClassifier, TrainOptions
from tests.tasks.own_files import own_path

STANDING_KEYS = [
    "task.seq_len",
    "cell.hidden_size",
    "cell.num_layers",
    "train.steps",
    "train.epochs",
    "train.batch_size",
    "train.lr",
    "train.optimizer",
    "train.clip",
    "seed",
    "results_dir",
    "data_dir",
    "threads",
]


def planned(*overrides):
    return plan(compose(list(overrides)))


def test_the_keys_that_other_programs_use_exist():
    config = compose([])
    for key in STANDING_KEYS:
        *parents, last = key.split(".")
        node = OmegaConf.select(config, ".".join(parents)) if parents else config
        assert last in node, key


CELLS = [entry for entry in entries("cell") if entry.name != "custom"]
KINDS = ("adding", "copy_memory", "listops", "next_char")
"""Tasks of every kind: real numbers and a value, labels at steps, sequences of several lengths, tokens."""


@pytest.mark.parametrize("task", options("task"))
def test_every_task_and_cell_yaml_composes_and_runs_forward(task, small_published_sets, tmp_path):
    if task == "timeseries":
        pytest.importorskip("aeon", reason="the extra `dev` is installed in part")
    cells = [cell.name for cell in CELLS if cell.target.startswith("torch.") or task in KINDS]
    own = own_path(task, tmp_path)
    _, jobs = expand([f"task={task}", *own, f"cell={','.join(cells)}", "cell.hidden_size=3"])
    x, _, lengths = next(jobs[0].plan.task.val.batches(2))
    for cell, run in zip(cells, (job.plan for job in jobs), strict=True):
        spec = run.task.spec
        model = SequenceClassifier(spec, run.make_cell())
        classes = (2, spec.num_classes)
        shape = {"value": (2,), "class": classes, "steps": (2, spec.seq_len, spec.num_classes)}[spec.target]
        assert model(x, lengths).shape == shape
        assert run.run_id.startswith(f"{task}-{cell}-h3-T{run.task.spec.seq_len}-s1-")


def test_the_yaml_and_the_dataclass_agree_on_the_defaults_of_training():
    assert OmegaConf.to_object(compose([]).train) == TrainOptions()


def test_epochs_take_the_place_of_steps_and_leave_one_config():
    run = planned("train.epochs=2", "train.steps=77")
    assert (run.train.epochs, run.train.steps) == (2, None)
    assert run.run_id == planned("train.epochs=2").run_id


def test_configs_that_are_equal_in_effect_are_one_run():
    base = planned("cell=lstm").run_id
    assert planned("cell=lstm", "cell.dropout=0").run_id == base
    assert planned("cell=custom", "cell._target_=torch.nn.LSTM").run_id == base


def idle_dropout_lines(caplog):
    """Of what was logged; the task may log lines of its own, once a process."""
    return [message for message in caplog.messages if "cell.dropout" in message]


@pytest.mark.parametrize("cell", ["lstm", "indrnn"])
def test_dropout_with_one_layer_is_no_other_run_and_said_once(cell, caplog):
    building._say_idle_dropout.cache_clear()
    one = [f"cell={cell}", "cell.num_layers=1"]
    base = planned(*one)
    assert idle_dropout_lines(caplog) == []
    for dropout in (0.2, 0.5):
        run = planned(*one, f"cell.dropout={dropout}")
        assert run.run_id == base.run_id and run.columns()["dropout"] == 0.0
        run.make_cell()  # without torch's warning, which is an error here
    assert idle_dropout_lines(caplog) == [
        "cell.dropout is between stacked layers: with one layer it does nothing, and counts as 0"
    ]
    stacked = [f"cell={cell}", "cell.num_layers=2"]
    assert planned(*stacked, "cell.dropout=0.2").run_id != planned(*stacked).run_id
    own = ["cell=custom", "cell._target_=tests.outside.LeakyCell"]  # what its dropout does is not known
    assert planned(*own, "cell.dropout=0.2").columns()["dropout"] == 0.2


def test_a_cell_can_be_made_by_any_callable():
    assert planned("cell=custom", "cell._target_=tests.outside.leaky_factory").cell_name == "leaky_factory"


def test_relu_has_one_name_however_it_is_asked_for():
    assert planned("cell=rnn", "cell.nonlinearity=relu").run_id == planned("cell=rnn_relu").run_id


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        (["task=mnsit"], ["'mnsit'", "adding", "did you mean 'mnist'"]),
        (["cell=lstn"], ["'lstn'", "gru", "did you mean 'lstm'"]),
        (["experiment=defualt"], ["'defualt'", "smoke", "did you mean 'default'"]),
        (["trian.lr=1"], ["'trian.lr'", "did you mean 'train.lr'"]),
        (["task=adding", "task.seqlen=3"], ["'task.seqlen'", "task.variant", "did you mean 'task.seq_len'"]),
        (["train.learning=1"], ["'train.learning'", "train.lr"]),
        (["train.lr=abc"], ["train.lr", "'abc'", "Float"]),
        (["train.lr=0"], ["train.lr", "above 0", "not 0.0"]),
        (["train.lr=-1"], ["train.lr", "above 0", "not -1.0"]),
        (["train.lr=nan"], ["train.lr", "above 0", "nan"]),
        (["train.clip=0"], ["train.clip", "above 0", "1.0"]),
        (["train.weight_decay=-1"], ["train.weight_decay", "at least 0"]),
        (["train.optimizer=adamm"], ["train.optimizer", "rmsprop", "did you mean 'adam'"]),
        (["train.steps=0"], ["train.steps", "at least 1", "not 0"]),
        (["train.steps=null"], ["train.steps", "train.epochs"]),
        (["train.epochs=0"], ["train.epochs", "at least 1", "not 0"]),
        (["train.batch_size=0"], ["train.batch_size", "at least 1", "not 0"]),
        (["train.eval_every=0"], ["train.eval_every", "at least 1", "not 0"]),
        (["seed=-1"], ["seed", "at least 0", "not -1"]),
        (["threads=0"], ["threads", "at least 1", "not 0"]),
        (["cell.hidden_size=0"], ["cell.hidden_size", "at least 1", "not 0", "nearest is 1"]),
        (["cell.hidden_size=-3"], ["cell.hidden_size", "not -3"]),
        (["cell.hidden_size=big"], ["cell.hidden_size", "'big'"]),
        (["cell.num_layers=0"], ["cell.num_layers", "at least 1"]),
        (["cell.dropout=1"], ["cell.dropout", "below 1"]),
        (["task.seq_len=30"], ["task.seq_len", "not 30", "28, 49", "nearest is 28"]),
        (["task.seq_len=0"], ["task.seq_len", "at least 1", "not 0"]),
        (["task=adding", "task.seq_len=1"], ["task.seq_len", "at least 2", "not 1"]),
        (["task=adding", "task.variant=hlaf"], ["task.variant", "half, any", "did you mean 'half'"]),
        (["task.permutation=bitreversal"], ["task.permutation", "bit_reversal", "'bitreversal'"]),
        (["data_dir=/no/such/folder"], ["/no/such/folder", "harness fetch mnist"]),
        (["device=gpu"], ["'gpu'", "nearest choice is cpu"]),
        (["cell=custom"], ["cell._target_", "'???'"]),
        (["cell=custom", "cell._target_=no_such_module.Cell"], ["no_such_module.Cell", "cannot be imported"]),
        (["+cell.wings=2"], ["wings"]),
        (["seed=[1"], ["'seed=[1'"]),
        (["seed=1,2"], ["seed=1,2", "-m"]),
        (["model.embedding_size=0", "task=delayed_recall"], ["model.embedding_size", "at least 1"]),
        (["model.embedding_size=8", "task=adding"], ["embedding_size", "adding", "null"]),
        (["task=adding", "task.eval_lengths=[0x]"], ["task.eval_lengths", "'0x'"]),
        (["task=adding", "task.eval_lengths=2x"], ["task.eval_lengths", "a list such as [2x,200]", "'2x'"]),
        (["task=mnist", "+task.eval_lengths=[2x]"], ["mnist", "other inputs at 56 steps"]),
        (["task=sine_frequency", "task.eval_lengths=[2x]"], ["unknown key 'task.eval_lengths'"]),
        (["task=adding", "task.fresh=no"], ["fresh must be true or false", "'no'"]),
        (["task=adding", "task.eval_lengths=[1]"], ["task.seq_len", "at least 2", "not 1"]),
        (["seed=9223372036854775808"], ["seed", "at most 4294967295", "not 9223372036854775808"]),
        (["cell.hidden_size=1000000000000000000"], ["cell.hidden_size", "at most 1048576"]),
        (["cell.num_layers=1000000000000"], ["cell.num_layers", "at most 1000"]),
        (["train.steps=1000000000000"], ["train.steps", "at most 2147483647"]),
        (["cell=custom", "cell._target_=torch.nn.GRU", "cell.name=../x"], ["cell.name", "'../x'", "letters"]),
        (["cell=custom", "cell._target_=torch.nn.GRU", "+cell.k=inf"], ["recorded", "inf"]),
        (["cell=custom", "cell._target_=tests.outside.NoTuple"], ["NoTuple", "(output, state)"]),
        (["cell=custom", "cell._target_=tests.outside.LeakyCell", "+cell.k=1"], ["'k'"]),
        (["task=null"], ["task"]),
        (["~threads"], ["'threads'"]),
        (["+foo=1"], ["unknown key 'foo'"]),
    ],
)
def test_bad_input_gets_one_line_that_names_value_range_and_way_out(overrides, parts):
    with pytest.raises(ConfigError) as error:
        planned(*overrides)
    message = str(error.value)
    assert "\n" not in message
    for part in parts:
        assert part in message


def test_a_plan_allocates_no_weights_and_makes_no_data(monkeypatch):
    monkeypatch.setattr(arguments, "memory_bytes", lambda: None)  # this machine may have less than 1,500 GiB
    run = planned("task=adding", "task.n_train=1000000000", "cell.hidden_size=1000000")
    assert dataclasses.asdict(run.train)["steps"] == 1000
    assert "train" not in run.task.__dict__


def test_conf_lies_beside_the_package_and_every_yaml_opens_with_a_comment():
    files = sorted(conf_dir().rglob("*.yaml"))
    assert len(files) > 10
    for path in files:
        first = next(line for line in path.read_text(encoding="utf-8").splitlines() if "@package" not in line)
        assert first.startswith("# "), path


def test_weights_depend_on_the_seed_alone():
    run = planned("task=adding", "cell.hidden_size=4")
    weights = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        weights.append(torch.cat([p.flatten() for p in run.make_cell().parameters()]))
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
