"""Gates: how far open they are along the sequence, how saturated tanh is, how large the states are.

A layer of a stock cell is run through `harness.cells.equations` on fixed validation samples, whichever kernel
trains it, without gradients and without dropout.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from harness.cells import class_and_options, is_stock, split_layers, stock_cell_of
from harness.cells.equations import STEPS, weights_of, zero_state
from harness.cells.init import REMEMBER_GATE
from harness.kernels import FusedCell
from harness.results.schema import column
from harness.tasks import Split, Task
from harness.training.evaluate import fixed_subset
from harness.training.history import History
from harness.training.model import SequenceClassifier
from harness.training.options import NUM_POINTS, TrainOptions
from harness.training.probes.gradient_flow import flow_points
from harness.training.probes.probe import MOMENTS

SAMPLES = 64
"""Validation sequences that are measured."""

SHUT, OPEN = 0.1, 0.9
"""A gate below or above these counts as shut or open; |tanh| above `OPEN` as saturated."""

QUANTILE = 0.9
"""Of the units: the slowest tenth has a longer time scale."""

CANDIDATES = ("g", "n")
"""The letters among the gates that are results of tanh."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """A gate or a state of one layer at one time step, over units and the sequences not ended at t."""

    moment: str = column("`init`: before training, `best`: at `best_step`, `end`: after the last step")
    step: int = column("training steps made")
    layer: int = column("layer, from 0; the top layer has the highest number")
    name: str = column(
        "gate, candidate or state, as in `docs/cells.md`: `i`, `f`, `g`, `o`, `c`, `h` of an LSTM; `r`, `z`, "
        "`n`, `h` of a GRU; `h` of an RNN"
    )
    t: int = column("time step in the sequence, from 0")
    mean: float | None = column("gates: mean, 0 to 1", None)
    below: float | None = column(f"gates: share below {SHUT}", None)
    above: float | None = column(f"gates: share above {OPEN}", None)
    saturated: float | None = column(
        f"share of |tanh| above {OPEN}: of `g`, `n`, tanh c_t, and `h` of an RNN with tanh", None
    )
    norm: float | None = column("states: mean of ‖h_t‖ or ‖c_t‖", None)
    time_scale: float | None = column(
        "`f` and `z`: median over units of 1/(1 − f), f the mean over sequences; in steps", None
    )
    time_scale_p90: float | None = column("the same: 90 % quantile over units", None)


@dataclass(frozen=True)
class GatesProbe:
    """Measures gates, saturation of tanh and norms of states at the start, the best step and the end."""

    required: bool = False
    name: ClassVar[str] = "gates"
    row_type: ClassVar[type] = GateRow

    @property
    def settings(self) -> dict[str, Any]:
        """Most time steps and sequences."""
        return {"points": NUM_POINTS, "samples": SAMPLES}

    @classmethod
    def from_options(cls, options: TrainOptions) -> GatesProbe | None:
        """None with `train.gates=false`; required with `train.gates=true`."""
        return None if options.gates is False else cls(required=options.gates is True)

    def why_not(self, model: SequenceClassifier) -> str | None:
        """Why this model's cell cannot be measured, or None when it can."""
        return why_no_equations(model.cell)

    def measure(self, model: SequenceClassifier, val: Split, moment: str, step: int) -> list[GateRow]:
        """The rows of every layer at up to 16 time steps, on up to 64 sequences."""
        x, lengths = probe_batch(model, val, SAMPLES)
        points = flow_points(x.shape[1])
        with torch.no_grad():
            output, rows = model.encode(x), []
            for index, layer in enumerate(split_layers(plain_cell(model.cell))):
                output, recorded = _record(layer, output, points)
                for t, values in recorded.items():
                    running = lengths > t
                    if bool(running.any()):
                        place = {"moment": moment, "step": step, "layer": index, "t": t}
                        rows += _rows(place, layer, {name: v[running] for name, v in values.items()})
        return rows

    def summary(self, rows: Sequence[GateRow], task: Task, history: History) -> dict[str, Any]:
        """The columns `gates_time_scale…`; empty for a cell without a gate that keeps the state."""
        top = max((row.layer for row in rows), default=0)
        columns: dict[str, Any] = {}
        for moment in MOMENTS:
            for name in ("time_scale", "time_scale_p90"):
                at = [getattr(row, name) for row in rows if (row.moment, row.layer) == (moment, top)]
                known = [value for value in at if value is not None]
                columns[f"gates_{name}_{moment}"] = statistics.median(known) if known else None
        return columns

    def covers(self, recorded: Mapping[str, Any]) -> bool:
        """Whether the recorded table has at least as many points and sequences."""
        wanted = self.settings
        return all(isinstance(recorded.get(k), int) and recorded[k] >= wanted[k] for k in wanted)


