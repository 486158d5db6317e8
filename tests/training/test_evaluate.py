"""Evaluation against a loop over single samples in plain torch."""

import importlib

import pytest
import torch
from torch import nn

from harness.tasks import NO_LABEL, Split, TaskSpec
from harness.training import SequenceClassifier
from harness.training.model import loss_of

module = importlib.import_module("harness.training.evaluate")
evaluate = module.evaluate

CPU = torch.device("cpu")


def make(target, tokens=False, **options):
    spec = TaskSpec(
        name="t", variant="v", target=target, seq_len=8, num_classes=1 if target == "value" else 3,
        chance_accuracy=0.0, data_source="generated", citation="none",
        **({"vocab_size": 4} if tokens else {"input_size": 4}),
    )  # fmt: skip
    torch.manual_seed(1)
    model = SequenceClassifier(spec, nn.GRU(4, 6, batch_first=True, **options))
    n = 23
    x = torch.randint(0, 4, (n, 8)) if tokens else torch.randn(n, 8, 4)
    y = {
        "class": torch.randint(0, 3, (n,)),
        "value": torch.rand(n) - 0.5,
        "steps": torch.where(torch.rand(n, 8) < 0.3, torch.randint(0, 3, (n, 8)), NO_LABEL),
    }[target]
    return model, Split(x, y, torch.randint(1, 9, (n,)))


def one_by_one(model, split, tolerance):
    loss = right = labels = sequences = 0.0
    for x, y, length in split:
        with torch.no_grad():
            steps = len(x) if y.dim() else int(length)  # labels at steps may lie beyond the length
            answer = model(x[None, :steps], length[None])[0]
        before = right, labels
        if answer.dim() == 0:
            loss += float(answer - y) ** 2
            right += abs(float(answer - y)) < tolerance
            labels += 1
        else:
            for logits, label in zip(answer.view(-1, 3), y.view(-1), strict=True):
                if int(label) != NO_LABEL:
                    loss -= float(logits.double().log_softmax(0)[label])
                    right += int(logits.argmax()) == int(label)
                    labels += 1
        sequences += right - before[0] == labels - before[1]
    return loss / labels, right / labels, sequences / len(split)


@pytest.mark.parametrize("target", ["class", "value", "steps"])
@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("most", [1, 8 * 6 * 5, 2**23])
def test_loss_and_accuracies_equal_those_of_a_loop_over_samples(monkeypatch, target, tokens, most):
    # Batches of one sample, of five with a smaller last one, and one batch of all samples.
    monkeypatch.setattr(module, "MOST_ACTIVATIONS", most)
    model, split = make(target, tokens)
    tolerance = 0.3 if target == "value" else None
    expected = one_by_one(model, split, tolerance)
    assert 0 < expected[1] < 1
    assert evaluate(model, split, tolerance=tolerance, device=CPU) == pytest.approx(expected, rel=1e-5)


def test_the_batch_size_keeps_activations_below_the_limit(monkeypatch):
    monkeypatch.setattr(module, "MOST_ACTIVATIONS", 8 * 6 * 5)
    model, split = make("class")
    sizes = []
    model.cell.register_forward_hook(lambda cell, given, answer: sizes.append(len(given[0])))
    evaluate(model, split, tolerance=None, device=CPU)
    assert sizes == [5, 5, 5, 5, 3]


@pytest.mark.parametrize("training", [True, False])
def test_dropout_is_off_during_evaluation_and_the_mode_is_restored(training):
    model, split = make("class", num_layers=2, dropout=0.9)
    expected = one_by_one(model.eval(), split, None)
    model.train(training)
    before = torch.get_rng_state()
    assert evaluate(model, split, tolerance=None, device=CPU) == pytest.approx(expected, rel=1e-5)
    assert model.training is training
    assert torch.equal(before, torch.get_rng_state())
    assert all(p.grad is None for p in model.parameters())


class Caching(nn.GRU):
    """Keeps a tensor of its first call, and uses it in all later ones."""

    kept = None

    def forward(self, x, state=None):
        self.kept = self.kept if self.kept is not None else x.new_ones(()) * 2
        output, state = super().forward(x, state)
        return output * self.kept, state


def test_a_cell_may_keep_a_tensor_of_an_evaluation_for_training():
    model, split = make("class")
    model.cell = Caching(4, 6, batch_first=True)
    evaluate(model, split, tolerance=None, device=CPU)
    assert not model.cell.kept.is_inference()
    loss_of(model(split.x, split.lengths), split.y).backward()
    assert model.cell.weight_hh_l0.grad.abs().amax() > 0
