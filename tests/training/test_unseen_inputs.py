"""Inputs that must not matter to a trained model, with cells that read them and cells that do not."""

import pytest
import torch
from torch import nn

from harness.tasks import load_next_char, make_embedded_reber
from harness.training import SequenceClassifier
from harness.training.unseen_inputs import why_unseen_inputs_count
from tests.outside import OpensBackwards

CPU = torch.device("cpu")


class SeesEightAhead(nn.Module):
    """A GRU beside a convolution that reads the steps 8 before and 8 after."""

    def __init__(self, input_size, hidden_size, batch_first=True):
        super().__init__()
        self.gru = nn.GRU(input_size, hidden_size, batch_first=True)
        self.wide = nn.Conv1d(input_size, hidden_size, 3, padding=8, dilation=8)

    def forward(self, x, h=None):
        output, state = self.gru(x, h)
        return output + self.wide(x.transpose(1, 2)).transpose(1, 2), state


def asked(task, cell):
    torch.manual_seed(0)
    model = SequenceClassifier(task.spec, cell(task.spec.vocab_size, 6, batch_first=True))
    predicts_next = task.spec.predicts_next
    return model, lambda: why_unseen_inputs_count(model, task.val, predicts_next=predicts_next, device=CPU)


@pytest.mark.parametrize("labels", ["last", "every_step"])
def test_the_next_input_must_not_be_seen_where_it_is_the_label(labels):
    text = load_next_char(seq_len=40, labels=labels)
    seen = (
        "its answers depend on later steps, and the next step is the label"
        if labels == "every_step"
        else None
    )
    assert asked(text, nn.LSTM)[1]() is None
    assert asked(text, SeesEightAhead)[1]() == seen
    model, why = asked(text, OpensBackwards)
    assert why() is None
    with torch.no_grad():
        model.cell.share.fill_(1e-3)
    assert why() == seen
    assert model.training


def test_padding_must_not_be_seen():
    strings = make_embedded_reber(seq_len=30, n_train=4, n_val=20)
    assert asked(strings, nn.GRU)[1]() is None
    assert asked(strings, SeesEightAhead)[1]() == (
        "its answers depend on padding: on values behind the end of a sequence"
    )


def test_samples_that_are_random_are_compared_with_the_same_draws():
    class Noisy(nn.GRU):
        def forward(self, x, h=None):
            output, state = super().forward(x, h)
            return output + torch.randn_like(output), state

    assert asked(load_next_char(seq_len=20, labels="every_step"), Noisy)[1]() is None