def why_no_equations(cell: nn.Module) -> str | None:
    """Why `harness.cells.equations` has no equations for a cell, or None when it has."""
    plain = cell.cell if isinstance(cell, FusedCell) else cell
    if is_stock(plain):
        return None
    if getattr(plain, "bidirectional", False):
        return "it reads in both directions"
    return f"its gates are known for the RNN, LSTM and GRU of torch.nn, not for {class_and_options(plain)}"


def plain_cell(cell: nn.Module) -> nn.RNNBase:
    """The module of `torch.nn` whose equations are used; one for which `why_no_equations` returns None."""
    plain = cell.cell if isinstance(cell, FusedCell) else cell
    assert isinstance(plain, nn.RNNBase)
    return plain


def probe_batch(model: SequenceClassifier, val: Split, most: int) -> tuple[Tensor, Tensor]:
    """Inputs and lengths of the same validation samples at every moment, on the model's device."""
    part = fixed_subset(val, most)
    device = model.head.weight.device
    return part.x.to(device), part.lengths.to(device)


def _record(
    layer: nn.RNNBase, x_BTD: Tensor, points: Sequence[int]
) -> tuple[Tensor, dict[int, dict[str, Tensor]]]:
    """The output of a layer, and gates and states at the points, (B, H) each, by t and name."""
    stock, w = stock_cell_of(layer), weights_of(layer)
    assert stock is not None  # weights_of has seen to it
    step, state = STEPS[stock.name], zero_state(layer, x_BTD)
    wanted, outputs, recorded = set(points), [], {}
    for t, x_BD in enumerate(x_BTD.unbind(1)):
        state, gates = step(w, x_BD, state)
        outputs.append(state[0])
        if t in wanted:
            recorded[t] = gates | dict(zip("hc", state, strict=False))
    return torch.stack(outputs, dim=1), recorded


def _rows(place: dict[str, Any], layer: nn.RNNBase, values: dict[str, Tensor]) -> list[GateRow]:
    """The rows of one time step, from (B, H) of the sequences that have not ended."""
    stock = stock_cell_of(layer)
    assert stock is not None
    keeps = REMEMBER_GATE.get(stock.name)
    rows = []
    for name, value in values.items():
        numbers: dict[str, Any] = {}
        if name in ("h", "c"):
            numbers["norm"] = float(value.double().norm(dim=1).mean())
        elif name not in CANDIDATES:
            numbers = {
                "mean": float(value.double().mean()),
                "below": _share(value < SHUT),
                "above": _share(value > OPEN),
            }
        if name in CANDIDATES or name == "c" or (name, stock.name) == ("h", "rnn_tanh"):
            numbers["saturated"] = _share((value.tanh() if name == "c" else value).abs() > OPEN)
        if name == keeps:
            scales = 1 / (1 - value.double().mean(dim=0))  # infinite where f is 1 in each sequence
            numbers["time_scale"] = _quantile(scales, 0.5)
            numbers["time_scale_p90"] = _quantile(scales, QUANTILE)
        rows.append(GateRow(**place, name=name, **numbers))
    return rows


def _quantile(values: Tensor, q: float) -> float:
    """The quantile; infinite, not NaN, between two infinite values."""
    low, high = (float(values.quantile(q, interpolation=side)) for side in ("lower", "higher"))
    return low if low == high else float(values.quantile(q))


def _share(is_so: Tensor) -> float:
    return float(is_so.double().mean())
