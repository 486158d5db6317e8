"""Adam, AdamW, RMSprop and SGD: torch's own update rules, without the compiler that its classes import."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.adam import adam
from torch.optim.adamw import adamw
from torch.optim.rmsprop import rmsprop
from torch.optim.sgd import sgd

from harness.training.options import TrainOptions

NUM_MOMENTS = {"adam": 2, "adamw": 2, "rmsprop": 1, "sgd": 1}


class Optimizer:
    """What `torch.optim.Adam`, `AdamW`, `RMSprop` or `SGD` (momentum 0.9) does to parameters, bit for bit.

    Calls their functional forms, fused where torch has one, else foreach: RMSprop, and complex
    weights. The classes do the same, but the first one of a process imports torch's compiler, which takes
    longer than many runs. Without parameter groups, hooks, and names in torch's profiler.

    Parameters without a gradient are left as they are, and so are their moments and step counts.

    Attributes:
        lr: learning rate of the next steps; a schedule sets it before each of them, and it is not saved.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], options: TrainOptions):
        """Takes the parameters that are trained, on their final device, with `options` for rule and rates."""
        self.parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self.options, self.lr = options, options.lr
        self._complex = any(parameter.is_complex() for parameter in self.parameters)
        self._moments = [
            [torch.zeros_like(p, memory_format=torch.preserve_format) for p in self.parameters]
            for _ in range(NUM_MOMENTS[options.optimizer])
        ]
        counted_there = options.optimizer in (
            "adam",
            "adamw",
        )  # on the parameter's device; RMSprop counts on the CPU
        self._counts = [
            torch.zeros((), dtype=torch.float32, device=p.device if counted_there else None)
            for p in self.parameters
        ]

    def zero_grad(self) -> None:
        """Drops the gradients, so that the next backward pass need not add to them."""
        for parameter in self.parameters:
            parameter.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Changes the parameters in place by their gradients."""
        params: list[Tensor] = []
        grads: list[Tensor] = []
        moments: list[list[Tensor]] = [[] for _ in self._moments]
        counts: list[Tensor] = []
        for number, parameter in enumerate(self.parameters):
            if parameter.grad is not None:
                params.append(parameter)
                grads.append(parameter.grad)
                counts.append(self._counts[number])
                for mine, every in zip(moments, self._moments, strict=True):
                    mine.append(every[number])
        self._update(params, grads, moments, counts)

    def state_dict(self) -> dict[str, Any]:
        """The name of the rule; moments and step counts, in the order of the parameters."""
        return {"rule": self.options.optimizer, "moments": self._moments, "counts": self._counts}

    @torch.no_grad()
    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Takes over the moments and step counts of an optimizer over the same parameters.

        Raises:
            ValueError: the saved optimizer is another one.
        """
        if state["rule"] != self.options.optimizer:
            raise ValueError(
                f"this training uses train.optimizer={self.options.optimizer}, the saved one used "
                f"{state['rule']}; continue it with train.optimizer={state['rule']}"
            )
        for mine, saved in zip(
            [*self._moments, self._counts], [*state["moments"], state["counts"]], strict=True
        ):
            for tensor, value in zip(mine, saved, strict=True):
                tensor.copy_(value)

    def _update(
        self, params: list[Tensor], grads: list[Tensor], moments: list[list[Tensor]], counts: list[Tensor]
    ) -> None:
        lr, decay = self.lr, self.options.weight_decay
        foreach = self._complex
        if self.options.optimizer in ("adam", "adamw"):
            means, squares = moments
            rule = adam if self.options.optimizer == "adam" else adamw
            rule(
                params, grads, means, squares, [], counts, fused=not foreach, foreach=foreach,
                has_complex=foreach, amsgrad=False,
                beta1=0.9, beta2=0.999, lr=lr, weight_decay=decay, eps=1e-8, maximize=False,
            )  # fmt: skip
        elif self.options.optimizer == "rmsprop":
            [squares] = moments
            rmsprop(
                params, grads, squares, [], [], counts, foreach=True,
                has_complex=foreach,
                lr=lr, alpha=0.99, eps=1e-8, weight_decay=decay, momentum=0.0, centered=False,
            )  # fmt: skip
        else:
            velocities: list[Tensor | None] = [*moments[0]]
            sgd(
                params, grads, velocities, fused=not foreach, foreach=foreach,
                weight_decay=decay, momentum=0.9, lr=lr, dampening=0.0, nesterov=False, maximize=False,
            )  # fmt: skip
