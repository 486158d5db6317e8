"""A Slurm in one file: the commands of a cluster of one machine, for tests of what is asked of them.

`install` puts `sbatch`, `srun`, `squeue`, `scancel`, `scontrol` and `sacct` into a folder for the PATH. A job
is a process group; its state is a file. There is no accounting: `sacct` fails.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

COMMANDS = ("sbatch", "srun", "squeue", "scancel", "scontrol", "sacct")


def install(folder):
    """Writes the commands; their state lies beside them."""
    folder.mkdir()
    for name in COMMANDS:
        path = folder / name
        path.write_text(f'#!/bin/sh\nFAKE_SLURM={folder} exec {sys.executable} -S {__file__} {name} "$@"\n')
        path.chmod(0o755)
    return folder


def sbatch(folder, script):
    """Starts every element of an array at once; each line of the queue is a file `ID.job`."""
    text = Path(script).read_text()
    found = re.search(r"--array=0-(\d+)", text)
    number = len(list(folder.glob("*.number"))) + 1
    if (folder / "most").exists() and number > int((folder / "most").read_text()):
        sys.exit("sbatch: error: QOSMaxSubmitJobPerUserLimit")
    (folder / f"{number}.number").touch()
    for task in range(int(found[1]) + 1) if found else [None]:
        start(folder, script, number, task, 0)
    print(f"Submitted batch job {number}")


def start(folder, script, number, task, restarts):
    """One job, or one element of an array."""
    job_id = str(number) if task is None else f"{number}_{task}"
    env = os.environ | {"SLURM_JOB_ID": f"9{number}{task or 0}", "SLURM_RESTART_COUNT": str(restarts)}
    env |= {} if task is None else {"SLURM_ARRAY_JOB_ID": str(number), "SLURM_ARRAY_TASK_ID": str(task)}
    env |= {} if task is not None else {"SLURM_JOB_ID": str(number)}
    hold = (folder / "hold").exists()  # jobs stay in the queue and do not start
    watch = f"exec {sys.executable} -S {__file__} watch {job_id} {script} {restarts}"
    (folder / f"{job_id}.job").write_text(f"{'PENDING' if hold else 'RUNNING'} {script}")
    if not hold:
        null = subprocess.DEVNULL
        subprocess.Popen(
            ["/bin/sh", "-c", watch],
            env=env | {"FAKE_SLURM": str(folder)},
            start_new_session=True,
            stdin=null,
            stdout=null,
            stderr=null,
        )


def watch(folder, job_id, script, restarts):
    """Waits for a job, which then leaves the queue or, when it was requeued, starts again."""
    with open(folder / f"{job_id}.log", "a") as log:
        process = subprocess.Popen(["/bin/bash", script], start_new_session=True, stdout=log, stderr=log)
    (folder / f"{job_id}.pid").write_text(str(process.pid))
    process.wait()
    (folder / f"{job_id}.pid").unlink()
    if (folder / f"{job_id}.requeue").exists():
        (folder / f"{job_id}.requeue").unlink()
        number, _, task = job_id.partition("_")
        start(folder, script, number, task or None, int(restarts) + 1)
    else:
        (folder / f"{job_id}.job").unlink(missing_ok=True)


def srun(folder, *arguments):
    """Runs the command behind `--unbuffered --output FILE`."""
    job_id = re.sub(
        "^_|_$", "", f"{os.environ.get('SLURM_ARRAY_JOB_ID', '')}_{os.environ.get('SLURM_ARRAY_TASK_ID', '')}"
    )
    path = arguments[2].replace("%A_%a", job_id).replace("%j", os.environ["SLURM_JOB_ID"]).replace("%t", "0")
    os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), 1)
    os.dup2(1, 2)
    os.execvp(arguments[3], arguments[3:])


def squeue(folder, *arguments):
    """The jobs that are asked for, as `--format=%i|%T %r` has them."""
    [asked] = [item.partition("=")[2].split(",") for item in arguments if item.startswith("--jobs=")]
    lines = [f"{path.stem}|{path.read_text().split()[0]} None" for path in folder.glob("*.job")]
    lines = [line for line in lines if re.split("[_|]", line)[0] in asked]
    if not lines:
        sys.exit("slurm_load_jobs error: Invalid job id specified")
    print("\n".join(lines))


def scancel(folder, *arguments):
    """Sends SIGTERM, or another signal, to all processes of jobs; those that wait leave the queue."""
    number, ids = signal.SIGTERM, [item for item in arguments if not item.startswith("--")]
    for item in arguments:
        if item.startswith("--signal="):
            number = getattr(signal, f"SIG{item.partition('=')[2]}")
    for job_id in ids:
        end(folder, job_id, number)


def end(folder, job_id, number):
    """A signal for the processes of a job but for the shell that runs its script, as Slurm has it."""
    if not (folder / f"{job_id}.pid").exists():
        (folder / f"{job_id}.job").unlink(missing_ok=True)
        return
    shell = int((folder / f"{job_id}.pid").read_text())
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            process, _, rest = path.read_text().partition(" (")
            if int(rest.rpartition(")")[2].split()[2]) == shell != int(process):
                os.kill(int(process), number)


def scontrol(folder, what, job_id):
    """`requeue`; the configuration is not known."""
    if what == "requeue":
        (folder / f"{job_id}.requeue").touch()


def sacct(folder, *arguments):
    sys.exit("Slurm accounting storage is disabled")


if __name__ == "__main__":
    globals()[sys.argv[1]](Path(os.environ["FAKE_SLURM"]), *sys.argv[2:])
