"""Initialisations by their effect on the first step and by the spectra of the matrices, not by the code."""

import math

import pytest
import torch
from torch import nn

from harness.cells import INITIALISATIONS, InitOptions, initialise, why_not_initialised
from harness.cells.stock import STOCK_CELLS

D, H, T = 5, 16, 40
CELLS = {
    "rnn_tanh": lambda **o: nn.RNN(D, H, batch_first=True, **o),
    "rnn_relu": lambda **o: nn.RNN(D, H, nonlinearity="relu", batch_first=True, **o),
    "lstm": lambda **o: nn.LSTM(D, H, batch_first=True, **o),
    "gru": lambda **o: nn.GRU(D, H, batch_first=True, **o),
}
PAIRS = [(cell, name) for name, init in INITIALISATIONS.items() for cell in CELLS if cell in init.cells]


def made(cell, name, *, seed=3, layers=2, seq_len=T, bias=1.0, **options):
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    module = CELLS[cell](num_layers=layers, **options)
    return initialise(module, InitOptions(name, bias), generator=generator, seq_len=seq_len)


def gate(module, layer, letter, name="weight_hh"):
    """The block of a gate, in the order that torch documents: LSTM i f g o, GRU r z n."""
    order = {nn.RNN: "h", nn.LSTM: "ifgo", nn.GRU: "rzn"}[type(module)]
    start = order.index(letter) * H
    return getattr(module, f"{name}_l{layer}").detach()[start : start + H]


def gate_values(module, layer, letter):
    """The gate at the first step of a sequence of zeros: σ of the two biases that torch adds."""
    return torch.sigmoid(gate(module, layer, letter, "bias_ih") + gate(module, layer, letter, "bias_hh"))


def letters(module):
    return {nn.RNN: "h", nn.LSTM: "ifgo", nn.GRU: "rzn"}[type(module)]


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("name", ["orthogonal", "keras"])
@pytest.mark.parametrize("cell", CELLS)
def test_recurrent_matrices_are_orthogonal_gate_by_gate_in_every_layer(cell, name, layers):
    module = made(cell, name, layers=layers)
    for layer in range(layers):
        for letter in letters(module):
            values = torch.linalg.svdvals(gate(module, layer, letter).double())
            assert torch.allclose(values, torch.ones(H, dtype=torch.float64), atol=1e-5)


@pytest.mark.parametrize("cell", CELLS)
def test_glorot_matrices_fill_their_interval_and_keras_biases_are_zero_but_for_the_forget_gate(cell):
    for name, matrices in (("keras", ["weight_ih"]), ("xavier", ["weight_ih", "weight_hh"])):
        module = made(cell, name)
        for layer in range(2):
            for letter in letters(module):
                for matrix in matrices:
                    block = gate(module, layer, letter, matrix)
                    limit = math.sqrt(6 / (block.shape[1] + H))
                    assert 0.9 * limit < block.abs().max() <= limit
                    assert abs(float(block.std()) / (limit / math.sqrt(3)) - 1) < 0.25
                forget = name == "keras" and (cell, letter) == ("lstm", "f")
                expected = torch.full((H,), 1 / (1 + math.exp(-1.0)) if forget else 0.5)
                assert torch.allclose(gate_values(module, layer, letter), expected)


def test_an_irnn_adds_its_inputs_up():
    module = made("rnn_relu", "identity", layers=1)
    x = torch.rand(1, 6, D)
    with torch.no_grad():
        module.weight_ih_l0.abs_()  # nonnegative inputs of the state: the ReLU lets everything pass
        output, _ = module(x)
    sums = (x[0] @ module.weight_ih_l0.T).cumsum(0)
    assert torch.allclose(output[0], sums, rtol=1e-5)


@pytest.mark.parametrize(("cell", "letter"), [("lstm", "f"), ("gru", "z")])
@pytest.mark.parametrize("bias", [2.0, -1.0])
def test_the_forget_bias_is_the_effective_one_and_the_other_gates_are_torchs(cell, letter, bias):
    module, plain = made(cell, "forget_bias", bias=bias), made(cell, "torch")
    for layer in range(2):
        expected = torch.full((H,), 1 / (1 + math.exp(-bias)))
        assert torch.allclose(gate_values(module, layer, letter), expected)
        for other in set(letters(module)) - {letter}:
            assert torch.equal(gate_values(module, layer, other), gate_values(plain, layer, other))


def test_a_gru_with_a_large_update_bias_keeps_its_state():
    module = made("gru", "forget_bias", bias=20.0, layers=1)
    state = torch.rand(1, 1, H)
    _, after = module(torch.zeros(1, 1, D), state)
    assert torch.allclose(after, state, atol=1e-4)


