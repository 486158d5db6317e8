"""What was found of a task, as one page of plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.cli.aligned import aligned
from harness.cli.show.samples import describe_task, visible
from harness.tasks.examine.bag import bag_predictor
from harness.tasks.examine.examination import Examination, Reached
from harness.tasks.examine.facts import TokenFacts, ValueFacts
from harness.tasks.examine.problems import share_text
from harness.tasks.task import TaskSpec

MOST_CLASSES = 20
"""Classes that are listed; of more, the first and what the others have."""

MOST_LETTERS = 30
"""Of the name of a class."""


def page(found: Examination) -> str:
    """The whole page, without problems and notes where there are none."""
    tables = [
        _split_lines(found),
        _class_lines(found),
        _input_lines(found),
        _shared_lines(found),
        _reached_lines(found),
    ]
    blocks = [describe_task(found.spec), *("\n".join(lines) for lines in tables if lines)]
    blocks += ["\n".join(f"note: {line}" for line in found.notes)] if found.notes else []
    blocks += ["\n".join(f"problem: {line}" for line in found.problems) or "no problem found"]
    return "\n\n".join(blocks)


def _split_lines(found: Examination) -> list[str]:
    lines = [["split", "samples", "shortest", "median", "longest"]]
    for name, facts in found.splits.items():
        lines.append([name, str(facts.samples), *map(str, facts.lengths)])
        if facts.targets is not None:
            lines[-1] += [f"{value:.4g}" for value in facts.targets]
    if found.spec.target == "value":
        lines[0] += ["lowest target", "mean target", "highest target"]
    return [aligned(lines, to_left=[0])] if found.splits else []


def _class_lines(found: Examination) -> list[str]:
    counts = {
        name: facts.class_counts.tolist()
        for name, facts in found.splits.items()
        if facts.class_counts is not None
    }
    if not counts:
        return []
    head = "labels of a step" if found.spec.target == "steps" else "samples of a class"
    shown = range(min(found.spec.num_classes, MOST_CLASSES))
    lines = [
        [head, *counts],
        *([_class_name(found.spec, k), *(str(of[k]) for of in counts.values())] for k in shown),
    ]
    left = [of[MOST_CLASSES:] for of in counts.values()]
    if left[0]:
        lines.append([f"{len(left[0])} more classes", *(f"{min(rest)} to {max(rest)}" for rest in left)])
    return [aligned(lines, to_left=[0])]


def _class_name(spec: TaskSpec, label: int) -> str:
    if spec.class_names is None:
        return f"class {label}"
    name = " ".join(spec.class_names[label].split()) or visible(spec.class_names[label])
    return f"{label} {name if len(name) <= MOST_LETTERS else name[: MOST_LETTERS - 1] + '…'}"


def _input_lines(found: Examination) -> list[str]:
    if not found.splits:
        return []
    rows = [*_token_rows(found)] if found.spec.vocab_size is not None else [*_value_rows(found)]
    return [aligned([["inputs", *found.splits], *rows], to_left=[0])]


def _token_rows(found: Examination) -> Iterator[list[str]]:
    inputs = [facts.inputs for facts in found.splits.values() if isinstance(facts.inputs, TokenFacts)]
    yield ["symbols", *(str(one.tokens) for one in inputs)]
    yield [
        f"different symbols, of {found.spec.vocab_size}",
        *(str(int((one.counts > 0).sum())) for one in inputs),
    ]
    training = found.splits["train"].inputs if "train" in found.splits else None
    if isinstance(training, TokenFacts):
        yield [
            "symbols that training samples lack",
            *(share_text(one.unseen(training), one.tokens) for one in inputs),
        ]


def _value_rows(found: Examination) -> Iterator[list[str]]:
    inputs = [facts.inputs for facts in found.splits.values() if isinstance(facts.inputs, ValueFacts)]
    yield ["lowest value", *(f"{one.low:.4g}" for one in inputs)]
    yield ["highest value", *(f"{one.high:.4g}" for one in inputs)]
    yield ["NaN", *(str(one.nan) for one in inputs)]
    yield ["infinite", *(str(one.infinite) for one in inputs)]
    yield [f"constant channels, of {found.spec.input_size}", *(str(len(one.constant)) for one in inputs)]


def _shared_lines(found: Examination) -> list[str]:
    pairs = [
        f"{name} in {other} {share_text(count, found.splits[name].samples)}"
        for (name, other), count in found.shared.items()
    ]
    return [f"inputs that two splits share: {', '.join(pairs)}"] if pairs else []


def _reached_lines(found: Examination) -> list[str]:
    if found.majority is None:
        return []
    constant = (
        "mean of the training values" if found.spec.target == "value" else "most frequent training label"
    )
    if found.spec.target == "steps":
        constant += " of each step"
    predictor = bag_predictor(found.spec)
    lines = [["reached on the test samples", _score_name(found.spec), *_error_name(found.spec), "by"]]
    lines.append(["a constant", *_scores(found.majority), constant])
    if predictor is not None:
        assert found.bag is not None
        lines.append(["a bag of inputs", *_scores(found.bag), predictor])
    lines.append(
        [
            "declared chance",
            f"{100 * found.spec.chance_accuracy:.1f} %",
            *[""] * len(_error_name(found.spec)),
            "",
        ]
    )
    left = "" if predictor else "a bag of inputs: not measured, the vocabulary is too large"
    return [aligned(lines, to_left=[0, len(lines[0]) - 1]), *([left] if left else [])]


def _score_name(spec: TaskSpec) -> str:
    if spec.target != "value":
        return "accuracy"
    return "no tolerance" if spec.tolerance is None else f"within {spec.tolerance:g}"


def _error_name(spec: TaskSpec) -> Sequence[str]:
    return ["squared error"] if spec.target == "value" else []


def _scores(reached: Reached) -> list[str]:
    accuracy = "–" if reached.accuracy is None else f"{100 * reached.accuracy:.1f} %"
    return [accuracy, *([] if reached.squared_error is None else [f"{reached.squared_error:.4g}"])]
