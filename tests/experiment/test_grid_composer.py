"""The quick way to compose a grid's combinations against Hydra's own, combination by combination."""

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import Container, DictConfig, ListConfig, open_dict

from harness.experiment.compose_grid import GridComposer
from harness.experiment.config import compose, options
from harness.experiment.errors import ConfigError
from harness.experiment.plan import plan
from tests.experiment.expanded import jobs_of


def slowly(overrides):
    """What Hydra composes, without its own node."""
    return without_hydra(compose(overrides))


def without_hydra(config):
    with open_dict(config):
        del config["hydra"]
    return config


def anatomy(node):
    """Everything of a config node: kind, type, flags and unresolved values, all the way down."""
    about = (type(node), node._metadata.ref_type, node._metadata.object_type, node._metadata.flags)
    if not isinstance(node, Container) or node._is_none() or node._is_missing() or node._is_interpolation():
        return (*about, node._value())
    if isinstance(node, DictConfig):
        return (*about, [(key, anatomy(node._get_node(key))) for key in node])
    assert isinstance(node, ListConfig)
    return (*about, [anatomy(node._get_node(i)) for i in range(len(node))])


def outcome(composed):
    """The config and its plan's run_id, or the error that the user sees."""
    try:
        config = composed()
        return anatomy(config), plan(config).run_id
    except ConfigError as error:
        return str(error)


@pytest.mark.parametrize("name", options("experiment"))
def test_every_experiment_is_composed_as_hydra_does(name):
    jobs = jobs_of(name)
    composer = GridComposer()
    for job in jobs[:: max(1, len(jobs) // 6)] + jobs[-1:]:
        config = compose(job.overrides)
        assert plan(config).run_id == job.plan.run_id
        assert anatomy(composer.compose(job.overrides)) == anatomy(without_hydra(config)), job.overrides


@pytest.mark.parametrize(
    "overrides",
    [
        [],
        ["cell=gru", "cell.hidden_size=7", "cell=rnn"],
        ["task=adding", "task.seed=7"],
        ["task=adding", "task.seed=${seed}", "seed=4"],
        ["task=adding", "~task.seed", "+task.seed=3"],
        ["task=adding", "+task.seed=3"],
        ["task=adding", "++task.seed=3", "++task.wings=2"],
        ["task=adding", "~task.seed=3"],
        ["task=adding", "task.eval_lengths=[2x,30]"],
        ["task={_target_:harness.tasks.make_adding,seq_len:9}"],
        ["+experiment=smoke"],
        ["experiment=smoke", "train.steps=7"],
        ["experiment=null", "train={steps:3,lr:0.5}"],
        ["~experiment"],
        ["train.epochs=2", "train.lr=1e-2", "results_dir='a,b'"],
        ["results_dir=${oc.env:HOME}"],
        ["results_dir=${hydra.job.name}"],
        ["cell=custom", "cell._target_=torch.nn.LSTM", "+cell.proj_size=3"],
        # what is wrong must be wrong in the same words
        ["task=mnsit"],
        ["cell@other=gru"],
        ["other@cell=gru"],
        ["task=[adding]"],
        ["task=3"],
        ["~cell=gru"],
        ["~train.lr"],
        ["~threads"],
        ["task=adding", "task.seqlen=3"],
        ["train.lr=abc"],
        ["train.lr=nan"],
        ["train.learning=1"],
        ["+train.learning=1"],
        ["+foo=1"],
        ["+seed=1"],
        ["seed=1,2"],
        ["seed=[1"],
        ["seed=${nowhere}"],
        ["cell.hidden_size=0"],
    ],
    ids=" ".join,
)
def test_unusual_overrides_mean_the_same_and_errors_say_the_same(overrides):
    composer = GridComposer()
    composer.compose(["task=adding"])  # something is remembered already
    slow = outcome(lambda: slowly(overrides))
    assert outcome(lambda: composer.compose(overrides)) == slow
    assert outcome(lambda: composer.compose(overrides)) == slow  # from what the first time left behind


def test_hydra_overrides_of_a_grid_and_of_a_combination_both_hold(tmp_path):
    (tmp_path / "cell").mkdir()
    (tmp_path / "cell" / "mine.yaml").write_text("_target_: torch.nn.GRU\nhidden_size: 5\n")
    (tmp_path / "extra").mkdir()
    (tmp_path / "extra" / "one.yaml").write_text("# @package task\nn_train: 50\n")
    search, chosen = f"hydra.searchpath=[file://{tmp_path}]", ["task=adding", "cell=mine", "+extra=one"]
    for given, overrides in ([[search], chosen], [[], [search, *chosen]]):
        composed = GridComposer(given).compose(overrides)
        assert anatomy(composed) == anatomy(slowly([*given, *overrides]))
        assert (composed.cell.hidden_size, composed.task.n_train) == (5, 50)


def test_hydra_composes_once_for_each_choice_of_files_and_parses_each_override_once(monkeypatch):
    composed, parsed, parse = [], [], OverridesParser.parse_overrides
    monkeypatch.setattr(
        "harness.experiment.compose_grid.compose", lambda lines: composed.append(lines) or compose(lines)
    )
    composer = GridComposer()
    monkeypatch.setattr(
        composer._parser,
        "parse_overrides",
        lambda lines: parsed.extend(lines) or parse(composer._parser, lines),
    )
    for cell in ("gru", "lstm"):
        for seed in range(1, 6):
            composer.compose([f"cell={cell}", f"seed={seed}"])
    assert composed == [["cell=gru"], ["cell=lstm"]]
    assert len(parsed) == 7
