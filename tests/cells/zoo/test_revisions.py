"""The numbers of each cell of this package, pinned: a change of them needs a raised `revision`."""

import pytest
import torch

from harness.experiment.conf_files import entries
from tests.cells.test_every_cell import B, T, inputs, made

NUMBERS = {
    "bag": (0, 1.101716),
    "indrnn": (0, 23.285062),
    "last_step": (0, 0.342037),
    "lru": (0, 1.943760),
    "mingru": (0, -2.540422),
    "minlstm": (0, 0.848020),
    "mlp": (0, 0.108753),
    "tcn": (0, 4.163211),
    "transformer": (0, 1.660539),
}
"""By cell: its revision, and a weighted sum of its outputs as drawn from seed 0."""

OWN = [entry.name for entry in entries("cell") if entry.target.startswith("harness.")]


@pytest.mark.parametrize("name", OWN)
def test_the_numbers_of_a_revision_stay_what_they_were(name):
    cell = made(name, num_layers=2)
    with torch.no_grad():
        output = cell(inputs())[0]
    weights = torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view_as(output)
    assert output.shape[:2] == (B, T)
    revision, number = NUMBERS[name]
    assert (type(cell).revision, float((weights * output).sum())) == (
        revision,
        pytest.approx(number, rel=1e-4),
    ), f"raise {type(cell).__name__}.revision: runs with other numbers are to be made again; then pin them"
