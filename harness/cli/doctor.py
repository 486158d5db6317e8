"""`harness doctor [FOLDER]`: checks a results folder, and mends it."""

from __future__ import annotations

from harness.cli.arguments import counted, results_dir_of, take_flag
from harness.cli.terminal import say

HELP = """\
usage: harness doctor [FOLDER | results_dir=FOLDER] [--fix]

Checks every run of a results folder: rows and tables that are damaged, runs that were begun and have not
ended, locks that no process holds, rows of another schema version, names that do not match their config, and
temporary files of processes that were killed. Says what it would do. Deletes no finished run.

keys:
  results_dir=FOLDER               the results folder; without it: results
flags:
  --fix                            do it

examples:
  harness doctor results/mine
  harness doctor results/mine --fix"""


def main(arguments: list[str]) -> int:
    """Lists what is wrong; returns 1 where something is left to do."""
    fix, rest = take_flag(arguments, "--fix")
    folder = results_dir_of("doctor", rest)
    from harness.results.doctor import examine

    found = list(examine(folder))
    left = 0
    for problem in found:
        say(f"{problem.path}: {problem.what}")
        if problem.fix is None or not fix:
            left += 1
            would = "would: " if problem.fix is not None else ""
            say(f"  {would}{problem.advice}")
            continue
        try:
            problem.fix()
            say(f"  done: {problem.advice}")
        except OSError as error:
            left += 1
            say(f"  failed: {problem.advice}: {error}")
    fixable = sum(problem.fix is not None for problem in found)
    advice = f"; --fix mends {fixable} of them" if fixable and not fix else ""
    say(f"{counted(len(found), 'problem')} in {folder}{advice}" if found else f"{folder}: nothing is wrong")
    return 1 if left else 0
