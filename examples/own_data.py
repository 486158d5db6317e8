"""Sequences of your own, of unequal lengths, as a task: a GRU in plain PyTorch on two kinds of waves."""

import numpy as np
import torch
from torch import nn

from harness.tasks import Task

torch.manual_seed(0)
rng = np.random.default_rng(0)
x, y = [], []
for _ in range(400):  # in place of this loop: lists or arrays that you have
    kind = rng.choice(["slow", "fast"])
    steps = np.arange(rng.integers(20, 40))
    wave = np.sin(steps * (0.3 if kind == "slow" else 0.9) + rng.uniform(0, 6))
    x.append(np.stack([wave, rng.normal(size=len(steps))], axis=1))  # (steps, features)
    y.append(str(kind))

task = Task.from_arrays(x, y)  # division, normalisation, padding; in a grid: task=arrays, task=csv
spec = task.spec
gru = nn.GRU(spec.input_size, 32, batch_first=True)
head = nn.Linear(32, spec.num_classes)
optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=0.01)


def logits(x, lengths):
    """(B, classes), from the output at the last valid step of each sequence."""
    return head(gru(x)[0][torch.arange(len(x)), lengths - 1])


for _ in range(10):
    for batch, label, lengths in task.train.loader(batch_size=20, shuffle=True):
        loss = nn.functional.cross_entropy(logits(batch, lengths), label)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    accuracy = (logits(task.test.x, task.test.lengths).argmax(1) == task.test.y).float().mean().item()
print(f"test accuracy {accuracy:.3f}, chance {spec.chance_accuracy:.3f}")
