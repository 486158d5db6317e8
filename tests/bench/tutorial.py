"""The script of a typical tutorial: a DataLoader, ToTensor, a module of torch.nn, one process.

usage: python tutorial.py DIGITS.npz CELL HIDDEN_SIZE SEED EPOCHS BATCH_SIZE SEQ_LEN
Prints the test accuracy.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import ToTensor

CELLS = {"rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class Digits(Dataset):
    """As torchvision.datasets.MNIST returns them: a transformed image and its class."""

    def __init__(self, images, labels):
        self.images, self.labels, self.transform = images, labels, ToTensor()

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(Image.fromarray(self.images[index], mode="L")), int(self.labels[index])


class Classifier(nn.Module):
    def __init__(self, cell, input_size, hidden_size):
        super().__init__()
        self.cell = CELLS[cell](input_size, hidden_size, batch_first=True)
        self.head = nn.Linear(hidden_size, 10)

    def forward(self, x):
        output, _ = self.cell(x)
        return self.head(output[:, -1])


def main(path, cell, hidden_size, seed, epochs, batch_size, seq_len):
    torch.manual_seed(seed)
    data = np.load(path)
    train = DataLoader(Digits(data["train_x"], data["train_y"]), batch_size=batch_size, shuffle=True)
    test = DataLoader(Digits(data["test_x"], data["test_y"]), batch_size=batch_size)
    model = Classifier(cell, 784 // seq_len, hidden_size)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in range(epochs):
        for images, labels in train:
            loss = F.cross_entropy(model(images.view(len(images), seq_len, -1)), labels)
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
    model.eval()
    correct = 0
    with torch.no_grad():
        for images, labels in test:
            correct += (model(images.view(len(images), seq_len, -1)).argmax(1) == labels).sum().item()
    print(correct / len(data["test_y"]))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *map(int, sys.argv[3:]))
