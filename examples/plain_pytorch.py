"""A GRU in plain PyTorch on delayed recall: which of 8 symbols was the first of 20?"""

import torch
from torch import nn

from harness.tasks import make_delayed_recall

torch.manual_seed(0)
task = make_delayed_recall(seq_len=20, n_train=4000, n_test=1000, seed=0)
spec = task.spec

embed = nn.Embedding(spec.vocab_size, 16)
gru = nn.GRU(16, 64, batch_first=True)
head = nn.Linear(64, spec.num_classes)
model = nn.ModuleList([embed, gru, head])
optimizer = torch.optim.Adam(model.parameters(), lr=0.005)


def logits(x, lengths):
    """(B, classes), from the output at the last valid step of each sequence."""
    output_BTH, _ = gru(embed(x))
    return head(output_BTH[torch.arange(len(x)), lengths - 1])


for _ in range(8):
    for x, y, lengths in task.train.loader(batch_size=50, shuffle=True):
        loss = nn.functional.cross_entropy(logits(x, lengths), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

with torch.no_grad():
    accuracy = (logits(task.test.x, task.test.lengths).argmax(1) == task.test.y).float().mean().item()
print(f"test accuracy {accuracy:.3f}, chance {spec.chance_accuracy:.3f}")
