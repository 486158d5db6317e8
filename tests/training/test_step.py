"""The training step against plain torch, and who calls it."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from harness.kernels import FusedCell
from harness.tasks import make_adding, make_copy_memory, make_delayed_recall
from harness.timing import measure
from harness.training import SequenceClassifier, TrainOptions, loop, train, training_step
from harness.training.optimizer import Optimizer
from harness.training.step import clip_gradient

SIZES = {"n_train": 12, "n_val": 4, "n_test": 4}
TASKS = {
    "class": lambda: make_delayed_recall(seq_len=6, num_classes=3, **SIZES),
    "value": lambda: make_adding(seq_len=6, **SIZES),
    "steps": lambda: make_copy_memory(seq_len=21, **SIZES),
}
CLASSES = {
    "adam": lambda p: torch.optim.Adam(p, lr=0.01, fused=True),
    "rmsprop": lambda p: torch.optim.RMSprop(p, lr=0.01, foreach=True),
    "sgd": lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, fused=True),
}


def model_and_batch(target="class", fused=False):
    task = TASKS[target]()
    torch.manual_seed(0)
    cell = nn.GRU(task.spec.input_size or task.spec.vocab_size, 5, batch_first=True)
    model = SequenceClassifier(task.spec, FusedCell(cell) if fused else cell).train()
    return model, next(task.train.batches(12))


def optimizer_of(model, name="adam"):
    return Optimizer(model.parameters(), TrainOptions(optimizer=name, lr=0.01))


def plain_step(model, optimizer, batch, clip):
    """The step as in a tutorial: answer, loss and norm before clipping."""
    x, y, lengths = batch
    optimizer.zero_grad()
    answer = model(x, lengths)
    if model.target == "value":
        loss = ((answer - y) ** 2).mean()
    else:
        loss = F.cross_entropy(answer.flatten(0, -2), y.flatten(), ignore_index=-100)
    loss.backward()
    norm = torch.nn.utils.clip_grad_norm_(model.parameters(), math.inf if clip is None else clip)
    optimizer.step()
    return answer.detach(), loss.detach(), norm


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("target", TASKS)
@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("clip", [None, 1e-2, 1e2])
def test_a_step_equals_that_of_plain_torch(fused, target, name, clip):
    ours, batch = model_and_batch(target, fused)
    plain = copy.deepcopy(ours)
    optimizer, other = optimizer_of(ours, name), CLASSES[name](plain.parameters())
    for _ in range(4):
        result = training_step(ours, optimizer, batch, clip)
        answer, loss, norm = plain_step(plain, other, batch, clip)
        assert torch.allclose(result.answer, answer, rtol=1e-5, atol=1e-6)
        assert float(result.loss) == pytest.approx(float(loss), rel=1e-5)
        assert float(result.norm) == pytest.approx(float(norm), rel=1e-5)
        assert clip is None or (float(norm) > clip) is (clip < 1)
        assert not any(tensor.requires_grad for tensor in result)
        for got, expected in zip(ours.parameters(), plain.parameters(), strict=True):
            assert torch.allclose(got.grad, expected.grad, rtol=1e-4, atol=1e-8)
            assert torch.allclose(got, expected, rtol=1e-4, atol=1e-6)


def test_the_norm_is_that_before_clipping_and_clipping_scales_down_only():
    parameters = [nn.Parameter(torch.zeros(2)), nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))]
    for clip, expected in ((None, [3.0, 0.0, 4.0]), (10.0, [3.0, 0.0, 4.0]), (1.0, [0.6, 0.0, 0.8])):
        parameters[0].grad, parameters[1].grad = torch.tensor([3.0, 0.0]), torch.tensor([4.0])
        assert float(clip_gradient(parameters, clip)) == pytest.approx(5.0)
        assert parameters[2].grad is None
        clipped = [*parameters[0].grad.tolist(), *parameters[1].grad.tolist()]
        assert clipped == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("values", "expected"),
    [([3e25, 4e25], 5e25), ([3e-30, 4e-30], 0.0), ([1.0, math.inf], math.inf), ([1.0, math.nan], math.nan)],
)
def test_a_norm_does_not_overflow_and_is_infinite_only_where_a_gradient_is(values, expected):
    parameters = [nn.Parameter(torch.zeros(1)) for _ in values]
    for parameter, value in zip(parameters, values, strict=True):
        parameter.grad = torch.tensor([value])
    found = clip_gradient(parameters, None)
    assert found.dtype == torch.float64
    assert found.item() == pytest.approx(expected, rel=1e-6, nan_ok=True)


def test_phases_are_called_in_order_around_forward_and_backward_pass():
    model, batch = model_and_batch()
    optimizer, seen = optimizer_of(model), []
    training_step(model, optimizer, batch, 1.0)  # leaves gradients, which the next step drops
    weights = [p.detach().clone() for p in model.parameters()]
    model.register_forward_hook(lambda *_: seen.append("forward"))
    model.head.bias.register_hook(lambda _: seen.append("backward"))

    def on_phase():
        seen.append("phase")
        if seen.count("phase") == 3:  # gradients are there, and parameters are unchanged
            assert all(p.grad is not None for p in model.parameters())
        else:
            assert all(p.grad is None for p in model.parameters())
        assert all(map(torch.equal, model.parameters(), weights))

    training_step(model, optimizer, batch, 1.0, on_phase=on_phase)
    assert seen == ["phase", "forward", "phase", "backward", "phase"]
    assert not any(map(torch.equal, model.parameters(), weights))


def test_a_probes_forward_pass_takes_the_place_of_the_models():
    model, batch = model_and_batch()
    expected = copy.deepcopy(model)
    calls = []
    model.register_forward_hook(lambda *_: calls.append("model"))

    def forward(x, lengths):
        calls.append("probe")
        assert x is batch[0] and lengths is batch[2]
        return 2 * model.answer(model.cell(model.encode(x))[0], lengths)

    result = training_step(model, optimizer_of(model), batch, None, forward=forward)
    assert calls == ["probe"]
    doubled = 2 * expected(batch[0], batch[2])
    assert torch.allclose(result.answer, doubled)
    loss = F.cross_entropy(doubled, batch[1])
    assert float(result.loss) == pytest.approx(float(loss.detach()), rel=1e-6)
    loss.backward()
    for got, parameter in zip(model.parameters(), expected.parameters(), strict=True):
        assert torch.allclose(got.grad, parameter.grad, rtol=1e-5, atol=1e-8)


def test_after_backward_sees_gradients_before_clipping_and_weights_before_the_update():
    model, batch = model_and_batch()
    weights = [p.detach().clone() for p in model.parameters()]
    seen = []

    def after_backward(answer):
        assert not answer.requires_grad and len(answer) == 12
        seen.append(torch.cat([p.grad.flatten() for p in model.parameters()]).norm())
        assert all(map(torch.equal, model.parameters(), weights))

    result = training_step(model, optimizer_of(model), batch, 1e-3, after_backward=after_backward)
    assert len(seen) == 1
    assert float(seen[0]) == pytest.approx(float(result.norm), rel=1e-5)
    assert float(result.norm) > 1e-3


def test_the_loop_and_the_timing_pass_call_this_function(monkeypatch):
    calls = []

    def spy(*arguments, **options):
        calls.append(options)
        return training_step(*arguments, **options)

    assert loop.training_step is measure.training_step is training_step
    monkeypatch.setattr(loop, "training_step", spy)
    monkeypatch.setattr(measure, "training_step", spy)
    task = TASKS["class"]()
    model, batch = model_and_batch()
    options = TrainOptions(steps=7, batch_size=5, eval_every=3)
    before = [p.detach().clone() for p in model.parameters()]
    history = train(model, task, options, order=torch.Generator().manual_seed(0))
    assert len(calls) == history.steps == 7
    probed = {
        number for number, given in enumerate(calls, start=1) if given.get("after_backward") is not None
    }
    assert probed == {row.step for row in history.probes["gradflow"]} == {1, 3, 6, 7}
    assert not all(map(torch.equal, model.parameters(), before))
    timed = measure.TrainingStep(model, optimizer_of(model), batch, 1.0)
    for _ in range(4):
        timed()
    assert len(calls) == 7 + 4
    assert len(timed.laps) == 4 and all(lap > 0 for laps in timed.laps for lap in laps)
