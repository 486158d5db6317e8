"""The runs of the experiments that are shipped, planned once per process: there are about a thousand."""

import functools

from harness.experiment.combinations import Job, expand


@functools.cache
def jobs_of(experiment: str) -> tuple[Job, ...]:
    """The jobs of `experiment=NAME`; tests only read them."""
    _, jobs = expand([f"experiment={experiment}"])
    return tuple(jobs)
