"""The contract of every cell in conf/cell: what it reads, hands on and lets through."""

import pandas as pd
import pytest
import torch
from omegaconf import OmegaConf

import harness
from harness.cells import (
    examine,
    is_bidirectional,
    is_stock,
    is_tested_cell,
    make_cell,
    output_size,
    outputs_of,
    with_seq_len,
)
from harness.experiment.conf_files import conf_dir
from harness.experiment.config import compose, options
from harness.experiment.plan import plan
from harness.experiment.targets import split_target
from harness.training import evaluate
from harness.training.probes.chunked_pass import chunked_forward, why_not_chunked
from harness.training.readout import read

B, T, D, H = 4, 9, 3, 8
LENGTHS = torch.tensor([9, 1, 4, 8])
CELLS = [name for name in options("cell") if name != "custom"]


def made(name, **changes):
    """A cell as its yaml makes it, with few units, in float64."""
    node = OmegaConf.to_container(OmegaConf.load(conf_dir() / "cell" / f"{name}.yaml"))
    target, arguments = split_target("cell", node | {"hidden_size": H} | changes)
    arguments.pop("name", None)
    torch.manual_seed(0)
    size = arguments.pop("hidden_size")
    return make_cell(target, D, size, **with_seq_len(target, arguments, T)).double().eval()


def inputs(n=B):
    return torch.randn(n, T, D, generator=torch.Generator().manual_seed(1), dtype=torch.float64)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("name", CELLS)
def test_the_contract_holds_so_that_no_command_tries_it_again(name, layers):
    cell = made(name, num_layers=layers).float()
    found = examine(cell, D, steps=5)
    assert found.causal != is_bidirectional(cell) and found.notes == ()
    assert found.features == output_size(cell, D)
    stated = "it reads in both directions" if is_bidirectional(cell) else getattr(cell, "why_no_state", None)
    assert found.why_no_state == stated
    assert is_tested_cell(type(cell))


@pytest.mark.parametrize("layers", [1, 3])
@pytest.mark.parametrize("name", CELLS)
def test_the_output_has_a_row_for_each_step(name, layers):
    cell = made(name, num_layers=layers)
    with torch.no_grad():
        result = cell(inputs())
    assert len(result) == 2
    assert result[0].shape == (B, T, output_size(cell, D)) and result[0].isfinite().all()


@pytest.mark.parametrize("name", CELLS)
def test_without_batch_first_the_steps_come_first(name):
    cell = made(name)
    together = cell(inputs())[0]
    cell.batch_first = False
    assert torch.allclose(cell(inputs().transpose(0, 1))[0].transpose(0, 1), together, rtol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_a_sequence_gives_what_it_gives_alone(name):
    cell, x = made(name).train(), inputs()
    together = cell(x)[0]
    for b in range(B):
        assert torch.allclose(together[b], cell(x[b : b + 1])[0][0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_an_output_depends_on_its_own_step_and_on_no_later_one(name):
    cell, x = made(name), inputs()
    before = cell(x)[0]
    for t in (0, 5, T - 1):
        changed = x.clone()
        changed[:, t] += 1.0
        after = cell(changed)[0]
        same = torch.isclose(after, before, rtol=1e-10, atol=1e-12).all(dim=-1)
        assert not same[:, t].any()
        assert same[:, :t].all() or is_bidirectional(cell)


@pytest.mark.parametrize("name", CELLS)
def test_padding_enters_no_readout(name):
    cell, x = made(name), inputs()
    for b, length in enumerate(LENGTHS.tolist()):
        x[b, length:] = 1e3
    together = outputs_of(cell, x, LENGTHS)
    both = is_bidirectional(cell)
    for b, length in enumerate(LENGTHS.tolist()):
        alone = cell(x[b : b + 1, :length])[0]
        assert torch.allclose(together[b, :length], alone[0], rtol=1e-10, atol=1e-12)
        for readout in ("last", "mean", "max"):
            found = read(readout, together, LENGTHS, bidirectional=both)[b]
            expected = read(readout, alone, torch.tensor([length]), bidirectional=both)[0]
            assert torch.allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", CELLS)
def test_the_gradient_reaches_every_parameter(name):
    cell = made(name).train()
    cell(inputs(16))[0].square().sum().backward()
    for key, parameter in cell.named_parameters():
        assert parameter.grad is not None and parameter.grad.isfinite().all(), key
        assert parameter.grad.abs().amax() > 0, key


@pytest.mark.parametrize("name", CELLS)
def test_gradient_flow_is_exact_or_has_a_stated_reason(name):
    cell, x = made(name), inputs()
    reason = why_not_chunked(cell, D)
    if reason is not None:
        assert not is_stock(cell) and reason == (getattr(cell, "why_no_state", None) or reason)
        assert "Error" not in reason  # a reason in words, not what a failed attempt said
        return
    output, ends = chunked_forward(cell, x, [2, 5, T - 1])
    assert torch.allclose(output, cell(x)[0], rtol=1e-10, atol=1e-12)
    loss_of(output).backward()
    top = max(end.layer for end in ends)
    for end in (end for end in ends if end.layer == top):
        expected = grad_of_state(cell, x, end.t)
        assert torch.allclose(end.grad_h(), expected, rtol=1e-9, atol=1e-12)
        assert expected.abs().amax() > 0


def loss_of(output_BTH):
    """A loss that reads two steps, so that gradients come along both ways into a state."""
    return output_BTH[:, -1].square().sum() + output_BTH[:, 5].sin().sum()


def grad_of_state(cell, x_BTD, t):
    """∂L/∂h_t of the top layer, of a shift that is added to the state behind step t wherever it is read."""
    first, state = cell(x_BTD[:, : t + 1])
    shift = torch.zeros_like(first[:, -1], requires_grad=True)
    h = state[0] if isinstance(state, tuple) else state
    h = torch.cat([h[:-1], h[-1:] + shift])
    outputs = [first[:, :-1], first[:, -1:] + shift[:, None]]
    if t + 1 < T:
        outputs.append(cell(x_BTD[:, t + 1 :], (h, *state[1:]) if isinstance(state, tuple) else h)[0])
    loss_of(torch.cat(outputs, dim=1)).backward()
    return shift.grad


@pytest.mark.parametrize("name", CELLS)
def test_a_run_trains_it_records_its_gradient_flow_or_why_not_and_keeps_its_weights(name, tiny):
    row = harness.run(*tiny, f"cell={name}", "keep_weights=true")
    assert (row["status"], row["cell"], row["code"]) == ("ok", name, "")
    flow = pd.read_csv(f"{row['folder']}/gradflow.csv")
    assert (len(flow) > 0) == pd.isna(row["gradflow_note"])
    model = harness.load_model(row["folder"])
    tested = evaluate(model, plan(compose(tiny)).task.test, tolerance=None, device=torch.device("cpu"))
    assert tested.loss == pytest.approx(row["test_loss"], rel=1e-5)
