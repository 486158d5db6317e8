"""The splits of a task that may have too few different samples."""


def splits_of(task):
    """(test, val, train), without those for which there are too few different samples; test never fails."""
    made = []
    for name in ("test", "val", "train"):
        try:
            made.append(getattr(task, name))
        except ValueError as error:
            assert "has too few samples" in str(error)
            return made
    return made
