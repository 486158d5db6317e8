"""What our launcher makes of calls and their outcomes; the processes are tested in tests/workers."""

import pytest
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import open_dict

from harness.experiment import workers
from harness.experiment.combinations import expand
from harness.experiment.config import compose
from harness.experiment.errors import ConfigError
from harness.experiment.grid import _make
from harness.experiment.launching import Launched, launch_jobs
from harness.experiment.places import Places
from harness.experiment.run import execute
from harness.experiment.workers import limit_of, runs_third_party_code
from harness.results import store
from harness.workers import Outcome, WorkersBrokenError


@pytest.mark.parametrize(
    ("overrides", "third_party"),
    [
        ([], False),
        (["task=adding", "cell=gru"], False),
        (["cell=custom", "cell._target_=torch.nn.GRU"], False),
        (["cell=custom", "cell._target_=tests.outside.LeakyCell"], True),
        (["cell=custom", "cell._target_=harness_like.Cell"], True),
        (["task=adding", "task._target_=torchlike.task"], True),
        (["+hydra.callbacks.mine={_target_:mine.Callback}"], True),
    ],
)
def test_code_of_others_is_told_by_its_target(overrides, third_party):
    config = compose(["task=adding", *overrides], multirun=True)
    assert runs_third_party_code(config) is third_party
    if not any("callbacks" in item for item in overrides):  # as a single run has it
        with open_dict(config):
            del config["hydra"]
        assert runs_third_party_code(config) is third_party


@pytest.mark.parametrize(("minutes", "seconds"), [("null", None), ("2", 120.0), ("0.5", 30.0)])
def test_the_limit_of_a_call_is_that_of_its_run_in_seconds(minutes, seconds):
    assert limit_of(compose(["task=adding", f"train.max_minutes={minutes}"])) == seconds


class Staged:
    """A pool whose calls end as they are told to: one list of outcomes for each time that it is asked."""

    def __init__(self, *rounds):
        self.rounds, self.asked, self.environments = list(rounds), [], [{}]

    def results(self, calls):
        self.asked.append(list(calls))
        yield from self.rounds.pop(0)

    def close(self):
        pass


class OurLauncher:
    """Launches as `hydra/launcher=local` does."""

    def __init__(self, master):
        from hydra.types import HydraContext

        from harness.experiment.compose_grid import GridLoader
        from harness.experiment.conf_files import config_loader

        self.context = HydraContext(config_loader=GridLoader(config_loader(), master), callbacks=None)
        self.master, self.returned = master, []

    def launch(self, job_overrides, initial_job_idx):
        self.returned = workers.launch(
            self.context, int, self.master, job_overrides, initial_job_idx, n_jobs=1
        )
        return self.returned


@pytest.fixture
def staged(tiny, monkeypatch):
    """Launches three runs through a staged pool; returns the jobs, the pool and the launcher."""

    def launch(*rounds, more=()):
        master, jobs = expand([*tiny, "seed=1,2,3", *more])
        pool, launcher = Staged(*rounds), OurLauncher(master)
        monkeypatch.setattr(workers, "_pool_on", lambda places, calls: pool)
        launched = launch_jobs(launcher, jobs, 0)
        return jobs, pool, launcher, launched.left, launched.begun

    return launch


def rows(jobs):
    return [store.read_row(job.folder) for job in jobs]


def fine(index):
    """The outcome of a run that ended well (and wrote its row, which here nobody does)."""
    returned = JobReturn()
    returned.status, returned.return_value = JobStatus.COMPLETED, 0.5
    return Outcome(index, value=returned)


