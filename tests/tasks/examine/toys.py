"""Small tasks whose samples are written out."""

import torch

from harness.tasks import Split, Task, TaskSpec


def toy(train, val=None, test=None, *, target="class", num_classes=2, vocab_size=4, **fields):
    """A task of (inputs, labels) for each split; inputs are rows of token ids, or of steps of channels.

    Rows may be shorter than the longest. Without `val` and `test` they are the training samples.
    """
    longest = max(len(row) for rows, _ in filter(None, (train, val, test)) for row in rows)
    real = isinstance(train[0][0][0], list)
    channels = len(train[0][0][0]) if real else None

    def split(name):
        rows, labels = {"train": train, "val": val or train, "test": test or train}[name]
        shape = (len(rows), longest, channels) if real else (len(rows), longest)
        x = torch.zeros(shape, dtype=torch.float32 if real else torch.int64)
        for row, values in zip(x, rows, strict=True):
            row[: len(values)] = torch.tensor(values)
        y = torch.tensor(labels, dtype=torch.float32 if target == "value" else torch.int64)
        return Split(x, y, torch.tensor([len(row) for row in rows]))

    spec = TaskSpec(
        name="toy",
        variant="plain",
        target=target,
        seq_len=longest,
        input_size=channels,
        vocab_size=None if real else vocab_size,
        num_classes=1 if target == "value" else num_classes,
        chance_accuracy=0.5,
        data_source="toy-set",
        citation="none",
        **fields,
    )
    return Task(spec, lambda name, epoch: split(name))
