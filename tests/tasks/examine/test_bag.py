"""Predictors on bags of inputs, compared with dictionaries of counts and with scikit-learn."""

import math
from collections import Counter

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.tasks import NO_LABEL, make_adding, make_parity
from harness.tasks.examine.bag import MOST_SHARES, bag_answers, bag_predictor, naive_bayes
from harness.tasks.examine.linear import least_squares, softmax_regression
from tests.tasks.examine.toys import toy

ROWS = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=2, max_size=8)


def by_counting(examples, questions, classes, symbols):
    """The most probable class of each question, of (tokens, class) examples."""
    labels = Counter(label for _, label in examples)
    counts = Counter((token, label) for tokens, label in examples for token in tokens)
    answers = []
    for tokens in questions:
        scores = []
        for k in range(classes):
            total = sum(count for (_, label), count in counts.items() if label == k)
            score = math.log((labels[k] + 1) / (len(examples) + classes))
            score += sum(math.log((counts[token, k] + 1) / (total + symbols)) for token in tokens)
            scores.append(score)
        answers.append(scores)
    return answers


def same_up_to_ties(answers, scores):
    return all(of[k] == pytest.approx(max(of)) for k, of in zip(answers.tolist(), scores, strict=True))


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, tested=ROWS, seed=st.integers(0, 9))
def test_naive_bayes_is_counting_for_a_label_of_the_sequence(rows, tested, seed):
    rng = np.random.RandomState(seed)
    y, truth = rng.randint(3, size=len(rows)).tolist(), rng.randint(3, size=len(tested)).tolist()
    task = toy((rows, y), test=(tested, truth), num_classes=3)
    answers, labels = naive_bayes(task.spec, task.train, task.test)
    assert labels.tolist() == truth
    assert same_up_to_ties(answers, by_counting(list(zip(rows, y, strict=True)), tested, 3, 4))


@settings(max_examples=40, deadline=None)
@given(rows=ROWS, seed=st.integers(0, 9))
def test_naive_bayes_sees_the_symbols_up_to_the_step_of_a_label(rows, seed):
    rng, longest = np.random.RandomState(seed), max(map(len, rows))
    y = [[int(rng.choice([0, 1, NO_LABEL])) for _ in row] for row in rows]
    for row in y:
        row[-1] = int(rng.randint(2))
    padded = [row + [NO_LABEL] * (longest - len(row)) for row in y]
    task = toy((rows, padded), target="steps")
    examples = [
        (row[: t + 1], k) for row, labels in zip(rows, y, strict=True) for t, k in enumerate(labels) if k >= 0
    ]
    answers, labels = naive_bayes(task.spec, task.train, task.test)
    assert labels.tolist() == [label for _, label in examples]
    assert same_up_to_ties(answers, by_counting(examples, [tokens for tokens, _ in examples], 2, 4))


def test_softmax_regression_agrees_with_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.RandomState(0)
    y = rng.randint(3, size=300)
    x = rng.randn(300, 4) + 1.5 * np.eye(3, 4)[y]
    new = rng.randn(200, 4)
    ours = softmax_regression(torch.tensor(x), torch.tensor(y))(torch.tensor(new)).numpy()
    theirs = linear_model.LogisticRegression(C=1 / (2 * 1e-4 * len(x)), max_iter=1000).fit(x, y).predict(new)
    assert (ours == theirs).mean() > 0.98


def test_least_squares_agrees_with_numpy():
    rng = np.random.RandomState(0)
    x, new = rng.randn(200, 3), rng.randn(50, 3)
    y = x @ [1.0, -2.0, 0.5] + 3 + 0.1 * rng.randn(200)
    weights = np.linalg.lstsq(np.c_[x, np.ones(200)], y, rcond=None)[0]
    ours = least_squares(torch.tensor(x), torch.tensor(y))(torch.tensor(new)).numpy()
    assert np.abs(ours - np.c_[new, np.ones(50)] @ weights).max() < 0.01


def test_channels_that_differ_in_mean_or_only_in_spread_are_told_apart_and_padding_is_not_seen():
    spread, mean = (0.1, 0.1, 3.0), (0, 5, 0)
    y = [n % 3 for n in range(120)]
    rows = [[[mean[k] + spread[k] * (-1) ** t] for t in range(5 + n % 4)] for n, k in enumerate(y)]
    task = toy((rows[:60], y[:60]), test=(rows[60:], y[60:]), num_classes=3)
    answers, labels = bag_answers(task.spec, task.train, task.test)
    assert torch.equal(answers, labels)


def test_the_order_is_not_seen():
    task = make_parity(seq_len=20, n_train=500, n_test=300)
    shuffled = task.test.x[:, torch.randperm(20, generator=torch.Generator().manual_seed(0))]
    answers, _ = bag_answers(task.spec, task.train, task.test)
    again, _ = bag_answers(task.spec, task.train, type(task.test)(shuffled, task.test.y, task.test.lengths))
    assert torch.equal(answers, again)


def test_values_are_answered_by_a_line_through_mean_and_spread():
    """The mean of T uniform numbers explains 2/T of the variance of the sum of two of them."""
    task = make_adding(seq_len=20, n_train=5000, n_test=2000)
    answers, values = bag_answers(task.spec, task.train, task.test)
    left = (values - answers).square().mean() / values.double().var()
    assert float(left) == pytest.approx(1 - 2 / 20, abs=0.03)


def test_a_vocabulary_that_is_too_large_for_shares_has_no_predictor_of_values():
    rows = ([[0, 1], [2, 3]], [0.0, 1.0])
    assert bag_predictor(toy(rows, target="value", vocab_size=MOST_SHARES + 1).spec) is None
    task = toy(rows, target="value")
    answers, values = bag_answers(task.spec, task.train, task.test)
    assert (answers - values).abs().max() < 0.01
