"""Small files of a user's own data, written for tests."""

import numpy as np

FILES = {"arrays": "arrays.npz", "csv": "csv.csv"}
"""The file of each task that reads one, below the folder of `write_own_files`."""


def write_own_files(folder, shift=0):
    """Writes every file of `FILES`: 30 samples of 6 steps, two classes of 15.

    `shift` is added to each number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [[label, *x[:, 0] + shift] for label, x in zip(labels(), features(), strict=True)]
    names = ["label", *(f"t{step}" for step in range(6))]
    (folder / FILES["csv"]).write_text("".join(",".join(map(str, row)) + "\n" for row in [names, *rows]))
    np.savez(folder / FILES["arrays"], x=features() + shift, y=labels())


def features():
    """(30, 6, 2) float64, multiples of 1/64, no sequence twice."""
    return np.random.RandomState(3).randint(-400, 400, (30, 6, 2)) / 64


def labels():
    return ["left", "right"] * 15


def own_path(task, folder):
    """`task.path=…` for the task of a yaml that needs one, written below `folder`; else nothing."""
    if task not in FILES:
        return []
    write_own_files(folder)
    return [f"task.path={folder / FILES[task]}"]
