"""`harness generate RUN`: text that trained runs write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

from harness.cli.arguments import take_option, whole_number_of
from harness.cli.terminal import say
from harness.experiment.errors import ConfigError

HELP = """\
usage: harness generate RUN... [--length N] [--temperature X] [--prompt TEXT] [--seed N] [results_dir=FOLDER]

Lets runs that predict the next symbol, such as those of task=next_char, continue a text. Each symbol is drawn
from the model's prediction after the last task.seq_len symbols, and printed.

RUN is a folder, a run_id or the beginning of one; several are printed one below the other. A run needs
keep_weights=true; its best weights are used.

keys:
  results_dir=FOLDER  where a run_id is looked for; without it: results
flags:
  --length N          symbols to write, 1 to 1000000; without it: 200
  --temperature X     below 1 the probable symbols become more probable, 0 takes the most probable one
                      each time; without it: 1
  --prompt TEXT       the text to continue; without it: a newline, or the first symbol of the run
  --seed N            of the draws: the same seed writes the same text; without it: 0

examples:
  harness task=next_char task.labels=every_step cell=lstm keep_weights=true
  harness generate next_char-lstm --length 400 --temperature 0.8 --prompt=The"""


def main(arguments: list[str]) -> int:
    """Prints each run's name and what it writes after the prompt."""
    length, rest = take_option(arguments, "--length", "200")
    temperature, rest = take_option(rest, "--temperature", "1")
    prompt, rest = take_option(rest, "--prompt", "")
    seed, rest = take_option(rest, "--seed", "0")
    symbols = whole_number_of("--length", length, 1, 10**6)
    heat = _temperature(temperature)
    start = whole_number_of("--seed", seed, 0, 2**63 - 1)
    names, results_dir = _runs(rest)
    from harness.experiment.weights import load_generator
    from harness.results.find_run import RunNotFoundError, find_run
    from harness.training.generate import generate

    for name in names:
        try:
            folder = find_run(name, results_dir)
            spec, model = load_generator(folder)
        except (RunNotFoundError, FileNotFoundError) as error:
            raise ConfigError(str(error)) from None
        known = spec.symbols or ()
        given = prompt or ("\n" if "\n" in known else known[0])
        ids = _ids(given, known, folder.name)
        try:
            new = generate(model, ids, length=symbols, seq_len=spec.seq_len, temperature=heat, seed=start)
        except ValueError as error:
            raise ConfigError(
                f"{folder.name} cannot continue {given!r}: {error}, or a prompt of {spec.seq_len}"
            ) from None
        say(f"{folder.name}, temperature {heat:g}, seed {start}:")
        say(given.lstrip("\n") + "".join(known[one] for one in new) + "\n")
    return 0


def _runs(arguments: Sequence[str]) -> tuple[list[str], Path]:
    names, results_dir = [], Path("results")
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if key == "results_dir" and equals:
            results_dir = Path(value)
        elif argument.startswith("-") or (equals and not Path(argument).exists()):
            raise ConfigError(
                f"generate takes runs, --length, --temperature, --prompt, --seed, not {argument!r}"
            )
        else:
            names.append(argument)
    if not names:
        raise ConfigError("generate takes runs, their folders or the beginnings of their run_ids")
    return names, results_dir


def _ids(prompt: str, symbols: Sequence[str], run: str) -> list[int]:
    """The prompt as token ids."""
    number = {symbol: place for place, symbol in enumerate(symbols)}
    unknown = sorted(set(prompt) - number.keys())
    if unknown:
        raise ConfigError(f"--prompt has {', '.join(map(repr, unknown))}, which {run} has not seen")
    return [number[letter] for letter in prompt]


def _temperature(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value >= 0):
        raise ConfigError(f"--temperature must be a number of at least 0, not {text!r}; 1 is the model's own")
    return value
