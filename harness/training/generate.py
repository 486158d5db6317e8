"""Symbols that a trained model writes, one after the other, each drawn from its own prediction."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from harness.training.model import SequenceClassifier


@torch.no_grad()
def generate(
    model: SequenceClassifier,
    prompt: Sequence[int],
    *,
    length: int,
    seq_len: int,
    temperature: float = 1.0,
    seed: int = 0,
) -> list[int]:
    """Continues a sequence of token ids.

    Each symbol is drawn from softmax(logits / temperature) after the last `seq_len` symbols, the window that
    the model was trained on. So every cell can write, those without a state too, and none reads further back.

    Args:
        model: of a task whose labels are the next symbols, in evaluation mode.
        prompt: at least one id.
        length: number of ids to add.
        seq_len: steps of the model's task.
        temperature: at least 0; at 0 the most probable symbol is taken, the first of equal ones.
        seed: of the draws; the same seed gives the same ids on one machine and version of torch.

    Returns:
        The `length` new ids.

    Raises:
        ValueError: the model reads whole windows only, and the prompt is shorter than `seq_len`.

    Source: Graves 2013, arXiv 1308.0850; temperature: Ackley et al. 1985, Cognitive Science 9(1).
    """
    generator = torch.Generator().manual_seed(seed)
    ids = list(prompt)
    for _ in range(length):
        window = torch.tensor([ids[-seq_len:]])
        answer = model(window, torch.tensor([window.shape[1]]))
        logits = (answer[0, -1] if model.target == "steps" else answer[0]).double()
        if temperature == 0:
            ids.append(int(logits.argmax()))
        else:
            shares = torch.softmax((logits - logits.max()) / temperature, dim=0)
            ids.append(int(torch.multinomial(shares, 1, generator=generator)))
    return ids[len(prompt) :]
