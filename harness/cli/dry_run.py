"""`--dry-run`: what a command would run, what is finished, and the time that the rest is expected to take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.cli.arguments import counted
from harness.cli.expected_time import FAR, Expectation, expect
from harness.experiment.combinations import Job
from harness.experiment.finished import why_not_finished
from harness.experiment.tuning import Choice, Stages, decide, final_jobs


def dry_run_text(jobs: Sequence[Job], workers: int = 1, waiting: Sequence[Job] = ()) -> str:
    """Each run with its state and expected seconds, then the counts and the whole time. Writes nothing.

    Args:
        jobs: checked runs.
        workers: runs at a time.
        waiting: further runs, whose values are not chosen yet; planned with others that cost the same.
    """
    to_do = [job for job in jobs if job.plan.rerun or why_not_finished(job.plan) is not None]
    left = [*to_do, *waiting]
    by_folder: dict[Path, list[Job]] = {}
    for job in (*jobs, *waiting):
        by_folder.setdefault(job.plan.results_dir, []).append(job)
    expected = {folder: expect(items) for folder, items in by_folder.items()}
    names = {job.folder: job.plan.run_id for job in jobs}
    names |= {job.folder: job.plan.run_id.removesuffix(job.plan.identity.digest) + "…" for job in waiting}
    width = max(map(len, names.values()))
    lines = []
    for job in (*jobs, *waiting):
        seconds = expected[job.plan.results_dir].seconds.get(job.plan.run_id)
        state = "after tuning" if job in waiting else "to do" if job in to_do else "finished before"
        time = f"about {duration(seconds)}" if seconds is not None and job in left else ""
        lines.append(f"  {names[job.folder]:{width}}  {state}  {time}".rstrip())
    lines.append(
        f"{counted(len(jobs) + len(waiting), 'run')}: {len(jobs) - len(to_do)} finished before, "
        f"{len(left)} to do; nothing was run"
    )
    for folder, items in by_folder.items():
        if of_folder := [job for job in items if job in left]:
            lines.append(_expected_line(folder, of_folder, expected[folder], workers))
    return "\n".join(lines)


def stages_text(stages: Stages, workers: int = 1) -> str:
    """`dry_run_text` of a grid with a node `tune`: what is chosen in the first stage, and what was chosen."""
    choices, undecided = decide(stages.settings)
    decided = [choice.setting for choice in choices]
    waiting = [
        job
        for setting in stages.settings
        if setting not in decided
        for job in final_jobs(setting, setting.candidates[0], stages)
    ]
    final = [job for choice in choices for job in final_jobs(choice.setting, choice.chosen, stages)]
    chosen = "\n".join(_choice_line(choice) for choice in choices)
    options = stages.options
    axes = ", ".join(f"{key} from {', '.join(values)}" for key, values in options.axes.items())
    seeds = ", ".join(map(str, options.seeds))
    text = dry_run_text([*stages.tuning, *final], workers, waiting)
    return "\n".join(filter(None, [text, chosen, (
        f"stage one chooses {axes} for each of {counted(len(stages.settings), 'setting')}, by the mean "
        f"validation result of seeds {seeds}: {len(choices)} chosen, {len(undecided)} open"
    )]))  # fmt: skip


def _choice_line(choice: Choice) -> str:
    plan = choice.chosen.final.plan
    name = plan.run_id.rsplit("-", 2)[0]  # without seed and hash
    init = "" if plan.init.label == "torch" else f" init={plan.init.label}"
    return f"  chosen for {name}{init}: {', '.join(choice.chosen.values)}"


def _expected_line(folder: Path, to_do: Sequence[Job], expected: Expectation, workers: int) -> str:
    """The whole time of the runs that are to do in one results folder, and by what it is judged."""
    known = [seconds for job in to_do if (seconds := expected.seconds.get(job.plan.run_id)) is not None]
    if not known:
        like = "run" if not expected.judged_by else "run of these cells"
        return f"time not known: no finished {like} in {folder} to judge by"
    whole, at_once = sum(known), min(workers, len(known))
    time = f"about {duration(max(whole / at_once, max(known)))}"
    if at_once > 1:
        time += f" with {at_once} workers ({duration(whole)} divided by {at_once})"
    parts = [f"judged by {counted(expected.judged_by, 'finished run')} in {folder}"]
    if any(job.plan.run_id in expected.far for job in to_do):
        parts.append(f"rough: some runs cost over {FAR} times as much, or as little, as any finished run")
    text = f"expected time of training and evaluation: {time}, {', '.join(parts)}"
    others = len(to_do) - len(known)
    return text + (f"; this leaves out {counted(others, 'run')} whose time is not known" if others else "")


def duration(seconds: float) -> str:
    """A time that is only roughly known.

    >>> duration(0.02), duration(0.21), duration(75), duration(400), duration(9000)
    ('0.1 s', '0.2 s', '75 s', '7 min', '2.5 h')
    """
    seconds = max(seconds, 0.1)  # a run takes a tenth of a second at least
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
