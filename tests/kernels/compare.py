"""Stock cells with given weights, what to compare between a fused and a stock cell, and how."""

import numpy as np
import torch
from torch import nn

F64, F32 = torch.float64, torch.float32
CELLS = {
    "rnn_tanh": (nn.RNN, {}),
    "rnn_relu": (nn.RNN, {"nonlinearity": "relu"}),
    "lstm": (nn.LSTM, {}),
    "gru": (nn.GRU, {}),
}
MOST = {F64: 1e-12, F32: 1e-5}
"""The largest allowed difference, relative to the largest number of the expected tensor."""


def stock(name, D, H, layers=1, dtype=F64, seed=0, **options):
    """A cell of torch with weights 1.3 times as large as by default, to saturate the gates more."""
    kind, more = CELLS[name]
    torch.manual_seed(seed)
    cell = kind(D, H, num_layers=layers, batch_first=True, dtype=dtype, **more, **options)
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.mul_(1.3)
    return cell


def draw(*shape, dtype=F64, seed=1):
    """Standard normal numbers."""
    return torch.randn(*shape, dtype=F64, generator=torch.Generator().manual_seed(seed)).to(dtype)


def first_state(name, layers, B, H, dtype=F64):
    """An initial state whose parts require gradients."""
    count = 2 if name == "lstm" else 1
    parts = [draw(layers, B, H, dtype=dtype, seed=50 + k).requires_grad_() for k in range(count)]
    return tuple(parts) if count == 2 else parts[0]


def parts_of(state):
    return () if state is None else state if isinstance(state, tuple) else (state,)


def upstream(answer):
    """A loss with an independent random gradient for each number of the output and the last state."""
    output, state = answer
    tensors = (output, *parts_of(state))
    return sum((tensor * draw(*tensor.shape, dtype=tensor.dtype, seed=70 + k)).sum()
               for k, tensor in enumerate(tensors))  # fmt: skip


def outcome(cell, x, state=None, loss_of=upstream, parameters=None):
    """{name: tensor}: output, last state, and the gradient of everything that requires one."""
    answer = cell(x) if state is None else cell(x, state)
    named = {"output": answer[0]} | {f"state {k}": part for k, part in enumerate(parts_of(answer[1]))}
    parameters = dict(cell.named_parameters()) if parameters is None else parameters
    leaves = {"x": x} | {f"first {k}": part for k, part in enumerate(parts_of(state))} | parameters
    leaves = {name: leaf for name, leaf in leaves.items() if leaf.requires_grad}
    grads = torch.autograd.grad(loss_of(answer), list(leaves.values()), allow_unused=True)
    for (name, leaf), grad in zip(leaves.items(), grads, strict=True):
        named[f"gradient of {name.removeprefix('cell.')}"] = torch.zeros_like(leaf) if grad is None else grad
    return {name: tensor.detach() for name, tensor in named.items()}


def assert_close(got, expected, most, least=0.0):
    """Differences are at most `most` × the largest number of the expected tensor, or × `least` if larger."""
    assert got.keys() == expected.keys()
    for name, right in expected.items():
        assert got[name].shape == right.shape, name
        assert got[name].dtype == right.dtype, name
        difference = (got[name].double() - right.double()).abs().max()
        assert difference <= most * max(right.double().abs().max(), least), (name, float(difference))


def same_numbers(got, expected):
    return all(np.array_equal(got[name], expected[name]) for name in expected)
