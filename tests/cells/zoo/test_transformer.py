"""The causal encoder against torch's own layers with the same weights; its positions."""

import math

import pytest
import torch
from torch import nn

from harness.cells.zoo.transformer import Transformer, sinusoidal
from harness.cli.main import main
from harness.experiment.config import compose
from harness.experiment.plan import plan

D, H, T = 3, 8, 7
LEARNT = ["task=adding", "task.seq_len=20", "cell=transformer", "cell.positions=learnt"]


def test_it_computes_what_torchs_encoder_does_under_a_causal_mask():
    torch.manual_seed(0)
    cell = Transformer(D, H, 2, batch_first=True, num_heads=2).double()
    encoder = nn.TransformerEncoder(
        nn.TransformerEncoderLayer(H, 2, 4 * H, 0.0, batch_first=True, norm_first=True),
        2, norm=nn.LayerNorm(H), enable_nested_tensor=False,
    ).double()  # fmt: skip
    names = {
        "self_attn.in_proj_": "qkv.",
        "self_attn.out_proj.": "out.",
        "linear1.": "up.",
        "linear2.": "down.",
    }
    weights = cell.state_dict()
    for key in encoder.state_dict():
        ours = key.replace("layers.", "blocks.")
        for old, new in names.items():
            ours = ours.replace(old, new)
        encoder.state_dict()[key].copy_(weights[ours])
    x = torch.randn(4, T, D, dtype=torch.float64)
    mask = nn.Transformer.generate_square_subsequent_mask(T, dtype=torch.float64)
    expected = encoder(cell.embed(x) + sinusoidal(T, H), mask=mask, is_causal=True)
    assert torch.allclose(cell(x)[0], expected, rtol=1e-10, atol=1e-12)


def test_sinusoidal_positions_are_those_of_the_paper():
    table = sinusoidal(50, 7)
    assert table.shape == (50, 7)
    for t, i in ((0, 0), (3, 1), (49, 2)):
        angle = t / 10_000 ** (2 * i / 7)
        assert float(table[t, 2 * i]) == pytest.approx(math.sin(angle))
        assert float(table[t, 2 * i + 1]) == pytest.approx(math.cos(angle))


def test_order_is_known_by_position_alone():
    torch.manual_seed(0)
    cell = Transformer(D, H, batch_first=True).double()
    x = torch.randn(1, T, D, dtype=torch.float64)
    swapped = x[:, [1, 0, *range(2, T)]]
    assert not torch.allclose(cell(x)[0][0, -1], cell(swapped)[0][0, -1], rtol=1e-3)
    cell._positions = lambda x: 0.0
    assert torch.allclose(cell(x)[0][0, -1], cell(swapped)[0][0, -1], rtol=1e-10)


def test_a_head_may_have_a_rounded_size_so_that_every_hidden_size_can_be_made():
    for size in (1, 5, 8):
        assert Transformer(D, size, batch_first=True)(torch.zeros(1, T, D))[0].shape == (1, T, size)


def test_learnt_positions_belong_to_the_length_of_the_task(capsys, tmp_path):
    assert plan(compose(LEARNT)).make_cell().learnt.shape == (20, 128)
    assert main([*LEARNT, "task.eval_lengths=[2x]", f"results_dir={tmp_path}"]) == 2
    assert "Transformer is made for the task's number of steps, 20" in capsys.readouterr().err
    run = plan(compose([*LEARNT[:3], "task.eval_lengths=[2x]"]))
    assert run.make_cell()(torch.zeros(1, 40, 2))[0].shape == (1, 40, 128)
    with pytest.raises(ValueError, match="learnt for 20 steps, the input has 21"):
        plan(compose(LEARNT)).make_cell()(torch.zeros(1, 21, 2))


@pytest.mark.parametrize(
    ("wrong", "part"),
    [({"positions": "none"}, "sinusoidal, learnt, not 'none'"), ({"num_heads": 0}, "num_heads"),
     ({"positions": "learnt"}, "needs seq_len")],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(wrong, part):
    with pytest.raises(ValueError, match=part):
        Transformer(D, H, **wrong)
