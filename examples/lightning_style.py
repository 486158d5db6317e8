"""A task as a LightningDataModule: two methods that return DataLoaders, and a loop over them."""

import torch
from torch import nn

from harness.tasks import make_temporal_order


class TemporalOrder:
    """A LightningDataModule once it derives from that class and calls `super().__init__()`."""

    def __init__(self, batch_size=50, **options):
        self.task, self.batch_size = make_temporal_order(**options), batch_size

    def train_dataloader(self):
        """Batches of (x, y, lengths)."""
        return self.task.train.loader(self.batch_size, shuffle=True)

    def val_dataloader(self):
        """Batches of (x, y, lengths), always in the same order."""
        return self.task.val.loader(self.batch_size)


torch.manual_seed(0)
data = TemporalOrder(seq_len=30, n_train=2000, n_val=500, n_test=1000, seed=0)
spec, test = data.task.spec, data.task.test
embed, lstm = nn.Embedding(spec.vocab_size, 16), nn.LSTM(16, 64, batch_first=True)
head = nn.Linear(64, spec.num_classes)
optimizer = torch.optim.Adam(nn.ModuleList([embed, lstm, head]).parameters(), lr=0.005)
for _ in range(6):
    for x, y, _ in data.train_dataloader():
        loss = nn.functional.cross_entropy(head(lstm(embed(x))[0][:, -1]), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
for name, batches in {"validation": data.val_dataloader(), "test": [test[:]]}.items():
    correct = [head(lstm(embed(x))[0][:, -1]).argmax(1) == y for x, y, _ in batches]
    accuracy = torch.cat(correct).float().mean()
    print(f"{name} accuracy {accuracy:.3f}, chance {spec.chance_accuracy:.3f}")