def test_a_run_whose_worker_died_is_made_again_alone_and_after_the_others(staged, caplog):
    first = [Outcome(0, death="killed by SIGSEGV"), fine(1), fine(2)]
    jobs, pool, *_ = staged(first, [Outcome(0, death="killed by SIGSEGV")])
    assert [len(asked) for asked in pool.asked] == [3, 1]
    assert pool.asked[1][0] is pool.asked[0][0]
    assert "its process was killed by SIGSEGV; made again, alone" in caplog.text
    row, *others = rows(jobs)
    assert (row["status"], row["error"]) == ("failed", "its process was killed by SIGSEGV")
    assert row["run_id"] == jobs[0].plan.run_id and row["seed"] == 1
    assert others == [None, None]


def test_culprit_and_victims_are_told_apart_by_being_alone(staged):
    dead = [Outcome(index, death="killed by SIGKILL") for index in range(3)]
    jobs, pool, launcher, *_ = staged(
        dead, [fine(0)], [Outcome(0, death="ended with exit code 0")], [fine(0)]
    )
    assert [len(asked) for asked in pool.asked] == [3, 1, 1, 1]
    assert rows(jobs)[1]["error"] == "its process ended with exit code 0 without a row"
    assert [rows(jobs)[index] for index in (0, 2)] == [None, None]
    completed, failed = JobStatus.COMPLETED, JobStatus.FAILED
    assert [one.status for one in launcher.returned] == [completed, failed, completed]


def test_a_run_that_took_too_long_is_not_made_again(staged):
    first = [Outcome(0, death="killed by SIGKILL", too_long=True), fine(1), fine(2)]
    jobs, pool, launcher, *_ = staged(first, more=["train.max_minutes=3"])
    assert len(pool.asked) == 1
    assert rows(jobs)[0]["error"] == "it took longer than train.max_minutes=3.0; raise that to run it again"
    assert launcher.returned[0].status is JobStatus.FAILED


def test_an_error_outside_of_training_is_a_row_too(staged):
    jobs, *_ = staged([Outcome(0, error=ConfigError("a file has changed")), fine(1), fine(2)])
    assert (rows(jobs)[0]["status"], rows(jobs)[0]["error"]) == ("failed", "ConfigError: a file has changed")


def test_workers_that_cannot_be_started_leave_the_jobs_out(tiny, caplog):
    _, jobs = expand([*tiny, "seed=1,2"])

    class Broken:
        def launch(self, job_overrides, initial_job_idx):
            raise WorkersBrokenError("no worker can be started: Cannot allocate memory")

    assert launch_jobs(Broken(), jobs, 0) == Launched([], 0, [])
    assert "Cannot allocate memory: 0 runs were cut off, 2 are left" in caplog.text
    assert rows(jobs) == [None, None]


def test_the_pool_stays_as_long_as_its_places_fit(monkeypatch):
    monkeypatch.setattr(workers, "_pool", None)
    two, gpus = Places(({}, {})), Places(({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"}))
    first = workers._pool_on(two, 10)
    assert workers._pool_on(two, 1) is first
    other = workers._pool_on(gpus, 10)
    assert other is not first
    assert other.environments == list(gpus.environments)


def test_a_run_that_was_left_to_a_process_which_then_died_is_made_after_the_others(tiny, monkeypatch, caplog):
    _, jobs = expand([*tiny, "seed=1,2,3"])
    asked = []

    class LeavesOne:
        """The job of seed 2 finds its lock held the first time; nobody holds it afterwards."""

        def launch(self, job_overrides, initial_job_idx):
            asked.append([next(item for item in one if item.startswith("seed=")) for one in job_overrides])
            for job in jobs:
                wanted = f"seed={job.plan.seed}"
                if wanted in asked[-1] and not (wanted == "seed=2" and len(asked) == 1):
                    execute(job.plan, echo=False)
            return [fine(0).value for _ in job_overrides]

    assert _make(jobs, LeavesOne(), None) == 3
    assert (sorted(asked[0]), asked[1:]) == (["seed=1", "seed=2", "seed=3"], [["seed=2"]])
    assert [row["status"] for row in rows(jobs)] == ["ok"] * 3
    assert "left" not in caplog.text
