"""Cells that read token ids themselves: they get the ids, and nothing else changes."""

import pytest
import torch
from torch import nn

from harness.tasks import make_adding, make_delayed_recall
from harness.training import SequenceClassifier, TrainOptions, train
from harness.training.inside import look_inside
from tests.cells.odd_cells import OwnEmbedding

H = 5


def recall():
    return make_delayed_recall(seq_len=8, num_classes=4, n_train=20, n_val=5, n_test=5)


def trained(model, task):
    options = TrainOptions(steps=4, batch_size=7, gradflow_points=3)
    return train(model, task, options, order=torch.Generator().manual_seed(1))


def test_its_training_is_that_of_a_model_with_the_same_embedding():
    task = recall()
    torch.manual_seed(0)
    cell = OwnEmbedding(task.spec.vocab_size, H)
    own = SequenceClassifier(task.spec, cell)
    usual = SequenceClassifier(task.spec, nn.GRU(3, H, batch_first=True), embedding_size=3)
    usual.encoder.load_state_dict(cell.embedding.state_dict())
    usual.cell.load_state_dict(cell.gru.state_dict())
    usual.head.load_state_dict(own.head.state_dict())
    mine, other = trained(own, task), trained(usual, task)
    assert mine.norms == pytest.approx(other.norms, rel=1e-5)
    assert mine.test_loss == pytest.approx(other.test_loss, rel=1e-5)
    assert mine.probes["gradflow"] == [] and "it reads token ids" in mine.note_of("gradflow")
    inside = look_inside(own, task.val.x[0], task.val.y[0], 8)
    assert inside.answer == pytest.approx(own(task.val.x[:1], task.val.lengths[:1]).softmax(-1)[0].tolist())


def test_it_is_refused_where_it_gets_no_ids():
    with pytest.raises(ValueError, match="reads token ids itself, and the inputs of adding are real numbers"):
        SequenceClassifier(make_adding(seq_len=4, n_train=2, n_val=2, n_test=2).spec, OwnEmbedding(2, H))
    spec = recall().spec
    with pytest.raises(ValueError, match="model.embedding_size=3 has nothing to embed; set it to null"):
        SequenceClassifier(spec, OwnEmbedding(spec.vocab_size, H), embedding_size=3)
