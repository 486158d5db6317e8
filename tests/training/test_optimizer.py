"""The optimizer against the classes of `torch.optim`, bit for bit."""

import pytest
import torch
from torch import nn

from harness.training import TrainOptions
from harness.training.optimizer import Optimizer
from harness.training.options import OPTIMIZERS
from tests.processes import run_code

CLASSES = {
    "adam": lambda p, **rates: torch.optim.Adam(p, fused=True, **rates),
    "adamw": lambda p, **rates: torch.optim.AdamW(p, fused=True, **rates),
    "rmsprop": lambda p, **rates: torch.optim.RMSprop(p, foreach=True, **rates),
    "sgd": lambda p, **rates: torch.optim.SGD(p, momentum=0.9, fused=True, **rates),
}


def parameters(dtype):
    generator = torch.Generator().manual_seed(3)
    shapes = ((5, 3), (4,), (2, 3, 2), (1,))
    return [nn.Parameter(torch.randn(s, generator=generator, dtype=dtype)) for s in shapes]


@pytest.mark.parametrize(
    ("name", "decay"),
    [(name, decay) for name in CLASSES for decay in (0.0, 0.1) if (name, decay) != ("adamw", 0.0)],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_updates_equal_those_of_the_torch_class_bit_for_bit(name, decay, dtype):
    ours, theirs = parameters(dtype), parameters(dtype)
    initial = [p.detach().clone() for p in ours]
    mine = Optimizer(ours, TrainOptions(optimizer=name, lr=0.02, weight_decay=decay))
    other = CLASSES[name](theirs, lr=0.02, weight_decay=decay)
    generator = torch.Generator().manual_seed(4)
    for step in range(30):
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            gradient = torch.randn(a.shape, generator=generator, dtype=dtype)
            if number == 1 and step % 3 == 1:  # sometimes without a gradient
                a.grad = b.grad = None
            else:
                a.grad, b.grad = gradient, gradient.clone()
        mine.step()
        other.step()
        for a, b in zip(ours, theirs, strict=True):
            assert torch.equal(a, b), (step, a - b)
    assert not any(torch.equal(a, b) for a, b in zip(ours, initial, strict=True))


def test_every_rule_is_compared_and_decay_tells_adamw_from_adam():
    assert tuple(CLASSES) == OPTIMIZERS
    weights = {}
    for name in ("adam", "adamw"):
        [weight] = weights[name] = [nn.Parameter(torch.ones(3))]
        optimizer = Optimizer([weight], TrainOptions(optimizer=name, lr=0.1, weight_decay=0.5))
        for _ in range(2):
            weight.grad = torch.zeros(3)
            optimizer.step()
    # Without a gradient AdamW multiplies by 1 - lr * decay; in Adam the decay is the gradient.
    assert weights["adamw"][0].tolist() == pytest.approx([(1 - 0.1 * 0.5) ** 2] * 3)
    assert weights["adam"][0].tolist() == pytest.approx([0.8] * 3, rel=1e-3)


COMPLEX = CLASSES | {
    "adam": lambda p, **rates: torch.optim.Adam(p, foreach=True, **rates),
    "adamw": lambda p, **rates: torch.optim.AdamW(p, foreach=True, **rates),
    "sgd": lambda p, **rates: torch.optim.SGD(p, momentum=0.9, foreach=True, **rates),
}


@pytest.mark.parametrize("name", COMPLEX)
def test_complex_parameters_are_trained_as_by_the_torch_class_beside_real_ones(name):
    generator = torch.Generator().manual_seed(5)
    start = [torch.randn(4, dtype=dtype, generator=generator) for dtype in (torch.complex64, torch.float32)]
    ours, theirs = ([nn.Parameter(value.clone()) for value in start] for _ in range(2))
    mine = Optimizer(ours, TrainOptions(optimizer=name, lr=0.02, weight_decay=0.1))
    other = COMPLEX[name](theirs, lr=0.02, weight_decay=0.1)
    for _ in range(5):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(4, dtype=a.dtype, generator=generator)
            b.grad = a.grad.clone()
        mine.step()
        other.step()
        assert all(map(torch.equal, ours, theirs))
    assert not any(map(torch.equal, ours, start))


def test_parameters_without_a_gradient_and_frozen_ones_are_unchanged():
    unused, frozen, trained = parameters(torch.float32)[:3]
    frozen.requires_grad_(False)
    before = [p.detach().clone() for p in (unused, frozen)]
    optimizer = Optimizer([unused, frozen, trained], TrainOptions())
    optimizer.step()  # no gradient at all
    trained.grad = torch.ones_like(trained)
    optimizer.step()
    assert torch.equal(unused, before[0]) and torch.equal(frozen, before[1])
    assert [id(p) for p in optimizer.parameters] == [id(unused), id(trained)]
    optimizer.zero_grad()
    assert trained.grad is None


TRAIN = """
import sys, torch
from harness.tasks import make_adding
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.options import OPTIMIZERS
task = make_adding(seq_len=5, n_train=20, n_val=10, n_test=10)
for name in OPTIMIZERS:
    model = SequenceClassifier(task.spec, torch.nn.GRU(2, 4, batch_first=True))
    options = TrainOptions(steps=3, batch_size=10, optimizer=name, weight_decay=0.1)
    train(model, task, options, order=torch.Generator())
print("torch._dynamo" in sys.modules)
"""


def test_training_does_not_import_torchs_compiler():
    done = run_code(TRAIN)
    assert done.stdout.strip() == "False", done.stderr