@pytest.mark.parametrize("seq_len", [2, 40, 400])
@pytest.mark.parametrize(("cell", "letter"), [("lstm", "f"), ("gru", "z")])
def test_chrono_spreads_the_time_scales_from_1_to_the_length_of_the_sequence(cell, letter, seq_len):
    module = made(cell, "chrono", seq_len=seq_len)
    for layer in range(2):
        kept = gate_values(module, layer, letter).double()
        scales = 1 / (1 - kept)  # steps until a state that is multiplied by f has decayed to 1/e, about
        assert scales.min() >= 2 - 1e-3 and scales.max() <= seq_len + 1e-3
        if seq_len > 2:
            assert scales.max() > 0.6 * seq_len and scales.std() > 0.1 * seq_len
        if cell == "lstm":
            assert torch.allclose(gate_values(module, layer, "i").double(), 1 - kept, atol=1e-6)


@pytest.mark.parametrize(("cell", "name"), PAIRS)
def test_only_what_is_named_changes_and_the_global_generator_does_not_notice(cell, name):
    plain, module = made(cell, "torch"), made(cell, name)
    after = torch.rand(1)
    made(cell, "torch")
    assert torch.equal(after, torch.rand(1))
    before, now = plain.state_dict(), module.state_dict()
    kinds = {key.rpartition("_l")[0] for key in now if not torch.equal(now[key], before[key])}
    expected = {
        "torch": set(),
        "orthogonal": {"weight_hh"},
        "identity": {"weight_hh", "bias_ih", "bias_hh"},
        "forget_bias": {"bias_ih", "bias_hh"},
        "chrono": {"bias_ih", "bias_hh"},
    }
    assert kinds == expected.get(name, {"weight_ih", "weight_hh", "bias_ih", "bias_hh"})
    again = made(cell, name)
    assert all(torch.equal(a, b) for a, b in zip(module.parameters(), again.parameters(), strict=True))


@pytest.mark.parametrize("name", ["keras", "xavier", "orthogonal"])
@pytest.mark.parametrize("cell", CELLS)
def test_cells_without_biases_and_in_float64_are_initialised_too(cell, name):
    module = made(cell, name, dtype=torch.float64)
    assert {parameter.dtype for parameter in module.parameters()} == {torch.float64}
    torch.manual_seed(0)
    bare = CELLS[cell](bias=False)
    initialise(bare, InitOptions(name), generator=torch.Generator().manual_seed(0), seq_len=T)
    assert len(list(bare.parameters())) == 2


@pytest.mark.parametrize(
    ("module", "name", "part"),
    [
        (nn.LSTM(D, H), "identity", "defined for rnn_relu, not for this LSTM"),
        (nn.RNN(D, H), "chrono", "defined for lstm, gru, not for this RNN"),
        (nn.RNN(D, H), "forget_bias", "defined for lstm, gru"),
        (nn.Linear(D, H), "keras", "not for this Linear; use init=torch"),
        (nn.GRU(D, H, bias=False), "chrono", "bias=false"),
        (nn.LSTM(D, H, proj_size=3), "keras", "not for this LSTM"),
    ],
)
def test_a_pair_that_means_nothing_is_refused_with_the_way_out(module, name, part):
    assert part in why_not_initialised(module, name)
    with pytest.raises(ValueError, match="init="):
        initialise(module, InitOptions(name), generator=torch.Generator(), seq_len=T)


def test_every_initialisation_has_its_yaml():
    from harness.experiment.conf_files import conf_dir

    assert {path.stem for path in (conf_dir() / "init").glob("*.yaml")} == set(INITIALISATIONS)
    assert all(set(init.cells) <= set(STOCK_CELLS) for init in INITIALISATIONS.values())


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize(("cell", "name"), [pair for pair in PAIRS if pair[1] != "torch"])
def test_both_directions_are_initialised(cell, name, layers):
    plain = made(cell, "torch", layers=layers, bidirectional=True)
    changed = made(cell, name, layers=layers, bidirectional=True)
    forward, backward = [], []
    for key, weights in changed.named_parameters():
        differs = not torch.equal(weights, plain.get_parameter(key))
        (backward if key.endswith("_reverse") else forward).append((key.removesuffix("_reverse"), differs))
    assert forward == backward and any(differs for _, differs in forward)
    for layer in range(layers):
        reverse = changed.get_parameter(f"weight_hh_l{layer}_reverse").detach()
        if name in ("keras", "orthogonal"):
            for block in reverse.chunk(len(letters(changed))):
                assert torch.allclose(block @ block.T, torch.eye(H), atol=1e-5)
            assert not torch.equal(reverse, changed.get_parameter(f"weight_hh_l{layer}"))
        if name == "identity":
            assert torch.equal(reverse, torch.eye(H))
        if name == "forget_bias":
            letter = {"lstm": "f", "gru": "z"}[cell]
            start = letters(changed).index(letter) * H
            biases = [changed.get_parameter(f"bias_{part}_l{layer}_reverse") for part in ("ih", "hh")]
            assert torch.allclose(sum(biases)[start : start + H], torch.ones(H))
