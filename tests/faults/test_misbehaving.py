"""Cells that misbehave beside innocent runs, whose rows and weights stay the same to the bit."""

import signal

import pytest

import harness
from tests.faults.commands import TINY, Command, bits, kill, statuses, trials

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "pidfd_send_signal"), reason="workers are forked on Linux"
)

INNOCENT = (*TINY, "train.steps=12", "train.eval_every=6", "cell=custom", "train.gradflow=false")
STOCK = "cell._target_=torch.nn.GRU"

CELLS = {
    "ExitsAtOnce": "its process ended with exit code 0 without a row",
    "Crashes": "its process was killed by SIGSEGV",
    "KilledByTerm": "its process was killed by SIGTERM",
    "RaisesBaseLate": "Own: not an Exception",
    "RaisesKeyboardInterrupt": "KeyboardInterrupt: of the cell",
    "ChangesFolder": None,
    "ChangesDtype": "",
    "ChangesAll": "",
    "Forks": None,
    "ForksAndReturns": "",
    "FillsMemory": "memory",
}
"""The cells, and a part of their rows' errors; None: the run ends well, empty: it may."""

ALONE = [pytest.param([name], n_jobs, marks=pytest.mark.faults) for name in CELLS for n_jobs in (1, 2)]


@pytest.mark.parametrize(("names", "n_jobs"), [(list(CELLS), 2), *ALONE])
def test_innocent_runs_stay_the_same(tmp_path, undisturbed, names, n_jobs):
    """Each misbehaving cell beside innocent runs."""
    results = tmp_path / "r"
    targets = f"cell._target_={','.join(f'tests.outside.{name}' for name in names)},torch.nn.GRU"
    grid = ["-m", *INNOCENT, targets, f"hydra.launcher.n_jobs={n_jobs}", f"results_dir={results}"]
    command = Command(tmp_path, *grid)
    try:
        assert command.wait() in (0, 1), command.errors()
        assert command.seconds_until_all_ended() < 5
    finally:
        for process in command.left():
            kill(process)
    runs = harness.load_runs(results)
    assert len(runs) == len(names) + 1
    expected = undisturbed((*INNOCENT, STOCK))
    found = bits(results)
    assert {run_id: found[run_id] for run_id in expected} == expected
    for name in names:
        mine = runs[runs["cell"] == name.lower()]
        for _, row in mine.iterrows():
            if CELLS[name] is None:
                assert row["status"] == "ok", row["error"]
            elif CELLS[name]:
                assert row["status"] == "failed" and CELLS[name] in row["error"], row["error"]


@trials(2)
@pytest.mark.parametrize(
    ("cell", "steps"),
    [("tests.outside.HangsDeaf", 12), pytest.param("torch.nn.GRU", 10**7, marks=pytest.mark.faults)],
    ids=["hung", "slow"],
)
def test_over_the_limit(tmp_path, undisturbed, cell, steps, trial):
    """A hung run, and one over train.max_minutes."""
    results = tmp_path / "r"
    grid = [
        "-m",
        *TINY,
        "train.max_minutes=0.1",
        "train.eval_every=6",
        "cell=custom",
        f"results_dir={results}",
    ]
    sweep = [f"cell._target_={cell}", f"train.steps={steps}", "seed=1,2", "hydra.launcher.n_jobs=2"]
    command = Command(tmp_path, *grid, *sweep)
    assert command.wait() == 1, command.errors()
    runs = harness.load_runs(results)
    assert set(runs["error"]) == {"it took longer than train.max_minutes=0.1; raise that to run it again"}
    assert statuses(results) == {"failed": 2}
    assert command.seconds_until_all_ended() < 5


@trials(4)
@pytest.mark.parametrize("commands", [2, pytest.param(4, marks=pytest.mark.faults)])
def test_grids_on_one_folder(tmp_path, undisturbed, commands, trial):
    """2 and 4 grids on one folder."""
    results, grid = tmp_path / "r", (*TINY, "train.steps=400", "cell=rnn,gru", "seed=1,2,3")
    started = [
        Command(tmp_path, "-m", *grid, "hydra.launcher.n_jobs=2", f"results_dir={results}")
        for _ in range(commands)
    ]
    for command in started:
        assert command.wait() == 0, command.errors()
        assert "Traceback" not in command.errors()
    assert bits(results) == undisturbed(grid)
    assert list(results.glob("runs/*/attempt-*")) == []
