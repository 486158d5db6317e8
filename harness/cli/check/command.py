"""`harness check NAME`: whether the samples of a task allow a comparison."""

from __future__ import annotations

from harness.cli.arguments import overrides_of, with_task
from harness.cli.terminal import say

HELP = """\
usage: harness check NAME [KEY=VALUE ...] [--config-dir FOLDER]

Makes the three splits of a task and looks at every sample: how many and how long, samples of each class,
values or vocabulary, inputs that splits share, and what two simple predictors reach on the test samples. A
constant is the most frequent training label. A bag of inputs sees what occurred and how often, but not in
which order: naive Bayes on counts of symbols, or a linear model on mean and standard deviation of each
channel. A cell that reaches no more than the bag has not used the order.

Exit code 1 when a comparison would be meaningless:
  a split cannot be made, or does not fit the spec: types, shapes, lengths, labels, NaN or infinite inputs
  all labels of a split are equal, or more than 1 % of the held-out ones have a class without training sample
  more than 1 % of the held-out inputs are also training inputs, or of the test inputs validation inputs;
    generated tasks and windows of a text aside
  one constant is within the tolerance of every test target, or float32 cannot tell answers so close apart
  all training inputs are one and the same number or symbol
  more than 50 % of the symbols of a held-out split do not occur in the training samples

keys:
  task.seq_len=N  task.…           arguments of the task, as listed by `harness show NAME`
  seed=N  data_dir=FOLDER

examples:
  harness check text task.path=reviews.tsv
  harness check task=timeseries task.name=GunPoint"""


def main(arguments: list[str]) -> int:
    """Prints the page; returns 1 where something makes a comparison meaningless."""
    overrides = overrides_of("check", with_task("check", arguments))
    from harness.cli.check.text import page
    from harness.experiment.config import compose
    from harness.experiment.errors import where_it_happened
    from harness.experiment.plan import plan
    from harness.tasks.examine import examine_task

    task = plan(compose(overrides)).task
    try:
        found = examine_task(task)
    except Exception as error:  # a third-party task may fail in any way
        say(f"problem: the samples cannot be made: {where_it_happened(error)}")
        return 1
    say(page(found))
    return 1 if found.problems else 0
