"""The splits of a task, whatever its size."""


def splits_of(task):
    """(test, val, train), as many of them as can be kept apart: the test samples are there always."""
    made = []
    for name in ("test", "val", "train"):
        try:
            made.append(getattr(task, name))
        except ValueError as error:
            assert "has too few samples" in str(error)
            return made
    return made
