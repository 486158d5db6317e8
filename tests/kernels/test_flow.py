"""Gradient flow of the fused loops against autograd on an unrolled network, and against the torch kernel."""

import copy
import math

import pytest
import torch
import torch.nn.functional as F

from harness.kernels import FusedCell, GradientFlow
from harness.tasks import NO_LABEL, TaskSpec
from harness.training import SequenceClassifier
from harness.training.probes import GradientFlowProbe
from harness.training.probes.gradient_flow import flow_points, fused_rows
from tests.kernels.compare import CELLS, draw, stock
from tests.training.probes.observed import observed_rows
from tests.training.probes.test_gradient_flow import assert_same, norms_of, reference_norms

B, T, D, H = 5, 9, 3, 5
ALL = pytest.mark.parametrize("name", list(CELLS))
LENGTHS = torch.tensor([9, 1, 4, 9, 7])

LOSSES = {
    "last step": lambda output: output[:, -1].square().sum(1),
    "every step": lambda output: (output * draw(T, H)).sin().sum(dim=(1, 2)),
    "one step": lambda output: output[:, 4].square().sum(1),
}


def measured(flows):
    rows = fused_rows(flows, range(T), 7, smallest=1e-300)
    assert {row.step for row in rows} == {7}
    for row in rows:
        log10_norm = pytest.approx(math.log10(row.norm)) if row.norm > 0 else -math.inf
        assert row.log10_norm == log10_norm
        assert row.at_most == (None if row.norm > 0 else 1e-300)
    return norms_of(rows)


@ALL
@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("loss", list(LOSSES))
def test_norms_of_every_layer_and_step_equal_those_of_an_unrolled_network(name, layers, loss):
    cell, x = stock(name, D, H, layers), draw(B, T, D)
    flows = [GradientFlow() for _ in range(layers)]
    LOSSES[loss](FusedCell(cell)(x, flows=flows)[0]).mean().backward()
    states = "hc" if name == "lstm" else "h"
    norms = measured(flows)
    assert set(norms) == {(layer, s, t) for layer in range(layers) for s in states for t in range(T)}
    assert_same(norms, reference_norms(cell, x, LOSSES[loss]), rel=1e-10)
    if loss == "one step":
        assert norms[layers - 1, "h", 5] == 0 < norms[layers - 1, "h", 4]


@ALL
@pytest.mark.parametrize("input_grad", [True, False])
def test_norms_with_last_valid_equal_those_with_an_indexed_output(name, input_grad):
    cell, x = stock(name, D, H, 2), draw(B, T, D).requires_grad_(input_grad)
    flows = [GradientFlow(), GradientFlow()]
    FusedCell(cell).last_valid(x, LENGTHS, flows).square().sum(1).mean().backward()

    def losses(output):
        return output[torch.arange(B), LENGTHS - 1].square().sum(1)

    assert_same(measured(flows), reference_norms(cell, x.detach(), losses), rel=1e-10)


def spec(target):
    return TaskSpec(
        name="t", variant="v", target=target, seq_len=T, input_size=D,
        num_classes=1 if target == "value" else 4, chance_accuracy=0.0,
        data_source="generated", citation="none",
    )  # fmt: skip


@ALL
@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("readout", ["mean", "max", "all"])
@pytest.mark.parametrize("lengths", [torch.full((B,), T), LENGTHS])
def test_norms_with_other_readouts_equal_those_of_an_unrolled_network(name, readout, fused, lengths):
    if readout == "all" and lengths is LENGTHS:
        pytest.skip("all states need one length")
    torch.manual_seed(0)
    model = SequenceClassifier(spec("class"), stock(name, D, H, 2), readout=readout).double()
    cell, x = model.cell, draw(B, T, D)
    head, y = copy.deepcopy(model.head), torch.arange(B) % 4

    def losses(output):
        rows = []
        for b, length in enumerate(lengths.tolist()):
            steps = output[b, :length]
            features = {"mean": steps.mean(0), "max": steps.amax(0), "all": steps.flatten()}[readout]
            rows.append(F.cross_entropy(head.weight @ features + head.bias, y[b]))
        return torch.stack(rows)

    if fused:
        model.cell = FusedCell(cell)
    norms = norms_of(observed_rows(GradientFlowProbe(points=None), model, (x, y, lengths)))
    expected = reference_norms(cell, x, losses)  # a mean over all sequences; rows are over those not ended
    running = {t: float((lengths > t).double().mean()) for t in range(T)}
    assert {t for *_, t in norms} == set(range(T))
    assert_same(norms, {key: norm / running[key[2]] for key, norm in expected.items()}, rel=1e-9)


@ALL
@pytest.mark.parametrize("target", ["class", "value", "steps"])
@pytest.mark.parametrize("lengths", [torch.full((B,), T), LENGTHS, torch.tensor([3, 1, 2, 3, 3])])
def test_a_probed_step_has_the_rows_and_gradients_of_the_torch_kernel(name, target, lengths):
    torch.manual_seed(0)
    plain = SequenceClassifier(spec(target), stock(name, D, H, 2)).double()
    fused = copy.deepcopy(plain)
    fused.cell = FusedCell(fused.cell)
    y = {
        "class": torch.arange(B) % 4,
        "value": torch.linspace(-1, 1, B, dtype=torch.float64),
        "steps": torch.where(torch.arange(T) < lengths[:, None], torch.arange(T) % 4, NO_LABEL),
    }[target]
    rows = []
    for model in (fused, plain):
        rows.append(observed_rows(GradientFlowProbe(points=4), model, (draw(B, T, D), y, lengths), 11))
        assert {row.step for row in rows[-1]} == {11}
    got, expected = map(norms_of, rows)
    assert got.keys() == expected.keys()
    assert {t for *_, t in got} == {t for t in flow_points(T, 4) if t < lengths.max()}
    assert_same(got, expected, rel=1e-10)
    for ours, other in zip(fused.parameters(), plain.parameters(), strict=True):
        assert torch.allclose(ours.grad, other.grad, rtol=1e-10, atol=1e-13)


def test_norms_whose_squares_underflow_in_float32_do_not_underflow():
    cell, x = stock("lstm", D, H, dtype=torch.float32), draw(B, T, D, dtype=torch.float32)
    large, small = [GradientFlow()], [GradientFlow()]
    for flows, scale in ((large, 1.0), (small, 1e-30)):
        (FusedCell(cell)(x, flows=flows)[0][:, -1].sum() * scale).backward()
    assert large[0].h[-1] == pytest.approx(B * H**0.5)
    assert small[0].h == pytest.approx(large[0].h * 1e-30, rel=1e-4, abs=0)
    assert small[0].c == pytest.approx(large[0].c * 1e-30, rel=1e-4, abs=0)


def test_a_second_backward_pass_overwrites_the_flow():
    fused, x, flows = FusedCell(stock("lstm", D, H)), draw(B, T, D), [GradientFlow()]
    loss = fused(x, flows=flows)[0].square().sum()
    loss.backward(retain_graph=True)
    first = measured(flows)
    flows[0].h[:] = flows[0].c[:] = -1
    loss.backward()
    assert measured(flows) == first


def test_without_a_backward_pass_there_are_no_rows():
    fused, flows = FusedCell(stock("gru", D, H)), [GradientFlow()]
    fused(draw(B, T, D), flows=flows)
    assert fused_rows(flows, range(T), 1, smallest=1e-300) == []
