"""Cells that read in both directions, against each sequence alone and against two one-directional cells."""

import pytest
import torch
from torch import nn

from harness.cells import is_bidirectional, last_of_both, output_size, outputs_of, why_needs_one_length

B, T, D, H = 5, 9, 3, 4
LENGTHS = torch.tensor([9, 1, 4, 8, 2])
CELLS = [
    pytest.param(nn.RNN, {}, id="tanh"),
    pytest.param(nn.RNN, {"nonlinearity": "relu"}, id="relu"),
    pytest.param(nn.LSTM, {}, id="lstm"),
    pytest.param(nn.GRU, {}, id="gru"),
]


class Unknown(nn.Module):
    """A third-party cell that reads in both directions and pays no attention to padding."""

    bidirectional = True

    def __init__(self, input_size, hidden_size, num_layers=1, dropout=0.0, batch_first=True, features=None):
        super().__init__()
        size = (features or 2 * hidden_size) // 2
        self.cell = nn.GRU(input_size, size, batch_first=batch_first, bidirectional=True)

    def forward(self, x, state=None):
        return self.cell(x)


def made(kind, options, layers=1, **more):
    torch.manual_seed(layers)
    return kind(D, H, num_layers=layers, batch_first=True, bidirectional=True, **options, **more).double()


@pytest.mark.parametrize(("kind", "options"), CELLS)
@pytest.mark.parametrize("layers", [1, 2])
def test_a_padded_sequence_gives_what_it_gives_alone(kind, options, layers):
    cell, x = made(kind, options, layers), torch.randn(B, T, D, dtype=torch.float64)
    for b, length in enumerate(LENGTHS.tolist()):
        x[b, length:] = 1e3
    together = outputs_of(cell, x, LENGTHS)
    assert together.shape == (B, T, 2 * H)
    naive = cell(x)[0]
    for b, length in enumerate(LENGTHS.tolist()):
        alone = cell(x[b : b + 1, :length])[0][0]
        assert torch.allclose(together[b, :length], alone, rtol=1e-12, atol=1e-14)
        if length < T:  # else this test shows nothing
            assert not torch.allclose(naive[b, :length], alone, rtol=1e-3)
        last = last_of_both(together, LENGTHS)[b]
        assert torch.allclose(last, torch.cat([alone[-1, :H], alone[0, H:]]), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize(("kind", "options"), CELLS)
def test_the_halves_are_those_of_two_cells_of_which_one_reads_the_sequence_backwards(kind, options):
    cell, x = made(kind, options), torch.randn(2, T, D, dtype=torch.float64)
    lengths = torch.tensor([T, 4])
    read = last_of_both(outputs_of(cell, x, lengths), lengths)
    for suffix, half in (("", slice(0, H)), ("_reverse", slice(H, 2 * H))):
        one = kind(D, H, batch_first=True, **options).double()
        one.load_state_dict({name: getattr(cell, name + suffix) for name in one.state_dict()})
        for b, length in enumerate(lengths.tolist()):
            steps = x[b : b + 1, :length]
            state = one(steps.flip(1) if suffix else steps)[0][0, -1]
            assert torch.allclose(read[b, half], state, rtol=1e-12, atol=1e-14)


def test_gradients_reach_valid_steps_only():
    cell, x = made(nn.LSTM, {}, 2), torch.randn(B, T, D, dtype=torch.float64, requires_grad=True)
    last_of_both(outputs_of(cell, x, LENGTHS), LENGTHS).sum().backward()
    valid = torch.arange(T) < LENGTHS[:, None]
    assert (x.grad[~valid] == 0).all() and (x.grad[valid].abs().sum(-1) > 0).all()


def test_a_third_party_cell_is_read_where_the_lengths_are_equal_and_refused_elsewhere():
    cell, x = Unknown(D, H), torch.randn(B, T, D)
    assert is_bidirectional(cell) and "Unknown reads in both directions" in why_needs_one_length(cell)
    full = torch.full((B,), T)
    assert torch.equal(outputs_of(cell, x, full), cell.cell(x)[0])
    with pytest.raises(ValueError, match="may read padding.*9 steps each"):
        outputs_of(cell, x, LENGTHS)
    subclass = type("Mine", (nn.GRU,), {})(D, H, batch_first=True, bidirectional=True)
    assert "Mine" in why_needs_one_length(subclass)
    for safe in (made(nn.GRU, {}), nn.GRU(D, H), nn.Linear(D, H)):
        assert why_needs_one_length(safe) is None
    assert torch.equal(outputs_of(nn.Sequential(), x, LENGTHS), x[0])  # any other module is called as it is


@pytest.mark.parametrize("options", [{}, {"bidirectional": True}, {"bidirectional": True, "num_layers": 2},
                                     {"proj_size": 2}, {"proj_size": 2, "bidirectional": True}])  # fmt: skip
def test_the_known_output_size_is_the_measured_one(options):
    cell = nn.LSTM(D, H, batch_first=True, **options)
    with torch.backends.mkldnn.flags(enabled=False, allow_tf32=None):  # it warns of projections
        measured = cell(torch.zeros(1, 1, D))[0].shape[2]
    assert output_size(cell, D) == measured
