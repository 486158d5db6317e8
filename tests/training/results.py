"""What a training measured, without the columns that a clock fills."""

CLOCKS = ("train_s", "train_cpu_s", "eval_s", "samples_per_s")


def without_clocks(history):
    """The history as dicts, lists and numbers."""
    state = {name: value for name, value in history.state_dict().items() if name not in CLOCKS}
    rows = [{name: row[name] for name in row if name not in CLOCKS} for row in state["evals"]]
    return state | {"evals": rows}
