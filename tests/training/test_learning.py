"""A GRU learns small memory tasks in a few hundred steps: data, model, loop and kernels work together."""

import torch
from torch import nn

from harness.tasks import make_adding, make_delayed_recall
from harness.training import SequenceClassifier, TrainOptions, train


def learn(task, hidden, **options):
    torch.manual_seed(0)
    size = task.spec.input_size or task.spec.vocab_size
    model = SequenceClassifier(task.spec, nn.GRU(size, hidden, batch_first=True))
    return train(model, task, TrainOptions(**options), order=torch.Generator().manual_seed(0))


def test_a_gru_solves_delayed_recall_over_ten_steps():
    task = make_delayed_recall(seq_len=10, num_classes=4, n_train=2_000, n_val=300, n_test=300)
    history = learn(task, 32, steps=400, batch_size=50, lr=1e-2, eval_every=50, stop_when_solved=True)
    assert history.solved_step is not None
    assert history.test_accuracy > 0.98
    assert history.test_loss < 0.5 * task.spec.memoryless_loss
    assert len({row.step for row in history.probes["gradflow"]}) >= 2


def test_a_gru_beats_the_memoryless_loss_of_adding_over_twenty_steps():
    task = make_adding(seq_len=20, n_train=4_000, n_val=400, n_test=400)
    history = learn(
        task, 32, steps=800, batch_size=50, lr=1e-2, eval_every=50, stop_when_solved=True, gradflow=False
    )
    assert history.evals[0].val_loss > task.spec.memoryless_loss
    assert history.solved_step is not None
    assert history.test_loss < 0.06 < task.spec.memoryless_loss
    assert history.test_accuracy > task.spec.chance_accuracy


def test_accuracy_stays_at_chance_when_the_informative_step_is_removed():
    # The first symbol decides the label. Control for the tests above: nothing else may reveal it.
    task = make_delayed_recall(seq_len=10, num_classes=4, n_train=2_000, n_val=300, n_test=1_000)
    for split in (task.train, task.val, task.test):
        split.x[:, 0] = 0
    history = learn(task, 32, steps=150, batch_size=50, lr=1e-2, eval_every=50, gradflow=False)
    assert abs(history.test_accuracy - task.spec.chance_accuracy) < 0.07
    assert history.test_loss > 0.98 * task.spec.memoryless_loss
