"""Runs as jobs of a Slurm cluster: submitted as arrays, watched until each has ended, collected later.

submitit writes the batch script and pickles the jobs; what it leaves to accounting (`sacct`) is asked of the
queue here, which every cluster has.
"""

from __future__ import annotations

import hashlib
import json
import logging
import pickle
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hydra.core.utils import JobReturn
from omegaconf import OmegaConf

from harness.experiment.clusters.remote_jobs import DetachedError, RemoteJob, failed_return
from harness.experiment.clusters.slurm_job import SlurmJob
from harness.experiment.clusters.slurm_options import SlurmOptions
from harness.experiment.clusters.slurm_queue import Queue, cancel, max_array_size, why_it_ended
from harness.experiment.workers import LostJobError
from harness.results.store import write_atomically
from harness.workers import WorkersBrokenError

log = logging.getLogger("harness.grid")

FOLDER = "slurm"
"""In the results folder: logs, pickled jobs, and which run was submitted as which job."""

POLL_S = 2.0
"""Seconds between two looks at which jobs have left a result."""

CANCEL_S = 30.0
"""Seconds that cancelled jobs have to write checkpoint and row."""


def launch(jobs: Sequence[RemoteJob], results_dir: str, options: SlurmOptions) -> list[JobReturn]:
    """Submits the jobs that are not in the queue yet, and waits for all of them.

    Ctrl-C cancels the jobs, which write checkpoints and rows first.

    Returns:
        What the jobs returned; of one that was lost the status is `FAILED` and the value a `LostJobError`.

    Raises:
        DetachedError: with `detach`, once all are submitted.
        WorkersBrokenError: Slurm refuses the jobs, or is not there.
    """
    folder = Path(results_dir).absolute() / FOLDER
    if "%" in str(folder):
        raise WorkersBrokenError(f"results_dir={results_dir}: Slurm gives % a meaning of its own")
    notes = [_note_of(folder, job) for job in jobs]
    ids = _submitted_before(notes)
    new = [index for index, job_id in enumerate(ids) if job_id is None]
    before = len(jobs) - len(new)
    try:
        waiting = iter(new)
        for array in _submit([jobs[index] for index in new], folder, options):
            for job_id, index in zip(array, waiting, strict=False):
                ids[index] = job_id
                note = {"job": job_id, "overrides": jobs[index].name}
                write_atomically(notes[index], json.dumps(note) + "\n")
        known = [str(job_id) for job_id in ids]
        arrays = sorted({job_id.partition("_")[0] for job_id in known})
        said = f"{len(new)} submitted, {before} in the queue before: Slurm job {', '.join(arrays)}"
        if options.detach:
            raise DetachedError(f"{said}; the same command collects them")
        log.warning("%s; logs in %s", said, folder)
        returned = _wait(known, folder)
    except KeyboardInterrupt:
        _cancel({note: job_id for note, job_id in zip(notes, ids, strict=True) if job_id is not None}, folder)
        raise
    _forget(dict(zip(notes, known, strict=True)), folder)
    return returned


def _cancel(jobs: Mapping[Path, str], folder: Path) -> None:
    """Cancels jobs, given by their notes, and waits for their end."""
    if not jobs:
        return
    log.warning("cancelling the jobs; they write checkpoints and rows first")
    ids = list(jobs.values())
    cancel(ids)
    _wait_for_end(ids)
    left = Queue(ids).waiting_or_running()
    _forget({note: job_id for note, job_id in jobs.items() if job_id not in left}, folder)


def _forget(jobs: Mapping[Path, str], folder: Path) -> None:
    """Removes what is no longer needed of jobs that have ended, given by their notes; their logs stay."""
    for note, job_id in jobs.items():
        for path in (note, folder / f"{job_id}_submitted.pkl", _result_file(job_id, folder)):
            path.unlink(missing_ok=True)


def _note_of(folder: Path, job: RemoteJob) -> Path:
    """Where it is written down as which job a run was submitted; the name follows from the run's config."""
    plain = {key: value for key, value in job.config.items_ex(resolve=False) if key != "hydra"}
    text = OmegaConf.to_yaml(OmegaConf.create(plain), sort_keys=True)
    folder.joinpath("submitted").mkdir(parents=True, exist_ok=True)
    return folder / "submitted" / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"


