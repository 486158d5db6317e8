"""`FusedCell.last_valid`: the output at each sequence's last valid step, and its gradients."""

import pytest
import torch

from harness.kernels import FusedCell
from tests.kernels.compare import CELLS, F64, MOST, assert_close, draw, stock

ALL = pytest.mark.parametrize("name", list(CELLS))
LENGTHS = torch.tensor([6, 1, 4, 6, 3])


@ALL
@pytest.mark.parametrize("H", [5, 8])
@pytest.mark.parametrize("layers", [1, 2])
def test_last_valid_is_the_output_at_the_last_valid_step(name, H, layers):
    cell, x = stock(name, 4, H, layers), draw(5, 6, 4).requires_grad_()
    fused = FusedCell(cell)

    def answered(read):
        weights = draw(5, H)
        grads = torch.autograd.grad((read * weights).sum(), [x, *cell.parameters()])
        return {"read": read.detach()} | dict(enumerate(grads))

    got = answered(fused.last_valid(x, LENGTHS))
    assert_close(got, answered(cell(x)[0][torch.arange(5), LENGTHS - 1]), MOST[F64])
    for b, length in enumerate(LENGTHS.tolist()):  # steps after the end get no gradient
        assert (got[0][b, length:] == 0).all()
        assert (got[0][b, :length] != 0).any()


@ALL
def test_a_padded_batch_equals_its_sequences_one_by_one(name):
    cell = stock(name, 4, 5, layers=2)
    fused, x = FusedCell(cell), draw(5, 6, 4)
    weights, leaves = draw(5, 5), list(cell.parameters())
    together = fused.last_valid(x, LENGTHS)
    alone = [fused.last_valid(x[b : b + 1, :n], torch.tensor([n])) for b, n in enumerate(LENGTHS.tolist())]
    stacked = torch.cat(alone)
    grads = [torch.autograd.grad((read * weights).sum(), leaves) for read in (together, stacked)]
    assert_close(*({"read": read.detach()} | dict(enumerate(grad))
                   for read, grad in zip((together, stacked), grads, strict=True)), MOST[F64])  # fmt: skip


def test_changing_the_lengths_after_the_call_changes_nothing():
    cell, x, lengths = stock("gru", 4, 5), draw(5, 6, 4), LENGTHS.clone()
    read = FusedCell(cell).last_valid(x, lengths)
    lengths.fill_(1)
    got = torch.autograd.grad(read.sum(), list(cell.parameters()))
    expected = torch.autograd.grad(cell(x)[0][torch.arange(5), LENGTHS - 1].sum(), list(cell.parameters()))
    assert_close(dict(enumerate(got)), dict(enumerate(expected)), MOST[F64])


def test_lengths_can_have_any_memory_layout():
    cell, x = stock("gru", 4, 5), draw(5, 6, 4)
    for lengths in (torch.stack([LENGTHS, LENGTHS], 1)[:, 1], torch.tensor(4).expand(5)):
        read = FusedCell(cell).last_valid(x, lengths)
        got = torch.autograd.grad(read.sum(), list(cell.parameters()))
        picked = cell(x)[0][torch.arange(5), lengths - 1]
        expected = torch.autograd.grad(picked.sum(), list(cell.parameters()))
        assert_close(dict(enumerate(got)), dict(enumerate(expected)), MOST[F64])
