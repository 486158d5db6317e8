"""Jacobians against autograd, Lyapunov exponents against analytic values, and the probe around them."""

import math

import pytest
import torch
from torch import nn
from torch.autograd.functional import jacobian

from harness.cells import equations
from harness.kernels import FusedCell
from harness.results import store
from harness.tasks import make_delayed_recall, make_embedded_reber
from harness.training import SequenceClassifier, TrainOptions, asked_probes, train
from harness.training.probes.jacobian import SAMPLES, JacobianProbe
from harness.training.probes.probe import MomentProbe
from harness.training.probes.step_jacobians import largest_lyapunov, step_jacobian
from tests.training.probes.test_gates import KINDS, made, model_of, recall
from tests.training.resumed import same_bits

H = 6


def states_after(name, w, x_TD, h, c):
    """The state (h, or h and c) after the steps of one sequence, as one vector, from the state before."""
    state = (h[None], c[None]) if name == "lstm" else (h[None],)
    for x_D in x_TD:
        state = equations.STEPS[name](w, x_D[None], state).state
    return torch.cat(state, dim=1)[0]


@pytest.mark.parametrize("kind", KINDS)
def test_the_jacobian_of_a_step_is_that_of_autograd(kind):
    name = "rnn_tanh" if kind == "rnn" else kind
    layer = model_of(kind, recall()).cell
    w = equations.weights_of(layer)
    x, h, c = torch.randn(4, 1, 6, dtype=torch.float64), *torch.randn(2, 4, H, dtype=torch.float64)
    before = (h, c) if name == "lstm" else (h,)
    found = step_jacobian(name, w, before, equations.STEPS[name](w, x[:, 0], before)).detach()
    for row in range(4):
        parts = jacobian(lambda h, c, row=row: states_after(name, w, x[row], h, c), (h[row], c[row]))
        right = torch.cat(parts, dim=1) if name == "lstm" else parts[0]
        assert (found[row] - right).abs().max() < 1e-10
        assert right.abs().max() > 0.1


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_rows_are_singular_values_of_what_autograd_gives(kind, fused):
    name = "rnn_tanh" if kind == "rnn" else kind
    task = make_embedded_reber(seq_len=14, n_train=5, n_val=SAMPLES, n_test=5)  # of different lengths
    model = model_of(kind, task, fused=fused, scale=1.5)
    rows = JacobianProbe().measure(model, task.val, "init", 0)
    layer = model.cell.cell if fused else model.cell
    w, x = equations.weights_of(layer), model.encode(task.val.x)
    zeros = torch.zeros(H, dtype=torch.float64)
    for k in (1, 3, 10):
        logs = {"h": [], "c": []}
        for x_TD, length in zip(x, task.val.lengths.tolist(), strict=True):
            if length <= k:
                continue
            start = states_after(name, w, x_TD[: length - k], zeros, zeros).detach()
            h, c = start[:H], start[-H:]
            of_h, of_c = jacobian(
                lambda h, c, x=x_TD[length - k : length]: states_after(name, w, x, h, c), (h, c)
            )
            logs["h"].append(torch.linalg.svdvals(of_h[:H]).log())
            logs["c"].append(torch.linalg.svdvals(of_c[-H:]).log())
        for state in "hc" if name == "lstm" else "h":
            got = [row.value for row in rows if (row.matrix, row.k) == (state, k)]
            assert got == pytest.approx(torch.stack(logs[state]).mean(0).exp().tolist(), rel=1e-8, abs=1e-10)
    for letter, matrix in w.U.items():
        got = [row.value for row in rows if row.matrix == f"U_{letter}"]
        assert got == pytest.approx(torch.linalg.svdvals(matrix).tolist(), abs=1e-12)
    exponents = []
    for x_TD, length in zip(x, task.val.lengths.tolist(), strict=True):
        whole = jacobian(lambda h, c, x=x_TD[:length]: states_after(name, w, x, h, c), (zeros, zeros))
        whole = torch.cat(whole, dim=1) if name == "lstm" else whole[0]
        exponents.append(torch.linalg.matrix_norm(whole, ord=2).log().item() / length)
    (row,) = [row for row in rows if row.matrix == "lyapunov"]
    assert row.value == pytest.approx(sum(exponents) / len(exponents), abs=1e-10)