def _submitted_before(notes: Sequence[Path]) -> list[str | None]:
    """The jobs of runs that an earlier command submitted, and that are still in the queue."""
    found: list[str | None] = []
    for note in notes:
        try:
            found.append(str(json.loads(note.read_text(encoding="utf-8"))["job"]))
        except (OSError, ValueError, KeyError, TypeError):
            found.append(None)
    known = [job_id for job_id in found if job_id is not None]
    there = Queue(known).waiting_or_running() if known else set()
    return [job_id if job_id in there else None for job_id in found]


def _submit(jobs: Sequence[RemoteJob], folder: Path, options: SlurmOptions) -> Iterator[list[str]]:
    """Submits job arrays of as many elements as Slurm allows; yields the ids of each when it is in the queue.

    Of more arrays than `n_jobs` some begin only when others have ended.
    """
    if not jobs:
        return
    import submitit

    largest = max_array_size()
    parts = [jobs[start : start + largest] for start in range(0, len(jobs), largest)]
    at_a_time = min(options.n_jobs, len(parts))
    arrays: list[str] = []
    try:
        executor = submitit.SlurmExecutor(folder, python=options.python)
        executor.update_parameters(
            job_name="harness",
            time=options.minutes,
            signal_delay_s=options.signal_s,
            array_parallelism=options.n_jobs // at_a_time,
            stderr_to_stdout=True,
            setup=list(options.setup),
        )
        for number, part in enumerate(parts):
            earlier = arrays[number - at_a_time] if number >= at_a_time else None
            after = {} if earlier is None else {"dependency": f"afterany:{earlier}"}
            executor.update_parameters(additional_parameters=dict(options.sbatch) | after)
            submitted = executor.submit_array([SlurmJob(job, options.requeues) for job in part])
            arrays.append(submitted[0].job_id.partition("_")[0])
            yield [job.job_id for job in submitted]
    except (submitit.core.utils.FailedJobError, RuntimeError, OSError) as error:
        there = len(arrays) * largest
        more = f"; {there} jobs are in the queue: the same command waits for them" if there else ""
        raise WorkersBrokenError(f"Slurm did not take the jobs: {error}{more}") from None


def _wait(ids: Sequence[str], folder: Path) -> list[JobReturn]:
    """What the jobs returned, once each has left a result or the queue."""
    returned: dict[str, JobReturn] = {}
    queue = Queue(ids)
    while True:
        for job_id in ids:
            if job_id not in returned and (result := _result_of(job_id, folder)) is not None:
                returned[job_id] = result
        left = [job_id for job_id in ids if job_id not in returned]
        if not left:
            return [returned[job_id] for job_id in ids]
        for job_id in queue.left_long_ago(left):
            if (result := _result_of(job_id, folder)) is None:
                why, log_file = why_it_ended(job_id), folder / f"{job_id}_0_log.out"
                if (damaged := _result_file(job_id, folder)).exists():
                    why = f"the Slurm job {job_id} has ended, and its result {damaged} cannot be read"
                result = failed_return(LostJobError(f"{why}; see {log_file}"))
            returned[job_id] = result
        time.sleep(POLL_S)


def _wait_for_end(ids: Sequence[str]) -> None:
    """Waits until cancelled jobs have ended, `CANCEL_S` at most."""
    queue, give_up = Queue(ids), time.monotonic() + CANCEL_S
    while queue.waiting_or_running() and time.monotonic() < give_up:
        time.sleep(POLL_S)


def _result_of(job_id: str, folder: Path) -> JobReturn | None:
    """What a job returned, or that it ended with an error; None: it has left nothing that can be read yet."""
    try:
        outcome, value = pickle.loads(_result_file(job_id, folder).read_bytes())
    except Exception:  # no file, or a damaged one, upon which pickle raises nearly anything
        return None
    if outcome == "success":
        assert isinstance(value, JobReturn)
        return value
    lines = str(value).strip().splitlines() or [""]
    return failed_return(LostJobError(f"the Slurm job {job_id} ended with an error: {lines[-1]}"))


def _result_file(job_id: str, folder: Path) -> Path:
    """Where submitit leaves what a job returned."""
    return folder / f"{job_id}_0_result.pkl"
