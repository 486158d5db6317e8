"""Whether a cell run in chunks, its state handed on, is what it is in one call: found by trying."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from harness.cells.bidirectional import is_bidirectional
from harness.cells.contract import checked_output
from harness.cells.stock import is_stock
from harness.cells.trials import Trials, same

GRADIENT_TOLERANCE = 1e-3
"""Of the difference of a gradient, relative to its largest number."""


class _DiffersError(Exception):
    """What of the cell is another in chunks."""


@dataclass(frozen=True, eq=False)
class _Pass:
    output: Tensor
    gradients: dict[str, Tensor | None]


def why_not_in_chunks(trials: Trials, x: Tensor, *, causal: bool) -> str | None:
    """Why the state of a cell cannot be handed on, or None when it can.

    Chunks of several steps and of one step must give the output of one call, and its gradients with respect
    to parameters and input, from one random state, in evaluation and in training mode.

    Args:
        trials: of the cell.
        x: (B, T, D) or token ids (B, T); T is at least 2.
        causal: whether an output depends on its own and earlier steps only.
    """
    if is_bidirectional(trials.cell):
        return "it reads in both directions"
    stated = getattr(trials.cell, "why_no_state", None)
    if isinstance(stated, str):
        return stated
    if not causal:
        return "its output at a step depends on later steps"
    steps = x.shape[1]
    sizes = (steps - steps // 2, 1) if steps > 2 else (1,)
    # A stock cell draws masks between layers for a whole call; the probe draws them layer by layer.
    for training in (False,) if is_stock(trials.cell) else (False, True):
        mode = "training" if training else "evaluation"
        try:
            whole = _run(trials, x, steps, training=training)
            for size in sizes:
                _compare(_run(trials, x, size, training=training), whole)
        except _DiffersError as error:
            return f"in {mode} mode, {error}"
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a third-party module may fail in any way
            said = " ".join(str(error).split())
            return f"in {mode} mode, its call in chunks fails: {type(error).__name__}: {said}"
    return None


def _run(trials: Trials, x: Tensor, size: int, *, training: bool) -> _Pass:
    """Output and gradients of the cell in chunks of `size` steps."""
    with torch.enable_grad(), trials.fresh(training=training) as cell:
        read = x.clone().requires_grad_(x.is_floating_point())
        outputs: list[Tensor] = []
        state = None
        for start in range(0, x.shape[1], size):
            chunk = read[:, start : start + size].clone()
            if start > 0 and state is None:
                raise _DiffersError("it returns no state")
            result = cell(chunk) if state is None else cell(chunk, state)
            outputs.append(checked_output(cell, chunk, result))
            state = result[1]
        output = torch.cat(outputs, dim=1)
        if not output.requires_grad:
            raise _DiffersError("its output carries no gradient")
        sources = {name: p for name, p in cell.named_parameters() if p.requires_grad}
        inputs = {"the input": read} if read.requires_grad else {}
        weights = torch.randn(output.shape, generator=torch.Generator().manual_seed(0)).to(output)
        scalar = (output * weights).sum()  # torch imports SymPy, which takes long, for other outputs
        found = torch.autograd.grad(scalar, [*inputs.values(), *sources.values()], allow_unused=True)
        gradients: dict[str, Tensor | None] = dict(zip([*inputs, *sources], found, strict=True))
        if sources and all(gradients[name] is None for name in sources):
            raise _DiffersError("its call uses no parameter of the module that is called")
        return _Pass(output.detach(), gradients)


def _compare(chunks: _Pass, whole: _Pass) -> None:
    if not same(chunks.output, whole.output):
        raise _DiffersError("its output in chunks is not that of one call")
    most = max(map(_largest, whole.gradients.values()))
    for name, wanted in whole.gradients.items():
        found = chunks.gradients[name]
        error = _largest(found if wanted is None else wanted if found is None else found - wanted)
        if not error <= GRADIENT_TOLERANCE * max(_largest(wanted), GRADIENT_TOLERANCE * most):
            raise _DiffersError(f"the gradient of {name} in chunks is not that of one call")


def _largest(tensor: Tensor | None) -> float:
    """The largest absolute number, 0 where there is none."""
    return 0.0 if tensor is None or not tensor.numel() else float(tensor.abs().max())