def test_the_exponent_of_a_linear_rnn_is_the_log_of_its_spectral_radius():
    torch.manual_seed(0)
    U = torch.randn(H, H, dtype=torch.float64)
    radius = torch.linalg.eigvals(U).abs().max().item()
    assert largest_lyapunov([U] * 20_000).item() == pytest.approx(math.log(radius), abs=1e-3)
    normal = U + U.T  # of a normal matrix it is that from the first step
    radius = torch.linalg.eigvalsh(normal).abs().max().item()
    for steps in (1, 7):
        assert largest_lyapunov([normal] * steps).item() == pytest.approx(math.log(radius), abs=1e-12)
    turn = torch.linalg.qr(U).Q
    assert largest_lyapunov([0.5 * turn] * 9).item() == pytest.approx(math.log(0.5), abs=1e-12)


def test_products_that_leave_the_range_of_numbers_have_an_exponent():
    eye = torch.eye(2, dtype=torch.float64)
    for factor in (1e-9, 1e9):  # 1e±4500
        assert largest_lyapunov([factor * eye] * 500).item() == pytest.approx(math.log(factor))
    nilpotent = torch.tensor([[0.0, 1.0], [0.0, 0.0]], dtype=torch.float64)
    assert largest_lyapunov([nilpotent] * 3).item() == -math.inf
    batch = torch.stack([2 * eye, 3 * eye])
    assert largest_lyapunov([batch] * 4).tolist() == pytest.approx([math.log(2), math.log(3)])
    with pytest.raises(ValueError, match="at least one Jacobian"):
        largest_lyapunov([])


def test_layers_above_read_the_states_below():
    task = recall()
    model = model_of("gru", task, layers=2, scale=1.0)
    rows = JacobianProbe().measure(model, task.val, "end", 4)
    above = SequenceClassifier(task.spec, nn.GRU(6, H, batch_first=True, dtype=torch.float64)).double()
    below = nn.GRU(task.spec.vocab_size, H, batch_first=True, dtype=torch.float64)
    below.load_state_dict({n: p for n, p in model.cell.state_dict().items() if n.endswith("_l0")})
    above.cell.load_state_dict(
        {n.replace("_l1", "_l0"): p for n, p in model.cell.state_dict().items() if n.endswith("_l1")}
    )
    above.encode = lambda x: below(model.encode(x))[0]
    alone = JacobianProbe().measure(above, task.val, "end", 4)
    top = [(row.matrix, row.k, row.value) for row in rows if row.layer == 1]
    assert [row[:2] for row in top] == [(row.matrix, row.k) for row in alone]
    assert [row[2] for row in top] == pytest.approx([row.value for row in alone], rel=1e-8, abs=1e-12)


@pytest.mark.parametrize("kind", ["rnn", "lstm"])
def test_the_probe_is_off_by_default_and_changes_no_bit_of_a_training(kind):
    assert JacobianProbe() in asked_probes(TrainOptions(jacobian=True))
    assert "jacobian" not in {probe.name for probe in asked_probes(TrainOptions())}
    assert isinstance(JacobianProbe(), MomentProbe) and JacobianProbe().required
    weights = []
    for on in (True, False):
        task = make_delayed_recall(seq_len=6, num_classes=3, n_train=25, n_val=9, n_test=9)
        model = model_of(kind, task, dtype=torch.float32, scale=1.0)
        options = TrainOptions(steps=6, batch_size=10, eval_every=3, jacobian=on)
        history = train(model, task, options, order=torch.Generator().manual_seed(1))
        rows = history.probes.get("jacobian", [])
        assert {row.moment for row in rows} == ({"init", "best", "end"} if on else set())
        weights.append(model.state_dict())
    assert same_bits(*weights)


def test_the_row_of_a_run_holds_the_exponents(tiny):
    run = made([*tiny, "cell=rnn", "train.jacobian=true"])
    row = store.read_row(run.folder)
    assert row["lyapunov_init"] < 0 and row["lyapunov_end"] < 0
    assert "jacobian" in row["tables"] and (run.folder / "jacobian.csv").is_file()


def test_a_cell_without_equations_is_not_measured():
    model = SequenceClassifier(recall().spec, nn.GRU(6, H, batch_first=True, bidirectional=True))
    assert JacobianProbe().why_not(model) == "it reads in both directions"
    fused = SequenceClassifier(recall().spec, FusedCell(nn.GRU(6, H, batch_first=True)))
    assert JacobianProbe().why_not(fused) is None
