"""Generated symbols, beside a loop over bare torch modules and beside the probabilities of a fixed model."""

import pytest
import torch
from torch import nn

from harness.tasks import load_next_char
from harness.training import SequenceClassifier
from harness.training.generate import generate


def model_of(labels, cell=None, readout="last"):
    task = load_next_char(seq_len=6, labels=labels)
    torch.manual_seed(0)
    size = task.spec.vocab_size
    cell = cell or nn.LSTM(size, 8, batch_first=True)
    return SequenceClassifier(task.spec, cell, None, readout).eval(), size


@pytest.mark.parametrize("labels", ["last", "every_step"])
@pytest.mark.parametrize("temperature", [0.0, 0.5, 1.0])
def test_symbols_are_those_of_a_loop_over_torch_modules(labels, temperature):
    model, size = model_of(labels)
    got = generate(model, [3, 1], length=20, seq_len=6, temperature=temperature, seed=5)
    draws, text = torch.Generator().manual_seed(5), [3, 1]
    for _ in range(20):
        x = nn.functional.one_hot(torch.tensor([text[-6:]]), size).float()
        logits = (model.cell(x)[0][0, -1] @ model.head.weight.T + model.head.bias).detach().double()
        if temperature == 0:
            text.append(int(logits.argmax()))
        else:
            shares = torch.exp(logits / temperature)
            text.append(int(torch.multinomial(shares / shares.sum(), 1, generator=draws)))
    assert got == text[2:]
    assert got == generate(model, [3, 1], length=20, seq_len=6, temperature=temperature, seed=5)
    other = generate(model, [3, 1], length=20, seq_len=6, temperature=temperature, seed=6)
    assert (other == got) == (temperature == 0)


def test_frequencies_follow_the_temperature():
    model, size = model_of("last")
    nn.init.zeros_(model.head.weight)
    logits = torch.linspace(0, 2, size)
    model.head.bias.data.copy_(logits)
    drawn = generate(model, [0], length=4_000, seq_len=1, temperature=0.5, seed=1)
    expected = torch.softmax(2 * logits, dim=0)
    found = torch.bincount(torch.tensor(drawn), minlength=size) / 4_000
    assert (found - expected).abs().max() < 4 * (expected.max() / 4_000) ** 0.5


def test_a_readout_of_whole_windows_needs_a_prompt_as_long():
    model, _ = model_of("last", readout="all")
    assert len(generate(model, [0] * 6, length=3, seq_len=6)) == 3
    with pytest.raises(ValueError, match="was made for 6 steps, not 5"):
        generate(model, [0] * 5, length=3, seq_len=6)
